"""A budget drawn by the server: what is spent, committed and left of the present period, and the periods so far."""

from __future__ import annotations

from markupsafe import Markup

from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.words import amount
from marketplace.web import svg
from marketplace.web.filters import day

MOST_PERIODS = 12


def drawn(view: DirectPaymentView) -> Markup:
    """The drawing with its table."""
    budget = view.budget
    rows = [
        svg.Share("Spent", budget.spent, amount(budget.kind, budget.spent), "plain"),
        svg.Share("Committed", budget.committed, amount(budget.kind, budget.committed), "warn"),
        svg.Share("Left" if budget.left >= 0 else "Overspent", abs(budget.left), amount(budget.kind, abs(budget.left)),
                  "good" if budget.left >= 0 else "bad"),
    ]  # fmt: skip
    said = f"{day(budget.period.first_day)} to {day(budget.period.last_day)}"
    return svg.worded_shares(rows, f"From {said}")


def drawn_periods(view: DirectPaymentView) -> Markup:
    """The last periods, each with what was given and what was spent or committed."""
    budget = view.budget
    rows = [
        (
            day(each.period.first_day), each.spent + each.committed, each.given,
            f"{amount(budget.kind, each.spent + each.committed)} of {amount(budget.kind, each.given)}",
        )
        for each in budget.periods[-MOST_PERIODS:]
    ]  # fmt: skip
    return svg.worded_bars(rows, "Period by period", ("Period from", "Used of what was given"))

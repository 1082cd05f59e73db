"""The form of a direct payment's terms: read, filled with what stands, carried from the form to its check page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from marketplace.platform.errors import InvalidInput
from marketplace.purchases.direct_payments import MOST_UNITS, TermsGiven
from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.words import ACCOUNTS, PERIODS, gives
from marketplace.web.forms import Form

KINDS = {"money": "Money", "hours": "Hours of support"}
PERIOD_OPTIONS = [(key, says[:1].upper() + says[1:]) for key, (says, _) in PERIODS.items()]
DATES = ("starts_on", "ends_on")
CARRIED = (
    "framework_id", "kind", "amount", "hours", "period", "lots", "top_up", "account", "applies_from", "reason",
    *(f"{name}-{part}" for name in DATES for part in ("day", "month", "year")),
)  # fmt: skip


def read_terms(form: Form, lots: Mapping[str, str]) -> TermsGiven:
    """The terms as typed. Look at `form.errors` before using them."""
    kind = form.choice("kind", "whether it is money or hours", KINDS)
    units = 0
    if kind == "money":
        units = form.pence("amount", "the amount", least=1, most=MOST_UNITS)
    elif kind == "hours":
        units = form.minutes("hours", "the hours", most=525_600)
    return TermsGiven(
        kind=cast(Any, kind or "money"),
        units=units,
        period=cast(Any, form.choice("period", "how often it is paid", PERIODS)),
        lots=tuple(form.choices("lots", "what the money may buy", lots, least=1)),
        top_up_allowed=form.choice("top_up", "whether the family may add its own money", ("yes", "no")) == "yes",
        account=cast(Any, form.choice("account", "what account the family gives", ACCOUNTS)),
    )


def filled(view: DirectPaymentView) -> Form:
    """The form with the terms that count today."""
    now = view.now
    form = Form.starting_with(
        kind=now.kind, period=now.period, lots=list(now.lots), top_up="yes" if now.top_up_allowed else "no",
        account=now.account,
    )  # fmt: skip
    if now.kind == "money":
        form.set_pence("amount", now.units)
    else:
        form.set("hours", f"{now.units // 60}:{now.units % 60:02d}")
    return form


def merge(form: Form, error: InvalidInput) -> None:
    """An action's complaints beside the form's own fields."""
    form.merge(error, {"units": "hours" if form.value("kind") == "hours" else "amount", "top_up_allowed": "top_up"})


def carried(form: Form) -> list[tuple[str, str]]:
    """Everything typed, for the hidden fields of the check page."""
    return [(name, value) for name in CARRIED for value in form.values(name)]


def says(terms: TermsGiven, lots: Mapping[str, str]) -> dict[str, Any]:
    """The terms in words, for the check page."""
    return {
        "gives": gives(terms.kind, terms.units, terms.period),
        "lots": [lots[code] for code in terms.lots],
        "top_up": "The family may add its own money" if terms.top_up_allowed else "Nothing beyond the budget",
        "account": ACCOUNTS[terms.account],
    }

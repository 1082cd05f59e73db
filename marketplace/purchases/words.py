"""The words of direct payments: what forms offer, what pages say."""

from __future__ import annotations

from datetime import date

from marketplace.policy.calendar import PeriodLength
from marketplace.policy.direct_payments import Kind, Reason
from marketplace.policy.pack import Pack
from marketplace.web.filters import duration, pounds

PERIODS: dict[str, tuple[str, PeriodLength]] = {
    "week": ("each week", PeriodLength(7)),
    "four_weeks": ("every four weeks", PeriodLength(28)),
    "month": ("each month", PeriodLength(1, "months")),
    "year": ("each year", PeriodLength(12, "months")),
}
ACCOUNTS = {
    "none": "No account",
    "receipts": "Receipts are kept and shown when asked for",
    "quarterly": "A statement each quarter",
    "yearly": "A statement each year",
}
MOST_REASON = 500
MOST_SAYS = 200


def amount(kind: Kind | str, units: int) -> str:
    """£120.00, or 4 hours 30 minutes; what is overspent with a minus sign."""
    if kind == "money":
        return pounds(units)
    return duration(units) if units >= 0 else f"−{duration(-units)}"


def gives(kind: Kind | str, units: int, period: str) -> str:
    """ "£120.00 each week"."""
    return f"{amount(kind, units)} {PERIODS[period][0]}"


def refusal(reason: Reason, pack: Pack, on: date) -> str:
    """Why a family cannot buy at the framework's price, in a sentence for it."""
    age = pack.on(on).ages.purchase_under
    return {
        "too_old": f"The framework’s price is for children younger than {age} on the day of the visit.",
        "no_direct_payment": "You need a direct payment from your council to buy at this price.",
        "outside_dates": "Your direct payment does not run on all of these days.",
        "lot_not_allowed": "Your direct payment is not for this kind of support.",
        "closed_to_new_families": "This provider takes no new families at the moment.",
    }[reason]

"""The words of direct payments: what forms offer, what pages say."""

from __future__ import annotations

from marketplace.policy.calendar import PeriodLength
from marketplace.policy.direct_payments import Kind
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

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


METHODS = {"card": "Card", "transfer": "Bank transfer"}
# where a purchase stands: in a word, its colour, and in a sentence
STATUSES: dict[str, tuple[str, str, str]] = {
    "drafted": ("To be agreed", "yellow", "It waits until all of you who decide together have agreed."),
    "to_pay": ("To be paid", "yellow", "The visits are kept for you until the time to pay has passed."),
    "confirming": ("Waiting for your bank", "blue", "We have not heard from your bank yet. Do not pay again."),
    "declined": ("Card declined", "red", "Nothing was taken. Try again, or pay another way."),
    "part_paid": ("Partly paid", "yellow", "Part of the sum has come in. Transfer the rest."),
    "paid": ("Paid", "green", "The visits are bought."),
    "unpaid": ("Not paid in time", "grey", "The visits are not bought. You can choose them again."),
    "withdrawn": ("Given up", "grey", "You chose not to buy these visits."),
    "ended": ("Given up", "grey", "The visits do not take place any more."),
}
_DECLINED = {
    "insufficient_funds": "There is not enough money on this card. Use another card, or pay by bank transfer.",
    "expired_card": "This card has expired. Use another card.",
    "incorrect_cvc": "The card’s security code is not right. Enter the card again.",
    "invalid_cvc": "The card’s security code is not right. Enter the card again.",
    "processing_error": "The card company had a fault. Nothing was taken. Try again in a few minutes.",
    "payment_intent_authentication_failure": "Your bank did not confirm the payment. Nothing was taken. Try again.",
    "authentication_required": "Your bank asks you to confirm. Nothing was taken. Try again.",
}


def declined(code: str) -> str:
    """Why a card was not taken, in a sentence of our own: nothing of Stripe's is shown as it came."""
    return _DECLINED.get(code, "The card was declined. Nothing was taken. Try another card, or pay by bank transfer.")

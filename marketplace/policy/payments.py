"""Paying invoices: when a second person must approve, and how the clock of a valid invoice stands (N)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from marketplace.policy.pack import Pack

Clock = Literal["waiting", "late", "paid_in_time", "paid_late", "settled", "with_provider"]


def needs_four_eyes(pack: Pack, total_pence: int, day: date) -> bool:
    """Whether a payment run of that sum is approved by a second person before it leaves; the sum itself is enough."""
    least = pack.on(day).billing.payment_four_eyes_pence
    return least is not None and total_pence >= least


def asked_at_most(pack: Pack, day: date) -> int:
    """How many times a credit note on an invoice of that day is asked for; refused as often, it is decided (D)."""
    return pack.on(day).billing.credit_note_most_asked


def stands_for_provider(pack: Pack, day: date) -> bool:
    """Whether the clock of paying an invoice of that day stands while its provider has a credit note to answer (D)."""
    return pack.on(day).billing.payment_stands_for_provider


def clock_of(
    pay_by: date, paid_on: date | None, today: date, *, settled: bool = False, with_provider: bool = False
) -> Clock:
    """How an invoice stands against its last day for payment; paid on that day is in time.

    `settled`: credit notes have left nothing of it to be paid. `with_provider`: it waits for the provider to confirm a
    corrected document, and is not paid before that (domain 5, D): the clock stands.
    """
    if settled:
        return "settled"
    if paid_on is None and with_provider:
        return "with_provider"
    if paid_on is not None:
        return "paid_in_time" if paid_on <= pay_by else "paid_late"
    return "waiting" if today <= pay_by else "late"

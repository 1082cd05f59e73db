"""A second reckoning of the books, simple enough to be right by reading: what the histories are compared with.

Nothing of the rules is imported. Amounts are pence; a payer is its place among the payers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.billing.history_world import MINUTES, NORTH, SHARES

SUM = 10_000  # what an invoice loses, however many defects
PER_HOUR = {5: 2_640, 6: 2_880}  # Saturday and Sunday
WEEKDAY = 2_400


def price(day: date) -> int:
    """What a whole visit of a day costs, half a penny rounded up."""
    return int(Fraction(MINUTES * PER_HOUR.get(day.weekday(), WEEKDAY), 60) + Fraction(1, 2))


def part(day: date, package: int, payer: int) -> int:
    """What one payer pays of it: the pennies left over go to the largest remainders."""
    whole = price(day)
    if package == 0:
        return whole if payer == NORTH else 0
    exact = [Fraction(whole * share, 10_000) for share in SHARES]
    parts = [int(each) for each in exact]
    for _ in range(whole - sum(parts)):
        parts[max((0, 1), key=lambda n: exact[n] - parts[n])] += 1
    return parts[payer]


@dataclass
class Bill:
    """A standing invoice of one payer and period: `paid` is what it pays by visit, `owed` what is still to be paid."""

    period: int
    carried_in: int
    deduction: int
    kinds: frozenset[str]
    paid: dict[int, int]
    over_claimed: int
    net: int = 0
    carried_out: int = 0
    owed: int = 0
    state: str = "submitted"
    note: str | None = None  # a credit note that waits: "claim" or "deduction"
    deducted_later: bool = False

    @property
    def gross(self) -> int:
        return sum(self.paid.values())


@dataclass
class Dispute:
    """Of a period's deduction. `to_pay` is what a waiver gives back and was not paid yet."""

    state: str = "open"
    to_pay: int = 0


@dataclass
class Payer:
    """What one payer's books should say."""

    owing: int = 0  # by the provider: carried to its next invoice
    payable: int = 0
    bank: int = 0  # paid out, less what came in
    deducted: int = 0
    debt: int = 0
    bills: dict[int, Bill] = field(default_factory=dict)
    disputes: dict[int, Dispute] = field(default_factory=dict)

    def billed(self) -> dict[int, int]:
        """What was billed by visit on invoices that stand; a visit on two of them would be billed twice."""
        found: dict[int, int] = {}
        for bill in self.bills.values():
            assert not set(found) & set(bill.paid)
            found |= bill.paid
        return found

    def put(self, bill: Bill) -> None:
        """Book a bill, in the place of the returned one of its period if there is one."""
        old = self.bills.pop(bill.period, None)
        if old is not None:
            self.deducted -= old.deduction
            self.owing -= old.carried_out - old.carried_in
            self.payable -= old.net
        due = bill.carried_in + bill.deduction
        taken = min(bill.gross, due)
        bill.net = bill.owed = bill.gross - taken
        bill.carried_out = due - taken
        assert bill.net >= 0 and bill.carried_out >= 0
        self.bills[bill.period] = bill
        self.deducted += bill.deduction
        self.owing += bill.carried_out - bill.carried_in
        self.payable += bill.net
        if self.owing < 0:  # a waiver had taken off what the correction does not carry any more
            bill.owed -= self.owing
            self.payable -= self.owing
            self.owing = 0

    def waive(self, dispute: Dispute) -> None:
        """The deduction is given back: first what was not taken yet, then money."""
        off = min(SUM, self.owing)
        self.owing -= off
        self.deducted -= SUM
        self.payable += SUM - off
        dispute.state, dispute.to_pay = "waived", SUM - off

    def deduct_later(self, bill: Bill) -> None:
        """A fault found after acceptance: of what is left to be paid, and the rest on the next invoice."""
        taken = min(SUM, bill.owed)
        bill.owed -= taken
        self.payable -= taken
        self.owing += SUM - taken
        self.deducted += SUM

    def accounts(self) -> dict[str, int]:
        """The ledger's accounts as they should stand, debits positive; those at nothing left out."""
        found = {
            "care_cost": sum(bill.gross for bill in self.bills.values()),
            "deduction_income": -self.deducted,
            "owed_by_provider": self.owing,
            "provider_payable": -self.payable,
            "bank": -self.bank,
            "provider_debt": self.debt,
        }
        assert sum(found.values()) == 0, found
        return {account: pence for account, pence in found.items() if pence}

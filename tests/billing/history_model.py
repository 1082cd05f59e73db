"""A second reckoning of the books, simple enough to be right by reading: what the histories are compared with.

Nothing of the rules is imported. Amounts are pence; a payer is its place among the payers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from uuid import UUID

from tests.billing.history_world import MILES_IN_ALL, MINUTES, NORTH, SHARES

SUM = 10_000  # what an invoice loses, however many defects
PER_HOUR = {5: 2_640, 6: 2_880}  # Saturday and Sunday
WEEKDAY = 2_400


def whole(minutes: int, day: date, percent: int = 100) -> int:
    """What so many minutes of a day cost, half a penny rounded up."""
    return int(Fraction(minutes * PER_HOUR.get(day.weekday(), WEEKDAY) * percent, 6_000) + Fraction(1, 2))


def pays_for(package: int, payer: int) -> bool:
    """Whether a payer has a part in the package."""
    return package == 1 or payer == NORTH


def part(pence: int, package: int, payer: int) -> int:
    """What one payer pays of it: the pennies left over go to the largest remainders."""
    if package == 0:
        return pence if payer == NORTH else 0
    exact = [Fraction(pence * share, 10_000) for share in SHARES]
    parts = [int(each) for each in exact]
    for _ in range(pence - sum(parts)):
        parts[max((0, 1), key=lambda n: exact[n] - parts[n])] += 1
    return parts[payer]


@dataclass
class Visit:
    """What became of a planned visit. `approved` is how many minutes in all the referrer lets it last; `before`, by
    payer, how many were approved before the longer time that the payer is billed line by line, like the others."""

    day: date
    package: int
    recorded: bool = False
    signed: bool = False
    lasted: int = MINUTES
    cancelled_percent: int | None = None
    approved: int | None = None
    proposal: UUID | None = None  # a correction that waits for an answer
    before: dict[int, int | None] = field(default_factory=dict)

    @property
    def delivered(self) -> bool:
        return self.recorded and self.cancelled_percent is None

    @property
    def finished(self) -> bool:
        """Nothing is missing: it took place and was confirmed, or it is known why it did not."""
        return self.signed if self.cancelled_percent is None else True

    @property
    def longer(self) -> int:
        """How many minutes nobody has approved."""
        return max(0, self.lasted - max(MINUTES, self.approved or 0)) if self.delivered else 0

    def costs(self, payer: int) -> int:
        """One payer's part of what it costs as it stands."""
        return part(self._whole(self.approved), self.package, payer)

    def asks(self, payer: int) -> int:
        """The same without the longer time that is billed line by line."""
        return part(self._whole(self.before.get(payer, self.approved)), self.package, payer)

    def costs_more(self, billed: int | None, payer: int) -> int:
        """What one payer's part of it costs more than when so many minutes were approved: with two it never shrinks."""
        return self.costs(payer) - part(self._whole(billed), self.package, payer)

    def _whole(self, approved: int | None) -> int:
        if self.cancelled_percent is not None:
            return whole(MINUTES, self.day, self.cancelled_percent)
        return whole(min(self.lasted, max(MINUTES, approved or 0)), self.day)


Key = tuple[str, UUID, int]  # a line beside visits: its kind, its visit, up to how many minutes


@dataclass
class Beside:
    """A line beside visits, which waits for an invoice from its day on. Miles are paid as far as the agreement goes."""

    day: date
    pence: int
    miles: bool = False


@dataclass
class Bill:
    """A standing invoice of one payer and period: `paid` is what it pays by visit, `beside` by other line, `owed` what
    is still to be paid; `judged` what the visits it found finished cost, `approved` how long each might last."""

    period: int
    carried_in: int
    deduction: int
    kinds: frozenset[str]
    paid: dict[int, int]
    beside: dict[Key, int]
    judged: dict[int, int]
    approved: dict[int, int | None]
    over_claimed: int
    net: int = 0
    carried_out: int = 0
    owed: int = 0
    overcarried: int = 0  # what a waiver had taken off already of what its correction carries no more: paid with it
    state: str = "submitted"
    note: str | None = None  # a credit note that waits: "claim" or "deduction"
    deducted_later: bool = False

    @property
    def gross(self) -> int:
        return sum(self.paid.values()) + sum(self.beside.values())


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
    lines: dict[Key, Beside] = field(default_factory=dict)  # all there ever were beside visits

    def billed(self) -> dict[int | Key, int]:
        """What was billed by visit and line on invoices that stand; one on two of them would be billed twice."""
        found: dict[int | Key, int] = {}
        for bill in self.bills.values():
            here: dict[int | Key, int] = {**bill.paid, **bill.beside}
            assert not set(found) & set(here)
            found |= here
        return found

    def open_lines(self, last_day: date, old: Bill | None) -> dict[Key, int]:
        """The lines that wait until the day, as far as the agreement still goes; `old` is the bill they may replace."""
        bills = [bill for bill in self.bills.values() if bill is not old]
        taken = {key: pence for bill in bills for key, pence in bill.beside.items()}
        left = MILES_IN_ALL - sum(pence for key, pence in taken.items() if self.lines[key].miles)
        found: dict[Key, int] = {}
        for key, line in sorted(self.lines.items(), key=lambda item: item[1].day):
            if line.day <= last_day and key not in taken:
                found[key] = min(line.pence, left) if line.miles else line.pence
                left -= found[key] if line.miles else 0
        return found

    def put(self, bill: Bill) -> None:
        """Book a bill, in the place of the returned one of its period if there is one."""
        old = self.bills.pop(bill.period, None)
        if old is not None:
            self.deducted -= old.deduction
            self.owing -= old.carried_out - old.carried_in
            self.payable -= old.net + old.overcarried
            self.owing -= old.overcarried
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
            bill.overcarried = -self.owing
            bill.owed += bill.overcarried
            self.payable += bill.overcarried
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

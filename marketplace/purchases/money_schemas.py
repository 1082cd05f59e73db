"""What the API says of families' money: accounts, refunds, payouts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.purchases.account_statement import AccountStatement
from marketplace.purchases.bought_queries import BoughtLine, Entry, PayoutStatement, ProviderBalance, RefundRow
from marketplace.purchases.by_hand import ByBank


class BoughtOut(msgspec.Struct, kw_only=True):
    """A visit that was bought. `budget_pence` and `top_up_pence` are none to a provider; `kept_pence` and `paid_pence`
    (due to the provider, and paid to it) are nothing to a family."""

    visit_id: UUID
    purchase_id: UUID
    reference: str
    package: str
    provider: str
    starts_at: datetime
    ends_at: datetime
    outcome: str | None
    confirmed: bool
    minutes: int
    delivered_minutes: int
    pence: int
    budget_pence: int | None
    top_up_pence: int | None
    back_pence: int
    kept_pence: int
    paid_pence: int
    settling: bool


def bought_out(line: BoughtLine) -> BoughtOut:
    """One line."""
    return BoughtOut(
        visit_id=line.visit_id, purchase_id=line.purchase_id, reference=line.reference, package=line.package_reference,
        provider=line.provider, starts_at=line.start, ends_at=line.end, outcome=line.outcome, confirmed=line.confirmed,
        minutes=line.minutes, delivered_minutes=line.delivered_minutes, pence=line.pence,
        budget_pence=line.budget_pence, top_up_pence=line.top_up_pence, back_pence=line.back_pence,
        kept_pence=line.kept_pence, paid_pence=line.paid_pence, settling=line.settling,
    )  # fmt: skip


class ElsewhereOut(msgspec.Struct, kw_only=True):
    """What the family says it paid elsewhere."""

    day: date
    says: str
    pence: int
    minutes: int


class AccountOut(msgspec.Struct, kw_only=True):
    """The account of a direct payment over some days. `given` and `left` are pence, or minutes where `kind` is
    "hours"; what the budget and the family pay is after what came back."""

    first_day: date
    last_day: date
    asked_for: str
    kind: str
    given: int
    left: int
    bought_pence: int
    back_pence: int
    budget_pence: int
    top_up_pence: int
    bought_minutes: int
    delivered_minutes: int
    elsewhere_pence: int
    visits: list[BoughtOut]
    elsewhere: list[ElsewhereOut]


def account_out(found: AccountStatement) -> AccountOut:
    """An account."""
    return AccountOut(
        first_day=found.days.first_day, last_day=found.days.last_day, asked_for=found.view.now.account,
        kind=found.view.budget.kind, given=found.given, left=found.view.budget.left, bought_pence=found.bought_pence,
        back_pence=found.back_pence, budget_pence=found.budget_pence, top_up_pence=found.top_up_pence,
        bought_minutes=found.bought_minutes, delivered_minutes=found.delivered_minutes,
        elsewhere_pence=found.elsewhere_pence, visits=[bought_out(line) for line in found.lines],
        elsewhere=[
            ElsewhereOut(day=each.day, says=each.says, pence=each.pence, minutes=each.minutes)
            for each in found.elsewhere
        ],
    )  # fmt: skip


class RefundOut(msgspec.Struct, kw_only=True):
    """Money on its way back. `way`: card, transfer, null to a referrer; `state`: owed, sent, arrived, failed (owed as
    before)."""

    id: UUID
    purchase_id: UUID
    reference: str
    provider: str
    visit_starts_at: datetime | None
    cause: str
    pence: int
    way: str | None
    state: str
    owed_at: datetime
    sent_at: datetime | None
    arrived_at: datetime | None
    settled_on: date | None
    waits_for_second: bool


def refund_out(row: RefundRow, *, how: bool = True) -> RefundOut:
    """One refund; with the way it goes where that may be known."""
    return RefundOut(
        id=row.id, purchase_id=row.purchase_id, reference=row.reference, provider=row.provider,
        visit_starts_at=row.visit_start, cause=row.cause, pence=row.pence, way=row.way if how else None,
        state=row.state, owed_at=row.owed_at, sent_at=row.sent_at, arrived_at=row.arrived_at,
        settled_on=row.settled_on if how else None, waits_for_second=how and row.waits_for_second,
    )  # fmt: skip


class BalanceOut(msgspec.Struct, kw_only=True):
    """What a provider is owed by bank on a framework; `waiting_pence` was written down and waits for a second officer.
    `account`: how its account at Stripe stands (none, pending, active, restricted, rejected)."""

    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    pence: int
    visits: int
    waiting_pence: int
    account: str


def balance_out(row: ProviderBalance) -> BalanceOut:
    """One provider's balance."""
    return BalanceOut(
        framework_id=row.framework_id, framework=row.framework, provider_id=row.provider_id, provider=row.provider,
        pence=row.pence, visits=row.visits, waiting_pence=row.waiting_pence, account=row.account,
    )  # fmt: skip


class ByBankIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the bank did: the day it paid, and its reference."""

    paid_on: date
    reference: str

    def given(self) -> ByBank:
        """As the actions take it."""
        return ByBank(self.paid_on, self.reference)


class PayoutByBankIn(ByBankIn, kw_only=True, forbid_unknown_fields=True):
    """`pence` is the whole balance as it was shown."""

    pence: int


class SettledOut(msgspec.Struct):
    """`in_books`: false where a second finance officer has to confirm it first."""

    in_books: bool


class EntryOut(msgspec.Struct, kw_only=True):
    """A movement: positive is due to the provider. `kind`: purchase_payout_owed, purchase_payout_paid."""

    at: datetime
    kind: str
    reference: str
    visit_starts_at: datetime | None
    pence: int


class PayoutStatementOut(msgspec.Struct, kw_only=True):
    """What was due and paid over some days, as the ledger has it."""

    first_day: date
    last_day: date
    before_pence: int
    after_pence: int
    entries: list[EntryOut]


def statement_out(found: PayoutStatement) -> PayoutStatementOut:
    """A statement."""
    return PayoutStatementOut(
        first_day=found.days.first_day, last_day=found.days.last_day, before_pence=found.before_pence,
        after_pence=found.after_pence, entries=[_entry(each) for each in found.entries],
    )  # fmt: skip


def _entry(each: Entry) -> EntryOut:
    return EntryOut(
        at=each.at, kind=each.kind, reference=each.reference, visit_starts_at=each.visit_start, pence=each.pence
    )


class PayoutAccountOut(msgspec.Struct, kw_only=True):
    """`state`: none, pending, active, restricted, rejected; `due` are Stripe's names of what it still asks for."""

    state: str
    due: list[str]


class LinkOut(msgspec.Struct):
    """Where a manager answers Stripe's questions, for a few minutes and one visit."""

    url: str


class RestIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`kept_pence` is what is kept of them all, as it was shown."""

    reason: str
    kept_pence: int


class RestOut(msgspec.Struct, kw_only=True):
    """What calling off the visits still to come would keep and give back."""

    visits: list[UUID]
    kept_pence: int
    back_pence: int

"""What the API gives and takes about direct payments."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.policy.direct_payments import Kind
from marketplace.policy.facts import WeeklySlot
from marketplace.purchases.direct_payments import Account, PeriodName, TermsGiven
from marketplace.purchases.queries import DirectPaymentView, TermsView


class TermsIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`units` are pence, or minutes where `kind` is "hours"; `lots` are codes of the framework's lots."""

    kind: Kind
    units: int
    period: PeriodName
    lots: list[str]
    top_up_allowed: bool
    account: Account

    def terms(self) -> TermsGiven:
        return TermsGiven(
            kind=self.kind, units=self.units, period=self.period, lots=tuple(self.lots),
            top_up_allowed=self.top_up_allowed, account=self.account,
        )  # fmt: skip


class NewDirectPayment(TermsIn, forbid_unknown_fields=True, kw_only=True):
    """A direct payment to record for a child of one's own case."""

    framework_id: UUID
    starts_on: date
    ends_on: date | None = None


class NewTerms(TermsIn, forbid_unknown_fields=True, kw_only=True):
    """Other terms from the first day of the present period, or of a later one."""

    applies_from: date
    reason: str


class Ending(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    last_day: date
    reason: str


class NewSpending(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something paid elsewhere; `id` may be given so that sending it again keeps it once."""

    day: date
    says: str
    pence: int = 0
    minutes: int = 0
    id: UUID | None = None


class Reason(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: str


class FindIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a family looks for; `pattern` is an ordinary week, priced from `starts_on` for the first billing period."""

    lot: str = ""
    area: str = ""
    language: str = ""
    availability: str = ""
    need: str = ""
    text: str = ""
    pattern: list[WeeklySlot] = []
    starts_on: date | None = None
    workers: int = 1


class Made(msgspec.Struct, kw_only=True):
    id: UUID


class TermsOut(msgspec.Struct, kw_only=True):
    """One version of the terms; a later one counts from its day on."""

    applies_from: date
    kind: str
    units: int
    period: str
    lots: list[str]
    top_up_allowed: bool
    account: str
    reason: str
    written_at: datetime


class BudgetOut(msgspec.Struct, kw_only=True):
    """The present period in pence or minutes. `left` = given + carried - spent - committed."""

    kind: str
    first_day: date
    last_day: date
    given: int
    carried: int
    spent: int
    committed: int
    committed_later: int
    left: int


class SpendingOut(msgspec.Struct, kw_only=True):
    id: UUID
    day: date
    pence: int
    minutes: int
    says: str
    recorded_by: str
    taken_back_at: datetime | None


class DirectPaymentLine(msgspec.Struct, kw_only=True):
    """A direct payment in a list."""

    id: UUID
    child_reference: str
    council: str
    framework_id: UUID
    starts_on: date
    ends_on: date | None
    state: str
    budget: BudgetOut


class DirectPaymentOut(DirectPaymentLine, kw_only=True):
    """One direct payment; `terms` are the latest first."""

    child_id: UUID
    ended_reason: str | None
    terms: list[TermsOut]
    spending: list[SpendingOut]


def line_out(view: DirectPaymentView) -> DirectPaymentLine:
    """A line of the list."""
    return DirectPaymentLine(
        id=view.id, child_reference=view.child_reference, council=view.council, framework_id=view.framework_id,
        starts_on=view.starts_on, ends_on=view.ends_on, state=view.state, budget=_budget(view),
    )  # fmt: skip


def one_out(view: DirectPaymentView) -> DirectPaymentOut:
    """All of it."""
    line = line_out(view)
    return DirectPaymentOut(
        **{name: getattr(line, name) for name in DirectPaymentLine.__struct_fields__},
        child_id=view.child_id,
        ended_reason=view.ended_reason,
        terms=[_terms(each) for each in view.versions],
        spending=[
            SpendingOut(
                id=each.id, day=each.day, pence=each.pence, minutes=each.minutes, says=each.says,
                recorded_by=each.recorded_by, taken_back_at=each.taken_back_at,
            )
            for each in view.spending
        ],
    )  # fmt: skip


def _terms(each: TermsView) -> TermsOut:
    return TermsOut(
        applies_from=each.applies_from, kind=each.kind, units=each.units, period=each.period, lots=list(each.lots),
        top_up_allowed=each.top_up_allowed, account=each.account, reason=each.reason, written_at=each.written_at,
    )  # fmt: skip


def _budget(view: DirectPaymentView) -> BudgetOut:
    budget = view.budget
    return BudgetOut(
        kind=budget.kind, first_day=budget.period.first_day, last_day=budget.period.last_day, given=budget.given,
        carried=budget.carried, spent=budget.spent, committed=budget.committed, committed_later=budget.later,
        left=budget.left,
    )  # fmt: skip

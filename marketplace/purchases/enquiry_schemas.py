"""What the API gives and takes about families' requests to providers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.policy.facts import WeeklySlot
from marketplace.purchases.enquiries import Answer, FamilyView, ProviderView
from marketplace.purchases.enquiring import Wish
from marketplace.referrals.offering import Proposal


class EnquiryIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`pattern` is an ordinary week; `needs` codes of the pack. `confirmed`: words that identify nobody. `id` may be
    given so that sending it again sends it once."""

    providers: list[UUID]
    lot: str
    pattern: list[WeeklySlot]
    starts_on: date
    says: str
    area: str = ""
    needs: list[str] = []
    workers: int = 1
    confirmed: list[str] = []
    id: UUID | None = None

    def wish(self) -> Wish:
        return Wish(
            self.lot, tuple(self.pattern), self.starts_on, self.says, self.area, tuple(self.needs), self.workers
        )


class AnswerIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who comes, from when, on which days; the price is worked out from the provider's rate card."""

    workers: list[UUID]
    starts_on: date
    pattern: list[WeeklySlot]
    backups: list[UUID] = []
    remark: str = ""

    def proposal(self) -> Proposal:
        return Proposal(tuple(self.workers), tuple(self.backups), self.starts_on, tuple(self.pattern), self.remark)


class DeclineIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason_code: str
    remark: str = ""


class MeetIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Up to three times, each with its offset."""

    proposed: list[datetime]
    says: str = ""


class MeetAnswerIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One of the times proposed, or none and words."""

    agreed_at: datetime | None = None
    answer: str = ""


class CallOffIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A word to the other side, or none."""

    says: str = ""


class PriceOut(msgspec.Struct, kw_only=True):
    pence_first_week: int
    pence_first_period: int


class AcceptedOut(msgspec.Struct, kw_only=True):
    """The package that came of it; null while others who spend jointly have not accepted."""

    package_id: UUID | None


class WorkerOut(msgspec.Struct, kw_only=True):
    name: str
    role: str
    part: str
    profile: str


class MeetingOut(msgspec.Struct, kw_only=True):
    """A wish to meet; `called_off_by` is "family" or "provider"."""

    id: UUID
    proposed: list[datetime]
    says: str
    agreed_at: datetime | None
    answer: str
    answered_at: datetime | None
    called_off_at: datetime | None
    called_off_by: str | None
    called_off_says: str


class AnswerOut(msgspec.Struct, kw_only=True):
    """An answer; `reason` is given for a no. `accepted_by` is told to the family alone."""

    id: UUID
    provider_id: UUID
    provider: str
    state: str
    reason: str
    remark: str
    starts_on: date | None
    pattern: list[dict[str, Any]]
    pence_first_week: int | None
    pence_first_period: int | None
    workers: list[WorkerOut]
    meetings: list[MeetingOut]
    accepted_by: list[str]


class EnquiryOut(msgspec.Struct, kw_only=True):
    """A request with the answers its reader may see; `waiting` names providers to its family alone."""

    id: UUID
    reference: str
    state: str
    lot: str
    age_band: str
    area: str
    needs: list[str]
    says: str
    pattern: list[dict[str, Any]]
    workers: int
    starts_on: date
    open_until: datetime
    answer_by: datetime | None
    waiting: list[str]
    answers: list[AnswerOut]
    package_id: UUID | None


class EnquiryLine(msgspec.Struct, kw_only=True):
    id: UUID
    reference: str
    state: str
    lot: str
    starts_on: date


def family_line(view: FamilyView) -> EnquiryLine:
    """A line of a family's list."""
    row = view.enquiry.row
    return EnquiryLine(
        id=row.id, reference=row.reference, state=view.state, lot=view.enquiry.lot, starts_on=row.starts_on
    )


def provider_line(row: Any) -> EnquiryLine:
    """A line of a provider's list; its state is its answer's, or "open" or "over"."""
    return EnquiryLine(
        id=row["id"], reference=row["reference"], state=row["answer"] or row["state"], lot=row["lot"],
        starts_on=row["starts_on"],
    )  # fmt: skip


def one_out(view: FamilyView | ProviderView) -> EnquiryOut:
    """One of them, as its family or a provider it reached sees it."""
    row = view.enquiry.row
    family = isinstance(view, FamilyView)
    return EnquiryOut(
        id=row.id,
        reference=row.reference,
        state=view.state if family else "open" if view.open else "over",
        lot=view.enquiry.lot,
        age_band=row.age_band,
        area=row.area,
        needs=list(row.needs),
        says=row.says,
        pattern=row.pattern,  # type: ignore[arg-type] - JSON comes as values
        workers=row.workers_per_visit,
        starts_on=row.starts_on,
        open_until=row.open_until,
        answer_by=None if family else view.reach.answer_by,
        waiting=[each["name"] for each in view.waiting] if family else [],
        answers=[_answer(each) for each in view.answers],
        package_id=view.package_id,
    )


def _answer(each: Answer) -> AnswerOut:
    return AnswerOut(
        id=each.id, provider_id=each.provider_id, provider=each.provider_name, state=each.state, reason=each.reason,
        remark=each.remark, starts_on=each.starts_on, pattern=each.pattern, pence_first_week=each.pence_per_week,
        pence_first_period=each.pence_per_period,
        workers=[
            WorkerOut(name=w["name"], role=w["role"], part=w["part"], profile=w["profile"]) for w in each.workers
        ],
        meetings=[
            MeetingOut(
                id=m["id"], proposed=m["proposed"], says=m["says"], agreed_at=m["agreed_at"], answer=m["answer"],
                answered_at=m["answered_at"], called_off_at=m["called_off_at"], called_off_by=m["called_off_by"],
                called_off_says=m["called_off_says"],
            )
            for m in each.meetings
        ],
        accepted_by=[choice["person_name"] for choice in each.accepted_by],
    )  # fmt: skip

"""What the API gives and takes about answering a referral: the provider's side, and the family's choice."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.policy.facts import WeeklySlot
from marketplace.providers.readiness import Ready
from marketplace.referrals.offer_price import OfferPrice
from marketplace.referrals.offering import Checked, Proposal
from marketplace.referrals.opportunities import FamilyChoice, MyOffer, Opportunity, OpportunityView
from marketplace.referrals.queries import OfferView


class OfferIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An offer: who comes and who stands in (workers' ids), from when, the week. No price: it is computed."""

    workers: list[UUID]
    backups: list[UUID] = []
    starts_on: date
    pattern: list[WeeklySlot]
    remark: str = ""

    def proposal(self) -> Proposal:
        return Proposal(tuple(self.workers), tuple(self.backups), self.starts_on, tuple(self.pattern), self.remark)


class OfferChange(OfferIn, kw_only=True, forbid_unknown_fields=True):
    """The offer as it shall be; `version` is the one that was read, so that no colleague's change is lost."""

    version: int | None = None


class DeclineIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One of the framework's reasons, and words of one's own where it is "other"; none where it asks for none."""

    reason_code: str = ""
    remark: str = ""


class QuestionIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A question to the referrer. It must name neither the child nor the family."""

    question: str


class MeetingIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the family would like the provider to know about meeting; it need not say who it is."""

    message: str = ""


class MeetingAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """When and how the family can meet the workers."""

    answer: str


class OpportunityOut(msgspec.Struct, kw_only=True):
    """A referral that reached me. `answer`: none, offer, declined. `ready_workers` while it is open."""

    id: UUID
    reference: str
    commissioner: str
    lot: str
    area: str
    age_band: str
    starts_on: date
    respond_by: datetime
    state: str
    answer: str
    offer_id: UUID | None
    ready_workers: int | None


class OpportunityList(msgspec.Struct, kw_only=True):
    """A page of the list, and how many each filter holds: to_answer, answered, over, all."""

    rows: list[OpportunityOut]
    counts: dict[str, int]


class WorkerOut(msgspec.Struct, kw_only=True):
    """One of my workers for this referral: ready on the day, or why not."""

    id: UUID
    name: str
    role: str
    ready: bool
    reasons: list[str]


class ClarificationOut(msgspec.Struct, kw_only=True):
    """A question and its answer, as everybody who was reached reads it."""

    question: str
    answer: str
    published_at: datetime


class MyQuestionOut(msgspec.Struct, kw_only=True):
    """A question of mine."""

    id: UUID
    question: str
    asked_at: datetime
    answered_at: datetime | None


class ReasonOut(msgspec.Struct, kw_only=True):
    """A reason that may be given, by its code."""

    code: str
    title: str


class DeclineOut(msgspec.Struct, kw_only=True):
    """My decline."""

    reason_code: str
    remark: str
    declined_at: datetime


class OneOpportunityOut(msgspec.Struct, kw_only=True):
    """A referral's anonymous part, what it demands, my workers for it and my answer."""

    id: UUID
    reference: str
    commissioner: str
    framework_id: UUID
    lot: str
    area: str
    age_band: str
    needs: list[str]
    demands: list[str]
    pattern: list[WeeklySlot]
    workers_per_visit: int
    starts_on: date
    ends_on: date | None
    outcomes: str
    activities: str
    pen_portrait: str
    state: str
    respond_by: datetime | None
    cannot_offer: list[str]  # why no offer of mine is taken now: the ends of a sentence
    activity_titles: dict[str, str]
    workers: list[WorkerOut]
    judged_on: date
    clarifications: list[ClarificationOut]
    my_questions: list[MyQuestionOut]
    decline_reasons: list[ReasonOut]
    decline: DeclineOut | None
    offer_id: UUID | None


class PriceOut(msgspec.Struct, kw_only=True):
    """The price by the agreed rate card: pence for the first week and the first billing period, and how they come."""

    pence_per_week: int
    pence_per_period: int
    explained: dict[str, Any]


class OfferMadeOut(msgspec.Struct, kw_only=True):
    """The version an offer has now."""

    version: int


class MyOfferLineOut(msgspec.Struct, kw_only=True):
    """One of my offers. `state`: made, withdrawn, awarded, not_chosen, undone."""

    id: UUID
    reference: str
    commissioner: str
    lot: str
    state: str
    made_at: datetime
    starts_on: date
    pence_per_week: int
    package_id: UUID | None


class MyOfferList(msgspec.Struct, kw_only=True):
    """A page of my offers, newest first, and how many there are."""

    rows: list[MyOfferLineOut]
    total: int


class MeetingOut(msgspec.Struct, kw_only=True):
    """The family's wish to meet, and the answer. It says nothing of who asks."""

    id: UUID
    asked_at: datetime
    message: str
    answered_at: datetime | None
    answer: str | None


class OfferedWorkerOut(msgspec.Struct, kw_only=True):
    """A worker of an offer; `part` is main or backup, `profile` what the worker agreed to publish."""

    name: str
    role: str
    part: str
    profile: str


class MyWorkerOut(OfferedWorkerOut, kw_only=True):
    """`not_ready_now` says why not, at this moment; empty for who is ready, and once the offer is decided."""

    not_ready_now: str


class MyOfferOut(msgspec.Struct, kw_only=True):
    """One of my offers as it stands."""

    id: UUID
    referral_id: UUID
    state: str
    version: int
    starts_on: date
    pattern: list[WeeklySlot]
    remark: str
    workers: list[MyWorkerOut]
    price: PriceOut
    made_at: datetime
    amended_at: datetime | None
    meetings: list[MeetingOut]


class ProposedWorkerOut(OfferedWorkerOut, kw_only=True):
    """A worker proposed to a family; `ready_now` is false for one who could not come as things stand."""

    ready_now: bool


class FamilyOfferOut(msgspec.Struct, kw_only=True):
    """An offer for my child."""

    id: UUID
    provider: str
    version: int
    starts_on: date
    pattern: list[WeeklySlot]
    remark: str
    workers: list[ProposedWorkerOut]
    price: PriceOut
    meetings: list[str]  # the answers to my wishes to meet; empty where none came yet
    chosen: bool
    barred: str  # why it cannot be chosen at the moment; empty where nothing stands against it


class FamilyChoiceOut(msgspec.Struct, kw_only=True):
    """A search for support for my child: offers in the order of the providers' names."""

    referral_id: UUID
    reference: str
    commissioner: str
    state: str
    starts_on: date
    pattern: list[WeeklySlot]
    offers: list[FamilyOfferOut]


def opportunity_line(row: Opportunity) -> OpportunityOut:
    return OpportunityOut(
        id=row.id, reference=row.reference, commissioner=row.commissioner, lot=row.lot, area=row.area,
        age_band=row.age_band, starts_on=row.starts_on, respond_by=row.respond_by, state=row.state, answer=row.answer,
        offer_id=row.offer_id, ready_workers=row.ready,
    )  # fmt: skip


def opportunity_out(view: OpportunityView) -> OneOpportunityOut:
    row = view.referral
    starts_on, decline = row.starts_on, view.decline
    assert starts_on is not None and row.lot_code is not None
    return OneOpportunityOut(
        id=row.id, reference=row.reference, commissioner=view.commissioner, framework_id=row.framework_id,
        lot=row.lot_code, area=row.area, age_band=row.age_band or "",
        needs=[*view.need_titles, *view.intervention_titles],
        demands=[*view.demands.always, *view.demands.starred, *view.demands.child_specific],
        pattern=_slots(row.pattern), workers_per_visit=row.workers_per_visit, starts_on=starts_on, ends_on=row.ends_on,
        outcomes=row.outcomes, activities=row.activities, pen_portrait=row.pen_portrait, state=row.state,
        respond_by=row.respond_by, cannot_offer=list(view.held), activity_titles=view.activities,
        workers=[_worker(entry) for entry in view.workers], judged_on=view.on,
        clarifications=[
            ClarificationOut(question=each["question"], answer=each["answer"], published_at=each["published_at"])
            for each in view.clarifications
        ],
        my_questions=[MyQuestionOut(**dict(each)) for each in view.my_questions],
        decline_reasons=[ReasonOut(code=each.code, title=each.title) for each in view.pack.reasons("decline")],
        decline=DeclineOut(**dict(decline)) if decline else None,
        offer_id=view.offer_id,
    )  # fmt: skip


def price_out(price: OfferPrice) -> PriceOut:
    return PriceOut(
        pence_per_week=price.pence_per_week, pence_per_period=price.pence_per_period, explained=price.explained
    )


def checked_out(checked: Checked) -> PriceOut:
    return price_out(checked.price)


def my_offer_line(row: MyOffer) -> MyOfferLineOut:
    return MyOfferLineOut(**{name: getattr(row, name) for name in MyOffer.__slots__})


def my_offer_out(offer: OfferView, meetings: list[Any], away: dict[UUID, str]) -> MyOfferOut:
    return MyOfferOut(
        id=offer.id, referral_id=offer.referral_id, state=offer.state, version=offer.version,
        starts_on=offer.starts_on, pattern=_slots(offer.pattern), remark=offer.remark,
        workers=[
            MyWorkerOut(
                name=each["name"], role=each["role"], part=each["part"], profile=each["profile"],
                not_ready_now=away.get(each["worker_id"], ""),
            )
            for each in offer.workers
        ],
        price=_price_of(offer), made_at=offer.made_at, amended_at=offer.amended_at,
        meetings=[MeetingOut(**dict(each)) for each in meetings],
    )  # fmt: skip


def choice_out(found: FamilyChoice) -> FamilyChoiceOut:
    row = found.referral
    starts_on = row.starts_on
    assert starts_on is not None
    return FamilyChoiceOut(
        referral_id=row.id, reference=row.reference, commissioner=found.commissioner, state=row.state,
        starts_on=starts_on, pattern=_slots(row.pattern),
        offers=[
            FamilyOfferOut(
                id=offer.id, provider=offer.provider_name, version=offer.version, starts_on=offer.starts_on,
                pattern=_slots(offer.pattern), remark=offer.remark, price=_price_of(offer),
                workers=[
                    ProposedWorkerOut(
                        name=each["name"], role=each["role"], part=each["part"], profile=each["profile"],
                        ready_now=each["worker_id"] not in found.unready,
                    )
                    for each in offer.workers
                ],
                meetings=[each["answer"] or "" for each in offer.meetings], chosen=offer.id == found.chosen,
                barred=found.barred.get(offer.id, ""),
            )
            for offer in found.offers
        ],
    )  # fmt: skip


def _worker(entry: Ready) -> WorkerOut:
    return WorkerOut(
        id=entry.worker.id, name=entry.worker.name, role=entry.worker.role, ready=entry.ready,
        reasons=list(entry.reasons),
    )  # fmt: skip


def _offered(offer: OfferView) -> list[OfferedWorkerOut]:
    return [
        OfferedWorkerOut(name=each["name"], role=each["role"], part=each["part"], profile=each["profile"])
        for each in offer.workers
    ]


def _price_of(offer: OfferView) -> PriceOut:
    return PriceOut(pence_per_week=offer.pence_per_week, pence_per_period=offer.pence_per_period, explained=offer.price)


def _slots(pattern: Any) -> list[WeeklySlot]:
    return [msgspec.convert(slot, WeeklySlot) for slot in pattern]

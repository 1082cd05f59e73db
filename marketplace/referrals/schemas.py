"""What the API gives and takes about children, access, referrals and offers to choose among (the referrer's side)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.policy.facts import WeeklySlot
from marketplace.referrals.award import Acceptance
from marketplace.referrals.children import ChildDetails, ChildFile, ChildLine
from marketplace.referrals.drafting import DraftChange, DraftView
from marketplace.referrals.grants import Grant
from marketplace.referrals.queries import Answer, OfferView, ReferralLine
from marketplace.referrals.reach import Reach
from marketplace.referrals.tables import Referral


class NewChild(ChildDetails, kw_only=True, forbid_unknown_fields=True):
    """A child to take on. `although_known`: another child of the same name and birthday."""

    sibling_of: UUID | None = None
    although_known: bool = False

    def details(self) -> ChildDetails:
        return ChildDetails(**{name: getattr(self, name) for name in ChildDetails.__struct_fields__})


class Why(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The reason for looking, taking over, ending or undoing; it is kept with the person's name."""

    reason: str = ""


class Created(msgspec.Struct, kw_only=True):
    """The id of what was made."""

    id: UUID


class ChildLineOut(msgspec.Struct, kw_only=True):
    """A child in a list; `name` for one's own cases only."""

    id: UUID
    reference: str
    name: str | None
    referrer: str
    mine: bool
    open_referrals: int


class ChildOut(msgspec.Struct, kw_only=True):
    """An opened record: reading it has been logged."""

    id: UUID
    reference: str
    name: str
    date_of_birth: date
    address: str
    postcode: str
    phone: str
    at_the_door: str
    other_names: str
    referrer: str
    siblings: list[str]


class NewGrant(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Access for a person of the family. Rights: see_plan, see_visits, choose, sign_plan, confirm_visits, spend."""

    name: str
    email: str
    phone: str | None = None
    relation: str
    rights: list[str]
    jointly: bool = False
    starts_on: date | None = None
    ends_on: date | None = None
    reason: str = ""


class GrantChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Other rights from now on."""

    rights: list[str]
    jointly: bool = False
    ends_on: date | None = None
    reason: str = ""


class GrantOut(msgspec.Struct, kw_only=True):
    """One person's access to one child's case."""

    id: UUID
    person_id: UUID
    name: str
    relation: str
    rights: list[str]
    jointly: bool
    starts_on: date
    ends_on: date | None
    ended_at: datetime | None


class NewReferral(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A draft to begin; with `copy_of` it begins with an earlier referral's content."""

    child_id: UUID | None = None
    framework_id: UUID | None = None
    copy_of: UUID | None = None


class DraftSave(DraftChange, kw_only=True, forbid_unknown_fields=True):
    """Fields to save; `seen` is the draft's `changed_at` as it was read, so that nobody's change is lost."""

    seen: datetime | None = None

    def change(self) -> DraftChange:
        return DraftChange(**{name: getattr(self, name) for name in DraftChange.__struct_fields__})


class Saved(msgspec.Struct, kw_only=True):
    """The draft after saving; `left_out` are sentences on what another lot does not do."""

    changed_at: datetime
    left_out: list[str]


class DoubtOut(msgspec.Struct, kw_only=True):
    """Words that may tell who the child is: mend them, or send them back in `confirmed`."""

    field: str
    words: str
    sentence: str
    may_be_confirmed: bool


class ReferralOut(msgspec.Struct, kw_only=True):
    """A referral's anonymous part and where it stands."""

    id: UUID
    reference: str
    state: str
    child_id: UUID
    framework_id: UUID
    lot: str | None
    needs: list[str]
    interventions: list[str]
    age_band: str | None
    area: str
    pattern: list[WeeklySlot]
    workers_per_visit: int
    starts_on: date | None
    ends_on: date | None
    outcomes: str
    activities: str
    pen_portrait: str
    round: int
    broadcast_at: datetime | None
    respond_by: datetime | None
    closed_reason: str | None
    changed_at: datetime


class DraftOut(msgspec.Struct, kw_only=True):
    """A referral being written: what is missing by field, and which words are in doubt."""

    referral: ReferralOut
    missing: dict[str, str]
    doubts: list[DoubtOut]


class ReferralLineOut(msgspec.Struct, kw_only=True):
    """A referral in a list."""

    id: UUID
    reference: str
    state: str
    lot: str | None
    area: str
    respond_by: datetime | None
    reached: int
    offers: int
    declined: int
    silent: int
    open_questions: int
    referrer: str
    mine: bool


class ReferralList(msgspec.Struct, kw_only=True):
    """A page of a list and how many there are in all."""

    rows: list[ReferralLineOut]
    total: int


class ReachOut(msgspec.Struct, kw_only=True):
    """A provider of the lot: reached, or left out with the reasons in words."""

    provider_id: UUID
    provider: str
    reached: bool
    reasons: list[str]
    ready_workers: int | None


class ReachPreview(msgspec.Struct, kw_only=True):
    """Whom a broadcast would reach now."""

    summary: str
    providers: list[ReachOut]


class AnswerOut(msgspec.Struct, kw_only=True):
    """What a provider of the present round answered: offer, declined, withdrawn, silent, left_out."""

    provider_id: UUID
    provider: str
    answer: str
    answered_at: datetime | None
    decline_reason: str | None
    decline_remark: str
    reasons: list[str]


class QuestionOut(msgspec.Struct, kw_only=True):
    """A question put to the referrer; who asks is told to nobody else."""

    id: UUID
    provider: str
    question: str
    asked_at: datetime
    answered_at: datetime | None


class QuestionAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer for everyone reached; `question` as everybody reads it (default: as asked)."""

    answer: str
    question: str | None = None
    confirmed: list[str] = []


class AgainIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new round, wider where something is given."""

    starts_on: date | None = None
    ends_on: date | None = None
    pattern: list[WeeklySlot] | None = None


class CloseIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One of the framework's reasons for closing without an award."""

    reason_code: str


class OfferWorkerOut(msgspec.Struct, kw_only=True):
    """A worker proposed, with the frozen statement of the match when the offer was made, and why not ready now."""

    name: str
    role: str
    part: str
    profile: str
    statement: dict[str, Any]
    not_ready_now: str  # why not, at this moment; empty for who is ready, and once the offer is decided


class OfferOut(msgspec.Struct, kw_only=True):
    """An offer to choose among. The list is in the order of the providers' names."""

    id: UUID
    provider_id: UUID
    provider: str
    state: str
    version: int
    starts_on: date
    pattern: list[WeeklySlot]
    remark: str
    pence_per_week: int
    pence_per_period: int
    price: dict[str, Any]
    workers: list[OfferWorkerOut]
    chosen_by_referrer: bool
    chosen_by_family: bool
    family_still_to_choose: list[str]
    barred: str  # why it cannot be chosen or awarded at the moment; empty where nothing stands against it


class ChooseIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The version that was read."""

    version: int


class AwardIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The version that was read; a reason where nobody of the family may choose."""

    version: int
    no_family_reason: str = ""


def child_line_out(line: ChildLine) -> ChildLineOut:
    return ChildLineOut(
        id=line.id, reference=line.reference, name=line.name, referrer=line.referrer_name, mine=line.mine,
        open_referrals=line.open_referrals,
    )  # fmt: skip


def child_out(file: ChildFile) -> ChildOut:
    known = {name: getattr(file.identity, name) for name in ChildDetails.__struct_fields__}
    return ChildOut(
        id=file.child.id,
        reference=file.child.reference,
        referrer=file.referrer_name,
        siblings=list(file.siblings),
        **known,
    )


def grant_out(grant: Grant) -> GrantOut:
    return GrantOut(
        id=grant.id, person_id=grant.person_id, name=grant.person_name, relation=grant.relation,
        rights=list(grant.rights),
        jointly=grant.jointly, starts_on=grant.starts_on, ends_on=grant.ends_on, ended_at=grant.revoked_at,
    )  # fmt: skip


def referral_out(row: Referral) -> ReferralOut:
    pattern: Any = row.pattern
    return ReferralOut(
        id=row.id, reference=row.reference, state=row.state, child_id=row.child_id, framework_id=row.framework_id,
        lot=row.lot_code, needs=list(row.needs), interventions=list(row.interventions), age_band=row.age_band,
        area=row.area,
        pattern=[msgspec.convert(slot, WeeklySlot) for slot in pattern], workers_per_visit=row.workers_per_visit,
        starts_on=row.starts_on, ends_on=row.ends_on, outcomes=row.outcomes, activities=row.activities,
        pen_portrait=row.pen_portrait, round=row.round, broadcast_at=row.broadcast_at, respond_by=row.respond_by,
        closed_reason=row.closed_reason, changed_at=row.changed_at,
    )  # fmt: skip


def draft_out(view: DraftView) -> DraftOut:
    doubts = [
        DoubtOut(field=d.field, words=d.words, sentence=d.sentence, may_be_confirmed=d.may_be_confirmed)
        for d in view.unsettled
    ]
    return DraftOut(referral=referral_out(view.referral), missing=view.missing, doubts=doubts)


def line_out(line: ReferralLine) -> ReferralLineOut:
    return ReferralLineOut(
        id=line.id, reference=line.reference, state=line.state, lot=line.lot_code, area=line.area,
        respond_by=line.respond_by, reached=line.reached, offers=line.offers, declined=line.declined,
        silent=line.silent,
        open_questions=line.questions, referrer=line.referrer_name, mine=line.mine,
    )  # fmt: skip


def reach_out(found: Reach) -> ReachOut:
    return ReachOut(
        provider_id=found.provider_id, provider=found.provider_name, reached=found.reached,
        reasons=list(found.sentences), ready_workers=found.ready_workers,
    )  # fmt: skip


def answer_out(found: Answer) -> AnswerOut:
    return AnswerOut(
        provider_id=found.provider_id, provider=found.provider_name, answer=found.answer, answered_at=found.answered_at,
        decline_reason=found.decline_code, decline_remark=found.decline_remark, reasons=list(found.reasons),
    )  # fmt: skip


def offer_out(offer: OfferView, accepted: Acceptance, barred: str, unready: dict[UUID, str]) -> OfferOut:
    return OfferOut(
        id=offer.id, provider_id=offer.provider_id, provider=offer.provider_name, state=offer.state,
        version=offer.version,
        starts_on=offer.starts_on, pattern=[msgspec.convert(slot, WeeklySlot) for slot in offer.pattern],
        remark=offer.remark, pence_per_week=offer.pence_per_week, pence_per_period=offer.pence_per_period,
        price=offer.price,
        workers=[
            OfferWorkerOut(
                **{key: w[key] for key in ("name", "role", "part", "profile", "statement")},
                not_ready_now=unready.get(w["worker_id"], ""),
            )
            for w in offer.workers
        ],
        chosen_by_referrer=accepted.referrer, chosen_by_family=accepted.family,
        family_still_to_choose=accepted.waiting_for, barred=barred,
    )  # fmt: skip

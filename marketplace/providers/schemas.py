"""What the providers' API takes and gives. Days are ISO dates, instants carry their offset; codes are the packs'."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from marketplace.providers.facts import WorkerRecord
from marketplace.providers.queries import Effects, LotReadiness, OnFramework
from marketplace.providers.readiness import Ready
from marketplace.providers.standing import Standing, StandingReason

# Nobody types control characters, and the database takes no NUL.
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Lines = Annotated[str, msgspec.Meta(max_length=3000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]


class In(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is taken: nothing unknown."""


class ProfileIn(In):
    legal_name: Line
    company_number: Line = ""
    about: Lines = ""
    contact_name: Line = ""
    contact_phone: Line = ""
    contact_email: Line = ""
    on_call_name: Line = ""
    on_call_phone: Line = ""
    office_address: Lines = ""
    safeguarding_lead: Line = ""


class ProfileOut(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    legal_name: str | None
    company_number: str | None
    about: str | None
    contact_name: str | None
    contact_phone: str | None
    contact_email: str | None
    on_call_name: str | None
    on_call_phone: str | None
    office_address: str | None
    safeguarding_lead: str | None
    cqc_provider_id: str | None
    cqc_registered: bool | None
    insurance_until: date | None
    declarations: dict[str, date]


class DeclarationIn(In):
    keys: list[Line]
    declared_on: date


class WorkerIn(In):
    """`engagement` is employed, agency or volunteer; `reference` your own number (left out: as it is)."""

    name: Line
    role: Line
    engagement: Line = "employed"
    languages: Line = ""
    drives_children: bool = False
    started_on: date | None = None
    email: Line = ""
    phone: Line = ""
    reference: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


class DbsCheckIn(In):
    """`outcome` is clear or new_information; `workforce` child or child_and_adult. A clear check needs number, date of
    issue, workforce and, where a framework asks for it, barred list of its certificate, given now or before. The names
    and the birthday are the certificate's: the update service is asked with them."""

    checked_on: date
    checked_by_name: Line
    outcome: Line = "clear"
    certificate_number: Line | None = None
    issued_on: date | None = None
    workforce: Line | None = None
    barred_list_checked: bool | None = None
    update_service_consent: bool | None = None
    certificate_forename: Line | None = None
    certificate_surname: Line | None = None
    date_of_birth: date | None = None
    evidence_id: UUID | None = None


class RegistrationIn(In):
    pin: Line
    valid_until: date
    fit_to_practise: bool = True


class CompetencyIn(In):
    """Training attended, or an assessment, as the method says. The assessor is a colleague (`assessor_worker_id`) or
    somebody named; never the worker. `evidence_id` is a file about this worker."""

    code: Line
    assessed_on: date
    method: Line
    assessor_worker_id: UUID | None = None
    assessor_name: Line = ""
    for_package_id: UUID | None = None
    evidence_id: UUID | None = None


class BackToTrainingIn(In):
    code: Line
    reason: Lines


class WithdrawalIn(In):
    """Of which check (`dbs` or `check`), by its id, and what is wrong with it."""

    kind: Literal["dbs", "check"]
    check_id: UUID
    reason: Lines


class RecordedCheckOut(msgspec.Struct, kw_only=True):
    """A check as it was recorded, withdrawn ones too."""

    kind: str
    id: UUID
    says: str
    done_on: date
    may_be_withdrawn: bool
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    reason: str | None


class CheckIn(In):
    kind: Line
    done_on: date
    valid_until: date | None = None
    evidence_id: UUID | None = None


class ProfileTextIn(In):
    """`consent`: the worker agrees that families read this very text."""

    profile: Lines
    consent: bool


class ReasonIn(In):
    reason: Lines


class LeaveIn(In):
    left_on: date


class InvitationIn(In):
    email: Line


class PauseIn(In):
    """`lot_code` null pauses all lots."""

    framework_id: UUID
    lot_code: Line | None = None
    until_on: date | None = None
    reason: Lines = ""


class SuspensionIn(In):
    """`lot_code` null suspends for all lots, `until_on` null until it is lifted; `rule_key` is the pack's ground."""

    framework_id: UUID
    reason: Lines
    lot_code: Line | None = None
    until_on: date | None = None
    rule_key: Line | None = None
    with_plan: bool | None = None


class MadeOut(msgspec.Struct):
    id: UUID


class CompetencyOut(msgspec.Struct, kw_only=True):
    id: UUID
    code: str
    assessed_on: date
    method: str
    assessor: str | None
    for_package_id: UUID | None
    withdrawn_at: datetime | None
    evidence_id: UUID | None


class CheckOut(msgspec.Struct, kw_only=True):
    kind: str
    done_on: date
    valid_until: date | None


class WorkerOut(msgspec.Struct, kw_only=True):
    """A worker with its evidence; certificate and registration numbers are not part of it."""

    id: UUID
    name: str
    role: str
    engagement: str
    languages: str
    drives_children: bool
    profile: str
    profile_published: bool
    has_sign_in: bool
    stood_down_at: datetime | None
    stood_down_reason: str | None
    started_on: date | None
    left_on: date | None
    dbs_checked_on: date | None
    dbs_outcome: str | None
    dbs_source: str | None
    registration_until: date | None
    fit_to_practise: bool
    competencies: list[CompetencyOut]
    checks: list[CheckOut]


class ReadinessOut(msgspec.Struct, kw_only=True):
    worker_id: UUID
    name: str
    lot: str
    ready: bool
    reasons: list[str]


class LotReadinessOut(msgspec.Struct, kw_only=True):
    framework_id: UUID
    lot: str
    ready: bool
    reasons: list[str]


class TrainingOut(msgspec.Struct, kw_only=True):
    provider: str
    worker: WorkerOut
    lots: list[LotReadinessOut]


class ReasonOut(msgspec.Struct, kw_only=True):
    code: str
    sentence: str
    since: date | None
    until: date | None
    by: str | None
    rule_key: str | None
    clause: str


class StandingOut(msgspec.Struct, kw_only=True):
    lot: str
    state: str
    good: bool
    line: str
    reasons: list[ReasonOut]
    limits: list[ReasonOut] = []


class HoldOut(msgspec.Struct, kw_only=True):
    """A suspension or pause in force; its id ends it."""

    id: UUID
    kind: str
    lot: str | None
    since: datetime
    until: date | None
    by: str | None
    why: str


class OnFrameworkOut(msgspec.Struct, kw_only=True):
    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    line: str
    lots: list[StandingOut]
    holds: list[HoldOut]
    missing: list[str]


class EffectsOut(msgspec.Struct, kw_only=True):
    """What a suspension would meet among one's own commissioner's cases."""

    open_referrals: int
    open_offers: int
    awards_in_progress: int
    packages: int
    families: int
    coming_visits: int


def profile_out(row: dict[str, Any]) -> ProfileOut:
    """The profile as the API gives it."""
    return ProfileOut(**{name: row[name] for name in ProfileOut.__struct_fields__})


def worker_out(record: WorkerRecord) -> WorkerOut:
    """A worker as the API gives it."""
    return WorkerOut(
        id=record.id,
        name=record.name,
        role=record.role,
        engagement=record.engagement,
        languages=record.languages,
        drives_children=record.drives_children,
        profile=record.profile,
        profile_published=record.profile_consent_at is not None,
        has_sign_in=record.person_id is not None,
        stood_down_at=record.stood_down_at,
        stood_down_reason=record.stood_down_reason,
        started_on=record.started_on,
        left_on=record.left_on,
        dbs_checked_on=record.dbs.checked_on if record.dbs else None,
        dbs_outcome=record.dbs.outcome if record.dbs else None,
        dbs_source=record.dbs.source if record.dbs else None,
        registration_until=record.registration_until,
        fit_to_practise=record.fit_to_practise,
        competencies=[
            CompetencyOut(
                id=each.id, code=each.code, assessed_on=each.assessed_on, method=each.method, assessor=each.assessor,
                for_package_id=each.for_package_id, withdrawn_at=each.withdrawn_at,
                evidence_id=each.evidence_id,
            )
            for each in record.competencies
        ],
        checks=[CheckOut(kind=c.code, done_on=c.done_on, valid_until=c.valid_until) for c in record.checks],
    )  # fmt: skip


def readiness_out(entry: Ready) -> ReadinessOut:
    """A worker judged for a lot."""
    return ReadinessOut(
        worker_id=entry.worker.id, name=entry.worker.name, lot=entry.lot, ready=entry.ready, reasons=list(entry.reasons)
    )


def lot_out(found: LotReadiness) -> LotReadinessOut:
    """A lot for a worker."""
    return LotReadinessOut(
        framework_id=found.framework_id, lot=found.lot, ready=found.entry.ready, reasons=list(found.entry.reasons)
    )


def standing_out(standing: Standing) -> StandingOut:
    """A standing with its reasons."""
    return StandingOut(
        lot=standing.lot,
        state=standing.state,
        good=standing.good,
        line=standing.line,
        reasons=[_reason_out(each) for each in standing.reasons],
        limits=[_reason_out(each) for each in standing.limits],
    )


def _reason_out(r: StandingReason) -> ReasonOut:
    return ReasonOut(
        code=r.code, sentence=r.sentence, since=r.since, until=r.until, by=r.by, rule_key=r.rule_key, clause=r.clause
    )  # fmt: skip


def on_framework_out(found: OnFramework) -> OnFrameworkOut:
    """A provider on one framework."""
    return OnFrameworkOut(
        framework_id=found.framework_id,
        framework=found.framework_name,
        provider_id=found.record.id,
        provider=found.record.name,
        line=found.line,
        lots=[standing_out(standing) for _, _, standing in found.lots],
        holds=[
            HoldOut(id=h.id, kind=h.kind, lot=h.lot, since=h.since, until=h.until, by=h.by, why=h.why)
            for h in found.open_holds
        ],
        missing=[item.key for item in found.missing],
    )


def effects_out(effects: Effects) -> EffectsOut:
    """Effects as counts."""
    return EffectsOut(**{name: getattr(effects, name) for name in EffectsOut.__struct_fields__})

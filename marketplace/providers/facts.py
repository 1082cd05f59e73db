"""Evidence as the rules ask for it: facts of providers and workers, for any number of providers in a few statements.

Row-level security decides what is there: a provider's own, or those of the frameworks a commissioner is a member of.
Certificate and registration numbers are not among what is loaded here, so they cannot leak through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import Admission, CheckRecord, CompetencyRecord, ProviderFacts, WorkerFacts
from marketplace.policy.suspending import room
from marketplace.providers.holds import HOLDS, Hold

# The check that the worker's own page answers: a profile the family may read is published with the worker's consent.
PROFILE_CHECK = "profile"


@dataclass(frozen=True, slots=True)
class Competence:
    """One assessment as recorded. `assessor` is who signed off, None where the training was attended only."""

    id: UUID
    code: str
    assessed_on: date
    method: str
    assessor: str | None
    assessor_worker_id: UUID | None
    for_package_id: UUID | None
    withdrawn_at: datetime | None
    withdrawn_reason: str | None
    evidence_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DbsCheck:
    """One look at a DBS status: when, by whom, and whether it was clear."""

    checked_on: date
    checked_by: str
    outcome: str
    source: str = "seen"  # or update_service
    evidence_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker with its evidence, as people read it (`competencies`, `dbs`, ...) and as the rules do (`facts`)."""

    provider_id: UUID
    id: UUID
    name: str
    role: str
    engagement: str
    person_id: UUID | None
    languages: str
    profile: str
    profile_consent_at: datetime | None
    drives_children: bool
    registration_until: date | None
    fit_to_practise: bool
    stood_down_at: datetime | None
    stood_down_reason: str | None
    started_on: date | None
    left_on: date | None
    dbs: DbsCheck | None
    competencies: tuple[Competence, ...]
    checks: tuple[CheckRecord, ...]
    facts: WorkerFacts

    @property
    def published_profile(self) -> str:
        """What a family may read: only with the worker's consent (L 6.1)."""
        return self.profile if self.profile_consent_at is not None else ""


# One statement: an offer is judged on it, and each round trip costs as much as what it reads. The parts of each row are
# the fields of `Competence`, `DbsCheck` and `CheckRecord`, in their order.
_WORKERS = """SELECT w.*,
    ARRAY(SELECT ROW(c.id, c.code, c.assessed_on, c.method, c.assessor_name, c.assessor_worker_id, c.for_package_id,
        c.withdrawn_at, c.withdrawn_reason, c.evidence_id)
      FROM worker_competency c WHERE c.provider_id = w.provider_id AND c.worker_id = w.id
      ORDER BY c.assessed_on DESC, c.recorded_at DESC) AS assessed,
    (SELECT ROW(d.checked_on, d.checked_by_name, d.outcome, d.source, d.evidence_id)
      FROM dbs_check_that_counts(w.provider_id, w.id) d) AS dbs,
    ARRAY(SELECT ROW(k.kind, k.done_on, k.valid_until)
      FROM worker_check k WHERE k.provider_id = w.provider_id AND k.worker_id = w.id AND k.withdrawn_at IS NULL
      ORDER BY k.done_on DESC, k.recorded_at DESC) AS checked
  FROM worker w WHERE w.provider_id = ANY (ARRAY(SELECT unnest($1::uuid[])))"""


async def worker_records(
    work: Work,
    provider_ids: Iterable[UUID],
    *,
    package_id: UUID | None = None,
    worker_ids: Iterable[UUID] | None = None,
    with_left: bool = False,
) -> dict[UUID, list[WorkerRecord]]:
    """Every worker of the providers by name, with evidence. A sign-off for one child counts for `package_id` only."""
    providers = list(provider_ids)
    # A condition that is not asked for is left out and lists are subqueries, so that the database can keep one plan.
    whose: tuple[Any, ...] = (providers,) if worker_ids is None else (providers, list(worker_ids))
    worker = "" if worker_ids is None else " AND w.id = ANY (ARRAY(SELECT unnest($2::uuid[])))"
    here = "" if with_left else f" AND (w.left_on IS NULL OR w.left_on >= ${len(whose) + 1})"
    rows = await work.fetch(
        f"{_WORKERS}{worker}{here} ORDER BY w.name, w.id",
        *whose,
        *(() if with_left else (local_day(work.now),)),
    )
    records: dict[UUID, list[WorkerRecord]] = {provider_id: [] for provider_id in providers}
    for row in rows:
        record = _record(
            row, [Competence(*found) for found in row["assessed"]],
            DbsCheck(*row["dbs"]) if row["dbs"] is not None else None,
            [CheckRecord(*found) for found in row["checked"]], package_id,
        )  # fmt: skip
        records[row["provider_id"]].append(record)
    return records


async def worker_facts(
    work: Work, provider_ids: Iterable[UUID], *, package_id: UUID | None = None
) -> dict[UUID, list[WorkerFacts]]:
    """The workers of the providers as `policy.standing` judges them."""
    records = await worker_records(work, provider_ids, package_id=package_id)
    return {provider_id: [record.facts for record in found] for provider_id, found in records.items()}


def _record(
    worker: Any,
    competencies: list[Competence],
    dbs: DbsCheck | None,
    checks: list[CheckRecord],
    package_id: UUID | None,
) -> WorkerRecord:
    consent = worker["profile_consent_at"]
    if consent is not None and worker["profile"].strip():
        checks = [*checks, CheckRecord(PROFILE_CHECK, local_day(consent))]
    counting, child_sign_offs = _counting(competencies, package_id)
    # Where fitness to practise is in doubt the register's date counts for nothing.
    registered = worker["registration_until"]
    if registered is not None and not worker["registration_fit_to_practise"]:
        registered = date.min
    facts = WorkerFacts(
        id=str(worker["id"]),
        role=worker["role"],
        # A changed status takes the certificate's word away until a later check is clear.
        dbs_checked_on=dbs.checked_on if dbs is not None and dbs.outcome == "clear" else None,
        nmc_until=registered,
        stood_down=worker["stood_down_at"] is not None,
        competencies=counting,
        also_known_as=(worker["name"],),
        checks=tuple(checks),
        drives=worker["drives_children"],
        left_on=worker["left_on"],
        child_sign_offs=child_sign_offs,
        dbs_doubted=dbs is not None and dbs.outcome != "clear",
    )
    return WorkerRecord(
        worker["provider_id"], worker["id"], worker["name"], worker["role"], worker["engagement"], worker["person_id"],
        worker["languages"], worker["profile"], consent, worker["drives_children"], worker["registration_until"],
        worker["registration_fit_to_practise"], worker["stood_down_at"], worker["stood_down_reason"],
        worker["started_on"], worker["left_on"], dbs, tuple(competencies), tuple(checks), facts,
    )  # fmt: skip


def _counting(
    competencies: Iterable[Competence], package_id: UUID | None
) -> tuple[tuple[CompetencyRecord, ...], tuple[str, ...] | None]:
    """What counts for the rules, and the sign-offs with the package's child (None where no package was named)."""
    counting = [c for c in competencies if c.withdrawn_at is None and c.for_package_id in (None, package_id)]
    facts = tuple(
        CompetencyRecord(
            c.code,
            c.assessed_on,
            c.method,
            str(c.assessor_worker_id) if c.assessor_worker_id is not None else c.assessor,
        )
        for c in counting
    )
    own = {c.code for c in counting if c.for_package_id == package_id and c.assessor}
    return facts, None if package_id is None else tuple(sorted(own))


def for_package(record: WorkerRecord, package_id: UUID) -> WorkerRecord:
    """The same worker as the rules see it for one package: read once, judged for many."""
    competencies, child_sign_offs = _counting(record.competencies, package_id)
    facts = msgspec.structs.replace(record.facts, competencies=competencies, child_sign_offs=child_sign_offs)
    return replace(record, facts=facts)


@dataclass(frozen=True, slots=True)
class AdmissionRow:
    """An admission to a lot, both days inclusive."""

    id: UUID
    lot: str
    starts_on: date
    ends_on: date | None
    ended_reason: str | None


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """A provider within one framework, as people read it and (`facts`) as the rules do."""

    id: UUID
    name: str
    admissions: tuple[AdmissionRow, ...]
    holds: tuple[Hold, ...]
    cqc_registered: bool
    insurance_until: date | None
    facts: ProviderFacts


# One statement, as above; the parts of each row are the fields of `AdmissionRow` and of `Hold`, in their order.
_PROVIDERS = f"""SELECT p.id, o.name, p.cqc_registered, p.insurance_until,
    ARRAY(SELECT ROW(a.id, a.lot_code, a.starts_on, a.ends_on, a.ended_reason) FROM admission a
      WHERE a.framework_id = $1 AND a.provider_id = p.id ORDER BY a.lot_code, a.starts_on, a.id) AS admissions,
    ARRAY(SELECT ROW(h.id, h.kind, h.lot_code, h.starts_at, h.until_on, h.by, h.reason, h.rule_key, h.commissioner_id,
        h.root_id, h.allowed, h.given) FROM ({HOLDS}) h ORDER BY h.kind DESC, h.starts_at, h.lot_code, h.id) AS holds
  FROM provider p JOIN organisation o ON o.id = p.id WHERE p.id = ANY ({{asked}}) ORDER BY o.name, o.id"""  # noqa: S608 - our own text
# Written as subqueries, so that the database keeps one plan however many are asked for.
_ASKED = {
    "providers": "ARRAY(SELECT unnest($2::uuid[]))",
    "lot": "ARRAY(SELECT x.provider_id FROM admission x WHERE x.framework_id = $1 AND x.lot_code = $2)",
    "framework": "ARRAY(SELECT x.provider_id FROM admission x WHERE x.framework_id = $1 AND $2::text IS NULL)",
}


async def provider_records(
    work: Work,
    framework_id: UUID,
    provider_ids: Iterable[UUID] | None = None,
    *,
    lot: str | None = None,
    at: datetime | None = None,
    commissioner_id: UUID | None = None,
) -> list[ProviderRecord]:
    """Providers ever admitted to the framework (or the lot), by name, as they stand at a moment (now, if not said).

    Suspensions are those for the whole framework, and of partners' own those of `commissioner_id`. At a past moment
    the cover is what the provider said then.
    """
    at = at or work.now
    asked, which = _ASKED["framework"], None
    if provider_ids is not None:
        asked, which = _ASKED["providers"], list(provider_ids)
    elif lot is not None:
        asked, which = _ASKED["lot"], lot
    rows = await work.fetch(
        _PROVIDERS.format(asked=asked), framework_id, which, at, commissioner_id,
    )  # fmt: skip
    covers = await _covers_at(work, [row["id"] for row in rows], at) if at < work.now else {}
    records: list[ProviderRecord] = []
    for row in rows:
        registered, insured = covers.get(row["id"], (row["cqc_registered"], row["insurance_until"]))
        admissions = [AdmissionRow(*found) for found in row["admissions"]]
        holds = [Hold(*found) for found in row["holds"]]
        records.append(provider_record(row["id"], row["name"], admissions, holds, registered, insured, lot))
    return records


def provider_record(
    provider_id: UUID, name: str, admissions: list[AdmissionRow], holds: list[Hold], cqc_registered: bool,
    insurance_until: date | None, lot: str | None,
) -> ProviderRecord:  # fmt: skip
    """What was read of a provider, with its facts as the rules want them for a lot (None: for all)."""
    suspensions = [hold for hold in holds if hold.kind == "suspension"]
    limits = [hold for hold in holds if hold.kind == "restriction" and hold.lot in (None, lot)]
    facts = ProviderFacts(
        id=str(provider_id),
        admissions=tuple(Admission(a.lot, a.starts_on, a.ends_on) for a in admissions),
        suspended=any(hold.lot is None for hold in suspensions),
        suspended_lots=tuple(sorted({hold.lot for hold in suspensions if hold.lot is not None})),
        # A pause of one lot is a pause for whoever asks about that lot; of all lots, for everybody.
        paused=any(hold.kind == "pause" and hold.lot in (None, lot) for hold in holds),
        cqc_registered=cqc_registered,
        insurance_until=insurance_until,
        room=min((room(hold.allowed, hold.given) for hold in limits), default=None),
    )
    return ProviderRecord(provider_id, name, tuple(admissions), tuple(holds), cqc_registered, insurance_until, facts)


async def _covers_at(work: Work, provider_ids: list[UUID], at: datetime) -> dict[UUID, tuple[bool, date | None]]:
    """(registered, insured until) as each provider had said by then; nothing said is no cover."""
    known = {
        row["provider_id"]: (row["cqc_registered"], row["insurance_until"])
        for row in await work.fetch(
            "SELECT DISTINCT ON (provider_id) provider_id, cqc_registered, insurance_until FROM provider_cover"
            " WHERE provider_id = ANY ($1) AND since <= $2 ORDER BY provider_id, since DESC, in_order DESC",
            provider_ids,
            at,
        )
    }
    return {provider_id: known.get(provider_id, (False, None)) for provider_id in provider_ids}


async def provider_facts(
    work: Work,
    framework_id: UUID,
    provider_ids: Iterable[UUID],
    *,
    lot: str | None = None,
    at: datetime | None = None,
    commissioner_id: UUID | None = None,
) -> dict[UUID, ProviderFacts]:
    """The providers as `policy.standing` judges them for a lot."""
    records = await provider_records(work, framework_id, provider_ids, lot=lot, at=at, commissioner_id=commissioner_id)
    return {record.id: record.facts for record in records}

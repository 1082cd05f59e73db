"""Evidence as the rules ask for it: facts of providers and workers, for any number of providers in a few statements.

Row-level security decides what is there: a provider's own, or those of the frameworks a commissioner is a member of.
Certificate and registration numbers are not among what is loaded here, so they cannot leak through it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import Admission, CheckRecord, CompetencyRecord, ProviderFacts, WorkerFacts
from marketplace.policy.suspending import room

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
    # A condition that is not asked for is left out, so that the database can keep one plan for every value.
    whose: tuple[Any, ...] = (providers,) if worker_ids is None else (providers, list(worker_ids))
    worker, of_worker = ("", "") if worker_ids is None else (" AND id = ANY ($2)", " AND worker_id = ANY ($2)")
    here = "" if with_left else f" AND (left_on IS NULL OR left_on >= ${len(whose) + 1})"
    rows = await work.fetch(
        f"SELECT * FROM worker WHERE provider_id = ANY ($1){worker}{here} ORDER BY name, id",  # noqa: S608 - our own text
        *whose,
        *(() if with_left else (local_day(work.now),)),
    )
    competencies: defaultdict[UUID, list[Competence]] = defaultdict(list)
    for row in await work.fetch(
        f"SELECT * FROM worker_competency WHERE provider_id = ANY ($1){of_worker}"  # noqa: S608 - our own text
        " ORDER BY assessed_on DESC, recorded_at DESC",
        *whose,
    ):
        competencies[row["worker_id"]].append(
            Competence(
                row["id"], row["code"], row["assessed_on"], row["method"], row["assessor_name"],
                row["assessor_worker_id"], row["for_package_id"], row["withdrawn_at"], row["withdrawn_reason"],
                row["evidence_id"],
            )
        )  # fmt: skip
    dbs = {
        row["worker_id"]: DbsCheck(
            row["checked_on"], row["checked_by_name"], row["outcome"], row["source"], row["evidence_id"]
        )
        for row in await work.fetch(
            "SELECT DISTINCT ON (provider_id, worker_id) * FROM worker_dbs_check"  # noqa: S608 - our own text
            f" WHERE provider_id = ANY ($1){of_worker}"
            " ORDER BY provider_id, worker_id, checked_on DESC, recorded_at DESC, outcome = 'clear'",
            *whose,
        )
    }
    checks: defaultdict[UUID, list[CheckRecord]] = defaultdict(list)
    for row in await work.fetch(
        f"SELECT * FROM worker_check WHERE provider_id = ANY ($1){of_worker}"  # noqa: S608 - our own text
        " ORDER BY done_on DESC, recorded_at DESC",
        *whose,
    ):
        checks[row["worker_id"]].append(CheckRecord(row["kind"], row["done_on"], row["valid_until"]))
    records: dict[UUID, list[WorkerRecord]] = {provider_id: [] for provider_id in providers}
    for row in rows:
        record = _record(row, competencies[row["id"]], dbs.get(row["id"]), checks[row["id"]], package_id)
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
    counting = [c for c in competencies if c.withdrawn_at is None and c.for_package_id in (None, package_id)]
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
        competencies=tuple(
            CompetencyRecord(
                c.code,
                c.assessed_on,
                c.method,
                str(c.assessor_worker_id) if c.assessor_worker_id is not None else c.assessor,
            )
            for c in counting
        ),
        also_known_as=(worker["name"],),
        checks=tuple(checks),
        drives=worker["drives_children"],
        left_on=worker["left_on"],
        child_sign_offs=None
        if package_id is None
        else tuple(sorted({c.code for c in counting if c.for_package_id == package_id and c.assessor})),
    )
    return WorkerRecord(
        worker["provider_id"], worker["id"], worker["name"], worker["role"], worker["engagement"], worker["person_id"],
        worker["languages"], worker["profile"], consent, worker["drives_children"], worker["registration_until"],
        worker["registration_fit_to_practise"], worker["stood_down_at"], worker["stood_down_reason"],
        worker["started_on"], worker["left_on"], dbs, tuple(competencies), tuple(checks), facts,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hold:
    """A suspension, a pause or a restriction in force: for one lot or (None) all, since when, until when (inclusive),
    by whom, why.

    `commissioner_id` is set where a partner commissioner decided for its own referrals only. A suspension that goes on
    for some lots only is since its first day, and `root_id` names the first. `allowed` and `given` are new packages.
    """

    id: UUID
    kind: str
    lot: str | None
    since: datetime
    until: date | None
    by: str | None
    why: str
    rule_key: str | None = None
    commissioner_id: UUID | None = None
    root_id: UUID | None = None
    allowed: int = 0
    given: int = 0


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
    if provider_ids is not None:
        asked, which = "$2::uuid[]", (list(provider_ids),)
    elif lot is not None:
        asked = "ARRAY(SELECT x.provider_id FROM admission x WHERE x.framework_id = $1 AND x.lot_code = $2)"
        which = (lot,)
    else:
        asked, which = "ARRAY(SELECT x.provider_id FROM admission x WHERE x.framework_id = $1)", ()
    providers: dict[UUID, Any] = {}
    admissions: defaultdict[UUID, list[AdmissionRow]] = defaultdict(list)
    for row in await work.fetch(
        "SELECT p.id, o.name, p.cqc_registered, p.insurance_until, a.id AS admission_id, a.lot_code, a.starts_on,"  # noqa: S608 - our own text
        " a.ends_on, a.ended_reason FROM provider p JOIN organisation o ON o.id = p.id"
        " LEFT JOIN admission a ON a.framework_id = $1 AND a.provider_id = p.id"
        f" WHERE p.id = ANY ({asked}) ORDER BY o.name, o.id, a.lot_code, a.starts_on",
        framework_id,
        *which,
    ):
        providers[row["id"]] = row
        if row["admission_id"] is not None:
            admissions[row["id"]].append(
                AdmissionRow(
                    row["admission_id"], row["lot_code"], row["starts_on"], row["ends_on"], row["ended_reason"]
                )
            )
    found = list(providers)
    holds = await _holds(work, framework_id, found, at, commissioner_id)
    covers = await _covers_at(work, found, at) if at < work.now else {}
    records: list[ProviderRecord] = []
    for row in providers.values():
        own = tuple(admissions[row["id"]])
        own_holds = tuple(holds[row["id"]])
        suspensions = [hold for hold in own_holds if hold.kind == "suspension"]
        limits = [hold for hold in own_holds if hold.kind == "restriction" and hold.lot in (None, lot)]
        cqc_registered, insurance_until = covers.get(row["id"], (row["cqc_registered"], row["insurance_until"]))
        facts = ProviderFacts(
            id=str(row["id"]),
            admissions=tuple(Admission(a.lot, a.starts_on, a.ends_on) for a in own),
            suspended=any(hold.lot is None for hold in suspensions),
            suspended_lots=tuple(sorted({hold.lot for hold in suspensions if hold.lot is not None})),
            # A pause of one lot is a pause for whoever asks about that lot; of all lots, for everybody.
            paused=any(hold.kind == "pause" and hold.lot in (None, lot) for hold in own_holds),
            cqc_registered=cqc_registered,
            insurance_until=insurance_until,
            room=min((room(hold.allowed, hold.given) for hold in limits), default=None),
        )
        records.append(ProviderRecord(row["id"], row["name"], own, own_holds, cqc_registered, insurance_until, facts))
    return records


async def _holds(
    work: Work, framework_id: UUID, provider_ids: list[UUID], at: datetime, commissioner_id: UUID | None
) -> defaultdict[UUID, list[Hold]]:
    # To a date means up to and including that day in London: such a hold ends by itself.
    day = local_day(at)
    holds: defaultdict[UUID, list[Hold]] = defaultdict(list)
    for row in await work.fetch(
        "SELECT 'suspension' AS kind, s.provider_id, s.id, s.lot_code, coalesce(r.starts_at, s.starts_at) AS starts_at,"
        " s.until_on, s.imposed_by_name AS by, s.reason, s.rule_key, s.commissioner_id, coalesce(s.follows_id, s.id)"
        " AS root_id, 0 AS allowed, 0 AS given FROM suspension s LEFT JOIN suspension r"
        " ON r.framework_id = s.framework_id AND r.id = s.follows_id"
        " WHERE s.framework_id = $1 AND s.provider_id = ANY ($2)"
        " AND s.starts_at <= $3 AND (s.lifted_at IS NULL OR s.lifted_at > $3)"
        " AND (s.until_on IS NULL OR s.until_on >= $4) AND (s.commissioner_id IS NULL OR s.commissioner_id = $5)"
        " UNION ALL SELECT 'pause', provider_id, id, lot_code, starts_at, until_on, NULL, reason, NULL, NULL, NULL,"
        " 0, 0 FROM pause WHERE framework_id = $1 AND provider_id = ANY ($2) AND starts_at <= $3"
        " AND (ended_at IS NULL OR ended_at > $3) AND (until_on IS NULL OR until_on >= $4)"
        " UNION ALL SELECT 'restriction', provider_id, id, lot_code, starts_at, until_on, imposed_by_name, reason,"
        " NULL, commissioner_id, suspension_id, new_packages, new_packages($1, provider_id, lot_code, commissioner_id,"
        " starts_at, $3) FROM restriction WHERE framework_id = $1 AND provider_id = ANY ($2) AND starts_at <= $3"
        " AND (ended_at IS NULL OR ended_at > $3) AND (until_on IS NULL OR until_on >= $4)"
        " AND (commissioner_id IS NULL OR commissioner_id = $5) ORDER BY kind DESC, starts_at, lot_code, id",
        framework_id,
        provider_ids,
        at,
        day,
        commissioner_id,
    ):
        holds[row["provider_id"]].append(
            Hold(
                row["id"], row["kind"], row["lot_code"], row["starts_at"], row["until_on"], row["by"], row["reason"],
                row["rule_key"], row["commissioner_id"], row["root_id"], row["allowed"], row["given"],
            )
        )  # fmt: skip
    return holds


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

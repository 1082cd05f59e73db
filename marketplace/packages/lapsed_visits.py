"""Coming visits whose worker will not be ready on the day: flagged once for each cause, and cleared when it is gone.

Nobody is placed who is not ready, so these are visits of workers whose evidence has changed or run out since. The
provider and the referrer are told; the office owes another worker, or the evidence; until then the visit cannot start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.placing import Judge
from marketplace.packages.planning import when
from marketplace.packages.tables import Package
from marketplace.packages.telling import tell_referrer
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.policy.standing import explain
from marketplace.providers.facts import WorkerRecord, for_package, worker_records
from marketplace.web.filters import count, listing

REPLACE = "task.replace_worker"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why one visit may not go on as planned: a worker's reason (`code`, `item`), or with no worker the provider's."""

    visit_id: UUID
    worker_id: UUID | None
    code: str
    item: str


async def look_at_visits(provider_id: UUID) -> int:
    """Every package of one provider that has coming visits or flags; returns how many causes are new."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        rows = await work.fetch(
            "SELECT DISTINCT package_id FROM visit WHERE provider_id = $1 AND outcome IS NULL AND actual_start IS NULL"
            " AND planned_end > $2 UNION SELECT package_id FROM visit_flag WHERE provider_id = $1"
            " AND cleared_at IS NULL AND worker_id IS NOT NULL ORDER BY 1",
            provider_id, work.now,
        )  # fmt: skip
        return await _look(work, provider_id, [row["package_id"] for row in rows])


async def look_again(provider_id: UUID) -> None:
    """The provider's packages that have flags, so that they go as soon as their cause is gone."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        rows = await work.fetch(
            "SELECT DISTINCT package_id FROM visit_flag WHERE provider_id = $1 AND cleared_at IS NULL"
            " AND worker_id IS NOT NULL ORDER BY 1",
            provider_id,
        )
        await _look(work, provider_id, [row["package_id"] for row in rows])


async def look_at_package(work: Work, package: Package) -> int:
    """Flag and clear the package's coming visits as its workers stand now; returns how many causes are new.

    For a unit of the package's provider.
    """
    return await _look(work, package.provider_id, [package.id])


async def _look(work: Work, provider_id: UUID, package_ids: list[UUID]) -> int:
    """These packages of one provider, with everything read in one statement for all of them."""
    if not package_ids:
        return 0
    packages = await Package.objects().where(Package.id.is_in(package_ids)).order_by(Package.id)
    coming: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in await _coming(work, packages):
        coming[row["package_id"]].append(row)
    flagged = await work.fetch(
        "SELECT DISTINCT package_id FROM visit_flag WHERE provider_id = $1 AND package_id = ANY ($2)"
        " AND cleared_at IS NULL AND worker_id IS NOT NULL",
        provider_id, package_ids,
    )  # fmt: skip
    asked = await work.fetch(
        "SELECT DISTINCT subject_id FROM obligation WHERE rule_key = $1 AND subject_id = ANY ($2)"
        " AND owed_by_organisation = $3 AND met_at IS NULL AND cancelled_at IS NULL",
        REPLACE, package_ids, provider_id,
    )  # fmt: skip
    standing = {row["package_id"] for row in flagged} | {row["subject_id"] for row in asked}
    workers = {row["worker_id"] for rows in coming.values() for row in rows}
    records = (await worker_records(work, [provider_id], worker_ids=workers))[provider_id] if workers else []
    return sum([await _look_at(work, each, coming[each.id], records, each.id in standing) for each in packages])


async def _look_at(work: Work, package: Package, coming: list[Any], workers: list[WorkerRecord], standing: bool) -> int:
    """One package; `standing`: it has flags or a duty already, so that these are looked at even with no cause left."""
    causes: dict[Cause, str] = {}
    if coming:
        theirs = {row["worker_id"] for row in coming}
        own = (for_package(worker, package.id) for worker in workers if worker.id in theirs)
        judge = Judge(package, await queries.pack_for(work, package), own)
        for row in coming:
            causes |= _causes(judge, row)
    if not causes and not standing:
        return 0
    new = await keep_flags(work, package, causes, of_workers=True)
    starts = {row["visit_id"]: row["planned_start"] for row in coming}
    await _tell(work, package, {cause: causes[cause] for cause in new}, starts)
    await _owe(work, package, [starts[cause.visit_id] for cause in causes])
    return len(new)


async def coming_visits(work: Work, package: Package) -> list[Any]:
    """(visit_id, planned_start, worker_id, printed_name) of visits that are to come, by their start."""
    return await _coming(work, [package])


async def _coming(work: Work, packages: list[Package]) -> list[Any]:
    return await work.fetch(
        "SELECT v.id AS visit_id, v.package_id, v.planned_start, w.worker_id, w.printed_name FROM visit v"
        " JOIN visit_worker w ON w.commissioner_id = v.commissioner_id AND w.visit_id = v.id"
        " JOIN unnest($1::uuid[], $2::uuid[]) AS p (commissioner_id, package_id)"
        " ON p.commissioner_id = v.commissioner_id AND p.package_id = v.package_id"
        " WHERE v.outcome IS NULL AND v.actual_start IS NULL AND v.planned_end > $3"
        " ORDER BY v.planned_start, w.printed_name, w.worker_id",
        [each.commissioner_id for each in packages], [each.id for each in packages], work.now,
    )  # fmt: skip


def _causes(judge: Judge, row: Any) -> dict[Cause, str]:
    visit_id, worker_id, name = row["visit_id"], row["worker_id"], row["printed_name"]
    if worker_id not in judge.workers:
        return {Cause(visit_id, worker_id, "left_provider", ""): f"{name} {explain('left_provider')}"}
    ready = judge.on(worker_id, local_day(row["planned_start"]))
    return {
        Cause(visit_id, worker_id, reason.code, reason.item or ""): f"{name} {said}"
        for reason, said in zip(ready.codes, ready.reasons, strict=True)
    }


async def keep_flags(work: Work, package: Package, causes: dict[Cause, str], *, of_workers: bool) -> list[Cause]:
    """Make the package's open flags (of workers, or of the provider's cover) these; returns the new causes.

    Each is audited once when it is found and once when it is gone.
    """
    rows = await work.fetch(
        "SELECT id, visit_id, worker_id, code, item FROM visit_flag WHERE commissioner_id = $1 AND package_id = $2"
        " AND cleared_at IS NULL AND (worker_id IS NOT NULL) = $3 FOR UPDATE",
        package.commissioner_id, package.id, of_workers,
    )  # fmt: skip
    known = {Cause(row["visit_id"], row["worker_id"], row["code"], row["item"]): row["id"] for row in rows}
    gone = [cause for cause in known if cause not in causes]
    await work.execute(
        "UPDATE visit_flag SET cleared_at = $3 WHERE commissioner_id = $1 AND id = ANY ($2)",
        package.commissioner_id, [known[cause] for cause in gone], work.now,
    )  # fmt: skip
    new: list[Cause] = []
    for cause, says in causes.items():
        made = None
        if cause not in known:
            made = await work.fetchval(
                "INSERT INTO visit_flag (commissioner_id, visit_id, package_id, provider_id, worker_id, code, item,"
                " says, flagged_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id",
                package.commissioner_id, cause.visit_id, package.id, package.provider_id, cause.worker_id, cause.code,
                cause.item, says, work.now,
            )  # fmt: skip
        if made is not None:
            new.append(cause)
    _audit(work, package, "visit.flagged", new)
    _audit(work, package, "visit.flag_cleared", gone)
    return new


def _audit(work: Work, package: Package, action: str, causes: Iterable[Cause]) -> None:
    of_visits: defaultdict[UUID, list[Cause]] = defaultdict(list)
    for cause in causes:
        of_visits[cause.visit_id].append(cause)
    for visit_id, found in of_visits.items():
        work.audit(
            action, "visit", visit_id, commissioner_id=package.commissioner_id, package=package.id,
            causes=sorted({" ".join(filter(None, (cause.code, cause.item))) for cause in found}),
        )  # fmt: skip


async def _tell(work: Work, package: Package, new: dict[Cause, str], starts: dict[UUID, datetime]) -> None:
    """One notice a worker, however many visits: the office reads whose and why, the referrer that somebody is asked."""
    of_workers: defaultdict[UUID | None, list[Cause]] = defaultdict(list)
    for cause in new:
        of_workers[cause.worker_id].append(cause)
    for causes in of_workers.values():
        visits = {cause.visit_id for cause in causes}
        first = when(min(starts[visit_id] for visit_id in visits))
        which = f"{count(len(visits), 'visit')} of package {package.reference} from {first}"
        why = listing(sorted({new[cause] for cause in causes}))
        await tell(
            work, f"{why}: not ready for {which}. Send another worker or renew the evidence, else the visit cannot"
            " start.", f"/packages/{package.id}/visits?when=look", organisation_id=package.provider_id,
            role="coordinator",
        )  # fmt: skip
        said = f"A worker is not ready for {which}. The provider has been asked to send another worker."
        await tell_referrer(work, package, said, f"/packages/{package.id}/visits?when=look")


async def _owe(work: Work, package: Package, starts: list[datetime]) -> None:
    """The office owes a worker who is ready until the first of these visits begins; with none left it is done."""
    if not starts:
        await meet(work, REPLACE, package.id, by_organisation=package.provider_id)
        return
    due_at = min(starts)
    stands = await work.fetchval(
        "SELECT due_at FROM obligation WHERE rule_key = $1 AND subject_id = $2 AND owed_by_organisation = $3"
        " AND met_at IS NULL AND cancelled_at IS NULL",
        REPLACE, package.id, package.provider_id,
    )  # fmt: skip
    if stands is not None and stands <= due_at:
        return
    if stands is not None:
        await cancel(work, package.id, REPLACE)
    await owe(
        work, await queries.pack_for(work, package), REPLACE,
        title="Send another worker to visits whose worker is not ready", subject_type="package", subject_id=package.id,
        reference=package.reference, owed_by=Owed(package.provider_id, "coordinator"), owed_to=package.commissioner_id,
        link=f"/packages/{package.id}/visits?when=look", due_at=due_at, commissioner_id=package.commissioner_id,
        framework_id=package.framework_id, child_id=package.child_id, package_id=package.id,
    )  # fmt: skip

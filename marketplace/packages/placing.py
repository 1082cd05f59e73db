"""Placing workers on visits: who is ready for a package on a day, and the bookings that keep everyone in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from marketplace.packages import queries
from marketplace.packages.tables import Package, VisitWorker
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.scope import sort_needs
from marketplace.providers.bookings import book, release
from marketplace.providers.facts import WorkerRecord, worker_records
from marketplace.providers.readiness import Ready, judge_worker, readiness
from marketplace.web.filters import day


async def ready_workers(
    work: Work, package: Package, on: date, worker_ids: Iterable[UUID] | None = None
) -> list[Ready]:
    """The provider's workers judged for this package's lot and child on a day, ready ones first."""
    pack = await queries.pack_for(work, package)
    asked = sort_needs(pack, package.lot_code, tuple(package.needs))
    return await readiness(
        work, package.provider_id, pack, package.lot_code, asked.competencies, on, package.id,
        child_specific=asked.child_specific, worker_ids=worker_ids,
    )  # fmt: skip


class Judge:
    """Judges the workers of a package for many days, with their evidence read once."""

    def __init__(self, package: Package, pack: Pack, workers: Iterable[WorkerRecord]) -> None:
        self.package, self.pack = package, pack
        self.needs = sort_needs(pack, package.lot_code, tuple(package.needs))
        self.workers = {worker.id: worker for worker in workers}

    def on(self, worker_id: UUID, on: date) -> Ready:
        """One worker on one day. Raises `InvalidInput` for somebody who does not work there."""
        worker = self.workers.get(worker_id)
        if worker is None:
            raise InvalidInput({"workers": "Choose the workers from the list"})
        return judge_worker(
            self.pack, worker, self.package.lot_code, self.needs.competencies, on, self.needs.child_specific
        )


async def judge_for(work: Work, package: Package, worker_ids: Iterable[UUID] | None = None) -> Judge:
    """A judge for these workers of the package's provider (default: all)."""
    pack = await queries.pack_for(work, package)
    records = await worker_records(work, [package.provider_id], package_id=package.id, worker_ids=worker_ids)
    return Judge(package, pack, records[package.provider_id])


async def may_have_visits(work: Work, package: Package, pack: Pack) -> list[str]:
    """What still has to be done before a first visit, in words; nothing where visits may be planned (L 6.1 stage 3)."""
    rules = pack.on(local_day(work.now)).pathway
    missing: list[str] = []
    if rules.plan_signed_before_first_visit and await queries.signed_plan(work, package.id) is None:
        if not (rules.emergency_track and await _in_emergency(work, package)):
            family = package.direct_payment_id is not None  # which stands in the referrer's place
            by = "the family" if family else "family and referrer"
            missing.append(f"the care plan is not signed by {by} yet")
        elif package.risk_assessment_done_at is None:
            missing.append("the interim risk assessment of this emergency is not recorded as made yet")
    named = any(row["part"] == "backup" for row in await queries.team(work, package))
    if rules.backup_named_before_first_visit and not named:
        missing.append("no back-up worker is named")
    if await visits_stopped(work, package):
        missing.append("a contract manager has stopped the visits of this package")
    return missing


async def visits_stopped(work: Work, package: Package) -> bool:
    """Whether a contract manager's decision stands that the visits of the package stop (domain 6)."""
    return bool(
        await work.fetchval(
            "SELECT 1 FROM cover_decision WHERE commissioner_id = $1 AND package_id = $2 AND ended_at IS NULL"
            " AND NOT goes_on LIMIT 1",
            package.commissioner_id, package.id,
        )
    )  # fmt: skip


async def _in_emergency(work: Work, package: Package) -> bool:
    """Whether the award was an emergency's: visits may begin on an interim risk assessment, the plan is signed
    afterwards within its time (P 4.3). Nothing else is waived."""
    return package.referral_id is not None and bool(
        await work.fetchval(
            "SELECT answer_hours IS NOT NULL FROM referral WHERE commissioner_id = $1 AND id = $2",
            package.commissioner_id, package.referral_id,
        )
    )  # fmt: skip


async def take_time(work: Work, package: Package, worker_id: UUID, starts_at: datetime, ends_at: datetime) -> UUID:
    """The booking for a visit. A sibling's visit at the same time by the same worker shares it (L 6.5; data.md).

    Raises `Conflict` saying when the worker is taken, never for whom.
    """
    shared = await work.fetchval(
        """SELECT b.id FROM booking b
           JOIN visit_worker w ON w.provider_id = b.provider_id AND w.booking_id = b.id
           JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
           JOIN child other ON other.commissioner_id = v.commissioner_id AND other.id = v.child_id
           JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
             AND (p.direct_payment_id IS NULL) = $7
           JOIN child own ON own.commissioner_id = $1 AND own.id = $2
           WHERE b.provider_id = $3 AND b.worker_id = $4 AND b.starts_at = $5 AND b.ends_at = $6
             AND b.released_at IS NULL
             AND other.commissioner_id = own.commissioner_id AND other.family_id = own.family_id AND other.id <> own.id
             AND (v.outcome IS NULL OR v.outcome = 'delivered') LIMIT 1""",
        package.commissioner_id, package.child_id, package.provider_id, worker_id, starts_at, ends_at,
        package.direct_payment_id is None,  # what the council pays for and what the family buys are never one visit
    )  # fmt: skip
    return shared or await book(work, package.provider_id, worker_id, starts_at, ends_at)


async def give_back(work: Work, booking_ids: Iterable[UUID], visit_id: UUID) -> None:
    """Release bookings of a visit, unless a sibling's visit still stands on them."""
    for booking_id in booking_ids:
        others = await work.fetchval(
            "SELECT count(*) FROM visit_worker w JOIN visit v ON v.commissioner_id = w.commissioner_id AND"
            " v.id = w.visit_id"
            " WHERE w.booking_id = $1 AND w.visit_id <> $2 AND (v.outcome IS NULL OR v.outcome = 'delivered')",
            booking_id, visit_id,
        )  # fmt: skip
        if not others:
            await release(work, booking_id)


async def place(
    work: Work, package: Package, visit_id: UUID, ready: Ready, starts_at: datetime, ends_at: datetime
) -> None:
    """Put a worker on a visit with a booking of their time. Raises `Conflict` when not ready or taken."""
    if not ready.ready:
        raise Conflict(f"Not ready on {day(ready.on)}: {ready.sentence}")
    booking_id = await take_time(work, package, ready.worker.id, starts_at, ends_at)
    await VisitWorker.insert(
        VisitWorker(
            commissioner_id=package.commissioner_id,
            visit_id=visit_id,
            provider_id=package.provider_id,
            worker_id=ready.worker.id,
            worker_person_id=ready.worker.person_id,
            printed_name=ready.worker.name,
            booking_id=booking_id,
        )
    )


def check_workers(package: Package, worker_ids: Sequence[UUID]) -> None:
    """Raise `InvalidInput` for `workers` unless there are as many different ones as the package has at a visit."""
    wanted = package.workers_per_visit
    if len(set(worker_ids)) != len(worker_ids) or len(worker_ids) != wanted:
        number = "one worker" if wanted == 1 else f"{wanted} different workers"
        raise InvalidInput({"workers": f"Select {number} for each visit of this package"})

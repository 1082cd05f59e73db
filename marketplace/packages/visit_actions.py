"""Planning visits: from the plan's pattern or one by one, moving, swapping, cancelling, recording one as missed.

Before a first visit the plan is signed and a back-up named; only workers ready on the day are placed; each worker's
time is booked, so that nobody is in two places (L 6.1 stage 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import cancel
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.allocations import budget_changes
from marketplace.packages.cancellation import as_shown, terms_of
from marketplace.packages.lapsed_visits import look_at_package
from marketplace.packages.overruns import close_longer
from marketplace.packages.placing import check_workers, give_back, judge_for, may_have_visits, take_time
from marketplace.packages.planning import (
    check_days,
    checked_times,
    join_team,
    pattern_of,
    plan_one,
    stands_already,
    when,
)
from marketplace.packages.reporting import CANCELLED, FAILED, report
from marketplace.packages.setup_actions import own_package
from marketplace.packages.states import visit_after
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import provider_only, tell_family, tell_provider, tell_referrer
from marketplace.packages.visit_moving import change, keep_reason, moved
from marketplace.packages.visit_requests import close_moves, to_make_up
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import local_day, to_the_minute
from marketplace.policy.cancelling import earliest_on_arrival
from marketplace.policy.pricing import slots_between
from marketplace.web.filters import day, listing, moment

CANCELLED_BY = {
    "cancelled_by_family": "The family, beforehand",
    "cancelled_on_arrival": "The family, when the worker arrived",
    "cancelled_by_provider": "We, the provider",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of planning a run of days: visits made, and the gaps with the sentence that says why."""

    made: tuple[UUID, ...]
    there_already: int
    gaps: tuple[tuple[datetime, str], ...]


async def plan_from_pattern(
    actor: Actor,
    package_id: UUID,
    first_day: date,
    last_day: date,
    worker_ids: Sequence[UUID],
    *,
    slots: Sequence[int] | None = None,
) -> Planned:
    """Plan the visits of the signed plan's pattern for a run of days with these workers (`slots`: only these of it).

    Visits that cannot be placed are left as gaps and said; those there already stay. Doing it twice adds nothing.
    Raises `InvalidInput`, `Conflict` while plan or back-up is missing.
    """
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        package = await _open_for_visits(work, package_id)
        check_days(package, first_day, last_day, local_day(work.now))
        check_workers(package, worker_ids)
        judge = await judge_for(work, package, worker_ids)
        pattern = await pattern_of(work, package)
        chosen = [slot for n, slot in enumerate(pattern) if slots is None or n in slots]
        made: list[UUID] = []
        gaps: list[tuple[datetime, str]] = []
        there = 0
        for start, end, slot in slots_between(chosen, first_day, last_day):
            if start <= work.now:
                continue
            if await stands_already(work, package, start, end):
                there += 1
                continue
            await work.execute("SAVEPOINT visit")
            try:
                made.append(await plan_one(work, package, judge, slot.activity, start, end, worker_ids))
            except Conflict as conflict:
                await work.execute("ROLLBACK TO SAVEPOINT visit")
                gaps.append((start, conflict.sentence))
            else:
                await work.execute("RELEASE SAVEPOINT visit")
        if made:
            said = f"Visits of package {package.reference} are planned from {day(first_day)} to {day(last_day)}."
            await tell_family(work, package, said, "/who-is-coming")
            work.audit(
                "visits.planned", "package", package.id, commissioner_id=package.commissioner_id, visits=len(made),
                first_day=first_day, last_day=last_day,
            )  # fmt: skip
        return Planned(tuple(made), there, tuple(gaps))


async def plan_visit(
    actor: Actor,
    package_id: UUID,
    *,
    activity: str,
    starts_at: datetime,
    ends_at: datetime,
    worker_ids: Sequence[UUID],
    own_reference: str | None = None,
) -> UUID:
    """Plan one visit; returns its id. Raises `InvalidInput` naming the field, `Conflict` when somebody is not free."""
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        return await plan_in(
            work, package_id, activity=activity, starts_at=starts_at, ends_at=ends_at, worker_ids=worker_ids,
            own_reference=own_reference,
        )  # fmt: skip


async def plan_in(
    work: Work,
    package_id: UUID,
    *,
    activity: str,
    starts_at: datetime,
    ends_at: datetime,
    worker_ids: Sequence[UUID],
    own_reference: str | None = None,
) -> UUID:
    """As `plan_visit`, within a unit that stands already."""
    package = await _open_for_visits(work, package_id)
    pack = await queries.pack_for(work, package)
    if activity not in pack.lot(package.lot_code).activities:
        raise InvalidInput({"activity": "Select an activity of this lot"})
    starts_at, ends_at = checked_times(package, starts_at, ends_at, work.now)
    check_workers(package, worker_ids)
    judge = await judge_for(work, package, worker_ids)
    visit_id = await plan_one(work, package, judge, activity, starts_at, ends_at, worker_ids, own_reference)
    said = f"A visit of package {package.reference} is planned for {when(starts_at)}."
    await tell_family(work, package, said, "/who-is-coming")
    work.audit("visit.planned", "visit", visit_id, commissioner_id=package.commissioner_id, package=package.id)
    return visit_id


async def move_visit(actor: Actor, visit_id: UUID, *, version: int, starts_at: datetime, ends_at: datetime) -> None:
    """Give a planned visit other times, with the same workers. Raises as planning does; `Conflict` when it changed."""
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        visit, package = await _own_visit(work, visit_id, "moved", version)
        workers = await moved(work, visit, package, starts_at, ends_at)
        said = f"A visit of package {package.reference} moves from {when(visit.planned_start)} to {when(starts_at)}."
        await tell_family(work, package, said, "/who-is-coming")
        await _tell_workers(work, [row["worker_person_id"] for row in workers], said)
        work.audit(
            "visit.moved", "visit", visit.id, commissioner_id=visit.commissioner_id, before=visit.planned_start,
            now=starts_at,
        )  # fmt: skip


async def swap_worker(actor: Actor, visit_id: UUID, *, version: int, leaves: UUID, comes: UUID) -> None:
    """Let another ready worker do a planned visit; one not on the team yet joins it. Raises `Conflict`, `NotFound`."""
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        visit, package = await _own_visit(work, visit_id, "given to another worker", version)
        workers = {row["worker_id"]: row for row in await queries.visit_workers(work, visit)}
        if leaves not in workers:
            raise NotFound("That worker is not on this visit.")
        if comes in workers:
            raise InvalidInput({"comes": "Select a worker who is not on this visit already"})
        ready = (await judge_for(work, package, [comes])).on(comes, local_day(visit.planned_start))
        if not ready.ready:
            raise Conflict(f"Not ready on {day(visit.planned_start)}: {ready.sentence}")
        booking = await take_time(work, package, comes, visit.planned_start, visit.planned_end)
        await work.execute(
            "UPDATE visit_worker SET worker_id = $4, worker_person_id = $5, printed_name = $6, booking_id = $7"
            " WHERE commissioner_id = $1 AND visit_id = $2 AND worker_id = $3",
            visit.commissioner_id, visit.id, leaves, comes, ready.worker.person_id, ready.worker.name, booking,
        )  # fmt: skip
        await give_back(work, [workers[leaves]["booking_id"]], visit.id)
        await join_team(work, package, None, [comes])
        await change(work, visit, {})
        await look_at_package(work, package)
        said = f"Another worker comes to the visit of package {package.reference} on {when(visit.planned_start)}."
        if package.direct_payment_id is not None:
            said += " If that does not suit you, speak with the provider: what it cancels costs you nothing."
        await tell_family(work, package, said, f"/visits/{visit.id}" if package.direct_payment_id else "/who-is-coming")
        people = [workers[leaves]["worker_person_id"], ready.worker.person_id]
        await _tell_workers(work, people, said)
        work.audit(
            "visit.worker_swapped", "visit", visit.id, commissioner_id=visit.commissioner_id, leaves=leaves, comes=comes
        )


async def cancel_visit(
    actor: Actor,
    visit_id: UUID,
    *,
    version: int,
    outcome: str,
    notice_at: datetime | None = None,
    reason: str,
    charge_pence: int | None = None,
    charge_required: bool = False,
) -> None:
    """Record that a visit does not take place: `cancelled_by_family` (with the time of its notice), `_by_provider`, or
    `cancelled_on_arrival`, which the worker at the door may record too. Recording it is the report of P 5.1.

    What the provider cancels it makes up (P 5.4). `charge_pence` is what was shown, where it was
    (`charge_required`: it must be, where something is charged). Raises `InvalidInput`
    naming the field, `PriceChanged`, `WrongState` once it has begun or been recorded otherwise.
    """
    if actor.role == "worker":
        permit(actor, "visit.record")
        if outcome != "cancelled_on_arrival":
            raise NotPermitted("Your office records other cancellations: call it.")
    else:
        provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        await cancel_in(
            work, visit_id, version=version, outcome=outcome, notice_at=notice_at, reason=reason,
            charge_pence=charge_pence, charge_required=charge_required,
        )  # fmt: skip


async def cancel_in(
    work: Work,
    visit_id: UUID,
    *,
    version: int,
    outcome: str,
    notice_at: datetime | None,
    reason: str,
    charge_pence: int | None = None,
    charge_required: bool = False,
) -> None:
    """As `cancel_visit`, within a unit that stands already and for somebody who may."""
    visit, package = await _own_visit(work, visit_id, "cancelled", version)
    arrival = earliest_on_arrival(await queries.pack_for(work, visit), visit.planned_start)
    happened_at = notice_of(visit, outcome, notice_at, reason, work.now, arrival)
    noticed = happened_at if outcome == "cancelled_by_family" else None
    terms = await terms_of(work, visit, outcome, noticed)
    as_shown(terms, charge_pence, required=charge_required)
    await change(
        work,
        visit,
        {
            "outcome": outcome,
            "outcome_at": work.now,
            "notice_at": noticed,
        },
    )
    await keep_reason(work, visit, reason.strip())
    await _not_taking_place(work, visit, package)
    await budget_changes(work, visit.commissioner_id, visit.child_id)
    if terms.made_up:
        await to_make_up(work, visit, package)
    await report(work, visit, package, CANCELLED, happened_at)
    said = f"The visit of package {package.reference} on {when(visit.planned_start)} is cancelled."
    await _tell_all(work, work.actor, visit, package, said)
    work.audit(
        f"visit.{outcome}",
        "visit",
        visit.id,
        commissioner_id=visit.commissioner_id,
        notice_at=notice_at,
        percent=terms.percent,
        charged_pence=terms.charged_pence,
        minutes=terms.taken_minutes,
        waits=terms.waits,
    )


async def record_missed(actor: Actor, visit_id: UUID, *, version: int, reason: str) -> None:
    """Record that nobody came to a visit: reported at once (L appendix 2), and to be re-booked."""
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        await missed_in(work, visit_id, version=version, reason=reason)


async def missed_in(work: Work, visit_id: UUID, *, version: int, reason: str) -> None:
    """As `record_missed`, within a unit that stands already."""
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why nobody came"})
    visit, package = await _own_visit(work, visit_id, "recorded as missed", version)
    if work.now < visit.planned_start:
        raise InvalidInput({"reason": "This visit has not begun yet: cancel it instead"})
    values = {"outcome": "missed", "outcome_at": work.now}
    await change(work, visit, values)
    await keep_reason(work, visit, reason.strip())
    await _not_taking_place(work, visit, package)
    await budget_changes(work, visit.commissioner_id, visit.child_id)
    await to_make_up(work, visit, package)
    await report(work, visit, package, FAILED, visit.planned_start)
    said = f"The visit of package {package.reference} on {when(visit.planned_start)} was missed."
    if package.direct_payment_id is None:
        said += " It will be made up."
    await _tell_all(work, work.actor, visit, package, said)
    work.audit("visit.missed", "visit", visit.id, commissioner_id=visit.commissioner_id)


async def _open_for_visits(work: Work, package_id: UUID) -> Package:
    package = await own_package(work, package_id, "planned")
    missing = await may_have_visits(work, package, await queries.pack_for(work, package))
    if missing:
        raise Conflict(f"No visit can be planned yet: {listing(missing)}.")
    return package


async def _own_visit(work: Work, visit_id: UUID, verb: str, version: int) -> tuple[Visit, Package]:
    visit = await queries.visit(work, visit_id, lock=True)
    visit_after(verb, visit)
    if visit.version != version:
        raise Conflict("This visit was changed while you were looking at it. Look at it as it is now.")
    return visit, await queries.package(work, visit.package_id)


def notice_of(
    visit: Visit, outcome: str, notice_at: datetime | None, reason: str, now: datetime, arrival: datetime
) -> datetime:
    """When the cancellation became known, `arrival` being the earliest a worker may have come; or `InvalidInput`."""
    faults: dict[str, str] = {}
    if outcome not in CANCELLED_BY:
        faults["outcome"] = "Select who cancelled the visit, and when"
    if not reason.strip():
        faults["reason"] = "Enter why the visit does not take place"
    elif len(reason) > 1000:
        faults["reason"] = "This must be 1,000 characters or fewer"
    if outcome == "cancelled_by_family":
        if notice_at is None:
            faults["notice_at"] = "Enter when the family told you"
        elif notice_at > now:
            faults["notice_at"] = "The time the family told you must not be in the future"
        elif to_the_minute(notice_at) >= visit.planned_start:
            sentence = "This is after the visit's start: choose that the family cancelled when the worker arrived"
            faults["notice_at"] = sentence
    elif outcome == "cancelled_on_arrival" and now < arrival:
        faults["outcome"] = (
            f"No worker can have arrived yet: that is possible from {moment(arrival)} on. Choose that the family"
            " cancelled beforehand, and enter when they told you"
        )
    if faults:
        raise InvalidInput(faults)
    if outcome == "cancelled_by_family" and notice_at is not None:
        return to_the_minute(notice_at)
    return (
        max(visit.planned_start, visit.created_at)
        if outcome == "cancelled_on_arrival" and visit.planned_start <= now
        else now
    )


async def _not_taking_place(work: Work, visit: Visit, package: Package) -> None:
    """Whatever waits for the visit ends; its workers' time is free again."""
    workers = await queries.visit_workers(work, visit)
    await cancel(work, visit.id)
    if work.actor.role != "worker":
        await close_moves(work, visit)
    else:
        await close_longer(work, visit)
    if work.actor.provider_id is not None and work.actor.role != "worker":
        await give_back(work, [row["booking_id"] for row in workers], visit.id)
        await look_at_package(work, package)


async def _tell_all(work: Work, actor: Actor, visit: Visit, package: Package, said: str) -> None:
    link = f"/visits/{visit.id}"
    await tell_referrer(work, package, said, link)
    await tell_family(work, package, said, link)
    if actor.role == "worker":
        await tell_provider(work, package, said, link)
    else:
        people = [row["worker_person_id"] for row in await queries.visit_workers(work, visit)]
        await _tell_workers(work, people, said)


async def _tell_workers(work: Work, people: Sequence[UUID | None], said: str) -> None:
    for person in people:
        if person is not None and person != work.actor.person_id:
            await tell(work, said, "/now", person_id=person)

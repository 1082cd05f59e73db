"""What planning visits is made of: the pattern in force, possible days and times, one visit put into the diary.

Used by `visit_actions` within its unit, and by the pages that show what can be planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from marketplace.packages import queries
from marketplace.packages.placing import Judge, judge_for, may_have_visits, place, ready_workers
from marketplace.packages.plans import from_stored
from marketplace.packages.setup_actions import put_on_team
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import is_before, local, local_day, midnight, to_the_minute
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.providers.readiness import Ready
from marketplace.referrals import patterns
from marketplace.web.filters import clock, day, weekday

MOST_DAYS = 92
LONGEST_HOURS = 24


@dataclass(frozen=True, slots=True)
class Board:
    """What planning a package's visits needs: its pattern, what is still missing, the workers judged for a day."""

    now: datetime
    package: Package
    pack: Pack
    missing: list[str]
    pattern: list[WeeklySlot]
    ready: list[Ready]
    unready: list[Ready]
    team: dict[UUID, str]  # worker -> part
    child_name: str | None

    @property
    def earliest(self) -> date:
        """The first day visits can be planned for."""
        return max(self.package.starts_on, local_day(self.now))


async def board(work: Work, package_id: UUID, on: date | None = None) -> Board:
    """The package with its pattern and its provider's workers judged for a day (its first), the team first."""
    package = await queries.package(work, package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    pack = await queries.pack_for(work, package)
    team = {row["worker_id"]: row["part"] for row in await queries.team(work, package)}
    judged = await ready_workers(work, package, on or max(package.starts_on, local_day(work.now)))
    order = {"main": 0, "backup": 1}
    judged.sort(key=lambda each: (order.get(team.get(each.worker.id, ""), 2), each.worker.name))
    return Board(
        now=work.now,
        package=package,
        pack=pack,
        missing=await may_have_visits(work, package, pack),
        pattern=await pattern_of(work, package),
        ready=[each for each in judged if each.ready],
        unready=[each for each in judged if not each.ready],
        team=team,
        child_name=await queries.child_name(work, package.commissioner_id, package.child_id),
    )


async def pattern_of(work: Work, package: Package) -> list[WeeklySlot]:
    """The weekly pattern in force: the signed plan's, or the offer's where the pack asks for no plan first."""
    signed = await queries.signed_plan(work, package.id)
    return from_stored(signed.content).pattern if signed else list(patterns.slots(cast(Any, package.pattern)))


async def plan_one(
    work: Work,
    package: Package,
    judge: Judge,
    activity: str,
    start: datetime,
    end: datetime,
    worker_ids: Sequence[UUID],
    own_reference: str | None = None,
) -> UUID:
    """Put one visit into the diary with its workers; returns its id. Raises `Conflict` with the sentence why not."""
    overlapping = await work.fetchval(
        "SELECT planned_start FROM visit WHERE commissioner_id = $1 AND package_id = $2 AND planned_start < $4"
        " AND planned_end > $3 AND (outcome IS NULL OR outcome = 'delivered') LIMIT 1",
        package.commissioner_id, package.id, start, end,
    )  # fmt: skip
    if overlapping is not None:
        raise Conflict(f"This package already has a visit then, on {when(overlapping)}.")
    visit = Visit(
        commissioner_id=package.commissioner_id,
        framework_id=package.framework_id,
        provider_id=package.provider_id,
        package_id=package.id,
        child_id=package.child_id,
        lot_code=package.lot_code,
        activity=activity,
        planned_start=start,
        planned_end=end,
        own_reference=own_reference,
        created_at=work.now,
    )
    await Visit.insert(visit)
    for worker_id in worker_ids:
        await place(work, package, visit.id, judge.on(worker_id, local_day(start)), start, end)
    await join_team(work, package, judge, worker_ids)
    return visit.id


async def join_team(work: Work, package: Package, judge: Judge | None, worker_ids: Sequence[UUID]) -> None:
    """Whoever is placed on a visit belongs to the team: the package opens to them, and the family knows their name."""
    known = {row["worker_id"] for row in await queries.team(work, package)}
    joining = [worker_id for worker_id in worker_ids if worker_id not in known]
    if not joining:
        return
    judge = judge or await judge_for(work, package, joining)
    for worker_id in joining:
        await put_on_team(work, package, judge.on(worker_id, local_day(work.now)), "main")


async def stands_already(work: Work, package: Package, start: datetime, end: datetime) -> bool:
    """Whether the package has, or had, this very visit; one the provider cancelled is to be made up."""
    found = await work.fetchval(
        "SELECT 1 FROM visit WHERE commissioner_id = $1 AND package_id = $2 AND planned_start = $3"
        " AND planned_end = $4 AND (outcome IS NULL OR outcome <> 'cancelled_by_provider') LIMIT 1",
        package.commissioner_id, package.id, start, end,
    )  # fmt: skip
    return found is not None


def check_days(package: Package, first_day: date, last_day: date, today: date) -> None:
    """Raise `InvalidInput` for a run of days outside the package, past or too long."""
    faults: dict[str, str] = {}
    if first_day < max(package.starts_on, today):
        faults["first_day"] = f"The first day must be {day(max(package.starts_on, today))} or later"
    if last_day < first_day:
        faults["last_day"] = "The last day must not be before the first day"
    elif (last_day - first_day).days >= MOST_DAYS:
        faults["last_day"] = f"Plan at most {MOST_DAYS} days at once"
    elif package.ends_on is not None and last_day > package.ends_on:
        faults["last_day"] = f"The package ends on {day(package.ends_on)}"
    if faults:
        raise InvalidInput(faults)


def checked_times(package: Package, start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """A visit's times in whole minutes, on London's clock. Raises `InvalidInput` for `starts_at` or `ends_at`."""
    start, end = local(to_the_minute(start)), local(to_the_minute(end))
    faults: dict[str, str] = {}
    if not is_before(start, end):
        faults["ends_at"] = "The end must be after the start"
    elif end.timestamp() - start.timestamp() > LONGEST_HOURS * 3600:
        faults["ends_at"] = f"A visit lasts at most {LONGEST_HOURS} hours"
    # Earlier on the same day is taken: an extra visit agreed by telephone is entered when there is time.
    if is_before(start, midnight(local_day(now))):
        faults["starts_at"] = "The visit must be today or later"
    elif local_day(start) < package.starts_on:
        faults["starts_at"] = f"The package starts on {day(package.starts_on)}"
    elif package.ends_on is not None and local_day(start) > package.ends_on:
        faults["starts_at"] = f"The package ends on {day(package.ends_on)}"
    if faults:
        raise InvalidInput(faults)
    return start, end


def when(at: datetime) -> str:
    """ "Tuesday 12 May 2026, 4pm"."""
    return f"{weekday(at)}, {clock(at)}"

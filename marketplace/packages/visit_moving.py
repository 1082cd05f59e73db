"""Giving a planned visit other times with the same workers, within the unit of whoever moves it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marketplace.packages import queries
from marketplace.packages.lapsed_visits import look_at_package
from marketplace.packages.placing import give_back, judge_for, take_time
from marketplace.packages.planning import checked_times
from marketplace.packages.states import visit_after
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import local_day
from marketplace.web.filters import day


async def moved(work: Work, visit: Visit, package: Package, starts_at: datetime, ends_at: datetime) -> list[Any]:
    """Move a visit held in this unit; returns its workers. Raises `InvalidInput`, `Conflict` as planning does."""
    visit_after("moved", visit)
    starts_at, ends_at = checked_times(package, starts_at, ends_at, work.now)
    overlapping = await work.fetchval(
        "SELECT 1 FROM visit WHERE commissioner_id = $1 AND package_id = $2 AND id <> $5 AND planned_start < $4"
        " AND planned_end > $3 AND (outcome IS NULL OR outcome = 'delivered') LIMIT 1",
        package.commissioner_id, package.id, starts_at, ends_at, visit.id,
    )  # fmt: skip
    if overlapping:
        raise Conflict("This package already has a visit then.")
    workers = await queries.visit_workers(work, visit)
    judge = await judge_for(work, package, [row["worker_id"] for row in workers])
    await give_back(work, [row["booking_id"] for row in workers], visit.id)
    for row in workers:
        ready = judge.on(row["worker_id"], local_day(starts_at))
        if not ready.ready:
            raise Conflict(f"Not ready on {day(starts_at)}: {ready.sentence}")
        booking = await take_time(work, package, row["worker_id"], starts_at, ends_at)
        await work.execute(
            "UPDATE visit_worker SET booking_id = $4 WHERE commissioner_id = $1 AND visit_id = $2 AND worker_id = $3",
            visit.commissioner_id, visit.id, row["worker_id"], booking,
        )  # fmt: skip
    values = {"planned_start": starts_at, "planned_end": ends_at}
    if visit.slot_start is None:  # it goes on standing for the time of the weekly pattern it was planned for
        values |= {"slot_start": visit.planned_start, "slot_end": visit.planned_end}
    await change(work, visit, values)
    await look_at_package(work, package)
    return workers


async def keep_reason(work: Work, visit: Visit, says: str | None) -> None:
    """Keep why a visit does not take place (None: it did), apart from it: for those who meet the child."""
    ids = visit.commissioner_id, visit.id
    if not says:
        await work.execute("DELETE FROM visit_reason WHERE commissioner_id = $1 AND visit_id = $2", *ids)
        return
    await work.execute(
        """INSERT INTO visit_reason (commissioner_id, visit_id, provider_id, says) VALUES ($1, $2, $3, $4)
           ON CONFLICT (commissioner_id, visit_id) DO UPDATE SET says = excluded.says""",
        *ids, visit.provider_id, says,
    )  # fmt: skip


async def change(work: Work, visit: Visit, values: dict[str, Any]) -> None:
    """Write a visit that is held in this unit; its version goes up, so that a page opened before says so."""
    await (
        Visit.update({**values, "version": visit.version + 1})  # type: ignore[arg-type] - columns by name
        .where(Visit.commissioner_id == visit.commissioner_id)
        .where(Visit.id == visit.id)
    )

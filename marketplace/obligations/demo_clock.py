"""The demo's clock: an operator moves domain time forward. Impossible outside the demo.

Three locks, each its own: the setting, the operator's permission, and the row in `demo_clock` without which the
database's function refuses; only `mark_demo`, run by the demo's loader as the migrator, lays that row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.obligations.packs import pack_of_hash
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import end_of_day, local_day, periods_between
from marketplace.settings import Settings

LONGEST_MOVE_DAYS = 92
ONLY_THERE = "Only the demo's operator may do this, and only in the demo."


@dataclass(frozen=True, slots=True)
class ClockState:
    """Domain time, how far it is ahead of the wall's, and when the next duty falls due (None: no duty is open)."""

    now: datetime
    moved_by: timedelta
    next_deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Moved:
    """From when to when the clock was moved."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A framework's billing period that ended."""

    framework: str
    first_day: date
    last_day: date


async def clock_state(work: Work) -> ClockState:
    """What the operator's page shows. Raises `NotPermitted` outside the demo."""
    permit(work.actor, "clock.move")
    moved_by = await work.fetchval("SELECT moved_by FROM demo_clock")
    return ClockState(work.now, moved_by or timedelta(), await _next_deadline(work))


async def move_clock(
    actor: Actor,
    settings: Settings,
    *,
    days: int | None = None,
    to_next_deadline: bool = False,
    seen: timedelta | None = None,
) -> Moved:
    """Move domain time forward by whole days, or to the next deadline, when whatever is due then is late.

    `seen` is how far ahead the caller saw the clock: if it has moved since, `Conflict`, so that a form sent twice
    moves it once. Raises `NotFound` where this is no demo, `NotPermitted`, `InvalidInput` for `days`.
    """
    if not settings.demo:
        raise NotFound
    permit(actor, "clock.move")
    if not to_next_deadline and (days is None or not 1 <= days <= LONGEST_MOVE_DAYS):
        raise InvalidInput({"days": f"The number of days must be between 1 and {LONGEST_MOVE_DAYS}"})
    async with unit_of_work(actor) as work:
        ahead = timedelta(days=days or 0)
        if to_next_deadline:
            deadline = await _next_deadline(work)
            if deadline is None:
                raise Conflict("No duty is open, so there is no next deadline to move to.")
            ahead = deadline - work.now
        try:
            moved = await work.fetchval("SELECT move_demo_clock($1, $2)", ahead, seen)
        except asyncpg.InsufficientPrivilegeError as error:
            raise NotPermitted(ONLY_THERE) from error
        if not moved:
            raise Conflict("The clock has been moved meanwhile. Look at the present time, then move it on.")
        if actor.organisation_id is not None:
            work.audit("clock.moved", "organisation", actor.organisation_id, ahead=ahead, until=work.now + ahead)
        return Moved(work.now, work.now + ahead)


async def fell_due(work: Work, moved: Moved) -> list[asyncpg.Record]:
    """(title, due_at, duties, met) for the kinds of duties due in that time: no reference, no organisation."""
    permit(work.actor, "clock.move")
    try:
        return await work.fetch("SELECT * FROM demo_fell_due($1, $2)", moved.since, moved.until)
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotPermitted(ONLY_THERE) from error


async def periods_closed(work: Work, moved: Moved) -> list[ClosedPeriod]:
    """The billing periods of every open framework that ended in that time."""
    permit(work.actor, "clock.move")
    first, last = local_day(moved.since), local_day(moved.until)
    closed: list[ClosedPeriod] = []
    for framework in await work.fetch(
        "SELECT name, anchor_day, pack_hash FROM framework WHERE state <> 'draft' ORDER BY name"
    ):
        pack = await pack_of_hash(work, framework["pack_hash"])
        length = pack.on(first).billing.period_length
        for period in periods_between(max(first, framework["anchor_day"]), last, framework["anchor_day"], length):
            if moved.since < end_of_day(period.last_day) <= moved.until:
                closed.append(ClosedPeriod(framework["name"], period.first_day, period.last_day))
    return closed


async def mark_demo(settings: Settings) -> None:
    """Lay the row that makes a database the demo's; run once, by the demo's loader. Raises `ValueError` otherwise."""
    if not settings.demo:
        raise ValueError("this deployment is no demo")
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await connection.execute("INSERT INTO demo_clock (only_row) VALUES (true) ON CONFLICT DO NOTHING")
    finally:
        await connection.close()


async def mark_demo_loaded(settings: Settings) -> None:
    """Note that the demo's loader came to its end: one that was cut short is recognised by this missing."""
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await connection.execute("UPDATE demo_clock SET loaded_at = now()")
    finally:
        await connection.close()


async def _next_deadline(work: Work) -> datetime | None:
    try:
        return await work.fetchval("SELECT next_demo_deadline()")
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotPermitted(ONLY_THERE) from error

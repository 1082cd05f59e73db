"""A worker's time. Nobody is in two places at once, whichever commissioner's visits ask: the database refuses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.web.filters import clock, weekday


async def book(work: Work, provider_id: UUID, worker_id: UUID, starts_at: datetime, ends_at: datetime) -> UUID:
    """Take a worker's time; returns the booking's id.

    Raises `Conflict` saying when the worker is taken (never for whom), `NotFound` where there is no such worker. The
    unit can go on after a `Conflict`: only the attempt is undone.
    """
    if ends_at <= starts_at:
        raise InvalidInput({"ends_at": "The end must be after the start"})
    await work.execute("SAVEPOINT booking")
    try:
        booking_id = await work.fetchval(
            "INSERT INTO booking (provider_id, worker_id, worker_no, starts_at, ends_at, created_at)"
            " SELECT provider_id, id, worker_no, $3, $4, $5 FROM worker WHERE provider_id = $1 AND id = $2"
            " RETURNING id",
            provider_id,
            worker_id,
            starts_at,
            ends_at,
            work.now,
        )
    except asyncpg.ExclusionViolationError as error:
        await work.execute("ROLLBACK TO SAVEPOINT booking")
        raise Conflict(await _taken(work, provider_id, worker_id, starts_at, ends_at)) from error
    await work.execute("RELEASE SAVEPOINT booking")
    if booking_id is None:
        raise NotFound("There is no such worker.")
    return booking_id


async def release(work: Work, booking_id: UUID) -> None:
    """Give a worker's time back. Doing it twice changes nothing; `NotFound` where there is no such booking."""
    found = await work.fetchval(
        "UPDATE booking SET released_at = coalesce(released_at, $2) WHERE id = $1 RETURNING id", booking_id, work.now
    )
    if found is None:
        raise NotFound("There is no such booking.")


async def _taken(work: Work, provider_id: UUID, worker_id: UUID, starts_at: datetime, ends_at: datetime) -> str:
    row = await work.fetchrow(
        "SELECT w.name, b.starts_at, b.ends_at FROM booking b JOIN worker w ON w.provider_id = b.provider_id"
        " AND w.id = b.worker_id WHERE b.provider_id = $1 AND b.worker_id = $2 AND b.released_at IS NULL"
        " AND tstzrange(b.starts_at, b.ends_at) && tstzrange($3, $4) ORDER BY b.starts_at LIMIT 1",
        provider_id,
        worker_id,
        starts_at,
        ends_at,
    )
    if row is None:
        return "This worker was booked for that time a moment ago. Try again."
    end = clock(row["ends_at"])
    if local_day(row["ends_at"]) != local_day(row["starts_at"]):
        end = f"{end} on {weekday(row['ends_at'])}"
    return f"{row['name']} is already booked on {weekday(row['starts_at'])} from {clock(row['starts_at'])} to {end}."

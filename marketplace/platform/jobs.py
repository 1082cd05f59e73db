"""Jobs: work that belongs to a change but not to its request, queued in the transaction of the change.

A job runs at least once: a killed worker's job runs again, some of them twice, so every effect has its own unique key
in the database. A job that raises is tried again with growing pauses, then held for the operator; one that kills its
worker is held as well. Payloads hold ids, never names. A *sweep* looks every few seconds at what domain time has made
due: the queue's own clock is the database's, the demo's moved clock is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings

from marketplace.settings import Settings

JobFunction = Callable[[Settings, dict[str, Any]], Awaitable[None]]
SweepFunction = Callable[[Settings], Awaitable[None]]

QUEUE_SETTINGS = DBSettings(db_schema="jobs")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Job:
    """A kind of work: `attempts` tries in all, `pause` after the first failure, four times longer after each next."""

    name: str
    run: JobFunction
    attempts: int
    pause: timedelta


@dataclass(frozen=True)
class Sweep:
    """Something looked at again and again, by one worker at a time."""

    name: str
    run: SweepFunction
    every: timedelta


JOBS: dict[str, Job] = {}
SWEEPS: dict[str, Sweep] = {}


def job(
    name: str, *, attempts: int = 6, pause: timedelta = timedelta(seconds=10)
) -> Callable[[JobFunction], JobFunction]:
    """Register `async def f(settings, payload)` as the work of jobs called `name`."""

    def register(run: JobFunction) -> JobFunction:
        _check_name(name, JOBS)
        JOBS[name] = Job(name, run, attempts, pause)
        return run

    return register


def sweep(name: str, *, every: timedelta = timedelta(seconds=3)) -> Callable[[SweepFunction], SweepFunction]:
    """Register `async def f(settings)` to run about `every` so often in the worker; never twice at once."""

    def register(run: SweepFunction) -> SweepFunction:
        _check_name(name, SWEEPS)
        SWEEPS[name] = Sweep(name, run, every)
        return run

    return register


def _check_name(name: str, taken: dict[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name for a job: small letters, digits and underscores")
    if name in taken:
        raise ValueError(f"'{name}' is registered twice")


def queries_on(connection: asyncpg.Connection) -> Queries:
    """pgqueuer's statements in our schema, on this connection and so in its transaction."""
    return Queries(
        AsyncpgDriver(connection), QueryBuilderEnvironment(QUEUE_SETTINGS), QueryQueueBuilder(QUEUE_SETTINGS)
    )


async def enqueue(
    connection: asyncpg.Connection,
    name: str,
    payload: dict[str, Any],
    *,
    dedupe_key: str | None = None,
    run_after: timedelta | None = None,
) -> int | None:
    """Queue a job in the connection's open transaction: it exists only if that commits.

    `dedupe_key`: while a job with this key waits or runs, another is not added (answer None). `run_after` counts from
    now, by the database's clock. Answers the job's number.
    """
    ids = await enqueue_all(connection, [Waiting(name, payload, dedupe_key, run_after)])
    return ids[0]


@dataclass(frozen=True)
class Waiting:
    """A job about to be queued: as `enqueue` takes it."""

    name: str
    payload: dict[str, Any]
    dedupe_key: str | None = None
    run_after: timedelta | None = None


async def enqueue_all(connection: asyncpg.Connection, jobs: list[Waiting]) -> list[int | None]:
    """Queue several in one statement; their numbers, None where one of that key waits or runs already."""
    if not jobs:
        return []
    payloads = [json.dumps(job.payload, separators=(",", ":"), default=str).encode() for job in jobs]
    return list(
        await queries_on(connection).enqueue(
            [job.name for job in jobs],
            list(payloads),
            [0] * len(jobs),
            [job.run_after for job in jobs],
            [job.dedupe_key for job in jobs],
            on_conflict="skip",
        )
    )


@dataclass(frozen=True)
class HeldJob:
    """A job that was given up, for the operator: what it was, how often it was tried, and what kind of error it met."""

    id: int
    name: str
    created_at: datetime
    held_at: datetime
    attempts: int
    reason: str


@dataclass(frozen=True)
class QueueState:
    """What the operator sees: how many jobs wait, run and are held, the oldest's wait in seconds."""

    waiting: int
    running: int
    held: int
    oldest_ready_seconds: float


async def queue_state(connection: asyncpg.Connection) -> QueueState:
    """Counts over the whole queue; holds no one's data."""
    row = await connection.fetchrow(
        """SELECT count(*) FILTER (WHERE status = 'queued') AS waiting,
                  count(*) FILTER (WHERE status = 'picked') AS running,
                  count(*) FILTER (WHERE status = 'failed') AS held,
                  coalesce(extract(epoch FROM now() - min(execute_after)
                      FILTER (WHERE status = 'queued' AND execute_after < now())), 0)::float8 AS oldest
           FROM jobs.pgqueuer"""
    )
    if row is None:
        raise RuntimeError("a count always answers")
    return QueueState(row["waiting"], row["running"], row["held"], row["oldest"])


async def held_jobs(connection: asyncpg.Connection, limit: int = 100) -> list[HeldJob]:
    """The jobs given up, newest first."""
    rows = await connection.fetch(
        """SELECT q.id, q.entrypoint, q.created, q.updated, q.attempts, l.traceback ->> 'exception_message' AS reason
           FROM jobs.pgqueuer q
           LEFT JOIN LATERAL (
               SELECT traceback FROM jobs.pgqueuer_log WHERE job_id = q.id AND status = 'failed'
               ORDER BY created DESC LIMIT 1
           ) l ON true
           WHERE q.status = 'failed' ORDER BY q.updated DESC LIMIT $1""",
        limit,
    )
    return [
        HeldJob(row["id"], row["entrypoint"], row["created"], row["updated"], row["attempts"], row["reason"] or "")
        for row in rows
    ]


async def run_again(connection: asyncpg.Connection, job_id: int) -> bool:
    """Put a held job back into the queue, its counts at nought. False when it is not held (any more)."""
    return bool(await connection.fetchval("SELECT jobs.run_again($1)", job_id))

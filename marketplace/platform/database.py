"""The database: one engine, one pool, one unit of work.

Piccolo's own `engine.transaction()` loses its connection on a failed COMMIT and turns nested transactions into
no-ops, so the unit of work here is our own: it takes a connection from the pool, opens the transaction with the
tenant's context in the same round trip, publishes the connection to Piccolo, writes the audit entries last (they lock
the organisation's head row) and always gives the connection back.
"""

from __future__ import annotations

import json
from asyncio import timeout
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString

from marketplace.platform.actor import Actor
from marketplace.platform.clock import Clock, SystemClock
from marketplace.platform.errors import Conflict, Unavailable
from marketplace.platform.jobs import Waiting, enqueue_all

P = ParamSpec("P")
T = TypeVar("T")


class _Engine(PostgresEngine):
    """Piccolo's engine, bound to our units: a query outside one would run without a tenant, so it is refused."""

    async def check_version(self) -> None:
        """Piccolo connects at import to look at the server's version; ours is looked at when the database is opened."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        if self.current_transaction.get() is None:
            raise RuntimeError("a query was run outside a unit of work")
        return await super().run_querystring(querystring, in_pool=in_pool)


ENGINE = _Engine(config={})
ACQUIRE_SECONDS = 5.0


class _State:
    clock: Clock = SystemClock()
    kept: dict[str, Any] = {}  # noqa: RUF012 - one process, one database


def kept_while_open() -> dict[str, Any]:
    """What the process keeps of the database it has open: what never changes once committed, or is checked."""
    return _State.kept


@dataclass(slots=True)
class Work:
    """One unit of work: a connection inside its transaction, who acts, and the domain's present moment."""

    connection: asyncpg.Connection
    actor: Actor
    now: datetime
    kept: dict[Any, Any] = field(default_factory=dict)  # what queries need not ask twice in one unit
    _audits: list[tuple[Any, ...]] = field(default_factory=list)
    _jobs: list[Waiting] = field(default_factory=list)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        return await self.connection.execute(sql, *args)

    def audit(
        self, action: str, subject_type: str, subject_id: UUID, *, commissioner_id: UUID | None = None, **details: Any
    ) -> None:
        """Record a change in the actor's organisation's chain and, where the row is a commissioner's, in theirs too.

        `details` are facts of the change; no names, addresses or free text about a child.
        """
        chains = {self.actor.organisation_id, commissioner_id} - {None}
        for chain in sorted(chains, key=str):
            self._audits.append((chain, action, subject_type, subject_id, _json(details)))

    async def look(self, commissioner_id: UUID, subject_type: str, subject_id: UUID, why: str) -> None:
        """Log that a case record was opened, by whom and why, in the same unit (not for lists)."""
        await self.execute(
            "SELECT look_append($1, $2, $3, $4, $5)",
            commissioner_id, subject_type, subject_id, why, self.actor.organisation_id,
        )  # fmt: skip

    async def enqueue(self, job: str, payload: dict[str, Any], *, dedupe_key: str | None = None) -> None:
        """Queue a job that exists only if this unit commits; all of a unit's are written together at its end."""
        self._jobs.append(Waiting(job, payload, dedupe_key))

    async def write_jobs_and_audits(self) -> None:
        """The end of a unit: its jobs, then its audit entries, which lock the heads of their chains."""
        await enqueue_all(self.connection, self._jobs)
        if self._audits:
            await self.connection.execute(
                "SELECT count(audit_append(chain, $2, $3, action, type, subject, facts::jsonb)) FROM (SELECT * FROM"
                " unnest($1::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[]) WITH ORDINALITY"
                " AS e (chain, action, type, subject, facts, number) ORDER BY number) e",
                [entry[0] for entry in self._audits], self.actor.person_name, self.actor.role,
                *([entry[at] for entry in self._audits] for at in (1, 2, 3, 4)),
            )  # fmt: skip


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=_plain, separators=(",", ":"), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """JSONB arrives as Python values; Piccolo hands JSON over as text already, which passes through unchanged."""
    for kind in ("jsonb", "json"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_json, decoder=json.loads)


async def nothing_to_reset(_: asyncpg.Connection) -> None:
    """What a connection carries from one user to the next: nothing, since every setting ends with its transaction.

    asyncpg would ask the database to forget settings, locks and listeners after every use, which costs a request more
    than its session. An open transaction it still rolls back, and a test holds that nothing stays behind.
    """


async def open_database(
    dsn: str, *, clock: Clock | None = None, min_size: int = 1, max_size: int = 10, session_locks: bool = False,
    durable: bool = True,
) -> None:  # fmt: skip
    """Open the pool as the role in `dsn`; every query of the process goes through it.

    `session_locks`: this process takes locks that outlast a transaction, so that every use ends with a full reset.
    `durable`: what a unit did is on disk when it ends. Only what can be done again from nothing goes without.
    """
    _State.clock = clock or SystemClock()
    _State.kept = {}
    ENGINE.config = {"dsn": dsn}
    ENGINE.pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        init=prepare_connection,
        reset=None if session_locks else cast(Any, nothing_to_reset),
        server_settings={
            "application_name": "marketplace",
            "statement_timeout": "15s",
            "lock_timeout": "5s",
            "idle_in_transaction_session_timeout": "30s",
            "timezone": "UTC",
            **({} if durable else {"synchronous_commit": "off"}),
        },
    )


async def close_database() -> None:
    if ENGINE.pool is not None:
        await ENGINE.pool.close()
        ENGINE.pool = None


@dataclass(slots=True)
class _Published:
    """What Piccolo looks for in `engine.current_transaction`."""

    connection: asyncpg.Connection


@asynccontextmanager
async def unit_of_work(actor: Actor, *, read_only: bool = False) -> AsyncIterator[Work]:
    """Open one transaction in the actor's context; commit when the block ends, roll back when it raises.

    Only actions open it to write. Raises `Unavailable` when no connection is free in time, `Conflict` when another
    change got in the way (lock, deadlock, unique key races surface as their own errors in actions).
    """
    if ENGINE.current_transaction.get() is not None:
        raise RuntimeError("a unit of work is already open here: pass it on instead of nesting")
    if ENGINE.pool is None:
        raise RuntimeError("the database is not open")
    try:
        async with timeout(ACQUIRE_SECONDS):  # asyncpg's own would start a task for each unit
            # asyncpg hands out a proxy that is a Connection in everything but its class
            connection = cast(asyncpg.Connection, await ENGINE.pool.acquire())
    except (TimeoutError, OSError) as error:
        raise Unavailable("The system is very busy. Try again in a moment.") from error
    published = ENGINE.current_transaction.set(_Published(connection))  # type: ignore[arg-type]
    try:
        now = await _State.clock.now(connection)
        await connection.execute(_begin(actor, now, read_only))
        work = Work(connection, actor, now)
        try:
            yield work
            await work.write_jobs_and_audits()
        except BaseException:
            await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")
    except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.SerializationError) as error:
        raise Conflict("Somebody else is changing this at the moment. Try again.") from error
    finally:
        ENGINE.current_transaction.reset(published)
        await ENGINE.pool.release(cast(Any, connection))


def _begin(actor: Actor, now: datetime, read_only: bool) -> str:
    # One round trip for BEGIN and the context; every value is a UUID or an instant, formatted by us.
    commissioner, organisation, person = actor.reach
    return (
        f"BEGIN{' READ ONLY' if read_only else ''};"
        f"SELECT set_config('app.commissioner','{commissioner or ''}',true),"
        f"set_config('app.organisation','{organisation or ''}',true),"
        f"set_config('app.person','{person}',true),"
        f"set_config('app.now','{now.isoformat()}',true)"
    )


async def ask(
    actor: Actor, query: Callable[Concatenate[Work, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run one of `queries.py`'s questions in a read-only unit: `await ask(actor, queries.offers_of, referral_id)`."""
    async with unit_of_work(actor, read_only=True) as work:
        return await query(work, *args, **kwargs)


@asynccontextmanager
async def outside_context() -> AsyncIterator[asyncpg.Connection]:
    """A connection with no tenant: it reads no rows and can only call the narrow functions sign-in needs."""
    if ENGINE.pool is None:
        raise RuntimeError("the database is not open")
    try:
        async with ENGINE.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            yield connection  # type: ignore[misc]
    except TimeoutError as error:
        raise Unavailable("The system is very busy. Try again in a moment.") from error


async def domain_now() -> datetime:
    """The domain's present moment outside any unit (pages that show a countdown before asking anything)."""
    async with outside_context() as connection:
        return await _State.clock.now(connection)

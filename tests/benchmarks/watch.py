"""The commissioner's first page, Watch, against its bare queries: the same statements under the same policies.

The product is the whole page, signed in, from a server of its own. The floor is what its figures ask of the database,
as they were written down from the product itself, sent once more by asyncpg alone in one transaction of the tenant.
"""

from __future__ import annotations

import os
import statistics
import time
from datetime import date
from typing import Any, cast
from uuid import UUID

import asyncpg

from admin.watch_queries import watch
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import Work, close_database, open_database, prepare_connection, unit_of_work
from marketplace.settings import Settings
from tests.benchmarks.machine import Result, Server, cpu_of
from tests.benchmarks.nation import Way, day_of, now_of, way_in

OPENINGS = 30
ASKED = ("fetch", "fetchrow", "fetchval")
# What the nation is laid without: of each package four duties over the past year, those of one in twenty late and still
# open; an allocation for each child.
DUTIES = """
INSERT INTO obligation (owed_by_organisation, owed_to, commissioner_id, framework_id, child_id, package_id,
    subject_type, subject_id, reference, rule_key, pack_hash, title, starts_at, due_at, met_at, missed_at)
SELECT p.provider_id, p.commissioner_id, p.commissioner_id, p.framework_id, p.child_id, p.id,
    'package', p.id, p.reference, 'benchmark_duty', f.pack_hash, 'A duty', d.due - interval '5 days', d.due,
    CASE WHEN p.n % 20 <> 0 THEN d.due - interval '1 day' END, CASE WHEN p.n % 20 = 0 THEN d.due END
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM package) p JOIN framework f ON f.id = p.framework_id,
    LATERAL (SELECT $1::timestamptz - make_interval(days => days) AS due
             FROM (VALUES (3), (40), (200), (400)) a (days)) d ON CONFLICT DO NOTHING
"""
BUDGETS = """
INSERT INTO allocation (commissioner_id, child_id, starts_on, ends_on, unit, amount, reason, set_by, set_by_name,
    set_at, spent, committed, forecast, figured_at, runs_out_on)
SELECT c.commissioner_id, c.id, $1::date - 30, $1::date + 300, 'pence', 1000000, 'By the panel', c.referrer_id, 'R',
    ($1::date)::timestamptz, 200000, 100000, 900000, ($1::date)::timestamptz,
    CASE WHEN hashtext(c.id::text) % 30 = 0 THEN $1::date + 40 END
FROM child c
WHERE NOT EXISTS (SELECT FROM allocation a WHERE a.commissioner_id = c.commissioner_id AND a.child_id = c.id)
"""


async def measure(settings: Settings, migrator: asyncpg.Connection, rounds: int) -> list[Result]:
    """One row: the page beside the statements it needs."""
    on = await day_of(migrator)
    await migrator.execute(DUTIES, now_of(on))
    await migrator.execute(BUDGETS, on)
    await migrator.execute("VACUUM (ANALYZE)")
    council = await migrator.fetchval(
        "SELECT commissioner_id FROM referral WHERE state = 'awarded' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    assert isinstance(council, UUID)
    way = await way_in(settings, migrator, "contract_manager", council, "console")
    statements = await _written_down(settings, way, on)
    bare = await _bare(settings, way, on)
    console = Server("console", settings)
    try:
        await console.start(migrator)
        figures: dict[str, list[tuple[float, float]]] = {"floor": [], "product": []}
        walls: list[float] = []
        for number in range(rounds + 1):
            before = (cpu_of(os.getpid()), cpu_of(bare.get_server_pid()))
            for _ in range(OPENINGS):
                async with bare.transaction(readonly=True):
                    for how, sql, args in statements:
                        await getattr(bare, how)(sql, *args)
            after = (cpu_of(os.getpid()), cpu_of(bare.get_server_pid()))
            if number:
                figures["floor"].append(_each(before, after))
            before, began = console.cpu(), time.perf_counter()
            for _ in range(OPENINGS):
                console.ask("GET", "/watch", way.cookie)
            if number:
                walls.append(1000 * (time.perf_counter() - began) / OPENINGS)
                figures["product"].append(_each(before, console.cpu()))
    finally:
        console.stop()
        await bare.close()
    total = {name: statistics.median(sum(parts) for parts in rows) for name, rows in figures.items()}
    app, database = (statistics.median(part) for part in zip(*figures["product"], strict=True))
    own, theirs = (statistics.median(part) for part in zip(*figures["floor"], strict=True))
    packages = await migrator.fetchval("SELECT count(*) FROM package WHERE commissioner_id = $1", council)
    return [
        Result(
            "Watch opened", total["floor"], total["product"], 2.0,
            parts=f"app {app:.2f} (floor {own:.2f}), database {database:.2f} ({theirs:.2f}); by the wall"
            f" {statistics.median(walls):.1f}; {len(statements)} statements, {packages} packages",
        )
    ]  # fmt: skip


class _Recorder:
    """A connection that writes down what it is asked."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.written: list[tuple[str, str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.connection, name)
        if name not in ASKED:
            return real

        async def asked(sql: str, *args: Any) -> Any:
            self.written.append((name, sql, args))
            return await real(sql, *args)

        return asked


async def _written_down(settings: Settings, way: Way, on: date) -> list[tuple[str, str, tuple[Any, ...]]]:
    """What opening Watch asks once the process is warm."""
    await open_database(settings.dsn("app"), clock=FrozenClock(now_of(on)), min_size=1, max_size=1)
    try:
        written: list[tuple[str, str, tuple[Any, ...]]] = []
        for _ in range(2):
            async with unit_of_work(way.actor, read_only=True) as work:
                recorder = _Recorder(work.connection)
                await watch(Work(cast(Any, recorder), work.actor, work.now))
                written = recorder.written
        return written
    finally:
        await close_database()


async def _bare(settings: Settings, way: Way, on: date) -> asyncpg.Connection:
    connection = await asyncpg.connect(settings.dsn("app"))
    await prepare_connection(connection)
    values = {
        "commissioner": way.actor.organisation_id, "organisation": way.actor.organisation_id,
        "person": way.actor.person_id, "now": now_of(on).isoformat(),
    }  # fmt: skip
    for name, value in values.items():
        await connection.execute("SELECT set_config($1, $2, false)", f"app.{name}", str(value))
    return connection


def _each(before: tuple[float, float], after: tuple[float, float]) -> tuple[float, float]:
    own, theirs = (1000 * (b - a) / OPENINGS for a, b in zip(before, after, strict=True))
    return own, theirs

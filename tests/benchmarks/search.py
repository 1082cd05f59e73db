"""Reach and readiness for a broadcast on national data, against the lot's providers and their DBS-valid workers.

The floor reads the two things any answer needs, by covering indexes, without policies. The product's figure is
`reach_of`: standing with its reasons, readiness for the child's needs, under row-level security.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import asyncpg

from marketplace.frameworks.queries import pack_of
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask, close_database, open_database, unit_of_work
from marketplace.policy.bounds import readiness_bounds
from marketplace.referrals.reach import reach_of
from marketplace.referrals.tables import Referral
from marketplace.settings import Settings
from tests.benchmarks.machine import Result, cpu_of
from tests.benchmarks.nation import Way, day_of, now_of, way_in

SEARCHES = 60
MORE_ROUNDS = 3  # a p95 of few rounds says more of the machine than of the code
EPOCH = date(2000, 1, 1)
FLOOR = """
SELECT a.provider_id, r.worker_id FROM admission a JOIN worker_readiness r USING (provider_id)
WHERE a.framework_id = $1 AND a.lot_code = $2 AND a.ends_on IS NULL AND r.days[1] BETWEEN $3 AND $4
"""
CHANGE = """
UPDATE worker_dbs_check SET checked_on = checked_on - 1 WHERE (provider_id, worker_id) IN
    (SELECT provider_id, id FROM worker WHERE hashint8extended(worker_no, 5) % 10 = 0)
"""


async def measure(settings: Settings, migrator: asyncpg.Connection, rounds: int) -> list[Result]:
    """Two rows: as laid, and right after every tenth worker's row was changed."""
    now = now_of(await day_of(migrator))
    await open_database(settings.dsn("app"), clock=FrozenClock(now), min_size=1, max_size=1)
    try:
        asked = await _searches(settings, migrator)
        await migrator.execute("VACUUM (ANALYZE)")
        calm = await _compare(migrator, asked, rounds, "reach and readiness")
        await migrator.execute(CHANGE)
        changed = await _compare(migrator, asked, rounds, "the same, a tenth just changed")
        return [*calm, *changed]
    finally:
        await close_database()


async def _searches(settings: Settings, migrator: asyncpg.Connection) -> list[tuple[Way, Any, date, date]]:
    rows = await migrator.fetch(
        "SELECT DISTINCT ON (framework_id, lot_code) id, framework_id, lot_code, commissioner_id, starts_on"
        " FROM referral WHERE state = 'broadcast' ORDER BY framework_id, lot_code, id"
    )
    chosen = random.Random(1).sample(rows, min(len(rows), SEARCHES))
    found = []
    for row in chosen:
        way = await way_in(settings, migrator, "referrer", row["commissioner_id"])
        pack = await ask(way.actor, pack_of, row["framework_id"])
        since = readiness_bounds(pack, row["lot_code"], row["starts_on"]).dbs_since
        async with unit_of_work(way.actor, read_only=True):
            referral = await Referral.objects().where(Referral.id == row["id"]).first()
        found.append(
            (way, {**row, "referral": referral}, row["starts_on"], since or row["starts_on"] - timedelta(days=183))
        )
    return found


async def _compare(
    migrator: asyncpg.Connection, asked: list[tuple[Way, Any, date, date]], rounds: int, what: str
) -> list[Result]:
    backend = await migrator.fetchval("SELECT pg_backend_pid()")
    way = asked[0][0]
    async with unit_of_work(way.actor, read_only=True) as work:
        own_backend = await work.fetchval("SELECT pg_backend_pid()")

    async def floor(_: Way, row: Any, on: date, since: date) -> int:
        days = [(day - EPOCH).days for day in (since, on)]
        async with migrator.transaction(readonly=True):
            return len(await migrator.fetch(FLOOR, row["framework_id"], row["lot_code"], *days))

    async def product(way: Way, row: Any, on: date, since: date) -> int:
        async with unit_of_work(way.actor, read_only=True) as work:
            return len(await reach_of(work, row["referral"]))

    walls: dict[str, list[float]] = {"floor": [], "product": []}
    cpus: dict[str, list[tuple[float, float]]] = {"floor": [], "product": []}
    sizes: dict[str, list[int]] = {"floor": [], "product": []}
    for number in range(MORE_ROUNDS * rounds + 1):
        for name, run, pid in (("floor", floor, backend), ("product", product, own_backend)):
            for each in asked:
                figures = await _timed(run, each, pid)
                if number:
                    walls[name].append(figures[0])
                    cpus[name].append(figures[1:3])
                    sizes[name].append(int(figures[3]))
    results = []
    for label, of in (("p95", _p95), ("median", statistics.median)):
        total = {name: of([a + b for a, b in rows]) for name, rows in cpus.items()}
        database = {name: of([b for _, b in rows]) for name, rows in cpus.items()}
        results.append(
            Result(
                f"{what}, {label}", total["floor"], total["product"], 2.0,
                parts=f"database {database['product']:.2f} ({database['floor']:.2f}); by the wall"
                f" {of(walls['product']):.2f}"
                f" ({of(walls['floor']):.2f}); {statistics.mean(sizes['product']):.0f} providers,"
                f" {statistics.mean(sizes['floor']):.0f} workers",
            )
        )  # fmt: skip
    return results


async def _timed(
    run: Callable[..., Awaitable[int]], each: tuple[Any, ...], pid: int
) -> tuple[float, float, float, float]:
    """Milliseconds by the wall, of this process's CPU, of the backend's; and how much came back."""
    wall, own, theirs = time.perf_counter(), cpu_of(os.getpid()), cpu_of(pid)
    size = await run(*each)
    return (
        1000 * (time.perf_counter() - wall), 1000 * (cpu_of(os.getpid()) - own), 1000 * (cpu_of(pid) - theirs), size
    )  # fmt: skip


def _p95(figures: list[float]) -> float:
    return statistics.quantiles(figures, n=20)[-1]

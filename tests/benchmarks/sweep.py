"""The daily expiry sweep over all competencies, against one bare scan of the table that holds them.

The finding is the product's own (`providers.lapse_finding`): the days the rules write out and one question over every
kind of evidence, asked as the worker process asks it. What follows is measured by itself: looking at a provider for
whom something was found, with its notices and the jobs of its mails, costs what there is to tell.
"""

from __future__ import annotations

import os
import statistics
from datetime import timedelta

import asyncpg

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database, outside_context
from marketplace.providers.lapse_finding import Found, days_to_warn_of, packs_in_use, to_warn_of
from marketplace.providers.lapse_sweeps import look_at_provider
from marketplace.settings import Settings
from tests.benchmarks.machine import Result, cpu_of
from tests.benchmarks.nation import day_of, now_of

FLOOR = "SELECT count(*) FROM worker_competency WHERE assessed_on = $1"
LOOKED_AT = 40


async def measure(settings: Settings, migrator: asyncpg.Connection, rounds: int) -> list[Result]:
    """One row: the question's CPU time, this process's and the backend's, beside the scan's; and what follows."""
    on = await day_of(migrator)
    await migrator.execute("SET max_parallel_workers_per_gather = 0")  # else other processes' time would be missed
    await migrator.execute(
        "INSERT INTO lapse_look (provider_id, looked_on) SELECT id, $1 FROM organisation WHERE kind = 'provider'"
        " ON CONFLICT (provider_id) DO UPDATE SET looked_on = $1, looked_before_on = NULL",
        on - timedelta(days=1),
    )
    await migrator.execute("VACUUM (ANALYZE) lapse_look")
    scanning = migrator.get_server_pid()
    await open_database(settings.dsn("worker"), clock=FrozenClock(now_of(on)), min_size=1, max_size=1)
    try:
        judging = await packs_in_use()
        async with outside_context() as connection:
            await connection.execute("SET max_parallel_workers_per_gather = 0")
            asking = connection.get_server_pid()
        figures: dict[str, list[float]] = {"floor": [], "sweep": []}
        found: Found = {}
        for number in range(rounds + 1):
            before = cpu_of(scanning)
            await migrator.fetch(FLOOR, on)
            figures["floor"].append(1000 * (cpu_of(scanning) - before))
            before = cpu_of(asking) + cpu_of(os.getpid())
            days_to_warn_of.cache_clear()  # once a day everything is new
            async with outside_context() as connection:
                found = await to_warn_of(connection, judging, on - timedelta(days=1), on)
            figures["sweep"].append(1000 * (cpu_of(asking) + cpu_of(os.getpid()) - before))
            if not number:  # the first round warms caches
                figures = {"floor": [], "sweep": []}
        told, each = await _look(found, asking)
    finally:
        await close_database()
    rows = await migrator.fetchval("SELECT count(*) FROM worker_competency")
    workers = sum(len(who) for who, _ in found.values())
    return [
        Result(
            "expiry sweep, finding whom to warn", statistics.median(figures["floor"]),
            statistics.median(figures["sweep"]), 3.0,
            parts=f"{rows:,} competencies and the rest; {workers:,} workers of {len(found):,} providers found;"
            f" then {each:.1f} ms for each provider, {told:.1f} facts told of each",
        )
    ]  # fmt: skip


async def _look(found: Found, backend: int) -> tuple[float, float]:
    """Look at some of those found: facts told of and milliseconds of CPU, for each."""
    chosen = sorted(found, key=str)[: LOOKED_AT + 1]
    facts, before = 0, 0.0
    for number, provider_id in enumerate(chosen):
        if number == 1:  # the first one warms caches
            facts, before = 0, cpu_of(backend) + cpu_of(os.getpid())
        workers, own = found[provider_id]
        facts += await look_at_provider(provider_id, workers, own=own)
    spent = cpu_of(backend) + cpu_of(os.getpid()) - before
    return facts / max(1, len(chosen) - 1), 1000 * spent / max(1, len(chosen) - 1)

"""The daily expiry sweep over all competencies, against one bare scan of the table that holds them.

The rules say after how many days from its own day a fact is warned of (`policy.reminders`, `policy.standing`). Months
cannot be inverted, but a calendar can be written out: for each length in months, the days on which what was done would
be warned of today. One scan then finds every competency of the nation that somebody must be told of.
"""

from __future__ import annotations

import statistics
from datetime import date, timedelta

import asyncpg

from marketplace.policy.pack import load_pack
from marketplace.policy.reminders import warning_days
from marketplace.policy.standing import competency_current_until
from marketplace.settings import Settings
from tests.benchmarks.machine import Result, cpu_of
from tests.benchmarks.nation import day_of

FLOOR = "SELECT count(*) FROM worker_competency WHERE assessed_on = $1"
SWEEP = """
SELECT c.provider_id, c.worker_id, c.code, c.assessed_on FROM worker_competency c
JOIN unnest($1::text[], $2::date[]) AS due (code, day) ON due.code = c.code AND due.day = c.assessed_on
WHERE c.withdrawn_at IS NULL AND c.assessor_name IS NOT NULL
"""


def days_warned_of(on: date) -> tuple[list[str], list[date]]:
    """Every (competency, day of assessment) whose warning falls on the day, by the rules themselves."""
    pack = load_pack("lewisham-2017").on(on)
    codes, days = [], []
    for code, competency in pack.competencies.items():
        months = competency.months or 0
        for back in range(months * 31 + 1):
            day = on - timedelta(days=back)
            until = competency_current_until(pack, code, day)
            if until is not None and any(when == on for _, when in warning_days(pack, until)):
                codes.append(code)
                days.append(day)
    return codes, days


async def measure(settings: Settings, migrator: asyncpg.Connection, rounds: int) -> list[Result]:
    """One row: the backend's CPU time of both, on one connection in turn (the migrator's: a sweep sees all tenants)."""
    backend = await migrator.fetchval("SELECT pg_backend_pid()")
    await migrator.execute("SET max_parallel_workers_per_gather = 0")  # else other processes' time would be missed
    on = await day_of(migrator)
    codes, days = days_warned_of(on)
    figures: dict[str, list[float]] = {"floor": [], "sweep": []}
    found = 0
    for number in range(rounds + 1):
        before = cpu_of(backend)
        await migrator.fetch(FLOOR, on)
        between = cpu_of(backend)
        found = len(await migrator.fetch(SWEEP, codes, days))
        after = cpu_of(backend)
        if number:
            figures["floor"].append(1000 * (between - before))
            figures["sweep"].append(1000 * (after - between))
    rows = await migrator.fetchval("SELECT count(*) FROM worker_competency")
    return [
        Result(
            "expiry sweep, its question", statistics.median(figures["floor"]), statistics.median(figures["sweep"]), 3.0,
            parts=f"{rows:,} competencies, {found:,} to warn of, {len(days)} days asked for",
        )
    ]  # fmt: skip

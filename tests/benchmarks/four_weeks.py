"""The four-weekly run over the nation's visits, against a bare INSERT ... SELECT of the same lines without policies.

The run is the product's own (`marketplace invoices run` calls the same action): as the worker's role, one transaction
for each commissioner, lines, defects, totals and audit. The floor copies the finished lines into a table with the same
columns and the same key, as a role that no policy binds. Afterwards a thousand drafts are compared with the rule.
"""

from __future__ import annotations

import os
import random
import re
import statistics
from pathlib import Path
from uuid import UUID

import asyncpg

from marketplace.billing.prepared_queries import LINES
from marketplace.billing.preparing import prepare_drafts
from marketplace.platform.actor import system_for
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask, close_database, open_database
from marketplace.settings import Settings
from tests.benchmarks.machine import Result, cpu_of
from tests.benchmarks.nation import day_of, now_of
from tests.world.prepared import differences

SAMPLE = 1_000
# A line is a row here, with every column a line has and a key, as it was while lines had a table of their own.
TABLE = """
CREATE TABLE {name} (commissioner_id uuid NOT NULL, draft_id uuid NOT NULL, provider_id uuid NOT NULL,
    visit_commissioner_id uuid NOT NULL, visit_id uuid NOT NULL, minutes int NOT NULL, percent int NOT NULL,
    price_pence int, payable_pence int NOT NULL, missing text, PRIMARY KEY (commissioner_id, draft_id, visit_id))
"""
FLOOR = "INSERT INTO bare_line SELECT * FROM finished_line"


async def measure(settings: Settings, migrator: asyncpg.Connection, rounds: int) -> list[Result]:
    """Rows: the run from nothing, and the run again over what is there; CPU of this process and its backend."""
    backend = await migrator.fetchval("SELECT pg_backend_pid()")
    await migrator.execute("SET max_parallel_workers_per_gather = 0; DROP TABLE IF EXISTS bare_line, finished_line")
    for name in ("bare_line", "finished_line"):
        await migrator.execute(TABLE.format(name=name))
    await open_database(settings.dsn("worker"), clock=FrozenClock(now_of(await day_of(migrator))), max_size=1)
    try:
        worker = await migrator.fetchval("SELECT pid FROM pg_stat_activity WHERE usename = $1", settings.role("worker"))
        payers = await migrator.fetch("SELECT id, name FROM organisation WHERE kind = 'commissioner' ORDER BY id")
        figures: dict[str, list[float]] = {"floor": [], "run": [], "again": []}
        lines = drafts = by_rules = 0
        for number in range(rounds + 1):
            await migrator.execute("TRUNCATE bare_line, finished_line, prepared_draft, prepared_period")
            for name in ("run", "again"):
                before = cpu_of(os.getpid()) + cpu_of(worker)
                done = [
                    each
                    for payer in payers
                    for each in await prepare_drafts(system_for(payer["id"], "commissioner"), again=name == "again")
                ]
                spent = cpu_of(os.getpid()) + cpu_of(worker) - before
                lines, drafts = sum(each.lines for each in done), sum(each.drafts for each in done)
                by_rules = sum(each.by_rules for each in done)
                if number:
                    figures[name].append(1e6 * spent / lines)
            await migrator.execute(f"INSERT INTO finished_line {LINES}")
            before = cpu_of(backend)
            await migrator.execute(FLOOR)
            if number:
                figures["floor"].append(1e6 * (cpu_of(backend) - before) / lines)
        peak = f"peak memory: process {_peak(os.getpid())} MB, its backend {_peak(worker)} MB"
        compared, faults = await _compare(migrator)
    finally:
        await close_database()
        await migrator.execute("DROP TABLE bare_line, finished_line")
    medians = {name: statistics.median(values) for name, values in figures.items()}
    parts = f"{lines:,} visits, {drafts:,} drafts, {by_rules:,} by the rule itself; {peak}"
    same = f"{compared:,} drafts compared with the rule, {faults} differ"
    unit = "us CPU a visit"
    return [
        Result("four-weekly run", medians["floor"], medians["run"], 3.2, unit, f"{parts}; {same}"),
        Result("the same again, nothing changed", medians["floor"], medians["again"], 3.2, unit),
    ]


async def _compare(migrator: asyncpg.Connection) -> tuple[int, int]:
    rows = await migrator.fetch("SELECT id, commissioner_id FROM prepared_draft ORDER BY id")
    chosen = random.Random(1).sample(rows, min(SAMPLE, len(rows)))
    differ = 0
    for row in chosen:
        payer: UUID = row["commissioner_id"]
        differ += bool(await ask(system_for(payer, "commissioner"), differences, row["id"]))
    return len(chosen), differ


def _peak(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) // 1024 if found else 0

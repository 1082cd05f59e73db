"""The national data set: every commissioner, provider, worker and child of a made-up nation, to measure with.

At scale 1.0: 153 commissioners, 9,000 providers, 120,000 workers, about 1.7 million competencies, 65,000 children with
packages and 1,000,000 visits of the four weeks before the day it is laid for. The same seed, scale and day make the
same rows, whatever the machine (audit entries carry the wall's clock and are the exception).

This is development data, so it may do what the product may not: it is laid by the migrator, past row-level security
and the actions, in bulk statements. Keys, constraints and triggers hold as always; the rows of readiness are made at
the end instead of once for each table they are drawn from. An empty database is asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from string import Template

import asyncpg

from marketplace.dev import national_names as names
from marketplace.dev.national_sql import AUDIT, FINGERPRINT, FINGERPRINTED, HELPERS, STEPS
from marketplace.frameworks.rates import grid
from marketplace.platform.database import prepare_connection
from marketplace.policy.pack import load_pack, pack_to_json
from marketplace.settings import Settings

Say = Callable[[str], None]
PACKS = ("lewisham-2017", "cambridgeshire-peterborough-pdps")
WHOLE = {"C": 153, "P": 9_000, "W": 120_000, "K": 65_000, "S": 1_300, "V": 1_000_000}
COMPETENCIES = 1_700_000
LEAST = {"C": 2, "P": 6, "W": 40, "K": 20, "S": 4, "V": 60}
PENCE = 2_400
CHUNK = 2_000  # workers whose readiness is made in one statement


class NationalRefused(Exception):
    """The data set cannot be laid here; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Nation:
    """Which nation: how large, thrown by which dice, as it stands on which day."""

    scale: float
    seed: int
    day: date

    @property
    def counts(self) -> dict[str, int]:
        """Rows by letter: commissioners, providers, workers, children, searches, visits."""
        return {letter: max(LEAST[letter], round(number * self.scale)) for letter, number in WHOLE.items()}

    @property
    def period(self) -> date:
        """The Monday on which the four weeks of visits began: they ended before the day's own week."""
        return self.day - timedelta(days=self.day.weekday() + 28)


async def lay(settings: Settings, nation: Nation, say: Say) -> dict[str, int]:
    """Lay the data set into an empty database; returns how many rows each table has. Raises `NationalRefused`.

    All or nothing: one transaction, so that an interrupted run leaves the database as it was.
    """
    if not 0 < nation.scale <= 4:
        raise NationalRefused("The scale must be above 0 and at most 4: 1.0 is the whole nation.")
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await prepare_connection(connection)
        if await connection.fetchval("SELECT EXISTS (SELECT FROM organisation)"):
            raise NationalRefused("This database is in use already: the data set is laid into an empty one only.")
        await connection.execute("SET work_mem = '128MB'; SET maintenance_work_mem = '256MB'; SET jit = off")
        began = time.monotonic()
        async with connection.transaction():
            await _lay(connection, settings, nation, say)
        await connection.execute("VACUUM (ANALYZE)")
        say(f"  All of it ({time.monotonic() - began:.0f} s)")
        return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in FINGERPRINTED}  # noqa: S608
    finally:
        await connection.close()


async def fingerprint(connection: asyncpg.Connection) -> str:
    """A hash of the content of every table the data set fills, as the migrator reads it."""
    each = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS said"  # noqa: S608
        f" FROM {table} t"
        for table in FINGERPRINTED
    )
    return str(await connection.fetchval(Template(FINGERPRINT).substitute(tables=each)))


async def _lay(connection: asyncpg.Connection, settings: Settings, nation: Nation, say: Say) -> None:
    values = _values(nation)
    await connection.execute(Template(HELPERS).substitute(values))
    await _packs(connection, nation)
    owner = f"{settings.role_prefix}_owner"
    await _follow(connection, owner, "DISABLE")
    for title, statements in STEPS:
        began = time.monotonic()
        await connection.execute(Template(statements).substitute(values))
        say(f"  {title} ({time.monotonic() - began:.1f} s)")
    await _follow(connection, owner, "ENABLE")
    await _readiness(connection, say)
    began = time.monotonic()
    await connection.execute(Template(AUDIT).substitute(values))
    await connection.execute("DROP SCHEMA national CASCADE")
    say(f"  The audit trail's first entries ({time.monotonic() - began:.1f} s)")


async def _packs(connection: asyncpg.Connection, nation: Nation) -> None:
    packs = [load_pack(name) for name in PACKS]
    for no, pack in enumerate(packs, 1):
        await connection.execute(
            "INSERT INTO national.pack VALUES ($1, $2, $3, $4, $5)",
            no, pack.content_hash, pack.id, pack.title, json.loads(pack_to_json(pack)),
        )  # fmt: skip
        for position, lot in enumerate(pack.on(nation.day).content.lots):
            await connection.execute(
                "INSERT INTO national.lot VALUES ($1, $2, $3, $4, $5)",
                no,
                position,
                lot.key,
                lot.title,
                list(lot.roles),
            )
            shape = grid(pack, lot.key, nation.day)
            bands = [code for code, _ in shape.bands]
            await connection.executemany(
                "INSERT INTO national.cell VALUES ($1, $2, $3, $4, $5)",
                [
                    (no, lot.key, activity, band, PENCE + PENCE * bands.index(band) // 10)
                    for activity, band in shape.cells()
                ],
            )
    first = packs[0].on(nation.day)
    await connection.executemany(
        "INSERT INTO national.competency VALUES ($1, $2, $3)",
        [(n, competency.key, competency.months) for n, competency in enumerate(first.content.competencies)],
    )
    kinds = [c for c in first.content.worker_checks if c.evidence == "record" and c.required]
    await connection.executemany(
        "INSERT INTO national.kind VALUES ($1, $2, $3, $4)",
        [
            (n, check.key, (check.months or 24) * 31, check.expires)
            for n, check in enumerate(kinds)
            if check.key != "profile" and check.when == "always"
        ],
    )


async def _follow(connection: asyncpg.Connection, owner: str, verb: str) -> None:
    rows = await connection.fetch(
        "SELECT tgrelid::regclass::text AS place, tgname FROM pg_trigger WHERE tgname LIKE '%\\_readiness\\_%'"
        " OR tgname LIKE 'visit\\_worker\\_counted\\_%' ORDER BY 1, 2"
    )
    await connection.execute(f'SET LOCAL ROLE "{owner}"')
    for row in rows:
        await connection.execute(f"ALTER TABLE {row['place']} {verb} TRIGGER {row['tgname']}")
    await connection.execute("RESET ROLE")


async def _readiness(connection: asyncpg.Connection, say: Say) -> None:
    began = time.monotonic()
    workers = await connection.fetch("SELECT provider_id, id FROM worker ORDER BY provider_id, id")
    for start in range(0, len(workers), CHUNK):
        part = workers[start : start + CHUNK]
        await connection.execute(
            "SELECT readiness_refresh($1, $2)", [row["provider_id"] for row in part], [row["id"] for row in part]
        )
    say(f"  Readiness of each worker ({time.monotonic() - began:.1f} s)")


def _values(nation: Nation) -> dict[str, object]:
    now = datetime(nation.day.year, nation.day.month, nation.day.day, 11, tzinfo=UTC)
    lists = {
        "place": names.PLACES, "ending": names.ENDINGS, "tree": names.TREES, "kindness": names.KINDNESSES,
        "trade": names.TRADES, "first": names.FIRST, "last": names.LAST,
    }  # fmt: skip
    pattern = [{"weekday": 0, "start": "16:00", "end": "17:30", "activity": "home_support"}]
    price = {"from": str(nation.period), "to": str(nation.period + timedelta(days=27)), "visits": 4, "minutes": 360,
             "workers": 1, "billed_workers": 1, "rows": []}  # fmt: skip
    # of every worker's competencies this many in a million are there
    share = COMPETENCIES * 1_000_000 // (WHOLE["W"] * len(load_pack(PACKS[0]).on(nation.day).content.competencies))
    return {
        **nation.counts,
        "seed": nation.seed,
        "share": share,
        "day": f"date '{nation.day}'",
        "period": f"date '{nation.period}'",
        "now": f"timestamptz '{now.isoformat()}'",
        "then": f"timestamptz '{(now - timedelta(days=400)).isoformat()}'",
        "pattern": f"'{json.dumps(pattern)}'::jsonb",
        "price": f"'{json.dumps(price)}'::jsonb",
        **{name: ", ".join(f"'{word}'" for word in words) for name, words in lists.items()},
        **{f"{name}_count": len(words) for name, words in lists.items()},
    }

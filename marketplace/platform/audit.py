"""Is the audit trail whole? One query over every chain, run by `marketplace audit verify` as the migrator."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from marketplace.settings import Settings


@dataclass(frozen=True, slots=True)
class Fault:
    """An entry that does not fit its chain, and in what way."""

    organisation_id: UUID
    seq: int
    sentence: str


async def verify(settings: Settings) -> list[Fault]:
    """Every place where a chain was tampered with; empty when all entries are as they were written."""
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        rows = await connection.fetch("SELECT * FROM audit_faults() ORDER BY organisation_id, seq")
    finally:
        await connection.close()
    return [Fault(row["organisation_id"], row["seq"], row["fault"]) for row in rows]


async def entries(settings: Settings) -> int:
    """How many entries there are in all chains."""
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        return await connection.fetchval("SELECT count(*) FROM audit_entry")
    finally:
        await connection.close()

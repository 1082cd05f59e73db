"""Domain time. Law and contract deadlines follow it; tokens, links and leases keep wall time.

In production both are the same. The demo moves domain time forward by an offset kept in the database, so that all
processes of one demo agree; tests freeze it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

import asyncpg


class Clock(Protocol):
    async def now(self, connection: asyncpg.Connection) -> datetime:
        """The domain's present moment, aware, in UTC."""
        ...


class SystemClock:
    async def now(self, connection: asyncpg.Connection) -> datetime:
        return datetime.now(UTC)


class DemoClock:
    """Wall time plus the offset the demo's operator has moved it by."""

    async def now(self, connection: asyncpg.Connection) -> datetime:
        offset = await connection.fetchval("SELECT moved_by FROM demo_clock")
        return datetime.now(UTC) + (offset or timedelta())


class FrozenClock:
    """For tests: stands still until moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    async def now(self, connection: asyncpg.Connection) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by

    def move_to(self, at: datetime) -> None:
        self.at = at

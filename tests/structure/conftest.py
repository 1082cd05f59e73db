"""A world with everything in it, laid once for the tests of a process, and a client of each door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import pytest

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database, prepare_connection
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.laid import Start, the_richest
from tests.structure.inhabited import Borough, settle
from tests.structure.nasty import Api


@dataclass
class Settled:
    """Boroughs with everything in them, and the moment at which all of it had happened."""

    boroughs: list[Borough]
    at: datetime


async def one_borough(settings: Settings) -> Settled:
    return await _settled(settings, "Northgate")


async def two_boroughs(settings: Settings) -> Settled:
    return await _settled(settings, "Northgate", "Southmere")


async def _settled(settings: Settings, *names: str) -> Settled:
    """Weeks pass while a borough is settled: the pool is opened again with a clock that goes along."""
    clock = FrozenClock(NOON)
    await close_database()
    await open_database(settings.dsn("app"), clock=clock, max_size=8)
    migrator = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await prepare_connection(migrator)
        return Settled([await settle(settings, clock, migrator, name) for name in names], clock.at)
    finally:
        await migrator.close()


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, boroughs=two_boroughs, api=one_borough)


@pytest.fixture
def boroughs(laid: Settled, clock: FrozenClock) -> list[Borough]:
    clock.move_to(laid.at)
    return laid.boroughs


@pytest.fixture
async def api(database: Settings, laid: Settled, clock: FrozenClock) -> AsyncIterator[Api]:
    clock.move_to(laid.at)
    found = Api(database, laid.boroughs[0])
    yield found
    for client in found.clients.values():
        await client.aclose()

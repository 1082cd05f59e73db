"""One loaded demo for all tests here: played once, up to a Wednesday afternoon, and looked at on copies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import pytest
import structlog

from marketplace.demo.load import load
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import prepare_connection
from marketplace.platform.postgres_server import PostgresServer
from marketplace.settings import Settings
from tests.conftest import SECRET, Databases

_numbers = itertools.count(1)
WEDNESDAY = datetime.fromisoformat("2026-05-13T14:20:00+01:00")


@dataclass
class Loaded:
    """The demo as it was loaded: what the loader said and logged, and the name of the database."""

    name: str
    said: list[str]
    logged: list[Any]


def demo_settings(postgres: PostgresServer, name: str) -> Settings:
    return Settings(
        database_url=postgres.url(name),
        secret=SECRET,
        demo=True,
        marketplace_url="https://site.test",
        admin_url="https://console.test",
    )


@pytest.fixture(scope="session")
def loaded(postgres: PostgresServer, databases: Databases, migrated_template: str) -> Loaded:
    """Loading it takes some seconds, so it is done once."""
    databases.copy("demo_loaded", migrated_template)
    said: list[str] = []
    with structlog.testing.capture_logs() as logged:
        asyncio.run(load(demo_settings(postgres, "demo_loaded"), said.append, WEDNESDAY))
    return Loaded("demo_loaded", said, list(logged))


@pytest.fixture
def database_name(databases: Databases, loaded: Loaded) -> Iterator[str]:
    """A copy for each test, so that none sees what another did."""
    name = databases.copy(f"demo_{next(_numbers)}", loaded.name)
    yield name
    databases.drop(name)


@pytest.fixture
def settings(postgres: PostgresServer, database_name: str) -> Settings:
    return demo_settings(postgres, database_name)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(WEDNESDAY)


@pytest.fixture
async def everything(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection that row-level security does not bind."""
    connection = await asyncpg.connect(settings.dsn("migrator"))
    await prepare_connection(connection)
    try:
        yield connection
    finally:
        await connection.close()

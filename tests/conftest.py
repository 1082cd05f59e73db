"""Real parts for every test: a PostgreSQL per test process, a fresh migrated database per test, a clock that stands."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database, prepare_connection
from marketplace.platform.migrate import migrate
from marketplace.platform.postgres_server import PostgresServer
from marketplace.settings import Settings

SECRET = "tests only: not a secret of any deployment"
NOON = datetime(2026, 5, 11, 11, 0, tzinfo=UTC)  # a Monday, 12 noon in London
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A throwaway server of this test process, with every durability setting off."""
    with PostgresServer(Path(tmp_path_factory.mktemp("pg")), fast=True) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """The name of a database with every migration applied; tests get copies of it."""
    postgres.create_database("template_migrated")
    asyncio.run(migrate(Settings(database_url=postgres.url("template_migrated"), secret=SECRET)))
    return "template_migrated"


@pytest.fixture
def database_name(postgres: PostgresServer, migrated_template: str) -> str:
    name = f"test_{next(_numbers)}"
    postgres.query(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    return name


@pytest.fixture
def settings(postgres: PostgresServer, database_name: str) -> Settings:
    return Settings(database_url=postgres.url(database_name), secret=SECRET)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
async def database(settings: Settings, clock: FrozenClock) -> AsyncIterator[Settings]:
    """The application's pool, as the application's role, on a database of this test's own."""
    await open_database(settings.dsn("app"), clock=clock, max_size=8)
    try:
        yield settings
    finally:
        await close_database()


@pytest.fixture
async def migrator(database: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection that row-level security does not bind: to look at what is really there, or to lay first rows."""
    connection = await asyncpg.connect(database.dsn("migrator"))
    await prepare_connection(connection)
    try:
        yield connection
    finally:
        await connection.close()

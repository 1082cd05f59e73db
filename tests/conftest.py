"""Real parts for every test: a PostgreSQL per test process, a fresh database per test, a clock that stands.

The database is a copy of a migrated one, or of one with a world in it (tests/laid.py), and goes with its test.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from argon2 import PasswordHasher

from marketplace.identity import passwords
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database, prepare_connection
from marketplace.platform.migrate import migrate
from marketplace.platform.postgres_server import PostgresServer
from marketplace.settings import Settings
from tests.demo_folder import demo_as_loaded, loaded_demo  # noqa: F401 - fixtures of a demo of one's own
from tests.laid import Start, lay, moved

SECRET = "tests only: not a secret of any deployment"
NOON = datetime(2026, 5, 11, 11, 0, tzinfo=UTC)  # a Monday, 12 noon in London
MEMORY = Path("/dev/shm")  # noqa: S108 - the system's memory file system, in a folder of our own
WIDE = 3_000_000_000  # bytes that must be free there: containers often have 64 MB
_numbers = itertools.count(1)

# Processes that tests start find what Python has compiled already, also where it may not lie beside the code: reading
# the product in takes them four seconds less each. The test processes themselves are such, where xdist starts them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode"))

# A password costs 64 MiB and a fifth of a second, twice for each person who signs in: in tests as little as Argon2
# takes. Whoever asks for the `real_hasher` has the product's own.
REAL_HASHER, REAL_NOBODYS = passwords._hasher, passwords._NOBODYS
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
passwords._NOBODYS = passwords._hasher.hash("nobody's password, never right")


@pytest.fixture
def real_hasher(monkeypatch: pytest.MonkeyPatch) -> PasswordHasher:
    """Passwords cost what they cost in the product."""
    monkeypatch.setattr(passwords, "_hasher", REAL_HASHER)
    monkeypatch.setattr(passwords, "_NOBODYS", REAL_NOBODYS)
    return REAL_HASHER


# A file's tests stay on one process: those that take minutes begin first, or one process works on alone at the end.
LONGEST = (
    "journeys/test_the_market_opens.py",
    "structure/test_nasty_marketplace_pages.py",
    "structure/test_nasty_console_pages.py",
    "structure/test_nasty_input.py",
    "packages/test_in_browser.py",
    "demo/test_demo.py",
    "platform/test_up.py",
    "journeys/test_a_family_buys.py",
    "billing/test_killed.py",
    "whole/test_three_councils.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, everything else as it was collected."""
    tests = Path(__file__).parent
    turn = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path, len(turn)))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A throwaway server of this test process, with every durability setting off; in memory where that is wide."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > WIDE:
        with (
            tempfile.TemporaryDirectory(prefix="tests-pg-", dir=MEMORY) as folder,
            PostgresServer(Path(folder), fast=True) as server,
        ):
            yield server
    else:
        with PostgresServer(Path(tmp_path_factory.mktemp("pg")), fast=True) as server:
            yield server


class Databases:
    """Makes, copies and drops databases over one connection: a process for each would cost more than its copy.

    The connection has a thread of its own: whoever asks may stand in a running loop already.
    """

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1)
        self._connection = self._wait(asyncpg.connect(server.url()))

    def copy(self, name: str, template: str) -> str:
        """A database like another; by files, which is the faster way where nothing is synchronised."""
        self._wait(self._connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
        return name

    def drop(self, name: str) -> None:
        self._wait(self._connection.execute(f"DROP DATABASE {name} WITH (FORCE)"))

    def close(self) -> None:
        self._wait(self._connection.close())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _wait(self, coroutine: Any) -> Any:
        async def awaited() -> Any:
            return await coroutine

        return self._thread.submit(self._runner.run, awaited()).result()


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer) -> Iterator[Databases]:
    made = Databases(postgres)
    yield made
    made.close()


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """The name of a database with every migration applied; tests get copies of it."""
    postgres.create_database("template_migrated")
    asyncio.run(migrate(Settings(database_url=postgres.url("template_migrated"), secret=SECRET)))
    return "template_migrated"


@pytest.fixture(scope="session")
def laid_worlds() -> dict[str, tuple[str, Any]]:
    """By key: the database a world stands in, and what its builder returned."""
    return {}


@pytest.fixture
def start() -> Start | None:
    """The world a test starts from; folders and modules say theirs."""
    return None


@pytest.fixture
def database_name(
    databases: Databases,
    migrated_template: str,
    start: Start | None,
    laid_worlds: dict[str, tuple[str, Any]],
) -> Iterator[str]:
    template = migrated_template
    if start is not None:
        if start.key not in laid_worlds:
            name = databases.copy(f"template_{next(_numbers)}", migrated_template)
            settings = Settings(database_url=databases.server.url(name), secret=SECRET)
            laid_worlds[start.key] = (name, lay(start, settings, FrozenClock(NOON)))
        template = laid_worlds[start.key][0]
    name = databases.copy(f"test_{next(_numbers)}", template)
    yield name
    databases.drop(name)


@pytest.fixture(scope="module")
def shared_settings(databases: Databases, migrated_template: str) -> Iterator[Settings]:
    """A database the tests of one module share: a walk in a browser goes on where the one before it ended."""
    name = databases.copy(f"shared_{next(_numbers)}", migrated_template)
    yield Settings(database_url=databases.server.url(name), secret=SECRET)
    databases.drop(name)


@pytest.fixture
def laid(database: Settings, start: Start | None, laid_worlds: dict[str, tuple[str, Any]]) -> Any:
    """What the builder of the test's world returned, a copy of this test's own."""
    assert start is not None, "this folder's `start` names no world"
    return moved(laid_worlds[start.key][1], database)


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

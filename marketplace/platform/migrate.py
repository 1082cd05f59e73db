"""Roles and migrations: `migrate(settings)` brings a database to this version of the code, or says why it cannot.

The login in DATABASE_URL is used here only: it makes the five roles (docs/architecture.md) and lends itself to the
migrator. The running processes sign in as `app` or `worker`, which own nothing and bypass nothing.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import asyncpg
from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import ENGINE
from marketplace.settings import DatabaseRole, Settings

APP_NAME = "marketplace"
_LOCK = 7_211_930_001  # one migrating process at a time, by advisory lock


class DatabaseTooNew(Exception):
    """The database has migrations this version of the code does not know."""


def sql_migration(migration_id: str, description: str, up: str, down: str) -> MigrationManager:
    """A migration in plain SQL. Objects are made as the owner role; `{prefix}` in the text is the role prefix."""
    manager = MigrationManager(migration_id=migration_id, app_name=APP_NAME, description=description)

    def script(text: str) -> Callable[[], object]:
        async def run() -> None:
            transaction = ENGINE.current_transaction.get()
            assert transaction is not None
            await transaction.connection.execute(text.replace("{prefix}", _prefix) + ";\nRESET ROLE")

        return run

    manager.add_raw(script(up))
    manager.add_raw_backwards(script(down))
    return manager


_prefix = "marketplace"


def migrations_folder() -> Path:
    spec = importlib.util.find_spec("migrations")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


def migration_modules() -> dict[str, ModuleType]:
    """Every migration by its ID, in the order they run."""
    modules: dict[str, ModuleType] = {}
    for path in sorted(migrations_folder().glob("m[0-9]*.py")):
        name = f"migrations.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules.get(name)
        if module is None:
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        modules[module.ID] = module
    return modules


async def _make_roles(connection: asyncpg.Connection, settings: Settings) -> None:
    prefix = settings.role_prefix
    attributes: dict[DatabaseRole, str] = {
        "owner": "NOLOGIN NOBYPASSRLS",
        "migrator": "LOGIN BYPASSRLS",
        "app": "LOGIN NOBYPASSRLS",
        "worker": "LOGIN NOBYPASSRLS",
        "backup": "LOGIN BYPASSRLS",
    }
    for role, wanted in attributes.items():
        name = f"{prefix}_{role}"
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
        password = settings.role_password(role).replace("'", "''")
        secret = f" PASSWORD '{password}'" if "NOLOGIN" not in wanted else ""
        verb = "ALTER" if exists else "CREATE"
        await connection.execute(f'{verb} ROLE "{name}" NOSUPERUSER {wanted}{secret}')
    await connection.execute(f'GRANT "{prefix}_owner" TO "{prefix}_migrator"')
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC')
    await connection.execute(f'GRANT CONNECT, CREATE ON DATABASE "{database}" TO "{prefix}_migrator"')
    await connection.execute(f'GRANT CREATE ON DATABASE "{database}" TO "{prefix}_owner"')
    for role in ("app", "worker", "backup"):
        await connection.execute(f'GRANT CONNECT ON DATABASE "{database}" TO "{prefix}_{role}"')
    await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    await connection.execute(f'GRANT USAGE, CREATE ON SCHEMA public TO "{prefix}_owner", "{prefix}_migrator"')
    await connection.execute(f'GRANT USAGE ON SCHEMA public TO "{prefix}_app", "{prefix}_worker", "{prefix}_backup"')


async def applied(connection: asyncpg.Connection) -> list[str]:
    """IDs of the migrations this database has, in order."""
    if await connection.fetchval("SELECT to_regclass('public.migration')") is None:
        return []
    return [row["name"] for row in await connection.fetch("SELECT name FROM migration ORDER BY name")]


async def migrate(settings: Settings, say: Callable[[str], None] = lambda _: None, *, to: str | None = None) -> int:
    """Apply what is missing (up to `to`); returns how many ran. Raises `DatabaseTooNew`."""
    admin = await asyncpg.connect(settings.database_url)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", _LOCK)
        known = migration_modules()
        unknown = [name for name in await _applied_as_admin(admin) if name not in known]
        if unknown:
            raise DatabaseTooNew(
                f"This database was made by a newer version (it has {unknown[0]}): "
                "install that version or use another database."
            )
        await _make_roles(admin, settings)
        return await _run(settings, known, say, to)
    finally:
        await admin.close()


async def _applied_as_admin(admin: asyncpg.Connection) -> list[str]:
    return await applied(admin)


async def _run(settings: Settings, known: dict[str, ModuleType], say: Callable[[str], None], to: str | None) -> int:
    async with _migrator(settings) as connection:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration ("
            "id serial PRIMARY KEY, name varchar(200), app_name varchar(200),"
            " ran_on timestamp DEFAULT current_timestamp)"
        )
        done = set(await applied(connection))
        ran = 0
        for migration_id, module in known.items():
            if migration_id in done:
                continue
            manager: MigrationManager = await module.forwards()
            say(manager.description)
            async with connection.transaction():
                for raw in manager.raw:
                    await raw()
                await connection.execute(
                    "INSERT INTO migration (name, app_name) VALUES ($1, $2)", migration_id, APP_NAME
                )
            ran += 1
            if migration_id == to:
                break
        return ran


async def unmigrate(settings: Settings, *, down_to: str | None) -> int:
    """Undo migrations, newest first, until `down_to` is the newest one left (None: all). For tests and emergencies."""
    known = migration_modules()
    undone = 0
    async with _migrator(settings) as connection:
        for migration_id in reversed(await applied(connection)):
            if migration_id == down_to:
                break
            manager: MigrationManager = await known[migration_id].forwards()
            async with connection.transaction():
                for raw in manager.raw_backwards:
                    await raw()
                await connection.execute("DELETE FROM migration WHERE name = $1", migration_id)
            undone += 1
    return undone


class _migrator:
    """The migrator's connection, published to the migrations the way Piccolo publishes its transactions."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __aenter__(self) -> asyncpg.Connection:
        global _prefix
        _prefix = self.settings.role_prefix
        self.connection = await asyncpg.connect(self.settings.dsn("migrator"))
        self.token = ENGINE.current_transaction.set(self)  # type: ignore[arg-type]
        return self.connection

    async def __aexit__(self, *_: object) -> None:
        ENGINE.current_transaction.reset(self.token)
        await self.connection.close()

"""Migrations go up and down on a database with rows in it, and up again to the very same schema."""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.database import prepare_connection
from marketplace.platform.migrate import DatabaseTooNew, applied, migrate, migration_modules, unmigrate
from tests.secrecy.rows import lay

_SHAPE = """
SELECT 'column' AS kind, table_schema || '.' || table_name || '.' || column_name AS name,
       concat_ws(' ', data_type, is_nullable, column_default) AS what
FROM information_schema.columns WHERE table_schema IN ('public', 'jobs')
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'jobs')
UNION ALL SELECT 'policy', tablename || '.' || policyname, concat_ws(' ', cmd, roles::text, qual, with_check)
FROM pg_policies WHERE schemaname = 'public'
UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc) || coalesce(proacl::text, '') || proowner::regrole
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'rights', c.oid::regclass::text, coalesce(relacl::text, '') || relrowsecurity || relforcerowsecurity
FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


async def shape(connection: asyncpg.Connection) -> dict[tuple[str, str], str]:
    rows = await connection.fetch(_SHAPE)
    return {(row["kind"], row["name"]): row["what"] for row in rows if "migration" not in row["name"]}


async def test_down_step_by_step_over_rows_and_up_again_to_the_same_schema(settings):
    names = list(migration_modules())
    connection = await asyncpg.connect(settings.dsn("migrator"))
    await prepare_connection(connection)
    try:
        await lay(connection)
        before = await shape(connection)
        assert len(before) > 500
        for index in range(len(names) - 1, -1, -1):
            earlier = names[index - 1] if index else None
            assert await unmigrate(settings, down_to=earlier) == 1
            assert await applied(connection) == names[:index]
        left = {key for key in await shape(connection) if key[0] != "rights"}
        assert left == set()
        await migrate(settings)
        assert await shape(connection) == before
        await lay(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize("index", range(1, len(migration_modules())))
async def test_each_migration_goes_down_and_up_again_by_itself(settings, index):
    """Down to each, and up again at once: what one release's mishap needs."""
    names = list(migration_modules())
    connection = await asyncpg.connect(settings.dsn("migrator"))
    await prepare_connection(connection)
    try:
        await lay(connection)
        before = await shape(connection)
        await unmigrate(settings, down_to=names[index - 1])
        assert await migrate(settings) == len(names) - index
        assert await shape(connection) == before
    finally:
        await connection.close()


async def test_migrating_twice_changes_nothing(settings):
    assert await migrate(settings) == 0


async def test_a_database_of_a_newer_version_is_left_alone(settings):
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await connection.execute("INSERT INTO migration (name, app_name) VALUES ('m9999_future', 'marketplace')")
        with pytest.raises(DatabaseTooNew, match="m9999_future"):
            await migrate(settings)
    finally:
        await connection.close()

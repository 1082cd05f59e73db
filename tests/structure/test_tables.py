"""The database as it stands after all migrations: row-level security, ownership, functions, keys, and our columns."""

from __future__ import annotations

import importlib

import asyncpg
import pytest
from piccolo.table import Table

from marketplace.platform.database import ENGINE

# Tables no policy opens to anybody, on purpose.
CLOSED = {
    "credential": "password and PIN hashes: only functions of m0009",
    "refresh_token": "only functions of m0009",
    "sign_in_attempt": "only functions of m0009",
    "one_time_link": "only functions of m0009",
    "stripe_event": "only functions of m0033",
    "stripe_events_asked": "only functions of m0053",
    "calendar_feed": "only functions of m0036",
}
# Tables outside row-level security.
BARE = {"migration": "Piccolo's own list of migrations; the application has no right to it"}

MODULES = [
    f"marketplace.{domain}.tables"
    for domain in (
        "platform",
        "identity",
        "obligations",
        "frameworks",
        "providers",
        "referrals",
        "packages",
        "billing",
        "purchases",
    )
]


def our_tables() -> dict[str, type[Table]]:
    found: dict[str, type[Table]] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Table) and value is not Table and value.__module__ == name:
                found[value._meta.tablename] = value
    return found


async def tables(migrator: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    rows = await migrator.fetch(
        """SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
                  pg_get_userbyid(c.relowner) AS owner,
                  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
           FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"""
    )
    return {row["name"]: row for row in rows}


async def test_every_table_forces_row_level_security_and_has_a_policy(migrator):
    found = await tables(migrator)
    assert len(found) > 40
    for name, row in found.items():
        if name in BARE:
            assert not await migrator.fetchval("SELECT has_table_privilege('marketplace_app', $1, 'SELECT')", name)
            continue
        assert row["enabled"] and row["forced"], name
        assert (row["policies"] == 0) == (name in CLOSED), name
        if name in CLOSED:
            for role in ("marketplace_app", "marketplace_worker"):
                for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                    assert not await migrator.fetchval("SELECT has_table_privilege($1, $2, $3)", role, name, right), (
                        name
                    )


async def test_the_processes_roles_own_nothing_and_bypass_nothing(migrator):
    for role in ("marketplace_app", "marketplace_worker"):
        row = await migrator.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
        assert not (row["rolsuper"] or row["rolbypassrls"] or row["rolcreatedb"] or row["rolcreaterole"])
        assert await migrator.fetchval("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = $1", role) == 0
        assert await migrator.fetchval("SELECT count(*) FROM pg_proc WHERE pg_get_userbyid(proowner) = $1", role) == 0
        assert not await migrator.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)
        assert (
            await migrator.fetchval(
                "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1", role
            )
            == 0
        )
    for name, row in (await tables(migrator)).items():
        assert row["owner"] == "marketplace_owner" or name in BARE, name


async def test_nobody_truncates_and_only_lists_are_deleted_from(migrator):
    """Records are ended, not removed; what may be deleted is inside something still being written."""
    rows = await migrator.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND (has_table_privilege('marketplace_app', oid, 'TRUNCATE'))"
    )
    assert rows == []
    deletable = await migrator.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND has_table_privilege('marketplace_app', oid, 'DELETE')"
    )
    for row in deletable:
        assert row["relname"] not in (
            "audit_entry",
            "look",
            "signature",
            "ledger_entry",
            "ledger_posting",
            "invoice",
        ), row


async def test_no_function_is_executable_by_everybody(migrator):
    rows = await migrator.fetch(
        """SELECT p.oid::regprocedure::text AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
           AND (p.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(p.proacl) a WHERE a.grantee = 0))"""
    )
    assert [row["name"] for row in rows] == []


async def test_functions_with_their_owners_rights_fix_their_search_path(migrator):
    rows = await migrator.fetch(
        "SELECT oid::regprocedure::text AS name, proconfig FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )
    assert len(rows) > 20
    for row in rows:
        assert row["proconfig"] and "search_path=public, pg_temp" in row["proconfig"], row["name"]


async def test_every_reference_into_a_scoped_table_repeats_its_scope(migrator):
    """A key of one column would accept another tenant's row (the referring row's own scope is not asked)."""
    rows = await migrator.fetch(
        """SELECT k.conrelid::regclass::text AS child, k.confrelid::regclass::text AS parent, k.conname AS name,
                  cardinality(k.conkey) AS width,
                  (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                   WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS columns,
                  (SELECT cardinality(i.conkey) FROM pg_constraint i
                   WHERE i.conrelid = k.confrelid AND i.contype = 'p') AS key_width
           FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace"""
    )
    exempt = {
        "booking_worker_no_fkey": "worker_no is unique over all providers; the row's own worker is keyed beside it"
    }
    narrow = {row["name"] for row in rows if row["key_width"] > 1 and row["width"] < 2}
    assert narrow == set(exempt)
    cascading = await migrator.fetch(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confdeltype = 'c' OR confupdtype = 'c')"
        " AND connamespace = 'public'::regnamespace"
    )
    assert cascading == []


async def test_moments_carry_their_zone(migrator):
    rows = await migrator.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('timestamp without time zone', 'real', 'double precision', 'money')"
        " AND table_name <> 'migration'"
    )
    assert [tuple(row) for row in rows] == []


KINDS = {
    "UUID": {"uuid"}, "Text": {"text"}, "Varchar": {"text"}, "Boolean": {"boolean"}, "Integer": {"integer"},
    "BigInt": {"bigint"}, "SmallInt": {"smallint"}, "Timestamptz": {"timestamp with time zone"}, "Date": {"date"},
    "Time": {"time without time zone"}, "JSONB": {"jsonb"}, "Bytea": {"bytea"}, "Blob": {"bytea"}, "Array": {"ARRAY"},
    "Interval": {"interval"}, "Serial": {"integer", "bigint"}, "BigSerial": {"bigint"}, "Numeric": {"numeric"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(our_tables()))
async def test_our_columns_are_the_databases(migrator, name):
    table = our_tables()[name]
    assert table._meta.db is ENGINE
    rows = await migrator.fetch(
        "SELECT column_name, data_type, is_nullable = 'YES' AS nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = $1",
        name,
    )
    database = {row["column_name"]: row for row in rows}
    ours = {column._meta.db_column_name: column for column in table._meta.columns}
    assert set(ours) == set(database)
    for column_name, column in ours.items():
        kind = type(column).__name__
        assert database[column_name]["data_type"] in KINDS[kind], (column_name, kind)
        assert column._meta.null == database[column_name]["nullable"], column_name


async def test_days_of_readiness_lie_unpacked_in_row_and_index(migrator):
    rows = await migrator.fetch(
        "SELECT attstorage::text FROM pg_attribute WHERE attname = 'days' AND attrelid IN (SELECT indexrelid"
        " FROM pg_index WHERE indrelid = 'worker_readiness'::regclass UNION SELECT 'worker_readiness'::regclass)"
    )
    assert len(rows) >= 2 and {row["attstorage"] for row in rows} == {"p"}

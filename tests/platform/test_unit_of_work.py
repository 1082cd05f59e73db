"""The unit of work: context, commit and rollback, audit, and what happens without a tenant."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.identity.tables import Organisation
from marketplace.platform.actor import Actor
from marketplace.platform.database import ENGINE, ask, close_database, open_database, outside_context, unit_of_work
from marketplace.referrals.tables import Child


async def council(migrator: asyncpg.Connection, name: str = "Northgate") -> Actor:
    person = await migrator.fetchval(
        "INSERT INTO person (name, email) VALUES ('Rea Ferrer', $1) RETURNING id", f"{uuid4().hex}@example.org"
    )
    organisation = await migrator.fetchval(
        "INSERT INTO organisation (kind, name, short_name) VALUES ('commissioner', $1, $1) RETURNING id", name
    )
    return Actor(person, "Rea Ferrer", "referrer", organisation, name, "commissioner")


async def add_child(actor: Actor, reference: str) -> UUID:
    async with unit_of_work(actor) as work:
        child = Child(
            commissioner_id=actor.commissioner_id, reference=reference, referrer_id=actor.person_id, created_at=work.now
        )
        await Child.insert(child)
        work.audit("child.added", "child", child.id, reference=reference)
        return child.id


async def references(work) -> list[str]:  # type: ignore[no-untyped-def]
    return await Child.select(Child.reference).order_by(Child.reference).output(as_list=True)


async def test_one_commissioners_rows_are_not_anothers(database, migrator):
    ours, theirs = await council(migrator), await council(migrator, "Southmere")
    await add_child(ours, "C-1")
    assert await ask(ours, references) == ["C-1"]
    assert await ask(theirs, references) == []


async def test_without_context_there_are_no_rows_and_no_quiet_queries(database, migrator):
    await add_child(await council(migrator), "C-1")
    async with outside_context() as connection:
        assert await connection.fetch("SELECT * FROM child") == []
        assert await connection.fetch("SELECT * FROM organisation") == []
    with pytest.raises(RuntimeError, match="outside a unit of work"):
        await Child.select()


async def test_a_row_for_another_tenant_is_refused(database, migrator):
    ours, theirs = await council(migrator), await council(migrator, "Southmere")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(ours) as work:
            await Child.insert(
                Child(
                    commissioner_id=theirs.organisation_id,
                    reference="C-9",
                    referrer_id=ours.person_id,
                    created_at=work.now,
                )
            )


async def test_a_failed_unit_leaves_nothing_and_gives_its_connection_back(database, migrator):
    ours = await council(migrator)
    for _ in range(20):  # more often than the pool has connections
        with pytest.raises(ZeroDivisionError):
            async with unit_of_work(ours) as work:
                await Child.insert(
                    Child(
                        commissioner_id=ours.organisation_id,
                        reference="C-1",
                        referrer_id=ours.person_id,
                        created_at=work.now,
                    )
                )
                work.audit("child.added", "child", uuid4())
                raise ZeroDivisionError
    assert ENGINE.current_transaction.get() is None
    assert await ask(ours, references) == []
    assert await migrator.fetchval("SELECT count(*) FROM audit_entry") == 0


async def test_a_connection_carries_nothing_from_one_user_to_the_next(database, settings, migrator):
    """One connection for all: whatever way a unit ends, the next user finds no context, no lock and no transaction."""
    ours = await council(migrator)
    await close_database()
    await open_database(settings.dsn("app"), max_size=1)

    async def left() -> tuple[str, int, int]:
        async with outside_context() as connection:
            kept = await connection.fetchval(
                "SELECT concat(current_setting('app.commissioner', true), current_setting('app.organisation', true),"
                " current_setting('app.person', true), current_setting('app.now', true))"
            )
            locks = await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'relation'"
                " AND locktype <> 'virtualxid'"
            )
            return kept, locks, await connection.fetchval("SELECT count(*) FROM child")

    try:
        await add_child(ours, "C-1")
        assert await left() == ("", 0, 0)
        with pytest.raises(asyncpg.PostgresError):
            async with unit_of_work(ours) as work:
                await work.execute("SELECT pg_advisory_xact_lock(7)")
                await work.execute("SELECT 1 / 0")
        assert await left() == ("", 0, 0)

        async def waits() -> None:
            async with unit_of_work(ours) as work:
                await work.execute("SELECT pg_sleep(5)")

        asked = asyncio.create_task(waits())
        await asyncio.wait([asked], timeout=0.2)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await left() == ("", 0, 0)
    finally:
        await close_database()


async def test_units_do_not_nest(database, migrator):
    ours = await council(migrator)
    async with unit_of_work(ours):
        with pytest.raises(RuntimeError, match="already open"):
            async with unit_of_work(ours):
                pass


async def test_reading_units_cannot_write(database, migrator):
    ours = await council(migrator)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with unit_of_work(ours, read_only=True):
            await Organisation.update({Organisation.name: "X"}).where(Organisation.id == ours.organisation_id)


async def test_the_audit_chain_finds_every_way_of_changing_it(database, migrator):
    ours = await council(migrator)
    for n in range(4):
        await add_child(ours, f"C-{n}")
    assert await migrator.fetch("SELECT * FROM audit_faults()") == []

    async def faults_after(sql: str) -> list[str]:
        # with the triggers off: what somebody at the machine could do
        transaction = migrator.transaction()
        await transaction.start()
        await migrator.execute(
            "SET LOCAL ROLE marketplace_owner; ALTER TABLE audit_entry DISABLE TRIGGER USER; RESET ROLE"
        )
        await migrator.execute(sql)
        found = [row["fault"] for row in await migrator.fetch("SELECT fault FROM audit_faults() ORDER BY seq")]
        await transaction.rollback()
        return found

    assert "its content was changed" in await faults_after("UPDATE audit_entry SET person_name = 'Else' WHERE seq = 2")
    assert "entries before it are missing" in await faults_after("DELETE FROM audit_entry WHERE seq = 2")
    assert "the newest entries are missing" in await faults_after("DELETE FROM audit_entry WHERE seq = 4")


async def test_nobody_edits_the_audit_trail(database, migrator):
    ours = await council(migrator)
    await add_child(ours, "C-1")
    for statement in ("UPDATE audit_entry SET person_name = 'x'", "DELETE FROM audit_entry", "TRUNCATE look"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with unit_of_work(ours) as work:
                await work.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await migrator.execute(statement)

# ruff: noqa: E501 - a statement to a line where it can be
"""What PostgreSQL refuses the parties of a suspension, a restriction, a pause, a charge or a flag about its own rows.

A party that may cause some changes of a row must not cause the others, whatever statement comes in its context.
"""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import Rows, lay

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)
OTHERS = "(SELECT id FROM person WHERE id <> app_person() LIMIT 1)"
NOW = "app_now()"
EARLIER = "app_now() - interval '9 days'"
SUSPENDS = """INSERT INTO suspension (framework_id, provider_id, starts_at, reason, imposed_by, imposed_by_name, lifted_at)
    SELECT framework_id, provider_id, {at}, 'r', {by}, 'n', {lifted} FROM restriction"""
LIMITS = """INSERT INTO restriction (framework_id, provider_id, new_packages, starts_at, reason, imposed_by, imposed_by_name)
    SELECT framework_id, provider_id, 1, {at}, 'r', {by}, 'n' FROM suspension WHERE follows_id IS NULL LIMIT 1"""
PAUSES = """INSERT INTO pause (framework_id, provider_id, starts_at, paused_by) SELECT framework_id, provider_id, {at}, {by} FROM pause"""
FLAGS = """INSERT INTO visit_flag (commissioner_id, visit_id, package_id, provider_id, worker_id, code, says, flagged_at)
    SELECT commissioner_id, visit_id, package_id, provider_id, {worker}, 'another', 's', {at} FROM visit_flag WHERE worker_id IS NOT NULL"""
OBJECTS = """INSERT INTO contract_step (commissioner_id, framework_id, provider_id, request_id, what, at, by_provider, by_person, by_name)
    SELECT commissioner_id, framework_id, provider_id, request_id, 'charge_objected', {at}, true, app_person(), 'n'
    FROM information_charge WHERE clause = '{charge}'"""
LIFTS = "UPDATE suspension SET lifted_at = {at}, lifted_by = {by}, lift_reason = 'l' WHERE reason = '{which}'"


def of_the_council() -> list[str]:
    return [
        *(
            f"UPDATE suspension SET {change} WHERE reason = '{which}'"
            for which in ("running", "over")
            for change in (
                "reason = 'another'", "starts_at = starts_at - interval '1 day'", "until_on = '2030-01-01'", f"imposed_by = {OTHERS}",
                "imposed_by_name = 'another'", "lot_code = 'C'", "with_plan = NOT with_plan", "rule_key = 'another'",
            )
        ),
        *(
            f"UPDATE suspension SET {change} WHERE reason = 'over'"
            for change in ("lifted_at = NULL", f"lifted_at = {NOW}", "lift_reason = 'another'", f"lifted_by = {OTHERS}", f"end_told_at = {NOW}")
        ),
        LIFTS.format(at=EARLIER, by="app_person()", which="running"), LIFTS.format(at=NOW, by=OTHERS, which="running"),
        LIFTS.format(at=NOW, by="NULL", which="running"),
        SUSPENDS.format(at=EARLIER, by="app_person()", lifted="NULL"), SUSPENDS.format(at=NOW, by=OTHERS, lifted="NULL"),
        SUSPENDS.format(at=NOW, by="app_person()", lifted=NOW),
        *(
            f"UPDATE restriction SET {change}"
            for change in ("new_packages = 9", f"starts_at = {EARLIER}", "reason = 'x'", f"ended_at = {EARLIER}, ended_by = app_person(), end_reason = 'x'")
        ),
        LIMITS.format(at=EARLIER, by="app_person()"), LIMITS.format(at=NOW, by=OTHERS),
        *(
            f"UPDATE suspension_cause SET {change} WHERE cause = 'd'"
            for change in ("decision = NULL, decided_at = NULL", "decision = 'suspended'", "decision_reason = 'x'", "facts = 'x'", "lot_code = 'C'")
        ),
        *(
            f"UPDATE information_charge SET {change} WHERE clause = '{charge}'"
            for charge in ("waits", "stands", "dropped", "objected")
            for change in ("pence = 5", "minutes = 5", "reason = 'x'", "object_until = '2030-01-01'", f"charged_by = {OTHERS}")
        ),
        "UPDATE information_charge SET stands_at = NULL WHERE clause = 'stands'",
        f"UPDATE information_charge SET stands_at = NULL, dropped_at = {NOW} WHERE clause = 'stands'",
        "UPDATE information_charge SET dropped_at = NULL WHERE clause = 'dropped'",
        f"UPDATE information_charge SET dropped_at = NULL, stands_at = {NOW} WHERE clause = 'dropped'",
        f"UPDATE information_charge SET stands_at = {NOW} WHERE clause = 'waits'",  # it can still be objected to
        f"UPDATE information_charge SET dropped_at = {NOW} WHERE clause = 'waits'",
        *(f"UPDATE information_charge SET {each} = {NOW} WHERE clause = 'objected'" for each in ("stands_at", "dropped_at")),  # its own
        f"UPDATE information_charge SET stands_at = {EARLIER} WHERE clause = 'untold'",
        *(f"UPDATE visit_flag SET {change}" for change in ("says = 'x'", f"flagged_at = {EARLIER}", f"cleared_at = {EARLIER}")),
        *(f"DELETE FROM {table}" for table in ("suspension", "suspension_cause", "restriction", "information_charge", "visit_flag")),
    ]  # fmt: skip


def of_the_provider() -> list[str]:
    return [
        *(
            f"UPDATE pause SET {change}"
            for change in (
                "starts_at = starts_at - interval '9 days'", "until_on = '2030-01-01'", "reason = 'x'", f"ended_at = {EARLIER}",
                f"ended_at = {NOW}, ended_by = {OTHERS}", "lot_code = 'C'",
            )
        ),
        PAUSES.format(at=EARLIER, by="app_person()"), PAUSES.format(at=NOW, by=OTHERS),
        "DELETE FROM pause",
        *(OBJECTS.format(at=NOW, charge=charge) for charge in ("stands", "dropped", "untold")),
        OBJECTS.format(at=EARLIER, charge="waits"),
        FLAGS.format(worker="NULL", at=NOW), FLAGS.format(worker="worker_id", at=EARLIER),
        f"UPDATE visit_flag SET cleared_at = {EARLIER} WHERE worker_id IS NOT NULL",
        "UPDATE visit_flag SET says = 'x' WHERE worker_id IS NOT NULL",
    ]  # fmt: skip


async def lay_more(migrator: asyncpg.Connection) -> Rows:
    """A suspension that runs and one that is over, a running pause, charges in each state, a flag of lapsed cover."""
    rows = await lay(migrator)
    person = rows.actors["northgate_contract_manager"].person_id
    await migrator.execute("DELETE FROM pause WHERE provider_id <> $1", rows.ids["winner"])
    await migrator.execute("UPDATE pause SET ended_at = NULL")
    await migrator.execute("UPDATE suspension SET reason = 'over', lifted_at = starts_at - interval '1 hour'")
    await migrator.execute(
        "INSERT INTO suspension (framework_id, provider_id, starts_at, reason, imposed_by, imposed_by_name)"
        " SELECT framework_id, provider_id, starts_at, 'running', $1, 'n' FROM restriction",
        person,
    )
    await migrator.execute(
        "INSERT INTO visit_flag (commissioner_id, visit_id, package_id, provider_id, code, item, says, flagged_at) SELECT"
        " commissioner_id, visit_id, package_id, provider_id, 'insurance_lapsed', 'insurance_lapsed', 's', flagged_at FROM visit_flag"
    )
    asks = """INSERT INTO information_request (commissioner_id, framework_id, provider_id, title, asks, format, due_on, asked_at,
        asked_by, asked_by_name) SELECT commissioner_id, framework_id, provider_id, title, asks, format, due_on, asked_at, asked_by,
        asked_by_name FROM information_request WHERE id = $1 RETURNING id"""
    await migrator.execute(
        "UPDATE information_charge SET clause = 'untold', object_until = charged_at - interval '1 hour'"
    )
    for clause, stands, dropped in (("waits", False, False), ("objected", False, False), ("stands", True, False), ("dropped", False, True)):  # fmt: skip
        request = await migrator.fetchval(asks, rows.ids["information"])
        await migrator.execute(
            """INSERT INTO information_charge (commissioner_id, framework_id, provider_id, request_id, minutes, hour_pence, pence, clause,
               reason, pack_hash, charged_at, charged_by, charged_by_name, object_until, stands_at, dropped_at) SELECT commissioner_id,
               framework_id, provider_id, $1, minutes, hour_pence, pence, $2, reason, pack_hash, charged_at, charged_by, charged_by_name,
               charged_at + interval '9 days', CASE WHEN $3 THEN charged_at - interval '1 day' END, CASE WHEN $4 THEN charged_at - interval '1 day' END
               FROM information_charge WHERE clause = 'untold'""",
            request, clause, stands, dropped,
        )  # fmt: skip
    return rows


async def test_what_standing_rests_on_stays_as_it_was_made(database, migrator):
    rows = await lay_more(migrator)
    council, provider = rows.actors["northgate_contract_manager"], rows.actors["winner_manager"]
    async with unit_of_work(provider) as work:
        assert await work.execute(OBJECTS.format(at=NOW, charge="objected")) == "INSERT 0 1"
    for actor, statements in ((council, of_the_council()), (provider, of_the_provider())):
        for sql in statements:
            with pytest.raises(REFUSED):
                async with unit_of_work(actor) as work:
                    found = await work.execute(sql)
                    assert found not in ("UPDATE 0", "INSERT 0 0", "DELETE 0"), sql  # it found a row, and changed it
                    pytest.fail(f"{found}: {sql}")
    async with unit_of_work(provider) as work:  # what lapsed cover stops is not the provider's to let go on
        assert await work.execute(f"UPDATE visit_flag SET cleared_at = {NOW} WHERE worker_id IS NULL") == "UPDATE 0"

    # what the product does goes on: each ends once, now, in whoever's name it is
    for sql in (
        f"UPDATE visit_flag SET cleared_at = {NOW} WHERE worker_id IS NOT NULL",
        FLAGS.format(worker="worker_id", at=NOW).replace("WHERE worker_id IS NOT NULL", "WHERE worker_id IS NOT NULL LIMIT 1"),
        f"UPDATE pause SET ended_at = {NOW}, ended_by = app_person()",
        PAUSES.format(at=NOW, by="app_person()"),
        OBJECTS.format(at=NOW, charge="waits"),
    ):  # fmt: skip
        async with unit_of_work(provider) as work:
            assert await work.execute(sql) in ("UPDATE 1", "INSERT 0 1"), sql
    for sql in (
        LIFTS.format(at=NOW, by="app_person()", which="running"),
        SUSPENDS.format(at=NOW, by="app_person()", lifted="NULL"),
        f"UPDATE restriction SET ended_at = {NOW}, ended_by = app_person(), end_reason = 'x' WHERE reason = 'r'",
        f"UPDATE information_charge SET stands_at = {NOW} WHERE clause = 'untold'",
        f"UPDATE visit_flag SET cleared_at = {NOW} WHERE worker_id IS NULL",
        LIMITS.format(at=NOW, by="app_person()"),
    ):  # fmt: skip
        async with unit_of_work(council) as work:
            assert await work.execute(sql) in ("UPDATE 1", "INSERT 0 1"), sql

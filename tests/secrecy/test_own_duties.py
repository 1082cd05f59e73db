# ruff: noqa: E501 - a statement to a line where it can be
"""What PostgreSQL refuses everybody who reads a duty: who owes it, whom it is owed to, and the family it concerns.

A duty falls due later by an accepted stop of its clock alone; what was missed stays missed, whoever says otherwise.
"""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import AT, lay

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)
ANYBODY = {
    "open": (
        "due_at = due_at + interval '9 days'", "due_at = due_at - interval '1 day'", "first_due_at = due_at, stopped_from = due_at,"
        " stopped_until = due_at, due_at = due_at + interval '9 days'", "missed_at = app_now()", "missed_at = due_at", "owed_by_organisation = NULL",
        "owed_by_role = 'finance'", "owed_to = NULL", "starts_at = starts_at - interval '1 day'", "title = 'x'", "link = '/x'",
        "rule_key = 'x'", "subject_id = gen_random_uuid()", "next_check_at = NULL", "cancelled_at = app_now() - interval '1 day'",
    ),
    "late": (
        "missed_at = NULL", "missed_at = missed_at - interval '1 day'", "due_at = app_now() + interval '9 days'",
        "due_at = app_now() + interval '9 days', missed_at = NULL", "met_at = app_now(), missed_at = NULL", "cancelled_at = app_now(), missed_at = NULL",
        "first_due_at = due_at, stopped_from = due_at, stopped_until = due_at, due_at = app_now() + interval '9 days', missed_at = NULL",
    ),
    "unseen": ("met_at = app_now()",),  # late, and no sweep has seen it yet
    "done": ("met_at = NULL", "met_at = met_at - interval '1 day'", "met_at = NULL, cancelled_at = app_now()"),
    "stopped": (
        "due_at = due_at + interval '1 day'", "due_at = first_due_at", "first_due_at = first_due_at + interval '1 day'", "first_due_at = NULL,"
        " stopped_from = NULL, stopped_until = NULL", "stopped_until = stopped_until + interval '9 days'",
    ),
}  # fmt: skip


async def test_a_duty_moves_by_an_accepted_stop_and_a_miss_stays_one(database, migrator):
    rows = await lay(migrator)
    await migrator.execute(
        "UPDATE obligation SET title = 'open', due_at = due_at + interval '2 days' WHERE rule_key = 'plan_signed'"
    )
    for name, change in (
        ("late", {"due_at": "due_at - interval '3 days'", "missed_at": "due_at - interval '3 days'"}),
        ("unseen", {"due_at": "due_at - interval '3 days'"}),
        ("done", {"met_at": "starts_at"}),
        ("stopped", {"first_due_at": "due_at - interval '1 day'", "stopped_from": "starts_at", "stopped_until": "starts_at + interval '1 day'"}),
    ):  # fmt: skip
        columns = ["owed_by_organisation", "owed_to", "commissioner_id", "framework_id", "child_id", "package_id", "subject_type",
                   "subject_id", "pack_hash", "starts_at"]  # fmt: skip
        values = [*columns, "'demo'", f"'{name}'", f"'{name}'", change.pop("due_at", "due_at"), *change.values()]
        names = [*columns, "owed_by_role", "rule_key", "title", "due_at", *change]
        await migrator.execute(
            f"INSERT INTO obligation ({', '.join(names)}) SELECT {', '.join(values)} FROM obligation WHERE title = 'open'"
        )
    await migrator.execute("UPDATE obligation SET next_check_at = starts_at WHERE title = 'open'")
    stop = await migrator.fetchval("SELECT id FROM duty_stop")
    council, provider = rows.actors["northgate_contract_manager"], rows.actors["winner_manager"]
    for name in ("winner_manager", "mother", "northgate_contract_manager", "allocated_worker"):
        for title, changes in ANYBODY.items():
            for change in changes:
                with pytest.raises(REFUSED):
                    async with unit_of_work(rows.actors[name]) as work:
                        found = await work.execute(f"UPDATE obligation SET {change} WHERE title = '{title}'")
                        assert found == "UPDATE 1", (name, title, change)
                        pytest.fail(f"{name} {title}: {change}")
    for name in ("winner_manager", "mother", "allocated_worker"):  # only a council says later when something was done
        with pytest.raises(REFUSED):
            async with unit_of_work(rows.actors[name]) as work:
                await work.execute(
                    "UPDATE obligation SET met_at = due_at - interval '1 hour', missed_at = NULL WHERE title = 'late'"
                )
                pytest.fail(name)

    # what the product does goes on: met late stays late, said later by the council it was done in time
    async with unit_of_work(provider) as work:
        assert (
            await work.execute("UPDATE obligation SET met_at = app_now(), missed_at = due_at WHERE title = 'unseen'")
            == "UPDATE 1"
        )
    async with unit_of_work(council) as work:
        assert (
            await work.execute(
                "UPDATE obligation SET met_at = starts_at - interval '9 days', missed_at = NULL WHERE title = 'late'"
            )
            == "UPDATE 1"
        )
    moved = f"""UPDATE obligation SET first_due_at = due_at, due_at = due_at + interval '1 day', stopped_from = '{AT}',
        stopped_until = due_at WHERE title = 'open'"""
    async with unit_of_work(council) as work:
        await work.execute(
            "UPDATE duty_stop SET accepted = true, decided_at = app_now(), decided_by = app_person(), decided_by_name = 'n',"
            " decision = 'd', stands_until = from_at + interval '1 day' WHERE id = $1", stop,
        )  # fmt: skip
        assert await work.execute(moved) == "UPDATE 1"
    with pytest.raises(REFUSED):  # who asked ends a stop; that brings the day nearer, never further away
        async with unit_of_work(provider) as work:
            await work.execute(
                "UPDATE duty_stop SET ended_at = app_now(), ended_by = app_person(), ended_by_name = 'n' WHERE id = $1",
                stop,
            )
            await work.execute("UPDATE obligation SET due_at = due_at + interval '1 day' WHERE title = 'open'")
            pytest.fail("further away")
    async with unit_of_work(provider) as work:
        await work.execute(
            "UPDATE duty_stop SET ended_at = app_now(), ended_by = app_person(), ended_by_name = 'n' WHERE id = $1",
            stop,
        )
        assert await work.execute("UPDATE obligation SET due_at = first_due_at WHERE title = 'open'") == "UPDATE 1"

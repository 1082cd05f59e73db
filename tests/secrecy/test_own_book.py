# ruff: noqa: E501 - a statement to a line where it can be
"""The audit trail, the looks and the news as PostgreSQL takes them: in one's own name and role, where one has to do."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from marketplace.platform.actor import NOBODY, Actor, system_for
from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import lay
from tests.secrecy.test_own_word import done, refused

FORGED = "SELECT audit_append('{chain}', 'Northgate Finance', '{role}', 'invoice.paid', 'invoice', gen_random_uuid(), '{{}}')"
LOOK = "SELECT look_append('{chain}', 'evidence', gen_random_uuid(), 'forged', NULL)"
NEWS = "INSERT INTO notice (person_id, sentence, link, at) VALUES ('{person}', 'Click', '{link}', app_now())"


async def test_nobody_notes_in_anothers_name_role_or_book(database, migrator):
    rows = await lay(migrator)
    mother, manager, worker, council, rival, stranger = (
        rows.actors[each]
        for each in (
            "mother",
            "winner_manager",
            "allocated_worker",
            "northgate_finance",
            "rival_manager",
            "stranger_manager",
        )
    )
    northgate, southmere, winner = rows["northgate"], rows["southmere"], rows["winner"]
    for actor in (mother, manager, worker, council):
        await refused(actor, FORGED.format(chain=southmere, role="finance"))
        await refused(actor, LOOK.format(chain=southmere))
    await refused(stranger, FORGED.format(chain=northgate, role="finance"))
    for actor in (mother, rival):
        await refused(actor, FORGED.format(chain=winner, role="finance"))
        await refused(actor, LOOK.format(chain=winner))
    # where one has to do it is noted as who one is, whatever is said
    for actor in (mother, manager, worker, rival, council):
        await done(actor, FORGED.format(chain=northgate, role="finance"), LOOK.format(chain=northgate))
    await done(worker, FORGED.format(chain=winner, role="provider_manager"))
    await done(council, LOOK.format(chain=winner))
    noted = {
        (row["person_name"], row["role"]) for row in await migrator.fetch("SELECT person_name, role FROM audit_entry")
    }
    assert noted == {
        ("Mother", "family"),
        ("Winner Manager", "provider_manager"),
        ("Allocated Worker", "worker"),
        ("Rival Manager", "provider_manager"),
        ("Northgate Finance", "finance"),
    }
    # the actions' own: a family, a worker, a machine of the office, the system for whomever
    machine = Actor(manager.person_id, "Roster, issued by Winner Manager", "coordinator", winner, "winner", "provider")
    await migrator.execute("UPDATE machine_token SET name = 'Roster'")
    for actor in (mother, worker, machine, system_for(winner, "provider"), Actor(NOBODY, "Stripe", "system")):
        async with unit_of_work(actor) as work:
            work.audit("thing.done", "thing", uuid4(), commissioner_id=northgate)
    said = {
        (row["person_name"], row["role"])
        for row in await migrator.fetch("SELECT person_name, role FROM audit_entry WHERE action = 'thing.done'")
    }
    assert said == {
        ("Mother", "family"),
        ("Allocated Worker", "worker"),
        (machine.person_name, "coordinator"),
        ("The marketplace", "system"),
        ("Stripe", "system"),
    }
    assert await migrator.fetch("SELECT * FROM audit_faults()") == []
    for link in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
        "/\t/evil.example",
        "/a\n",
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="obligation_link"):
            await migrator.execute("UPDATE obligation SET link = $1", link)
        await refused(mother, NEWS.format(person=rows["winner_manager"], link=link))
    assert (
        await done(mother, *(NEWS.format(person=rows["winner_manager"], link=link) for link in ("", "/", "/visits")))
        == ["INSERT 0 1"] * 3
    )

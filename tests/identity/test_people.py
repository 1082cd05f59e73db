"""Inviting, giving and ending roles; registering organisations; one-time links."""

import re
from uuid import uuid4

import pytest

from marketplace.identity import actions, people
from marketplace.identity.links import mail_link
from marketplace.identity.queries import people_of_my_organisation
from marketplace.identity.sessions import use_session
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.world.people import PASSWORD, council, operator, person_in, provider_org, with_password


async def mailed_link(migrator, settings, email: str, kind: str = "invitation") -> str:
    """The token in the newest mail to somebody, after the job that writes it has run."""
    person = await migrator.fetchval("SELECT id FROM person WHERE email = $1", email)
    await mail_link(settings, {"person": str(person), "kind": kind})
    body = await migrator.fetchval(
        "SELECT body FROM mail_message WHERE to_person = $1 ORDER BY created_at DESC", person
    )
    found = re.search(r"/set-password\?link=(\S+)", body)
    assert found, body
    return found.group(1)


async def test_an_invited_colleague_sets_a_password_by_the_link_once_and_signs_in(database, migrator):
    admin = await council(database)
    await people.invite_colleague(admin, " Fin  Ance ", "Fin@Example.org", "finance")
    assert await migrator.fetchval("SELECT count(*) FROM mail_message") == 0  # the job writes it, not the change
    link = await mailed_link(migrator, database, "fin@example.org")
    await actions.use_link(link, PASSWORD)
    signed = await actions.sign_in(database, "console", "FIN@example.org", PASSWORD, network="a", device="")
    visitor = await use_session(signed.token, "console", database.session_idle)
    assert visitor and visitor.actor and visitor.actor.role == "finance"
    assert visitor.actor.organisation_id == admin.organisation_id
    with pytest.raises(NotFound):
        await actions.use_link(link, PASSWORD + "!")
    entries = await migrator.fetch("SELECT action FROM audit_entry WHERE organisation_id = $1", admin.organisation_id)
    assert [entry["action"] for entry in entries] == ["role.given"]


async def test_no_secret_of_a_link_is_stored_but_its_hash(database, migrator):
    admin = await council(database)
    await people.invite_colleague(admin, "Fin Ance", "fin@example.org", "finance")
    payloads = await migrator.fetch("SELECT convert_from(payload, 'utf8') AS text FROM jobs.pgqueuer")
    assert payloads and all("link" not in row["text"] and "fin@" not in row["text"] for row in payloads)


async def test_a_link_runs_out_and_a_reset_does_not_tell_who_has_an_account(database, migrator):
    admin = await council(database)
    email = await with_password(admin, database)
    await actions.ask_for_reset(database, "nobody@example.org", "a")
    await actions.ask_for_reset(database, email, "a")
    link = await mailed_link(migrator, database, email, "reset")
    await migrator.execute("UPDATE one_time_link SET ends_at = now() - interval '1 second'")
    with pytest.raises(NotFound):
        await actions.use_link(link, "another long password of mine")
    await actions.prove(database, email, PASSWORD, "a")


async def test_a_new_password_ends_every_other_way_in(database):
    admin = await council(database)
    email = await with_password(admin, database)
    one = await actions.sign_in(database, "console", email, PASSWORD, network="a", device="")
    two = await actions.sign_in(database, "console", email, PASSWORD, network="a", device="")
    pair = await actions.issue_tokens(database, email, PASSWORD, network="a")
    visitor = await use_session(one.token, "console", database.session_idle)
    assert visitor and visitor.actor
    with pytest.raises(InvalidInput, match="problem") as refused:
        await actions.change_password(visitor.actor, database, "not it at all", "violet kettle harbour")
    assert set(refused.value.fields) == {"current"}
    await actions.change_password(visitor.actor, database, PASSWORD, "violet kettle harbour")
    assert await use_session(one.token, "console", database.session_idle)
    assert await use_session(two.token, "console", database.session_idle) is None
    with pytest.raises(Exception, match="refresh token"):
        await actions.renew_tokens(database, pair.refresh_token)


async def test_ending_a_role_signs_out_at_once(database):
    admin = await council(database)
    officer = await person_in(admin, "finance")
    email = await with_password(officer, database)
    signed = await actions.sign_in(database, "console", email, PASSWORD, network="a", device="")
    pair = await actions.issue_tokens(database, email, PASSWORD, network="a")
    rows = await ask(admin, people_of_my_organisation)
    membership = next(row["id"] for row in rows if row["person_id"] == officer.person_id)
    await people.end_role(admin, membership)
    visitor = await use_session(signed.token, "console", database.session_idle)
    assert visitor is not None and visitor.actor is None
    with pytest.raises(Exception, match="refresh token"):
        await actions.renew_tokens(database, pair.refresh_token)
    with pytest.raises(NotFound):
        await people.end_role(admin, membership)


async def test_the_last_administrator_stays(database):
    admin = await provider_org(database)
    membership = (await ask(admin, people_of_my_organisation))[0]["id"]
    with pytest.raises(Conflict, match="only provider manager"):
        await people.end_role(admin, membership)
    await person_in(admin, "provider_manager")
    await people.end_role(admin, membership)


async def test_nobody_reaches_another_organisations_people(database):
    ours, theirs = await council(database), await council(database, "Southmere")
    membership = (await ask(theirs, people_of_my_organisation))[0]["id"]
    with pytest.raises(NotFound):
        await people.end_role(ours, membership)
    assert len(await ask(ours, people_of_my_organisation)) == 1


async def test_only_roles_of_the_kind_and_only_by_those_who_may(database):
    admin, manager = await council(database), await provider_org(database)
    for actor, role in ((admin, "provider_manager"), (manager, "finance"), (admin, "operator"), (manager, "worker")):
        with pytest.raises(InvalidInput) as refused:
            await people.invite_colleague(actor, "Any Body", "any@example.org", role)
        assert set(refused.value.fields) == {"role"}
    officer = await person_in(admin, "finance")
    with pytest.raises(NotPermitted):
        await people.invite_colleague(officer, "Any Body", "any@example.org", "finance")


@pytest.mark.parametrize(
    ("name", "email", "field"),
    [("", "a@example.org", "name"), ("x" * 121, "a@example.org", "name"), ("Any Body", "any", "email"),
     ("Any Body", "a@b@example.org", "email")],
)  # fmt: skip
async def test_wrong_input_names_the_field(database, name, email, field):
    with pytest.raises(InvalidInput) as refused:
        await people.invite_colleague(await council(database), name, email, "finance")
    assert set(refused.value.fields) == {field}


async def test_inviting_the_same_person_twice_says_so_and_makes_no_second_role(database):
    admin = await council(database)
    await people.invite_colleague(admin, "Fin Ance", "fin@example.org", "finance")
    with pytest.raises(InvalidInput):
        await people.invite_colleague(admin, "Fin Ance", "fin@example.org", "finance")
    await people.invite_colleague(admin, "Somebody Else", "fin@example.org", "referrer")
    rows = await ask(admin, people_of_my_organisation)
    assert [(row["name"], row["role"]) for row in rows if row["email"] == "fin@example.org"] == [
        ("Fin Ance", "finance"),
        ("Fin Ance", "referrer"),
    ]


async def test_only_an_operator_registers_organisations_even_past_the_permission_table(database, migrator):
    admin = await council(database)
    values = {"name": "X", "short_name": "X", "administrator_name": "A B", "administrator_email": "a@example.org"}
    with pytest.raises(NotPermitted):
        await people.register_organisation(admin, kind="commissioner", **values)
    false = Actor(admin.person_id, "x", "operator", admin.organisation_id, "x", "operator")
    with pytest.raises(NotPermitted):
        await people.register_organisation(false, kind="commissioner", **values)
    assert await migrator.fetchval("SELECT count(*) FROM organisation WHERE name = 'X'") == 0
    with pytest.raises(InvalidInput) as refused:
        await people.register_organisation(
            await operator(database),
            kind="advice",
            name="",
            short_name="",
            administrator_name="",
            administrator_email="x",
        )
    assert set(refused.value.fields) == {"kind", "name", "short_name", "administrator_name", "administrator_email"}


async def test_a_place_that_is_not_mine_cannot_be_chosen(database):
    admin, other = await council(database), await council(database, "Southmere")
    email = await with_password(admin, database)
    signed = await actions.sign_in(database, "console", email, PASSWORD, network="a", device="")
    theirs = (await ask(other, people_of_my_organisation))[0]["id"]
    for key in (str(theirs), str(uuid4()), "family", ""):
        with pytest.raises(InvalidInput):
            await actions.choose_place(database, "console", admin.person_id, key, token=signed.token, device="")

"""A file attached to an action of a plan, opened by whoever decides on a real S3 server; nobody else gets at it."""

from __future__ import annotations

import pytest

from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted
from marketplace.platform.object_store import ObjectStore
from marketplace.providers import actions, plan_actions, plans
from marketplace.providers.plan_files import attachable_files, open_file
from marketplace.settings import Settings
from tests.providers.test_declarations import TODAY
from tests.providers.test_files import checked
from tests.world import files as made
from tests.world import providers
from tests.world.apps import create_console
from tests.world.door import at
from tests.world.file_servers import store, with_store

__all__ = ["store"]


@pytest.fixture
def stored(database: Settings, store: ObjectStore) -> Settings:
    return with_store(database, store)


async def test_what_shows_an_action_opens_to_who_decides_and_the_look_is_logged(stored, clock, place):
    suspension = await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Missed visits")
    action = await plan_actions.ask_action(place.lead, suspension, title="A rota", due_on=TODAY)
    rota = await checked(place.manager, stored, made.plain_pdf("Rota"))
    worker = await providers.worker(place.manager, "Kit Lowe")
    scan = await checked(place.manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=worker)
    theirs = await checked(place.rival, stored, made.plain_pdf("Theirs"))
    assert [file for file, _ in await ask(place.manager, attachable_files)] == [rota["id"]]
    with pytest.raises(InvalidInput, match=r"."):
        await plan_actions.say_done(place.manager, action, "Done", [scan["id"]])
    with pytest.raises(NotFound):
        await plan_actions.say_done(place.manager, action, "Done", [theirs["id"]])
    with pytest.raises(NotFound):  # not attached yet
        await open_file(place.lead, stored, suspension, rota["id"])
    await plan_actions.say_done(place.manager, action, "Done", [rota["id"], rota["id"]])
    for actor in (place.lead, place.manager):
        view = await ask(actor, plans.suspension, suspension)
        assert [file.id for step in view.actions[0].steps for file in step.files] == [rota["id"]]
    # a partner of the framework reads the story of the lead's suspension, and opens none of its files
    seen = await ask(place.partner, plans.suspension, suspension)
    assert [file.id for step in seen.steps for file in step.files] == []
    async with at(create_console(stored, clock), stored, place.lead) as door:
        where = f"/suspensions/{suspension}/files/{rota['id']}"
        assert where in (await door.get(f"/suspensions/{suspension}")).text
        answer = await door.get(where)
        assert answer.status_code == 200 and answer.content.startswith(b"%PDF")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert (await door.get(f"/suspensions/{suspension}/files/{theirs['id']}")).status_code == 404
    async with unit_of_work(place.lead) as work:
        looks = await work.fetch("SELECT why FROM look WHERE subject_id = $1", rota["id"])
    assert [look["why"] for look in looks] == ["opened a file of an action plan"]
    for actor in (place.partner, place.apart, place.rival):
        with pytest.raises((NotFound, NotPermitted)):
            await open_file(actor, stored, suspension, rota["id"])

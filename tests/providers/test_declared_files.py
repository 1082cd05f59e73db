"""A file a provider declared with, opened by a commissioner on a real S3 server; nobody else gets at it."""

from __future__ import annotations

import pytest

from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import NotFound, NotPermitted
from marketplace.platform.object_store import ObjectStore
from marketplace.providers.declaration_files import open_declared
from marketplace.providers.declarations import make_declaration
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


async def test_a_declared_file_opens_to_those_who_weigh_it_and_the_look_is_logged(stored, clock, place):
    row = await checked(place.manager, stored, made.plain_pdf("Policy"))
    with pytest.raises(NotFound):  # not declared with yet
        await open_declared(place.lead, stored, row["id"])
    await make_declaration(place.manager, "safeguarding", declared_on=TODAY, evidence_ids=[row["id"]])
    async with at(create_console(stored, clock), stored, place.lead) as door:
        answer = await door.get(f"/declared-files/{row['id']}")
        assert answer.status_code == 200 and answer.content.startswith(b"%PDF")
        assert answer.headers["content-disposition"].startswith("attachment")
    async with unit_of_work(place.manager) as work:
        looks = await work.fetch("SELECT why FROM look WHERE subject_id = $1", row["id"])
    assert [look["why"] for look in looks] == ["assessed what was declared"]
    with pytest.raises(NotFound):
        await open_declared(place.apart, stored, row["id"])
    with pytest.raises((NotFound, NotPermitted)):
        await open_declared(place.rival, stored, row["id"])
    worker = await providers.worker(place.manager, "Kit Lowe")
    scan = await checked(place.manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=worker)
    async with unit_of_work(place.lead) as work:
        assert await work.fetch("SELECT * FROM declared_file($1)", scan["id"]) == []

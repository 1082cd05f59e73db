"""A commissioner's own files of what it found, on a real S3 server: checked while one waits, opened by the provider
only once they are shared, and only as they were checked."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest

from marketplace import files_site
from marketplace.contracts import finding_files, findings, occasions, queries
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, Unavailable
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.storage import Storage
from marketplace.settings import Settings
from tests.structure.inhabited import bearer
from tests.world import files as made
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.door import TOKEN, at
from tests.world.file_servers import store, with_store

__all__ = ["store"]
FILES = "https://files.example.org"


@pytest.fixture
def stored(database: Settings, store: ObjectStore) -> Settings:
    return with_store(database, store)


async def found_something(place, clock):  # type: ignore[no-untyped-def]
    """An unannounced inspection that has begun, with a finding; (occasion, finding)."""
    occasion = await occasions.plan(
        place.lead, *place.here, kind="inspection", starts_at=clock.at, place="Its office", announced=False
    )
    finding = await findings.add_finding(place.lead, occasion, area="Safeguarding", grade="met", says="Sound")
    return occasion, finding


async def kept(settings: Settings) -> list[tuple[str, str]]:
    return await Storage.from_settings(settings).under("findings/")


async def test_what_shows_a_finding_is_the_commissioners_until_it_is_shared(stored, clock, place):
    occasion, finding = await found_something(place, clock)
    before = len(await kept(stored))

    async def added(actor, content, name="C:\\photos\\locked\u202e door.pdf", **how):  # type: ignore[no-untyped-def]
        settings = how.pop("settings", stored)
        return await finding_files.add_file(actor, settings, finding, name=name, file=io.BytesIO(content), **how)

    for stranger in (place.apart, place.partner, place.rival, place.manager, place.admin):
        with pytest.raises((NotFound, NotPermitted)):
            await added(stranger, made.plain_pdf())
    for wrong in (b"", b"MZ no such thing", made.locked_pdf()):
        with pytest.raises(InvalidInput) as refused:
            await added(place.lead, wrong)
        assert set(refused.value.fields) == {"file"}
    with pytest.raises(Unavailable, match="virus scanner does not answer"):
        await added(place.lead, made.plain_pdf(), settings=replace(stored, clamd="unix:///nowhere/clamd.sock"))
    assert len(await kept(stored)) == before, "nothing that was refused is kept"
    same = uuid4()
    for _ in range(2):
        assert await added(place.lead, made.scripted_pdf(), file_id=same) == same
    photo = await added(place.other, made.picture(place=True), name="gate.jpg")
    shown = (await ask(place.lead, queries.occasion, occasion)).findings[0].files
    assert [(file.name, file.by) for file in shown] == [
        ("locked door.pdf", place.lead.person_name), ("gate.jpg", place.other.person_name),
    ]  # fmt: skip
    assert len(await kept(stored)) == 2 + before

    # until it is shared it is taken away again, and nobody else knows of it
    gone = await added(place.lead, made.plain_pdf())
    await finding_files.remove_file(place.lead, stored, gone)
    with pytest.raises(NotFound):
        await finding_files.remove_file(place.lead, stored, gone)
    assert len(await kept(stored)) == 2 + before
    for reader in (place.manager, place.rival, place.partner, place.apart):
        with pytest.raises(NotFound):
            await finding_files.open_file(reader, stored, same)
    await occasions.share(place.lead, occasion, attended_by="Cora", provider_there=True, minutes="Sound.")
    with pytest.raises(Conflict):
        await added(place.lead, made.plain_pdf())
    with pytest.raises(Conflict):
        await finding_files.remove_file(place.lead, stored, photo)
    for reader in (place.manager, place.lead, place.admin):
        opened = await finding_files.open_file(reader, stored, same)
        content = b"".join(opened.parts())
        assert content.startswith(b"%PDF") and b"/JavaScript" not in content and opened.size == len(content)
    for stranger in (place.rival, place.partner, place.apart):
        with pytest.raises(NotFound):
            await finding_files.open_file(stranger, stored, same)
    async with unit_of_work(place.lead) as work:
        looks = await work.fetch("SELECT why FROM look WHERE subject_id = $1", same)
    assert {look["why"] for look in looks} == {"opened a file of a finding"}


async def test_ten_at_most_and_what_was_changed_in_the_store_is_shown_to_nobody(stored, clock, place, migrator):
    _, finding = await found_something(place, clock)
    file = await finding_files.add_file(place.lead, stored, finding, name="a.pdf", file=io.BytesIO(made.plain_pdf()))
    await migrator.execute(
        "INSERT INTO finding_file OVERRIDING SYSTEM VALUE SELECT (f).* FROM (SELECT jsonb_populate_record(f,"
        " jsonb_build_object('id', gen_random_uuid())) AS f FROM finding_file f, generate_series(1, 9)) s"
    )
    with pytest.raises(InvalidInput, match=r".") as refused:
        await finding_files.add_file(place.lead, stored, finding, name="b.pdf", file=io.BytesIO(made.plain_pdf()))
    assert "10 files at most" in refused.value.fields["file"]
    [(key, version)] = [each for each in await kept(stored) if str(file) in each[0]]
    await Storage.from_settings(stored).delete(key, version)
    for _ in range(2):
        with pytest.raises(Conflict, match="no longer what was checked"):
            await finding_files.open_file(place.lead, stored, file)
    told = await migrator.fetch("SELECT sentence FROM notice WHERE sentence LIKE 'A file of a finding%'")
    assert len(told) == 1


async def test_at_both_doors_through_the_api_and_from_the_origin_of_files(stored, clock, place):
    occasion, finding = await found_something(place, clock)
    here, page = f"/contract-occasions/{occasion}", f"/contract-findings/{finding}/file"
    async with at(create_console(stored, clock), stored, place.lead) as desk:

        async def posted(**files):  # type: ignore[no-untyped-def]
            shown = (await desk.get(page)).text
            token = TOKEN.search(shown)
            assert token is not None
            return await desk.client.post(
                page, data={"_csrf": token.group(1)}, files=files or {"none": b""},
                headers={"origin": str(desk.client.base_url)},
            )  # fmt: skip

        assert page in (await desk.get(here)).text
        empty = await posted()
        assert empty.status_code == 400 and "Select the file" in empty.text
        office = await posted(file=("plan.docx", b"PK\x03\x04 words", "application/msword"))
        assert office.status_code == 400 and "office document" in office.text
        sent = await posted(file=("Key safe.jpg", made.picture(), "image/jpeg"))
        assert (sent.status_code, sent.headers["location"]) == (303, here)
        shown = (await desk.get(here)).text
        assert "Key safe.jpg" in shown and "Take away" in shown
        lead = await bearer(stored, place.lead)
        api = f"/api/v1/contract-findings/{finding}/files"
        assert (await desk.client.post(api, headers=lead, files={"other": b"x"})).status_code == 400
        second = await desk.client.post(api, headers=lead, files={"file": ("two.pdf", made.plain_pdf())})
        assert second.status_code == 201
        two = f"/finding-files/{second.json()['id']}"
        assert (await desk.client.delete(f"/api/v1{two}", headers=lead)).status_code == 204
        assert (await desk.client.delete(f"/api/v1{two}", headers=lead)).status_code == 404
        (file,) = (await desk.client.get(f"/api/v1{here}", headers=lead)).json()["findings"][0]["files"]
        assert file["name"] == "Key safe.jpg"
        where = f"/finding-files/{file['id']}"
        await occasions.share(place.lead, occasion, attended_by="Cora", provider_there=True, minutes="Sound.")
        assert "Take away" not in (await desk.get(here)).text and (await desk.get(page)).status_code == 404
    app = create_marketplace(stored, clock)
    async with at(app, stored, place.manager) as own:
        assert where in (await own.get(here)).text and "Add a file" not in (await own.get(here)).text
        got = await own.get(where)
        assert got.status_code == 200 and got.content.startswith(b"\xff\xd8")
        assert got.headers["content-disposition"].startswith("attachment")
        assert (await own.client.get(f"/api/v1{where}")).content == got.content
    worker = await people.person_in(place.manager, "worker")
    for stranger, status in ((place.rival, 404), (worker, 403)):
        async with at(app, stored, stranger) as door:
            assert (await door.get(where)).status_code == status
    elsewhere = replace(stored, files_url=FILES)
    there = (await finding_files.open_file(place.manager, elsewhere, UUID(file["id"]))).elsewhere
    transport = httpx.ASGITransport(app=files_site.create_app(elsewhere))
    async with httpx.AsyncClient(transport=transport, base_url=FILES) as origin:
        assert (await origin.get(there)).content == got.content

"""Importing a workforce as people and programs meet it: file, preview, answers, acceptance, export."""

from __future__ import annotations

import base64
import io
import re
import zipfile

import pytest
from openpyxl import load_workbook

from marketplace.platform.database import ask
from marketplace.providers import queries, workforce
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.door import TOKEN, Door, at

TEXT = "Worker's reference,Name,Role\nE1,Ana Poe,Support worker\nE2,Ben Low,Support worker\n"


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


async def send(door: Door, text: str | bytes, name: str = "workers.csv"):  # type: ignore[no-untyped-def]
    shown = await door.get("/workforce/import")
    token = TOKEN.search(shown.text)
    assert token
    content = text.encode() if isinstance(text, str) else text
    return await door.client.post(
        "/workforce/import", data={"_csrf": token[1]}, files={"file": (name, content)},
        headers={"origin": str(door.client.base_url)},
    )  # fmt: skip


def plan_on(page: str) -> str:
    found = re.search(r'name="plan" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


async def test_a_coordinator_imports_a_file_and_sees_everything_first(app, database, place):
    async with at(app, database, place.coordinator) as door:
        assert "import them from a file" in (await door.get("/workforce")).text
        none = await send(door, b"", "empty.csv")
        assert none.status_code == 400 and "The file is empty" in none.text
        where = (await send(door, TEXT)).headers["location"]
        page = (await door.get(where)).text
        assert "2 to be added, 0 changed, 0 left as they are" in page and "Ana Poe" in page
        assert await ask(place.manager, queries.workforce) == []
        stale = await door.post(where, {"plan": "0" * 64})
        assert stale.status_code == 400 and "has changed since you looked" in stale.text
        done = await door.post(where, {"plan": plan_on(page)})
        assert done.status_code == 303
        page = (await door.get(where)).text
        assert "What the file did" in page and "has been imported" in page
        assert "Imported" in (await door.get("/workforce/import")).text
        where = (await send(door, TEXT)).headers["location"]
        assert "there is nothing to import" in (await door.get(where)).text
        table = await door.get(where + "?format=csv")
        assert table.headers["content-type"].startswith("text/csv") and "Left as it is" in table.text
        gone = await door.post(where, {"go": "discard"})
        assert gone.status_code == 303 and "This file was given up" in (await door.get(where)).text
    assert len(await ask(place.manager, queries.workforce)) == 2


async def test_faults_are_a_table_and_nothing_can_be_accepted(app, database, place):
    async with at(app, database, place.manager) as door:
        text = "Name,Role,First day\nAna Poe,<b>wizard</b>,31/02/2026\n"
        where = (await send(door, text)).headers["location"]
        page = (await door.get(where)).text
        assert "31 February 2026 is not a date" in page and "&lt;b&gt;wizard" in page and "<b>wizard" not in page
        assert "Import this" not in page and "Send the corrected file" in page


async def test_who_is_meant_is_asked_and_answered(app, database, place):
    ana = await workforce.add_worker(place.manager, name="Ana Poe", role="support_worker")
    async with at(app, database, place.manager) as door:
        where = (await send(door, TEXT)).headers["location"]
        page = (await door.get(where)).text
        assert "Say who is meant" in page and "Import this" not in page
        missing = await door.post(where + "/questions", {})
        assert missing.status_code == 400 and "Select who Ana Poe in row 2 is" in missing.text
        answered = await door.post(where + "/questions", {"row-2": str(ana)})
        assert answered.status_code == 303
        page = (await door.get(where)).text
        assert "1 to be added, 1 changed" in page and (await door.get(where + "/questions")).status_code == 404


async def test_template_and_export_carry_the_frameworks_words(app, database, place):
    async with at(app, database, place.manager) as door:
        book = load_workbook(io.BytesIO((await door.get("/workforce/import/template")).content))
        assert book.sheetnames == ["Workers", "Competencies", "Checks", "Help", "Words"]
        words = {cell.value for row in book["Words"].iter_rows() for cell in row}
        assert {"Support worker", "First aid", "References taken up", "Employed"} <= words
        answer = await door.get("/workforce/import/template?format=csv")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.namelist() == ["workers.csv", "competencies.csv", "checks.csv"]
        assert (await door.get("/workforce/export?format=csv")).headers["content-type"] == "application/zip"


async def test_rivals_workers_and_commissioners_are_kept_out(app, database, place):
    async with at(app, database, place.manager) as door:
        where = (await send(door, TEXT)).headers["location"]
    async with at(app, database, place.rival) as door:
        for path in (where, where + "/questions", f"/api/v1/workforce-imports/{where.rsplit('/', 1)[1]}"):
            assert (await door.get(path)).status_code == 404
        assert "workers.csv" not in (await door.get("/workforce/import")).text
    referrer = await people.person_in(place.lead, "referrer")
    async with at(app, database, referrer) as door:
        for path in (where, "/workforce/import", "/workforce/export", "/workforce/import/template"):
            assert (await door.get(path)).status_code == 403


async def test_the_api_does_what_the_pages_do(app, database, place):
    async with at(app, database) as door:
        email = await people.with_password(place.manager, database)
        got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
        token = {"Authorization": f"Bearer {got.json()['access_token']}"}

        async def sent(content: bytes):  # type: ignore[no-untyped-def]
            body = {"file_name": "w.csv", "content": base64.b64encode(content).decode()}
            return await door.client.post("/api/v1/workforce-imports", json=body, headers=token)

        bad = await sent(b"a,b\n1,2\n")
        assert bad.status_code == 400 and "headings" in bad.json()["fields"]["file"]
        ana = await workforce.add_worker(place.manager, name="Ana Poe", role="support_worker")
        path = f"/api/v1/workforce-imports/{(await sent(TEXT.encode())).json()['id']}"
        found = (await door.client.get(path, headers=token)).json()
        assert found["fit"] is False and found["questions"][0]["people"][0]["id"] == str(ana)
        found = (await door.client.post(path + "/answers", json={"answers": {"2": "new"}}, headers=token)).json()
        assert found["fit"] and [item["effect"] for item in found["items"]] == ["add", "add"]
        stale = await door.client.post(path + "/accept", json={"plan": "x"}, headers=token)
        assert stale.status_code == 409
        done = await door.client.post(path + "/accept", json={"plan": found["plan_hash"]}, headers=token)
        assert done.status_code == 200 and done.json()["state"] == "imported"
        assert (await door.client.post(path + "/discard", headers=token)).status_code == 409
        assert [
            each["state"] for each in (await door.client.get("/api/v1/workforce-imports", headers=token)).json()
        ] == ["imported"]
        file = await door.client.get("/api/v1/workforce-export", headers=token)
        path = f"/api/v1/workforce-imports/{(await sent(file.content)).json()['id']}"
        again = (await door.client.get(path, headers=token)).json()
        assert {item["effect"] for item in again["items"]} == {"same"} and again["faults"] == []
        assert (await door.client.post(path + "/discard", headers=token)).status_code == 204
        assert (await door.client.get("/api/v1/workforce-template", headers=token)).status_code == 200
        own = {"name": "Kit", "role": "support_worker", "reference": "e1"}
        taken = await door.client.post("/api/v1/workers", json=own, headers=token)
        assert taken.status_code == 400 and "reference" in taken.json()["fields"]

"""Calendar feeds: what stands in them, read with the library; and when a link stops leading anywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from marketplace.identity import people as colleagues
from marketplace.obligations import calendars
from marketplace.obligations.calendar_writing import as_icalendar
from marketplace.platform.database import ask
from tests.obligations.test_duties import owe_answer
from tests.structure.inhabited import bearer
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

OWN, OFFICE = "/account/calendars/own", "/account/calendars/organisation"
PAGE = "/account/calendars"


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


def path_in(text: str) -> str:
    return "/calendars/" + text.split("/calendars/", 1)[1].split('"', 1)[0]


async def made(door, what: str = OWN) -> str:
    """The path of a new link, as its maker copies it from the page."""
    answer = await door.post(f"{what}/make", page=PAGE)
    assert answer.status_code == 200
    return path_in(answer.text.split('id="link"', 1)[1])


def events(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


async def test_a_link_shows_open_duties_until_it_is_stopped(app, database, world, referrer, manager, rival, clock):
    await owe_answer(world, manager, referrer)
    async with at(app, database, manager) as door, at(app, database) as phone, at(app, database, rival) as other:
        path = await made(door)
        assert path not in (await door.get(PAGE)).text, "shown once"
        answer = await phone.get(path)
        [event] = events(answer)
        duty = (await door.get("/api/v1/today")).json()["duties"][0]
        assert str(event["summary"]).endswith("(R-7KQ2)") and duty["title"] in str(event["summary"])
        assert event["dtstart"].dt.isoformat() == duty["due_at"].replace("Z", "+00:00")
        assert event["url"].endswith(duty["link"]) and str(event["description"]) == event["url"]
        assert str(event["uid"]) == f"duty-{duty['id']}@care-marketplace"
        assert answer.headers["cache-control"] == "private, no-cache"

        # nothing changed: nothing is sent again; then the demo's time moves on, and the duty is still there, late
        unchanged = await phone.client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert unchanged.status_code == 304
        clock.move(timedelta(days=3))
        [event] = events(await phone.get(path))
        assert event["dtstart"].dt < event["dtstamp"].dt

        # another provider's feed has nothing of it, and cannot stop this one
        assert events(await phone.get(await made(other))) == []
        await other.post(f"{OWN}/stop", page=PAGE)
        assert len(events(await phone.get(path))) == 1

        # a new link stops the one before; stopping stops that too
        second = await made(door)
        assert (await phone.get(path)).status_code == 404 and len(events(await phone.get(second))) == 1
        await world.migrator.execute("UPDATE obligation SET met_at = starts_at")
        assert events(await phone.get(second)) == []
        assert (await door.post(f"{OWN}/stop", page=PAGE)).status_code == 303
        assert (await phone.get(second)).status_code == 404
        assert (await phone.get("/calendars/guessed/care.ics")).status_code == 404
    assert await world.migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action LIKE 'calendar_feed.%'") == 5


async def test_the_offices_calendar_is_its_managers_and_ends_with_their_role(
    app, console, database, world, referrer, manager, clock
):
    await owe_answer(world, manager, referrer)
    office = await world.member(manager.organisation_id, "provider", "coordinator", "Co Ordinator")
    second = await world.member(manager.organisation_id, "provider", "provider_manager", "Sec Ond")
    async with at(app, database, office) as door:
        assert OFFICE not in (await door.get(PAGE)).text
        assert (await door.post(f"{OFFICE}/make", page="/account/password")).status_code == 403
        assert (await door.post("/account/calendars/everything/make", page="/account/password")).status_code == 404
    async with at(app, database) as phone, at(console, database) as elsewhere:
        async with at(app, database, manager) as door:
            path, own = await made(door, OFFICE), await made(door)
        await world.migrator.execute("UPDATE obligation SET owed_by_role = 'coordinator'")
        [event] = events(await phone.get(path))
        assert str(event["description"]).startswith("For: Coordinator\n")
        assert (await elsewhere.get(path)).status_code == 404, "a provider is not let in there"

        member = await world.migrator.fetchval("SELECT id FROM membership WHERE person_id = $1", manager.person_id)
        await colleagues.end_role(second, member)
        assert (await phone.get(path)).status_code == 404 and (await phone.get(own)).status_code == 404
        async with at(app, database, second) as door:
            assert "no longer works" in (await door.get(PAGE)).text
            assert len(events(await phone.get(await made(door, OFFICE)))) == 1


async def test_the_api_makes_lists_and_stops_links_and_fetching_is_limited(console, app, database, world, referrer):
    finance = await world.member(referrer.organisation_id, "commissioner", "finance", "Fin Ance")
    token = await bearer(database, finance)
    async with at(app, database) as door, at(console, database) as desk:
        api = door.client
        assert (await api.get("/api/v1/calendars", headers=token)).json() == []
        answer = await api.post("/api/v1/calendars", headers=token, json={"scope": "own"})
        assert answer.status_code == 201
        link = answer.json()["link"]
        assert link.startswith(database.admin_url), "the front door that lets this role in"
        path = path_in(link + '"')
        [listed] = (await api.get("/api/v1/calendars", headers=token)).json()
        assert listed["scope"] == "own" and listed["works"] and "token" not in str(listed)
        refused = await api.post("/api/v1/calendars", headers=token, json={"scope": "organisation"})
        assert refused.status_code == 403
        assert (await api.post("/api/v1/calendars", headers=token, json={"scope": "all"})).status_code == 400
        assert events(await desk.get(path)) == []
        assert (await door.get(path)).status_code == 404, "the other front door does not let this role in"
        await world.migrator.execute("UPDATE calendar_feed SET fetched = $1", calendars.MOST_AN_HOUR)
        late = await desk.get(path)
        assert late.status_code == 429 and late.headers["retry-after"] == "900"
        assert (await api.delete("/api/v1/calendars/own", headers=token)).status_code == 204
        assert (await api.delete("/api/v1/calendars/own", headers=token)).status_code == 404
        assert (await desk.get(path)).status_code == 404
        assert (await api.get("/api/v1/calendars")).status_code == 401


async def test_awkward_words_and_cancelled_entries_keep_to_the_standard(world, manager, clock):
    async def moment(work):
        return work.now

    now = await ask(manager, moment)
    entry = calendars.Entry(
        "visit-1", "Tea, cake; and\na back\\slash " + "é" * 80, now, "/visits/1", ends_at=now + timedelta(hours=1),
        sequence=2, changed_at=now, cancelled=True,
    )  # fmt: skip
    written = as_icalendar(calendars.Feed("A, b; c", now, [entry]), {"marketplace": "https://site.example"})
    assert all(len(line) <= 75 for line in written.split(b"\r\n")) and b"\n" not in written.replace(b"\r\n", b"")
    found: list[Any] = Calendar.from_ical(written).walk("VEVENT")
    [event] = found
    assert str(event["summary"]) == entry.title and event["status"] == "CANCELLED" and event["sequence"] == 2
    assert event["dtend"].dt - event["dtstart"].dt == timedelta(hours=1)
    assert event["last-modified"].dt == now.replace(microsecond=0)

"""The list of duties and a duty's own page: who owes what to whom, how it stands, what a miss leads to."""

from __future__ import annotations

import html
from datetime import timedelta
from uuid import uuid4

from marketplace.obligations.duties import cancel
from marketplace.obligations.sweeps import look_at_duties
from marketplace.platform.database import unit_of_work
from tests.obligations.conftest import as_worker
from tests.obligations.test_duties import REFERRAL, meet_answer, owe_answer
from tests.world.apps import create_console, create_marketplace
from tests.world.door import Door, at

ANSWER = "Answer a referral with an offer, or decline it with a reason"
LEADS_TO = "It counts against the measure “Referrals answered within 24 hours”"


async def text(door: Door, path: str) -> str:
    return html.unescape((await door.get(path)).text)


async def states(door: Door) -> list[str]:
    return [each["state"] for each in (await door.get("/api/v1/duties")).json()]


async def test_both_sides_read_who_owes_what_by_when_and_what_a_miss_leads_to(
    database, world, referrer, manager, rival, clock
):
    duty = await owe_answer(world, manager, referrer)
    other_council = await world.organisation("commissioner", "Southgate")
    stranger = await world.member(other_council, "commissioner", "contract_manager", "Stran Ger")
    app, console = create_marketplace(database, clock), create_console(database, clock)
    path = f"/duties/{duty}"
    async with at(app, database, manager) as door:
        page = await text(door, path)
        assert ANSWER in page and "R-7KQ2" in page and "Kingfisher Care" in page and "Northgate" in page
        assert "If it is missed" in page and LEADS_TO in page and "L appendix 2" in page
        assert "once the referral is broadcast" in page and "Do it now" in page
        assert LEADS_TO not in await text(door, "/today")  # nothing is late yet
        found = (await door.get(f"/api/v1{path}")).json()
        assert (found["state"], found["owed_by"]) == ("open", "Kingfisher Care")
    clock.move(timedelta(hours=25))
    async with as_worker(database, clock):
        await look_at_duties()
    async with at(app, database, manager) as door:
        today = await text(door, "/today")
        assert "Late: it counts against the measure" in today and f'href="{path}"' in today
    async with at(console, database, referrer) as door:
        page = await text(door, path)
        assert "What missing it leads to" in page and LEADS_TO in page and "Do it now" not in page
        assert 'href="/duties?state=late"' in await text(door, "/today")  # the news of the miss
        found = (await door.get(f"/api/v1{path}")).json()
        assert found["state"] == "late" and found["leads_to"][0]["clause"]
        assert [event["what"] for event in found["history"]] == ["Missed", "Owed"]
    assert await meet_answer(manager) == 1
    async with at(console, database, referrer) as door:
        assert "Done late" in await text(door, path)
        assert (await door.get(f"/api/v1{path}")).json()["history"][0]["what"] == "Done late"
    for front_door, actor in ((app, rival), (console, stranger)):
        async with at(front_door, database, actor) as door:
            assert (await door.get(path)).status_code == (await door.get(f"/api/v1{path}")).status_code == 404
            assert (await door.get("/api/v1/duties")).json() == []
            assert "No duties yet" in await text(door, "/duties")
    async with at(app, database) as door:
        assert (await door.get(path)).status_code == 303 and (await door.get(f"/api/v1{path}")).status_code == 401


async def test_the_list_by_state_provider_and_rule_and_as_a_file(database, world, referrer, manager, rival, clock):
    met, late, missed = REFERRAL, uuid4(), uuid4()
    for subject in (met, late, missed):
        await owe_answer(world, manager, referrer, subject)
    await meet_answer(manager, met)
    clock.move(timedelta(hours=25))
    async with unit_of_work(referrer) as work:
        await cancel(work, missed)
    await owe_answer(world, rival, referrer, uuid4())
    ended = uuid4()
    await owe_answer(world, rival, referrer, ended)
    async with unit_of_work(referrer) as work:
        await cancel(work, ended)
    async with at(create_console(database, clock), database, referrer) as door:
        listed = await states(door)
        assert listed[:2] == ["late", "open"] and sorted(listed[2:]) == ["ended", "met", "missed"]
        page = await text(door, "/duties")
        assert "Kingfisher Care" in page and "Rival Care" in page and page.count(ANSWER) >= 5
        theirs = f"/duties?provider={rival.organisation_id}&rule=referral_response&state=open"
        page = await text(door, theirs)
        main = page[page.index("<tbody") :]
        assert "Rival Care" in main and "Kingfisher Care" not in main and main.count('scope="row"') == 1
        file = await door.get(theirs + "&format=csv")
        assert file.headers["content-type"].startswith("text/csv")
        assert "Rival Care" in file.text and "Kingfisher Care" not in file.text and len(file.text.splitlines()) == 2
        assert "No duties like that" in await text(door, "/duties?state=met_late")
        # what is no choice chooses nothing; the API says so
        assert "Kingfisher Care" in await text(door, "/duties?state=blue&provider=x&rule=y&page=x")
        assert (await door.get("/api/v1/duties?in_state=blue")).status_code == 400
        assert (await door.get("/api/v1/duties?rule=%00")).status_code == 400
        of_one = (await door.get(f"/api/v1/duties?provider={manager.organisation_id}")).json()
        assert {each["owed_by"] for each in of_one} == {"Kingfisher Care"} and len(of_one) == 3
    async with at(create_marketplace(database, clock), database, manager) as door:
        page = await text(door, "/duties")
        assert "Rival Care" not in page and sorted(await states(door)) == ["late", "met", "missed"]

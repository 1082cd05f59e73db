"""Today and the mailbox over HTTP, and Today's API, in both front doors."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.obligations.news import tell
from marketplace.platform.database import unit_of_work
from tests.obligations.conftest import run_jobs
from tests.obligations.test_duties import owe_answer
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

ANSWER = "Answer a referral with an offer, or decline it with a reason"


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


async def test_today_says_what_for_whom_until_when_and_links_to_it(app, database, world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(hours=22))
    async with at(app, database, manager) as door:
        page = (await door.get("/")).text
    assert ANSWER in page and "R-7KQ2" in page and "2 hours left" in page
    assert 'href="/opportunities/00000000-0000-4000-8000-000000000001"' in page
    clock.move(timedelta(hours=2, minutes=1))
    async with at(app, database, manager) as door:
        page = (await door.get("/today")).text
    assert "<strong>1 late</strong>" in page


async def test_a_rivals_today_is_empty_and_says_so(app, database, world, referrer, manager, rival):
    await owe_answer(world, manager, referrer)
    async with at(app, database, rival) as door:
        page = await door.get("/today")
        assert page.status_code == 200
        assert ANSWER not in page.text and "Nothing needs you now" in page.text
        assert (await door.get("/api/v1/today")).json()["duties"] == []


async def test_news_since_the_last_visit_is_marked(app, database, world, referrer, manager, clock):
    async def told(sentence: str) -> None:
        async with unit_of_work(referrer) as work:
            await tell(work, sentence, "/x", organisation_id=manager.organisation_id)

    async def marks() -> list[bool]:
        async with at(app, database, manager) as door:
            await door.get("/today")
            return [each["new"] for each in (await door.get("/api/v1/today")).json()["news"]]

    await told("First.")
    assert await marks() == [True]
    clock.move(timedelta(minutes=5))  # still the same visit
    assert await marks() == [True]
    clock.move(timedelta(hours=3))
    await told("Second.")
    assert await marks() == [True, False]
    clock.move(timedelta(hours=3))
    assert await marks() == [False, False]


async def test_nobody_signed_in_is_sent_to_sign_in(app, console, database):
    for front_door in (app, console):
        async with at(front_door, database) as door:
            answer = await door.get("/today")
            assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
            assert (await door.get("/api/v1/today")).status_code == 401


async def test_the_console_shows_today_with_watch_to_commissioners(console, database, world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(days=2))
    async with at(console, database, referrer) as door:
        page = (await door.get("/")).text
        assert "children waiting" in page and "duty late" in page
        listed = html.unescape((await door.get("/watch/late")).text)
        assert ANSWER in listed and "Kingfisher Care" in listed and "24 hours late" in listed
        file = await door.get("/watch/late?format=csv")
        assert file.headers["content-type"].startswith("text/csv") and "R-7KQ2" in file.text
        assert (await door.get("/api/v1/watch/late")).json()["rows"][0][1] == "R-7KQ2"
        assert (await door.get("/watch/nothing")).status_code == 404
        assert (await door.get("/watch/lapsing")).status_code == 403  # a referrer reads no evidence


async def test_the_mailbox_is_the_demos_and_shows_ones_own(database, migrator, world, referrer, manager, rival, clock):
    async with unit_of_work(referrer) as work:
        await tell(work, "R-7KQ2 has been answered.", "/x", organisation_id=manager.organisation_id)
    await run_jobs(database, migrator, "mail_notice")
    mail = await migrator.fetchval("SELECT id FROM mail_message")
    async with at(create_marketplace(database, clock), database, manager) as door:
        assert (await door.get("/mailbox")).status_code == 404
    demo = replace(database, demo=True, marketplace_url="http://localhost:8000")
    app = create_marketplace(demo, clock)
    async with at(app, database, manager) as door:
        assert "R-7KQ2 has been answered." in (await door.get("/mailbox")).text
        assert "R-7KQ2 has been answered." in (await door.get(f"/mailbox/{mail}")).text
    async with at(app, database, rival) as door:
        assert "R-7KQ2" not in (await door.get("/mailbox")).text
        assert (await door.get(f"/mailbox/{mail}")).status_code == 404

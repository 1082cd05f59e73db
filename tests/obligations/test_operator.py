"""The demo's clock and mailbox, and the operator's pages: for an operator alone, and without anybody's case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from marketplace.obligations import demo_clock, queries
from marketplace.obligations.demo_clock import mark_demo, move_clock
from marketplace.obligations.news import tell
from marketplace.platform.clock import DemoClock
from marketplace.platform.database import ask, close_database, open_database, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.obligations.conftest import run_jobs
from tests.obligations.test_duties import owe_answer
from tests.world.apps import create_console
from tests.world.door import at
from tests.world.people import operator


@pytest.fixture
async def demo(database):
    """A demo: marked by its loader, its processes on the demo's clock."""
    settings = replace(database, demo=True, marketplace_url="http://localhost:8000", admin_url="http://localhost:8001")
    await mark_demo(settings)
    await close_database()
    await open_database(settings.dsn("app"), clock=DemoClock())
    return settings


@pytest.fixture
async def opal(database):
    return await operator(database)


async def now_of(actor) -> datetime:
    async with unit_of_work(actor, read_only=True) as work:
        return work.now


async def test_by_days_and_to_the_next_deadline(demo, opal, world, referrer, manager):
    before = datetime.now(UTC)
    await move_clock(opal, demo, days=10)
    assert timedelta(days=10) <= await now_of(opal) - before < timedelta(days=10, minutes=1)
    await owe_answer(world, manager, referrer)
    [duty] = await ask(manager, queries.my_duties)
    moved = await move_clock(opal, demo, to_next_deadline=True)
    assert moved.until == duty["due_at"] <= await now_of(opal)
    [due] = await ask(opal, demo_clock.fell_due, moved)
    assert (due["due_at"], due["duties"], due["met"]) == (duty["due_at"], 1, 0)
    with pytest.raises(Conflict, match="no next deadline"):
        await move_clock(opal, demo, to_next_deadline=True)


async def test_a_form_sent_twice_moves_it_once(demo, opal):
    seen = (await ask(opal, demo_clock.clock_state)).moved_by
    await move_clock(opal, demo, days=1, seen=seen)
    with pytest.raises(Conflict, match="moved meanwhile"):
        await move_clock(opal, demo, days=1, seen=seen)
    assert (await ask(opal, demo_clock.clock_state)).moved_by == timedelta(days=1)


@pytest.mark.parametrize("days", [0, -1, 93, None])
async def test_only_forward_and_not_too_far(demo, opal, days):
    with pytest.raises(InvalidInput, match=r"problem"):
        await move_clock(opal, demo, days=days)


async def test_nobody_but_an_operator_moves_it(demo, opal, referrer, manager):
    for actor in (referrer, manager, replace(opal, role="referrer")):
        with pytest.raises(NotPermitted):
            await move_clock(actor, demo, days=1)
    # ... and past the action: the database asks for itself
    for actor in (referrer, manager):
        for statement in ("SELECT move_demo_clock('1 day', NULL)", "SELECT * FROM demo_mailbox(NULL, 9)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with unit_of_work(actor) as work:
                    await work.fetch(statement)


async def test_outside_a_demo_nothing_moves_it(database, migrator, opal):
    with pytest.raises(NotFound):
        await move_clock(opal, database, days=1)
    pretending = replace(database, demo=True)  # the setting alone does not make a demo
    with pytest.raises(NotPermitted):
        await move_clock(opal, pretending, days=1)
    with pytest.raises(ValueError, match="no demo"):
        await mark_demo(database)
    for statement in (
        "INSERT INTO demo_clock VALUES (true, '1 day')",
        "UPDATE demo_clock SET moved_by = '1 day'",
        "SELECT move_demo_clock('1 day', NULL)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with unit_of_work(opal) as work:
                await work.execute(statement)
    assert await migrator.fetchval("SELECT count(*) FROM demo_clock") == 0


async def test_the_clocks_page_moves_it_and_says_what_fell_due(demo, opal, world, referrer, manager):
    await owe_answer(world, manager, referrer)
    async with at(create_console(demo), demo, opal) as door:
        page = (await door.get("/operator/clock")).text
        assert "Nothing: it is the real time" in page
        wrong = await door.post("/operator/clock", {"how": "days", "days": "a week"})
        assert wrong.status_code == 400 and "must be a whole number" in wrong.text and "a week" in wrong.text
        nothing = await door.post("/operator/clock")
        assert nothing.status_code == 400 and "Select how far to move the clock" in nothing.text
        moved = await door.post("/operator/clock", {"how": "days", "days": "2"})
        assert moved.status_code == 303
        page = (await door.get(moved.headers["location"])).text
        assert "Answer a referral with an offer" in page and "R-7KQ2" not in page
        assert (await door.get("/operator/clock?since=x&until=99999999999999999999")).status_code == 200
    async with at(create_console(demo), demo, referrer) as door:
        assert (await door.get("/operator/clock")).status_code == 403


async def test_outside_a_demo_there_is_no_clock_page(database, clock, opal):
    async with at(create_console(database, clock), database, opal) as door:
        assert (await door.get("/operator/clock")).status_code == 404
        assert (await door.get("/api/v1/operator/clock")).status_code == 404


async def test_the_demos_operator_reads_all_messages_no_other_does(
    demo, database, migrator, opal, world, referrer, manager
):
    async with unit_of_work(referrer) as work:
        await tell(work, "R-7KQ2 has been answered.", "/x", organisation_id=manager.organisation_id)
    await run_jobs(demo, migrator, "mail_notice")
    async with at(create_console(demo), demo, opal) as door:
        assert "R-7KQ2 has been answered." in (await door.get("/operator/mail")).text
        mails = await migrator.fetch("SELECT id FROM mail_message WHERE body LIKE '%/x%'")
        shown = (await door.get(f"/operator/mail/{mails[0]['id']}")).text
        assert "http://localhost:8000/x" in shown and 'href="http://localhost:8000/x"' not in shown
    await migrator.execute("DELETE FROM demo_clock")
    real = replace(demo, demo=False)
    async with at(create_console(real), real, opal) as door:
        page = await door.get("/operator/mail")
        assert page.status_code == 200 and "R-7KQ2" not in page.text


async def test_health_organisations_and_jobs(database, migrator, clock, opal, world, referrer, manager):
    await owe_answer(world, manager, referrer)
    async with unit_of_work(referrer) as work:
        await work.enqueue("mail_notice", {"notice": "gone"})
    job = await migrator.fetchval(
        "UPDATE jobs.pgqueuer SET status = 'failed' WHERE entrypoint = 'mail_notice' RETURNING id"
    )
    async with at(create_console(database, clock), database, opal) as door:
        assert (await door.get("/")).headers["location"] == "/operator"
        assert "1 held" in (await door.get("/operator")).text
        assert "R-7KQ2" not in (await door.get("/operator")).text
        assert "Kingfisher Care" in (await door.get("/operator/organisations")).text
        assert f"Mail notice {job}" in (await door.get("/operator/jobs")).text
        assert (await door.post(f"/operator/jobs/{job}", page="/operator/jobs")).status_code == 303
        assert (await door.post(f"/operator/jobs/{job}", page="/operator/jobs")).status_code == 409
        assert (await door.get("/api/v1/operator/jobs")).json() == []
        assert (await door.get("/api/v1/operator/health")).json()["jobs_waiting"] == 1
    async with at(create_console(database, clock), database, referrer) as door:
        for path in ("/operator", "/operator/jobs", "/operator/organisations", "/operator/mail"):
            assert (await door.get(path)).status_code == 403


async def test_registering_an_organisation_asks_checks_and_registers_once(database, migrator, clock, opal):
    answers = {
        "kind": "commissioner", "name": "Southmere Council", "short_name": "Southmere", "colour": "#005a30",
        "administrator_name": "Ada Min", "administrator_email": "ada@example.org",
    }  # fmt: skip
    path = "/operator/organisations/new"

    async def registered() -> int:
        return await migrator.fetchval("SELECT count(*) FROM organisation WHERE name = 'Southmere Council'")

    async with at(create_console(database, clock), database, opal) as door:
        wrong = await door.post(path, {**answers, "name": ""})
        assert wrong.status_code == 400 and "Southmere" in wrong.text
        checked = await door.post(path, answers)
        assert "Check your answers" in checked.text and await registered() == 0
        wrong = await door.post(path, {**answers, "colour": "green", "step": "register"})
        assert wrong.status_code == 400 and "like #1d4f91" in wrong.text
        assert (await door.post(path, {**answers, "step": "register"})).status_code == 303
        assert await registered() == 1

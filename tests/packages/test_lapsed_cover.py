"""No insurance, no registration: coming visits are flagged, a contract manager decides package by package."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest

from marketplace.obligations.queries import my_duties, my_news
from marketplace.packages import boards, lapse_sweeps, record_actions
from marketplace.packages.lapsed_cover import covers_of, decide
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import wall_time
from marketplace.providers.coverage import look_at_covers
from tests.obligations.conftest import as_worker, run_jobs
from tests.world import packages, people, providers, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

LAST = date(2026, 5, 12)
VISIT = date(2026, 5, 14)


async def look(database, clock, migrator) -> None:
    async with as_worker(database, clock):
        await look_at_covers(database)
        await run_jobs(database, migrator, "look_at_cover_of_visits")


async def sentences(actor) -> list[str]:
    return [row["sentence"] for row in await ask(actor, my_news)]


async def flags(case) -> int:
    async with unit_of_work(case.manager, read_only=True) as work:
        return await work.fetchval("SELECT count(*) FROM visit_flag WHERE cleared_at IS NULL AND worker_id IS NULL")


@pytest.fixture
async def lapsed(ready, database, clock, migrator):
    """A package with two coming visits whose provider's insurance ended yesterday; the contract manager beside it."""
    await providers.in_good_order(ready.manager, insurance_until=LAST)
    visits = [await packages.a_visit(ready, VISIT), await packages.a_visit(ready, VISIT + timedelta(days=1))]
    decider = await people.person_in(ready.world.admin, "contract_manager", "Cora Manager")
    await look(database, clock, migrator)
    assert await flags(ready) == 0
    clock.move_to(datetime(2026, 5, 13, 8, tzinfo=UTC))
    await look(database, clock, migrator)
    return ready, visits, decider


async def test_every_coming_visit_is_flagged_and_the_contract_manager_asked_once(lapsed, database, clock, migrator):
    case, visits, decider = lapsed
    package = await case.package()
    assert await flags(case) == 2
    await look(database, clock, migrator)
    assert await flags(case) == 2
    duties = await ask(decider, my_duties)
    assert [duty["title"] for duty in duties] == [
        "Decide whether a package goes on: Alder Care has no insurance in date"
    ]
    assert (duties[0]["reference"], duties[0]["link"]) == (package.reference, f"/packages/{package.id}/cover")
    for actor in (case.manager, case.referrer):
        told = [s for s in await sentences(actor) if f"decides whether package {package.reference} goes on" in s]
        assert len(told) == 1 and "2 coming visits are flagged" in told[0] and "Maya" not in told[0]
        lines, _ = await ask(actor, boards.visits_of_package, case.package_id, when="look")
        assert [line.flag for line in lines] == ["Alder Care has no insurance in date"] * 2
    # undecided, no visit starts that the pages say may not go on; so the decision is due before the first of them
    assert duties[0]["due_at"] == wall_time(VISIT, time(16))
    told = [said for said in await sentences(case.family) if "none can start" in said]
    assert len(told) == 1 and "insurance" not in told[0]
    soon = wall_time(VISIT, time(10))
    clock.move(timedelta(minutes=1))
    await packages.a_visit(case, VISIT, time(10), time(12))
    async with as_worker(database, clock):
        for _ in range(2):
            await lapse_sweeps.look_at_flagged_visits(database)
    assert [duty["due_at"] for duty in await ask(decider, my_duties)] == [soon]
    assert len([said for said in await sentences(case.family) if "none can start" in said]) == 1
    clock.move_to(wall_time(VISIT, time(16)))
    with pytest.raises(Conflict, match="Alder Care has no insurance in date and a contract manager has not decided"):
        await record_actions.start_visit(case.worker, visits[0])
    await decide(decider, case.package_id, goes_on=True, reason="The insurer confirmed cover by letter")
    assert await ask(decider, my_duties) == []
    await record_actions.start_visit(case.worker, visits[0])


async def test_stopped_visits_cannot_start_nor_be_planned_until_decided_otherwise(lapsed, clock):
    case, visits, decider = lapsed
    await decide(decider, case.package_id, goes_on=False, reason="No cover letter")
    assert await ask(decider, my_duties) == []
    reference = (await case.package()).reference
    assert any(f"package {reference} stops" in said for said in await sentences(case.manager))
    assert any("are stopped for now" in said for said in await sentences(case.family))
    clock.move_to(wall_time(VISIT, time(16)))
    with pytest.raises(Conflict, match="a contract manager has stopped the visits"):
        await record_actions.start_visit(case.worker, visits[0])
    with pytest.raises(Conflict, match="a contract manager has stopped the visits"):
        await packages.a_visit(case, VISIT + timedelta(days=3))
    await decide(decider, case.package_id, goes_on=True, reason="The insurer confirmed cover by letter")
    assert await flags(case) == 0
    told = [said for said in await sentences(case.family) if f"visits of package {reference}" in said]
    assert ["take place again" in said for said in told].count(True) == 1
    await decide(decider, case.package_id, goes_on=True, reason="By letter and by telephone")
    assert len([said for said in await sentences(case.family) if f"visits of package {reference}" in said]) == len(told)
    await record_actions.start_visit(case.worker, visits[0])
    (cover,) = await ask(decider, covers_of, await case.package())
    assert (cover.goes_on, cover.by) == (True, "Cora Manager")


async def test_when_the_cover_is_back_flags_questions_and_decisions_end(lapsed, database, clock, migrator):
    case, _, decider = lapsed
    await decide(decider, case.package_id, goes_on=False, reason="No cover letter")
    await providers.in_good_order(case.manager)
    await look(database, clock, migrator)
    assert await flags(case) == 0 and await ask(decider, my_duties) == []
    assert any("may take place again" in said for said in await sentences(case.family))
    await packages.a_visit(case, VISIT + timedelta(days=3))
    assert await ask(case.manager, covers_of, await case.package()) == []
    with pytest.raises(Conflict, match="nothing to decide"):
        await decide(decider, case.package_id, goes_on=True, reason="Late")


async def test_wrong_input_and_wrong_people(lapsed, database):
    case, _, decider = lapsed
    with pytest.raises(InvalidInput) as refused:
        await decide(decider, case.package_id, goes_on=None, reason=" ")
    assert set(refused.value.fields) == {"goes_on", "reason"}
    for actor in (case.referrer, case.manager, case.family):
        with pytest.raises(NotPermitted):
            await decide(actor, case.package_id, goes_on=True, reason="I say so")
    apart = await people.person_in(await people.council(database, "Eastham Council"), "contract_manager")
    with pytest.raises(NotFound):
        await decide(apart, case.package_id, goes_on=True, reason="Not mine")
    async with unit_of_work(apart, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM visit_flag") == 0
        assert await work.fetchval("SELECT count(*) FROM cover_decision") == 0


async def test_a_lot_whose_care_is_not_regulated_asks_for_no_registration(database, clock, migrator):
    answers = {f"lots.{lot}": "false" for lot in "ABCD"}
    world = await referrals.borough(database, provider_names=("Alder Care",), answers=answers)
    case = await packages.set_up(world)
    await packages.a_visit(case, VISIT)
    await look(database, clock, migrator)
    await providers.in_good_order(case.manager, cqc_registered=False)
    await look(database, clock, migrator)
    assert await flags(case) == 0
    async with unit_of_work(case.manager, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM suspension") == 0


async def test_the_contract_manager_decides_page_by_page_and_by_api(lapsed, database, clock):
    case, _, decider = lapsed
    console, path = create_console(database, clock), f"/packages/{case.package_id}/cover"
    async with at(console, database, decider) as door:
        shown = (await door.get(path)).text
        assert "Alder Care has no insurance in date" in shown and "2 visits of this package are to come" in shown
        assert "Maya" not in shown
        refused = await door.post(path, {"go": "check", "reason": "A letter"})
        assert refused.status_code == 400 and "A letter" in refused.text
        check = await door.post(path, {"go": "check", "goes_on": "no", "reason": "No letter"})
        assert check.status_code in (200, 303) and "2 coming visits cannot start" in check.text
        assert await flags(case) == 2
        seen = re.findall(r'name="seen" value="([^"]+)"', check.text)[0]
        assert seen in shown  # a second tab has the same before it
        done = await door.post(path, {"go": "decide", "goes_on": "no", "reason": "No letter", "seen": seen})
        assert done.status_code == 303
        for go in ("check", "decide"):
            stale = await door.post(path, {"go": go, "goes_on": "yes", "reason": "A letter came", "seen": seen})
            assert stale.status_code in (400, 409) and "since you opened the page" in stale.text
            assert "A letter came" in stale.text and "Its visits stop" in stale.text
        with pytest.raises(Conflict, match="Look at it as it is now"):
            await decide(decider, case.package_id, goes_on=True, reason="A letter came", seen=[seen])
        again = (await door.get(path)).text
        assert "Decided before" in again and "Its visits stop" in again and "No letter" in again
        api = f"/api/v1/packages/{case.package_id}/cover"
        (cover,) = (await door.client.get(api)).json()
        assert (cover["goes_on"], cover["decided_by"]) == (False, "Cora Manager") and cover["seen"] != seen
        assert (await door.get("/watch/flagged")).status_code == 200
    async with at(create_marketplace(database, clock), database, case.manager) as door:
        page = (await door.get(f"/packages/{case.package_id}")).text
        assert "decided on 13 May 2026 that its visits stop: No letter" in page
        assert f"/packages/{case.package_id}/cover" not in page
        assert (await door.get(path)).status_code in (403, 404)
        assert len((await door.client.get(api)).json()) == 1
    async with at(console, database, case.referrer) as door:
        assert (await door.get(path)).status_code == 403

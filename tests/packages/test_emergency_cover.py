"""Visits are stopped by law: another provider is found at once, and takes them over at no charge to the family."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from marketplace.obligations.queries import duties_about, my_news
from marketplace.packages import lapse_sweeps, queries, setup_actions  # noqa: F401 - registers the jobs
from marketplace.packages.emergency_cover import ask_cover, covers_sought
from marketplace.packages.lapsed_cover import decide
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.providers.coverage import look_at_covers
from marketplace.referrals.queries import referral
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.obligations.conftest import as_worker, run_jobs
from tests.structure.inhabited import bearer
from tests.world import offers, packages, people, providers, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

LAST = date(2026, 5, 12)
VISIT = date(2026, 5, 14)


async def two_providers(settings: Settings) -> packages.Case:
    world = await referrals.borough(settings, provider_names=("Alder Care", "Birch Support"))
    case = await packages.awarded(world)
    await packages.signed_plan(case)
    await providers.in_good_order(case.manager, insurance_until=LAST)
    for days in (0, 1, 8):
        await packages.a_visit(case, VISIT + timedelta(days=days))
    return case


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=two_providers)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


@pytest.fixture
async def decider(case, database, clock, migrator) -> Actor:
    """The contract manager, on the day after the insurance of the package's provider has ended."""
    made = await people.person_in(case.world.admin, "contract_manager", "Cora Manager")
    clock.move_to(datetime(2026, 5, 13, 8, tzinfo=UTC))
    async with as_worker(database, clock):
        await look_at_covers(database)
        await run_jobs(database, migrator, "look_at_cover_of_visits")
    return made


async def sentences(actor: Actor) -> str:
    return "\n".join(row["sentence"] for row in await ask(actor, my_news))


async def sought(work: Work, package_id: UUID):
    return await covers_sought(work, await queries.package(work, package_id))


async def test_one_act_stops_the_visits_and_asks_who_covers_them(case, decider, database, clock):
    birch = case.world.providers[1]
    package = await case.package()
    async with at(create_console(database, clock), database, decider) as door:
        path = f"/packages/{case.package_id}/cover"
        shown = (await door.get(path)).text
        assert "and emergency cover is looked for" in shown and 'value="4"' in shown
        wrong = await door.post(path, {"go": "check", "goes_on": "cover", "reason": "No letter", "answer_hours": "99"})
        assert wrong.status_code == 400 and "No letter" in wrong.text
        check = (
            await door.post(path, {"go": "check", "goes_on": "cover", "reason": "No letter", "answer_hours": "3"})
        ).text
        assert "named as who authorises" in check and "3 hours" in check
        assert await ask(decider, sought, case.package_id) == []
        typed = {"go": "decide", "goes_on": "cover", "reason": "No letter", "answer_hours": "3"}
        assert (await door.post(path, typed)).status_code == 303
        again = (await door.get(path)).text
        assert "0 offers so far" in again and "Authorised by Cora Manager" in again and "Maya" not in again
        assert "and emergency cover is looked for" not in again  # not twice
    (cover,) = await ask(decider, sought, case.package_id)
    row = await ask(case.referrer, referral, cover.referral_id)
    assert row.state == "broadcast" and row.referrer_id == case.referrer.person_id
    assert row.respond_by == clock.at + timedelta(hours=3) and row.emergency_by == "Cora Manager"
    assert (row.starts_on, row.ends_on) == (VISIT, VISIT + timedelta(days=8))
    assert row.pen_portrait == referrals.PORTRAIT and row.copied_from == package.referral_id
    owed = [duty for duty in await ask(case.referrer, duties_about, row.id) if duty["rule_key"] == "referral_response"]
    assert [(duty["owed_by_organisation"], duty["due_at"]) for duty in owed] == [
        (birch.organisation_id, clock.at + timedelta(hours=3))
    ]  # the provider that lapsed is not asked
    for actor, said in (
        (case.referrer, "is looked for"), (case.family, "looked for at once"), (birch, "Emergency referral"),
        (case.manager, "is looked for"),
    ):  # fmt: skip
        assert said in await sentences(actor), actor
    async with at(create_marketplace(database, clock), database, birch) as door:
        page = (await door.get(f"/opportunities/{row.id}")).text
        assert "authorised by Cora Manager" in page and "never waived" in page
    with pytest.raises(Conflict, match="There is emergency cover already"):
        await ask_cover(decider, case.package_id, reason="Twice")


async def test_once_it_is_agreed_the_covered_visits_end_by_the_providers_lapse(case, decider, clock, migrator):
    birch = case.world.providers[1]
    await decide(decider, case.package_id, goes_on=False, reason="No letter", emergency_cover=True)
    (cover,) = await ask(decider, sought, case.package_id)
    offer = await offers.offered(case.world, birch, cover.referral_id)
    made = await offers.awarded(case.world, offer, case.family)
    rows = await migrator.fetch(
        "SELECT outcome, says FROM visit v JOIN visit_reason r ON r.commissioner_id = v.commissioner_id"
        " AND r.visit_id = v.id WHERE package_id = $1 ORDER BY planned_start",
        case.package_id,
    )
    assert [row["outcome"] for row in rows] == ["cancelled_by_provider"] * 3
    assert "could not lawfully go on" in rows[0]["says"]
    assert await migrator.fetchval("SELECT count(*) FROM visit_flag WHERE cleared_at IS NULL") == 0
    assert await migrator.fetchval("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    charged = await migrator.fetch("SELECT details FROM audit_entry WHERE action = 'visit.cancelled_by_provider'")
    assert charged and all(row["details"]["charged_pence"] == 0 for row in charged)
    assert await migrator.fetchval("SELECT count(*) FROM visit_request") == 0  # nothing to make up: it is covered
    (cover,) = await ask(decider, sought, case.package_id)
    assert cover.new_package_id == made and "Birch Support covers" in cover.says
    assert "Somebody else comes" in await sentences(case.family)
    assert "nothing is charged to the family" in await sentences(case.manager)
    trail = [
        row["action"]
        for row in await migrator.fetch(
            "SELECT action FROM audit_entry WHERE organisation_id = $1 AND subject_id = $2 ORDER BY seq",
            case.world.admin.organisation_id, case.package_id,
        )
        if row["action"].startswith("package.cover")
    ]  # fmt: skip
    assert trail == ["package.cover_decided", "package.cover_sought", "package.cover_agreed"]


async def test_what_goes_on_again_is_not_ended_by_an_award_that_comes_after(case, decider, migrator):
    birch = case.world.providers[1]
    await decide(decider, case.package_id, goes_on=False, reason="No letter", emergency_cover=True)
    (cover,) = await ask(decider, sought, case.package_id)
    offer = await offers.offered(case.world, birch, cover.referral_id)
    await decide(decider, case.package_id, goes_on=True, reason="The insurer wrote")
    assert f"Close {cover.reference} unless" in await sentences(case.referrer)
    made = await offers.awarded(case.world, offer, case.family)
    assert await migrator.fetchval("SELECT count(outcome) FROM visit WHERE package_id = $1", case.package_id) == 0
    reference = await migrator.fetchval("SELECT reference FROM package WHERE id = $1", made)
    assert f"package {reference}, although its visits take place again" in await sentences(case.referrer)
    assert "are cancelled by your lapse" not in await sentences(case.manager)
    assert "Somebody else comes" not in await sentences(case.family)


async def test_visits_of_cover_begin_on_an_interim_risk_assessment_and_the_plan_is_signed_after(case, decider, clock):
    birch = case.world.providers[1]
    await decide(decider, case.package_id, goes_on=False, reason="No letter", emergency_cover=True, answer_hours=2)
    (cover,) = await ask(decider, sought, case.package_id)
    offer = await offers.offered(case.world, birch, cover.referral_id)
    made = await offers.awarded(case.world, offer, case.family)
    workers = case.world.workers[birch.organisation_id]

    async def plan():
        starts = datetime(2026, 5, 14, 15, tzinfo=UTC)
        return await packages.visit_actions.plan_visit(
            birch, made, activity="home_support", starts_at=starts, ends_at=starts + timedelta(hours=1),
            worker_ids=workers[:1],
        )  # fmt: skip

    with pytest.raises(Conflict, match="interim risk assessment"):
        await plan()
    await setup_actions.complete_risk_assessment(birch, made)
    await plan()
    owed = await ask(case.referrer, duties_about, made)
    assert "plan_signed" in {duty["rule_key"] for duty in owed if duty["met_at"] is None}


async def test_wrong_input_wrong_people_and_nobody_to_ask(case, decider, database, clock):
    with pytest.raises(Conflict, match="are not stopped"):
        await ask_cover(decider, case.package_id, reason="Now")
    with pytest.raises(InvalidInput) as refused:
        await decide(decider, case.package_id, goes_on=True, reason="A letter", emergency_cover=True)
    assert set(refused.value.fields) == {"goes_on"}
    await decide(decider, case.package_id, goes_on=False, reason="No letter")
    with pytest.raises(InvalidInput) as refused:
        await ask_cover(decider, case.package_id, reason=" ", answer_hours=25)
    assert set(refused.value.fields) == {"answer_hours", "reason"}
    for actor in (case.referrer, case.manager, case.family, case.world.providers[1]):
        with pytest.raises(NotPermitted):
            await ask_cover(actor, case.package_id, reason="Mine")
    apart = await people.person_in(await people.council(database, "Eastham Council"), "contract_manager")
    with pytest.raises(NotFound):
        await ask_cover(apart, case.package_id, reason="Not mine")
    # nobody to send it to: it waits as the referrer's draft, and says why
    await providers.in_good_order(case.world.providers[1], insurance_until=LAST)
    async with at(create_console(database, clock), database, decider) as door:
        api = f"/api/v1/packages/{case.package_id}/emergency-cover"
        token = await bearer(database, decider)
        made = await door.client.post(api, json={"reason": "Nobody comes"}, headers=token)
        assert made.status_code == 201 and "Nobody would be reached" in made.json()["unsent"]
        (listed,) = (await door.client.get(api)).json()
        assert listed["state"] == "draft" and listed["authorised_by"] == "Cora Manager"
        assert (await door.client.post(api, json={"reason": "Again"}, headers=token)).status_code == 409
    assert "was not sent" in await sentences(case.referrer)
    for outside in (apart, case.world.providers[1], case.manager, case.family):
        async with unit_of_work(outside, read_only=True) as work:
            assert await work.fetchval("SELECT count(*) FROM emergency_cover") == 0

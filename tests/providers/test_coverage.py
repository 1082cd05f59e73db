"""Registration and insurance that lapse: suspended by the pack's rule, once, told, lifted by a decision."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from marketplace.obligations.queries import my_duties, my_news
from marketplace.platform.database import ask, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.providers import actions, coverage, lifting, plan_actions, queries
from marketplace.providers.coverage import LOOK_AT_COVER, look_as_lead, look_at_covers
from marketplace.providers.declaration_effects import effects
from marketplace.providers.declarations import make_declaration
from marketplace.providers.standing import hold_standing, standing
from marketplace.providers.story import story
from tests.obligations.conftest import as_worker, run_jobs
from tests.providers.test_declarations import a_file
from tests.world import frameworks, people, providers
from tests.world.apps import create_marketplace
from tests.world.door import at
from tests.world.evidence import a_file_of

LAST = date(2026, 5, 20)


async def look(place) -> int:
    return await look_as_lead(place.lead.organisation_id)


async def holds(place):
    (found,) = await ask(place.lead, queries.one_provider, place.provider_id)
    return found.open_holds


async def sentences(actor) -> list[str]:
    return [row["sentence"] for row in await ask(actor, my_news)]


@pytest.fixture
async def insured(place, clock):
    """Insured until 20 May; the clock stands on that day, and everything has been looked at."""
    await providers.in_good_order(place.manager, insurance_until=LAST)
    assert await look(place) == 0
    clock.move_to(datetime(2026, 5, 20, 22, 30, tzinfo=UTC))  # half past eleven in London
    assert await look(place) == 0
    return place


async def test_insurance_suspends_from_the_day_after_its_last_once_and_says_so_everywhere(
    insured, database, clock, migrator
):
    place = insured
    assert (await ask(place.lead, standing, place.framework_id, place.provider_id, "C")).good
    clock.move(timedelta(hours=1))  # past midnight in London
    assert await look(place) == 1
    assert await look(place) == 0
    (hold,) = await holds(place)
    assert (hold.lot, hold.rule_key, hold.by, hold.until) == (
        None,
        "insurance_lapsed",
        "the framework's own rule",
        None,
    )
    assert "Insurance lapsed" in hold.why and "(" not in hold.why  # the clause stands by itself
    lines = {
        (await ask(actor, standing, place.framework_id, place.provider_id, lot)).line
        for actor in (place.lead, place.partner, place.manager)
        for lot in ("A", "C")
    }
    assert len(lines) == 1 and "by the framework's own rule" in lines.pop()
    assert any("suspended by the framework's rule" in said for said in await sentences(place.manager))
    news = [said for said in await sentences(place.manager) if "suspended by the framework's rule" in said]
    assert any("Declare the new insurance, with its certificate, then ask" in said for said in news)
    (row,) = [row for row in await ask(place.manager, my_news) if row["sentence"] in news]
    async with at(create_marketplace(database, clock), database, place.manager) as door:
        shown = [(await door.get(path)).text for path in ("/standing", f"/standing/suspensions/{hold.id}")]
        assert "insurance" in (await door.get(row["link"])).text and row["link"] == "/declarations/insurance"
    for said in (*news, *shown):  # care may not lawfully go on: nobody is told that it does
        assert "may not go on unless a contract manager decides so" in said
        assert "Packages and families you have now go on" not in said
    for of in (place.lead, place.partner):
        referrer = await people.person_in(of, "referrer")
        assert any(
            "has no insurance in date and is suspended from new referrals" in said for said in await sentences(referrer)
        )
    assert any("is suspended" in said for said in await sentences(place.lead))
    assert not any("is suspended" in said for said in await sentences(place.rival))
    rows = await migrator.fetch("SELECT details, role FROM audit_entry WHERE action = 'provider.suspended'")
    assert [(row["details"]["rule"], row["role"]) for row in rows] == [("insurance_lapsed", "system")]
    told = await ask(place.manager, story, place.provider_id)
    assert any(event.by == "the framework's own rule" for event in told)


async def test_only_a_decision_lifts_it_and_the_same_lapse_suspends_no_second_time(insured, clock):
    place = insured
    clock.move(timedelta(hours=1))
    await look(place)
    (hold,) = await holds(place)
    await providers.in_good_order(place.manager)
    await look(place)
    assert [each.id for each in await holds(place)] == [hold.id]  # renewed, and still suspended
    found = await ask(place.lead, standing, place.framework_id, place.provider_id, "C")
    assert found.codes == ("suspended",)
    await lifting.reinstate(place.lead, hold.id, "The new policy has been seen")
    await look(place)
    assert await holds(place) == ()
    # another lapse is another cause
    await providers.in_good_order(place.manager, insurance_until=date(2026, 5, 1))
    assert await look(place) == 1
    (again,) = await holds(place)
    await lifting.reinstate(place.lead, again.id, "Covered by letter until the policy comes")
    assert await look(place) == 0 and await holds(place) == ()  # lifted while it lasts: left as decided
    assert (await ask(place.lead, standing, place.framework_id, place.provider_id, "C")).codes == ("insurance_lapsed",)


async def test_a_mistyped_last_day_put_right_ends_what_stood_on_it_alone_unless_somebody_has_decided(
    place, database, clock, migrator
):
    async def declared(until: date) -> None:
        clock.move(timedelta(minutes=5))
        file = await a_file(place.manager, "insurance")
        given = {"declared_on": local_day(clock.at), "details": {"until": until}, "evidence_ids": [file]}
        await make_declaration(place.manager, "insurance", **given)
        clock.move(timedelta(minutes=1))
        async with as_worker(database, clock):
            assert await run_jobs(database, migrator, LOOK_AT_COVER) >= 1

    await look(place)
    coming, slip = local_day(clock.at) + timedelta(days=365), local_day(clock.at) - timedelta(days=100)
    await declared(slip)
    (hold,) = await holds(place)
    assert hold.rule_key == "insurance_lapsed"
    await declared(coming)
    assert await holds(place) == ()
    assert (await ask(place.lead, standing, place.framework_id, place.provider_id, "C")).good
    lifted = await migrator.fetchrow("SELECT lifted_by, lifted_by_name, lift_reason FROM suspension")
    assert lifted["lifted_by"] is None and lifted["lifted_by_name"] == "the framework's own rule"
    assert "entered by mistake" in lifted["lift_reason"]
    assert any("has put right the last day of its insurance" in said for said in await sentences(place.lead))
    assert any("has been lifted" in said for said in await sentences(place.manager))
    rows = await migrator.fetch("SELECT role FROM audit_entry WHERE action = 'provider.reinstated'")
    assert [row["role"] for row in rows] == ["system"]
    # another beside it stays, and so does one that somebody has decided on
    await declared(slip)
    (hold,) = await holds(place)
    other = await actions.suspend(place.lead, place.framework_id, place.provider_id, "C", reason="Seen to be unsafe")
    await plan_actions.ask_review(place.manager, hold.id, "It was a slip of typing")
    await plan_actions.decide_review(
        await people.person_in(place.lead, "contract_manager"),
        hold.id,
        lifts=False,
        says="Let us see the certificate first",
    )
    await declared(coming)
    assert {each.id for each in await holds(place)} == {hold.id, other}
    await lifting.reinstate(place.lead, hold.id, "A slip, as they said")
    # put right too late
    await declared(slip)
    (hold,) = [each for each in await holds(place) if each.id != other]
    clock.move(timedelta(days=4))
    await declared(coming)
    assert {each.id for each in await holds(place)} == {hold.id, other}


async def test_registration_given_up_suspends_at_once_lot_by_lot(place, database, migrator, clock):
    await look(place)
    await providers.in_good_order(place.manager, cqc_registered=False)
    async with as_worker(database, clock):
        assert await run_jobs(database, migrator, LOOK_AT_COVER) >= 1
        await look_at_covers(database)
    assert sorted((each.lot, each.rule_key) for each in await holds(place)) == [
        ("A", "cqc_lapsed"), ("C", "cqc_lapsed"),
    ]  # fmt: skip
    for lot in ("A", "C"):
        found = await ask(place.manager, standing, place.framework_id, place.provider_id, lot)
        assert found.codes == ("cqc_not_registered", "suspended_lot")


async def test_whoever_was_never_insured_has_nothing_that_lapses(database, place):
    fresh = await people.provider_org(database, "New Care Ltd")
    await actions.update_profile(fresh, legal_name="New Care Ltd")
    await frameworks.admitted(
        await people.person_in(place.lead, "commissioner_admin"), fresh, place.framework_id, ["C"]
    )
    assert await look(place) == 0
    assert not (await ask(place.lead, standing, place.framework_id, fresh.provider_id, "C")).good


async def test_a_pack_that_proposes_asks_the_contract_manager(database, clock):
    admin = await people.council(database, "Northgate Council")
    framework_id = await frameworks.open_framework(admin, answers={"suspensions.insurance_lapsed": "propose"})
    manager = await people.provider_org(database, "Kindly Care Ltd")
    await providers.in_good_order(manager, insurance_until=LAST)
    await frameworks.admitted(admin, manager, framework_id, ["C"])
    decider = await people.person_in(admin, "contract_manager")
    clock.move_to(datetime(2026, 5, 21, 9, tzinfo=UTC))
    assert await look_as_lead(admin.organisation_id) == 1
    assert await look_as_lead(admin.organisation_id) == 0
    (duty,) = await ask(decider, my_duties)
    assert duty["title"] == "Decide on a suspension: Kindly Care Ltd has no insurance in date"
    assert duty["link"] == f"/providers/{manager.provider_id}/suspend/{framework_id}"
    async with unit_of_work(decider, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM suspension") == 0
    await actions.suspend(decider, framework_id, manager.provider_id, reason="No cover", rule_key="insurance_lapsed")
    assert await ask(decider, my_duties) == []


async def test_the_ground_is_read_by_members_and_its_own_provider_alone(insured, clock):
    place = insured
    clock.move(timedelta(hours=1))
    await look(place)
    seen = {}
    for name in ("lead", "partner", "manager", "rival", "apart"):
        async with unit_of_work(getattr(place, name), read_only=True) as work:
            seen[name] = await work.fetchval(
                "SELECT count(*) FROM standing_ground WHERE provider_id = $1", place.provider_id
            )
    assert seen == {"lead": 2, "partner": 2, "manager": 2, "rival": 0, "apart": 0}
    with pytest.raises(Exception, match="row-level security"):
        async with unit_of_work(place.partner) as work:
            await work.execute(
                "INSERT INTO standing_ground (framework_id, provider_id, rule_key, code, holds, since, lots,"
                " flags_visits) VALUES ($1, $2, 'x', 'x', true, $3, '{}', true)",
                place.framework_id, place.rival.provider_id, work.now,
            )  # fmt: skip


async def test_who_renews_while_the_sweep_goes_on_is_not_suspended(insured, monkeypatch, clock, migrator):
    place = insured
    clock.move(timedelta(hours=1))
    file = await a_file_of(place.manager, "insurance")
    renewed = {"declared_on": date(2026, 5, 21), "details": {"until": date(2027, 5, 20)}, "evidence_ids": [file]}
    found = coverage._changed

    async def then_it_declares(*args) -> list[tuple[UUID, UUID]]:
        seen = await found(*args)
        assert (place.framework_id, place.provider_id) in seen
        await asyncio.get_running_loop().create_task(
            make_declaration(place.manager, "insurance", **renewed), context=contextvars.Context()
        )
        return seen

    monkeypatch.setattr(coverage, "_changed", then_it_declares)
    assert await look(place) == 0
    assert not await holds(place)
    assert not await migrator.fetchval("SELECT count(*) FROM suspension")
    assert await migrator.fetchval("SELECT bool_and(holds) FROM standing_ground WHERE code LIKE '%insurance%'")


async def test_who_suspends_while_the_sweep_goes_on_is_seen_and_only_what_is_new_is_announced(insured, clock, migrator):
    place, held = insured, asyncio.Event()
    past = {"until": (LAST - timedelta(days=1)).isoformat()}
    said, _ = await ask(place.manager, effects, "insurance", past)
    assert any("suspends you from new referrals within a minute" in each for each in said)
    clock.move(timedelta(hours=1))

    async def suspend() -> None:
        async with unit_of_work(place.lead) as work:
            await hold_standing(work, place.framework_id, place.provider_id, alone=True)
            await work.execute(
                "INSERT INTO suspension (framework_id, provider_id, starts_at, reason, rule_key, imposed_by,"
                " imposed_by_name) VALUES ($1, $2, $3, 'Now', $4, $5, 'Lead')",
                place.framework_id, place.provider_id, work.now, coverage.INSURANCE_LAPSED, place.lead.person_id,
            )  # fmt: skip
            held.set()
            while not await work.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0)

    async def sweep() -> int:
        await held.wait()
        return await look(place)

    assert await asyncio.gather(suspend(), sweep()) == [None, 1]
    assert await migrator.fetchval("SELECT count(*) FROM suspension") == 1
    # the lapse has been acted on: another past day brings nothing about
    said, _ = await ask(place.manager, effects, "insurance", past)
    assert not any("suspends you" in each or "Coming visits" in each for each in said)

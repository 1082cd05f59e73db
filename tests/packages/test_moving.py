"""What a suspension does to packages: moved one by one with a handover, limits kept at award, races with broadcasts."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID

import pytest

from marketplace.packages import moving, queries, visit_actions
from marketplace.packages.award import award_offer, undo_award
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.providers import actions, lifting
from marketplace.providers.as_of import met_by_suspension
from marketplace.providers.queries import suspension_effects
from marketplace.providers.standing import hold_standing, standing
from marketplace.referrals import broadcasting, drafting
from marketplace.referrals.award import choose_offer
from marketplace.referrals.choosing import choose_as_family
from marketplace.referrals.drafting import DraftChange
from marketplace.referrals.queries import referral
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import offers, packages, people, referrals
from tests.world.apps import create_marketplace
from tests.world.door import at

TODAY = date(2026, 5, 11)


async def two_providers(settings: Settings) -> packages.Case:
    world = await referrals.borough(settings, provider_names=("Alder Care", "Birch Support"))
    return await packages.set_up(world)


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=two_providers)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


async def contract_manager(case):  # type: ignore[no-untyped-def]
    return await people.person_in(case.world.admin, "contract_manager", "Cora Manager")


async def test_a_package_is_moved_with_its_plan_and_a_handover_that_opens_with_the_award(case, database, migrator):
    world, birch = case.world, case.world.providers[1]
    decider = await contract_manager(case)
    visit = await packages.a_visit(case, TODAY + timedelta(days=3))
    suspension = await actions.suspend(
        decider, world.framework_id, case.manager.organisation_id, reason="Missed visits"
    )
    (met,) = await ask(decider, met_by_suspension, world.framework_id, case.manager.organisation_id)
    assert (met.kind, met.coming_visits, met.id) == ("Package being set up", 1, case.package_id)
    counted = await ask(decider, suspension_effects, world.framework_id, case.manager.organisation_id)
    assert (counted.awards_in_progress, counted.packages, counted.families) == (1, 0, 0)  # none is running yet
    with pytest.raises(InvalidInput):
        await moving.begin_move(case.referrer, case.package_id, reason=" ")
    with pytest.raises(InvalidInput, match=r"."):
        await moving.begin_move(case.referrer, case.package_id, reason="Maya Okonkwo needs somebody else")
    for actor, error in ((case.manager, NotPermitted), (birch, NotPermitted), (decider, NotPermitted)):
        with pytest.raises(error):
            await moving.begin_move(actor, case.package_id, reason="Suspended")
    with pytest.raises(NotFound):
        await moving.write_handover(case.manager, case.package_id, "Nothing is asked yet")
    draft = await moving.begin_move(case.referrer, case.package_id, reason="The provider is suspended")
    with pytest.raises(Conflict, match="being moved already"):
        await moving.begin_move(case.referrer, case.package_id, reason="Twice")
    row = await ask(case.referrer, referral, draft)
    package = await case.package()
    assert row.lot_code == package.lot_code and row.pattern and row.starts_on is None and row.state == "draft"
    assert "two afternoons" in row.outcomes.lower() and "No dogs" in row.activities
    assert row.pen_portrait == referrals.PORTRAIT and row.copied_from == package.referral_id

    # the plan knew the name: what it brings is checked before anybody reads it
    named = DraftChange(outcomes="Maya Okonkwo goes swimming.", starts_on=TODAY + timedelta(days=4))
    await drafting.save_draft(case.referrer, draft, named)
    with pytest.raises(InvalidInput, match="cannot be broadcast yet"):
        await broadcasting.broadcast_referral(case.referrer, draft)
    await drafting.save_draft(case.referrer, draft, DraftChange(outcomes="Goes swimming."))
    await broadcasting.broadcast_referral(case.referrer, draft)
    reached = await migrator.fetch("SELECT provider_id, reached FROM referral_reach WHERE referral_id = $1", draft)
    assert {each["provider_id"]: each["reached"] for each in reached} == {
        case.manager.organisation_id: False, birch.organisation_id: True,
    }  # fmt: skip

    async with at(create_marketplace(database), database, case.manager) as door:
        assert "Write the handover of a package" in (await door.get("/today")).text
        own = f"/packages/{case.package_id}/handover"
        assert (await door.post(own, {"says": ""})).status_code == 400
        assert (await door.post(own, {"says": "Quiet Mondays work best."})).status_code == 303
        assert "Quiet Mondays" in (await door.get(own)).text
        assert (await door.get(f"/packages/{case.package_id}/move")).status_code == 403
    with pytest.raises(Conflict, match="award the referral first"):
        await moving.finish_move(case.referrer, case.package_id)
    assert await _handovers(birch) == 0  # not before the award
    offer = await offers.offered(world, birch, draft)
    new = await offers.awarded(world, offer, case.family)
    assert await _handovers(birch) == 1
    async with at(create_marketplace(database), database, birch) as door:
        assert "Quiet Mondays" in (await door.get(f"/packages/{new}/handover")).text
        assert (await door.get(own)).status_code == 404
    with pytest.raises(Conflict, match="undo its award first"):
        await moving.call_off_move(case.referrer, case.package_id, "Stays")
    async with at(create_marketplace(database), database, case.referrer) as door:
        where = f"/packages/{case.package_id}/move"
        refused = await door.post(where, {"step": "finish"})
        assert refused.status_code == 400 and "Visits are planned or not written up here (1)" in refused.text
        version = (await case.visit(visit)).version
        await visit_actions.cancel_visit(
            case.manager, visit, version=version, outcome="cancelled_by_provider", reason="The package moves"
        )
        assert (await door.post(where, {"step": "finish"})).status_code == 303
    ended = await ask(case.referrer, queries.package, case.package_id)
    assert ended.state == "ended" and "goes on" in ended.ended_reason
    with pytest.raises(WrongState):
        await moving.finish_move(case.referrer, case.package_id)
    assert suspension
    deeds = await migrator.fetch("SELECT action FROM audit_entry WHERE action LIKE 'package.%' ORDER BY wall_at, seq")
    told = [row["action"] for row in deeds]
    assert told[-4:] == ["package.move_begun", "package.handed_over", "package.made", "package.ended"]


async def _handovers(actor) -> int:  # type: ignore[no-untyped-def]
    async def seen(work: Work) -> int:
        return await work.fetchval("SELECT count(*) FROM package_handover")

    return await ask(actor, seen)


async def test_a_move_called_off_leaves_the_package_where_it_is(case, database):
    async with at(create_marketplace(database), database) as door:
        base, client = f"/api/v1/packages/{case.package_id}", door.client
        mine, theirs = await _bearer(door, case.referrer, database), await _bearer(door, case.manager, database)
        rival = await _bearer(door, case.world.providers[1], database)
        made = await client.post(f"{base}/move", json={"reason": "Suspended"}, headers=mine)
        assert made.status_code == 201, made.text
        first = UUID(made.json()["referral_id"])
        assert (await client.post(f"{base}/handover", json={"says": "Mondays"}, headers=rival)).status_code == 404
        assert (await client.post(f"{base}/handover", json={"says": "Mondays"}, headers=theirs)).status_code == 204
        seen = (await client.get(f"{base}/move", headers=theirs)).json()
        assert seen["referral_id"] is None and [each["says"] for each in seen["handovers"]] == ["Mondays"]
        assert (await client.post(f"{base}/move/finish", headers=mine)).status_code == 409
        assert (await client.get(f"{base}/move", headers=rival)).status_code == 404
    with pytest.raises(InvalidInput):
        await moving.call_off_move(case.referrer, case.package_id, "")
    await moving.call_off_move(case.referrer, case.package_id, "The family wants to stay")
    with pytest.raises(NotFound):
        await moving.call_off_move(case.referrer, case.package_id, "Again")
    assert (await case.package()).state == "set_up"
    assert await moving.begin_move(case.referrer, case.package_id, reason="After all") != first


async def test_two_awards_at_once_to_a_provider_restricted_to_one_make_one_package(case):
    """And with its number used up it is reached by no broadcast, until an award is undone or the limit ends."""
    world, birch = case.world, case.world.providers[1]
    decider = await contract_manager(case)
    suspension = await actions.suspend(decider, world.framework_id, birch.organisation_id, reason="Under review")
    await lifting.reinstate(decider, suspension, "One to begin with", new_packages=1)
    made = []
    for name in ("Ada Winter", "Ben Summer"):
        child = await referrals.add_child(world.referrer, name, other_names="")
        family = await referrals.family_of(world.referrer, child)
        offer = await offers.offered(world, birch, await referrals.broadcast(world, child))
        await choose_as_family(family, offer, version=1)
        await choose_offer(world.referrer, offer, version=1)
        made.append(offer)
    outcomes = await asyncio.gather(
        *(award_offer(world.referrer, offer, version=1) for offer in made), return_exceptions=True
    )
    won = [each for each in outcomes if not isinstance(each, BaseException)]
    (lost,) = [each for each in outcomes if isinstance(each, Conflict)]
    assert len(won) == 1 and "as many new packages as it may" in str(lost)
    now = await ask(decider, standing, world.framework_id, birch.organisation_id, world.lot)
    assert now.codes == ("restriction_used_up",) and now.state == "restricted"
    draft = await referrals.written_draft(world, case.child_id)
    await broadcasting.broadcast_referral(world.referrer, draft)
    reached = await ask(world.referrer, _reached, draft)
    assert birch.organisation_id not in reached and case.manager.organisation_id in reached
    await undo_award(world.referrer, won[0], reason="The family has moved away")
    assert (await ask(decider, standing, world.framework_id, birch.organisation_id, world.lot)).good


async def test_a_broadcast_waits_for_a_suspension_and_then_leaves_the_provider_out(case):
    """A broadcast holds the lot's admissions shared, a suspension the provider's alone: the second sees the first."""
    world, alder = case.world, case.manager
    decider = await contract_manager(case)
    draft = await referrals.written_draft(world, case.child_id)
    held = asyncio.Event()

    async def send() -> None:
        await held.wait()
        await broadcasting.broadcast_referral(world.referrer, draft)

    async def suspend() -> None:
        async with unit_of_work(decider) as work:
            await hold_standing(work, world.framework_id, alder.organisation_id, alone=True)
            held.set()
            while not await work.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0)
            await work.execute(
                "INSERT INTO suspension (framework_id, provider_id, starts_at, reason, imposed_by, imposed_by_name)"
                " VALUES ($1, $2, $3, 'Now', $4, 'Cora')",
                world.framework_id, alder.organisation_id, work.now, decider.person_id,
            )  # fmt: skip

    await asyncio.gather(send(), suspend())
    reached = await ask(world.referrer, _reached, draft)
    assert alder.organisation_id not in reached and world.providers[1].organisation_id in reached


async def _bearer(door, actor, settings) -> dict[str, str]:  # type: ignore[no-untyped-def]
    email = await people.with_password(actor, settings)
    got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {got.json()['access_token']}"}


async def _reached(work: Work, referral_id):  # type: ignore[no-untyped-def]
    rows = await work.fetch("SELECT provider_id FROM referral_reach WHERE referral_id = $1 AND reached", referral_id)
    return {row["provider_id"] for row in rows}

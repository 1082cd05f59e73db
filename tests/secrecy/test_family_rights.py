"""Each of a family's rights lets its holder do its own thing and nothing else, through the actions people use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from marketplace.identity import actions as identity
from marketplace.packages import plan_actions, signing
from marketplace.platform.actor import Actor
from marketplace.platform.errors import MarketplaceError, NotFound, NotPermitted
from marketplace.referrals import choosing, granting
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import packages, people, referrals
from tests.world.offers import offered

PIN = "8305"
RIGHTS = ("see_plan", "see_visits", "choose", "sign_plan", "confirm_visits", "spend")
# deed -> the one right that allows it
DEEDS = {
    "choose": "choose",
    "ask to meet": "choose",
    "sign the plan": "sign_plan",
    "return the plan": "sign_plan",
    "confirm": "confirm_visits",
    "confirm by PIN": "confirm_visits",
}


async def one_provider(settings: Settings) -> referrals.World:
    return await referrals.borough(settings, provider_names=("Alder Care",))


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, world=one_provider)


@pytest.fixture
def world(laid: referrals.World) -> referrals.World:
    return laid


async def with_one_right(case: packages.Case, right: str) -> Actor:
    return await referrals.family_of(
        case.referrer, case.child_id, f"Only {right.title()}", rights=[right], relation="Relative"
    )


async def deeds(case: packages.Case, clock, settings) -> dict[str, Callable[[Actor], Awaitable[object]]]:
    """A waiting offer, a plan to be signed and a visit to be confirmed, each for the same child."""
    referral = await referrals.broadcast(case.world, case.child_id)
    offer = await offered(case.world, case.manager, referral)
    first = (await case.package()).starts_on
    visit = await packages.a_visit(case, first)
    clock.move_to((await case.visit(visit)).planned_end + timedelta(minutes=1))
    record = await packages.delivered(case, visit)
    plan = await packages.written_plan(case)
    text = await plan_actions.share_plan(case.manager, plan)

    async def by_pin(person: Actor) -> object:
        await identity.set_pin(person, PIN)
        return await signing.family_confirms_with_pin(
            case.worker, settings, visit, person_id=person.person_id, pin=PIN, text_hash=record
        )

    return {
        "choose": lambda person: choosing.choose_as_family(person, offer, version=1),
        "ask to meet": lambda person: choosing.ask_to_meet(person, offer, "Saturday?"),
        "sign the plan": lambda person: plan_actions.sign_plan(person, plan, text_hash=text),
        "return the plan": lambda person: plan_actions.return_plan(person, plan, reason="Later hours"),
        "confirm": lambda person: signing.family_confirms(person, visit, text_hash=record),
        "confirm by PIN": by_pin,
    }


@pytest.mark.parametrize("right", RIGHTS)
async def test_a_right_alone_allows_no_deed_of_another(world, clock, database, migrator, right):
    case = await packages.set_up(world)
    doing = await deeds(case, clock, database)
    person = await with_one_right(case, right)
    before = await migrator.fetchval("SELECT count(*) FROM signature")
    for deed, needed in DEEDS.items():
        if needed != right:
            with pytest.raises((NotFound, NotPermitted)):
                await doing[deed](person)
    assert await migrator.fetchval("SELECT count(*) FROM signature") == before
    assert not await migrator.fetchval("SELECT count(*) FROM offer_choice WHERE person_id = $1", person.person_id)
    allowed = next((deed for deed, needed in DEEDS.items() if needed == right), None)
    if allowed is not None:
        await doing[allowed](person)


async def test_what_a_right_allowed_ends_with_it_and_begins_with_its_first_day(world, clock, database, migrator):
    case = await packages.set_up(world)
    doing = await deeds(case, clock, database)
    everything = await referrals.family_of(case.referrer, case.child_id, "Aunt Every", relation="Aunt")
    grant: UUID = await migrator.fetchval("SELECT id FROM family_grant WHERE person_id = $1", everything.person_id)
    await granting.revoke_access(case.referrer, grant, reason="Court order")
    for deed in DEEDS:
        with pytest.raises(NotFound):
            await doing[deed](everything)
    later = await people.family_member(case.referrer, "Uncle Later", "uncle.later@example.org")
    await granting.grant_access(
        case.referrer, case.child_id, name="Uncle Later", email="uncle.later@example.org", relation="Uncle",
        rights=referrals.ALL_RIGHTS, starts_on=(await case.package()).starts_on + timedelta(days=30),
    )  # fmt: skip
    for deed in DEEDS:
        with pytest.raises((NotFound, NotPermitted)):
            await doing[deed](later)


async def test_a_family_of_another_child_does_nothing_here(world, clock, database):
    case = await packages.set_up(world)
    doing = await deeds(case, clock, database)
    other = await referrals.add_child(case.referrer, "Olu Adeyemi", other_names="")
    stranger = await referrals.family_of(case.referrer, other, "Bola Adeyemi")
    for deed in DEEDS:
        with pytest.raises(MarketplaceError) as refused:
            await doing[deed](stranger)
        assert isinstance(refused.value, NotFound), deed

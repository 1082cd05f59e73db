"""Free text that leaves a case says nothing of who the child is: what a family writes to a provider, kept reasons."""

from __future__ import annotations

import pytest

from marketplace.packages import setup_actions
from marketplace.packages.award import award_offer, undo_award
from marketplace.platform.errors import InvalidInput
from marketplace.referrals import choosing
from marketplace.referrals.children import take_over_case
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import packages, people, referrals
from tests.world.offers import offered

NAMING = [
    "Maya is looking forward to it",
    "We live at 12 Larkspur Gardens",
    "Come to SE13 6LT",
    "Born on 14 March 2016",
    "Ring me on 020 7946 0123",
    "Yours, Grace",
]
HARMLESS = ["", "Saturday morning suits us", "we may be late, ask for a quiet room"]


async def one_provider(settings: Settings) -> referrals.World:
    return await referrals.borough(settings, provider_names=("Alder Care",))


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, world=one_provider)


@pytest.fixture
def world(laid: referrals.World) -> referrals.World:
    return laid


async def test_a_family_does_not_tell_a_provider_who_it_is_before_the_award(world, migrator):
    child = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child)
    offer = await offered(world, world.providers[0], await referrals.broadcast(world, child))
    for message in NAMING:
        with pytest.raises(InvalidInput) as refused:
            await choosing.ask_to_meet(mother, offer, message)
        assert "message" in refused.value.fields, message
    for message in HARMLESS:
        assert await choosing.ask_to_meet(mother, offer, message)
        await migrator.execute("DELETE FROM offer_meeting")


async def test_reasons_kept_in_the_audit_trail_name_nobody(world, migrator):
    case = await packages.awarded(world)
    colleague = await people.person_in(world.admin, "referrer")
    naming = "Grace Okonkwo asked for it"
    for change in (
        lambda: take_over_case(colleague, case.child_id, reason=naming),
        lambda: setup_actions.remove_worker(case.manager, case.package_id, case.backup_id, reason=naming),
        lambda: undo_award(case.referrer, case.package_id, reason=naming),
    ):
        with pytest.raises(InvalidInput) as refused:
            await change()
        assert "reason" in refused.value.fields
    await undo_award(case.referrer, case.package_id, reason="The family asked for it")
    details = [str(row["details"]) for row in await migrator.fetch("SELECT details FROM audit_entry")]
    assert details and not [text for text in details if "Okonkwo" in text or "Maya" in text]


async def test_the_reason_for_an_award_without_the_family_names_nobody(world):
    child = await referrals.add_child(world.referrer)
    offer = await offered(world, world.providers[0], await referrals.broadcast(world, child))
    with pytest.raises(InvalidInput) as refused:
        await award_offer(world.referrer, offer, version=1, no_family_reason="Grace Okonkwo is abroad")
    assert "no_family_reason" in refused.value.fields
    assert await award_offer(world.referrer, offer, version=1, no_family_reason="Looked after by the council")

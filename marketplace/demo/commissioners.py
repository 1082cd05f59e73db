"""Three commissioners and two frameworks: the borough's own, and one that a county leads and a city shares."""

from __future__ import annotations

from datetime import timedelta

from marketplace.demo.cast import BOROUGH, CITY, COUNCILS, COUNTY, Council
from marketplace.demo.people import colleague, register
from marketplace.demo.world import Staff, World
from marketplace.frameworks import actions, queries
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask

REGIME = "Procurement Act 2023: light touch, dynamic market"
FIRST_PERIOD = -56  # two billing periods have ended with last Sunday
FRAMEWORKS = (
    (BOROUGH, "lewisham-2017", "Ravensmere care and support for children", ()),
    (COUNTY, "cambridgeshire-peterborough-pdps", "Ousemoor and Fenbridge home and community support", (CITY,)),
)


# What a council has agreed where its pack proposes nothing: pence for an hour spent on poor information.
AGREED = {"settings.contracts.hour_pence": 4_500}


async def open_councils(world: World) -> None:
    """The commissioners' places, their people, their frameworks from the packs with every decision confirmed."""
    story = world.story
    for council in COUNCILS:
        world.councils[council.key] = await _council(world, council)
    await story.until(story.at(-84, "13:00"))
    for lead, pack, name, partners in FRAMEWORKS:
        admin = world.councils[lead].admin
        framework_id = await actions.create_framework(
            admin,
            pack_id=pack,
            name=name,
            anchor_day=story.monday + timedelta(days=FIRST_PERIOD),
            regime=REGIME,
            ends_on=story.monday + timedelta(days=3 * 365),
            partner_ids=[_organisation(world.councils[key].admin) for key in partners],
        )
        for decision in await ask(admin, queries.decisions, framework_id):
            await actions.confirm_decision(admin, framework_id, decision.key, AGREED.get(decision.key))
        await actions.open_framework(admin, framework_id)
        for key in (lead, *partners):
            world.frameworks[key] = framework_id


async def _council(world: World, council: Council) -> Staff:
    crowd = world.people
    name, email = council.admin
    admin = await register(
        world.story, crowd, world.operator, "commissioner", council.name, council.short, council.colour, name, email
    )
    referrers = [await colleague(crowd, admin, *each, "referrer") for each in council.referrers]
    contracts = await colleague(crowd, admin, *council.contracts, "contract_manager")
    finance = await colleague(crowd, admin, *council.finance, "finance")
    second = await colleague(crowd, admin, *council.second_finance, "finance") if council.second_finance else None
    return Staff(admin, referrers, contracts, finance, second)


def _organisation(actor: Actor):
    assert actor.organisation_id is not None
    return actor.organisation_id

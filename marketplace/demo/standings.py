"""Suspensions, a pause, an application and new rates that wait for a decision."""

from __future__ import annotations

from datetime import timedelta

from marketplace.demo.cast import BOROUGH, HOUSES
from marketplace.demo.providers import apply, rate_card
from marketplace.demo.world import World
from marketplace.frameworks import queries, rate_actions
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.providers import actions, lifting

PLAN_OF_ACTION = (
    "Three visits to one family were missed within three weeks. Action plan agreed today: within two weeks a rota"
    " with a named stand-in for each visit; supervision of every worker in the team; a report each Friday. The plan is"
    " looked at in four weeks."
)


async def change_standings(world: World) -> None:
    """What happened to providers' standing in the borough, script by script."""
    for script in (_suspended_and_back, _suspended_now, _paused, _applies, _new_rates):
        world.story.tell(script(world))


async def _suspended_and_back(world: World) -> None:
    story, contracts = world.story, world.councils[BOROUGH].contracts
    await story.until(story.at(-52, "15:00"))
    reason = "Two medication records of lot B could not be shown at the announced visit."
    suspension_id = await actions.suspend(
        contracts, world.frameworks[BOROUGH], _firm(world, "brightwater"), "B", reason=reason,
        rule_key="quality_failing",
    )  # fmt: skip
    await story.until(story.at(-41, "11:20"))
    await lifting.reinstate(
        contracts, suspension_id, "Records shown and found complete; new cabinet keys for all carers."
    )


async def _suspended_now(world: World) -> None:
    story, contracts = world.story, world.councils[BOROUGH].contracts
    await story.until(story.at(-11, "10:15"))
    await actions.suspend(
        contracts, world.frameworks[BOROUGH], _firm(world, "harbour"), reason=PLAN_OF_ACTION,
        rule_key="quality_failing",
    )  # fmt: skip


async def _paused(world: World) -> None:
    story = world.story
    await story.until(story.at(-10, "09:05"))
    await actions.pause(
        world.firms["acorn"].manager, world.frameworks[BOROUGH], until_on=story.monday + timedelta(days=34),
        reason="One of the three of us is on leave.",
    )  # fmt: skip


async def _applies(world: World) -> None:
    await world.story.until(world.story.ago(days=1, hours=3))
    house = next(each for each in HOUSES if each.key == "northway")
    await apply(world, house, BOROUGH, ("B",))


async def _new_rates(world: World) -> None:
    story, manager = world.story, world.firms["oakthistle"].manager
    await story.until(story.ago(days=1, hours=6))
    pack = await ask(manager, queries.pack_of, world.frameworks[BOROUGH])
    from_day = story.monday + timedelta(days=28)
    bid = rate_card(pack, "D", from_day, 2340)
    reason = "The London living wage rises; we pay it to everybody."
    await rate_actions.propose_rates(manager, world.frameworks[BOROUGH], "D", bid, from_day, reason)


def _firm(world: World, key: str):  # type: ignore[no-untyped-def]
    manager: Actor = world.firms[key].manager
    assert manager.organisation_id is not None
    return manager.organisation_id

"""Suspensions, a pause, an application and new rates that wait for a decision."""

from __future__ import annotations

from datetime import UTC, time, timedelta
from uuid import UUID

from marketplace.demo.cast import BOROUGH, HOUSES
from marketplace.demo.providers import apply, rate_card
from marketplace.demo.world import World
from marketplace.frameworks import queries, rate_actions
from marketplace.obligations import queries as obligations
from marketplace.packages import monitoring, moving
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import quarter_containing, wall_time
from marketplace.providers import actions, causes, lifting, plan_actions

PLAN_OF_ACTION = (
    "Three visits to one family were missed within three weeks. Action plan agreed today: within two weeks a rota"
    " with a named stand-in for each visit; supervision of every worker in the team; a report each Friday. The plan is"
    " looked at in four weeks."
)


async def change_standings(world: World) -> None:
    """What happened to providers' standing in the borough, script by script."""
    for script in (_suspended_and_back, _suspended_now, _proposed, _paused, _applies, _new_rates, _reports):
        world.story.tell(script(world))


async def _suspended_and_back(world: World) -> None:
    """Lot B for eleven days, with one action; then so many new packages and no more, until that ends too."""
    story, contracts = world.story, world.councils[BOROUGH].contracts
    manager = world.firms["brightwater"].manager
    await story.until(story.at(-52, "15:00"))
    reason = "Two medication records of lot B could not be shown at the announced visit."
    suspension_id = await actions.suspend(
        contracts, world.frameworks[BOROUGH], _firm(world, "brightwater"), "B", reason=reason,
        rule_key="quality_failing",
    )  # fmt: skip
    action_id = await plan_actions.ask_action(
        contracts, suspension_id, title="Show the medication records of April, complete",
        due_on=story.monday - timedelta(days=42), evidence_asked="The records themselves, at the office",
    )  # fmt: skip
    await story.until(story.at(-51, "09:40"))
    await plan_actions.answer(manager, suspension_id, "The cabinet's key was with a carer on leave. We are mending it.")
    await story.until(story.at(-43, "16:10"))
    await plan_actions.say_done(manager, action_id, "All records are in the office, in order of day.")
    await story.until(story.at(-41, "11:15"))
    await plan_actions.sign_off(contracts, action_id, "Seen at the office.")
    await story.until(story.at(-41, "11:20"))
    await lifting.reinstate(
        contracts, suspension_id, "Records shown and found complete; new cabinet keys for all carers.", new_packages=5
    )
    await story.until(story.at(-20, "10:05"))
    limit = await ask(contracts, _restriction)
    await lifting.end_restriction(contracts, limit, "Three weeks without a gap in the records.")


async def _reports(world: World) -> None:
    """Every firm that delivered something sends its report a few days after the quarter's end."""
    story = world.story
    first_day = quarter_containing(story.monday).first_day
    await story.until(wall_time(first_day + timedelta(days=3), time(10, 20)).astimezone(UTC))
    quarter = quarter_containing(first_day - timedelta(days=1))
    for firm in world.firms.values():
        for duty in await ask(firm.manager, obligations.my_duties):
            if duty["rule_key"] == monitoring.REPORT:
                await monitoring.send_report(
                    firm.manager, duty["framework_id"], duty["commissioner_id"], quarter.first_day,
                    says="Visits went as planned but for illness in one team. Families liked knowing who comes.",
                    actions="One more support worker starts next month.",
                )  # fmt: skip


async def _restriction(work: Work) -> UUID:
    return await work.fetchval("SELECT id FROM restriction WHERE ended_at IS NULL")


async def _package_with(work: Work, provider_id: UUID) -> UUID:
    return await work.fetchval(
        "SELECT id FROM package WHERE provider_id = $1 AND state = 'active' ORDER BY awarded_at", provider_id
    )


async def _suspended_now(world: World) -> None:
    """The plan in the middle: one action signed off, one said to be done, one to do; a review that found it right."""
    story, council, manager = world.story, world.councils[BOROUGH], world.firms["harbour"].manager
    contracts, framework_id = council.contracts, world.frameworks[BOROUGH]
    await story.until(story.at(-11, "10:15"))
    suspension_id = await actions.suspend(
        contracts, framework_id, _firm(world, "harbour"), reason=PLAN_OF_ACTION, rule_key="quality_failing",
    )  # fmt: skip
    asked = [
        await plan_actions.ask_action(
            contracts, suspension_id, title=title, due_on=story.monday + timedelta(days=day), evidence_asked=shown
        )
        for title, day, shown in (
            ("Report each Friday which visits were late or missed, and why", -2, "The first report"),
            ("A rota with a named stand-in for each visit", 10, "The rota of two weeks"),
            ("Supervise every worker in the team", 24, "The dates, by worker"),
        )
    ]
    await story.until(story.at(-9, "14:30"))
    await plan_actions.answer(
        manager, suspension_id, "Two people left in one week and our stand-ins were not named. The plan is right."
    )
    await plan_actions.name_owner(manager, asked[1], "Trevor Maddox")
    await plan_actions.ask_review(
        manager, suspension_id, "One of the three visits was called off by the family itself."
    )
    await story.until(story.at(-5, "11:00"))
    await plan_actions.decide_review(
        council.admin, suspension_id, lifts=False,
        says="The record of that visit says that nobody came. Two others remain in any case.",
    )  # fmt: skip
    await story.until(story.at(-3, "17:20"))
    await plan_actions.say_done(manager, asked[0], "Sent: no visit was missed this week, one was twenty minutes late.")
    await story.until(story.at(-3, "17:50"))
    await plan_actions.sign_off(contracts, asked[0])
    await story.until(story.ago(days=1, hours=2))
    await plan_actions.say_done(manager, asked[1], "The rota of the next two weeks names a stand-in for each visit.")
    await story.until(story.ago(days=1, hours=1))
    referrer = council.referrers[0]
    package_id = await ask(referrer, _package_with, _firm(world, "harbour"))
    await moving.begin_move(referrer, package_id, reason="The family cannot wait for the plan to work.")


async def _proposed(world: World) -> None:
    """Brokerage has put something to the contract manager, who has not decided yet."""
    await world.story.until(world.story.ago(hours=5))
    await causes.propose(
        world.councils[BOROUGH].referrers[0], world.frameworks[BOROUGH], _firm(world, "brightwater"),
        rule_key="repeated_incidents", lot_code="B",
        facts="Three near misses with the same medicine in five weeks, each reported by the provider itself.",
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

"""The family that buys for itself asks providers, agrees with one of them, and has asked again for more."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.demo.budgets import BUYER
from marketplace.demo.referrals import weekly
from marketplace.demo.texts import ACTIVITIES, OUTCOMES, PLAN
from marketplace.demo.world import Firm, World
from marketplace.packages import plan_actions, setup_actions, visit_actions
from marketplace.packages.plans import PlanContent
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import WeeklySlot
from marketplace.purchases import queries
from marketplace.purchases.agreeing import accept_answer
from marketplace.purchases.answering import say_no, say_yes
from marketplace.purchases.enquiring import Wish, ask_providers
from marketplace.purchases.meeting import ask_to_meet
from marketplace.referrals.offering import Proposal

LOT = "C"
FRIDAYS = tuple(WeeklySlot(*each) for each in weekly(4, start="16:00", end="18:00"))
SATURDAYS = tuple(
    WeeklySlot(*each) for each in weekly(5, start="10:00", end="12:30", activity="community_support")
)  # fmt: skip
MATTERS = "Quiet beginnings, then outdoors. Somebody who swims, and who tells the plan of the afternoon in pictures."
MORE = "Saturday mornings at the allotment or the pool, while we are at work."
COMES, STANDS_IN = 6, 7  # hands of the firm that is agreed with


async def family_buys(world: World) -> None:
    """Both requests, each in its own time."""
    world.story.tell(_agreed(world))
    world.story.tell(_compares(world))


async def _payment(mother: Actor) -> UUID:
    return (await ask(mother, queries.direct_payments))[0].id


async def _asked(
    world: World, mother: Actor, firms: tuple[Firm, ...], pattern: tuple[WeeklySlot, ...], says: str
) -> UUID:
    starts_on = local_day(world.story.now) + timedelta(days=2)
    wish = Wish(LOT, pattern, starts_on, says, "Ladymead")
    known = [firm.manager.provider_id for firm in firms]
    return await ask_providers(mother, await _payment(mother), wish, [each for each in known if each is not None])


async def _agreed(world: World) -> None:
    """Asked nine days ago, agreed a day later; the plan is signed and visits stand in the diary."""
    story, home = world.story, world.homes[BUYER]
    mother, firm, other = home.family[0], world.firms["larkfield"], world.firms["brightwater"]
    await story.until(story.ago(days=9))
    enquiry_id = await _asked(world, mother, (firm, other), FRIDAYS, MATTERS)
    await story.until(story.ago(days=8, hours=6))
    await say_no(other.manager, enquiry_id, "no_capacity", "We hope to have somebody from next month.")
    first = local_day(story.now) + timedelta(days=2)
    proposal = Proposal(
        (firm.hands[COMES].id,), (firm.hands[STANDS_IN].id,), first, FRIDAYS, "We know the pool in Ladymead well."
    )
    answer_id = await say_yes(firm.coordinator, enquiry_id, proposal)
    await story.until(story.ago(days=8))
    package_id = await accept_answer(mother, answer_id)
    assert package_id is not None
    await story.until(story.ago(days=7))
    await setup_actions.arrange_risk_assessment(firm.coordinator, package_id, local_day(story.clock.at))
    await setup_actions.complete_risk_assessment(firm.coordinator, package_id)
    content = PlanContent(
        outcomes=OUTCOMES[1], activities_to_do=ACTIVITIES[1], pattern=list(FRIDAYS), **PLAN
    )  # fmt: skip
    plan_id = await plan_actions.write_plan(firm.coordinator, package_id, content)
    fingerprint = await plan_actions.share_plan(firm.coordinator, plan_id)
    await story.until(story.ago(days=6))
    await plan_actions.sign_plan(mother, plan_id, text_hash=fingerprint, in_referrers_place=True)
    await story.until(story.ago(days=5))
    await visit_actions.plan_from_pattern(
        firm.coordinator, package_id, first, first + timedelta(days=20), [firm.hands[COMES].id]
    )


async def _compares(world: World) -> None:
    """Asked yesterday for more: one has answered and is asked to meet, the other has not yet."""
    story, home = world.story, world.homes[BUYER]
    mother, quick, slow = home.family[0], world.firms["brightwater"], world.firms["larkfield"]
    await story.until(story.ago(days=1, hours=3))
    enquiry_id = await _asked(world, mother, (quick, slow), SATURDAYS, MORE)
    await story.until(story.ago(hours=20))
    first = local_day(story.now) + timedelta(days=2)
    proposal = Proposal((quick.hands[0].id,), (quick.hands[1].id,), first, SATURDAYS, "")
    answer_id = await say_yes(quick.manager, enquiry_id, proposal)
    await story.until(story.ago(hours=3))
    await ask_to_meet(mother, answer_id, [story.at(9, "16:30"), story.at(10, "10:00")], "The playground would suit us.")

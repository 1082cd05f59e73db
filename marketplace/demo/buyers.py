"""The family that buys for itself asks providers, agrees with one of them, buys, and has asked again for more."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from marketplace.demo import bought, cards, visits
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
FIRST_VISIT = -31
PLANNED = ((-35, FIRST_VISIT, -3), (-14, -2, 32))  # planned on, first day, last day


async def family_buys(world: World) -> None:
    """Both requests, each in its own time."""
    world.story.tell(_agreed(world))
    world.story.tell(_compares(world))


async def _payment(mother: Actor) -> UUID:
    return (await ask(mother, queries.direct_payments))[0].id


async def _asked(
    world: World, mother: Actor, firms: tuple[Firm, ...], pattern: tuple[WeeklySlot, ...], says: str, starts_on: date
) -> UUID:
    wish = Wish(LOT, pattern, starts_on, says, "Ladymead")
    known = [firm.manager.provider_id for firm in firms]
    return await ask_providers(mother, await _payment(mother), wish, [each for each in known if each is not None])


async def _agreed(world: World) -> None:
    """Asked six weeks ago, agreed two days later; since the plan is signed a visit takes place each Friday."""
    story, home = world.story, world.homes[BUYER]
    mother, firm, other = home.family[0], world.firms["larkfield"], world.firms["brightwater"]
    first = story.monday + timedelta(days=FIRST_VISIT)
    await story.until(story.at(-40, "19:40"))
    enquiry_id = await _asked(world, mother, (firm, other), FRIDAYS, MATTERS, first)
    await story.until(story.at(-39, "10:15"))
    await say_no(other.manager, enquiry_id, "no_capacity", "We hope to have somebody from next month.")
    proposal = Proposal(
        (firm.hands[COMES].id,), (firm.hands[STANDS_IN].id,), first, FRIDAYS, "We know the pool in Ladymead well."
    )
    await story.until(story.at(-39, "14:05"))
    answer_id = await say_yes(firm.coordinator, enquiry_id, proposal)
    await story.until(story.at(-38, "20:10"))
    package_id = await accept_answer(mother, answer_id)
    assert package_id is not None
    await story.until(story.at(-37, "15:30"))
    await setup_actions.arrange_risk_assessment(firm.coordinator, package_id, local_day(story.clock.at))
    await setup_actions.complete_risk_assessment(firm.coordinator, package_id)
    content = PlanContent(
        outcomes=OUTCOMES[1], activities_to_do=ACTIVITIES[1], pattern=list(FRIDAYS), **PLAN
    )  # fmt: skip
    plan_id = await plan_actions.write_plan(firm.coordinator, package_id, content)
    fingerprint = await plan_actions.share_plan(firm.coordinator, plan_id)
    await story.until(story.at(-36, "20:20"))
    await plan_actions.sign_plan(mother, plan_id, text_hash=fingerprint, in_referrers_place=True)
    story.tell(bought.pay(world, home, package_id))
    story.tell(cards.go_on_by_themselves(world, firm.manager))
    known: set[UUID] = set()
    for planned_on, first_day, last_day in PLANNED:
        await story.until(story.at(planned_on, "10:45"))
        begin, end = story.monday + timedelta(days=first_day), story.monday + timedelta(days=last_day)
        await visit_actions.plan_from_pattern(firm.coordinator, package_id, begin, end, [firm.hands[COMES].id])
        for visit in await ask(firm.coordinator, visits.planned, package_id):
            if visit.id not in known:
                known.add(visit.id)
                what = bought.HAPPENINGS.get((local_day(visit.planned_start) - story.monday).days, "")
                story.tell(visits.take_its_course(world, firm, home, firm.hands[COMES], visit, what))


async def _compares(world: World) -> None:
    """Asked yesterday for more: one has answered and is asked to meet, the other has not yet."""
    story, home = world.story, world.homes[BUYER]
    mother, quick, slow = home.family[0], world.firms["brightwater"], world.firms["larkfield"]
    await story.until(story.ago(days=1, hours=3))
    first = local_day(story.now) + timedelta(days=2)
    enquiry_id = await _asked(world, mother, (quick, slow), SATURDAYS, MORE, first)
    await story.until(story.ago(hours=20))
    proposal = Proposal((quick.hands[0].id,), (quick.hands[1].id,), first, SATURDAYS, "")
    answer_id = await say_yes(quick.manager, enquiry_id, proposal)
    await story.until(story.ago(hours=3))
    await ask_to_meet(mother, answer_id, [story.at(9, "16:30"), story.at(10, "10:00")], "The playground would suit us.")

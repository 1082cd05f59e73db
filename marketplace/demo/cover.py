"""A provider's insurance lapsed for some days: its visits stopped, and another one covered them (P 4.3)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.demo import visits
from marketplace.demo.cast import BOROUGH, HOUSES
from marketplace.demo.packages import signed
from marketplace.demo.providers import keep_profile
from marketplace.demo.referrals import Search, award, choose, collect, weekly
from marketplace.demo.world import World
from marketplace.packages import setup_actions, visit_actions
from marketplace.packages.lapsed_cover import decide
from marketplace.platform.database import Work, ask
from marketplace.providers import lifting

LAPSED, COVERS = "oakthistle", "larkfield"
COVERED = Search(
    "priya", "D", weekly(3, start="16:30", end="17:30", activity="mentoring"), answers={COVERS: (11, 5)}
)  # fmt: skip
WHY = "The insurer has not confirmed the renewal; until it does nobody of the firm may be with a child."


async def cover_a_lapse(world: World) -> None:
    """Stopped on a Wednesday morning, covered from Thursday on, and back before the next four weeks are planned."""
    world.story.tell(_covered(world))
    world.story.tell(_insured_again(world))


async def _covered(world: World) -> None:
    story, home, firm = world.story, world.homes[COVERED.child], world.firms[COVERS]
    contracts = world.councils[BOROUGH].contracts
    await story.until(story.at(-12, "09:20"))
    lapsed = world.firms[LAPSED].manager.provider_id
    assert lapsed is not None
    stopped = await ask(contracts, _package_of, lapsed)
    await decide(contracts, stopped, goes_on=False, reason=WHY, emergency_cover=True)
    referral_id = await ask(contracts, _sought_for, stopped)
    await story.until(story.at(-12, "10:50"))
    offers = await collect(world, COVERED, referral_id)
    await story.until(story.at(-12, "12:40"))
    await choose(world, COVERED, offers[COVERS])
    await story.until(story.at(-12, "13:15"))
    package_id = await award(home, offers[COVERS])
    await story.until(story.at(-12, "14:30"))
    today = story.monday - timedelta(days=12)
    await setup_actions.arrange_risk_assessment(firm.coordinator, package_id, today)
    await setup_actions.complete_risk_assessment(firm.coordinator, package_id)
    hand = firm.hands[int(COVERED.answers[COVERS][0])]
    first, last = story.monday - timedelta(days=11), story.monday - timedelta(days=4)
    await visit_actions.plan_from_pattern(firm.coordinator, package_id, first, last, [hand.id])
    for visit in await ask(firm.coordinator, visits.planned, package_id):
        story.tell(visits.take_its_course(world, firm, home, hand, visit, ""))
    await signed(world, firm, home, COVERED, package_id, story.at(-12, "15:10"))


async def _insured_again(world: World) -> None:
    story, manager, contracts = world.story, world.firms[LAPSED].manager, world.councils[BOROUGH].contracts
    house = next(each for each in HOUSES if each.key == LAPSED)
    await story.until(story.at(-5, "15:40"))
    await keep_profile(world, house, manager, story.monday + timedelta(days=360))
    await story.until(story.at(-4, "09:15"))
    assert manager.provider_id is not None
    suspended = await ask(contracts, _suspension_of, manager.provider_id)
    await lifting.reinstate(contracts, suspended, "Insured again for a year; the certificate was seen.")


async def _package_of(work: Work, provider_id: UUID) -> UUID:
    return await work.fetchval("SELECT id FROM package WHERE provider_id = $1 AND state = 'active'", provider_id)


async def _suspension_of(work: Work, provider_id: UUID) -> UUID:
    return await work.fetchval("SELECT id FROM suspension WHERE provider_id = $1 AND lifted_at IS NULL", provider_id)


async def _sought_for(work: Work, package_id: UUID) -> UUID:
    return await work.fetchval("SELECT referral_id FROM emergency_cover WHERE package_id = $1", package_id)

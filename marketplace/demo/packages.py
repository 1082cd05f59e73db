"""Packages: found in week eleven, awarded, planned with the family, and running for two billing periods by now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from marketplace.billing import funding
from marketplace.billing.agreements import Terms, agree_to, propose
from marketplace.billing.budgets import set_allocation
from marketplace.demo import visits
from marketplace.demo.referrals import SILENT, Search, award, broadcast, choose, collect, weekly
from marketplace.demo.texts import ACTIVITIES, OUTCOMES, PLAN
from marketplace.demo.visits import LAST, LAST_BUT_ONE, Happenings
from marketplace.demo.world import Firm, Home, World
from marketplace.packages import plan_actions, setup_actions
from marketplace.packages.plans import PlanContent
from marketplace.providers import evidence

FIRST_VISIT_DAY = -56


@dataclass(frozen=True, slots=True)
class Case:
    """A search that led to a package with `firm`, and what was unusual in its visits."""

    search: Search
    firm: str
    sign_offs: tuple[str, ...] = ()  # signed off child by child
    happenings: Happenings = field(default_factory=dict)


OUT = "community_support"
CASES = (
    Case(
        Search(
            "idris", "C",
            (*weekly(0, 2, 4, start="16:00", end="18:00"), *weekly(5, start="10:00", end="13:00", activity=OUT)),
            interventions=("medication",),
            answers={"larkfield": (0, 1), "harbour": (0, 1), "brightwater": (1, 0), "northway": SILENT},
        ),
        "larkfield",
        happenings={
            (-8, 0): "pin", (-8, 2): "pin", (-7, 1): "not_at_home", (-6, 2): "cancelled_in_time", (-5, 0): "pin",
            (-3, 3): "overrun", (-2, 1): "cancelled_late", (-1, 3): "to confirm", LAST_BUT_ONE: "no_device, waiting",
            LAST: "to confirm",
        },
    ),
    Case(
        Search("jonah", "C", weekly(1, 3, start="15:30", end="17:30"), needs=("asd_challenging_behaviour",),
               answers={"larkfield": (2, 4), "harbour": (1, 2), "acorn": "no_competence"}),
        "larkfield",
        happenings={(-4, 0): "cancelled_by_provider", LAST: "overrun, waiting"},
    ),
    Case(
        Search("zainab", "D", weekly(2, start="17:00", end="19:30", activity="mentoring"),
               answers={"larkfield": (11, 5), "harbour": SILENT, "oakthistle": "pattern"}),
        "larkfield",
        happenings={(-2, 0): "worker has not signed"},
    ),
    Case(
        Search("tomasz", "A", weekly(1, 4, start="21:00", end="07:00", activity="waking_night"),
               interventions=("tracheostomy_care", "suctioning"),
               answers={"tiderow": (0, 1), "sunfield": (0, 1)}),
        "tiderow", ("tracheostomy_care", "suctioning"),
        happenings={(-5, 1): "cancelled_late"},
    ),
    Case(
        Search("keziah", "C", weekly(0, 3, start="15:45", end="17:45"),
               answers={"brightwater": (1, 0), "acorn": (0, 1), "larkfield": "pattern", "harbour": "area"}),
        "brightwater",
        happenings={(-6, 1): "confirmed late"},
    ),
    Case(
        Search("rufus", "C", weekly(2, 4, start="16:30", end="18:30"),
               answers={"harbour": (0, 1), "larkfield": "no_capacity", "northway": (0, 1)}),
        "harbour",
        happenings={(-4, 1): "missed", (-3, 1): "missed", (-2, 0): "missed"},
    ),
    Case(
        Search("priya", "D", weekly(3, start="16:30", end="17:30", activity="mentoring"),
               answers={"oakthistle": (0, 1), "harbour": "area"}),
        "oakthistle",
        happenings={(-2, 0): "covered", (-1, 0): "covered"},  # demo/cover.py
    ),
    Case(
        Search("callum", "B",
               (*weekly(1, start="16:00", end="18:30"), *weekly(6, start="10:00", end="13:00", activity="day_care")),
               interventions=("complex_medication",),
               answers={"brightwater": (3, 4), "tiderow": (5, 6), "larkfield": "start_date"}),
        "brightwater",
        happenings={LAST: "declined, waiting"},
    ),
    Case(
        Search("oswin", "GHC", weekly(1, 4, start="07:00", end="08:30"), interventions=("personal_care",),
               answers={"fenmeadow": (0, 1), "larkfield": "area", "riverside": (0, 1)}),
        "fenmeadow",
        happenings={(-6, 0): "cancelled_on_arrival", (-4, 1): "cancelled_late"},
    ),
    Case(
        Search("lottie", "HLFS", weekly(0, start="17:00", end="19:00"),
               answers={"willowbank": (0, 1), "fenmeadow": "no_capacity", "larkfield": "area"}),
        "willowbank",
    ),
    Case(
        Search("ewan", "GHC", weekly(2, 5, start="08:00", end="10:00"),
               answers={"larkfield": (8, 9), "riverside": (2, 1), "fenmeadow": "area"}),
        "larkfield",
        happenings={LAST: "not_at_home, waiting"},
    ),
    Case(
        Search("meilin", "GCS", weekly(5, start="13:00", end="16:00", activity="community_support"),
               answers={"beacon": (0, 1), "fenmeadow": "area"}),
        "beacon",
    ),
)  # fmt: skip
# What children may have in a year: enough for one, not for another, and one in hours.
BUDGETS = {"idris": ("pence", 1_450_000), "jonah": ("pence", 400_000), "priya": ("minutes", 60 * 60)}
IN_SET_UP = Search(
    "anwen", "C", weekly(1, 4, start="16:15", end="18:15"),
    answers={"larkfield": (5, 3), "brightwater": SILENT, "northway": (1, 2)},
)  # fmt: skip


async def open_packages(world: World) -> None:
    """Every package's story, side by side; a new one that waits for its signatures."""
    for number, case in enumerate(CASES):
        world.story.tell(_package(world, case, number))
    world.story.tell(_in_set_up(world))


async def _package(world: World, case: Case, number: int) -> None:
    story, firm, home = world.story, world.firms[case.firm], world.homes[case.search.child]
    later = timedelta(minutes=11 * number)
    await story.until(story.at(-70, "09:40") + later)
    starts_on = story.monday + timedelta(days=FIRST_VISIT_DAY)
    referral_id = await broadcast(world, case.search, starts_on)
    await story.until(story.at(-70, "13:30") + later)
    offers = await collect(world, case.search, referral_id)
    await story.until(story.at(-69, "18:15") + later)
    await choose(world, case.search, offers[case.firm])
    await story.until(story.at(-68, "10:05") + later)
    package_id = await award(home, offers[case.firm])
    await story.until(story.at(-67, "09:30") + later)
    await setup_actions.arrange_risk_assessment(firm.coordinator, package_id, story.monday - timedelta(days=66))
    await story.until(story.at(-66, "14:00") + later)
    await setup_actions.complete_risk_assessment(firm.coordinator, package_id)
    for code in case.sign_offs:
        for place in case.search.answers[case.firm]:
            await evidence.record_competency(
                firm.coordinator, firm.hands[int(place)].id, code=code, assessed_on=story.monday - timedelta(days=66),
                method="clinical", assessor_name="Fenella Garth, nurse educator", for_package_id=package_id,
            )  # fmt: skip
    await signed(world, firm, home, case.search, package_id, story.at(-65, "11:00") + later)
    main = firm.hands[int(case.search.answers[case.firm][0])]
    if case.search.child == "idris":
        story.tell(_new_version(world, firm, case.search, package_id))
        story.tell(_miles(world, firm, home, package_id))
    if case.search.child in BUDGETS:
        story.tell(_budget(world, home, *BUDGETS[case.search.child]))
    if case.search.child == "oswin":
        story.tell(_shared(world, home, package_id))
    await visits.run(world, firm, home, main, package_id, case.search.slots, case.happenings)


async def _budget(world: World, home: Home, unit: str, amount: int) -> None:
    """A year's allocation from the first visit on, agreed by the panel two weeks ago."""
    story = world.story
    await story.until(story.at(-13, "10:20"))
    first = story.monday + timedelta(days=FIRST_VISIT_DAY)
    await set_allocation(
        home.referrer, home.id, starts_on=first, ends_on=first + timedelta(days=363), unit=unit, amount=amount,
        reason="Agreed by the panel for a year.",
    )  # fmt: skip


async def _miles(world: World, firm: Firm, home: Home, package_id: UUID) -> None:
    """The miles to a pool further away: proposed by the provider, agreed by the referrer a day later."""
    story = world.story
    await story.until(story.at(-20, "10:50"))
    first = story.monday - timedelta(days=20)
    terms = Terms("mileage", "The warm pool is 17 miles away.", 45, 20_000, first, first + timedelta(days=364))
    agreement_id = await propose(firm.coordinator, package_id, terms)
    await story.until(story.at(-19, "09:30"))
    await agree_to(home.referrer, agreement_id)


async def _shared(world: World, home: Home, package_id: UUID) -> None:
    """From next Monday the framework's other payer bears a share: proposed, agreed and confirmed last week."""
    story, own = world.story, world.frameworks[home.council]
    partner = next((key for key, id in world.frameworks.items() if id == own and key != home.council), None)
    if partner is None:
        return
    await story.until(story.at(-6, "11:10"))
    payer = world.councils[partner].finance
    assert payer.organisation_id is not None
    proposal_id = await funding.propose_funding(
        home.referrer, package_id, {payer.organisation_id: 4000}, story.monday + timedelta(days=7), None,
        "Both authorities agreed to share the cost of the morning visits.",
    )  # fmt: skip
    await story.until(story.at(-5, "15:30"))
    await funding.answer_funding(payer, proposal_id, True)
    await story.until(story.at(-4, "09:45"))
    await funding.confirm_funding(world.councils[home.council].finance, proposal_id)


async def signed(world: World, firm: Firm, home: Home, search: Search, package_id: UUID, at: datetime) -> None:
    """The plan is shared at a moment, signed by the family that evening and by the referrer the next morning."""
    story = world.story
    await story.until(at)
    plan_id, fingerprint = await _share(firm, search, package_id, OUTCOMES[search.place % len(OUTCOMES)])
    await story.until(at + timedelta(hours=8))
    await plan_actions.sign_plan(home.family[0], plan_id, text_hash=fingerprint)
    await story.until(at + timedelta(hours=23))
    await plan_actions.sign_plan(home.referrer, plan_id, text_hash=fingerprint)


async def _share(firm: Firm, search: Search, package_id: UUID, outcomes: str) -> tuple[UUID, str]:
    content = PlanContent(
        outcomes=outcomes, activities_to_do=ACTIVITIES[search.place % len(ACTIVITIES)], pattern=search.slots, **PLAN
    )
    plan_id = await plan_actions.write_plan(firm.coordinator, package_id, content)
    return plan_id, await plan_actions.share_plan(firm.coordinator, plan_id)


async def _new_version(world: World, firm: Firm, search: Search, package_id: UUID) -> None:
    """After two months the plan says more; at present it waits for both signatures."""
    await world.story.until(world.story.ago(days=1, hours=2))
    outcomes = f"{OUTCOMES[0]} New: the way home from school on foot, with somebody at hand."
    await _share(firm, search, package_id, outcomes)


async def _in_set_up(world: World) -> None:
    """Awarded two days ago: the risk assessment is done, the plan waits to be signed, no visit is planned yet."""
    story, firm, home = world.story, world.firms["larkfield"], world.homes[IN_SET_UP.child]
    await story.until(story.ago(days=4))
    referral_id = await broadcast(world, IN_SET_UP, story.monday + timedelta(days=14))
    await story.until(story.ago(days=3, hours=21))
    offers = await collect(world, IN_SET_UP, referral_id)
    await story.until(story.ago(days=3, hours=1))
    await choose(world, IN_SET_UP, offers["larkfield"])
    await story.until(story.ago(days=2, hours=2))
    package_id = await award(home, offers["larkfield"])
    await story.until(story.ago(days=1))
    await setup_actions.arrange_risk_assessment(firm.coordinator, package_id, story.clock.at.date())
    await setup_actions.complete_risk_assessment(firm.coordinator, package_id)
    await story.until(story.ago(hours=22))
    await _share(firm, IN_SET_UP, package_id, OUTCOMES[2])

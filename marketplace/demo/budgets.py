"""A family that buys for itself: a direct payment for the younger of two children, and what was paid of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.demo.cast import BOROUGH, CARE, HOUSES, NURSE, OUTREACH, SUPPORT, House
from marketplace.demo.world import Firm, World
from marketplace.frameworks.areas import set_areas
from marketplace.providers.listing import AVAILABILITY, Listing, save_listing
from marketplace.purchases.direct_payments import TermsGiven, change_terms, record_direct_payment
from marketplace.purchases.spending import record_spending

BUYER = "nia"
LOTS = ("C", "D")
# day counted from this week's Monday, pence, what for
PAID = (
    (-58, 4_500, "Half-term play scheme, two days"),
    (-44, 6_000, "A carer we know, an evening"),
    (-30, 2_750, "Swimming lessons"),
    (-16, 6_000, "A carer we know, an evening"),
    (-9, 3_200, "Trampoline club"),
)
BOROUGH_AREAS = ("Ladymead", "Canalside", "Quarry Hill", "Southgrove")
COUNTY_AREAS = ("Northfield", "Wharfside", "The eastern villages", "The southern villages")
# What those who work for a provider know, by role, in the words of each framework.
BOROUGH_NEEDS = {
    NURSE: ("ventilation", "gastrostomy_ng", "seizure_management"), CARE: ("seizure_management", "de_escalation"),
    SUPPORT: ("asd_challenging_behaviour",), OUTREACH: ("asd_communication", "mental_health"),
}  # fmt: skip
COUNTY_NEEDS = {
    CARE: ("communication_aids", "moving_and_handling"), SUPPORT: ("autism_awareness",),
    OUTREACH: ("autism_awareness", "attachment_trauma"),
}  # fmt: skip
LANGUAGES = ("Polish", "Yoruba", "Arabic", "Portuguese", "British Sign Language", "Welsh")


async def give_budgets(world: World) -> None:
    """Record the direct payment, and let the story go on."""
    home = world.homes[BUYER]
    await set_areas(world.councils[BOROUGH].admin, world.frameworks[BOROUGH], BOROUGH_AREAS)
    starts_on = world.story.monday - timedelta(days=70)
    made = await record_direct_payment(
        home.referrer, home.id, world.frameworks[BOROUGH], _terms(9_500), starts_on=starts_on
    )
    world.story.tell(_spend(world, made))


def _terms(pence: int) -> TermsGiven:
    return TermsGiven(
        kind="money", units=pence, period="week", lots=LOTS, top_up_allowed=True, account="quarterly"
    )  # fmt: skip


async def _spend(world: World, direct_payment_id: UUID) -> None:
    home, story = world.homes[BUYER], world.story
    raised = False
    for day, pence, says in PAID:
        await story.until(story.at(day, "19:30"))
        await record_spending(
            home.family[0], direct_payment_id, day=story.monday + timedelta(days=day), pence=pence, says=says
        )
        if not raised and day > -40:
            raised = True
            await change_terms(
                home.referrer, direct_payment_id, _terms(11_000), applies_from=story.monday - timedelta(days=28),
                reason="More support while the older child is at home",
            )  # fmt: skip
    await record_spending(
        home.family[0], direct_payment_id, day=story.monday + timedelta(days=5), pence=3_500,
        says="Holiday club, booked for Saturday",
    )  # fmt: skip


def known_needs(house: House) -> tuple[str, ...]:
    """Which needs a provider says it knows, by who works for it and where."""
    tables = ((house.borough, BOROUGH_NEEDS), (house.county, COUNTY_NEEDS))
    return tuple(
        dict.fromkeys(code for lots, known in tables if lots for role, _ in house.staff for code in known[role])
    )


async def list_firm(house: House, firm: Firm) -> None:
    """What a provider says of itself in the directory: where, when, in which languages."""
    place = HOUSES.index(house)
    areas = (BOROUGH_AREAS if house.borough else ()) + (COUNTY_AREAS if house.county else ())
    await save_listing(
        firm.manager,
        Listing(
            areas=areas[place % 2 :: 2] + areas[: place % 3],
            languages=("English", LANGUAGES[place % len(LANGUAGES)]),
            needs=known_needs(house),
            availability=tuple(AVAILABILITY)[place % 2 : 3 + place % 3],
            for_families=house.about,
        ),
    )

"""A family with a direct payment, made by the actions people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.platform.actor import Actor
from marketplace.purchases.direct_payments import TermsGiven, record_direct_payment
from marketplace.purchases.spending import record_spending
from marketplace.settings import Settings
from tests.world import referrals

FIRST_DAY = date(2026, 4, 6)  # a Monday, five weeks before the tests' present
WEEKLY = 12_000


@dataclass
class Household:
    """A child with a weekly budget, the mother who may spend it, an uncle who may only see the plan."""

    world: referrals.World
    child_id: UUID
    mother: Actor
    uncle: Actor
    direct_payment_id: UUID


def terms(lots: Sequence[str] = ("C",), **changed: object) -> TermsGiven:
    """£120 a week for lot C, with a top-up."""
    values: dict[str, object] = {
        "kind": "money", "units": WEEKLY, "period": "week", "lots": tuple(lots), "top_up_allowed": True,
        "account": "quarterly",
    } | changed  # fmt: skip
    return TermsGiven(**values)  # type: ignore[arg-type]


async def household(settings: Settings) -> Household:
    """In a borough with three providers on lot C."""
    return await with_budget(await referrals.borough(settings, workers_each=0))


async def with_budget(world: referrals.World) -> Household:
    """A child of the world's referrer with a family and a direct payment."""
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id, rights=("see_plan", "spend"))
    uncle = await referrals.family_of(
        world.referrer, child_id, "Uwe Okonkwo", rights=("see_plan",), relation="Uncle"
    )  # fmt: skip
    made = await record_direct_payment(
        world.referrer, child_id, world.framework_id, terms([world.lot]), starts_on=FIRST_DAY
    )
    return Household(world, child_id, mother, uncle, made)


async def spent_something(world: referrals.World, child_id: UUID) -> tuple[UUID, UUID]:
    """A direct payment for a child that has a family already, and what an aunt paid from it."""
    made = await record_direct_payment(
        world.referrer, child_id, world.framework_id, terms([world.lot]), starts_on=FIRST_DAY
    )
    aunt = await referrals.family_of(world.referrer, child_id, "Ada Aunt", rights=("spend",), relation="Aunt")
    return made, await record_spending(aunt, made, day=FIRST_DAY, pence=100, says="Club")

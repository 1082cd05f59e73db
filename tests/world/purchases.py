"""A family with a direct payment, made by the actions people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from marketplace.frameworks.queries import pack_of
from marketplace.packages import plan_actions
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.purchases.agreeing import accept_answer
from marketplace.purchases.answering import say_yes
from marketplace.purchases.direct_payments import TermsGiven, record_direct_payment
from marketplace.purchases.enquiring import Wish, ask_providers
from marketplace.purchases.meeting import ask_to_meet
from marketplace.purchases.spending import record_spending
from marketplace.referrals.offering import Proposal
from marketplace.settings import Settings
from tests.world import packages, providers, referrals

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


async def with_budget(world: referrals.World, rights: Sequence[str] = ("see_plan", "spend")) -> Household:
    """A child of the world's referrer with a family and a direct payment."""
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id, rights=rights)
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


BUYER = ("see_plan", "see_visits", "sign_plan", "confirm_visits", "spend")
MATTERS = "Somebody patient who likes water and music."


@dataclass
class Bought:
    """A household whose direct payment pays for a package; `case.family` is the mother, who spends and signs."""

    home: Household
    case: packages.Case
    enquiry_id: UUID
    answer_id: UUID
    visits: list[UUID]


async def buyers(settings: Settings) -> Household:
    """A household in a borough whose providers have two ready workers each; the mother has every right she needs."""
    return await with_budget(await referrals.borough(settings), BUYER)


async def a_wish(home: Household, **changed: Any) -> Wish:
    """Two afternoons a week from tomorrow."""
    tomorrow = await ask(home.mother, providers.today) + timedelta(days=1)
    values: dict[str, Any] = {
        "lot": home.world.lot, "pattern": referrals.AFTER_SCHOOL, "starts_on": tomorrow, "says": MATTERS,
        "area": "Hither Green",
    } | changed  # fmt: skip
    return Wish(**values)


async def asked(home: Household, *managers: Actor, **changed: Any) -> UUID:
    """A request to these providers (default: the first)."""
    chosen = [manager.provider_id for manager in managers or home.world.providers[:1]]
    wish = await a_wish(home, **changed)
    return await ask_providers(home.mother, home.direct_payment_id, wish, [each for each in chosen if each])


async def a_proposal(home: Household, manager: Actor, **changed: Any) -> Proposal:
    """The first worker comes, the second stands by, on the days and from the day asked for."""
    assert manager.organisation_id is not None
    worker_id, backup_id = home.world.workers[manager.organisation_id][:2]
    values: dict[str, Any] = {
        "workers": (worker_id,), "backups": (backup_id,), "pattern": referrals.AFTER_SCHOOL,
        "starts_on": await ask(home.mother, providers.today) + timedelta(days=1),
    } | changed  # fmt: skip
    return Proposal(**values)


async def answered(home: Household, enquiry_id: UUID, manager: Actor | None = None, **changed: Any) -> UUID:
    """A provider's yes (default: the first one's)."""
    manager = manager or home.world.providers[0]
    return await say_yes(manager, enquiry_id, await a_proposal(home, manager, **changed))


async def agreed(home: Household, manager: Actor | None = None, *, workers: bool = True) -> Bought:
    """A package agreed with a provider (default: the first); its plan is still to be written."""
    manager = manager or home.world.providers[0]
    assert manager.organisation_id is not None
    enquiry_id = await asked(home, manager)
    answer_id = await answered(home, enquiry_id, manager)
    package_id = await accept_answer(home.mother, answer_id)
    assert package_id is not None
    worker_id, backup_id = home.world.workers[manager.organisation_id][:2]
    people = await packages.worker_sign_ins(manager, worker_id, backup_id) if workers else (manager, manager)
    case = packages.Case(
        home.world, manager, home.world.referrer, home.mother, home.child_id, package_id, worker_id, backup_id, *people
    )
    return Bought(home, case, enquiry_id, answer_id, [])


async def sign_for_family(bought: Bought) -> UUID:
    """The plan written, shared, and signed by the mother for the family and in the referrer's place."""
    plan_id = await packages.written_plan(bought.case)
    fingerprint = await plan_actions.share_plan(bought.case.manager, plan_id)
    await plan_actions.sign_plan(bought.home.mother, plan_id, text_hash=fingerprint, in_referrers_place=True)
    return plan_id


async def bought_from(home: Household, manager: Actor | None = None) -> Bought:
    """A package of the direct payment with a plan in force and a visit on each of the next three days."""
    bought = await agreed(home, manager)
    await sign_for_family(bought)
    first = await ask(home.mother, providers.today) + timedelta(days=1)
    bought.visits = [await packages.a_visit(bought.case, first + timedelta(days=n)) for n in range(3)]
    return bought


async def bought(settings: Settings) -> Bought:
    """A running package that a direct payment pays for, in a borough of its own."""
    return await bought_from(await buyers(settings))


async def asked_something(
    world: referrals.World, child_id: UUID, payment_id: UUID, manager: Actor, workers: tuple[UUID, ...]
) -> tuple[UUID, UUID, UUID]:
    """A request of an uncle to a provider, its answer, and the wish to meet: their ids."""
    uncle = await referrals.family_of(world.referrer, child_id, "Ned Uncle", rights=("spend",), relation="Uncle")
    home = Household(world, child_id, uncle, uncle, payment_id)
    pack = await ask(manager, pack_of, world.framework_id)
    week = [replace(slot, activity=pack.lot(world.lot).activities[0]) for slot in referrals.AFTER_SCHOOL]
    enquiry_id = await asked(home, manager, pattern=tuple(week))
    answer_id = await answered(home, enquiry_id, manager, workers=workers, backups=(), pattern=tuple(week))
    times = [await ask(manager, moment) + timedelta(days=1)]
    return enquiry_id, answer_id, await ask_to_meet(uncle, answer_id, times)


async def moment(work: Work) -> datetime:
    """The domain's present, for times a test proposes."""
    return work.now

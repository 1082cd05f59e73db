"""Awarded packages, signed plans and visits for tests and the demo, made by the actions people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from marketplace.packages import plan_actions, queries, record_actions, setup_actions, signing, visit_actions
from marketplace.packages.award import award_offer
from marketplace.packages.plans import PlanContent
from marketplace.packages.records import RecordText
from marketplace.packages.tables import Package, Visit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import wall_time
from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import patterns
from marketplace.referrals.award import choose_offer
from marketplace.referrals.choosing import choose_as_family
from marketplace.referrals.offering import Proposal, make_offer
from marketplace.referrals.tables import Referral
from tests.world import people, providers, referrals
from tests.world.referrals import World


@dataclass
class Case:
    """An awarded package and everybody around it. `worker` comes to the visits, `backup` stands by."""

    world: World
    manager: Actor
    referrer: Actor
    family: Actor
    child_id: UUID
    package_id: UUID
    worker_id: UUID
    backup_id: UUID
    worker: Actor
    backup: Actor

    async def package(self) -> Package:
        return await ask(self.manager, queries.package, self.package_id)

    async def visit(self, visit_id: UUID) -> Visit:
        return await ask(self.manager, queries.visit, visit_id)


async def awarded(
    world: World,
    *,
    manager: Actor | None = None,
    child_id: UUID | None = None,
    family: Actor | None = None,
    starts_on: date | None = None,
    pattern: Sequence[WeeklySlot] | None = None,
    rights: Sequence[str] = referrals.ALL_RIGHTS,
    workers: Sequence[UUID] | None = None,
    worker_people: tuple[Actor, Actor] | None = None,
    **draft: Any,
) -> Case:
    """A package awarded to the first provider, with its two workers: one who comes (or as many as `workers_per_visit`
    asks for, from the third on) and one back-up."""
    manager = manager or world.providers[0]
    referrer = world.referrer
    child_id = child_id or await referrals.add_child(referrer)
    family = family or await referrals.family_of(referrer, child_id, rights=rights)
    first = starts_on or await ask(manager, providers.today) + timedelta(days=1)
    referral_id = await referrals.broadcast(world, child_id, starts_on=first, pattern=pattern, **draft)
    known = workers or world.workers[manager.organisation_id]  # type: ignore[index]
    worker_id, backup_id, *others = known[: 1 + draft.get("workers_per_visit", 1)]
    referral = await ask(manager, _referral, referral_id)
    slots = patterns.slots(referral.pattern)  # type: ignore[arg-type] - JSON comes as values
    proposal = Proposal(workers=(worker_id, *others), backups=(backup_id,), starts_on=first, pattern=slots)
    offer_id = await make_offer(manager, referral_id, proposal)
    if "choose" in rights:
        await choose_as_family(family, offer_id, version=1)
    await choose_offer(referrer, offer_id, version=1)
    package_id = await award_offer(referrer, offer_id, version=1, no_family_reason="Nobody of the family may choose")
    if worker_people is None:
        worker_people = await worker_sign_ins(manager, worker_id, backup_id)
    return Case(
        world, manager, referrer, family, child_id, package_id, worker_id, backup_id, worker_people[0], worker_people[1]
    )


async def worker_sign_ins(manager: Actor, *worker_ids: UUID) -> tuple[Actor, Actor]:
    """Sign-ins for two workers."""
    one, two = [
        await providers.with_sign_in(
            manager, worker_id, await ask(manager, _worker_name, worker_id), people.an_email("worker")
        )
        for worker_id in worker_ids
    ]
    return one, two


def plan_content(pattern: Sequence[WeeklySlot], **other: Any) -> PlanContent:
    """A plan with everything in it."""
    values = {
        "outcomes": "Two afternoons a week outdoors with other children.",
        "activities_to_do": "Swimming, cooking together, the playground.",
        "activities_not_to_do": "No screens in the first hour. No dogs.",
        "health": "Asthma: the inhaler comes along.",
        "medication": "Two puffs of the blue inhaler when wheezing, as the mother showed.",
        "risks": "Runs towards water: hold hands on the towpath.",
        "feedback": "Call the office, or the council's complaints line. Both numbers are on your page.",
    }
    return PlanContent(pattern=list(pattern), **{**values, **other})


async def written_plan(case: Case, **content: Any) -> UUID:
    """A draft of the plan after a risk assessment made today."""
    package = await case.package()
    if package.risk_assessment_done_at is None:
        await setup_actions.arrange_risk_assessment(
            case.manager, case.package_id, await ask(case.manager, providers.today)
        )
        await setup_actions.complete_risk_assessment(case.manager, case.package_id)
    pattern = content.pop("pattern", None) or patterns.slots(package.pattern)  # type: ignore[arg-type]
    return await plan_actions.write_plan(case.manager, case.package_id, plan_content(pattern, **content))


async def signed_plan(case: Case, **content: Any) -> UUID:
    """A plan shared, and signed by family and referrer."""
    plan_id = await written_plan(case, **content)
    fingerprint = await plan_actions.share_plan(case.manager, plan_id)
    await plan_actions.sign_plan(case.family, plan_id, text_hash=fingerprint)
    await plan_actions.sign_plan(case.referrer, plan_id, text_hash=fingerprint)
    return plan_id


async def set_up(world: World, **options: Any) -> Case:
    """A package whose visits may be planned."""
    case = await awarded(world, **options)
    await signed_plan(case)
    return case


async def a_visit(
    case: Case, day: date, start: time = time(16), end: time = time(18), *, activity: str | None = None,
    workers: Sequence[UUID] | None = None,
) -> UUID:  # fmt: skip
    """One planned visit at London times; what is done there is what the package was awarded for, unless told."""
    last = day if end > start else day + timedelta(days=1)
    if activity is None:
        activity = patterns.slots((await case.package()).pattern)[0].activity  # type: ignore[arg-type]
    return await visit_actions.plan_visit(
        case.manager, case.package_id, activity=activity, starts_at=wall_time(day, start), ends_at=wall_time(last, end),
        worker_ids=list(workers or [case.worker_id]),
    )  # fmt: skip


async def delivered(
    case: Case,
    visit_id: UUID,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    activities: str = "Went swimming, then cooked pasta together.",
    worker_signs: bool = True,
    worker: Actor | None = None,
) -> str:
    """A visit done at its planned times unless told otherwise, written up and signed; returns the record's hash.

    The clock must have reached its end.
    """
    worker = worker or case.worker
    visit = await case.visit(visit_id)
    why = "Written up after the visit"
    await record_actions.start_visit(worker, visit_id, at=start or visit.planned_start, reason=why)
    await record_actions.finish_visit(worker, visit_id, at=end or visit.planned_end, reason=why)
    await record_actions.write_record(worker, visit_id, RecordText(activities=activities, emotions="Calm and cheerful"))
    fingerprint = (await case.visit(visit_id)).record_hash
    assert fingerprint is not None
    if worker_signs:
        await record_actions.sign_as_worker(worker, visit_id, text_hash=fingerprint)
    return fingerprint


async def confirmed(case: Case, visit_id: UUID, **options: Any) -> None:
    """A visit done, written up, signed by the worker and confirmed by the family."""
    fingerprint = await delivered(case, visit_id, **options)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)


async def _referral(work: Work, referral_id: UUID) -> Referral:
    found = await Referral.objects().where(Referral.id == referral_id).first()
    assert found is not None
    return found


async def _worker_name(work: Work, worker_id: UUID) -> str:
    return await work.fetchval("SELECT name FROM worker WHERE id = $1", worker_id)

"""Children, families and referrals for tests and the demo, made by the actions people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import broadcasting, children, drafting, granting
from marketplace.referrals.children import ChildDetails
from marketplace.referrals.drafting import DraftChange
from marketplace.settings import Settings
from tests.world import frameworks, people, providers

AFTER_SCHOOL = (WeeklySlot(0, "16:00", "18:00", "home_support"), WeeklySlot(2, "16:00", "18:00", "home_support"))
PORTRAIT = "A cheerful child who loves music and water, and wants somebody patient beside them."
OUTCOMES = "More time outdoors, and two short breaks a week for the parents."
ALL_RIGHTS = ("see_plan", "see_visits", "choose", "sign_plan", "confirm_visits")


@dataclass
class World:
    """A borough with its framework, a referrer and the providers admitted to one lot."""

    settings: Settings
    admin: Actor
    referrer: Actor
    framework_id: UUID
    lot: str
    providers: list[Actor]
    workers: dict[UUID, list[UUID]]  # by provider, ready on the lot


async def borough(
    settings: Settings,
    *,
    name: str = "Northgate Council",
    lot: str = "C",
    provider_names: Sequence[str] = ("Alder Care", "Birch Support", "Cedar Families"),
    workers_each: int = 2,
    needs: Sequence[str] = (),
    role: str | None = None,
    **framework_options: object,
) -> World:
    """A council with an open framework, a referrer, and providers with ready workers admitted to `lot`."""
    admin = await people.council(settings, name)
    framework_id = await frameworks.open_framework(admin, **framework_options)  # type: ignore[arg-type]
    referrer = await people.person_in(admin, "referrer", "Rea Ferrer")
    world = World(settings, admin, referrer, framework_id, lot, [], {})
    for provider_name in provider_names:
        await add_provider(world, provider_name, workers=workers_each, needs=needs, role=role)
    return world


async def add_provider(
    world: World,
    name: str,
    *,
    workers: int = 2,
    needs: Sequence[str] = (),
    pence_per_hour: int = 2400,
    role: str | None = None,
) -> Actor:
    """One more provider in good standing on the world's lot, with ready workers."""
    manager = await people.provider_org(world.settings, name)
    await providers.in_good_order(manager)
    await frameworks.admitted(world.admin, manager, world.framework_id, [world.lot], pence_per_hour=pence_per_hour)
    assert manager.organisation_id is not None
    world.providers.append(manager)
    world.workers[manager.organisation_id] = [
        await providers.ready_worker(
            manager, world.framework_id, world.lot, f"{name.split()[0]} Worker {n}", needs, role=role
        )
        for n in range(1, workers + 1)
    ]
    return manager


async def add_child(
    referrer: Actor,
    name: str = "Maya Okonkwo",
    born: date = date(2016, 3, 14),
    *,
    address: str = "12 Larkspur Gardens",
    postcode: str = "SE13 6LT",
    other_names: str = "Grace Okonkwo",
    sibling_of: UUID | None = None,
) -> UUID:
    """A child as the referrer's own case."""
    details = ChildDetails(
        name=name,
        date_of_birth=born,
        address=address,
        postcode=postcode,
        phone="020 7946 0123",
        at_the_door="Ring twice. Inhaler on the shelf in the hall.",
        other_names=other_names,
    )
    return await children.add_child(referrer, details, sibling_of=sibling_of)


async def family_of(
    referrer: Actor,
    child_id: UUID,
    name: str = "Grace Okonkwo",
    rights: Sequence[str] = ALL_RIGHTS,
    *,
    jointly: bool = False,
    email: str | None = None,
    relation: str = "Mother",
) -> Actor:
    """A family member with access to the child's case; answers the person as they act when signed in."""
    email = email or people.an_email(name)
    await granting.grant_access(
        referrer, child_id, name=name, email=email, relation=relation, rights=rights, jointly=jointly,
        reason="Parental responsibility",
    )  # fmt: skip
    found = await people.family_member(referrer, name, email)
    return found


async def written_draft(
    world: World,
    child_id: UUID,
    *,
    needs: Sequence[str] = (),
    interventions: Sequence[str] = (),
    pattern: Sequence[WeeklySlot] | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    workers_per_visit: int = 1,
    portrait: str = PORTRAIT,
    area: str = "Hither Green",
    by: Actor | None = None,
) -> UUID:
    """A draft with everything a broadcast needs."""
    referrer = by or world.referrer
    draft_id = await drafting.create_draft(referrer, child_id, world.framework_id)
    pack = await ask(referrer, pack_of, world.framework_id)
    if pattern is None:
        known = pack.lot(world.lot).activities
        pattern = AFTER_SCHOOL
        if AFTER_SCHOOL[0].activity not in known:
            pattern = [WeeklySlot(slot.weekday, slot.start, slot.end, known[0]) for slot in AFTER_SCHOOL]
    day = await ask(referrer, providers.today)
    await drafting.save_draft(
        referrer,
        draft_id,
        DraftChange(
            lot_code=world.lot,
            needs=list(needs),
            interventions=list(interventions),
            pattern=list(pattern),
            workers_per_visit=workers_per_visit,
            starts_on=starts_on or day + timedelta(days=14),
            ends_on=ends_on,
            outcomes=OUTCOMES,
            activities="Swimming, cooking together, a walk to the park.",
            pen_portrait=portrait,
            area=area,
            panel_approved_on=day if pack.pathway.panel_approval_first else None,
        ),
    )
    return draft_id


async def broadcast(world: World, child_id: UUID | None = None, **draft: object) -> UUID:
    """A referral that has just been sent to every provider of the world's lot in good standing."""
    child_id = child_id or await add_child(world.referrer)
    draft_id = await written_draft(world, child_id, **draft)  # type: ignore[arg-type]
    await broadcasting.broadcast_referral(world.referrer, draft_id)
    return draft_id

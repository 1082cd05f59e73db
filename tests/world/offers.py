"""Offers made by actions, from a referral the world has broadcast, to an award both sides agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from marketplace.packages.award import award_offer
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import choosing, offering, opportunities, patterns
from marketplace.referrals.award import choose_offer
from marketplace.referrals.offering import Proposal
from tests.world.referrals import World


async def proposal(
    world: World,
    provider: Actor,
    referral_id: UUID,
    *,
    workers: Sequence[UUID] | None = None,
    backups: Sequence[UUID] | None = None,
    starts_on: date | None = None,
    pattern: Sequence[WeeklySlot] | None = None,
    remark: str = "",
) -> Proposal:
    """What a provider would offer: its first ready worker, the second standing in, the week as asked."""
    view = await ask(provider, opportunities.opportunity, referral_id)
    assert provider.organisation_id is not None and view.referral.starts_on is not None
    ready = world.workers[provider.organisation_id]
    asked = view.referral.workers_per_visit
    return Proposal(
        workers=tuple(ready[:asked] if workers is None else workers),
        backups=tuple(ready[asked : asked + 1] if backups is None else backups),
        starts_on=starts_on or view.referral.starts_on,  # type: ignore[arg-type]
        pattern=tuple(patterns.slots(view.referral.pattern) if pattern is None else pattern),  # type: ignore[arg-type]
        remark=remark,
    )


async def offered(world: World, provider: Actor, referral_id: UUID, **changes: object) -> UUID:
    """An offer of the provider for the referral."""
    return await offering.make_offer(
        provider,
        referral_id,
        await proposal(world, provider, referral_id, **changes),  # type: ignore[arg-type]
    )


async def awarded(world: World, offer_id: UUID, family: Actor) -> UUID:
    """The offer chosen by both sides and awarded. Returns the package's id."""
    await choosing.choose_as_family(family, offer_id, version=1)
    await choose_offer(world.referrer, offer_id, version=1)
    return await award_offer(world.referrer, offer_id, version=1)

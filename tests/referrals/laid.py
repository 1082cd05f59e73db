"""Offers as rows in the provider's own unit, where a test is about what happens to an offer, not about making one."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.referrals import queries
from marketplace.referrals.tables import Offer, OfferChoice, OfferWorker


async def offer(
    provider: Actor, referral_id: UUID, workers: list[UUID], *, starts_on: date | None = None, pence: int = 9600
) -> UUID:
    """The provider's offer: the first worker comes, the others stand in."""
    async with unit_of_work(provider) as work:
        referral = await queries.referral(work, referral_id)
        made = Offer(
            commissioner_id=referral.commissioner_id, framework_id=referral.framework_id, referral_id=referral_id,
            round=referral.round, provider_id=provider.organisation_id, starts_on=starts_on or referral.starts_on,
            pattern=referral.pattern, price={"weeks": []}, pence_per_week=pence, pence_per_period=pence * 4,
            made_at=work.now, made_by=provider.person_id,
        )  # fmt: skip
        await Offer.insert(made)
        for place, worker_id in enumerate(workers):
            name = await work.fetchval("SELECT name FROM worker WHERE id = $1", worker_id)
            await OfferWorker.insert(
                OfferWorker(
                    commissioner_id=referral.commissioner_id,
                    offer_id=made.id,
                    provider_id=provider.organisation_id,
                    worker_id=worker_id,
                    part="backup" if place else "main",
                    position=place,
                    name=name,
                    role="support_worker",
                    profile="Patient and cheerful.",
                    statement={"role": "Support worker", "items": [], "missing": []},
                )
            )
        return made.id


async def family_choice(person: Actor, offer_id: UUID) -> None:
    """A family member's choice of the offer as it stands."""
    async with unit_of_work(person) as work:
        chosen = await queries.offer(work, offer_id)
        await work.execute(
            "UPDATE offer_choice SET taken_back_at = $2"
            " WHERE referral_id = $1 AND person_id = $3 AND taken_back_at IS NULL",
            chosen.referral_id, work.now, person.person_id,
        )  # fmt: skip
        await OfferChoice.insert(
            OfferChoice(
                commissioner_id=chosen.commissioner_id,
                referral_id=chosen.referral_id,
                offer_id=chosen.id,
                side="family",
                person_id=person.person_id,
                person_name=person.person_name,
                offer_version=chosen.version,
                chosen_at=work.now,
            )
        )


async def amend(provider: Actor, offer_id: UUID) -> None:
    """A new version of the offer."""
    async with unit_of_work(provider) as work:
        await work.execute("UPDATE offer SET version = version + 1, amended_at = $2 WHERE id = $1", offer_id, work.now)

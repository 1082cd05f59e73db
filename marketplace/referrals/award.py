"""Choosing an offer on the referrer's side, and whether both sides accept the same version of it (L 6.1 stage 1).

The award itself makes a package, so it stands in `packages/award.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import local_day
from marketplace.referrals import queries
from marketplace.referrals.grants import Grant, family_agrees, grants_of, holders
from marketplace.referrals.offer_standing import refuse_barred
from marketplace.referrals.states import offer_after
from marketplace.referrals.tables import Offer, OfferChoice, Referral

CHOOSE = "choose"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How both sides stand to one offer as it is now."""

    referrer: bool
    family: bool
    choosers: tuple[Grant, ...]  # who of the family may choose today
    chose: tuple[UUID, ...]  # which of them chose this offer

    @property
    def waiting_for(self) -> list[str]:
        """The family members whose choice is still wanted."""
        return (
            [] if self.family else [grant.person_name for grant in self.choosers if grant.person_id not in self.chose]
        )

    @property
    def nobody_can_choose(self) -> bool:
        return not self.choosers


async def acceptance(work: Work, referral: Referral, offer_id: UUID, version: int) -> Acceptance:
    """Who accepted this version of the offer; an earlier version's choices do not count."""
    today: date = local_day(work.now)
    grants = await grants_of(work, referral.child_id)
    rows = await work.fetch(
        "SELECT side, person_id FROM offer_choice WHERE commissioner_id = $1 AND offer_id = $2 AND offer_version = $3"
        " AND taken_back_at IS NULL",
        referral.commissioner_id, offer_id, version,
    )  # fmt: skip
    chose = tuple(row["person_id"] for row in rows if row["side"] == "family")
    return Acceptance(
        any(row["side"] == "referrer" for row in rows),
        family_agrees(grants, CHOOSE, today, chose),
        tuple(holders(grants, CHOOSE, today)),
        chose,
    )


async def choose_offer(actor: Actor, offer_id: UUID, *, version: int) -> None:
    """Accept an offer for the referrer's side; it can be changed until the award.

    `version` is the one that was read: an amended offer raises `Conflict`, as one of a provider that may not be given
    new work now. Raises `WrongState`, `NotFound`.
    """
    permit(actor, "offer.award")
    async with unit_of_work(actor) as work:
        offer = await queries.offer(work, offer_id, lock=True)
        offer_after("chosen", offer.state)
        check_version(offer, version)
        row = await queries.referral(work, offer.referral_id)
        await refuse_barred(work, row, offer.id, offer.provider_id)
        await record_choice(work, offer)


async def take_back_choice(actor: Actor, referral_id: UUID) -> None:
    """Accept none of the offers for now."""
    permit(actor, "offer.award")
    async with unit_of_work(actor) as work:
        row = await queries.referral(work, referral_id)
        await _take_back(work, row.commissioner_id, row.id)
        work.audit("choice.taken_back", "referral", row.id, side="referrer")


def check_version(offer: Offer, version: int) -> None:
    """Raise `Conflict` where the offer was amended after it was read."""
    if offer.version != version:
        raise Conflict("This offer was amended while you were reading it. Read it as it stands now, then decide.")


async def record_choice(work: Work, offer: Offer) -> None:
    """The referrer's side accepts this version: one offer of a referral at a time."""
    await _take_back(work, offer.commissioner_id, offer.referral_id)
    await OfferChoice.insert(
        OfferChoice(
            commissioner_id=offer.commissioner_id,
            referral_id=offer.referral_id,
            offer_id=offer.id,
            side="referrer",
            person_id=work.actor.person_id,
            person_name=work.actor.person_name,
            offer_version=offer.version,
            chosen_at=work.now,
        )
    )
    work.audit("offer.chosen", "offer", offer.id, side="referrer", version=offer.version)


async def _take_back(work: Work, commissioner_id: UUID, referral_id: UUID) -> None:
    await work.execute(
        "UPDATE offer_choice SET taken_back_at = $3 WHERE commissioner_id = $1 AND referral_id = $2"
        " AND side = 'referrer' AND taken_back_at IS NULL",
        commissioner_id, referral_id, work.now,
    )  # fmt: skip

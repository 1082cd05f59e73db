"""Jobs of this folder: importing it registers them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.database import unit_of_work
from marketplace.platform.jobs import job, sweep
from marketplace.policy.calendar import local_day
from marketplace.referrals import queries
from marketplace.referrals.award import CHOOSE
from marketplace.referrals.grants import grants_of, holders
from marketplace.referrals.offering import TELL_CHOOSERS
from marketplace.referrals.waiting import look_for_silence
from marketplace.settings import Settings


@sweep("referrals_without_offers")
async def referrals_without_offers(settings: Settings) -> None:
    """Tell referrers of referrals whose time to answer has passed, or that everybody declined, without an offer."""
    await look_for_silence()


@job(TELL_CHOOSERS)
async def tell_choosers(settings: Settings, payload: dict[str, Any]) -> None:
    """Tell everyone of the family who may choose that an offer came in or was changed.

    Run twice, the news is told twice at most: it changes nothing.
    """
    async with unit_of_work(system_for(UUID(payload["commissioner"]), "commissioner")) as work:
        referral = await queries.referral(work, UUID(payload["referral"]))
        if referral.state != "broadcast":
            return
        grants = await grants_of(work, referral.child_id)
        for grant in holders(grants, CHOOSE, local_day(work.now)):
            sentence = f"There is an offer for you to read, reference {referral.reference}."
            await tell(work, sentence, f"/choices/{referral.id}", person_id=grant.person_id)

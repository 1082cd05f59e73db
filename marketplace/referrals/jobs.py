"""Jobs of this folder: importing it registers them."""

from __future__ import annotations

from marketplace.platform.jobs import sweep
from marketplace.referrals.waiting import look_for_silence
from marketplace.settings import Settings


@sweep("referrals_without_offers")
async def referrals_without_offers(settings: Settings) -> None:
    """Tell referrers of referrals whose time to answer has passed, or that everybody declined, without an offer."""
    await look_for_silence()

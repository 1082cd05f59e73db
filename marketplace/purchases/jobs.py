"""What the worker does for payments: follow what Stripe told us, and ask for what it could not tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from marketplace.platform.jobs import job, sweep
from marketplace.platform.stripe_api import StripeError
from marketplace.purchases import buying_sweeps as buying_sweeps  # registers its own
from marketplace.purchases import stripe_events
from marketplace.purchases.sending import TELL_OPERATORS, tell_operators
from marketplace.settings import Settings

log = structlog.get_logger(__name__)


@job(stripe_events.FOLLOW, attempts=10)
async def follow_stripe_event(settings: Settings, payload: dict[str, Any]) -> None:
    """One event; `payload`: event."""
    await stripe_events.follow(settings, payload["event"])


@job(TELL_OPERATORS)
async def tell_operators_of_a_refund(settings: Settings, payload: dict[str, Any]) -> None:
    """`payload`: refund, tries. Run twice, it tells once."""
    await tell_operators(UUID(payload["refund"]), payload["tries"])


@sweep("reconcile_stripe", every=timedelta(minutes=10))
async def reconcile_stripe(settings: Settings) -> None:
    """Nothing where cards are off; an answer that fails is asked for again at the next round."""
    try:
        await stripe_events.reconcile(settings)
    except StripeError as error:
        log.warning("Stripe was not asked for events", why=type(error).__name__)

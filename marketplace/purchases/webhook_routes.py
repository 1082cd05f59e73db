"""Where Stripe tells us what happened: public, proven by its signature."""

from __future__ import annotations

from typing import Any

from litestar import Request, post

from marketplace.identity.context import settings_of
from marketplace.purchases import stripe_events


@post("/api/v1/stripe/events", status_code=204, opt={"public": True}, tags=["Payments"], security=[{}])
async def receive_event(request: Request[Any, Any, Any]) -> None:
    """An event of Stripe's, signed in `Stripe-Signature`: kept once, followed later; a known one is acknowledged."""
    await stripe_events.receive(settings_of(request), await request.body(), request.headers.get("stripe-signature"))


ROUTES: list[Any] = [receive_event]

"""Events of Stripe: proven, kept once, acknowledged; followed later by a job, in any order, any number of times.

An event says only which object to look at. Whoever follows it asks Stripe how that object stands now and brings our
own rows there, so that late, doubled and lost events end in the same books. `reconcile` asks for those that never came.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from marketplace.platform import stripe_api
from marketplace.platform.actor import NOBODY, Actor
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.platform.stripe_api import NotFromStripe, StripeEvent
from marketplace.settings import Settings

FOLLOW = "follow_stripe_event"
STRIPE = Actor(NOBODY, "Stripe", "system")
OVERLAP = timedelta(hours=1)  # asked for again before what is known: events are not made in order
AT_ONCE = timedelta(days=1)
FARTHEST_BACK = timedelta(days=29)  # Stripe keeps events for thirty days
WAITS_TOO_LONG = timedelta(minutes=15)

Follower = Callable[[Settings, str], Awaitable[None]]
# By kind of object: `async def f(settings, object_id)`, which may run twice at once and any number of times.
FOLLOWERS: dict[str, Follower] = {}

log = structlog.get_logger(__name__)


def follows(object_type: str) -> Callable[[Follower], Follower]:
    """Register who looks after objects of a kind, such as payment_intent."""

    def register(follower: Follower) -> Follower:
        if object_type in FOLLOWERS:
            raise ValueError(f"{object_type} is looked after already")
        FOLLOWERS[object_type] = follower
        return follower

    return register


async def receive(settings: Settings, body: bytes, signature: str | None) -> bool:
    """Keep a webhook's event and queue its job; False where it is known already or no business of ours.

    Raises `NotFound` where cards are off, `InvalidInput` where it is not proven to be Stripe's.
    """
    if not stripe_api.on(settings) or not settings.stripe_webhook_secret:
        raise NotFound
    try:
        event = stripe_api.read_event(body, signature, settings)
    except NotFromStripe as error:
        log.warning("an event that is not Stripe's", why=str(error))
        raise InvalidInput({}, "This event is not signed by Stripe.") from None
    return event is not None and await _keep(event, "webhook")


async def _keep(event: StripeEvent, came_by: str) -> bool:
    async with unit_of_work(STRIPE) as work:
        new = await work.fetchval(
            "SELECT stripe_event_store($1, $2, $3, $4, $5, $6)",
            event.id, event.type, event.object_type, event.object_id, event.created_at, came_by,
        )  # fmt: skip
        if new:
            await work.enqueue(FOLLOW, {"event": event.id}, dedupe_key=f"stripe {event.id}")
        return bool(new)


async def follow(settings: Settings, event_id: str) -> None:
    """Have the event's object looked after, unless that was done. What the follower raises brings the job again."""
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM stripe_event_object($1)", event_id)
    if row is None:
        return
    follower = FOLLOWERS.get(row["object_type"])
    if follower is not None:
        await follower(settings, row["object_id"])
    async with outside_context() as connection:
        await connection.execute(
            "SELECT stripe_event_done($1, $2)", event_id, "followed" if follower else "nothing of ours"
        )


async def reconcile(settings: Settings) -> int:
    """Ask Stripe for events that never came, and queue again what waits too long. Answers how many were new.

    It is asked from where everything was known for sure, whatever webhooks have brought since, a day at a time and the
    oldest first: cut short, what is done stays done and the rest is asked for at the next round. Raises `StripeError`.
    """
    if not stripe_api.on(settings):
        return 0
    async with outside_context() as connection:
        known: datetime | None = await connection.fetchval("SELECT stripe_events_known()")
        waiting = await connection.fetch("SELECT id FROM stripe_events_waiting($1)", WAITS_TOO_LONG)
    now = stripe_api.wall_clock()
    since, new = now - FARTHEST_BACK, 0
    if known is not None:
        since = max(known - OVERLAP, since)
    while since < now:
        until = min(since + AT_ONCE, now)
        for event in await stripe_api.events_between(settings, since, until):
            new += await _keep(event, "asked")
        async with outside_context() as connection:
            await connection.execute("SELECT stripe_events_known_until($1)", until)
        since = until
    if waiting:
        async with unit_of_work(STRIPE) as work:
            for row in waiting:
                await work.enqueue(FOLLOW, {"event": row["id"]}, dedupe_key=f"stripe {row['id']}")
    if new:
        log.warning("events that had not arrived were asked for", events=new)
    return new

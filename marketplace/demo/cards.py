"""Cards in the demo: only where its own stand-in takes them, never with anybody's keys at Stripe."""

from __future__ import annotations

from uuid import UUID

import httpx

from marketplace.demo.world import World
from marketplace.platform.actor import Actor
from marketplace.platform.card_stand_in import ANY_KEY, PUBLISHABLE_KEY
from marketplace.platform.errors import Unavailable
from marketplace.purchases import accounts
from marketplace.purchases import cards as paying
from marketplace.purchases.sweeps import send_purchase_money
from marketplace.settings import Settings

SECONDS = 5.0
# What the family types into the card's field: the number that every stand-in for Stripe takes.
TYPED = {"card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}


def taken(settings: Settings) -> bool:
    """Whether the stand-in takes cards while the demo is loaded."""
    return settings.stripe_secret_key == ANY_KEY and bool(settings.stripe_api_url)


async def pay(settings: Settings, mother: Actor, purchase_id: UUID) -> bool:
    """Pay a purchase by card; False where the stand-in does not answer."""
    try:
        async with httpx.AsyncClient(base_url=settings.stripe_api_url, timeout=SECONDS) as browser:
            token = (await browser.post("/v1/tokens", data={"key": PUBLISHABLE_KEY} | TYPED)).json()["id"]
        asked = await paying.open_payment(mother, settings, purchase_id)
        answer = await paying.pay(mother, settings, purchase_id, asked.payment_id, token)
    except (httpx.HTTPError, KeyError, Unavailable):
        return False
    return answer.outcome == "received"


async def go_on_by_themselves(world: World, manager: Actor) -> None:
    """The provider sets its account up; then refunds go to the card and payouts to the account, as they fall due."""
    story = world.story
    await story.until(story.at(-30, "10:30"))
    if not taken(story.cards) or not await _set_up(story.cards, manager):
        return
    for day in (-9, -2):
        await story.until(story.at(day, "08:05"))
        async with story.as_worker():
            await send_purchase_money(story.cards)


async def _set_up(settings: Settings, manager: Actor) -> bool:
    try:
        there = httpx.URL(await accounts.begin(settings, manager))
        async with httpx.AsyncClient(timeout=SECONDS) as browser:
            await browser.post(there.copy_with(query=None), data={"back": there.params["back"]})
    except (httpx.HTTPError, Unavailable):
        return False
    await accounts.look_again(settings, manager)
    return True

"""A provider's account at Stripe Connect: asked for by its manager, finished on Stripe's pages, followed by asking."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform import stripe_api, stripe_connect
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import Conflict, NotPermitted, Unavailable
from marketplace.platform.stripe_api import StripeError, key_of
from marketplace.platform.stripe_connect import Account
from marketplace.purchases.stripe_events import follows
from marketplace.settings import Settings

HERE = "/bought-visits"


async def account_of(work: Work, provider_id: UUID) -> Any:
    """The row of a provider's account within reach; None where there is none."""
    return await work.fetchrow("SELECT * FROM provider_account WHERE provider_id = $1", provider_id)


def state_of(row: Any) -> str:
    """How an account stands in one word; "none" also where it was asked for and Stripe has not made it yet."""
    return "none" if row is None or row["stripe_id"] is None else row["state"]


async def begin(settings: Settings, actor: Actor) -> str:
    """Where the manager answers Stripe's questions; the account is made where there is none.

    Raises `Conflict` where cards are off or Stripe has rejected the account, `Unavailable` while it does not answer.
    """
    permit(actor, "payout.account")
    provider_id = actor.provider_id
    if provider_id is None:
        raise NotPermitted("The provider asks for its own account.")
    if not stripe_api.on(settings):
        raise Conflict("Payments by card are off here: the council pays you by bank.")
    async with unit_of_work(actor) as work:
        row = await account_of(work, provider_id)
        if row is not None and row["state"] == "rejected":
            raise Conflict("Stripe has rejected this account. The council pays you by bank.")
        if row is None:
            await work.execute(
                "INSERT INTO provider_account (provider_id, asked_at, asked_by) VALUES ($1, $2, $3)"
                " ON CONFLICT DO NOTHING",
                provider_id, work.now, actor.person_id,
            )  # fmt: skip
            work.audit("payout_account.asked", "provider", provider_id)
    try:
        stripe_id = None if row is None else row["stripe_id"]
        if stripe_id is None:
            made = await stripe_connect.create_account(
                settings, key=key_of("account", provider_id), reference=provider_id
            )
            await _keep(provider_id, made)
            stripe_id = made.id
        return await stripe_connect.onboarding_link(
            settings, account_id=stripe_id, return_url=f"{settings.marketplace_url}{HERE}/account/back",
            refresh_url=f"{settings.marketplace_url}{HERE}/account",
        )  # fmt: skip
    except StripeError:
        raise Unavailable("Stripe does not answer at the moment. Try again in a few minutes.") from None


async def look_again(settings: Settings, actor: Actor) -> None:
    """Back from Stripe's pages: how the account stands now. Quiet where Stripe does not answer: it is asked again."""
    permit(actor, "payout.read")
    async with unit_of_work(actor, read_only=True) as work:
        row = None if actor.provider_id is None else await account_of(work, actor.provider_id)
    if row is None or row["stripe_id"] is None or not stripe_api.on(settings):
        return
    try:
        await look_at(settings, row["provider_id"], row["stripe_id"])
    except StripeError:
        return


async def look_at(settings: Settings, provider_id: UUID, stripe_id: str) -> None:
    """Ask how an account stands and write it down; its managers are told of a change. Raises `StripeError`."""
    found = await stripe_connect.find_account(settings, stripe_id)
    await _keep(provider_id, found)


@follows("account")
async def follow_account(settings: Settings, stripe_id: str) -> None:
    """An account whose state may have changed; one that is none of ours is none of our business."""
    async with outside_context() as connection:
        provider_id = await connection.fetchval("SELECT connected_account_of($1)", stripe_id)
    if provider_id is not None:
        await look_at(settings, provider_id, stripe_id)


TOLD = {
    "active": "Your account at Stripe is ready: you are paid for each visit a family bought once it is confirmed.",
    "restricted": "Stripe asks for more before it can pay you. Until then what is owed to you waits.",
    "rejected": "Stripe has rejected your account. What is owed to you is paid by bank instead.",
}


async def _keep(provider_id: UUID, found: Account) -> None:
    """Write down what Stripe says of an account: the system does, the provider never."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        row = await work.fetchrow(
            "SELECT * FROM provider_account WHERE provider_id = $1 FOR NO KEY UPDATE", provider_id
        )
        if row is None or row["stripe_id"] not in (None, found.id):
            return
        await work.execute(
            "UPDATE provider_account SET stripe_id = $2, state = $3, due = $4, looked_at = $5 WHERE provider_id = $1",
            provider_id, found.id, found.state, list(found.due), work.now,
        )  # fmt: skip
        if row["stripe_id"] is None or row["state"] != found.state:
            work.audit("payout_account.changed", "provider", provider_id, state=found.state)
        if row["state"] != found.state and found.state in TOLD:
            await tell(work, TOLD[found.state], HERE, organisation_id=provider_id, role="provider_manager")

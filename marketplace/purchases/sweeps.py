"""What follows a bought visit by itself: it is settled, money goes back and onwards, accounts are looked at."""

from __future__ import annotations

from datetime import timedelta

import structlog

from marketplace.platform import stripe_api
from marketplace.platform.actor import system_for
from marketplace.platform.database import outside_context
from marketplace.platform.jobs import sweep
from marketplace.platform.stripe_api import StripeError
from marketplace.purchases import accounts, enquiry_sweeps
from marketplace.purchases.sending import send_money
from marketplace.purchases.settling import put_down_again, settle_waiting
from marketplace.purchases.suspended import tell_of_suspensions
from marketplace.settings import Settings

# Registered by being imported; named so that nobody takes the import for a leftover.
OUR_OWN = (enquiry_sweeps.close_lapsed_enquiries,)

log = structlog.get_logger(__name__)


@sweep("settle_bought_visits")
async def settle_bought_visits(settings: Settings) -> None:
    """One council after the other: what was cancelled, recorded, signed or corrected of what families bought."""
    async with outside_context() as connection:
        councils = [row[0] for row in await connection.fetch("SELECT purchases_to_settle()")]
    for council in councils:
        await settle_waiting(system_for(council, "commissioner"))


@sweep("overlooked_bought_visits", every=timedelta(hours=1))
async def overlooked_bought_visits(settings: Settings) -> None:
    """One council after the other: a bought visit that ended and was not put down to be settled is put down."""
    async with outside_context() as connection:
        councils = await connection.fetch("SELECT id FROM list_organisations('commissioner')")
    for council in councils:
        await put_down_again(system_for(council["id"], "commissioner"))


@sweep("families_of_suspended_providers", every=timedelta(seconds=30))
async def families_of_suspended(settings: Settings) -> None:
    """One council after the other: its families with a provider that is suspended are told what it means, once."""
    async with outside_context() as connection:
        councils = await connection.fetch("SELECT id FROM list_organisations('commissioner')")
    for council in councils:
        await tell_of_suspensions(system_for(council["id"], "commissioner"))


@sweep("send_purchase_money", every=timedelta(seconds=20))
async def send_purchase_money(settings: Settings) -> None:
    """Refunds to cards and payouts to connected accounts; nothing where cards are off."""
    if not stripe_api.on(settings):
        return
    async with outside_context() as connection:
        councils = [row[0] for row in await connection.fetch("SELECT purchase_money_waiting()")]
    for council in councils:
        await send_money(settings, system_for(council, "commissioner"))


@sweep("connected_accounts", every=timedelta(minutes=15))
async def look_at_accounts(settings: Settings) -> None:
    """How each provider's account stands, whether or not an event told of a change."""
    if not stripe_api.on(settings):
        return
    async with outside_context() as connection:
        known = await connection.fetch("SELECT * FROM connected_accounts()")
    for row in known:
        try:
            await accounts.look_at(settings, row["provider_id"], row["stripe_id"])
        except StripeError as error:
            log.warning("an account was not looked at", why=type(error).__name__, provider=str(row["provider_id"]))

"""What the worker does for purchases: gives up what nobody pays, asks Stripe what became of payments, tells of visits
that begin unpaid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from marketplace.obligations.news import tell
from marketplace.platform import stripe_api
from marketplace.platform.actor import system_for
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.jobs import job, sweep
from marketplace.platform.stripe_api import StripeError, StripeRefused, StripeUnreachable
from marketplace.purchases import buying, cards, receiving
from marketplace.purchases.buying_queries import unpaid_starts
from marketplace.settings import Settings
from marketplace.web.filters import moment

LOOKS_BACK = timedelta(days=1)
GIVES_UP_AFTER = 3  # questions one after the other that Stripe did not answer
LOOKS_AGAIN = timedelta(minutes=2)  # a payment that is confirming that long is asked for

log = structlog.get_logger(__name__)


@job(buying.SETTLE)
async def settle_purchase(_: Settings, payload: dict[str, Any]) -> None:
    """Count what came in again; `payload`: commissioner, purchase."""
    await receiving.settle_later(UUID(payload["commissioner"]), UUID(payload["purchase"]))


@job(buying.STOP, attempts=10)
async def stop_card_payment(settings: Settings, payload: dict[str, Any]) -> None:
    """Give a payment up at Stripe; `payload`: commissioner, payment."""
    if stripe_api.on(settings):
        await cards.stop(settings, UUID(payload["commissioner"]), UUID(payload["payment"]))


@job(buying.NEWS)
async def purchase_news(_: Settings, payload: dict[str, Any]) -> None:
    """Tell everybody who holds `spend` that something waits for their agreement; `payload`: commissioner, purchase."""
    commissioner_id, purchase_id = UUID(payload["commissioner"]), UUID(payload["purchase"])
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        row = await receiving.hold(work, commissioner_id, purchase_id)
        if row is not None and row["state"] == "drafted":
            await receiving.tell_buyers(
                work, row, f"Purchase {row['reference']} waits until you have both, or all, agreed to it.",
                once=f"agree {purchase_id}",
            )  # fmt: skip


async def _councils() -> list[UUID]:
    async with outside_context() as connection:
        return [row["id"] for row in await connection.fetch("SELECT id FROM list_organisations('commissioner')")]


@sweep("purchases_due", every=timedelta(seconds=10))
async def purchases_due(_: Settings) -> None:
    """Give up purchases nobody has paid in time; tell of visits that begin without being paid for."""
    for commissioner_id in await _councils():
        await give_up_unpaid(commissioner_id)
        await tell_unpaid(commissioner_id)


async def give_up_unpaid(commissioner_id: UUID) -> int:
    """Purchases of one council whose time to pay has passed; answers how many."""
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        rows = await work.fetch(
            "SELECT * FROM purchase WHERE commissioner_id = $1 AND state IN ('drafted', 'waiting') AND due_at <= $2"
            " ORDER BY due_at LIMIT 50 FOR UPDATE SKIP LOCKED",
            commissioner_id, work.now,
        )  # fmt: skip
        for row in rows:
            await buying.give_up(work, row, "unpaid")
            await receiving.settle(work, {**dict(row), "state": "given_up", "given_up_reason": "unpaid"})
            await receiving.tell_buyers(
                work, row, f"Purchase {row['reference']} was not paid in time. Its visits are not bought."
            )
        return len(rows)


async def tell_unpaid(commissioner_id: UUID) -> int:
    """Visits that have begun and are not paid for: told once to the family and to the provider."""
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        rows = await unpaid_starts(work, work.now - LOOKS_BACK, work.now)
        for row in rows:
            said = f"A visit of package {row['reference']}, {moment(row['planned_start'])}, is not paid for."
            once = f"unpaid {row['visit_id']}"
            await receiving.tell_buyers_of(work, row["child_id"], said, f"/packages/{row['package_id']}/buy", once=once)
            link = f"/packages/{row['package_id']}"
            await tell(work, said, link, organisation_id=row["provider_id"], once=once)
        return len(rows)


@sweep("card_payments", every=timedelta(seconds=30))
async def card_payments(settings: Settings) -> None:
    """Ask Stripe about payments whose end we have not heard of, and give up there what was given up here."""
    if not stripe_api.on(settings):
        return
    for commissioner_id in await _councils():
        try:
            await look_again(settings, commissioner_id)
        except StripeError as error:
            log.warning("Stripe was not asked for payments", why=type(error).__name__)


async def look_again(settings: Settings, commissioner_id: UUID) -> int:
    """The open payments of one council, all of them; answers how many were asked for.

    One that is refused or not answered for keeps no other waiting; raises `StripeUnreachable` where Stripe answers for
    none of a few.
    """
    async with unit_of_work(system_for(commissioner_id, "commissioner"), read_only=True) as work:
        rows = await work.fetch(
            """SELECT id, stripe_id, stop_at FROM card_payment WHERE commissioner_id = $1
               AND (stop_at IS NOT NULL OR state = 'confirming' AND asked_at < $2) ORDER BY asked_at, id""",
            commissioner_id, work.now - LOOKS_AGAIN,
        )  # fmt: skip
    silent = 0
    for row in rows:
        try:
            if row["stop_at"] is not None:
                await cards.stop(settings, commissioner_id, row["id"])
            elif row["stripe_id"]:
                await cards.follow_payment(settings, row["stripe_id"])
        except StripeRefused as error:  # it knows no such payment: the others are asked for all the same
            log.warning("Stripe refused to be asked for a payment", payment=str(row["id"]), code=error.code)
        except StripeUnreachable:
            silent += 1
            if silent == GIVES_UP_AFTER:
                raise
        else:
            silent = 0
    return len(rows)

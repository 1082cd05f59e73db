"""Paying by card: one open payment a purchase, whatever the number of tabs; Stripe is asked outside any transaction.

A card's number never comes here: Stripe's own field in the browser makes a token of it. One `card_payment` is one
attempt; where it is declined, the next attempt is a payment of its own, and the declined one is given up at Stripe.
Killed anywhere, the payment stands in a state from which `look_at` finds out at Stripe what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

import structlog

from marketplace.identity.permissions import permit
from marketplace.platform import stripe_api
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, Unavailable, WrongState
from marketplace.platform.stripe_api import Intent, StripeError, StripeRefused, StripeUnreachable, key_of
from marketplace.purchases import receiving
from marketplace.purchases.buying import SPEND, stop_later
from marketplace.purchases.buying_queries import all_stand, purchase_row
from marketplace.purchases.stripe_events import follows
from marketplace.settings import Settings

Outcome = Literal["received", "confirm", "declined", "waiting"]
LATER = "We cannot reach the card company at the moment. Nothing is lost: try again in a few minutes."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment the family can make now. `client_secret` lets its browser confirm it; it is stored nowhere."""

    payment_id: UUID
    pence: int
    state: str
    client_secret: str

    def __repr__(self) -> str:
        return f"Asked({self.payment_id}, {self.pence}, {self.state})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt: received; confirm: the bank asks the family (with `client_secret`); declined, with
    Stripe's code; waiting: not known yet, it is looked for by itself."""

    outcome: Outcome
    client_secret: str = ""
    failure: str = ""


async def open_payment(actor: Actor, settings: Settings, purchase_id: UUID) -> Asked:
    """The one open card payment of a purchase, made where there is none; a second tab is given the first one's.

    Raises `NotFound`, `WrongState` for one that does not wait for a card or holds a visit called off,
    `Unavailable` where Stripe does not answer.
    """
    permit(actor, SPEND)
    async with unit_of_work(actor) as work:
        row = await _to_pay(work, purchase_id)
        payment: Any = await work.fetchrow(
            """SELECT * FROM card_payment WHERE commissioner_id = $1 AND purchase_id = $2
               AND state IN ('asked', 'confirming', 'failed') FOR UPDATE""",
            row["commissioner_id"], purchase_id,
        )  # fmt: skip
        if payment is not None and payment["state"] == "failed":
            await work.execute(
                "UPDATE card_payment SET state = 'given_up', stop_at = $3 WHERE commissioner_id = $1 AND id = $2",
                row["commissioner_id"], payment["id"], work.now,
            )  # fmt: skip
            await stop_later(work, row["commissioner_id"], payment["id"])
            payment = None
        if payment is None:
            payment = await work.fetchrow(
                """INSERT INTO card_payment (commissioner_id, id, purchase_id, framework_id, provider_id, child_id,
                       pence, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *""",
                row["commissioner_id"], uuid4(), purchase_id, row["framework_id"], row["provider_id"],
                row["child_id"], row["pence"], work.now,
            )  # fmt: skip
            work.audit(
                "purchase.card_asked", "purchase", purchase_id, commissioner_id=row["commissioner_id"],
                payment=payment["id"], pence=row["pence"],
            )  # fmt: skip
    try:
        intent = await _intent(actor, settings, payment)
    except StripeRefused as error:
        log.warning("a payment was refused by Stripe", code=error.code)
        await _declined(payment["commissioner_id"], payment["id"], error.code or "refused")  # the next try is another
        raise Unavailable(LATER) from None
    except StripeError as error:
        log.warning("a payment was not made at Stripe", why=type(error).__name__)
        raise Unavailable(LATER) from None
    return Asked(payment["id"], payment["pence"], payment["state"], intent.client_secret)


async def _to_pay(work: Any, purchase_id: UUID) -> Any:
    row = await work.fetchrow("SELECT * FROM purchase WHERE id = $1 AND state = 'waiting' FOR UPDATE", purchase_id)
    if row is None:
        row = await purchase_row(work, purchase_id)
        raise WrongState("purchase", row["state"], "paid", "This is not waiting to be paid.")
    if row["method"] != "card":
        raise WrongState(
            "purchase", row["state"], "paid", "This is paid by bank transfer. Choose to pay by card first."
        )
    if row["due_at"] <= work.now:
        raise WrongState("purchase", row["state"], "paid", "The time to pay has passed. Choose the visits again.")
    await all_stand(work, row)
    return row


async def _intent(actor: Actor, settings: Settings, payment: Any) -> Intent:
    """The payment at Stripe; made with its key where ours is not written down, which makes it no second time."""
    if payment["stripe_id"]:
        return await stripe_api.find_intent(settings, payment["stripe_id"])
    intent = await stripe_api.create_intent(
        settings, key=key_of("pay", payment["id"]), pence=payment["pence"], reference=payment["id"]
    )
    async with unit_of_work(actor) as work:
        known = await work.fetchval(
            """UPDATE card_payment SET stripe_id = coalesce(stripe_id, $3) WHERE commissioner_id = $1 AND id = $2
               RETURNING stripe_id""",
            payment["commissioner_id"], payment["id"], intent.id,
        )  # fmt: skip
    if known is not None and known != intent.id:  # another tab was first, and the stand-in knows no keys
        return await stripe_api.find_intent(settings, known)
    return intent


async def pay(actor: Actor, settings: Settings, purchase_id: UUID, payment_id: UUID, token: str) -> Answer:
    """Take the payment shown with a card's token. Raises as `open_payment`; `Conflict` where another tab is paying, or
    has paid, with this very payment; `InvalidInput` for a token that is none.
    """
    if not stripe_api.ID.fullmatch(token) or not token.startswith("tok_"):
        raise InvalidInput({"token": "Enter your card's details again"})
    asked = await open_payment(actor, settings, purchase_id)
    if asked.payment_id != payment_id:
        raise Conflict("Another page has begun to pay. Open this page again.")
    async with unit_of_work(actor) as work:
        # claimed before Stripe is asked: whatever happens then, nobody pays a second time with it
        claimed = await work.fetchrow(
            """UPDATE card_payment SET state = 'confirming', failure = '' WHERE id = $1 AND state = 'asked'
               AND EXISTS (SELECT FROM purchase p WHERE p.commissioner_id = card_payment.commissioner_id
                   AND p.id = card_payment.purchase_id AND p.state = 'waiting') RETURNING *""",
            payment_id,
        )  # fmt: skip
    if claimed is None:
        raise Conflict("This payment is under way in another page. Look at the purchase before you pay again.")
    try:
        intent = await stripe_api.confirm(
            settings, key=key_of("confirm", payment_id), use_key=key_of("use_card", payment_id),
            intent_id=claimed["stripe_id"], token=token,
        )  # fmt: skip
        return await _take(settings, intent)
    except StripeRefused as error:
        return await _refused(settings, claimed, error.code)
    except StripeUnreachable:
        return Answer("waiting")


async def _refused(settings: Settings, payment: Any, code: str) -> Answer:
    """Declined, unless Stripe has the money or the bank asks: a second try of a lost answer may be refused as such."""
    try:
        answer = await _take(settings, await stripe_api.find_intent(settings, payment["stripe_id"]))
    except StripeUnreachable:
        return Answer("waiting")
    if answer.outcome in ("received", "confirm"):
        return answer
    await _declined(payment["commissioner_id"], payment["id"], code)
    return Answer("declined", failure=code or answer.failure)


async def look_at(actor: Actor, settings: Settings, purchase_id: UUID) -> None:
    """Ask Stripe how the open payment of a purchase stands: after the bank's question, or when an answer was lost.

    Raises `NotFound`, `Unavailable` where Stripe does not answer.
    """
    permit(actor, SPEND)
    async with unit_of_work(actor, read_only=True) as work:
        await purchase_row(work, purchase_id)
        rows = await work.fetch(
            "SELECT stripe_id FROM card_payment WHERE purchase_id = $1 AND stripe_id IS NOT NULL"
            " AND state IN ('asked', 'confirming', 'failed')",
            purchase_id,
        )
    for row in rows:
        try:
            await follow_payment(settings, row["stripe_id"])
        except StripeError:
            raise Unavailable(LATER) from None


async def begin_again(actor: Actor, settings: Settings, purchase_id: UUID) -> None:
    """Give up an attempt that hangs at the bank's question, so that another card can be used.

    Stripe gives it up first: where the money has come in meanwhile it is counted instead. Raises as `look_at`.
    """
    await look_at(actor, settings, purchase_id)
    async with unit_of_work(actor) as work:
        row = await _to_pay(work, purchase_id) if await _waits(work, purchase_id) else None
        if row is None:
            return
        payment = await work.fetchrow(
            """UPDATE card_payment SET state = 'given_up', stop_at = $3 WHERE commissioner_id = $1 AND purchase_id = $2
               AND state IN ('confirming', 'failed') RETURNING id""",
            row["commissioner_id"], purchase_id, work.now,
        )  # fmt: skip
        if payment is not None:
            await stop_later(work, row["commissioner_id"], payment["id"])
    if payment is not None:
        await stop(settings, row["commissioner_id"], payment["id"])


async def _waits(work: Any, purchase_id: UUID) -> bool:
    return (await purchase_row(work, purchase_id))["state"] == "waiting"


@follows("payment_intent")
async def follow_payment(settings: Settings, stripe_id: str) -> None:
    """Bring our row to where a payment stands at Stripe, in any order, any number of times; others' are left alone."""
    await _take(settings, await stripe_api.find_intent(settings, stripe_id))


async def _take(settings: Settings, intent: Intent) -> Answer:
    async with outside_context() as connection:
        place = await connection.fetchrow("SELECT * FROM card_payment_place($1, $2)", intent.id, _ours(intent))
    if place is None:
        return Answer("waiting")
    commissioner_id, payment_id = place["commissioner_id"], place["id"]
    if intent.received_pence > 0:
        async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
            of = await work.fetchval(
                "UPDATE card_payment SET stripe_id = coalesce(stripe_id, $3) WHERE commissioner_id = $1 AND id = $2"
                " RETURNING purchase_id",
                commissioner_id, payment_id, intent.id,
            )  # fmt: skip
            purchase = await receiving.hold(work, commissioner_id, of)
            await receiving.receive_card(work, purchase, payment_id, intent.received_pence)
        return Answer("received")
    if intent.status == "requires_action":
        return Answer("confirm", client_secret=intent.client_secret)
    if intent.status == "requires_payment_method" and intent.failure:
        await _declined(commissioner_id, payment_id, intent.failure)
        return Answer("declined", failure=intent.failure)
    if intent.status == "canceled":
        async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
            await work.execute(
                "UPDATE card_payment SET state = 'given_up', stop_at = NULL WHERE commissioner_id = $1 AND id = $2"
                " AND state <> 'received'",
                commissioner_id, payment_id,
            )  # fmt: skip
    return Answer("waiting")


def _ours(intent: Intent) -> UUID | None:
    try:
        return UUID(intent.reference)
    except ValueError:
        return None


async def _declined(commissioner_id: UUID, payment_id: UUID, code: str) -> None:
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        purchase_id = await work.fetchval(
            "UPDATE card_payment SET state = 'failed', failure = $3 WHERE commissioner_id = $1 AND id = $2"
            " AND state IN ('asked', 'confirming') RETURNING purchase_id",
            commissioner_id, payment_id, code[:100] or "declined",
        )  # fmt: skip
        if purchase_id is not None:
            work.audit(
                "purchase.card_declined", "purchase", purchase_id, commissioner_id=commissioner_id, payment=payment_id
            )


async def stop(settings: Settings, commissioner_id: UUID, payment_id: UUID) -> None:
    """Give a payment up at Stripe; where its money has come in meanwhile, count that. Any number of times.

    Raises `StripeUnreachable`.
    """
    async with unit_of_work(system_for(commissioner_id, "commissioner"), read_only=True) as work:
        row = await work.fetchrow(
            "SELECT * FROM card_payment WHERE commissioner_id = $1 AND id = $2 AND stop_at IS NOT NULL",
            commissioner_id, payment_id,
        )  # fmt: skip
    if row is None:
        return
    if row["stripe_id"]:
        try:
            intent = await stripe_api.cancel_intent(
                settings, key=key_of("cancel", payment_id), intent_id=row["stripe_id"]
            )
        except StripeRefused:
            intent = await stripe_api.find_intent(settings, row["stripe_id"])
        await _take(settings, intent)
        if intent.status not in ("canceled", "succeeded"):
            return  # it can neither be given up nor is it paid yet: asked again
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        await work.execute(
            "UPDATE card_payment SET stop_at = NULL WHERE commissioner_id = $1 AND id = $2", commissioner_id, payment_id
        )

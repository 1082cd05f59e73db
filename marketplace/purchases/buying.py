"""A family buys a block of visits, agrees to it together, changes how it pays, or changes its mind.

Everything here happens before money has come; that it has come is never a family's word (`receiving`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.packages.cancellation import PriceChanged
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, WrongState
from marketplace.policy.buying import Method
from marketplace.purchases.buying_queries import all_stand, purchase_row, ways_to_pay
from marketplace.purchases.late_money import hold_budget
from marketplace.purchases.quoting import Quote, quote
from marketplace.purchases.references import new_reference
from marketplace.settings import Settings
from marketplace.web.filters import pounds

SETTLE = "settle_purchase"  # what came in is counted again; payload: commissioner, purchase
NEWS = "purchase_news"  # who else has to agree is told; payload: commissioner, purchase
STOP = "stop_card_payment"  # given up at Stripe too; payload: commissioner, payment
SPEND = "direct_payment.spend"


async def buy(
    actor: Actor,
    settings: Settings,
    package_id: UUID,
    visit_ids: Collection[UUID],
    *,
    method: Method,
    shown_pence: int,
    top_up_pence: int = 0,
    purchase_id: UUID | None = None,
) -> UUID:
    """Buy these visits at the prices shown; they wait for the money. Sent again with the same `purchase_id` once.

    `top_up_pence`: the family's explicit yes to paying so much of its own beyond the budget. Raises `PriceChanged`
    where it is not the price shown, `InvalidInput` naming `visits`, `method` or `top_up`, `Conflict` with the
    sentences why it cannot be bought, `NotFound`, `NotPermitted`.
    """
    permit(actor, SPEND)
    made = purchase_id or uuid4()
    async with unit_of_work(actor) as work:
        if await work.fetchval("SELECT EXISTS (SELECT FROM purchase WHERE id = $1)", made):
            return made
        await hold_budget(work, await work.fetchval("SELECT direct_payment_id FROM package WHERE id = $1", package_id))
        asked = await quote(work, settings, package_id, visit_ids)
        _check(asked, method, shown_pence, top_up_pence)
        try:
            await _write(work, actor, asked, method, made)
        except asyncpg.UniqueViolationError as error:
            if "purchase_visit_once" in str(error):
                raise Conflict("Some of these visits have just been bought. Choose again.") from None
            raise
        return made


def _check(asked: Quote, method: Method, shown_pence: int, top_up_pence: int) -> None:
    if asked.refusals:
        raise Conflict(" ".join(asked.refusals))
    if asked.pence != shown_pence:
        raise PriceChanged(
            f"The price is {pounds(asked.pence)} now, and not the {pounds(shown_pence)} you were shown. Check it again."
        )
    if asked.top_up_pence != top_up_pence:
        raise InvalidInput({"top_up": _top_up_words(asked.top_up_pence)})
    if method not in asked.pay_by:
        raise InvalidInput({"method": "Select how you pay"})


def _top_up_words(pence: int) -> str:
    if not pence:
        return "The budget holds all of it: no top-up is needed"
    return f"Confirm that you pay {pounds(pence)} of your own money beyond the budget"


async def _write(work: Work, actor: Actor, asked: Quote, method: Method, made: UUID) -> None:
    view = asked.offer.view
    keys = (view.commissioner_id, made, view.framework_id, asked.offer.provider_id, view.child_id)
    days = sorted(each.day for each in asked.visits)
    await work.execute(
        """INSERT INTO purchase (commissioner_id, id, framework_id, provider_id, child_id, direct_payment_id,
               package_id, reference, lot_code, first_day, last_day, method, state, pence, minutes, pack_hash, made_at,
               made_by, made_by_name, due_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'drafted', $13, $14, $15, $16, $17, $18, $19)""",
        *keys, view.id, asked.offer.package_id, new_reference(), asked.offer.lot, days[0], days[-1], method,
        asked.pence, asked.minutes, asked.offer.pack.content_hash, work.now, actor.person_id, actor.person_name,
        asked.pay_by[method],
    )  # fmt: skip
    for each in asked.visits:
        assert each.share is not None and each.pence is not None
        own = each.share.top_up_pence
        await work.execute(
            """INSERT INTO purchase_visit (commissioner_id, purchase_id, framework_id, provider_id, child_id, visit_id,
                   day, minutes, pence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            *keys, each.id, each.day, each.minutes, each.pence,
        )  # fmt: skip
        await work.execute(
            """INSERT INTO purchase_share (commissioner_id, purchase_id, framework_id, provider_id, child_id, visit_id,
                   direct_payment_id, budget_pence, top_up_pence, budget_minutes, top_up_agreed_at, top_up_agreed_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
            *keys, each.id, view.id, each.share.budget_pence, own, each.share.budget_minutes,
            work.now if own else None, actor.person_id if own else None,
        )  # fmt: skip
    work.audit(
        "purchase.made", "purchase", made, commissioner_id=view.commissioner_id, package=asked.offer.package_id,
        visits=len(asked.visits), pence=asked.pence, top_up_pence=asked.top_up_pence, method=method,
    )  # fmt: skip
    await _agreed(work, actor, await purchase_row(work, made))


async def _agreed(work: Work, actor: Actor, row: Any) -> None:
    """One more who holds `spend` has agreed; with all that it takes, the purchase waits for the money."""
    await work.execute(
        """INSERT INTO purchase_agreement (commissioner_id, purchase_id, framework_id, provider_id, child_id, person_id,
               person_name, agreed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING""",
        row["commissioner_id"], row["id"], row["framework_id"], row["provider_id"], row["child_id"], actor.person_id,
        actor.person_name, work.now,
    )  # fmt: skip
    if await work.fetchval("SELECT purchase_agreed($1, $2)", row["commissioner_id"], row["id"]):
        await work.execute(
            "UPDATE purchase SET state = 'waiting' WHERE commissioner_id = $1 AND id = $2 AND state = 'drafted'",
            row["commissioner_id"], row["id"],
        )  # fmt: skip
    else:
        await work.enqueue(NEWS, _payload(row), dedupe_key=f"purchase news {row['id']}")


async def agree(actor: Actor, purchase_id: UUID, *, top_up_pence: int = 0) -> None:
    """Agree to what somebody who holds the right jointly wants to buy.

    `top_up_pence`: this person's explicit yes to paying so much beyond the budget, as whoever asked gave it. Raises
    `InvalidInput` naming `top_up`, `NotFound`, `WrongState`.
    """
    permit(actor, SPEND)
    async with unit_of_work(actor) as work:
        row = await _open(work, purchase_id, "drafted")
        await all_stand(work, row)
        own: int = await work.fetchval(
            "SELECT coalesce(sum(top_up_pence), 0)::int FROM purchase_share WHERE commissioner_id = $1"
            " AND purchase_id = $2",
            row["commissioner_id"], purchase_id,
        )  # fmt: skip
        if own != top_up_pence:
            raise InvalidInput({"top_up": _top_up_words(own)})
        await _agreed(work, actor, row)
        work.audit("purchase.agreed", "purchase", purchase_id, commissioner_id=row["commissioner_id"], top_up_pence=own)


async def withdraw(actor: Actor, purchase_id: UUID) -> None:
    """Do not buy after all, before it is paid: the visits are free again, what has come in goes back.

    Raises `NotFound`, `WrongState` once it is paid or given up.
    """
    permit(actor, SPEND)
    async with unit_of_work(actor) as work:
        row = await _open(work, purchase_id, "drafted", "waiting")
        await give_up(work, row, "withdrawn")
        await work.enqueue(SETTLE, _payload(row), dedupe_key=f"settle {purchase_id}")


async def pay_otherwise(actor: Actor, settings: Settings, purchase_id: UUID, method: Method) -> None:
    """Pay by card instead of by transfer, or the other way round. Raises `NotFound`, `WrongState`, `InvalidInput`.

    A card page that is open is closed by it. Money that comes in all the same is counted; what is too much goes back.
    """
    permit(actor, SPEND)
    async with unit_of_work(actor) as work:
        row = await _open(work, purchase_id, "waiting")
        if row["method"] == method:
            return
        ways = await ways_to_pay(work, settings, row)
        if method not in ways:
            raise InvalidInput({"method": "It is too late to pay this way, or this way is not open"})
        if method == "card" and await work.fetchval(
            "SELECT EXISTS (SELECT FROM bank_receipt WHERE commissioner_id = $1 AND purchase_id = $2)",
            row["commissioner_id"], row["id"],
        ):  # fmt: skip
            raise Conflict("Part of the sum has come by bank transfer already. Transfer the rest.")
        await _stop_cards(work, row)
        await work.execute(
            "UPDATE purchase SET method = $3, due_at = $4 WHERE commissioner_id = $1 AND id = $2",
            row["commissioner_id"], row["id"], method, ways[method],
        )  # fmt: skip
        work.audit(
            "purchase.paid_otherwise", "purchase", purchase_id, commissioner_id=row["commissioner_id"], method=method
        )


async def give_up(work: Work, row: Any, reason: str) -> None:
    """End a purchase that is not paid: its visits may be bought again, its open card payment is stopped."""
    await _stop_cards(work, row)
    await work.execute(
        """UPDATE purchase SET state = 'given_up', given_up_at = $3, given_up_reason = $4
           WHERE commissioner_id = $1 AND id = $2 AND state IN ('drafted', 'waiting')""",
        row["commissioner_id"], row["id"], work.now, reason,
    )  # fmt: skip
    work.audit(
        "purchase.given_up", "purchase", row["id"], commissioner_id=row["commissioner_id"], reason=reason
    )  # fmt: skip


async def _stop_cards(work: Work, row: Any) -> None:
    for payment in await work.fetch(
        """UPDATE card_payment SET state = 'given_up', stop_at = $3
           WHERE commissioner_id = $1 AND purchase_id = $2 AND state IN ('asked', 'confirming', 'failed')
           RETURNING id""",
        row["commissioner_id"], row["id"], work.now,
    ):  # fmt: skip
        await stop_later(work, row["commissioner_id"], payment["id"])


async def stop_later(work: Work, commissioner_id: UUID, payment_id: UUID) -> None:
    """Have a payment given up at Stripe, after this unit."""
    payload = {"commissioner": commissioner_id, "payment": payment_id}
    await work.enqueue(STOP, payload, dedupe_key=f"stop {payment_id}")


async def _open(work: Work, purchase_id: UUID, *states: str) -> Any:
    """A purchase held until the unit ends. Raises `NotFound`, `WrongState` with what became of it."""
    row = await work.fetchrow("SELECT * FROM purchase WHERE id = $1 FOR UPDATE", purchase_id)
    # once it is paid or given up a family changes it no more: it is read without a hold
    row = row or await purchase_row(work, purchase_id)
    if row["state"] not in states:
        said = {
            "drafted": "This waits for somebody else of your family to agree.",
            "waiting": "Everybody has agreed to this already.",
            "paid": "This is paid already.",
            "given_up": "This was given up. Choose the visits again.",
        }[row["state"]]
        raise WrongState("purchase", row["state"], "changed", said)
    return row


def _payload(row: Any) -> dict[str, Any]:
    return {"commissioner": row["commissioner_id"], "purchase": row["id"]}

"""Money that has come in: counted, booked, and what follows from the sum. Always in the council's context.

Whether a purchase is paid is decided by what has come in and not gone back, never by an event. What is too much, or
comes for a purchase that was given up, is owed back at once, the way it came.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.purchases import books
from marketplace.purchases.buying import STOP
from marketplace.purchases.late_money import still_stands
from marketplace.referrals.grants import grants_of, holders
from marketplace.web.filters import count, pounds

PAID_TWICE = "paid_twice"  # more came in than it cost
GIVEN_UP = "given_up"  # it came for what is not bought any more


async def hold(work: Work, commissioner_id: UUID, purchase_id: UUID) -> Any:
    """A purchase's row, held until the unit ends: who counts its money does so one after the other."""
    return await work.fetchrow(
        "SELECT * FROM purchase WHERE commissioner_id = $1 AND id = $2 FOR UPDATE", commissioner_id, purchase_id
    )


async def receive_card(work: Work, purchase: Any, payment_id: UUID, pence: int) -> None:
    """A card payment has come in: once, however often it is said. `purchase` is held."""
    new = await work.fetchval(
        """UPDATE card_payment SET state = 'received', received_pence = $3, received_at = $4,
               stop_at = NULL, failure = '' WHERE commissioner_id = $1 AND id = $2 AND received_pence = 0
           RETURNING true""",
        purchase["commissioner_id"], payment_id, pence, work.now,
    )  # fmt: skip
    if new:
        await books.enter(work, "purchase_card_received", purchase, payment_id, pence, "card")
        work.audit(
            "purchase.card_received", "purchase", purchase["id"], commissioner_id=purchase["commissioner_id"],
            payment=payment_id, pence=pence,
        )  # fmt: skip
        await settle(work, purchase)


async def settle_later(commissioner_id: UUID, purchase_id: UUID) -> None:
    """Count again what came in for a purchase: the job's unit."""
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        purchase = await hold(work, commissioner_id, purchase_id)
        if purchase is not None:
            await settle(work, purchase)


async def settle(work: Work, purchase: Any) -> None:
    """Bring a purchase to where the money that came in puts it, and owe back what is too much. `purchase` is held."""
    sources = await _sources(work, purchase)
    came = sum(each["left"] for each in sources)
    state = purchase["state"]
    if state == "given_up" and came >= purchase["pence"] and await still_stands(work, purchase):
        state = "waiting"
    if state == "waiting" and came >= purchase["pence"]:
        await _paid(work, purchase)
        state = "paid"
    keeps = {"paid": purchase["pence"], "given_up": 0}.get(state, came)
    # what visits have given back since is not too much: it came for them
    too_much = came - keeps
    for each in sources:
        back = min(too_much, each["left"])
        if back > 0:
            too_much -= back
            await owe_back(work, purchase, PAID_TWICE if state == "paid" else GIVEN_UP, back, each)


async def _sources(work: Work, purchase: Any) -> list[Any]:
    """What came in, the newest first, each with what of it has not gone back as too much already."""
    return await work.fetch(
        """SELECT x.*, x.pence - coalesce((SELECT sum(r.pence) FROM refund r WHERE r.commissioner_id = $1
               AND r.purchase_id = $2 AND r.visit_id IS NULL
               AND coalesce(r.card_payment_id, r.bank_receipt_id) = x.id), 0)::int AS left
           FROM (SELECT id, 'card' AS way, received_pence AS pence, received_at AS at FROM card_payment
                   WHERE commissioner_id = $1 AND purchase_id = $2 AND received_pence > 0
                 UNION ALL SELECT id, 'transfer', pence, matched_at FROM bank_receipt
                   WHERE commissioner_id = $1 AND purchase_id = $2) x ORDER BY x.at DESC, x.id""",
        purchase["commissioner_id"], purchase["id"],
    )  # fmt: skip


async def _paid(work: Work, purchase: Any) -> None:
    keys = purchase["commissioner_id"], purchase["id"]
    await work.execute(
        "UPDATE purchase SET state = 'paid', paid_at = $3, given_up_at = NULL, given_up_reason = NULL"
        " WHERE commissioner_id = $1 AND id = $2",
        *keys, work.now,
    )  # fmt: skip
    if purchase["state"] == "given_up":
        await work.execute(
            "UPDATE purchase_visit SET counts = true WHERE commissioner_id = $1 AND purchase_id = $2", *keys
        )
    # whatever else is open to pay it with is closed
    for row in await work.fetch(
        """UPDATE card_payment SET state = 'given_up', stop_at = $3 WHERE commissioner_id = $1 AND purchase_id = $2
           AND state IN ('asked', 'confirming', 'failed') RETURNING id""",
        *keys, work.now,
    ):  # fmt: skip
        await work.enqueue(STOP, {"commissioner": keys[0], "payment": row["id"]})
    visits = await work.fetchval(
        "SELECT count(*) FROM purchase_visit WHERE commissioner_id = $1 AND purchase_id = $2", *keys
    )
    work.audit("purchase.paid", "purchase", purchase["id"], commissioner_id=keys[0], pence=purchase["pence"])
    await tell_buyers(work, purchase, f"Purchase {purchase['reference']} is paid: {count(visits, 'visit')} bought.")
    await tell(
        work, f"{count(visits, 'visit')} of a family’s package {'is' if visits == 1 else 'are'} paid for: purchase"
        f" {purchase['reference']}.", f"/purchases/{purchase['id']}", organisation_id=purchase["provider_id"],
    )  # fmt: skip


async def owe_back(work: Work, purchase: Any, cause: str, pence: int, source: Any) -> UUID:
    """Owe money back that no visit keeps, to where it came from (`source`: id and way)."""
    refund_id = uuid4()
    card = source["id"] if source["way"] == "card" else None
    await work.execute(
        """INSERT INTO refund (commissioner_id, id, purchase_id, framework_id, provider_id, child_id, cause, pence, way,
               card_payment_id, bank_receipt_id, owed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        purchase["commissioner_id"], refund_id, purchase["id"], purchase["framework_id"], purchase["provider_id"],
        purchase["child_id"], cause, pence, source["way"], card, None if card else source["id"], work.now,
    )  # fmt: skip
    await books.enter(work, "purchase_refund_owed", purchase, refund_id, pence, source["way"])
    work.audit(
        "refund.owed", "refund", refund_id, commissioner_id=purchase["commissioner_id"], purchase=purchase["id"],
        cause=cause, pence=pence,
    )  # fmt: skip
    where = "to the card it came from" if card else "to the account it came from"
    await tell_buyers(
        work, purchase, f"{pounds(pence)} of purchase {purchase['reference']} goes back {where}: it came in too much."
        if cause == PAID_TWICE else f"{pounds(pence)} of purchase {purchase['reference']}, which was given up, goes"
        f" back {where}.",
    )  # fmt: skip
    return refund_id


async def tell_buyers(work: Work, purchase: Any, sentence: str, *, once: str | None = None) -> None:
    """Tell everybody who may spend the direct payment, with a link to the purchase."""
    await tell_buyers_of(work, purchase["child_id"], sentence, f"/purchases/{purchase['id']}", once=once)


async def tell_buyers_of(work: Work, child_id: UUID, sentence: str, link: str, *, once: str | None = None) -> None:
    """Tell everybody who may spend for a child."""
    for grant in holders(await grants_of(work, child_id), "spend", local_day(work.now)):
        await tell(work, sentence, link, person_id=grant.person_id, once=once)

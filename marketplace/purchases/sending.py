"""Money on its way: refunds to the card they came from, payouts to the provider's account at Stripe.

Stripe is never asked inside a unit of work. Before anything is sent it is asked whether it was sent already (our row's
id is its reference there), and what is sent carries a key of ours: killed at any point and started again, nothing is
doubled and nothing lost. A payout is taken hold of before it is sent, so that nobody settles it by hand meanwhile.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog

from marketplace.obligations.news import tell
from marketplace.platform import stripe_api, stripe_connect
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.stripe_api import Refund, StripeError, StripeRefused, StripeUnreachable, key_of
from marketplace.purchases import books
from marketplace.purchases.stripe_events import follows
from marketplace.settings import Settings

AT_ONCE = 100
GONE = ("failed", "canceled")  # Stripe's words for a refund whose money came back to us
LATER = ("balance_insufficient", "insufficient_capabilities_for_transfer")  # refusals that pass by themselves

TELL_OPERATORS = "tell_operators_of_a_refund"
FAILED = "A refund to a family's card was not taken. It is owed as before: send it again, or pay it by bank."

log = structlog.get_logger(__name__)


async def send_money(settings: Settings, actor: Actor) -> int:
    """Send and follow what is owed in one council's rows (the system acts in them); how much was moved.

    What Stripe does not answer for waits for the next time, and keeps nothing else waiting.
    """
    moved = 0
    async with unit_of_work(actor) as work:
        refunds, payouts = await _whose_turn(work, "refund", _REFUNDS), await _whose_turn(work, "payout", _PAYOUTS)
    for send, ids in ((send_refund, refunds), (send_payout, payouts)):
        for row_id in ids:
            try:
                moved += await send(settings, actor, row_id)
            except StripeError as error:
                log.warning("money waits for Stripe", why=type(error).__name__, row=str(row_id))
    return moved


_REFUNDS = "t.way = 'card' AND t.settled_on IS NULL AND t.state IN ('owed', 'sent')"
# What was sent is asked after whatever has become of the account: only so does a lost answer come to an end.
_PAYABLE = """(t.state = 'sent' AND t.way = 'connect' OR t.state = 'owed' AND a.state = 'active')"""
_PAYOUTS = f"""t.settled_on IS NULL
    AND EXISTS (SELECT FROM provider_account a WHERE a.provider_id = t.provider_id AND {_PAYABLE})
    AND EXISTS (SELECT FROM card_payment c WHERE c.commissioner_id = t.commissioner_id
        AND c.purchase_id = t.purchase_id AND c.received_pence > 0)"""  # noqa: S608 - our own fragment


async def _whose_turn(work: Work, table: str, which: str) -> list[UUID]:
    """What is to be sent or asked after now: what was never tried before what was tried longest ago, so that nothing
    that is refused again and again keeps others waiting. Whoever else asks meanwhile is given others."""
    rows = await work.fetch(
        f"""WITH turn AS (SELECT t.commissioner_id, t.id FROM {table} t WHERE t.commissioner_id = $1 AND {which}
                ORDER BY t.tried_at NULLS FIRST, t.owed_at, t.pence DESC, t.id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
            UPDATE {table} t SET tried_at = $3 FROM turn
            WHERE t.commissioner_id = turn.commissioner_id AND t.id = turn.id
            RETURNING t.id, t.owed_at, t.pence""",  # noqa: S608 - our own fragments
        work.actor.commissioner_id, AT_ONCE, work.now,
    )  # fmt: skip
    return [row["id"] for row in sorted(rows, key=lambda row: (row["owed_at"], -row["pence"], row["id"]))]


async def send_refund(settings: Settings, actor: Actor, refund_id: UUID) -> bool:
    """Send one refund, or see what became of it; True where that changed something. Raises `StripeUnreachable`."""
    async with unit_of_work(actor, read_only=True) as work:
        row = await work.fetchrow(
            """SELECT r.*, c.stripe_id AS intent FROM refund r
               JOIN card_payment c ON c.commissioner_id = r.commissioner_id AND c.id = r.card_payment_id
               WHERE r.commissioner_id = $1 AND r.id = $2 AND r.state IN ('owed', 'sent') AND r.settled_on IS NULL""",
            actor.commissioner_id, refund_id,
        )  # fmt: skip
    if row is None or row["intent"] is None:
        return False
    found = await _refund_at_stripe(settings, row)
    if isinstance(found, str):
        return await _refund_failed(actor, row, found, None)
    if found.status in GONE:
        return await _refund_failed(actor, row, found.status, found.id)
    return await _refund_moved(actor, row, found)


async def _refund_at_stripe(settings: Settings, row: Any) -> Refund | str:
    """How the refund stands there, made where it is not; or the word for why it was refused."""
    known = [each for each in await stripe_api.refunds_of(settings, row["intent"]) if each.reference == str(row["id"])]
    if row["state"] == "sent":
        sent = next((each for each in known if each.id == row["stripe_id"]), None)
        if sent is None:
            raise StripeUnreachable("a refund that was sent is not listed")
        return sent
    standing = next((each for each in known if each.status not in GONE), None)
    if standing is not None:
        return standing
    if known and row["tries"] == 0:  # its answer was lost, and it has failed since: the same key would say otherwise
        return known[0]
    try:
        return await stripe_api.refund(
            settings, key=key_of("refund", row["id"], row["tries"]), intent_id=row["intent"], pence=row["pence"],
            reference=row["id"],
        )  # fmt: skip
    except StripeRefused as error:
        return error.code or "refused"


async def _refund_moved(actor: Actor, row: Any, found: Refund) -> bool:
    arrived = found.status == "succeeded"
    if row["state"] == "sent" and not arrived:
        return False
    async with unit_of_work(actor) as work:
        done = await work.execute(
            """UPDATE refund SET state = $3, stripe_id = $4, failure = '', sent_at = coalesce(sent_at, $5),
                   arrived_at = CASE WHEN $6 THEN $5::timestamptz END
               WHERE commissioner_id = $1 AND id = $2 AND state = $7 AND settled_on IS NULL""",
            row["commissioner_id"], row["id"], "arrived" if arrived else "sent", found.id, work.now, arrived,
            row["state"],
        )  # fmt: skip
        if done != "UPDATE 1":
            return False
        if arrived:
            await books.enter(
                work, "purchase_refund_paid", books.purchase_of(row), row["id"], row["pence"], "card",
                again=row["returns"],
            )  # fmt: skip
        work.audit(
            "refund.arrived" if arrived else "refund.sent", "refund", row["id"],
            commissioner_id=row["commissioner_id"], purchase=row["purchase_id"], pence=row["pence"],
        )  # fmt: skip
    return True


async def _refund_failed(actor: Actor, row: Any, why: str, stripe_id: str | None) -> bool:
    """Owed as before, and somebody has to look: the operators of the deployment and the council's finance officers.

    What had arrived is in the books, and is taken out of them again by an entry of its own.
    """
    returned = row["state"] == "arrived"
    async with unit_of_work(actor) as work:
        done = await work.execute(
            """UPDATE refund SET state = 'failed', failure = $3, tries = tries + 1, told_at = $4,
                   stripe_id = coalesce($5, stripe_id), arrived_at = NULL, returns = returns + $7
               WHERE commissioner_id = $1 AND id = $2 AND state = $6 AND settled_on IS NULL""",
            row["commissioner_id"], row["id"], why[:100], work.now, stripe_id, row["state"], int(returned),
        )  # fmt: skip
        if done != "UPDATE 1":
            return False
        if returned:
            await books.enter(
                work, "purchase_refund_returned", books.purchase_of(row), row["id"], row["pence"], "card",
                again=row["returns"],
            )  # fmt: skip
        await tell(work, FAILED, "/purchase-money", organisation_id=row["commissioner_id"], role="finance")
        await work.enqueue(TELL_OPERATORS, {"refund": row["id"], "tries": row["tries"]})
        work.audit(
            "refund.failed", "refund", row["id"], commissioner_id=row["commissioner_id"], pence=row["pence"], why=why,
            had_arrived=returned,
        )  # fmt: skip
    return True


@follows("refund")
async def follow_refund(settings: Settings, stripe_id: str) -> None:
    """Bring our row to where a refund stands at Stripe: also one that had arrived, and that the card's bank sent back
    later. Others' are left alone. Raises `StripeUnreachable`."""
    async with outside_context() as connection:
        place = await connection.fetchrow("SELECT * FROM refund_place($1)", stripe_id)
    if place is None:
        return
    actor = system_for(place["commissioner_id"], "commissioner")
    async with unit_of_work(actor, read_only=True) as work:
        row = await work.fetchrow(
            """SELECT r.*, c.stripe_id AS intent FROM refund r
               JOIN card_payment c ON c.commissioner_id = r.commissioner_id AND c.id = r.card_payment_id
               WHERE r.commissioner_id = $1 AND r.id = $2 AND r.settled_on IS NULL""",
            place["commissioner_id"], place["id"],
        )  # fmt: skip
    if row is None or row["state"] != "arrived":
        await send_refund(settings, actor, place["id"])
        return
    known = await stripe_api.refunds_of(settings, row["intent"])
    status = next((each.status for each in known if each.id == stripe_id), "")
    if status in GONE:
        await _refund_failed(actor, row, status, stripe_id)


async def tell_operators(refund_id: UUID, tries: int) -> None:
    """Tell the operators of the deployment of a refund that failed, once a try."""
    async with outside_context() as connection:
        operators = await connection.fetch("SELECT id, name FROM list_organisations('operator')")
    for each in operators:
        async with unit_of_work(system_for(each["id"], "operator", each["name"])) as work:
            await tell(
                work, FAILED, "/operator", organisation_id=each["id"], role="operator",
                once=f"refund {refund_id} {tries}",
            )  # fmt: skip


async def send_payout(settings: Settings, actor: Actor, payout_id: UUID) -> bool:
    """Move one payout to the provider's account, or what a refund takes back of it the other way; True where done."""
    async with unit_of_work(actor) as work:
        row = await _taken_hold_of(work, payout_id)
    if row is None:
        return False
    try:
        if row["pence"] > 0:
            made = await stripe_connect.transfer(
                settings, key=key_of("payout", row["id"], row["tries"]), account_id=row["account"],
                pence=row["pence"], reference=row["id"],
            )  # fmt: skip
            stripe_id = made.id
        else:
            stripe_id = await stripe_connect.take_back(
                settings, key=key_of("payback", row["id"], row["tries"]), transfer_id=row["transfer"],
                pence=-row["pence"], reference=row["id"],
            )  # fmt: skip
    except StripeRefused as error:
        await _payout_refused(actor, row, error.code or "refused")
        return False
    async with unit_of_work(actor) as work:
        done = await work.execute(
            "UPDATE payout SET state = 'paid', stripe_id = $3, failure = '', paid_at = $4"
            " WHERE commissioner_id = $1 AND id = $2 AND state = 'sent' AND way = 'connect'",
            row["commissioner_id"], row["id"], stripe_id, work.now,
        )  # fmt: skip
        if done != "UPDATE 1":
            return False
        await books.enter(work, "purchase_payout_paid", books.purchase_of(row), row["id"], row["pence"], "connect")
        work.audit(
            "payout.paid", "payout", row["id"], commissioner_id=row["commissioner_id"], pence=row["pence"],
            way="connect", visit=row["visit_id"],
        )  # fmt: skip
    return True


async def _taken_hold_of(work: Work, payout_id: UUID) -> Any:
    """The payout, on its way by Connect from here on; None where it is settled by hand, or nothing to take back of."""
    row = await work.fetchrow(
        f"""SELECT t.*, a.stripe_id AS account, paid.stripe_id AS transfer, paid.way AS paid_way,
                  paid.state AS paid_state
           FROM payout t JOIN provider_account a ON a.provider_id = t.provider_id AND {_PAYABLE}
           LEFT JOIN payout paid ON paid.commissioner_id = t.commissioner_id AND paid.visit_id = t.visit_id
               AND paid.refund_id IS NULL AND t.refund_id IS NOT NULL
           WHERE t.commissioner_id = $1 AND t.id = $2 AND t.settled_on IS NULL FOR NO KEY UPDATE OF t""",  # noqa: S608
        work.actor.commissioner_id, payout_id,
    )  # fmt: skip
    if row is None or (row["pence"] < 0 and (row["paid_way"], row["paid_state"]) != ("connect", "paid")):
        return None
    await work.execute(
        "UPDATE payout SET state = 'sent', way = 'connect', sent_at = coalesce(sent_at, $3)"
        " WHERE commissioner_id = $1 AND id = $2",
        row["commissioner_id"], payout_id, work.now,
    )  # fmt: skip
    return row


async def _payout_refused(actor: Actor, row: Any, why: str) -> None:
    """Owed again: tried at the next round, or settled by hand."""
    async with unit_of_work(actor) as work:
        await work.execute(
            "UPDATE payout SET state = 'owed', way = NULL, sent_at = NULL, failure = $3, tries = tries + 1"
            " WHERE commissioner_id = $1 AND id = $2 AND state = 'sent' AND way = 'connect'",
            row["commissioner_id"], row["id"], why[:100],
        )  # fmt: skip
        if why not in LATER and row["failure"] != why:
            await tell(
                work, "A payout for a visit a family bought was not taken by Stripe. It is owed as before.",
                "/purchase-money", organisation_id=row["commissioner_id"], role="finance",
            )  # fmt: skip
        work.audit(
            "payout.refused", "payout", row["id"], commissioner_id=row["commissioner_id"], pence=row["pence"], why=why
        )

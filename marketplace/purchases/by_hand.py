"""Money settled by hand, from the client account: refunds a bank transfer brought in or a card did not take, and what
providers without an account at Stripe are owed. A finance officer writes down what the bank has done; from the pack's
sum on a second one confirms it, and only then is it in the books.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.payments import needs_four_eyes
from marketplace.purchases import books
from marketplace.web.filters import pounds

MOST_REFERENCE = 35
FARTHEST_BACK = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ByBank:
    """What the bank did: the day, and its reference."""

    paid_on: date
    reference: str


async def record_refund(actor: Actor, refund_id: UUID, given: ByBank) -> bool:
    """Write down that a refund was paid by bank; True where it is in the books now, False where another confirms it.

    Raises `InvalidInput` by field; `Conflict` where it is on its way by card, or paid already; `NotFound`.
    """
    permit(actor, "purchase_money.settle")
    async with unit_of_work(actor) as work:
        row = await _refund(work, refund_id)
        if row["state"] == "arrived" or row["settled_on"] is not None:
            raise Conflict("This refund has been written down already.")
        if row["way"] == "card" and row["state"] != "failed":
            raise Conflict("This refund goes back to the card by itself. It is paid by bank where the card refuses it.")
        _check(work, given)
        alone = not await _needs_second(work, row["framework_id"], row["pence"])
        await work.execute(
            """UPDATE refund SET state = $3, sent_at = coalesce(sent_at, $4),
                   arrived_at = CASE WHEN $5 THEN $4::timestamptz END,
                   settled_on = $6, settled_by = $7, settled_reference = $8
               WHERE commissioner_id = $1 AND id = $2""",
            row["commissioner_id"], refund_id, "arrived" if alone else "sent", work.now, alone, given.paid_on,
            actor.person_id, given.reference.strip(),
        )  # fmt: skip
        work.audit(
            "refund.settled_by_hand", "refund", refund_id, purchase=row["purchase_id"], pence=row["pence"],
            paid_on=given.paid_on, waits_for_second=not alone,
        )  # fmt: skip
        if alone:
            await _enter_refund(work, row)
        return alone


async def confirm_refund(actor: Actor, refund_id: UUID) -> None:
    """The second pair of eyes. Raises `Conflict` for whoever wrote it down, or where nothing waits; `NotFound`."""
    permit(actor, "purchase_money.settle")
    async with unit_of_work(actor) as work:
        row = await _refund(work, refund_id)
        if row["state"] != "sent" or row["settled_on"] is None:
            raise Conflict("This refund does not wait to be confirmed.")
        if row["settled_by"] == actor.person_id:
            raise Conflict("You wrote this down, so somebody else confirms it.")
        await work.execute(
            "UPDATE refund SET state = 'arrived', arrived_at = $3, approved_by = $4"
            " WHERE commissioner_id = $1 AND id = $2",
            row["commissioner_id"], refund_id, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("refund.confirmed", "refund", refund_id, purchase=row["purchase_id"], pence=row["pence"])
        await _enter_refund(work, row)


async def send_again(actor: Actor, refund_id: UUID) -> None:
    """Try the card once more. Raises `Conflict` where it was not refused, or is settled by hand; `NotFound`."""
    permit(actor, "purchase_money.settle")
    async with unit_of_work(actor) as work:
        row = await _refund(work, refund_id)
        if row["way"] != "card" or row["state"] != "failed" or row["settled_on"] is not None:
            raise Conflict("This refund was not refused by the card, so there is nothing to send again.")
        await work.execute(
            "UPDATE refund SET state = 'owed', sent_at = NULL WHERE commissioner_id = $1 AND id = $2",
            row["commissioner_id"], refund_id,
        )  # fmt: skip
        work.audit("refund.sent_again", "refund", refund_id, purchase=row["purchase_id"], pence=row["pence"])


async def record_payout(actor: Actor, framework_id: UUID, provider_id: UUID, given: ByBank, *, pence: int) -> bool:
    """Write down that a provider was paid by bank what it is owed on a framework, all of it; True where it is in the
    books now, False where another confirms it.

    `pence` is what was shown: raises `Conflict` where it is another sum by now, or nothing; `InvalidInput` by field.
    """
    permit(actor, "purchase_money.settle")
    async with unit_of_work(actor) as work:
        rows = await _payable(work, framework_id, provider_id)
        owed = sum(row["pence"] for row in rows)
        if not rows:
            raise NotFound("There is nothing to pay to this provider by bank.")
        if owed <= 0:
            raise Conflict("This provider owes more back than it is owed: it comes off what is owed to it next.")
        if owed != pence:
            raise Conflict(f"{pounds(owed)} is owed now, and not the {pounds(pence)} you were shown. Look again.")
        _check(work, given)
        alone = not await _needs_second(work, framework_id, owed)
        await work.execute(
            """UPDATE payout SET state = $3, way = 'by_hand', sent_at = $4,
                   paid_at = CASE WHEN $5 THEN $4::timestamptz END,
                   settled_on = $6, settled_by = $7, settled_reference = $8
               WHERE commissioner_id = $1 AND id = ANY ($2)""",
            actor.commissioner_id, [row["id"] for row in rows], "paid" if alone else "sent", work.now, alone,
            given.paid_on, actor.person_id, given.reference.strip(),
        )  # fmt: skip
        work.audit(
            "payout.settled_by_hand", "provider", provider_id, framework=framework_id, pence=owed, visits=len(rows),
            paid_on=given.paid_on, waits_for_second=not alone,
        )  # fmt: skip
        if alone:
            await _enter_payouts(work, rows)
        return alone


async def confirm_payout(actor: Actor, framework_id: UUID, provider_id: UUID) -> int:
    """The second pair of eyes on what was written down for a provider; answers the pence.

    Raises `Conflict` where somebody wrote down a part of it themself, `NotFound` where nothing waits.
    """
    permit(actor, "purchase_money.settle")
    async with unit_of_work(actor) as work:
        rows = await work.fetch(
            "SELECT * FROM payout WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3"
            " AND state = 'sent' AND way = 'by_hand' ORDER BY id FOR NO KEY UPDATE",
            actor.commissioner_id, framework_id, provider_id,
        )  # fmt: skip
        if not rows:
            raise NotFound("Nothing waits to be confirmed for this provider.")
        if any(row["settled_by"] == actor.person_id for row in rows):
            raise Conflict("You wrote this down, so somebody else confirms it.")
        await work.execute(
            "UPDATE payout SET state = 'paid', paid_at = $3, approved_by = $4"
            " WHERE commissioner_id = $1 AND id = ANY ($2)",
            actor.commissioner_id, [row["id"] for row in rows], work.now, actor.person_id,
        )  # fmt: skip
        pence = sum(row["pence"] for row in rows)
        work.audit("payout.confirmed", "provider", provider_id, framework=framework_id, pence=pence, visits=len(rows))
        await _enter_payouts(work, rows)
        return pence


async def _refund(work: Work, refund_id: UUID) -> Any:
    row = await work.fetchrow(
        "SELECT * FROM refund WHERE commissioner_id = $1 AND id = $2 FOR NO KEY UPDATE",
        work.actor.commissioner_id, refund_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such refund.")
    return row


# What a provider is paid by bank: whatever is owed, unless an account that may be paid takes the card's money.
BY_BANK = """o.state = 'owed' AND NOT (
    EXISTS (SELECT FROM provider_account a WHERE a.provider_id = o.provider_id AND a.state = 'active')
    AND EXISTS (SELECT FROM card_payment c WHERE c.commissioner_id = o.commissioner_id
        AND c.purchase_id = o.purchase_id AND c.received_pence > 0)
    AND (o.pence > 0 OR EXISTS (SELECT FROM payout f WHERE f.commissioner_id = o.commissioner_id
        AND f.visit_id = o.visit_id AND f.refund_id IS NULL AND coalesce(f.way, 'connect') = 'connect')))"""


async def _payable(work: Work, framework_id: UUID, provider_id: UUID) -> list[Any]:
    return await work.fetch(
        f"""SELECT o.* FROM payout o WHERE o.commissioner_id = $1 AND o.framework_id = $2 AND o.provider_id = $3
            AND {BY_BANK} ORDER BY o.id FOR NO KEY UPDATE""",  # noqa: S608 - our own fragment
        work.actor.commissioner_id, framework_id, provider_id,
    )  # fmt: skip


def _check(work: Work, given: ByBank) -> None:
    today, faults = local_day(work.now), dict[str, str]()
    if not today - FARTHEST_BACK <= given.paid_on <= today:
        faults["paid_on"] = "The day it was paid must be today or within the last year"
    if not given.reference.strip():
        faults["reference"] = "Enter the bank’s reference"
    elif len(given.reference.strip()) > MOST_REFERENCE:
        faults["reference"] = f"The reference must be {MOST_REFERENCE} characters or fewer"
    if faults:
        raise InvalidInput(faults)


async def _needs_second(work: Work, framework_id: UUID, pence: int) -> bool:
    return needs_four_eyes(await pack_of(work, framework_id), pence, local_day(work.now))


async def _enter_refund(work: Work, row: Any) -> None:
    await books.enter(
        work, "purchase_refund_paid", books.purchase_of(row), row["id"], row["pence"], "transfer", again=row["returns"]
    )
    await books.fetch_from_card(work, books.purchase_of(row))


async def _enter_payouts(work: Work, rows: list[Any]) -> None:
    for row in rows:
        await books.enter(work, "purchase_payout_paid", books.purchase_of(row), row["id"], row["pence"], "by_hand")
    for purchase in {row["purchase_id"]: books.purchase_of(row) for row in rows}.values():
        await books.fetch_from_card(work, purchase)

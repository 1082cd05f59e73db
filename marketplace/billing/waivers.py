"""What a waiver does to the books: the deduction is taken back by a new entry, and what it gives back is paid.

A frozen invoice is not touched. What was not yet taken is no longer carried; the rest is to be paid, by the payment
run, which takes it from `to_pay` and books it by `mark_paid`, or on a payment of its own.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.billing.ledger import (
    BANK,
    DEDUCTION,
    OWED_BY_PROVIDER,
    PROVIDER_PAYABLE,
    balance,
    one_at_a_time,
    post,
)
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.policy.disputes import split_waiver
from marketplace.policy.invoicing import pay_by
from marketplace.web.filters import day, pounds

PAY = "invoice_payment"


async def waive(work: Work, dispute: asyncpg.Record) -> tuple[int, int]:
    """Book the waiver of a locked dispute and mark it; returns (to be paid, taken off what is carried), in pence."""
    books: dict[str, Any] = {key: dispute[key] for key in ("commissioner_id", "framework_id", "provider_id")}
    await one_at_a_time(work, dispute["framework_id"], dispute["provider_id"], dispute["commissioner_id"])
    pays, off = split_waiver(dispute["pence"], await balance(work, OWED_BY_PROVIDER, **books))
    await post(
        work, "waiver", {DEDUCTION: dispute["pence"], PROVIDER_PAYABLE: -pays, OWED_BY_PROVIDER: -off},
        subject_type="deduction_dispute", subject_id=dispute["id"], **books,
    )  # fmt: skip
    pack = await pack_of(work, dispute["framework_id"])
    pay_on = pay_by(pack, local_day(work.now)) if pays else None
    await work.execute(
        """UPDATE deduction_dispute SET state = 'waived', decided_by = $3, decided_at = $4, payable_pence = $5,
           off_pence = $6, pay_by = $7 WHERE commissioner_id = $1 AND id = $2""",
        dispute["commissioner_id"], dispute["id"], work.actor.person_id, work.now, pays, off, pay_on,
    )  # fmt: skip
    work.audit(
        "deduction.waived", "deduction_dispute", dispute["id"], pence=dispute["pence"], payable_pence=pays,
        off_pence=off, reason=dispute["reason_code"], proposed_by=dispute["proposed_by"],
    )  # fmt: skip
    if pay_on is not None:
        await owe(
            work, pack, PAY, subject_type="deduction_dispute", subject_id=dispute["id"],
            reference=f"{dispute['number']} ({dispute['framework']}, from {dispute['first_day']:%-d %B %Y})",
            owed_by=Owed(organisation_id=dispute["commissioner_id"], role="finance"), owed_to=dispute["provider_id"],
            link=f"/disputes/{dispute['id']}", title="Pay back a waived deduction",
            due_at=end_of_day(pay_on), commissioner_id=dispute["commissioner_id"],
            framework_id=dispute["framework_id"],
        )  # fmt: skip
    return pays, off


async def to_pay(work: Work) -> list[asyncpg.Record]:
    """Waived deductions of the payer still to be paid back and in no payment run, the oldest first.

    `payable_pence` of each, with its invoice's number and period and the names a list needs. An invoice that was
    replaced since gives its number all the same: it is the one the deduction was disputed on.
    """
    return await work.fetch(
        """SELECT d.*, i.number, i.last_day, f.name AS framework, o.name AS provider
           FROM deduction_dispute d JOIN invoice i ON i.commissioner_id = d.commissioner_id AND i.id = d.invoice_id
           JOIN framework f ON f.id = d.framework_id JOIN organisation o ON o.id = d.provider_id
           WHERE d.commissioner_id = $1 AND d.state = 'waived' AND d.payable_pence > 0 AND d.paid_on IS NULL
             AND NOT EXISTS (SELECT 1 FROM payment_line l WHERE l.commissioner_id = d.commissioner_id
                             AND l.dispute_id = d.id AND l.counts)
           ORDER BY d.decided_at, d.id""",
        work.actor.commissioner_id,
    )


async def pay_back(actor: Actor, dispute_id: UUID, paid_on: date) -> None:
    """Note that a waived deduction was paid back on a day, by itself; the ledger says so, the provider is told.

    Raises what `mark_paid` raises, and `Conflict` while it lies in a payment run, which pays it.
    """
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        await work.fetchval(
            "SELECT id FROM deduction_dispute WHERE id = $1 AND commissioner_id = $2 FOR UPDATE",
            dispute_id, actor.commissioner_id,
        )  # fmt: skip
        run = await work.fetchval(
            """SELECT r.number FROM payment_line l
               JOIN payment_run r ON r.commissioner_id = l.commissioner_id AND r.id = l.run_id
               WHERE l.commissioner_id = $1 AND l.dispute_id = $2 AND l.counts AND l.paid_on IS NULL""",
            actor.commissioner_id, dispute_id,
        )  # fmt: skip
        if run is not None:
            raise Conflict(f"This lies in payment run {run}: it is paid there, or once that run is cancelled.")
        await mark_paid(work, dispute_id, paid_on)


async def mark_paid(work: Work, dispute_id: UUID, paid_on: date) -> None:
    """Book the payment of one waived deduction, once, within the unit of whoever pays.

    Raises `Conflict` where there is nothing (more) to pay, `InvalidInput` for a day to come or before the waiver.
    """
    row = await work.fetchrow(
        """SELECT d.*, i.number FROM deduction_dispute d
           JOIN invoice i ON i.commissioner_id = d.commissioner_id AND i.id = d.invoice_id
           WHERE d.id = $1 AND d.commissioner_id = $2 FOR UPDATE OF d""",
        dispute_id, work.actor.commissioner_id,
    )  # fmt: skip
    if row is None:
        raise NotFound
    if row["state"] != "waived" or not row["payable_pence"]:
        raise Conflict("There is nothing to pay back here.")
    if row["paid_on"] is not None:
        raise Conflict(f"This was paid back on {day(row['paid_on'])} already.")
    if not local_day(row["decided_at"]) <= paid_on <= local_day(work.now):
        raise InvalidInput(
            {"paid_on": f"The day must be between {day(local_day(row['decided_at']))}, when it was waived, and today"}
        )
    await work.execute(
        "UPDATE deduction_dispute SET paid_on = $3, paid_by = $4 WHERE commissioner_id = $1 AND id = $2",
        row["commissioner_id"], dispute_id, paid_on, work.actor.person_id,
    )  # fmt: skip
    await post(
        work, "waiver_paid", {PROVIDER_PAYABLE: row["payable_pence"], BANK: -row["payable_pence"]},
        commissioner_id=row["commissioner_id"], framework_id=row["framework_id"], provider_id=row["provider_id"],
        subject_type="deduction_dispute", subject_id=dispute_id,
    )  # fmt: skip
    work.audit("deduction.paid_back", "deduction_dispute", dispute_id, pence=row["payable_pence"], paid_on=paid_on)
    await meet(work, PAY, dispute_id)
    await tell(
        work, f"{pounds(row['payable_pence'])} of the waived deduction from your invoice {row['number']} was paid.",
        f"/disputes/{dispute_id}", organisation_id=row["provider_id"],
    )  # fmt: skip

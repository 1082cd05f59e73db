"""A finance officer accepts an invoice or returns it with what to mend; both are told, neither edits it."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.billing.credit_notes import ask_over_claim
from marketplace.billing.ledger import one_at_a_time
from marketplace.billing.owing import invoice_reference, owe_payment
from marketplace.billing.states import INVOICE
from marketplace.billing.submitting import DECIDE, SUBMIT, period_subject
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.platform.states import after
from marketplace.policy.calendar import Period, local_day
from marketplace.policy.invoicing import pay_by
from marketplace.policy.records import is_blank


async def accept_invoice(actor: Actor, invoice_id: UUID) -> None:
    """Accept what the records and the rate card give; payment is due as the pack's duty says (domain 5, N).

    Raises `WrongState` unless it waits for a decision, `NotFound` outside the payer's own invoices.
    """
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        invoice = await _waiting(work, invoice_id, "accepted")
        pack = await pack_of(work, invoice["framework_id"])
        pay_on = pay_by(pack, local_day(invoice["received_at"]))
        await work.execute(
            """UPDATE invoice SET state = 'accepted', accepted_at = $3, accepted_by = $4, pay_by = $5
               WHERE commissioner_id = $1 AND id = $2""",
            invoice["commissioner_id"], invoice_id, work.now, actor.person_id, pay_on,
        )  # fmt: skip
        work.audit("invoice.accepted", "invoice", invoice_id, number=invoice["number"], net_pence=invoice["net_pence"])
        await meet(work, DECIDE, invoice_id)
        await _tell_provider(work, invoice, f"{invoice_reference(invoice)} was accepted.")
        await ask_over_claim(work, pack, invoice)
        await owe_payment(work, pack, invoice_id, starts_at=invoice["received_at"])


async def return_invoice(actor: Actor, invoice_id: UUID, reason: str) -> None:
    """Send an invoice back with what to mend; the provider's correction replaces it and keeps its first submission.

    Raises `InvalidInput` without a reason, `Conflict` once a later period was invoiced on what this one carried.
    """
    permit(actor, "invoice.decide")
    if is_blank(reason):
        raise InvalidInput({"reason": "Enter what the provider must mend before you can accept the invoice."})
    async with unit_of_work(actor) as work:
        books = await work.fetchrow(
            "SELECT framework_id, provider_id, commissioner_id FROM invoice WHERE id = $1 AND commissioner_id = $2",
            invoice_id, work.actor.commissioner_id,
        )  # fmt: skip
        if books is None:
            raise NotFound
        await one_at_a_time(work, *books)  # an invoice on its way is built on what this one carries, or comes after it
        invoice = await _waiting(work, invoice_id, "returned")
        later = await work.fetchval(
            """SELECT number FROM invoice WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3
               AND first_day > $4 AND replaced_at IS NULL LIMIT 1""",
            invoice["commissioner_id"], invoice["framework_id"], invoice["provider_id"], invoice["first_day"],
        )  # fmt: skip
        if later is not None:
            raise Conflict(f"Invoice {later} was already built on what this one carries, so it can't be returned now.")
        await work.execute(
            """UPDATE invoice SET state = 'returned', returned_at = $3, returned_by = $4, returned_reason = $5
               WHERE commissioner_id = $1 AND id = $2""",
            invoice["commissioner_id"], invoice_id, work.now, actor.person_id, reason.strip(),
        )  # fmt: skip
        work.audit("invoice.returned", "invoice", invoice_id, number=invoice["number"])
        await meet(work, DECIDE, invoice_id)
        period = Period(invoice["first_day"], invoice["last_day"])
        await owe(
            work,
            await pack_of(work, invoice["framework_id"]),
            SUBMIT,
            subject_type="invoice_period",
            subject_id=period_subject(invoice["framework_id"], invoice["commissioner_id"], period),
            reference=invoice_reference(invoice),
            owed_by=Owed(organisation_id=invoice["provider_id"]),
            owed_to=invoice["commissioner_id"],
            link=f"/invoices/draft/{invoice['framework_id']}/{invoice['commissioner_id']}/{period.first_day}",
            title="Correct the returned invoice and submit it again",
            commissioner_id=invoice["commissioner_id"],
            framework_id=invoice["framework_id"],
        )
        await _tell_provider(work, invoice, f"{invoice_reference(invoice)} was returned: see what to mend.")


async def _waiting(work: Work, invoice_id: UUID, verb: str) -> asyncpg.Record:
    """The invoice, locked, if it may go where the verb leads."""
    row = await work.fetchrow(
        """SELECT i.*, f.name AS framework, o.name AS provider FROM invoice i
           JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = i.provider_id
           WHERE i.id = $1 AND i.commissioner_id = $2 FOR UPDATE OF i""",
        invoice_id, work.actor.commissioner_id,
    )  # fmt: skip
    if row is None:
        raise NotFound
    after(INVOICE, "invoice", verb, row["state"])
    return row


async def _tell_provider(work: Work, invoice: asyncpg.Record, sentence: str) -> None:
    await tell(work, sentence, f"/invoices/{invoice['id']}", organisation_id=invoice["provider_id"])

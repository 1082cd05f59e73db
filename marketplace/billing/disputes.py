"""A provider disputes a deduction; a finance officer upholds or waives it, above the pack's sum never one alone.

The deduction stands once per period, however often its invoice is corrected, and so does the dispute about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.billing.ledger import one_at_a_time
from marketplace.billing.waivers import waive
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.disputes import ANSWER, WAIVER_REASONS, dispute_until, in_time, second_officer_needed
from marketplace.policy.records import is_blank
from marketplace.providers.attachments import DBS_SCAN
from marketplace.providers.files import attachable
from marketplace.referrals.anonymity import name_nobody
from marketplace.web.filters import last_moment

CONFIRM = "task.confirm_waiver"
MOST = 4000
WHO_READS = "a council's finance officer reads this"


async def raise_dispute(actor: Actor, invoice_id: UUID, says: str, evidence_ids: Sequence[UUID] = ()) -> UUID:
    """Dispute the deduction of one's own invoice with a text and files of one's evidence; returns the dispute's id.

    Raises `Conflict` where nothing was deducted, the time is over (with its date), or it was disputed before;
    `InvalidInput` for a text that is empty, too long or tells who a child is, and for files that cannot be attached.
    """
    permit(actor, "invoice.submit")
    if actor.provider_id is None:
        raise NotPermitted
    async with unit_of_work(actor) as work:
        invoice = await work.fetchrow(
            """SELECT i.*, f.name AS framework FROM invoice i JOIN framework f ON f.id = i.framework_id
               WHERE i.id = $1 AND i.provider_id = $2 FOR UPDATE OF i""",
            invoice_id, actor.provider_id,
        )  # fmt: skip
        if invoice is None:
            raise NotFound
        pack = await pack_of(work, invoice["framework_id"])
        if not invoice["deduction_pence"]:
            raise Conflict("Nothing was deducted from this invoice.")
        if invoice["replaced_at"] is not None:
            raise Conflict("This invoice was replaced by its correction: dispute the deduction there.")
        if not in_time(pack, invoice["submitted_at"], work.now):
            until = dispute_until(pack, invoice["submitted_at"])
            assert until is not None
            raise Conflict(f"This deduction could be disputed until {last_moment(until)}. That time is over.")
        await _sayable(work, invoice, says)
        files = [await _file(work, each) for each in dict.fromkeys(evidence_ids)]
        dispute_id = uuid4()
        try:
            await work.execute(
                """INSERT INTO deduction_dispute (commissioner_id, id, framework_id, provider_id, invoice_id, first_day,
                   pence, says, raised_by, raised_at, second_needed)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
                invoice["commissioner_id"], dispute_id, invoice["framework_id"], invoice["provider_id"], invoice_id,
                invoice["first_day"], invoice["deduction_pence"], says.strip(), actor.person_id, work.now,
                second_officer_needed(pack, invoice["submitted_at"], invoice["deduction_pence"]),
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("This deduction has been disputed already.") from error
        dispute = await _row(work, dispute_id)
        for file in files:
            await work.execute(
                "INSERT INTO dispute_evidence VALUES ($1, $2, $3, $4)",
                invoice["commissioner_id"], dispute_id, invoice["provider_id"], file,
            )  # fmt: skip
        await _step(work, dispute, "raised", says)
        work.audit(
            "deduction.disputed", "deduction_dispute", dispute_id, commissioner_id=invoice["commissioner_id"],
            invoice=invoice_id, pence=invoice["deduction_pence"], files=len(files),
        )  # fmt: skip
        await owe(
            work, pack, ANSWER, subject_type="deduction_dispute", subject_id=dispute_id, reference=reference(dispute),
            owed_by=Owed(organisation_id=invoice["commissioner_id"], role="finance"), owed_to=invoice["provider_id"],
            link=f"/disputes/{dispute_id}", commissioner_id=invoice["commissioner_id"],
            framework_id=invoice["framework_id"],
        )  # fmt: skip
        await tell(
            work, f"{actor.organisation_name} disputes the deduction from its invoice {reference(dispute)}.",
            f"/disputes/{dispute_id}", organisation_id=invoice["commissioner_id"], role="finance",
        )  # fmt: skip
        return dispute_id


async def uphold(actor: Actor, dispute_id: UUID, says: str) -> None:
    """Leave the deduction as it is, with the reason the provider reads. No money moves."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        dispute = await _to_decide(work, dispute_id, "open", "upheld")
        _reasoned(says, "Enter why the deduction stands: the provider reads it")
        await work.execute(
            """UPDATE deduction_dispute SET state = 'upheld', decided_by = $3, decided_at = $4
               WHERE commissioner_id = $1 AND id = $2""",
            dispute["commissioner_id"], dispute_id, actor.person_id, work.now,
        )  # fmt: skip
        await _step(work, dispute, "upheld", says)
        work.audit("deduction.upheld", "deduction_dispute", dispute_id, pence=dispute["pence"])
        await meet(work, ANSWER, dispute_id)
        await _tell_provider(work, dispute, f"The deduction from your invoice {reference(dispute)} stands: see why.")


async def propose_waiver(actor: Actor, dispute_id: UUID, reason_code: str, says: str) -> bool:
    """Waive the deduction with a reason; above the pack's sum it waits for a second finance officer.

    Returns whether it is waived now. Raises `Conflict` while the period's invoice is returned and not yet corrected.
    """
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        dispute = await _to_decide(work, dispute_id, "open", "waived")
        if reason_code not in WAIVER_REASONS:
            raise InvalidInput({"reason_code": "Select why the deduction is waived"})
        _reasoned(says, "Enter why the deduction is waived: the provider reads it")
        dispute = await work.fetchrow(
            """UPDATE deduction_dispute SET state = 'proposed', reason_code = $3, proposed_by = $4, proposed_at = $5
               WHERE commissioner_id = $1 AND id = $2 RETURNING *""",
            dispute["commissioner_id"], dispute_id, reason_code, actor.person_id, work.now,
        )  # fmt: skip
        assert dispute is not None
        dispute = await _row(work, dispute_id)
        if not dispute["second_needed"]:
            await _step(work, dispute, "waived", says, reason_code)
            await _waive(work, dispute)
            return True
        await _step(work, dispute, "proposed", says, reason_code)
        work.audit(
            "deduction.waiver_proposed", "deduction_dispute", dispute_id, pence=dispute["pence"], reason=reason_code
        )
        await owe(
            work, await pack_of(work, dispute["framework_id"]), CONFIRM, subject_type="deduction_dispute",
            subject_id=dispute_id, reference=reference(dispute), title="Confirm a waiver a colleague proposes",
            owed_by=Owed(organisation_id=dispute["commissioner_id"], role="finance"), link=f"/disputes/{dispute_id}",
            commissioner_id=dispute["commissioner_id"], framework_id=dispute["framework_id"],
        )  # fmt: skip
        await tell(
            work, f"A waiver of the deduction from invoice {reference(dispute)} waits for a second finance officer.",
            f"/disputes/{dispute_id}", organisation_id=dispute["commissioner_id"], role="finance",
        )  # fmt: skip
        return False


async def confirm_waiver(actor: Actor, dispute_id: UUID) -> None:
    """The second finance officer agrees: the deduction is waived. Never the one who proposed it (four eyes; D)."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        dispute = await _to_decide(work, dispute_id, "proposed", "confirmed")
        if dispute["proposed_by"] == actor.person_id:
            raise Conflict("You proposed this waiver: another finance officer must confirm it.")
        said = await work.fetchval(
            """SELECT says FROM dispute_step WHERE commissioner_id = $1 AND dispute_id = $2 AND what = 'proposed'
               ORDER BY position DESC LIMIT 1""",
            dispute["commissioner_id"], dispute_id,
        )  # fmt: skip
        await _step(work, dispute, "waived", said, dispute["reason_code"])
        await _waive(work, dispute)


async def refuse_waiver(actor: Actor, dispute_id: UUID, says: str) -> None:
    """A proposed waiver is not confirmed, or taken back: the dispute is open again, with what was said about it."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        dispute = await _to_decide(work, dispute_id, "proposed", "sent back")
        _reasoned(says, "Enter why you do not confirm the waiver: your colleague reads it")
        await work.execute(
            """UPDATE deduction_dispute SET state = 'open', reason_code = NULL, proposed_by = NULL, proposed_at = NULL
               WHERE commissioner_id = $1 AND id = $2""",
            dispute["commissioner_id"], dispute_id,
        )  # fmt: skip
        await _step(work, dispute, "not_confirmed", says)
        work.audit("deduction.waiver_not_confirmed", "deduction_dispute", dispute_id)
        await cancel(work, dispute_id, CONFIRM)


async def _waive(work: Work, dispute: asyncpg.Record) -> None:
    # held before the question: nobody returns the invoice between it and the books
    await one_at_a_time(work, dispute["framework_id"], dispute["provider_id"], dispute["commissioner_id"])
    waited = await work.fetchval(
        """SELECT EXISTS (SELECT 1 FROM invoice WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3
           AND first_day = $4 AND state = 'returned' AND replaced_at IS NULL)""",
        dispute["commissioner_id"], dispute["framework_id"], dispute["provider_id"], dispute["first_day"],
    )  # fmt: skip
    if waited:
        raise Conflict("The invoice is with the provider to be corrected: waive the deduction once it is back.")
    pays, off = await waive(work, dispute)
    await meet(work, ANSWER, dispute["id"])
    await meet(work, CONFIRM, dispute["id"])
    how = "It is paid to you" if pays and not off else "It is no longer carried to your next invoice"
    how = "A part is no longer carried, the rest is paid to you" if pays and off else how
    await _tell_provider(work, dispute, f"The deduction from your invoice {reference(dispute)} is waived. {how}.")


async def _to_decide(work: Work, dispute_id: UUID, state: str, verb: str) -> asyncpg.Record:
    """The payer's own dispute, locked, in the state it is decided from."""
    found = await work.fetchval(
        "SELECT state FROM deduction_dispute WHERE id = $1 AND commissioner_id = $2 FOR UPDATE",
        dispute_id, work.actor.commissioner_id,
    )  # fmt: skip
    if found is None:
        raise NotFound
    if found != state:
        raise WrongState("dispute", found, verb)
    return await _row(work, dispute_id)


async def _row(work: Work, dispute_id: UUID) -> asyncpg.Record:
    row = await work.fetchrow(
        """SELECT d.*, i.number, f.name AS framework FROM deduction_dispute d
           JOIN invoice i ON i.commissioner_id = d.commissioner_id AND i.id = d.invoice_id
           JOIN framework f ON f.id = d.framework_id WHERE d.id = $1""",
        dispute_id,
    )
    if row is None:
        raise NotFound
    return row


async def _sayable(work: Work, invoice: Any, says: str) -> None:
    """A text that may leave the case: there, of a bearable length, and naming no child the invoice is about."""
    if is_blank(says):
        raise InvalidInput({"says": "Enter why you dispute the deduction"})
    if len(says) > MOST:
        raise InvalidInput({"says": f"What you say must be {MOST} characters or fewer"})
    children = await work.fetch(
        """SELECT DISTINCT v.commissioner_id, v.child_id FROM invoice_line l
           JOIN visit v ON v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id
           WHERE l.commissioner_id = $1 AND l.invoice_id = $2""",
        invoice["commissioner_id"], invoice["id"],
    )  # fmt: skip
    for child in children:
        await name_nobody(work, child["commissioner_id"], child["child_id"], "says", says, WHO_READS)


def _reasoned(says: str, ask: str) -> None:
    if is_blank(says):
        raise InvalidInput({"says": ask})
    if len(says) > MOST:
        raise InvalidInput({"says": f"What you say must be {MOST} characters or fewer"})


async def _file(work: Work, evidence_id: UUID) -> UUID:
    row = await attachable(work, evidence_id)
    if row["kind"] == DBS_SCAN:
        raise InvalidInput({"evidence_id": "A scan of a DBS certificate is shown to nobody: select another file"})
    return evidence_id


async def _step(work: Work, dispute: asyncpg.Record, what: str, says: str, reason_code: str | None = None) -> None:
    await work.execute(
        """INSERT INTO dispute_step (commissioner_id, position, dispute_id, provider_id, at, what, by_person, by_name,
           reason_code, says) SELECT $1, 1 + count(*), $2, $3, $4, $5, $6, $7, $8, $9
           FROM dispute_step WHERE commissioner_id = $1 AND dispute_id = $2""",
        dispute["commissioner_id"], dispute["id"], dispute["provider_id"], work.now, what,
        work.actor.person_id, work.actor.person_name, reason_code, says.strip(),
    )  # fmt: skip


def reference(dispute: Any) -> str:
    """ "3 (Framework, from 18 May 2026)": the disputed invoice in a sentence."""
    return f"{dispute['number']} ({dispute['framework']}, from {dispute['first_day']:%-d %B %Y})"


async def _tell_provider(work: Work, dispute: asyncpg.Record, sentence: str) -> None:
    await tell(work, sentence, f"/disputes/{dispute['id']}", organisation_id=dispute["provider_id"])

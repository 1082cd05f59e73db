"""Credit notes: what is taken back of an accepted invoice, once the provider has confirmed it (domain 5; D).

Two kinds. `claim`: the invoice claims more than the records give; it is asked for at acceptance, of itself. The books
followed the records from the first, so it moves no account: the document catches up with them. `deduction`: a fault
found after acceptance; the pack's sum is taken off what is still to be paid, and what that cannot bear is carried to
the provider's next invoice. An invoice is not paid while one is open.
"""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import msgspec

from marketplace.billing.credit_note_queries import over_claimed, times
from marketplace.billing.ledger import DEDUCTION, OWED_BY_PROVIDER, PROVIDER_PAYABLE, one_at_a_time, post
from marketplace.billing.owing import PAY, owe_payment, owed_on
from marketplace.billing.states import CREDIT_NOTE
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.platform.states import after
from marketplace.policy.calendar import local_day
from marketplace.policy.disputes import deductible_after
from marketplace.policy.invoicing import InvoiceResult, settle
from marketplace.policy.pack import Pack
from marketplace.policy.payments import asked_at_most, stands_for_provider
from marketplace.policy.records import is_blank

CONFIRM = "task.confirm_credit_note"
ANSWER = "task.answer_refused_credit_note"
DEFECTS = ("inaccurate", "incomplete")


async def ask_over_claim(work: Work, pack: Pack, invoice: asyncpg.Record) -> UUID | None:
    """At acceptance: ask the provider to credit what it claimed beyond the records. None where there is nothing."""
    lines = await over_claimed(work, invoice["commissioner_id"], invoice["id"])
    pence = sum(line.credited_pence for line in lines)
    if not pence:
        return None
    return await _ask(
        work, pack, invoice, "claim", None, pence, "The records and the rate card give less than claimed."
    )


async def ask_deduction(actor: Actor, invoice_id: UUID, defect: str, reason: str) -> UUID:
    """Deduct the pack's sum from an accepted invoice found faulty afterwards; returns the credit note's id (L 7.11).

    What is beyond what is left to be paid will be carried to the next invoice: nothing falls below zero (D). Raises
    `InvalidInput` without a kind of fault or a reason; `Conflict` where the invoice was deducted already and that was
    not waived for another kind of fault, is disputed, is not accepted, or lies in a payment run.
    """
    permit(actor, "invoice.decide")
    faults: dict[str, str] = {}
    if defect not in DEFECTS:
        faults["defect"] = "Select what was wrong with the invoice"
    if is_blank(reason):
        faults["reason"] = "Enter what was found and where"
    if faults:
        raise InvalidInput(faults)
    async with unit_of_work(actor) as work:
        invoice = await work.fetchrow(
            """SELECT i.*, f.name AS framework FROM invoice i JOIN framework f ON f.id = i.framework_id
               WHERE i.id = $1 AND i.commissioner_id = $2 FOR UPDATE OF i""",
            invoice_id, work.actor.commissioner_id,
        )  # fmt: skip
        if invoice is None:
            raise NotFound
        if invoice["state"] != "accepted":
            raise Conflict(
                "A deduction is made by credit note while an invoice is accepted and not yet paid; "
                f"this one is {invoice['state']}."
            )
        pack = await pack_of(work, invoice["framework_id"])
        billing = pack.on(invoice["last_day"]).billing
        forgiven = await _waived_kinds(work, invoice)
        if not deductible_after(billing.deduction_once, invoice["deduction_pence"], forgiven, defect):
            raise Conflict("The deduction was made on this invoice already: it is made once, however many reasons.")
        await _must_not_be_on_its_way(work, invoice["commissioner_id"], invoice_id)
        left = await owed_on(work, invoice["commissioner_id"], invoice_id)
        _, carried = settle(left, billing.deduction_pence, 0)
        return await _ask(work, pack, invoice, "deduction", defect, billing.deduction_pence, reason.strip(), carried)


async def _waived_kinds(work: Work, invoice: asyncpg.Record) -> set[str] | None:
    """The kinds of defect whose deduction was waived in the invoice's period; None where none was.

    Raises `Conflict` while a dispute about that deduction waits: what stands of it is not known yet.
    """
    state = await work.fetchval(
        """SELECT state FROM deduction_dispute WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3
           AND first_day = $4 FOR SHARE""",
        invoice["commissioner_id"], invoice["framework_id"], invoice["provider_id"], invoice["first_day"],
    )  # fmt: skip
    if state in ("open", "proposed"):
        raise Conflict("The deduction of this invoice is disputed: decide that first.")
    result = msgspec.convert(invoice["result"], InvoiceResult)
    return {found.kind for found in result.defects if found.charged} if state == "waived" else None


async def _ask(
    work: Work, pack: Pack, invoice: asyncpg.Record, kind: str, defect: str | None, pence: int, reason: str,
    carried: int = 0,
) -> UUID:  # fmt: skip
    note_id, stands = uuid4(), stands_for_provider(pack, invoice["last_day"])
    try:
        await work.execute(
            """INSERT INTO credit_note (commissioner_id, id, framework_id, provider_id, invoice_id, kind, defect, pence,
               reason, asked_at, asked_by, carried_pence, most_asked, clock_stands)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
            invoice["commissioner_id"], note_id, invoice["framework_id"], invoice["provider_id"], invoice["id"], kind,
            defect, pence, reason, work.now, work.actor.person_id, carried,
            asked_at_most(pack, invoice["last_day"]), stands,
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise Conflict("A credit note of this kind stands on the invoice already.") from error
    work.audit("credit_note.asked", "credit_note", note_id, invoice=invoice["id"], kind=kind, pence=pence)
    if stands:  # nothing can be paid before the answer
        await cancel(work, invoice["id"], PAY)
    await _owe_answer(work, pack, note_id, invoice["number"], invoice)
    return note_id


async def confirm_credit_note(actor: Actor, note_id: UUID) -> int:
    """The provider issues the credit note; returns its number, the next of its provider, framework and payer.

    Raises `WrongState` unless it waits for the provider, `NotFound` outside the provider's own.
    """
    permit(actor, "invoice.submit")
    async with unit_of_work(actor) as work:
        note = await _of_provider(work, note_id, "confirmed")
        number = await _issue(work, note)
        await meet(work, CONFIRM, note_id)
        await _tell_finance(work, note, f"Credit note {number} on invoice {note['invoice_number']} was issued.")
        return number


async def decide_credit_note(actor: Actor, note_id: UUID, reason: str) -> int:
    """A finance officer decides that a credit note refused to the last stands, with the reason the provider reads, as a
    disputed deduction is upheld; returns its number. Raises `Conflict` while the pack lets it be asked for again."""
    permit(actor, "invoice.decide")
    if is_blank(reason):
        raise InvalidInput({"reason": "Enter why the credit note stands: the provider reads it"})
    async with unit_of_work(actor) as work:
        note = await _of_payer(work, note_id, "decided")
        if note["asked_times"] < note["most_asked"]:
            raise Conflict("Answer the provider and ask for the credit note again before you decide it.")
        number = await _issue(work, note, reason.strip())
        await meet(work, ANSWER, note_id)
        sentence = f"Credit note {number} on your invoice {note['invoice_number']} stands: see why."
        await tell(work, sentence, f"/credit-notes/{note_id}", organisation_id=note["provider_id"])
        return number


async def _issue(work: Work, note: asyncpg.Record, decided_reason: str | None = None) -> int:
    """Number a locked note and book it. What is left of its invoice can be paid from here on."""
    key = f"credit note {note['framework_id']} {note['provider_id']} {note['commissioner_id']}"
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)
    number: int = await work.fetchval(
        """SELECT coalesce(max(number), 0) + 1 FROM credit_note
           WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3""",
        note["commissioner_id"], note["framework_id"], note["provider_id"],
    )  # fmt: skip
    await work.execute(
        """UPDATE credit_note SET state = 'confirmed', number = $3, confirmed_at = $4, confirmed_by = $5,
           decided_reason = $6 WHERE commissioner_id = $1 AND id = $2""",
        note["commissioner_id"], note["id"], number, work.now, work.actor.person_id, decided_reason,
    )  # fmt: skip
    if note["kind"] == "deduction":
        # The invoice is not paid while this waits, so what it can bear is still what it was when this was asked.
        carried = note["carried_pence"]
        await one_at_a_time(work, note["framework_id"], note["provider_id"], note["commissioner_id"])
        await post(
            work,
            "credit_note",
            {DEDUCTION: -note["pence"], PROVIDER_PAYABLE: note["pence"] - carried, OWED_BY_PROVIDER: carried},
            commissioner_id=note["commissioner_id"],
            framework_id=note["framework_id"],
            provider_id=note["provider_id"],
            subject_type="credit_note",
            subject_id=note["id"],
        )
    work.audit(
        "credit_note.confirmed" if decided_reason is None else "credit_note.decided",
        "credit_note",
        note["id"],
        commissioner_id=note["commissioner_id"],
        number=number,
        pence=note["pence"],
    )
    await owe_payment(work, await pack_of(work, note["framework_id"]), note["invoice_id"])
    return number


async def refuse_credit_note(actor: Actor, note_id: UUID, reason: str) -> None:
    """The provider does not agree and says why; the finance officer answers, and the invoice waits meanwhile."""
    permit(actor, "invoice.submit")
    if is_blank(reason):
        raise InvalidInput({"reason": "Enter why you do not agree with the credit note"})
    async with unit_of_work(actor) as work:
        note = await _of_provider(work, note_id, "refused")
        await work.execute(
            """UPDATE credit_note SET state = 'refused', refused_at = $3, refused_by = $4, refused_reason = $5
               WHERE commissioner_id = $1 AND id = $2 AND state = 'asked'""",
            note["commissioner_id"], note_id, work.now, actor.person_id, reason.strip(),
        )  # fmt: skip
        work.audit("credit_note.refused", "credit_note", note_id, commissioner_id=note["commissioner_id"])
        await meet(work, CONFIRM, note_id)
        await owe(
            work,
            await pack_of(work, note["framework_id"]),
            ANSWER,
            subject_type="credit_note",
            subject_id=note_id,
            reference=_reference(note["invoice_number"], note),
            owed_by=Owed(organisation_id=note["commissioner_id"], role="finance"),
            owed_to=note["provider_id"],
            link=f"/credit-notes/{note_id}",
            title="Answer a refused credit note",
            commissioner_id=note["commissioner_id"],
            framework_id=note["framework_id"],
        )
        await _tell_finance(work, note, f"The credit note on invoice {note['invoice_number']} was refused: see why.")


async def ask_again(actor: Actor, note_id: UUID, reason: str) -> None:
    """Uphold a refused credit note with an answer to what the provider said; it waits for the provider again.

    One that was refused as often as the pack lets it be asked for is decided (`decide_credit_note`): `Conflict` here.
    """
    permit(actor, "invoice.decide")
    if is_blank(reason):
        raise InvalidInput({"reason": "Enter your answer to what the provider said"})
    async with unit_of_work(actor) as work:
        note = await _of_payer(work, note_id, "asked for again")
        if note["asked_times"] >= note["most_asked"]:
            raise Conflict(f"The provider has refused it {times(note['asked_times'])}: decide whether it stands.")
        await work.execute(
            """UPDATE credit_note SET state = 'asked', reason = $3, asked_at = $4, asked_by = $5,
               asked_times = asked_times + 1, waits = waits || $6
               WHERE commissioner_id = $1 AND id = $2 AND state = 'refused'""",
            note["commissioner_id"], note_id, reason.strip(), work.now, actor.person_id,
            [[local_day(note[end]).isoformat() for end in ("asked_at", "refused_at")]],
        )  # fmt: skip
        work.audit("credit_note.asked_again", "credit_note", note_id)
        await meet(work, ANSWER, note_id)
        await _owe_answer(work, await pack_of(work, note["framework_id"]), note_id, note["invoice_number"], note)


async def withdraw_credit_note(actor: Actor, note_id: UUID) -> None:
    """Give a deduction up before it is issued. What was claimed beyond the records cannot be given up: `Conflict`."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        note = await _of_payer(work, note_id, "withdrawn")
        if note["kind"] == "claim":
            raise Conflict("What is paid follows the records, so this credit note can only be asked for again.")
        await work.execute(
            """UPDATE credit_note SET state = 'withdrawn', withdrawn_at = $3, withdrawn_by = $4
               WHERE commissioner_id = $1 AND id = $2 AND state IN ('asked', 'refused')""",
            note["commissioner_id"], note_id, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("credit_note.withdrawn", "credit_note", note_id)
        await meet(work, ANSWER, note_id)
        await cancel(work, note_id)
        await owe_payment(work, await pack_of(work, note["framework_id"]), note["invoice_id"])
        sentence = f"The credit note asked for on your invoice {note['invoice_number']} was withdrawn."
        await tell(work, sentence, f"/credit-notes/{note_id}", organisation_id=note["provider_id"])


async def _must_not_be_on_its_way(work: Work, payer_id: UUID, invoice_id: UUID) -> None:
    number = await work.fetchval(
        """SELECT r.number FROM payment_line l JOIN payment_run r ON r.commissioner_id = l.commissioner_id AND r.id = l.run_id
           WHERE l.commissioner_id = $1 AND l.invoice_id = $2 AND l.dispute_id IS NULL AND l.counts AND l.paid_on IS NULL""",  # noqa: E501
        payer_id, invoice_id,
    )  # fmt: skip
    if number is not None:
        raise Conflict(f"This invoice lies in payment run {number}. Cancel the run first, or take it as paid.")


async def _of_provider(work: Work, note_id: UUID, verb: str) -> asyncpg.Record:
    return await _held(work, "n.provider_id = $2", note_id, work.actor.provider_id, verb)


async def _of_payer(work: Work, note_id: UUID, verb: str) -> asyncpg.Record:
    return await _held(work, "n.commissioner_id = $2", note_id, work.actor.commissioner_id, verb)


async def _held(work: Work, whose: str, note_id: UUID, party: UUID | None, verb: str) -> asyncpg.Record:
    """The note, locked, if it may go where the verb leads. A lost race finds it changed, and says so."""
    sql = f"""SELECT n.*, i.number AS invoice_number, i.first_day, f.name AS framework FROM credit_note n
              JOIN invoice i ON i.commissioner_id = n.commissioner_id AND i.id = n.invoice_id
              JOIN framework f ON f.id = n.framework_id WHERE n.id = $1 AND {whose}"""  # noqa: S608 - our own words
    row = await work.fetchrow(sql, note_id, party)
    if row is None:
        raise NotFound
    after(CREDIT_NOTE, "credit note", verb, row["state"])
    # A row the policy no longer lets the context change is not locked either: somebody was faster.
    if await work.fetchrow(f"{sql} AND n.state = $3 FOR UPDATE OF n", note_id, party, row["state"]) is None:
        raise Conflict("Somebody else has just answered this credit note. Look at it again.")
    return row


async def _owe_answer(work: Work, pack: Pack, note_id: UUID, invoice_number: int, of: asyncpg.Record) -> None:
    await owe(
        work,
        pack,
        CONFIRM,
        subject_type="credit_note",
        subject_id=note_id,
        reference=_reference(invoice_number, of),
        owed_by=Owed(organisation_id=of["provider_id"]),
        owed_to=of["commissioner_id"],
        link=f"/credit-notes/{note_id}",
        title="Confirm or refuse a credit note",
        commissioner_id=of["commissioner_id"],
        framework_id=of["framework_id"],
    )
    sentence = f"A credit note waits for your answer: {_reference(invoice_number, of)} is paid after it."
    await tell(work, sentence, f"/credit-notes/{note_id}", organisation_id=of["provider_id"])


def _reference(invoice_number: int, of: asyncpg.Record) -> str:
    return f"Invoice {invoice_number} ({of['framework']}, from {of['first_day']:%-d %B %Y})"


async def _tell_finance(work: Work, note: asyncpg.Record, sentence: str) -> None:
    await tell(work, sentence, f"/credit-notes/{note['id']}", organisation_id=note["commissioner_id"], role="finance")

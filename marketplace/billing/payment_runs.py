"""The commissioner's payment run: built of accepted invoices and of waived deductions to pay back, approved, exported
once, paid; of two at once, one wins.

They leave in one file whose rows are frozen when the run is built. A run can be cancelled until it is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

import asyncpg

from marketplace.billing import waivers
from marketplace.billing.bank_accounts import paid_into
from marketplace.billing.ledger import BANK, PROVIDER_PAYABLE, post
from marketplace.billing.owing import PAY, owed_on
from marketplace.billing.payment_files import Paid, control_hash, payment_file
from marketplace.billing.payment_queries import Payable, PaymentLine, lines_of, payables
from marketplace.billing.states import PAYMENT_RUN
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.platform.states import after
from marketplace.policy.calendar import local_day, midnight
from marketplace.policy.payments import needs_four_eyes
from marketplace.web.filters import listing

APPROVE = "task.approve_payment_run"


@dataclass(frozen=True, slots=True)
class TakenFile:
    """The exported file: its name and text; `copy` 0 is the original."""

    name: str
    text: str
    copy: int


async def build_run(actor: Actor, chosen: Sequence[UUID]) -> UUID:
    """Put accepted invoices on which something is owed, and waivers to pay back, into a new run, whole; returns its id.

    `chosen` are ids of invoices and of disputes (`Payable.id`). Raises `InvalidInput` under "invoices" where none is
    chosen, `Conflict` where one of them cannot be paid now (it lies in another run, a credit note on it is open, it is
    not accepted, its provider has given no bank account).
    """
    permit(actor, "invoice.decide")
    if not chosen:
        raise InvalidInput({"invoices": "Select at least one invoice to pay"})
    async with unit_of_work(actor) as work:
        payer_id = work.actor.commissioner_id
        await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"payment run {payer_id}")
        wanted = set(chosen)
        known = [
            await work.fetch(
                f"SELECT id FROM {table} WHERE commissioner_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",  # noqa: S608 - our own words
                payer_id, list(wanted),
            )
            for table in ("invoice", "deduction_dispute")
        ]  # fmt: skip
        if sum(len(rows) for rows in known) != len(wanted):
            raise NotFound
        due = [each for each in await payables(work) if each.id in wanted and not each.held]
        _must_be_banked({each.provider for each in due if not each.banked})
        if len(due) != len(wanted):
            raise Conflict("Some of these cannot be paid now: look at the list again.")
        run_id = uuid4()
        total = sum(each.pence for each in due)
        number: int = await work.fetchval(
            "SELECT coalesce(max(number), 0) + 1 FROM payment_run WHERE commissioner_id = $1", payer_id
        )
        accounts = {
            row["provider_id"]: await paid_into(work, row["provider_id"], row["received_at"])
            for row in await work.fetch(
                """SELECT provider_id, min(received_at) AS received_at FROM invoice
                   WHERE commissioner_id = $1 AND id = ANY($2) GROUP BY provider_id""",
                payer_id, [each.invoice_id for each in due],
            )
        }  # fmt: skip
        changed = any(account.note == "changed" for account in accounts.values())  # four eyes on where it goes
        four_eyes = changed or await _four_eyes(work, due, total)
        await work.execute(
            """INSERT INTO payment_run (commissioner_id, id, number, total_pence, four_eyes, built_at, built_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            payer_id, run_id, number, total, four_eyes, work.now, actor.person_id,
        )  # fmt: skip
        for position, each in enumerate(due, start=1):
            await work.execute(
                """INSERT INTO payment_line
                   (commissioner_id, run_id, position, invoice_id, provider_id, pence, dispute_id, account_name,
                   sort_code, account_number, account_note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
                payer_id, run_id, position, each.invoice_id, each.provider_id, each.pence, each.dispute_id,
                *accounts[each.provider_id].account, accounts[each.provider_id].note,
            )  # fmt: skip
        work.audit("payment_run.built", "payment_run", run_id, number=number, lines=len(due), total_pence=total)
        if four_eyes:
            await _ask_for_approval(work, run_id, number, due[0].framework_id)
        return run_id


async def approve_run(actor: Actor, run_id: UUID) -> None:
    """The second pair of eyes. Raises `Conflict` for the person who built the run, or where none is asked for."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        run = await _held(work, run_id, "approved")
        if not run["four_eyes"]:
            raise Conflict("This run needs no approval: it can be exported.")
        if run["built_by"] == actor.person_id:
            raise Conflict("You built this run, so somebody else approves it.")
        await work.execute(
            """UPDATE payment_run SET state = 'approved', approved_at = $3, approved_by = $4
               WHERE commissioner_id = $1 AND id = $2""",
            run["commissioner_id"], run_id, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("payment_run.approved", "payment_run", run_id, number=run["number"], total_pence=run["total_pence"])
        await meet(work, APPROVE, run_id)


async def cancel_run(actor: Actor, run_id: UUID) -> None:
    """Give a run up before it is exported; its invoices can be paid by another."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        run = await _held(work, run_id, "cancelled")
        await work.execute(
            """UPDATE payment_run SET state = 'cancelled', cancelled_at = $3, cancelled_by = $4
               WHERE commissioner_id = $1 AND id = $2""",
            run["commissioner_id"], run_id, work.now, actor.person_id,
        )  # fmt: skip
        await work.execute(
            "UPDATE payment_line SET counts = false WHERE commissioner_id = $1 AND run_id = $2",
            run["commissioner_id"], run_id,
        )  # fmt: skip
        work.audit("payment_run.cancelled", "payment_run", run_id, number=run["number"])
        await cancel(work, run_id)


async def export_run(actor: Actor, run_id: UUID) -> str:
    """Let the run leave: from here on it is paid; returns the control hash of its file.

    Raises `WrongState` for a second export, `Conflict` where it waits for approval or where an invoice has changed
    since it was built (disputed, say): the run is then cancelled and built again.
    """
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        run = await _held(work, run_id, "exported")
        if run["four_eyes"] and run["state"] != "approved":
            raise Conflict("This run waits for a second finance officer to approve it.")
        payer_id = run["commissioner_id"]
        lines = await lines_of(work, payer_id, run_id, run["number"])
        states = {
            row["id"]: row["state"]
            for row in await work.fetch(
                "SELECT id, state FROM invoice WHERE commissioner_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
                payer_id, [line.invoice_id for line in lines],
            )
        }  # fmt: skip
        for line in lines:
            # what is waived stays waived, and one that lies in a run is paid by nothing else
            if line.dispute_id is None and (
                states[line.invoice_id] not in ("accepted", "paid")
                or line.pence != await owed_on(work, payer_id, line.invoice_id)
            ):
                raise Conflict(
                    f"Invoice {line.number} of {line.provider} has changed since this run was built: "
                    "cancel the run and build it again."
                )
        _must_be_banked({line.provider for line in lines if not line.account_number})
        await _same_accounts(work, lines)
        control = control_hash(lines)
        await work.execute(
            """UPDATE payment_run SET state = 'exported', exported_at = $3, exported_by = $4, control_hash = $5
               WHERE commissioner_id = $1 AND id = $2""",
            payer_id, run_id, work.now, actor.person_id, control,
        )  # fmt: skip
        work.audit(
            "payment_run.exported", "payment_run", run_id, number=run["number"], lines=len(lines),
            total_pence=run["total_pence"], control_hash=control,
        )  # fmt: skip
        return control


def _must_be_banked(lacking: set[str]) -> None:
    if lacking:
        have = "has" if len(lacking) == 1 else "have"
        raise Conflict(
            f"{listing(sorted(lacking))} {have} not given a bank account, so nothing can be paid there: ask for it, and"
            " pay the others meanwhile."
        )


async def _same_accounts(work: Work, lines: Sequence[PaymentLine]) -> None:
    """Raise `Conflict` where a provider's account is another than when the run was built."""
    for provider_id, line in {line.provider_id: line for line in lines}.items():
        now = await paid_into(work, provider_id)
        if now.account != (line.account_name, line.sort_code, line.account_number):
            raise Conflict(
                f"The bank account of {line.provider} has changed since this run was built: cancel the run and build it"
                " again."
            )


async def take_file(actor: Actor, run_id: UUID) -> TakenFile:
    """The exported run's file. It is taken once as the original; every later one says that it is a copy."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        run = await _held(work, run_id, "paid", "The file is there once the run is exported.")
        lines = await lines_of(work, run["commissioner_id"], run_id, run["number"])
        assert control_hash(lines) == run["control_hash"]
        await work.execute(
            "UPDATE payment_run SET taken = taken + 1 WHERE commissioner_id = $1 AND id = $2",
            run["commissioner_id"], run_id,
        )  # fmt: skip
        copy = run["taken"]
        work.audit("payment_run.file_taken", "payment_run", run_id, number=run["number"], copy=copy)
        name = f"payment-run-{run['number']}{f'-COPY-{copy}' if copy else ''}.csv"
        return TakenFile(name, payment_file(lines, run["control_hash"], copy), copy)


async def mark_paid(actor: Actor, run_id: UUID, payments: Sequence[Paid]) -> int:
    """Record the days on which payments of an exported run left the bank; returns how many were new.

    All or nothing. A payment told again with the same day counts once. Raises `InvalidInput` under "paid" naming each
    payment that is none of the run's, of another amount, another day, or in the future.
    """
    permit(actor, "invoice.decide")
    if not payments:
        raise InvalidInput({"paid": "Select at least one payment"})
    async with unit_of_work(actor) as work:
        run = await _held(work, run_id, "paid", "Payments are marked once the run is exported.")
        lines = {line.position: line for line in await lines_of(work, run["commissioner_id"], run_id, run["number"])}
        today, exported_on = local_day(work.now), local_day(run["exported_at"])
        faults: list[str] = []
        for each in payments:
            line = lines.get(each.position)
            name = f"PR{run['number']}-{each.position}"
            if line is None:
                faults.append(f"{name} is no payment of this run")
            elif each.pence is not None and each.pence != line.pence:
                faults.append(f"{name} has another amount in this run")
            elif not exported_on <= each.paid_on <= today:
                faults.append(f"{name}: the day must be from {exported_on:%-d %B %Y} to today")
            elif line.paid_on not in (None, each.paid_on):
                faults.append(f"{name} was marked as paid on {line.paid_on:%-d %B %Y} already")
        if faults:
            raise InvalidInput({"paid": f"Nothing was marked as paid: {'; '.join(faults[:20])}"})
        new = {each.position: each for each in payments if lines[each.position].paid_on is None}
        told: dict[UUID, list[str]] = {}
        for position, each in sorted(new.items()):
            line = lines[position]
            await _pay(work, run, line, each.paid_on)
            if line.dispute_id is None:  # of a waiver its own part tells
                told.setdefault(line.provider_id, []).append(f"{line.what} ({line.framework})")
        for provider_id, invoices in told.items():
            sentence = f"{actor.organisation_name} has paid {', '.join(invoices)}."
            await tell(work, sentence, "/invoices", organisation_id=provider_id)
        return len(new)


async def _pay(work: Work, run: asyncpg.Record, line: PaymentLine, paid_on: date) -> None:
    payer_id = run["commissioner_id"]
    await work.execute(
        """UPDATE payment_line SET paid_on = $3, marked_at = $4, marked_by = $5
           WHERE commissioner_id = $1 AND id = $2 AND paid_on IS NULL""",
        payer_id, line.id, paid_on, work.now, work.actor.person_id,
    )  # fmt: skip
    if line.dispute_id is not None:
        await waivers.mark_paid(work, line.dispute_id, paid_on)
        return
    invoice = await work.fetchrow(
        """UPDATE invoice SET state = 'paid', paid_at = coalesce(paid_at, $3)
           WHERE commissioner_id = $1 AND id = $2 AND state IN ('accepted', 'paid')
           RETURNING framework_id, number""",
        payer_id, line.invoice_id, midnight(paid_on),
    )  # fmt: skip
    if invoice is None:
        raise Conflict("One of these invoices is not accepted any more. Mark the others, and look at this one again.")
    await post(
        work,
        "payment",
        {PROVIDER_PAYABLE: line.pence, BANK: -line.pence},
        commissioner_id=payer_id,
        framework_id=invoice["framework_id"],
        provider_id=line.provider_id,
        subject_type="payment_line",
        subject_id=line.id,
    )
    work.audit(
        "invoice.paid", "invoice", line.invoice_id, number=invoice["number"], run=run["number"], pence=line.pence,
        paid_on=paid_on,
    )  # fmt: skip
    await meet(work, PAY, line.invoice_id)


async def _held(work: Work, run_id: UUID, verb: str, sentence: str | None = None) -> asyncpg.Record:
    """The run, locked, if it may go where the verb leads."""
    row = await work.fetchrow(
        "SELECT * FROM payment_run WHERE commissioner_id = $1 AND id = $2 FOR UPDATE",
        work.actor.commissioner_id, run_id,
    )  # fmt: skip
    if row is None:
        raise NotFound
    if sentence is not None and row["state"] != "exported":
        raise Conflict(sentence)
    after(PAYMENT_RUN, "payment run", verb, row["state"])
    return row


async def _four_eyes(work: Work, due: Sequence[Payable], total: int) -> bool:
    """Whether any of the frameworks paid from asks for a second pair of eyes at this sum."""
    today = local_day(work.now)
    return any([needs_four_eyes(await pack_of(work, each), total, today) for each in {p.framework_id for p in due}])


async def _ask_for_approval(work: Work, run_id: UUID, number: int, framework_id: UUID) -> None:
    await owe(
        work,
        await pack_of(work, framework_id),
        APPROVE,
        subject_type="payment_run",
        subject_id=run_id,
        reference=f"Payment run {number}",
        owed_by=Owed(organisation_id=work.actor.commissioner_id, role="finance"),
        link=f"/payments/{run_id}",
        title="Approve a payment run somebody else built",
        commissioner_id=work.actor.commissioner_id,
    )

"""Submitting an invoice: frozen, numbered, judged and booked in one unit; of two at once, one wins."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec

from marketplace.billing.drafting import Draft, Returned, draft
from marketplace.billing.ledger import invoice_postings, one_at_a_time, pay_back_overcarried, post
from marketplace.billing.parties import freeze_parties
from marketplace.billing.records import FUNDED
from marketplace.frameworks.queries import billing_period
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Claim
from marketplace.web.filters import count, pounds

SUBMIT = "task.submit_invoice"
DECIDE = "task.decide_invoice"


class RecordsChanged(Conflict):
    """What the invoice rests on has changed since it was shown; the provider looks again before it submits."""

    code = "records_changed"


async def submit_invoice(
    actor: Actor, framework_id: UUID, payer_id: UUID, period: Period, claim: Claim | None, shown: str
) -> UUID:
    """Submit a finished period's invoice to one payer; returns the invoice's id.

    `claim` is what the provider asks for (None: what the records allow); `shown` the fingerprint of the draft it saw.
    The deduction of L 7.11 is applied here, with every reason. Raises `RecordsChanged`; `Conflict` where the period
    is not over, was submitted already, or an earlier period still waits; `InvalidInput` under "lines" for those that
    are none of this invoice's.
    """
    permit(actor, "invoice.submit")
    if actor.provider_id is None:
        raise NotPermitted
    async with unit_of_work(actor) as work:
        await one_at_a_time(work, framework_id, actor.provider_id, payer_id)
        found = await draft(work, framework_id, actor.provider_id, payer_id, period, claim=claim)
        await _must_be_open(work, found)
        if found.fingerprint != shown:
            raise RecordsChanged("The visits or rates have changed since this page was shown. Check the invoice again.")
        _must_be_billable(found)
        invoice_id = uuid4()
        if found.replaces is not None:
            await _set_aside(work, found, found.replaces)
        await _freeze(work, found, invoice_id)
        await freeze_parties(work, payer_id, invoice_id, found.provider_id)
        await post(
            work,
            "invoice",
            invoice_postings(found.result),
            commissioner_id=payer_id,
            framework_id=framework_id,
            provider_id=found.provider_id,
            subject_type="invoice",
            subject_id=invoice_id,
        )
        await pay_back_overcarried(
            work, invoice_id, commissioner_id=payer_id, framework_id=framework_id, provider_id=found.provider_id
        )
        await _duties(work, found, invoice_id)
        return invoice_id


async def _must_be_open(work: Work, found: Draft) -> None:
    if not found.closed:
        raise Conflict("This period is not over yet: its invoice can be submitted from the day after its last day.")
    standing = await work.fetchrow(
        """SELECT number, submitted_at FROM invoice WHERE commissioner_id = $1 AND framework_id = $2
           AND provider_id = $3 AND first_day = $4 AND replaced_at IS NULL AND state <> 'returned'""",
        found.payer_id, found.framework_id, found.provider_id, found.period.first_day,
    )  # fmt: skip
    if standing is not None:
        raise Conflict(
            f"This period's invoice has been submitted already, as number {standing['number']}: "
            "a second one would bill the same visits twice."
        )
    if not found.records and not found.others and found.replaces is None and not found.facts.carried_in_pence:
        raise Conflict("There is nothing to bill to this payer for this period.")
    waiting = await first_unsubmitted(work, found.framework_id, found.provider_id, found.payer_id, found.period)
    if waiting is not None:
        raise Conflict(
            f"The period from {waiting.first_day:%-d %B %Y} comes first: what it leaves owing is carried to this one."
        )


def _must_be_billable(found: Draft) -> None:
    """Every line claimed is one of this invoice's, right or wrong, so that what is not payable can be credited."""
    known = {str(record.id) for record in (*found.records, *found.others)}
    strange = [
        f"line {position} ({line.visit}, {pounds(line.pence)})"
        for position, line in enumerate(found.facts.claim.lines, start=1)
        if line.visit not in known
    ]
    if strange:
        more = f" and {count(len(strange) - 20, 'other')}" if len(strange) > 20 else ""
        named = f"{', '.join(strange[:20])}{more}"
        raise InvalidInput({"lines": f"Take {named} out of the claim: only what the draft shows can be billed on it"})


async def first_unsubmitted(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, before: Period
) -> Period | None:
    """The earliest period before this one whose visits were never invoiced, or whose returned invoice still waits."""
    day = await work.fetchval(
        f"""SELECT min(d) FROM (
             SELECT (v.planned_start AT TIME ZONE 'Europe/London')::date AS d FROM visit v
             JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND f.payer_id = $3
                 AND {FUNDED}
             WHERE v.framework_id = $1 AND v.provider_id = $2
               AND (v.planned_start AT TIME ZONE 'Europe/London')::date < $4
               AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.commissioner_id = $3 AND i.framework_id = $1 AND i.provider_id = $2
                   AND i.replaced_at IS NULL AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN i.first_day AND i.last_day)
             UNION ALL
             SELECT first_day FROM invoice WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2
               AND state = 'returned' AND replaced_at IS NULL AND first_day < $4) waiting""",  # noqa: E501, S608 - our own fragment
        framework_id, provider_id, payer_id, before.first_day,
    )  # fmt: skip
    return None if day is None else await billing_period(work, framework_id, day)


async def _set_aside(work: Work, found: Draft, returned: Returned) -> None:
    """The returned invoice makes room: its lines count no more and its entries are reversed by new ones."""
    await work.execute(
        "UPDATE invoice SET replaced_at = $3 WHERE commissioner_id = $1 AND id = $2 AND state = 'returned'",
        found.payer_id, returned.id, work.now,
    )  # fmt: skip
    await work.execute(
        "UPDATE invoice_line SET counts = false WHERE commissioner_id = $1 AND invoice_id = $2",
        found.payer_id, returned.id,
    )  # fmt: skip
    await work.execute(
        "UPDATE invoice_other_line SET counts = false WHERE commissioner_id = $1 AND invoice_id = $2",
        found.payer_id, returned.id,
    )  # fmt: skip
    for kind in ("invoice", "overcarried"):  # what was paid back too, for nothing of a returned invoice is paid
        reversed_postings = {
            row["account"]: -row["pence"]
            for row in await work.fetch(
                """SELECT p.account, p.pence FROM ledger_posting p JOIN ledger_entry e
                   ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id
                   WHERE e.commissioner_id = $1 AND e.kind = $3 AND e.subject_id = $2""",
                found.payer_id, returned.id, kind,
            )
        }  # fmt: skip
        await post(
            work,
            f"{kind}_replaced",
            reversed_postings,
            commissioner_id=found.payer_id,
            framework_id=found.framework_id,
            provider_id=found.provider_id,
            subject_type="invoice",
            subject_id=returned.id,
        )


async def _freeze(work: Work, found: Draft, invoice_id: UUID) -> None:
    result = found.result
    number = await work.fetchval(
        """SELECT coalesce(max(number), 0) + 1 FROM invoice
           WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3""",
        found.payer_id, found.framework_id, found.provider_id,
    )  # fmt: skip
    first_submitted_at: datetime = found.replaces.first_submitted_at if found.replaces else work.now
    try:
        await work.execute(
            """INSERT INTO invoice (commissioner_id, id, framework_id, provider_id, first_day, last_day, number,
               submitted_at, submitted_by, due_at, claim, result, pack_hash, gross_pence, deduction_pence,
               carried_in_pence, net_pence, carried_out_pence, received_at, replaces_id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)""",
            found.payer_id, invoice_id, found.framework_id, found.provider_id, found.period.first_day,
            found.period.last_day, number, first_submitted_at, work.actor.person_id, result.due_at,
            msgspec.to_builtins(found.facts.claim), msgspec.to_builtins(result), found.pack.content_hash,
            result.gross_pence, result.deduction_pence, result.carried_in_pence, result.net_pence,
            result.carried_out_pence, work.now, found.replaces.id if found.replaces else None,
        )  # fmt: skip
        claimed: dict[str, int] = {}
        for line in found.facts.claim.lines:
            claimed[line.visit] = claimed.get(line.visit, 0) + line.pence
        for position, (record, line) in enumerate(zip(found.records, result.lines, strict=True), start=1):
            await work.execute(
                """INSERT INTO invoice_line (commissioner_id, invoice_id, provider_id, position, visit_commissioner_id,
                   visit_id, minutes, percent, price_pence, held, claimed_pence, payable_pence, overrun_minutes)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
                found.payer_id, invoice_id, found.provider_id, position, record.commissioner_id, record.id,
                line.minutes, line.percent, line.price_pence, line.held, claimed.get(line.visit), line.payable_pence,
                record.facts.approved_minutes,
            )  # fmt: skip
        for position, other in enumerate(result.others, start=1):
            await work.execute(
                """INSERT INTO invoice_other_line (commissioner_id, invoice_id, provider_id, position, line_id,
                   price_pence, claimed_pence, payable_pence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
                found.payer_id, invoice_id, found.provider_id, position, UUID(other.id), other.price_pence,
                claimed.get(other.id), other.payable_pence,
            )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise Conflict("This period's invoice has been submitted already, or bills a visit twice.") from error
    work.audit(
        "invoice.submitted",
        "invoice",
        invoice_id,
        commissioner_id=found.payer_id,
        number=number,
        first_day=found.period.first_day,
        net_pence=result.net_pence,
        deduction_pence=result.deduction_pence,
        defects=[[defect.kind, list(defect.why)] for defect in result.defects],
        replaces=found.replaces.id if found.replaces else None,
    )


async def _duties(work: Work, found: Draft, invoice_id: UUID) -> None:
    period_key = period_subject(found.framework_id, found.payer_id, found.period)
    reference = f"{found.framework_name}, {found.period.first_day:%-d %B} to {found.period.last_day:%-d %B %Y}"
    await meet(work, SUBMIT, period_key, by_organisation=found.provider_id)
    if found.replaces is not None:
        await cancel(work, found.replaces.id)
    await owe(
        work,
        found.pack,
        DECIDE,
        subject_type="invoice",
        subject_id=invoice_id,
        reference=reference,
        owed_by=Owed(organisation_id=found.payer_id, role="finance"),
        owed_to=found.provider_id,
        link=f"/invoices/{invoice_id}",
        title=f"Accept or return {found.provider_name}'s invoice",
        commissioner_id=found.payer_id,
        framework_id=found.framework_id,
    )
    await tell(
        work,
        f"{found.provider_name} submitted its invoice: {reference}.",
        f"/invoices/{invoice_id}",
        organisation_id=found.payer_id,
        role="finance",
    )


def period_subject(framework_id: UUID, payer_id: UUID, period: Period) -> UUID:
    """What the duty to invoice a period is about: made of its key, so that a sweep run twice finds the same duty."""
    key = f"{framework_id} {payer_id} {period.first_day.isoformat()}".encode()
    return UUID(bytes=hashlib.sha256(key).digest()[:16], version=4)

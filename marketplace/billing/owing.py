"""What is still owed on an invoice, as the books say it: after its credit notes and its payments; and by when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.platform.database import Work
from marketplace.policy.calendar import end_of_day
from marketplace.policy.pack import Pack

PAY = "invoice_payment"  # the duty to pay a valid invoice

# On an invoice i: its own entries, its credit notes', its payments'.
OWED = """
    SELECT coalesce(-sum(p.pence), 0)::bigint FROM ledger_posting p
    JOIN ledger_entry e ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id
    WHERE e.commissioner_id = i.commissioner_id AND p.account = 'provider_payable' AND e.subject_id IN (
        SELECT i.id UNION ALL SELECT n.id FROM credit_note n WHERE n.commissioner_id = i.commissioner_id AND n.invoice_id = i.id
        UNION ALL SELECT l.id FROM payment_line l WHERE l.commissioner_id = i.commissioner_id AND l.invoice_id = i.id)
"""  # noqa: E501

# An accepted invoice i that credit notes have eaten whole: nothing of it is left to be paid.
SETTLED = f"(i.state = 'accepted' AND i.net_pence > 0 AND ({OWED}) = 0)"

# Whether an invoice i waits for its provider to answer a credit note: the payer cannot pay it, and its clock stands.
WITH_PROVIDER = """EXISTS (SELECT FROM credit_note n WHERE n.commissioner_id = i.commissioner_id AND n.invoice_id = i.id
    AND n.state = 'asked' AND n.clock_stands)"""

# The last day for paying an invoice i: as many days later as its credit notes waited for the provider's answer. Days on
# which two of them waited are counted once.
PAY_BY = """(i.pay_by + (SELECT coalesce(sum(upper(stood) - lower(stood)), 0)::int FROM (
    SELECT unnest(range_agg(daterange((wait ->> 0)::date, (wait ->> 1)::date))) AS stood FROM credit_note n,
        jsonb_array_elements(n.waits || jsonb_build_array(jsonb_build_array((n.asked_at AT TIME ZONE 'Europe/London')::date,
            (coalesce(CASE WHEN n.refused_at >= n.asked_at THEN n.refused_at END, n.confirmed_at, n.withdrawn_at, n.asked_at)
             AT TIME ZONE 'Europe/London')::date))) wait
    WHERE n.commissioner_id = i.commissioner_id AND n.invoice_id = i.id AND n.clock_stands) waited))"""  # noqa: E501


async def owed_on(work: Work, payer_id: UUID, invoice_id: UUID) -> int:
    """What is still owed on an invoice, in pence, as the ledger says (0 once it is paid)."""
    return await work.fetchval(
        f"SELECT ({OWED}) FROM invoice i WHERE i.commissioner_id = $1 AND i.id = $2",  # noqa: S608 - our own words
        payer_id, invoice_id,
    )  # fmt: skip


async def owe_payment(work: Work, pack: Pack, invoice_id: UUID, starts_at: datetime | None = None) -> None:
    """The payer owes what is left of an accepted invoice, unless nothing is, or a credit note on it is open for which
    the clock of payment stands. `starts_at`: when it was received; default: now, the clock goes on."""
    row = await work.fetchrow(
        f"""SELECT i.*, {PAY_BY} AS last_day_to_pay, ({OWED}) AS owed, f.name AS framework, o.name AS provider,
                EXISTS (SELECT FROM obligation b WHERE b.rule_key = '{PAY}' AND b.subject_id = i.id AND b.met_at IS NULL
                    AND b.cancelled_at IS NULL) AS owes
            FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = i.provider_id
            WHERE i.id = $1 AND i.state = 'accepted' AND NOT EXISTS (SELECT FROM credit_note n
                WHERE n.commissioner_id = i.commissioner_id AND n.invoice_id = i.id
                  AND n.state IN ('asked', 'refused') AND n.clock_stands)""",  # noqa: S608 - our own words
        invoice_id,
    )  # fmt: skip
    if row is None:
        return
    if not row["owed"]:
        await cancel(work, invoice_id, PAY)
        return
    if row["owes"]:  # its clock did not stand
        return
    await owe(
        work,
        pack,
        PAY,
        subject_type="invoice",
        subject_id=invoice_id,
        reference=invoice_reference(row),
        owed_by=Owed(organisation_id=row["commissioner_id"], role="finance"),
        owed_to=row["provider_id"],
        link=f"/invoices/{invoice_id}",
        title="Pay a valid invoice",
        starts_at=starts_at,
        due_at=end_of_day(row["last_day_to_pay"]),
        commissioner_id=row["commissioner_id"],
        framework_id=row["framework_id"],
    )


def invoice_reference(invoice: Record) -> str:
    """ "Invoice 3 of Alder Care (Framework, from 18 May 2026)"."""
    # Numbers are each provider's own: without its name two duties of a day could not be told apart.
    of = f"{invoice['number']} of {invoice['provider']}"
    return f"Invoice {of} ({invoice['framework']}, from {invoice['first_day']:%-d %B %Y})"

"""What is still owed on an invoice, as the books say it: after its credit notes and its payments."""

from __future__ import annotations

from uuid import UUID

from marketplace.platform.database import Work

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


async def owed_on(work: Work, payer_id: UUID, invoice_id: UUID) -> int:
    """What is still owed on an invoice, in pence, as the ledger says (0 once it is paid)."""
    return await work.fetchval(
        f"SELECT ({OWED}) FROM invoice i WHERE i.commissioner_id = $1 AND i.id = $2",  # noqa: S608 - our own words
        payer_id, invoice_id,
    )  # fmt: skip

"""What the books tell of a provider's history: deductions from its invoices, and disputes about them."""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.dispute_words import REASONS, WHAT
from marketplace.platform.database import Work
from marketplace.providers.story import Told, tells
from marketplace.web.filters import day, pounds


@tells
async def money_told(work: Work, provider_id: UUID) -> list[Told]:
    """To a payer its own invoices', to the provider its own: officers' words before a decision stay with them."""
    told: list[Told] = []
    for row in await work.fetch(
        "SELECT id, number, first_day, last_day, submitted_at, deduction_pence, framework_id FROM invoice"
        " WHERE provider_id = $1 AND deduction_pence > 0 AND replaced_at IS NULL",
        provider_id,
    ):
        says = (
            f"{pounds(row['deduction_pence'])} was deducted from invoice {row['number']}"
            f" ({day(row['first_day'])} to {day(row['last_day'])})."
        )
        told.append(Told(row["submitted_at"], "money", says, "", "", row["framework_id"], f"/invoices/{row['id']}"))
    for row in await work.fetch(
        "SELECT t.*, d.framework_id, i.number FROM dispute_step t JOIN deduction_dispute d"
        " ON d.commissioner_id = t.commissioner_id AND d.id = t.dispute_id JOIN invoice i"
        " ON i.commissioner_id = d.commissioner_id AND i.id = d.invoice_id WHERE t.provider_id = $1",
        provider_id,
    ):
        reason = f": {REASONS[row['reason_code']]}" if row["reason_code"] else ""
        says = f"{WHAT[row['what']]}{reason} (invoice {row['number']})."
        told.append(
            Told(row["at"], "money", says, row["by_name"], row["says"], row["framework_id"],
                 f"/disputes/{row['dispute_id']}")
        )  # fmt: skip
    return told

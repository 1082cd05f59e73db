"""What time alone does to families' requests: those that nobody was agreed with in time are over for everybody."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.obligations.duties import cancel
from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.jobs import sweep
from marketplace.purchases import enquiries
from marketplace.settings import Settings


@sweep("close_lapsed_enquiries", every=timedelta(hours=1))
async def close_lapsed_enquiries(settings: Settings) -> None:
    """Every provider's requests that were open long enough; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = [row[0] for row in await connection.fetch("SELECT providers_with_lapsed_enquiries()")]
    for tenant in tenants:
        await close_lapsed(tenant)


async def close_lapsed(provider_id: UUID) -> int:
    """One provider's; returns how many were closed for it. The family hears of each request once."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        rows = await work.fetch(
            "UPDATE enquiry_reach r SET closed_at = $2 FROM enquiry e WHERE e.commissioner_id = r.commissioner_id"
            " AND e.id = r.enquiry_id AND r.provider_id = $1 AND r.closed_at IS NULL AND e.open_until <= $2"
            " RETURNING e.id",
            provider_id, work.now,
        )  # fmt: skip
        for found in rows:
            row = await enquiries.enquiry(work, found["id"])
            await cancel(work, row.id)
            for person in await enquiries.people(work, row):
                said = f"Your request {row.reference} is not open any more: nobody was agreed with in time."
                await tell(work, said, f"/requests/{row.id}", person_id=person, once=f"lapsed {row.id}")
            work.audit("enquiry.lapsed", "enquiry", row.id, provider=provider_id)
        return len(rows)

"""What is billed of a visit, as far as a change of it has to know: the books held, and the invoice that pays."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.packages.tables import Visit
from marketplace.platform.database import Work


async def one_at_a_time(work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID) -> None:
    """Hold the books of one provider with one payer on one framework until the unit ends: what they stand at is read,
    and written on."""
    key = f"invoice {framework_id} {provider_id} {payer_id}"
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)


async def no_invoice_meanwhile(work: Work, visit: Visit) -> None:
    """Hold the books of all who pay for the visit: an invoice is submitted before a change of it, or after it."""
    rows = await work.fetch(
        "SELECT DISTINCT payer_id FROM package_funding WHERE commissioner_id = $1 AND package_id = $2 ORDER BY 1",
        visit.commissioner_id, visit.package_id,
    )  # fmt: skip
    for row in rows:
        await one_at_a_time(work, visit.framework_id, visit.provider_id, row["payer_id"])


async def paid_by(work: Work, visit: Visit) -> asyncpg.Record | None:
    """Number and state of the standing invoice that pays for a visit of the acting commissioner; of several payers' the
    one that has gone furthest."""
    return await work.fetchrow("SELECT * FROM visit_paid_by($1, $2)", visit.commissioner_id, visit.id)

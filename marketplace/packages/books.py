"""What is billed of a visit, as far as a change of it has to know: the books held, and the invoice that pays."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.packages.tables import Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict


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


async def bills_of(work: Work, visit: Visit) -> list[asyncpg.Record]:
    """Payer, number and state of each standing invoice that pays for a visit of the acting commissioner; one that is
    not accepted yet comes first."""
    return await work.fetch("SELECT * FROM visit_bills($1, $2)", visit.commissioner_id, visit.id)


async def bill_longer(work: Work, visit: Visit, approved: int) -> int:
    """Longer time of a visit that accepted invoices bill already: a line on the next invoice of each of their payers;
    how many there are. `approved` is the whole visit's minutes."""
    return await work.fetchval(
        "SELECT bill_longer($1, $2, $3, $4)", visit.commissioner_id, visit.id, approved, work.actor.person_id
    )


async def take_back_longer(work: Work, visit: Visit, approved: int) -> int | None:
    """Take longer time back that no invoice bills yet; what of it stays approved, since an earlier invoice rests on it.

    Raises `Conflict` where an invoice bills so many minutes.
    """
    number = await work.fetchval("SELECT longer_billed($1, $2, $3)", visit.commissioner_id, visit.id, approved)
    if number is not None:
        raise Conflict(f"Invoice {number} bills the longer time already, so the approval stands.")
    return await work.fetchval(
        "SELECT withdraw_longer($1, $2, $3, $4)", visit.commissioner_id, visit.id, approved, work.actor.person_id
    )

"""Correcting what became of a visit, beside what is billed: what an invoice has judged stays until it was returned."""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.visit_records import unbilled
from marketplace.identity.permissions import permit
from marketplace.packages import queries
from marketplace.packages.late_records import Source
from marketplace.packages.outcomes import Given, give_outcome
from marketplace.packages.telling import provider_only
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work


async def correct_outcome(
    actor: Actor, visit_id: UUID, given: Given, *, version: int, reason: str, charge_pence: int | None = None
) -> bool:
    """The office puts right how a visit did not take place; False when nothing changes.

    `charge_pence` is what was shown, needed where something is charged. Raises `Conflict` when the visit changed since,
    is billed, or would cost the family more; `InvalidInput` by field; `PriceChanged`; `WrongState`.
    """
    provider_only(actor, "visit.correct")
    async with unit_of_work(actor) as work:
        return await correct_in(
            work, visit_id, given, "office", reason, version=version, charge_pence=charge_pence, charge_required=True
        )


async def correct_in(
    work: Work, visit_id: UUID, given: Given, source: Source, reason: str, *, version: int | None = None,
    charge_pence: int | None = None, charge_required: bool = False,
) -> bool:  # fmt: skip
    """As `correct_outcome`, within a unit that stands already (`version` None: whatever it is)."""
    permit(work.actor, "visit.correct")
    visit = await unbilled(work, visit_id, version)
    package = await queries.package(work, visit.package_id)
    return await give_outcome(
        work, visit, package, given, source, reason, charge_pence=charge_pence, charge_required=charge_required
    )

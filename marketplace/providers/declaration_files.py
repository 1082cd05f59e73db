"""Opening a file a provider declared with, for a commissioner who weighs that provider; each look is logged."""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.providers.declaration_queries import weighed_file
from marketplace.providers.file_opening import Opened, fetched, openable
from marketplace.settings import Settings


async def open_declared(actor: Actor, settings: Settings, evidence_id: UUID) -> Opened:
    """The file as it was checked. Raises `NotFound` for what was not declared with, or by no provider of ours,
    `Conflict` for what is not checked yet or no longer what was checked."""
    permit(actor, "application.read")
    async with unit_of_work(actor) as work:
        row = await weighed_file(work, evidence_id)
        openable(row)
        await work.look(row["provider_id"], "evidence", evidence_id, "assessed what was declared")
    return await fetched(settings, row)

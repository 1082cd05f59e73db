"""Opening a file kept with an agreement or a line against it: for the payer's people alone, each look logged."""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import may, permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import NotFound
from marketplace.providers.file_opening import Opened, fetched, openable
from marketplace.settings import Settings


async def open_file(actor: Actor, settings: Settings, agreement_id: UUID, evidence_id: UUID) -> Opened:
    """The file, if it is kept with an agreement of the actor's own council and may be opened.

    Raises `NotFound` for anything else, `Conflict` while it is being checked or is no longer what was checked.
    """
    if not may(actor, "agreement.decide"):
        permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM agreement_file($1, $2)", agreement_id, evidence_id)
        if row is None or actor.commissioner_id is None:
            raise NotFound
        openable(dict(row))
        await work.look(actor.commissioner_id, "evidence", evidence_id, "opened the file kept with an agreement")
    return await fetched(settings, dict(row))

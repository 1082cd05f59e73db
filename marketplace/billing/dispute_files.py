"""Opening a file a provider attached to its dispute: for the payer's finance officers alone, each look logged."""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import NotFound
from marketplace.providers.file_opening import Opened, fetched, openable
from marketplace.settings import Settings


async def open_file(actor: Actor, settings: Settings, dispute_id: UUID, evidence_id: UUID) -> Opened:
    """The file, if it is attached to a dispute with the actor's own council and may be opened.

    Raises `NotFound` for anything else (a scan of a DBS certificate among it), `Conflict` while it is being checked or
    where it is no longer what was checked.
    """
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM dispute_file($1, $2)", dispute_id, evidence_id)
        if row is None or actor.commissioner_id is None:
            raise NotFound
        openable(dict(row))
        await work.look(actor.commissioner_id, "evidence", evidence_id, "opened the file attached to a dispute")
    return await fetched(settings, dict(row))

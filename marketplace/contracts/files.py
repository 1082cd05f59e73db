"""Opening a file a provider attached to an answer: for whoever manages the contract, each look logged."""

from __future__ import annotations

from uuid import UUID

from marketplace.contracts.steps import manager
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import NotFound
from marketplace.providers.file_opening import Opened, fetched, openable
from marketplace.settings import Settings


async def open_file(actor: Actor, settings: Settings, step_id: UUID, evidence_id: UUID) -> Opened:
    """The file as it was checked. Raises `NotFound` for what is not attached there, `Conflict` while it is checked."""
    async with unit_of_work(manager(actor)) as work:
        row = await work.fetchrow("SELECT * FROM contract_file($1, $2)", step_id, evidence_id)
        if row is None or actor.commissioner_id is None:
            raise NotFound
        openable(dict(row))
        await work.look(actor.commissioner_id, "evidence", evidence_id, "opened a file of a contract's answer")
    return await fetched(settings, dict(row))

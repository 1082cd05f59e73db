"""Opening a file a provider attached to an action of its plan: for whoever decides about it, each look logged."""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import NotFound
from marketplace.providers.attachments import DBS_SCAN
from marketplace.providers.file_opening import Opened, fetched, openable
from marketplace.settings import Settings
from marketplace.web.filters import day


async def open_file(actor: Actor, settings: Settings, suspension_id: UUID, evidence_id: UUID) -> Opened:
    """The file as it was checked. Raises `NotFound` for what is not attached there, `Conflict` while it is checked."""
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM step_file($1, $2)", suspension_id, evidence_id)
        if row is None or actor.commissioner_id is None:
            raise NotFound
        openable(dict(row))
        await work.look(actor.commissioner_id, "evidence", evidence_id, "opened a file of an action plan")
    return await fetched(settings, dict(row))


async def attachable_files(work: Work) -> list[tuple[UUID, str]]:
    """(id, words) of the provider's files an action may lean on, newest first; no scans of DBS certificates."""
    rows = await work.fetch(
        "SELECT id, title, file_name, uploaded_at FROM evidence WHERE provider_id = $1 AND kind <> $2"
        " AND state NOT IN ('waiting', 'refused') AND deleted_at IS NULL ORDER BY uploaded_at DESC, id LIMIT 100",
        work.actor.provider_id, DBS_SCAN,
    )  # fmt: skip
    return [(row["id"], f"{row['title'] or row['file_name']}, added {day(row['uploaded_at'])}") for row in rows]

"""A provider's evidence files: what is asked of one before something leans on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound


async def attachable(
    work: Work, evidence_id: UUID, *, worker_id: UUID | None = None, field: str = "evidence_id"
) -> dict[str, Any]:
    """The row of a file of the actor's own provider that something may lean on; with `worker_id`, about that worker.

    A file still being checked counts: it is opened to nobody until it is clean. Raises `NotFound` for what is not
    there, `InvalidInput` on `field` for a file that was refused, deleted, never sent, or is about another worker.
    """
    row = await work.fetchrow("SELECT * FROM evidence WHERE id = $1", evidence_id)
    if row is None or (work.actor.provider_id is not None and row["provider_id"] != work.actor.provider_id):
        raise NotFound("There is no such file among your evidence.")
    if row["deleted_at"] is not None:
        raise InvalidInput({field: "This file has been deleted: select another, or add it again"})
    if row["state"] == "refused":
        raise InvalidInput({field: "This file was refused: select another, or add it again as its page says"})
    if row["state"] == "waiting":
        raise InvalidInput({field: "This file has not arrived: add it again"})
    if worker_id is not None and row["worker_id"] != worker_id:
        raise InvalidInput({field: "This file is about another worker: select one about this worker"})
    return dict(row)

"""Files attached to what they prove: which ones a form offers, and what is asked of one before it is kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.providers.files import attachable
from marketplace.web.filters import day

DBS_SCAN = "dbs_certificate"


async def attached(
    work: Work, worker: dict[str, Any], evidence_id: UUID | None, *, dbs: bool = False, checked: bool = False
) -> UUID | None:
    """The file to attach, about this very worker. A scan of a DBS certificate belongs to the DBS check alone, since
    what is attached elsewhere may be asked for by commissioners. `checked`: what must be shown is shown by a file
    that has been found clean. Raises `NotFound`, `InvalidInput`."""
    if evidence_id is None:
        return None
    row = await attachable(work, evidence_id, worker_id=worker["id"], checked=checked)
    if row["kind"] == DBS_SCAN and not dbs:
        raise InvalidInput({"evidence_id": "A scan of a DBS certificate belongs to the DBS check: select another file"})
    return evidence_id


async def files_about(work: Work, worker_id: UUID) -> list[tuple[UUID, str, str]]:
    """(id, kind, words) of the files about a worker of the actor's own that something may lean on, newest first."""
    rows = await work.fetch(
        "SELECT id, kind, title, file_name, uploaded_at FROM evidence WHERE worker_id = $1"
        " AND state NOT IN ('waiting', 'refused') AND deleted_at IS NULL ORDER BY uploaded_at DESC, id",
        worker_id,
    )
    return [
        (row["id"], row["kind"], f"{row['title'] or row['file_name']}, added {day(row['uploaded_at'])}") for row in rows
    ]

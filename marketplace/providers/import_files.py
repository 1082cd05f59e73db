"""How a workforce file names a file kept about a worker: by its title or its name where only one has it, else by a
handle of its own, which an export writes for it."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from marketplace.identity.names import straight
from marketplace.platform.database import Work
from marketplace.providers.attachments import DBS_SCAN

# worker -> a file's title, name or handle as it is compared -> the files it may mean
Named = dict[UUID, dict[str, list[UUID]]]


def plain(text: str) -> str:
    """A text as it is compared: spaces, capitals and marks of direction make no difference."""
    return straight(text).casefold()


def file_handle(evidence_id: UUID) -> str:
    """What stands for a file whose title another of the same worker has too."""
    return f"F-{evidence_id.hex[:8].upper()}"


async def named_files(work: Work, provider_id: UUID | None) -> tuple[Named, dict[UUID, str]]:
    """(what each worker's files are known by, what an export writes for each file) of a provider's own.

    Without scans of DBS certificates, which show no assessment.
    """
    known: Named = {}
    rows = await work.fetch(
        "SELECT id, worker_id, coalesce(nullif(title, ''), file_name) AS title, file_name FROM evidence"
        " WHERE provider_id = $1 AND worker_id IS NOT NULL AND kind <> $2 AND state NOT IN ('waiting', 'refused')"
        " AND deleted_at IS NULL",
        provider_id, DBS_SCAN,
    )  # fmt: skip
    for row in rows:
        names = known.setdefault(row["worker_id"], defaultdict(list))
        for name in {plain(row["title"]), plain(row["file_name"]), plain(file_handle(row["id"]))}:
            names[name].append(row["id"])
    written = {
        row["id"]: row["title"] if len(known[row["worker_id"]][plain(row["title"])]) == 1 else file_handle(row["id"])
        for row in rows
    }
    return known, written

"""Files of evidence as they stand after an upload and its check, without a store."""

from __future__ import annotations

from uuid import UUID, uuid4

from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import unit_of_work

WORKED_OUT = {
    "checking": "state = 'checking'",
    "refused": "state = 'refused', refused_reason = 'Not a PDF'",
    "clean": "state = 'clean', scan = 'clean', original_sha256 = repeat('a', 64), published_key = 'evidence/' ||"
    " provider_id || '/' || id || '/a', published_version = 'v1', published_sha256 = repeat('a', 64),"
    " published_size = 10",
}


async def a_file_of(
    manager: Actor, kind: str, worker_id: UUID | None = None, *, state: str = "clean", title: str = ""
) -> UUID:
    """A file the manager sent that has come as far as `state`; nothing of it is in any store."""
    assert manager.provider_id is not None
    file_id = uuid4()
    async with unit_of_work(manager) as work:
        await work.execute(
            "INSERT INTO evidence (provider_id, id, kind, title, worker_id, file_name, content_type, size, uploaded_by,"
            " uploaded_by_name, uploaded_at, form_until, quarantine_key) VALUES ($1, $2, $3, $4, $5, 'policy.pdf',"
            " 'application/pdf', 10, $6, $7, $8, now(), $9)",
            manager.provider_id, file_id, kind, title, worker_id, manager.person_id, manager.person_name, work.now,
            f"quarantine/{manager.provider_id}/{file_id}",
        )  # fmt: skip
    async with unit_of_work(system_for(manager.provider_id, "provider")) as work:
        await work.execute(
            f"UPDATE evidence SET quarantine_version = 'v1', {WORKED_OUT[state]} WHERE id = $1",
            file_id,
        )
    return file_id

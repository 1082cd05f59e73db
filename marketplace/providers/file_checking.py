"""The check of a file in quarantine: what it is, whether the scanner minds it, its clean copy under a key of its own.

Runs as the system of the file's provider, at least once, some files twice: only the first verdict is written.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.cleaning import clean_apart, too_large
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import NotFound
from marketplace.platform.refusal import Refused
from marketplace.platform.scanning import ScannerDown, scan
from marketplace.platform.scratch import scratch
from marketplace.platform.storage import Storage
from marketplace.providers.file_actions import CHECK, TIDY, largest_of, take_in
from marketplace.providers.files import VIDEO
from marketplace.providers.leaning import shows_nothing_now
from marketplace.providers.retention_days import work_out_days
from marketplace.providers.vocabulary import words
from marketplace.settings import Settings

LOST = "The store for files lost this file before it was checked. Add it again from your own copy."
INFECTED = (
    "The virus scanner recognised something harmful in this file, so it was not kept. Have the device it comes from"
    " checked, and add a clean copy."
)
NEVER_CAME = "The file never arrived. Add it again."
COMES_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found: `held` while the scanner is down, `refused` with the sentence, else the clean copy."""

    state: str
    original_sha256: str | None = None
    scan: str | None = None
    refused: str | None = None
    content_type: str = ""
    remarks: str = ""
    key: str = ""
    version: str = ""
    sha256: str = ""
    size: int = 0


async def _row(work: Work, evidence_id: UUID) -> dict[str, Any] | None:
    row = await work.fetchrow(
        "SELECT * FROM evidence WHERE provider_id = $1 AND id = $2 AND state IN ('checking', 'held')"
        " AND deleted_at IS NULL",
        work.actor.provider_id, evidence_id,
    )  # fmt: skip
    return dict(row) if row is not None else None


async def check(settings: Settings, provider_id: UUID, evidence_id: UUID) -> None:
    """Check one file; does nothing to one that is not waiting for it. Raises `Unavailable` when the store is away."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        row = await _row(work, evidence_id)
        if row is not None:
            # a file held for the scanner has its last day too
            packs = [pack for _, _, pack in (await words(work)).packs]
            await work_out_days(work, packs, evidence_id=evidence_id)
    if row is None:  # judged or deleted already: a check that was killed may have left a copy nobody knows of
        await tidy(settings, provider_id, evidence_id)
        return
    with scratch() as folder:
        verdict = await _judge(settings, row, folder)
    if not await _write(row, verdict) and verdict.key:
        # judged or deleted while this check was at it: its own copy is nobody's
        with contextlib.suppress(NotFound):
            await Storage.from_settings(settings).delete(verdict.key, verdict.version)


async def _judge(settings: Settings, row: dict[str, Any], folder: Path) -> Verdict:
    storage, largest, video = Storage.from_settings(settings), largest_of(row["kind"]), row["kind"] == VIDEO
    original, copy = folder / "original", folder / "copy"
    try:
        stored = await storage.fetch(row["quarantine_key"], row["quarantine_version"], original, largest=largest)
    except NotFound:
        return Verdict("refused", refused=LOST)
    if stored.size > largest:
        return Verdict("refused", refused=too_large(video))
    scanned = "not_scanned"
    if settings.clamd:
        try:
            found = await scan(settings.clamd, original)
        except ScannerDown:
            return Verdict("held")
        if found is not None:
            return Verdict("refused", stored.sha256, refused=INFECTED)
        scanned = "clean"
    try:
        cleaned = await clean_apart(original, copy, video=video)
    except Refused as error:
        return Verdict("refused", stored.sha256, refused=error.sentence)
    with copy.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        key = f"evidence/{row['provider_id']}/{row['id']}/{sha256[:16]}"
        version = await storage.put_file(key, file, cleaned.content_type)
    return Verdict(
        "clean", stored.sha256, scanned, None, cleaned.content_type, cleaned.remarks, key, version, sha256,
        copy.stat().st_size,
    )  # fmt: skip


async def _write(row: dict[str, Any], found: Verdict) -> bool:
    """Write the verdict, the first alone; False where there was one, or the file is deleted."""
    provider_id, evidence_id = row["provider_id"], row["id"]
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        if found.state == "held":
            held = await work.fetchval(
                "UPDATE evidence SET state = 'held' WHERE provider_id = $1 AND id = $2 AND state = 'checking'"
                " AND deleted_at IS NULL RETURNING id",
                provider_id, evidence_id,
            )  # fmt: skip
            if held is not None:
                work.audit("evidence.held", "evidence", evidence_id)
            return held is not None
        done = await work.fetchval(
            "UPDATE evidence SET state = $3, original_sha256 = $4, scan = $5, refused_reason = $6, checked_at = $7,"
            " content_type = coalesce($8, content_type), remarks = $9, published_key = $10, published_version = $11,"
            " published_sha256 = $12, published_size = $13"
            " WHERE provider_id = $1 AND id = $2 AND state IN ('checking', 'held') AND deleted_at IS NULL RETURNING id",
            provider_id, evidence_id, found.state, found.original_sha256, found.scan, found.refused, work.now,
            found.content_type or None, found.remarks, found.key or None, found.version or None, found.sha256 or None,
            found.size or None,
        )  # fmt: skip
        if done is None:
            return False
        work.audit(f"evidence.{found.state}", "evidence", evidence_id, scan=found.scan, sha256=found.sha256 or None)
        if found.state == "refused":
            await refused(work, row)
        return True


async def refused(work: Work, row: dict[str, Any]) -> None:
    """Tell the person who sent it, and whoever misses what it was to show; have what was sent removed."""
    await tell(
        work, "A file you added could not be taken: see why, and what to do.", f"/evidence/{row['id']}",
        person_id=row["uploaded_by"],
    )  # fmt: skip
    await shows_nothing_now(work, row, "refused")
    payload = {"provider": row["provider_id"], "evidence": row["id"]}
    await work.enqueue(TIDY, payload, dedupe_key=f"{TIDY} {row['id']}")


async def look_again(settings: Settings, provider_id: UUID, evidence_id: UUID, state: str) -> None:
    """A file held for the scanner is checked again; one announced is taken in where its bytes came, though the page
    that sent them went away before saying so, and given up after a day."""
    actor = system_for(provider_id, "provider")
    if state == "waiting" and await take_in(actor, settings, evidence_id):
        return
    async with unit_of_work(actor) as work:
        if state == "held":
            payload = {"provider": provider_id, "evidence": evidence_id}
            await work.enqueue(CHECK, payload, dedupe_key=f"{CHECK} {evidence_id}")
            return
        gone = await work.fetchval(
            "UPDATE evidence SET state = 'refused', refused_reason = $4 WHERE provider_id = $1 AND id = $2"
            " AND state = 'waiting' AND deleted_at IS NULL AND uploaded_at < $3 RETURNING id",
            provider_id, evidence_id, work.now - COMES_WITHIN, NEVER_CAME,
        )  # fmt: skip
        if gone is not None:
            work.audit("evidence.refused", "evidence", evidence_id)


async def tidy(settings: Settings, provider_id: UUID, evidence_id: UUID) -> None:
    """Remove from the store what nobody needs: of a deleted or refused file everything, of any other whatever was put
    beside the original with the same upload form and, once judged, every copy but the one it is opened by. Safe to run
    again."""

    async def of(work: Work) -> Any:
        return await work.fetchrow(
            "SELECT *, form_until < now() AS form_over FROM evidence WHERE provider_id = $1 AND id = $2",
            provider_id, evidence_id,
        )  # fmt: skip

    row = await ask(system_for(provider_id, "provider"), of)
    if row is None:
        return
    storage = Storage.from_settings(settings)
    gone = row["deleted_at"] is not None
    nothing_stays = gone or row["state"] == "refused"
    keep = None if nothing_stays else row["quarantine_version"]
    if row["state"] != "waiting" or gone:
        for version in await storage.versions(row["quarantine_key"]):
            if version != keep:
                await storage.delete(row["quarantine_key"], version)
    # a check that ran twice, or was killed, may have left a copy more: nobody knows of it but the store
    if nothing_stays or row["state"] == "clean":
        opened_by = None if nothing_stays else (row["published_key"], row["published_version"])
        for key, version in await storage.under(f"evidence/{provider_id}/{evidence_id}/"):
            if (key, version) != opened_by:
                await storage.delete(key, version)
    if row["form_over"]:
        async with unit_of_work(system_for(provider_id, "provider")) as work:
            await work.execute(
                "UPDATE evidence SET quarantine_tidied_at = $3 WHERE provider_id = $1 AND id = $2"
                " AND quarantine_tidied_at IS NULL AND (deleted_at IS NOT NULL) = $4 AND state = $5",
                provider_id, evidence_id, work.now, gone, row["state"],
            )  # fmt: skip

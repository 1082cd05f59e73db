"""A commissioner's own files that show a finding: added and taken away until it is shared, opened by both ends after.

What is sent is checked while its sender waits, by the same parts that check a provider's evidence: only the cleaned
copy ever lies in the store, under a key with its sum, and it is summed again before anybody is shown it.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from marketplace.contracts.occasions import link, open_row
from marketplace.contracts.steps import MOST_FILES, READ, made_before, manager, row_of
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.cleaning import MOST_BYTES, clean_apart, too_large
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, Unavailable
from marketplace.platform.refusal import Refused
from marketplace.platform.scanning import ScannerDown, scan
from marketplace.platform.scratch import scratch
from marketplace.platform.storage import Storage
from marketplace.providers.file_checking import INFECTED
from marketplace.providers.file_elsewhere import link_elsewhere
from marketplace.providers.file_opening import Opened, of_file
from marketplace.providers.files import name_to_open, plain_name
from marketplace.settings import Settings

KIND = "finding"  # of the sealed links of the site of files
CHANGED = "This file is no longer what was checked, so it is opened to nobody. The contract managers have been told."
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FindingFile:
    """A file that shows a finding, as it is listed."""

    id: UUID
    finding_id: UUID
    name: str
    size: int
    remarks: str
    by: str


async def files_of(work: Work, occasion_id: UUID) -> dict[UUID, list[FindingFile]]:
    """By finding: the files the reader may open, in the order they were added."""
    found: dict[UUID, list[FindingFile]] = {}
    for row in await work.fetch(
        "SELECT * FROM finding_file WHERE occasion_id = $1 AND removed_at IS NULL ORDER BY in_order", occasion_id
    ):
        found.setdefault(row["finding_id"], []).append(
            FindingFile(
                row["id"], row["finding_id"], row["file_name"], row["published_size"], row["remarks"],
                row["added_by_name"],
            )
        )  # fmt: skip
    return found


# --- adding and taking away -------------------------------------------------------------------------------------------


async def add_file(
    actor: Actor, settings: Settings, finding_id: UUID, *, name: str, file: IO[bytes], file_id: UUID | None = None
) -> UUID:
    """Check a file and keep its clean copy with a finding that is not shared yet; sent again with its id it is there
    once.

    Raises `InvalidInput` for a file that cannot be taken, `Conflict` once the findings are shared, `Unavailable` while
    the scanner or the store does not answer.
    """
    new_id = file_id or uuid4()
    async with unit_of_work(manager(actor)) as work:  # who may not, or comes too late, sends nothing to be checked
        await _to_add(work, finding_id)
        if await made_before(work, "finding_file", new_id):
            return new_id
    with scratch() as folder:
        kept = await _checked(settings, f"findings/{actor.commissioner_id}/{new_id}", folder, file)
    try:
        async with unit_of_work(actor) as work:
            finding = await _to_add(work, finding_id)
            kept |= {
                "commissioner_id": finding["commissioner_id"], "id": new_id, "provider_id": finding["provider_id"],
                "occasion_id": finding["occasion_id"], "finding_id": finding["id"], "file_name": plain_name(name),
                "added_at": work.now, "added_by": actor.person_id, "added_by_name": actor.person_name,
            }  # fmt: skip
            marks = ", ".join(f"${n}" for n in range(1, len(kept) + 1))
            await work.execute(f"INSERT INTO finding_file ({', '.join(kept)}) VALUES ({marks})", *kept.values())  # noqa: S608 - our own columns
            work.audit(
                "finding_file.added", "contract_finding", finding["id"], file=new_id, sha256=kept["published_sha256"]
            )
    except (Conflict, InvalidInput, NotFound, asyncpg.PostgresError) as error:
        # nobody knows of the copy but the store
        await Storage.from_settings(settings).delete(kept["published_key"], kept["published_version"])
        if not isinstance(error, asyncpg.UniqueViolationError):
            raise
    return new_id


async def remove_file(actor: Actor, settings: Settings, file_id: UUID) -> UUID:
    """Take a file away before it is shared; returns its occasion's id. The record that it was there stays."""
    async with unit_of_work(manager(actor)) as work:
        row = await _one(work, file_id)
        await open_row(work, row["occasion_id"])
        await work.execute(
            "UPDATE finding_file SET removed_at = $3 WHERE commissioner_id = $1 AND id = $2",
            row["commissioner_id"], file_id, work.now,
        )  # fmt: skip
        work.audit("finding_file.removed", "contract_finding", row["finding_id"], file=file_id)
    await Storage.from_settings(settings).delete(row["published_key"], row["published_version"])
    return row["occasion_id"]


async def _to_add(work: Work, finding_id: UUID) -> asyncpg.Record:
    finding = await row_of(work, "contract_finding", finding_id)
    await open_row(work, finding["occasion_id"])
    there = await work.fetchval(
        "SELECT count(*) FROM finding_file WHERE commissioner_id = $1 AND finding_id = $2 AND removed_at IS NULL",
        finding["commissioner_id"], finding_id,
    )  # fmt: skip
    if there >= MOST_FILES:
        raise InvalidInput({"file": f"A finding has {MOST_FILES} files at most: take one away first"})
    return finding


async def _checked(settings: Settings, key: str, folder: Path, file: IO[bytes]) -> dict[str, Any]:
    """Check what was sent and put its clean copy into the store; the columns that say so."""
    original, copy = folder / "original", folder / "copy"
    size = file.seek(0, 2)
    file.seek(0)
    if size > MOST_BYTES:
        raise InvalidInput({"file": too_large(False)})
    with original.open("wb") as target:
        shutil.copyfileobj(file, target)
    try:
        if settings.clamd and await scan(settings.clamd, original) is not None:
            raise InvalidInput({"file": INFECTED})
        cleaned = await clean_apart(original, copy)
    except ScannerDown:
        raise Unavailable("The virus scanner does not answer, so the file was not taken.") from None
    except Refused as refused:
        raise InvalidInput({"file": refused.sentence}) from None
    sums = [hashlib.sha256(each.read_bytes()).hexdigest() for each in (original, copy)]
    key = f"{key}/{sums[1][:16]}"
    with copy.open("rb") as found:
        version = await Storage.from_settings(settings).put_file(key, found, cleaned.content_type)
    return {
        "content_type": cleaned.content_type, "remarks": cleaned.remarks,
        "scan": "clean" if settings.clamd else "not_scanned", "original_sha256": sums[0], "published_key": key,
        "published_version": version, "published_size": copy.stat().st_size, "published_sha256": sums[1],
    }  # fmt: skip


# --- opening ----------------------------------------------------------------------------------------------------------


async def open_file(actor: Actor, settings: Settings, file_id: UUID) -> Opened:
    """The file, by the commissioner's people and, once shared, the provider's; the look is logged. Raises `NotFound`,
    `Conflict` where it is no longer what was checked."""
    permit(actor, READ)
    if actor.organisation_id is None:
        raise NotPermitted
    async with unit_of_work(actor) as work:
        row = dict(await _one(work, file_id)) | {"kind": KIND}
        await work.look(actor.organisation_id, "finding_file", file_id, "opened a file of a finding")
    if settings.files_url:
        there = link_elsewhere(settings, row, played=False)
        return Opened(0, row["content_type"], name_to_open(row), elsewhere=there)
    return await fetched_here(settings, row)


async def fetched_here(settings: Settings, row: dict[str, Any]) -> Opened:
    """The bytes themselves, summed before the first is shown. Raises `Conflict` where they are not what was checked."""
    with scratch() as folder:
        storage = Storage.from_settings(settings)
        try:
            stored = await storage.fetch(
                row["published_key"], row["published_version"], folder / "file", largest=2 * MOST_BYTES
            )
        except NotFound:
            stored = None
        if stored is None or stored.sha256 != row["published_sha256"]:
            await _alarm(row)
            raise Conflict(CHANGED)
        return Opened(
            stored.size, row["content_type"], name_to_open(row), partial(of_file, (folder / "file").open("rb"))
        )


async def may_still_open(work: Work, file_id: UUID) -> None:
    """Whether what a link of the origin of files names is still there, asked as its commissioner. Raises `NotFound`."""
    await _one(work, file_id)


async def _one(work: Work, file_id: UUID) -> asyncpg.Record:
    row = await work.fetchrow("SELECT * FROM finding_file WHERE id = $1 AND removed_at IS NULL", file_id)
    if row is None:
        raise NotFound("There is no such file, or it is not yours to see.")
    return row


async def _alarm(row: dict[str, Any]) -> None:
    async with unit_of_work(system_for(row["commissioner_id"], "commissioner")) as work:
        found = await _one(work, row["id"])  # one taken away meanwhile is no alarm, its bytes have gone as they should
        log.error("a stored file is not what was checked", finding_file=str(row["id"]))
        work.audit("finding_file.not_what_was_checked", "contract_finding", found["finding_id"], file=found["id"])
        await tell(
            work, "A file of a finding is no longer what was checked and cannot be opened.", link(found["occasion_id"]),
            organisation_id=row["commissioner_id"], role="contract_manager", once=f"not what was checked {row['id']}",
        )  # fmt: skip

"""Opening an evidence file: a link for one person and two minutes, and only bytes that still are what was checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any
from uuid import UUID

import structlog

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound
from marketplace.platform.scratch import scratch
from marketplace.platform.signed_links import seal, unseal
from marketplace.platform.storage import Storage
from marketplace.providers.file_actions import largest_of
from marketplace.providers.file_elsewhere import link_elsewhere
from marketplace.providers.file_parts import Blocks, between, known, remember
from marketplace.providers.files import STATES, name_to_open, one_file
from marketplace.settings import Settings

LINK_SECONDS = 120
PURPOSE = "links to evidence files"
PART = 256_000
DELETED = "This file has been deleted."
RUN_OUT = "This link has run out, or was made for somebody else. Open the file again from its page."
CHANGED = (
    "This file is no longer what was checked, so it is not opened to anybody. Its provider has been told: add it again"
    " from your own copy."
)
Reading = Callable[[int, int], Iterator[bytes] | AsyncIterator[bytes]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A checked file, opened: read it once, it is gone after that. `elsewhere` is the address that serves it instead,
    and then it has no bytes here."""

    size: int
    content_type: str
    name: str
    read: Reading | None = None
    elsewhere: str = ""

    def parts(self, first: int = 0, last: int | None = None) -> Iterator[bytes] | AsyncIterator[bytes]:
        """The bytes from `first` to `last` inclusive (None: to the end) in parts; closes the file at the end."""
        if self.read is None:
            raise ValueError("this file is served from elsewhere")
        return self.read(first, self.size - 1 if last is None else last)


def of_file(file: IO[bytes], first: int, last: int) -> Iterator[bytes]:
    """The bytes from `first` to `last` inclusive of an open file, which is closed after them."""
    with file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (part := file.read(min(PART, left))):
            left -= len(part)
            yield part


async def _of_store(
    storage: Storage, row: dict[str, Any], blocks: Blocks, first: int, last: int
) -> AsyncIterator[bytes]:
    try:
        async for part in between(storage, row, blocks, first, last):
            yield part
    except (Conflict, NotFound):
        await _alarm(row)
        raise


async def link_to(actor: Actor, settings: Settings, evidence_id: UUID) -> str:
    """A token that opens the file to this very person for two minutes. Raises `NotFound`, `Conflict`."""
    permit(actor, "evidence.read")
    openable(await ask(actor, one_file, evidence_id))
    return seal(settings.derived_key(PURPOSE), evidence_id.bytes + actor.person_id.bytes, LINK_SECONDS)


async def open_by_link(actor: Actor, settings: Settings, token: str) -> Opened:
    """The file behind a link, if it is this person's, has not run out, and may still be opened; the look is logged.

    The bytes are summed before the first of them is shown: what is not what was checked is never shown to anybody.
    """
    permit(actor, "evidence.read")
    evidence_id = _named_by(settings, actor, token)
    async with unit_of_work(actor) as work:
        row = await one_file(work, evidence_id)
        openable(row)
        await work.look(row["provider_id"], "evidence", evidence_id, "opened the file")
    return await fetched(settings, row)


async def fetched(settings: Settings, row: dict[str, Any], *, parts: bool = False) -> Opened:
    """The bytes of a file that somebody may open, as they were checked; where files have a site of their own, the
    address there. With `parts`, those that are asked for alone. Raises `Conflict` where they are not what was checked.
    """
    if settings.files_url:
        there = link_elsewhere(settings, row, played=parts)
        return Opened(0, row["content_type"], name_to_open(row), elsewhere=there)
    return await fetched_here(settings, row, parts=parts)


async def fetched_here(settings: Settings, row: dict[str, Any], *, parts: bool = False) -> Opened:
    """The bytes themselves, from this very process."""
    storage, name = Storage.from_settings(settings), name_to_open(row)
    blocks = known(row) if parts else None
    if blocks is not None:
        return Opened(blocks.size, row["content_type"], name, partial(_of_store, storage, row, blocks))
    with scratch() as folder:
        try:
            stored = await storage.fetch(
                row["published_key"], row["published_version"], folder / "file", largest=2 * largest_of(row["kind"])
            )
        except NotFound:
            stored = None
        if stored is None or stored.sha256 != row["published_sha256"]:
            await _alarm(row)
            raise Conflict(CHANGED)
        file = (folder / "file").open("rb")
        if parts:
            await asyncio.to_thread(remember, row, file)
        return Opened(stored.size, row["content_type"], name, partial(of_file, file))


def openable(row: dict[str, Any]) -> None:
    if row["shown_state"] == "deleted":
        raise NotFound(DELETED)
    if row["state"] != "clean":
        raise Conflict(row["refused_reason"] or STATES[row["state"]][2])


def _named_by(settings: Settings, actor: Actor, token: str) -> UUID:
    said = unseal(settings.derived_key(PURPOSE), token)
    if said is None or said[16:] != actor.person_id.bytes:
        raise NotFound(RUN_OUT)
    return UUID(bytes=said[:16])


async def _alarm(row: dict[str, Any]) -> None:
    """Somebody or something changed what lies in the store: it is noted, and the provider's managers are told once.

    Raises `NotFound` for a file that was deleted between its row and its bytes: then they have gone as they should.
    """
    async with unit_of_work(system_for(row["provider_id"], "provider")) as work:
        there = await work.fetchval(
            "SELECT true FROM evidence WHERE provider_id = $1 AND id = $2 AND deleted_at IS NULL",
            row["provider_id"], row["id"],
        )  # fmt: skip
        if not there:
            raise NotFound(DELETED)
        log.error("a stored file is not what was checked", evidence=str(row["id"]))
        work.audit("evidence.not_what_was_checked", "evidence", row["id"])
        await tell(
            work, "A file of your evidence is no longer what was checked and cannot be opened: add it again.",
            f"/evidence/{row['id']}", organisation_id=row["provider_id"], role="provider_manager",
            once=f"not what was checked {row['id']}",
        )  # fmt: skip

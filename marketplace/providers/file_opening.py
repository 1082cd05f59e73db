"""Opening an evidence file: a link for one person and two minutes, and only bytes that still are what was checked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import structlog

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound
from marketplace.platform.signed_links import seal, unseal
from marketplace.platform.storage import Storage
from marketplace.providers.file_actions import largest_of
from marketplace.providers.files import STATES, name_to_open, one_file
from marketplace.settings import Settings

LINK_SECONDS = 120
PURPOSE = "links to evidence files"
PART = 256_000
RUN_OUT = "This link has run out, or was made for somebody else. Open the file again from its page."
CHANGED = (
    "This file is no longer what was checked, so it is not opened to anybody. Its provider has been told: add it again"
    " from your own copy."
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A checked file, opened: read it once, it is gone after that."""

    file: IO[bytes]
    size: int
    content_type: str
    name: str

    def parts(self) -> Iterator[bytes]:
        """The bytes in parts; closes the file at the end."""
        with self.file:
            while part := self.file.read(PART):
                yield part


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


async def fetched(settings: Settings, row: dict[str, Any]) -> Opened:
    """The bytes of a file that somebody may open, as they were checked. Raises `Conflict` where they are not."""
    folder = Path(tempfile.mkdtemp(prefix="evidence-"))
    try:
        stored = await Storage.from_settings(settings).fetch(
            row["published_key"], row["published_version"], folder / "file", largest=2 * largest_of(row["kind"])
        )
        if stored.sha256 != row["published_sha256"]:
            await _alarm(row)
            raise Conflict(CHANGED)
        return Opened((folder / "file").open("rb"), stored.size, row["content_type"], name_to_open(row))
    except NotFound:
        await _alarm(row)
        raise Conflict(CHANGED) from None
    finally:
        shutil.rmtree(folder)  # what is open stays readable until it is closed


def openable(row: dict[str, Any]) -> None:
    if row["shown_state"] == "deleted":
        raise NotFound("This file has been deleted.")
    if row["state"] != "clean":
        raise Conflict(row["refused_reason"] or STATES[row["state"]][2])


def _named_by(settings: Settings, actor: Actor, token: str) -> UUID:
    said = unseal(settings.derived_key(PURPOSE), token)
    if said is None or said[16:] != actor.person_id.bytes:
        raise NotFound(RUN_OUT)
    return UUID(bytes=said[:16])


async def _alarm(row: dict[str, Any]) -> None:
    """Somebody or something changed what lies in the store: it is noted, and the provider's managers are told once."""
    log.error("a stored file is not what was checked", evidence=str(row["id"]))
    async with unit_of_work(system_for(row["provider_id"], "provider")) as work:
        work.audit("evidence.not_what_was_checked", "evidence", row["id"])
        await tell(
            work, "A file of your evidence is no longer what was checked and cannot be opened: add it again.",
            f"/evidence/{row['id']}", organisation_id=row["provider_id"], role="provider_manager",
            once=f"not what was checked {row['id']}",
        )  # fmt: skip

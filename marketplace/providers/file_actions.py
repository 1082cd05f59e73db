"""Adding, opening and deleting evidence files. The bytes never wait inside a unit of work: the store may be slow.

A file is announced first, then its bytes go into quarantine (straight from the browser, or through us), then it is
handed in; a job checks it (`file_checking.py`). Announced, sent or handed in twice, it is there once.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.platform.actor import PERSONAL_ROLES, Actor
from marketplace.platform.cleaning import MOST_BYTES, MOST_VIDEO_BYTES, TYPES, VIDEO_TYPES, how_to_mend, too_large
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, TooLarge
from marketplace.platform.storage import Storage
from marketplace.policy.retention import WORKER_FILES
from marketplace.providers.files import KINDS, VIDEO, one_file, plain_name
from marketplace.providers.leaning import shows_nothing_now
from marketplace.providers.workforce import ensure_profile
from marketplace.settings import Settings

# What a device says that does not know the type: then the name's ending speaks, and the check finds out anyhow.
SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream")
FORM_LIFE = timedelta(minutes=15)
CHECK = "check_evidence"
TIDY = "tidy_evidence"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an announced file's bytes go; `state` says whether they came already."""

    id: UUID
    key: str
    content_type: str
    largest: int
    state: str


def largest_of(kind: str) -> int:
    """Bytes a file of this kind may have."""
    return MOST_VIDEO_BYTES if kind == VIDEO else MOST_BYTES


def taken_types(kind: str) -> dict[str, str]:
    """Content types a file of this kind may say it is, to their endings."""
    return VIDEO_TYPES if kind == VIDEO else TYPES


async def announce(
    actor: Actor,
    *,
    kind: str,
    file_name: str,
    size: int,
    content_type: str = "",
    worker_id: UUID | None = None,
    title: str = "",
    replaces_id: UUID | None = None,
    evidence_id: UUID | None = None,
) -> Place:
    """Say which file is coming; answers where its bytes go. What it really is, the check finds out.

    `evidence_id` is the caller's own: announced again by the same person it is the same file. `replaces_id` names an
    earlier file of the same kind that this one stands in for.
    """
    permit(actor, "evidence.write")
    name = plain_name(file_name)
    said = content_type.lower().strip()
    if said in SAYS_NOTHING:
        said = mimetypes.guess_type(name)[0] or said
    wrong: dict[str, str] = {}
    if kind not in KINDS:
        wrong["kind"] = "Select what kind of file it is"
    elif said not in taken_types(kind):
        wrong["file"] = _other_type(kind, said, name)
    elif size > largest_of(kind):
        wrong["file"] = too_large(kind == VIDEO)
    if size <= 0:
        wrong.setdefault("file", "This file is empty. Check that it opens on your own device, and select it again")
    async with unit_of_work(actor) as work:
        known = await _announced(work, evidence_id)
        if known is not None:
            return known
        provider_id = await _provider(work)
        about = await _about(work, kind, worker_id, wrong)
        if replaces_id is not None:
            await _replaceable(work, replaces_id, kind, about, wrong)
        if wrong:
            raise InvalidInput(wrong)
        new_id = evidence_id or uuid4()
        key = f"quarantine/{provider_id}/{new_id}"
        try:
            # what the wall's clock says ends the form: it is a lease, not a date of the domain
            await work.execute(
                "INSERT INTO evidence (provider_id, id, kind, title, worker_id, replaces_id, file_name, content_type,"
                " size, uploaded_by, uploaded_by_name, uploaded_at, form_until, quarantine_key)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now() + $13::interval, $14)",
                provider_id, new_id, kind, " ".join(title.split()), about, replaces_id, name, said, size,
                actor.person_id, actor.person_name, work.now, FORM_LIFE, key,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            if "evidence_replaced_once" in str(error):
                raise Conflict("Somebody has replaced this file already: open its page again.") from None
            raise NotFound from None
        work.audit("evidence.announced", "evidence", new_id, kind=kind, worker=about, replaces=replaces_id)
        return Place(new_id, key, said, largest_of(kind), "waiting")


async def place_of(actor: Actor, evidence_id: UUID) -> Place:
    """The place of a file the actor has announced. Raises `NotFound`."""

    async def asked(work: Work) -> Place | None:
        return await _announced(work, evidence_id)

    found = await ask(actor, asked)
    if found is None:
        raise NotFound("There is no file of yours announced by this number.")
    return found


def _other_type(kind: str, said: str, name: str) -> str:
    if kind == VIDEO:
        return "The profile video must be an MP4 or WebM. Save or share it as MP4, and select it again"
    if said.startswith("video/"):
        return "Only a profile video can be a video. Select a PDF, JPEG or PNG"
    return how_to_mend(said, name) or (
        "The file must be a PDF, JPEG or PNG. Save the document as a PDF, or the picture as a JPEG, and select it again"
    )


async def _announced(work: Work, evidence_id: UUID | None) -> Place | None:
    if evidence_id is None:
        return None
    row = await work.fetchrow(
        "SELECT * FROM evidence WHERE provider_id = $1 AND id = $2 AND uploaded_by = $3",
        work.actor.provider_id, evidence_id, work.actor.person_id,
    )  # fmt: skip
    if row is None:
        return None
    return Place(row["id"], row["quarantine_key"], row["content_type"], largest_of(row["kind"]), row["state"])


async def _provider(work: Work) -> UUID:
    if work.actor.role in PERSONAL_ROLES:
        if work.actor.provider_id is None:
            raise NotFound
        return work.actor.provider_id
    return await ensure_profile(work)


async def _about(work: Work, kind: str, worker_id: UUID | None, wrong: dict[str, str]) -> UUID | None:
    """The worker the file is about: a worker's own files are about that worker whatever is said."""
    if work.actor.role in PERSONAL_ROLES:
        own = await work.fetchval("SELECT id FROM worker WHERE provider_id = $1", work.actor.provider_id)
        if own is None or worker_id not in (None, own):
            raise NotFound
        if kind in KINDS and kind not in WORKER_FILES:
            wrong["kind"] = "Select a kind of file about yourself"
        return own
    if kind not in WORKER_FILES:
        if worker_id is not None and kind in KINDS:
            wrong["worker_id"] = "This kind of file is about the organisation: select nobody"
        return None
    if worker_id is None:
        wrong["worker_id"] = "Select whom the file is about"
        return None
    found = await work.fetchval(
        "SELECT id FROM worker WHERE provider_id = $1 AND id = $2", work.actor.provider_id, worker_id
    )
    if found is None:
        raise NotFound("There is no such worker in your organisation.")
    return found


async def _replaceable(work: Work, replaces_id: UUID, kind: str, about: UUID | None, wrong: dict[str, str]) -> None:
    earlier = await one_file(work, replaces_id)
    if (earlier["kind"], earlier["worker_id"]) != (kind, about):
        wrong["kind"] = f"It must stay what it replaces: {KINDS[earlier['kind']].lower()}, about the same worker"
    if earlier["replaced_by"] is not None:
        raise Conflict("Somebody has replaced this file already: open its page again.")


def upload_form(settings: Settings, place: Place) -> dict[str, Any] | None:
    """`url` and `fields` for sending the file straight to the store; None where browsers do not reach it."""
    if not settings.s3_browser_url or place.state != "waiting":
        return None
    return Storage.from_settings(settings).upload_form(
        place.key, content_type=place.content_type, largest=place.largest, lifetime=FORM_LIFE
    )


async def receive(actor: Actor, settings: Settings, place: Place, file: IO[bytes]) -> None:
    """Put an announced file's bytes into quarantine through us, and hand it in. Raises `Unavailable`, `TooLarge`."""
    if place.state == "waiting":
        if file.seek(0, 2) > place.largest:  # more came than was announced
            raise TooLarge(too_large(place.largest == MOST_VIDEO_BYTES))
        file.seek(0)
        await Storage.from_settings(settings).put_file(place.key, file, place.content_type)
        await hand_in(actor, settings, place.id)


async def hand_in(actor: Actor, settings: Settings, evidence_id: UUID) -> None:
    """The bytes are in quarantine: from here on this very version is the original, and a job checks it.

    Whoever still holds the upload form can put another version beside it, which nobody ever looks at. Raises
    `InvalidInput` when nothing has arrived, `Unavailable` when the store does not answer.
    """
    permit(actor, "evidence.write")
    if not await take_in(actor, settings, evidence_id):
        raise InvalidInput({"file": "The file has not arrived. Select it and send it again"})


async def take_in(actor: Actor, settings: Settings, evidence_id: UUID) -> bool:
    """`hand_in` for whoever may: the sender, or the system where the sender's page went away. False: nothing came."""
    row = await ask(actor, one_file, evidence_id)
    if row["state"] != "waiting" or row["deleted_at"] is not None:
        return True
    try:
        version, size = await Storage.from_settings(settings).newest(row["quarantine_key"])
    except NotFound:
        return False
    async with unit_of_work(actor) as work:
        moved = await work.fetchval(
            "UPDATE evidence SET state = 'checking', quarantine_version = $3, size = $4"
            " WHERE provider_id = $1 AND id = $2 AND state = 'waiting' AND deleted_at IS NULL RETURNING id",
            row["provider_id"], evidence_id, version, size,
        )  # fmt: skip
        if moved is not None:
            work.audit("evidence.handed_in", "evidence", evidence_id, size=size)
            payload = {"provider": row["provider_id"], "evidence": evidence_id}
            await work.enqueue(CHECK, payload, dedupe_key=f"{CHECK} {evidence_id}")
        return True


async def delete_file(actor: Actor, evidence_id: UUID, reason: str) -> None:
    """Delete a file before its time, every version of it; the record that it was there, and why it went, stays."""
    permit(actor, "evidence.delete")
    async with unit_of_work(actor) as work:
        row = await one_file(work, evidence_id)
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the file is deleted"})
        if not await mark_deleted(work, row["provider_id"], evidence_id, reason.strip()):
            raise Conflict("This file has been deleted already.")


async def mark_deleted(work: Work, provider_id: UUID, evidence_id: UUID, reason: str) -> bool:
    """In the caller's unit: nobody opens the file any more; a job removes its bytes. False when it was gone already."""
    gone = await work.fetchrow(
        "UPDATE evidence SET deleted_at = $3, deleted_reason = $4, quarantine_tidied_at = NULL"
        " WHERE provider_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING *",
        provider_id, evidence_id, work.now, reason,
    )  # fmt: skip
    if gone is None:
        return False
    work.audit("evidence.deleted", "evidence", evidence_id, kind=gone["kind"])
    await shows_nothing_now(work, dict(gone), "deleted")
    payload = {"provider": provider_id, "evidence": evidence_id}
    await work.enqueue(TIDY, payload, dedupe_key=f"{TIDY} {evidence_id}")
    return True

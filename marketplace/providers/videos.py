"""A worker's profile video: the worker agrees to one checked file, the pack says whether families see it, and each look
of a family member goes through a link of their own and is logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound
from marketplace.platform.signed_links import seal, unseal
from marketplace.policy.calendar import local_day
from marketplace.providers.file_opening import Opened, fetched, openable
from marketplace.providers.files import VIDEO, one_file
from marketplace.settings import Settings

LINK_SECONDS = 600  # long enough to read the page and watch: a player asks for part after part
PURPOSE = "links to workers' videos"
PART = "video"
RUN_OUT = "This link has run out, or was made for somebody else. Open the video again from its page."
NOT_HERE = "There is no such video for you. It may have been taken back."


# --- the worker's agreement -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnVideo:
    """A checked video of a worker; `agreed_at` where families may watch this very file."""

    evidence_id: UUID
    worker_id: UUID
    file_name: str
    uploaded_at: datetime
    agreed_at: datetime | None


async def my_videos(work: Work) -> list[OwnVideo]:
    """The actor's own checked videos, at every employer, newest first."""
    rows = await work.fetch(
        """SELECT e.id, e.worker_id, e.file_name, e.uploaded_at, v.agreed_at FROM evidence e
           JOIN worker w ON w.provider_id = e.provider_id AND w.id = e.worker_id AND w.person_id = $1
           LEFT JOIN profile_video v ON v.provider_id = e.provider_id AND v.evidence_id = e.id AND v.ended_at IS NULL
           WHERE e.kind = $2 AND e.state = 'clean' AND e.deleted_at IS NULL ORDER BY e.uploaded_at DESC, e.id""",
        work.actor.person_id, VIDEO,
    )  # fmt: skip
    return [OwnVideo(*row.values()) for row in rows]


async def agree_to_video(actor: Actor, worker_id: UUID, evidence_id: UUID, *, agreed: bool) -> None:
    """Families may watch this file from now on, and no other of the worker's; or not any more.

    Raises `NotFound` for what is no video of the actor's own, `Conflict` for one that is not checked or is deleted.
    """
    permit(actor, "profile.consent")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow(
            """SELECT e.provider_id, e.state = 'clean' AND e.deleted_at IS NULL AS ready FROM evidence e
               JOIN worker w ON w.provider_id = e.provider_id AND w.id = e.worker_id AND w.person_id = $1
               WHERE e.id = $2 AND e.worker_id = $3 AND e.kind = $4""",
            actor.person_id, evidence_id, worker_id, VIDEO,
        )  # fmt: skip
        if row is None:
            raise NotFound("There is no such video of yours.")
        if agreed and not row["ready"]:
            raise Conflict("This video has not been checked, or has been deleted: nobody can watch it.")
        shown = await work.fetchval(
            "SELECT evidence_id FROM profile_video WHERE worker_id = $1 AND ended_at IS NULL FOR UPDATE", worker_id
        )
        if (shown == evidence_id) == agreed:
            return  # pressed twice
        await work.execute(
            "UPDATE profile_video SET ended_at = $2 WHERE worker_id = $1 AND ended_at IS NULL", worker_id, work.now
        )
        if agreed:
            await work.execute(
                "INSERT INTO profile_video (provider_id, worker_id, evidence_id, agreed_at) VALUES ($1, $2, $3, $4)",
                row["provider_id"], worker_id, evidence_id, work.now,
            )  # fmt: skip
        work.audit("worker.video_agreed" if agreed else "worker.video_withdrawn", "worker", worker_id)


# --- the family -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Video:
    """A video the actor's family may watch."""

    evidence_id: UUID
    worker_id: UUID
    worker_name: str


async def familys_videos(work: Work) -> dict[UUID, Video]:
    """By worker: of those who care for the actor's child or are proposed to, where the framework's pack shows videos
    (L 6.1 stage 1) and the worker agrees."""
    today = local_day(work.now)
    found: dict[UUID, Video] = {}
    for row in await work.fetch("SELECT * FROM my_familys_videos() ORDER BY worker_name, worker_id"):
        pack = await pack_of(work, row["framework_id"])
        if PART in pack.on(today).profile.holds:
            found[row["worker_id"]] = Video(row["evidence_id"], row["worker_id"], row["worker_name"])
    return found


async def familys_video(work: Work, evidence_id: UUID) -> Video:
    """One of them. Raises `NotFound` for any other file."""
    for video in (await familys_videos(work)).values():
        if video.evidence_id == evidence_id:
            return video
    raise NotFound(NOT_HERE)


async def link_to_video(actor: Actor, settings: Settings, evidence_id: UUID) -> str:
    """A token that plays the video to this very person for ten minutes. Raises `NotFound`."""
    permit(actor, "video.watch")
    await ask(actor, familys_video, evidence_id)
    return seal(settings.derived_key(PURPOSE), evidence_id.bytes + actor.person_id.bytes, LINK_SECONDS)


async def open_video(actor: Actor, settings: Settings, token: str) -> Opened:
    """The video behind a link, if it is this person's, has not run out and may still be watched.

    The look is logged once for the parts a player asks for one after the other. Raises `NotFound`, `Conflict`.
    """
    permit(actor, "video.watch")
    said = unseal(settings.derived_key(PURPOSE), token)
    if said is None or said[16:] != actor.person_id.bytes:
        raise NotFound(RUN_OUT)
    evidence_id = UUID(bytes=said[:16])
    async with unit_of_work(actor) as work:
        await familys_video(work, evidence_id)
        row = await work.fetchrow("SELECT * FROM my_familys_video($1)", evidence_id)
        if row is None:
            raise NotFound(NOT_HERE)
        lately = await work.fetchval(
            "SELECT EXISTS (SELECT 1 FROM look WHERE person_id = $1 AND subject_id = $2 AND at > $3)",
            actor.person_id, evidence_id, work.now - timedelta(seconds=LINK_SECONDS),
        )  # fmt: skip
        if not lately:
            await work.look(row["provider_id"], "evidence", evidence_id, "watched the profile video")
    return await fetched(settings, dict(row), parts=True)


async def may_still_open(work: Work, evidence_id: UUID, played: bool) -> None:
    """Whether what a link of the origin of files names may be opened now: since it was made the file may have been
    deleted, or its worker may agree no more that families watch. Asked as the provider.

    Raises `NotFound`, `Conflict`.
    """
    openable(await one_file(work, evidence_id))
    if played and not await work.fetchval(
        "SELECT EXISTS (SELECT 1 FROM profile_video WHERE evidence_id = $1 AND ended_at IS NULL)", evidence_id
    ):
        raise NotFound(NOT_HERE)

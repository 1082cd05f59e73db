"""JSON: workers' videos, for the family that may watch them and the worker who agrees to that."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post, put
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers import videos
from marketplace.providers.file_schemas import LinkOut
from marketplace.providers.file_sending import played

WATCHES: dict[str, Any] = {"guards": [requires("video.watch")], "tags": ["Evidence"]}
AGREES: dict[str, Any] = {"guards": [requires("profile.consent")], "tags": ["Workforce"]}
Asked = Request[Any, Any, Any]


class VideoOut(msgspec.Struct, kw_only=True):
    """A video I may watch, and whose it is."""

    evidence_id: UUID
    worker_id: UUID
    worker_name: str


class OwnVideoOut(msgspec.Struct, kw_only=True):
    """A checked video of my own; `families_agreed_at` where families may watch it."""

    evidence_id: UUID
    worker_id: UUID
    file_name: str
    families_agreed_at: datetime | None


class VideoAgreementIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    evidence_id: UUID
    agreed: bool


@get("/api/v1/worker-videos", **WATCHES)
async def list_videos(request: Asked) -> list[VideoOut]:
    """Videos of the workers who care for my child or are proposed to."""
    found = await ask(request.user, videos.familys_videos)
    return [
        VideoOut(evidence_id=each.evidence_id, worker_id=each.worker_id, worker_name=each.worker_name)
        for each in found.values()
    ]


@post("/api/v1/worker-videos/{evidence_id:uuid}/link", **WATCHES)
async def make_video_link(request: Asked, evidence_id: FromPath[UUID]) -> LinkOut:
    """An address that plays the video to me, for ten minutes."""
    token = await videos.link_to_video(request.user, settings_of(request), evidence_id)
    return LinkOut(f"/api/v1/worker-videos/open/{token}", videos.LINK_SECONDS)


@get("/api/v1/worker-videos/open/{token:str}", **WATCHES)
async def get_video(request: Asked, token: FromPath[str]) -> Stream:
    """The video behind a link; the look is logged."""
    return played(request, await videos.open_video(request.user, settings_of(request), token))


@get("/api/v1/my-videos", **AGREES)
async def list_my_videos(request: Asked) -> list[OwnVideoOut]:
    """My own checked videos, newest first."""
    return [
        OwnVideoOut(
            evidence_id=each.evidence_id, worker_id=each.worker_id, file_name=each.file_name,
            families_agreed_at=each.agreed_at,
        )
        for each in await ask(request.user, videos.my_videos)
    ]  # fmt: skip


@put("/api/v1/my-profile/{worker_id:uuid}/video", status_code=204, **AGREES)
async def put_video(request: Asked, worker_id: FromPath[UUID], data: JSONBody[VideoAgreementIn]) -> None:
    """Agree that families watch one of my videos, or take that back at once."""
    await videos.agree_to_video(request.user, worker_id, data.evidence_id, agreed=data.agreed)


ROUTES: list[Any] = [list_videos, make_video_link, get_video, list_my_videos, put_video]

"""The family's page of a worker's video, the file it plays, and the worker's own agreement to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, NotFound
from marketplace.providers import videos
from marketplace.providers.file_sending import played
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WATCHES: dict[str, Any] = {"guards": [requires("video.watch")]}
AGREES: dict[str, Any] = {"guards": [requires("profile.consent")]}
Asked = Request[Any, Any, Any]


@get("/worker-videos/{evidence_id:uuid}", **WATCHES)
async def video_page(request: Asked, evidence_id: FromPath[UUID]) -> Response[Any]:
    """The video, played here where the browser can, and the link to save it."""
    video = await ask(request.user, videos.familys_video, evidence_id)
    token = await videos.link_to_video(request.user, settings_of(request), evidence_id)
    return page(
        request, "providers/worker_video.html", title=f"{video.worker_name}: video", video=video,
        source=f"/worker-videos/open/{token}", media=f"'self' {settings_of(request).files_url}".strip(),
    )  # fmt: skip


@get("/worker-videos/open/{token:str}", **WATCHES)
async def follow_video_link(request: Asked, token: FromPath[str]) -> Stream:
    """The video's bytes, whole or the part a player asks for."""
    return played(request, await videos.open_video(request.user, settings_of(request), token))


@post("/my-profile/{worker_id:uuid}/video", status_code=303, **AGREES)
async def agree_to_video(request: Asked, worker_id: FromPath[UUID]) -> Response[Any]:
    """Keeps the agreement to one video, or takes it back."""
    form = Form(await read_form(request))
    agreed = form.value("agreed") == "yes"
    evidence_id = form.uuid("evidence_id", "a video")
    if form.errors:
        raise NotFound("There is no such video of yours.")
    try:
        await videos.agree_to_video(request.user, worker_id, evidence_id, agreed=agreed)
    except Conflict as error:
        return see_other(request, "/my-profile", refused=error.sentence)
    done = (
        "Families you are proposed to may watch this video." if agreed else "Families do not see this video any more."
    )
    return see_other(request, "/my-profile", flash=done)


ROUTES: list[Any] = [video_page, follow_video_link, agree_to_video]

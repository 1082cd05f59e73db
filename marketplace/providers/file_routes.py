"""JSON: evidence files. Announce one, send its bytes (straight to the store where there is a form, else here), hand it
in, and read how the check went; open it by a link of two minutes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.cleaning import MOST_VIDEO_BYTES, too_large
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.policy.retention import LISTED_AHEAD
from marketplace.providers import file_actions, file_opening, file_schemas, files
from marketplace.providers.file_sending import download
from marketplace.providers.leaning import leans_on
from marketplace.web.reading import read_files

READS: dict[str, Any] = {"guards": [requires("evidence.read")], "tags": ["Evidence"]}
WRITES: dict[str, Any] = {"guards": [requires("evidence.write")], "tags": ["Evidence"]}
DELETES: dict[str, Any] = {"guards": [requires("evidence.delete")], "tags": ["Evidence"]}
MOST_AT_ONCE = 200
Asked = Request[Any, Any, Any]


@get("/api/v1/evidence", **READS)
async def list_files(
    request: Asked,
    kind: FromQuery[str] = "",
    file_state: FromQuery[str] = "",
    worker_id: FromQuery[UUID | None] = None,
    page: FromQuery[int] = 1,
) -> list[file_schemas.FileOut]:
    """My organisation's files, newest first, 200 a page; a worker gets those about themself."""
    if not 1 <= page <= 10_000:
        raise InvalidInput({"page": "The page must be between 1 and 10,000"})
    wanted = files.Filter(kind, file_state, worker_id)
    rows, _ = await ask(request.user, files.files, wanted, number=page, size=MOST_AT_ONCE)
    return [file_schemas.file_out(row) for row in rows]


@post("/api/v1/evidence", **WRITES)
async def announce_file(request: Asked, data: JSONBody[file_schemas.FileIn]) -> file_schemas.PlaceOut:
    """Say which file is coming; answers its id and, where browsers reach the store, the form to send it with."""
    place = await file_actions.announce(
        request.user, kind=data.kind, file_name=data.file_name, size=data.size, content_type=data.content_type,
        worker_id=data.worker_id, title=data.title, replaces_id=data.replaces_id, evidence_id=data.id,
    )  # fmt: skip
    form = file_actions.upload_form(settings_of(request), place)
    return file_schemas.PlaceOut(
        id=place.id, state=place.state, form=file_schemas.FormOut(form["url"], form["fields"]) if form else None
    )


@post(
    "/api/v1/evidence/{evidence_id:uuid}/content",
    status_code=204,
    request_max_body_size=MOST_VIDEO_BYTES + 1_000_000,
    **WRITES,
)
async def send_content(request: Asked, evidence_id: FromPath[UUID]) -> None:
    """The bytes of an announced file, as `file` of a multipart form; it is handed in with them.

    More than its kind may have is refused (413) before it is read to its end.
    """
    place = await file_actions.place_of(request.user, evidence_id)
    sentence = too_large(place.largest == MOST_VIDEO_BYTES)
    sent = next(iter((await read_files(request, largest=place.largest, too_large=sentence)).get("file", ())), None)
    if sent is None:
        raise InvalidInput({"file": "Send the file as the field 'file' of a multipart form"})
    await file_actions.receive(request.user, settings_of(request), place, sent.file)


@post("/api/v1/evidence/{evidence_id:uuid}/arrived", status_code=204, **WRITES)
async def file_arrived(request: Asked, evidence_id: FromPath[UUID]) -> None:
    """The bytes are in the store: check them."""
    await file_actions.hand_in(request.user, settings_of(request), evidence_id)


@get("/api/v1/evidence/{evidence_id:uuid}", **READS)
async def get_file(request: Asked, evidence_id: FromPath[UUID]) -> file_schemas.FileOut:
    """One file and how its check went."""
    return await ask(request.user, _one, evidence_id)


@post("/api/v1/evidence/{evidence_id:uuid}/link", **READS)
async def make_link(request: Asked, evidence_id: FromPath[UUID]) -> file_schemas.LinkOut:
    """An address that gives the file to me, for two minutes."""
    token = await file_opening.link_to(request.user, settings_of(request), evidence_id)
    return file_schemas.LinkOut(f"/api/v1/evidence/open/{token}", file_opening.LINK_SECONDS)


@get("/api/v1/evidence/open/{token:str}", **READS)
async def get_content(request: Asked, token: FromPath[str]) -> Stream:
    """The file behind a link; the look is logged."""
    return download(await file_opening.open_by_link(request.user, settings_of(request), token))


@post("/api/v1/evidence/{evidence_id:uuid}/delete", status_code=204, **DELETES)
async def remove_file(request: Asked, evidence_id: FromPath[UUID], data: JSONBody[file_schemas.DeleteIn]) -> None:
    """Delete a file before its time; the record that it was there stays."""
    await file_actions.delete_file(request.user, evidence_id, data.reason)


async def _one(work: Work, evidence_id: UUID) -> file_schemas.FileOut:
    row = await files.one_file(work, evidence_id)
    return file_schemas.file_out(row, await leans_on(work, row["provider_id"], evidence_id))


async def _soon(work: Work) -> list[dict[str, Any]]:
    return await files.to_be_deleted(work, local_day(work.now) + LISTED_AHEAD)


@get("/api/v1/evidence-retention", **DELETES)
async def list_to_be_deleted(request: Asked) -> list[file_schemas.FileOut]:
    """What will be deleted within the next four weeks, because its time is up."""
    return [file_schemas.file_out(row) for row in await ask(request.user, _soon)]


ROUTES: list[Any] = [
    list_files, announce_file, send_content, file_arrived, get_file, make_link, get_content, remove_file,
    list_to_be_deleted,
]  # fmt: skip

"""Pages of evidence files: the list, adding one from phone or desk, one file with what to do, what will be deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.cleaning import MOST_VIDEO_BYTES
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, Unavailable
from marketplace.policy.calendar import local_day
from marketplace.policy.retention import LISTED_AHEAD, PROVIDER_FILES, WORKER_FILES
from marketplace.providers import file_actions, file_opening, files
from marketplace.providers.file_sending import download
from marketplace.providers.leaning import leans_on
from marketplace.providers.retention import periods
from marketplace.providers.vocabulary import words
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day, moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("evidence.read")]}
WRITES: dict[str, Any] = {"guards": [requires("evidence.write")]}
DELETES: dict[str, Any] = {"guards": [requires("evidence.delete")]}
LARGEST_REQUEST = MOST_VIDEO_BYTES + 1_000_000  # the largest file and the fields around it
MOST_IN_CSV = 20_000
Asked = Request[Any, Any, Any]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@get("/evidence", **READS)
async def files_page(request: Asked) -> Response[Any]:
    """The files, newest first; `?kind=`, `?state=`, `?worker=`, `?q=`, `?page=`, `?format=csv`."""
    query = request.query_params
    wanted = files.Filter(
        kind=query.get("kind", "") if query.get("kind") in files.KINDS else "",
        state=query.get("state", "") if query.get("state") in files.STATES else "",
        worker_id=_uuid(query.get("worker", "")),
        text=query.get("q", "")[:100],
    )
    if query.get("format") == "csv":
        rows, _ = await ask(request.user, files.files, wanted, size=MOST_IN_CSV)
        return csv_file("evidence", HEADS, (_csv_row(row) for row in rows))
    raw = query.get("page", "1")
    number = int(raw) if raw.isascii() and raw.isdigit() and 0 < len(raw) < 6 and int(raw) else 1
    rows, total = await ask(request.user, files.files, wanted, number=number)
    kept = urlencode({name: value for name, value in query.items() if name not in ("page", "format") and value})
    return page(
        request,
        "providers/files.html",
        title="Evidence" if request.user.role != "worker" else "My files",
        rows=rows,
        total=total,
        number=number,
        last=max(1, -(-total // files.PAGE)),
        kept=kept,
        wanted=wanted,
        narrowed=wanted != files.Filter(),
        people=await ask(request.user, files.people_files_are_about),
        kinds=files.KINDS,
        states=files.STATES,
        deletes=may(request.user, "evidence.delete"),
        own=request.user.role == "worker",
    )


HEADS = ("File", "Kind", "About", "Title", "Added", "Added by", "State", "Virus scan", "Kept until", "SHA-256")


def _csv_row(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        row["file_name"], files.KINDS.get(row["kind"], row["kind"]), row["worker_name"] or "The organisation",
        row["title"], moment(row["uploaded_at"]), row["uploaded_by_name"], files.STATES[row["shown_state"]][0],
        files.SCANS.get(row["scan"], ""), day(row["keep_until"]) if row["keep_until"] else "",
        row["published_sha256"] or "",
    )  # fmt: skip


# --- adding -----------------------------------------------------------------------------------------------------------


async def _shown(request: Asked, form: Form, status: int = 200) -> Response[Any]:
    store = settings_of(request).s3_browser_url
    parts = urlsplit(store)
    worker = request.user.role == "worker"
    kinds = WORKER_FILES if worker else (*WORKER_FILES, *PROVIDER_FILES)
    people = [] if worker else await ask(request.user, files.people_files_are_about)
    if not form.value("upload"):
        form.set("upload", str(uuid4()))
    replaced = _uuid(form.value("replaces"))
    return page(
        request,
        "providers/file_new.html",
        title="Add a file" if worker else "Add evidence",
        status=status,
        form=form,
        kinds=[(kind, files.KINDS[kind]) for kind in kinds],
        people=[(str(worker_id), name) for worker_id, name in people],
        replaced=await ask(request.user, files.one_file, replaced) if replaced else None,
        direct=bool(store),
        connect=f"{parts.scheme}://{parts.netloc}" if store else "",
    )


@get("/evidence/new", **WRITES)
async def new_file_page(request: Asked) -> Response[Any]:
    """Add a file; `?kind=`, `?worker=` and `?replaces=` are filled in."""
    query = request.query_params
    form = Form()
    for name in ("kind", "worker", "title"):
        form.set(name, query.get(name))
    replaces = _uuid(query.get("replaces", ""))
    if replaces is not None:
        earlier = await ask(request.user, files.one_file, replaces)
        for name, value in (("kind", "kind"), ("worker", "worker_id"), ("title", "title"), ("replaces", "id")):
            form.set(name, earlier[value])
    return await _shown(request, form)


@post("/evidence/new", request_max_body_size=LARGEST_REQUEST, **WRITES)
async def new_file(request: Asked) -> Response[Any]:
    """The form: with its file, or (from the page's script) with its name and size while the file goes to the store."""
    form = Form(await read_form(request))
    sent = next(iter((await read_files(request)).get("file", ())), None)
    announced = request.headers.get("x-announce") == "yes"
    known = (*WORKER_FILES, *PROVIDER_FILES)
    kind = form.choice("kind", "what kind of file it is", known)
    worker_id = _uuid(form.value("worker")) if kind in WORKER_FILES else None
    title = form.text("title", "a title", required=False, most=120) or ""
    if sent is None and not announced:
        form.error("file", "Select the file")
    if not form.errors:
        try:
            if sent is not None:
                name, size, said = sent.filename, sent.file.seek(0, 2), sent.content_type or ""
                sent.file.seek(0)
            else:
                name, said = form.value("file_name"), form.value("file_type")
                size = int(form.value("file_size")) if form.value("file_size").isdigit() else 0
            place = await file_actions.announce(
                request.user, kind=kind, file_name=name, size=size, content_type=said, worker_id=worker_id, title=title,
                replaces_id=_uuid(form.value("replaces")), evidence_id=_uuid(form.value("upload")),
            )  # fmt: skip
            settings = settings_of(request)
            if sent is None:
                return Response(
                    {"id": str(place.id), "form": file_actions.upload_form(settings, place)}, status_code=200,
                    media_type="application/json",
                )  # fmt: skip
            await file_actions.receive(request.user, settings, place, sent.file)
            return see_other(request, f"/evidence/{place.id}")
        except InvalidInput as error:
            form.merge(error, {"worker_id": "worker"})
        except Unavailable as error:
            form.error("file", f"{error.sentence} Select the file and send it again")
    return await _shown(request, form)


@post("/evidence/{evidence_id:uuid}/arrived", **WRITES)
async def arrived(request: Asked, evidence_id: FromPath[UUID]) -> Response[Any]:
    """The page's script has sent the file to the store."""
    await file_actions.hand_in(request.user, settings_of(request), evidence_id)
    return see_other(request, f"/evidence/{evidence_id}")


# --- one file ---------------------------------------------------------------------------------------------------------


async def _one(work: Work, evidence_id: UUID) -> dict[str, Any]:
    row = await files.one_file(work, evidence_id)
    return {
        "row": row,
        "history": await files.history(work, evidence_id),
        "looks": await files.looks_at(work, evidence_id) if work.actor.role != "worker" else [],
    }


@get("/evidence/{evidence_id:uuid}", **READS)
async def file_page(request: Asked, evidence_id: FromPath[UUID]) -> Response[Any]:
    """One file: how it stands in words, what to do, what was sent before."""
    found = await ask(request.user, _one, evidence_id)
    return page(
        request,
        "providers/file.html",
        title=found["row"]["title"] or found["row"]["file_name"],
        kinds=files.KINDS,
        states=files.STATES,
        scans=files.SCANS,
        writes=may(request.user, "evidence.write"),
        deletes=may(request.user, "evidence.delete"),
        **found,
    )


@get("/evidence/{evidence_id:uuid}/state", **READS)
async def file_state(request: Asked, evidence_id: FromPath[UUID]) -> Response[None]:
    """Nothing; the page that asks is loaded again once the file no longer stands as the page says (`?seen=`)."""
    row = await ask(request.user, files.one_file, evidence_id)
    moved = row["shown_state"] != request.query_params.get("seen")
    return Response(None, status_code=204, headers={"HX-Refresh": "true"} if moved else {})


@post("/evidence/{evidence_id:uuid}/open", **READS)
async def open_file(request: Asked, evidence_id: FromPath[UUID]) -> Response[Any]:
    """Make the link and follow it; a file that cannot be opened says why on its page."""
    try:
        token = await file_opening.link_to(request.user, settings_of(request), evidence_id)
    except Conflict as error:
        return see_other(request, f"/evidence/{evidence_id}", refused=error.sentence)
    return see_other(request, f"/evidence/open/{token}")


@get("/evidence/open/{token:str}", **READS)
async def follow_link(request: Asked, token: FromPath[str]) -> Stream:
    """The file itself, as a download."""
    return download(await file_opening.open_by_link(request.user, settings_of(request), token))


@get("/evidence/{evidence_id:uuid}/delete", **DELETES)
async def delete_page(request: Asked, evidence_id: FromPath[UUID]) -> Response[Any]:
    """What deleting does, what leans on the file, and why it is done."""
    return await _delete_page(request, evidence_id, Form())


@post("/evidence/{evidence_id:uuid}/delete", **DELETES)
async def delete_file(request: Asked, evidence_id: FromPath[UUID]) -> Response[Any]:
    """Delete it."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why the file is deleted", most=300)
    if not form.errors:
        await file_actions.delete_file(request.user, evidence_id, reason)
        return see_other(request, "/evidence", flash="The file has been deleted. The record that it was there is kept.")
    return await _delete_page(request, evidence_id, form)


async def _leaning(work: Work, evidence_id: UUID) -> dict[str, Any]:
    row = await files.one_file(work, evidence_id)
    return {"row": row, "leans": await leans_on(work, row["provider_id"], evidence_id)}


async def _delete_page(request: Asked, evidence_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, _leaning, evidence_id)
    return page(request, "providers/file_delete.html", title="Delete a file", form=form, kinds=files.KINDS, **found)


async def _retention(work: Work) -> dict[str, Any]:
    today = local_day(work.now)
    packs = [pack for _, _, pack in (await words(work)).packs]
    return {
        "soon": await files.to_be_deleted(work, today + LISTED_AHEAD),
        "later": await files.to_be_deleted(work, today + timedelta(days=366)),
        "gone": await files.deleted(work),
        "periods": periods(packs, today),
    }


@get("/evidence/retention", **DELETES)
async def retention_page(request: Asked) -> Response[Any]:
    """What will be deleted and when, what was, and how long each kind is kept."""
    found = await ask(request.user, _retention)
    return page(
        request, "providers/file_retention.html", title="How long files are kept", kinds=files.KINDS, **found,
        ahead=LISTED_AHEAD.days,
    )  # fmt: skip


ROUTES: list[Any] = [
    files_page, new_file_page, new_file, arrived, retention_page, file_page, file_state, open_file, follow_link,
    delete_page, delete_file,
]  # fmt: skip

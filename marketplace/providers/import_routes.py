"""JSON: importing and exporting a workforce; the same steps as the pages."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers import import_actions
from marketplace.providers.import_export import as_file, download, export_workforce, kind_asked
from marketplace.providers.import_queries import Import, imports, one_import
from marketplace.providers.schemas import In, Line, MadeOut
from marketplace.providers.vocabulary import words

WRITES: dict[str, Any] = {"guards": [requires("workforce.write")], "tags": ["Workforce"]}
Asked = Request[Any, Any, Any]


class ImportIn(In):
    """`content` is the file's bytes in base64: a spreadsheet, a CSV file or a ZIP of CSV files, up to 5 MB."""

    file_name: Line
    content: bytes


class AnswersIn(In):
    """Row number -> id of the worker meant, or "new"."""

    answers: Annotated[dict[Line, Line], msgspec.Meta(max_length=5000)]


class AcceptIn(In):
    """`plan` is the `plan_hash` of what was looked at."""

    plan: Line


class FaultOut(msgspec.Struct, kw_only=True):
    sheet: str
    row: int
    column: str
    sentence: str


class ItemOut(msgspec.Struct, kw_only=True):
    """`effect` is add, change or same."""

    sheet: str
    row: int
    worker: str
    effect: str
    what: str


class PersonOut(msgspec.Struct, kw_only=True):
    id: str
    words: str


class QuestionOut(msgspec.Struct, kw_only=True):
    row: int
    name: str
    role: str
    people: list[PersonOut]


class ImportOut(msgspec.Struct, kw_only=True):
    """`state` is checking, checked, importing, imported or discarded; `fit`: it can be accepted."""

    id: UUID
    file_name: str
    state: str
    rows: int
    done: int
    uploaded_at: datetime
    ended_at: datetime | None
    plan_hash: str | None
    fit: bool
    since: list[str]
    faults: list[FaultOut]
    questions: list[QuestionOut]
    notes: list[str]
    items: list[ItemOut]


def import_out(found: Import, *, whole: bool = True) -> ImportOut:
    """An import as the API gives it; in lists without its rows."""
    plan = found.plan if whole else None
    return ImportOut(
        id=found.id,
        file_name=found.file_name,
        state=found.state,
        rows=found.rows,
        done=found.done,
        uploaded_at=found.uploaded_at,
        ended_at=found.ended_at,
        plan_hash=found.plan_hash,
        fit=found.plan is not None and found.plan.fit,
        since=found.since,
        faults=[FaultOut(sheet=f.sheet, row=f.row, column=f.column, sentence=f.sentence) for f in plan.faults]
        if plan
        else [],
        questions=[
            QuestionOut(row=q.row, name=q.name, role=q.role, people=[PersonOut(id=i, words=w) for i, w in q.people])
            for q in plan.questions
        ]
        if plan
        else [],
        notes=plan.notes if plan else [],
        items=[ItemOut(sheet=i.sheet, row=i.row, worker=i.worker, effect=i.effect, what=i.text) for i in plan.items]
        if plan
        else [],
    )


@get("/api/v1/workforce-imports", **WRITES)
async def list_imports(request: Asked) -> list[ImportOut]:
    """My organisation's newest fifty imports, without their rows."""
    return [import_out(each, whole=False) for each in await ask(request.user, imports)]


@post("/api/v1/workforce-imports", **WRITES)
async def post_import(request: Asked, data: JSONBody[ImportIn]) -> MadeOut:
    """Send a file. Nothing is kept of it until it is accepted; long files are checked by and by (`checking`)."""
    return MadeOut(await import_actions.upload(request.user, data.file_name, data.content))


@get("/api/v1/workforce-imports/{import_id:uuid}", **WRITES)
async def get_import(request: Asked, import_id: FromPath[UUID]) -> ImportOut:
    """What a file would do, or did."""
    return import_out(await ask(request.user, one_import, import_id))


@post("/api/v1/workforce-imports/{import_id:uuid}/answers", status_code=200, **WRITES)
async def post_answers(request: Asked, import_id: FromPath[UUID], data: JSONBody[AnswersIn]) -> ImportOut:
    """Say whom the rows mean that were asked about."""
    await import_actions.answer(request.user, import_id, data.answers)
    return import_out(await ask(request.user, one_import, import_id))


@post("/api/v1/workforce-imports/{import_id:uuid}/accept", status_code=200, **WRITES)
async def post_accept(request: Asked, import_id: FromPath[UUID], data: JSONBody[AcceptIn]) -> ImportOut:
    """Keep it, all or nothing. Back in `checked`, with `since`, where others changed the same meanwhile."""
    await import_actions.accept(request.user, import_id, data.plan)
    return import_out(await ask(request.user, one_import, import_id), whole=False)


@post("/api/v1/workforce-imports/{import_id:uuid}/discard", status_code=204, **WRITES)
async def post_discard(request: Asked, import_id: FromPath[UUID]) -> None:
    """Give the file up."""
    await import_actions.discard(request.user, import_id)


@get("/api/v1/workforce-export", **WRITES)
async def get_export(request: Asked) -> Response[Any]:
    """My workforce as a file in the shape an import reads; `?format=xlsx` or `csv` (a ZIP of CSV files)."""
    kind = kind_asked(request)
    lines, spoken = await export_workforce(request.user)
    return download("workforce", kind, await asyncio.to_thread(as_file, lines, spoken, kind))


@get("/api/v1/workforce-template", **WRITES)
async def get_template(request: Asked) -> Response[Any]:
    """The empty file to fill in, with the words my frameworks use; `?format=xlsx` or `csv`."""
    kind = kind_asked(request)
    spoken = await ask(request.user, words)
    return download("workforce-template", kind, await asyncio.to_thread(as_file, {}, spoken, kind))


ROUTES: list[Any] = [
    list_imports, post_import, get_import, post_answers, post_accept, post_discard, get_export, get_template,
]  # fmt: skip

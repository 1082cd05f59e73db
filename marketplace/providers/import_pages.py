"""Pages of importing a workforce: send a file, look at what it would do, answer whom rows mean, accept; take it out."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import import_actions
from marketplace.providers.import_export import as_file, download, export_workforce, kind_asked
from marketplace.providers.import_plan import Plan
from marketplace.providers.import_queries import Import, imports, one_import
from marketplace.providers.import_workers import NEW
from marketplace.providers.vocabulary import words
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("workforce.write")]}
PER_PAGE = 100
SHOWN = {"add": "Added", "change": "Changed", "same": "Left as it is"}
TONES = {"imported": "green", "discarded": "grey", "checking": "blue", "importing": "blue"}


@get("/workforce/export", **WRITES)
async def export_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Our workforce as a file of the shape an import reads; `?format=xlsx` or `csv` (a ZIP of CSV files)."""
    kind = kind_asked(request)
    lines, spoken = await export_workforce(request.user)
    return download("workforce", kind, await asyncio.to_thread(as_file, lines, spoken, kind))


@get("/workforce/import/template", **WRITES)
async def template_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The empty file to fill in, with the words our frameworks use; `?format=xlsx` or `csv`."""
    kind = kind_asked(request)
    spoken = await ask(request.user, words)
    return download("workforce-template", kind, await asyncio.to_thread(as_file, {}, spoken, kind))


@get("/workforce/import", **WRITES)
async def import_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Send a file; the files sent so far."""
    return await _start(request, Form())


@post("/workforce/import", status_code=303, **WRITES)
async def send_import(request: Request[Any, Any, Any]) -> Response[Any]:
    """Reads the file and goes on to what it would do."""
    form = Form(await read_form(request))
    files = (await read_files(request)).get("file", [])
    if not files:
        form.error("file", "Select the file to import")
    else:
        try:
            content = await files[0].read()
            import_id = await import_actions.upload(request.user, files[0].filename, content)
            return see_other(request, f"/workforce/import/{import_id}")
        except InvalidInput as error:
            form.merge(error)
    return await _start(request, form)


async def _start(request: Request[Any, Any, Any], form: Form) -> Response[Any]:
    found, spoken = await ask(request.user, imports), await ask(request.user, words)
    return page(
        request,
        "providers/import.html",
        title="Import a workforce",
        form=form,
        found=found,
        tones=TONES,
        needs_file=spoken.sign_off_needs_file,
    )


@get("/workforce/import/{import_id:uuid}", **WRITES)
async def preview_page(request: Request[Any, Any, Any], import_id: FromPath[UUID]) -> Response[Any]:
    """What the file would do, or did: faults, additions, changes; `?show=`, `?page=`, `?format=csv`."""
    found = await ask(request.user, one_import, import_id)
    if request.query_params.get("format") == "csv" and found.plan is not None:
        return _as_csv(found.plan)
    return _preview(request, found, Form())


def _as_csv(plan: Plan) -> Response[Any]:
    faults = [
        (fault.sheet, fault.row or "", "", "To be corrected", fault.column, fault.sentence) for fault in plan.faults
    ]
    items = [(item.sheet, item.row, item.worker, SHOWN[item.effect], "", item.text) for item in plan.items]
    return csv_file("import-preview", ["Sheet", "Row", "Worker", "Effect", "Column", "What"], [*faults, *items])


def _preview(request: Request[Any, Any, Any], found: Import, form: Form) -> Response[Any]:
    counts = {effect: len(found.plan.effects(effect)) if found.plan else 0 for effect in SHOWN}
    show = request.query_params.get("show", "")
    if show not in SHOWN:
        show = next((effect for effect in ("change", "add", "same") if counts[effect]), "same")
    rows = found.plan.effects(show) if found.plan else []
    last = max(1, -(-len(rows) // PER_PAGE))
    typed = request.query_params.get("page", "1")
    number = min(int(typed), last) if typed.isdecimal() and len(typed) < 6 and int(typed) else 1
    return page(
        request,
        "providers/import_preview.html",
        title="What the file would do",
        form=form,
        found=found,
        plan=found.plan,
        counts=counts,
        show=show,
        shown=SHOWN,
        rows=rows[(number - 1) * PER_PAGE : number * PER_PAGE],
        number=number,
        last=last,
        waiting=found.state in ("checking", "importing"),
        tones=TONES,
    )


@post("/workforce/import/{import_id:uuid}", status_code=303, **WRITES)
async def accept_import(request: Request[Any, Any, Any], import_id: FromPath[UUID]) -> Response[Any]:
    """Accepts the plan that was shown, or (`go=discard`) gives the file up."""
    form = Form(await read_form(request))
    here = f"/workforce/import/{import_id}"
    try:
        if form.value("go") == "discard":
            await import_actions.discard(request.user, import_id)
            return see_other(request, "/workforce/import", flash="The file has been given up. Nothing was imported.")
        await import_actions.accept(request.user, import_id, form.value("plan"))
    except Conflict as error:
        form.error("", error.sentence)
        return _preview(request, await ask(request.user, one_import, import_id), form)
    found = await ask(request.user, one_import, import_id)
    if found.state == "imported":
        return see_other(request, here, flash="The file has been imported.")
    if found.state == "importing":
        return see_other(request, here, flash="The file is being imported. You are told when it is done.")
    return see_other(request, here, flash="Nothing has been imported: others changed the same meanwhile.")


@get("/workforce/import/{import_id:uuid}/questions", **WRITES)
async def questions_page(request: Request[Any, Any, Any], import_id: FromPath[UUID]) -> Response[Any]:
    """Whom the rows mean that name somebody like a worker we have."""
    return _questions(request, await ask(request.user, one_import, import_id), Form())


@post("/workforce/import/{import_id:uuid}/questions", status_code=303, **WRITES)
async def answer_questions(request: Request[Any, Any, Any], import_id: FromPath[UUID]) -> Response[Any]:
    """Keeps the answers; the file is tried out again with them."""
    form = Form(await read_form(request))
    found = await ask(request.user, one_import, import_id)
    answers: dict[str, str] = {}
    for each in found.plan.questions if found.plan else []:
        options = [NEW, *(person for person, _ in each.people)]
        answers[each.key] = form.choice(f"row-{each.key}", f"who {each.name} in row {each.row} is", options)
    if not form.errors:
        try:
            await import_actions.answer(request.user, import_id, answers)
            return see_other(request, f"/workforce/import/{import_id}", flash="Your answers have been kept.")
        except Conflict as error:
            form.error("", error.sentence)
    return _questions(request, found, form)


def _questions(request: Request[Any, Any, Any], found: Import, form: Form) -> Response[Any]:
    if found.plan is None or not found.plan.questions:
        raise NotFound("There is nothing to answer about this file.")
    return page(request, "providers/import_questions.html", title="Who is meant?", form=form, found=found, new=NEW)


ROUTES: list[Any] = [
    export_page, template_page, import_page, send_import, preview_page, accept_import, questions_page, answer_questions,
]  # fmt: skip

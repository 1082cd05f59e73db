"""The provider's office writes down a visit that took place, or corrects what is recorded of one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.visit_records import billed_on, record_visit
from marketplace.identity.guards import requires
from marketplace.packages import queries
from marketplace.packages.late_records import LONGEST_REASON, Entry
from marketplace.packages.opening import open_visit
from marketplace.packages.page_forms import clock_text, nearest
from marketplace.packages.records import LONGEST
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

CORRECT: dict[str, Any] = {"guards": [requires("visit.correct")]}
Asked = Request[Any, Any, Any]


@get("/visits/{visit_id:uuid}/write-down", **CORRECT)
async def write_down_page(request: Asked, visit_id: FromPath[UUID]) -> Response[Any]:
    """The visit's times as planned, or as they stand, to be typed over."""
    visit, _, note, _ = found = await ask(request.user, _open, visit_id)
    await open_visit(request.user, visit_id)  # what was written is read here: a look
    form = Form.starting_with(
        start=clock_text(visit.actual_start or visit.planned_start),
        end=clock_text(visit.actual_end or visit.planned_end),
        activities=note["activities"] if note is not None else "",
        version=visit.version,
    )
    return _page(request, found, form)


@post("/visits/{visit_id:uuid}/write-down", status_code=200, **CORRECT)
async def write_down(request: Asked, visit_id: FromPath[UUID]) -> Response[Any]:
    """First what it changes and who signs, then the change."""
    visit, _, _, _ = found = await ask(request.user, _open, visit_id)
    first = visit.outcome is None
    form = Form(await read_form(request))
    start = form.time("start", "the time the visit started")
    end = form.time("end", "the time the visit ended")
    activities = form.text("activities", "what was done", most=LONGEST, lines=True)
    reason = form.text(
        "reason", "why the record is corrected", most=LONGEST_REASON, lines=True, required=not first
    )  # fmt: skip
    version = form.integer("version", "the visit's version")
    if version != visit.version and not form.errors.get("version"):
        form.set("version", visit.version)
        form.errors.clear()
        form.error("", "This visit was changed while you were looking at it. Look at it as it is now.")
        return _page(request, found, form, status=409)
    if form.errors:
        return _page(request, found, form)
    began = nearest(start, visit.planned_start)
    entry = Entry(began, nearest(end, visit.planned_end, after=began), activities)
    if form.value("step") != "save":
        return _page(request, found, form, entry=None if form.value("step") == "edit" else entry)
    try:
        changed = await record_visit(request.user, visit_id, entry, version=version, reason=reason)
    except InvalidInput as error:
        form.merge(error)
        return _page(request, found, form)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return _page(request, await ask(request.user, _open, visit_id), form, status=409)
    said = "The worker signs it now, then the family." if changed else "Nothing was changed."
    return see_other(request, f"/visits/{visit_id}", flash=("Recorded. " if changed else "") + said)


def _page(
    request: Asked, found: tuple[Visit, Package, Any, list[Any]], form: Form, *, entry: Entry | None = None,
    status: int = 200,
) -> Response[Any]:  # fmt: skip
    visit, package, _, workers = found
    first = visit.outcome is None
    title = "Write down a visit" if first else "Correct a visit's record"
    return page(
        request, "billing/write_down.html", title="Check before you save" if entry else title, form=form,
        visit=visit, package=package, workers=workers, entry=entry, first=first, status=status,
    )  # fmt: skip


async def _open(work: Work, visit_id: UUID) -> tuple[Visit, Package, Any, list[Any]]:
    visit = await queries.visit(work, visit_id)
    package = await queries.package(work, visit.package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    if visit.outcome != "delivered" and visit.planned_start > work.now:
        raise Conflict("This visit has not begun yet.")
    billed = await billed_on(work, visit)
    if billed is not None:
        raise Conflict(
            f"This visit is billed on invoice {billed}: it is corrected once that was returned, or by a credit note."
        )
    return visit, package, await queries.visit_note(work, visit), await queries.visit_workers(work, visit)


ROUTES: list[Any] = [write_down_page, write_down]

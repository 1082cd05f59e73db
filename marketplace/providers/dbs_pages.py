"""Pages of DBS status checks: one worker's, on a button; all workers', and whether due ones are asked by themselves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.providers import dbs_updates, queries
from marketplace.providers.dbs_updates import ANSWERS, Certificate, StatusLine
from marketplace.providers.facts import WorkerRecord
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("workforce.read")]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")]}
LIST = "/workforce/dbs-checks"
Asked = Request[Any, Any, Any]


async def _before(work: Work, worker_id: UUID) -> tuple[WorkerRecord, Certificate | None, list[str]]:
    return await queries.worker(work, worker_id), *await dbs_updates.preview(work, worker_id)


@get("/workforce/{worker_id:uuid}/status-check", **WRITES)
async def status_check_page(request: Asked, worker_id: FromPath[UUID]) -> Response[Any]:
    """What the update service would be told, before it is asked."""
    return await _status_check(request, worker_id, Form())


async def _status_check(request: Asked, worker_id: UUID, form: Form) -> Response[Any]:
    worker, certificate, missing = await ask(request.user, _before, worker_id)
    settings = settings_of(request)
    return page(
        request,
        "providers/status_check.html",
        title=f"Check with the update service: {worker.name}",
        form=form,
        worker=worker,
        certificate=certificate,
        missing=missing,
        connected=bool(settings.dbs_update_service_url),
        organisation=settings.dbs_update_service_organisation or (certificate.organisation if certificate else ""),
    )


@post("/workforce/{worker_id:uuid}/status-check", status_code=303, **WRITES)
async def check_status(request: Asked, worker_id: FromPath[UUID]) -> Response[Any]:
    """Asks the service; what cannot be used is said on the same page."""
    form = Form(await read_form(request))
    try:
        found = await dbs_updates.check_status(request.user, settings_of(request), worker_id)
        if found.check_id is not None:
            return see_other(request, f"/workforce/{worker_id}", flash=f"The update service answered: {found.sentence}")
        form.error("", found.sentence)
    except InvalidInput as error:
        form.error("", f"Nothing was asked. {'. '.join(error.fields.values())}")
    except Conflict as error:
        form.error("", error.sentence)
    return await _status_check(request, worker_id, form)


async def _list(work: Work) -> tuple[list[StatusLine], str | None]:
    return await dbs_updates.status_lines(work), await dbs_updates.automatic(work)


@get(LIST, **READS)
async def status_checks_page(request: Asked) -> Response[Any]:
    """Every worker's last DBS check and whether the service may be asked; `?format=csv`."""
    lines, automatic = await ask(request.user, _list)
    if request.query_params.get("format") == "csv":
        heads = ["Worker", "Last check", "Found", "Due", "Agreed to status checks", "Last answer of the update service"]
        rows = (
            [each.name, each.checked_on or "", (each.outcome or "").replace("_", " "), "Yes" if each.due else "No",
             "Yes" if each.consent else "No", ANSWERS.get(each.last_answer or "", "")]
            for each in lines
        )  # fmt: skip
        return csv_file("dbs-checks", heads, rows)
    return page(
        request,
        "providers/status_checks.html",
        title="DBS status checks",
        lines=lines,
        automatic=automatic,
        answers=ANSWERS,
        connected=bool(settings_of(request).dbs_update_service_url),
        writes=may(request.user, "workforce.write"),
    )


@post(f"{LIST}/automatic", status_code=303, **WRITES)
async def switch_automatic(request: Asked) -> Response[Any]:
    """Due statuses are looked up by themselves from now on, in the name of who pressed; or no longer."""
    form = Form(await read_form(request))
    if form.value("wanted") == "yes":
        await dbs_updates.start_automatic(request.user)
        return see_other(request, LIST, flash="Due statuses are looked up by themselves, in your name.")
    await dbs_updates.stop_automatic(request.user)
    return see_other(request, LIST, flash="Statuses are looked up only when somebody asks.")


ROUTES: list[Any] = [status_check_page, check_status, status_checks_page, switch_automatic]

"""The console's page for a file that shows a finding: added before it is shared, taken away again until then."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.contracts import finding_files, occasions, queries
from marketplace.contracts.steps import MANAGE, row_of
from marketplace.contracts.views import Finding, Occasion
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.cleaning import MOST_BYTES
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, Unavailable
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other

MANAGES: dict[str, Any] = {"guards": [requires(MANAGE)]}
LARGEST_REQUEST = MOST_BYTES + 1_000_000
Asked = Request[Any, Any, Any]


async def _found(work: Work, finding_id: UUID) -> tuple[Occasion, Finding]:
    row = await row_of(work, "contract_finding", finding_id)
    found = await queries.occasion(work, row["occasion_id"])
    if found.state != "planned":
        raise NotFound("What was found is shared: it stays as both ends have read it.")
    return found, next(each for each in found.findings if each.id == finding_id)


async def _shown(request: Asked, finding_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    found, finding = await ask(request.user, _found, finding_id)
    if not form.value("file_id"):
        form.set("file_id", str(uuid4()))  # sent twice, it is there once
    return page(
        request, "admin/finding_file.html", title="Add a file that shows it", form=form, found=found, finding=finding,
        home=occasions.link(found.id), status=status,
    )  # fmt: skip


@get("/contract-findings/{finding_id:uuid}/file", **MANAGES)
async def file_page(request: Asked, finding_id: FromPath[UUID]) -> Response[Any]:
    """Add a file that shows what was found."""
    return await _shown(request, finding_id, Form())


@post("/contract-findings/{finding_id:uuid}/file", status_code=303, request_max_body_size=LARGEST_REQUEST, **MANAGES)
async def add_file(request: Asked, finding_id: FromPath[UUID]) -> Response[Any]:
    """Checks it while the sender waits, and keeps its clean copy."""
    form = Form(await read_form(request))
    found, _ = await ask(request.user, _found, finding_id)
    file_id = form.uuid("file_id", "the file", required=False)
    sent = next(iter((await read_files(request)).get("file", ())), None)
    if sent is None:
        form.error("file", "Select the file")
        return await _shown(request, finding_id, form)
    try:
        await finding_files.add_file(
            request.user, settings_of(request), finding_id, name=sent.filename, file=sent.file, file_id=file_id
        )
    except InvalidInput as error:
        form.merge(error)
        return await _shown(request, finding_id, form)
    except (Conflict, Unavailable) as error:
        form.error("file", f"{error.sentence} Select the file and send it again")
        return await _shown(request, finding_id, form, error.status)
    return see_other(request, occasions.link(found.id), flash="The file has been checked and added.")


@post("/finding-files/{file_id:uuid}/remove", status_code=303, **MANAGES)
async def remove_file(request: Asked, file_id: FromPath[UUID]) -> Response[Any]:
    """Takes it away before it is shared."""
    occasion_id = await finding_files.remove_file(request.user, settings_of(request), file_id)
    return see_other(request, occasions.link(occasion_id), flash="The file is taken away.")


ROUTES: list[Any] = [file_page, add_file, remove_file]

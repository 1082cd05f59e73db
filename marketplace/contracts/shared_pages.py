"""What both ends read alike: a meeting or visit, the information asked for, and their lists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.billing.paper_pages import pdf_of
from marketplace.contracts import finding_files, queries
from marketplace.contracts.following import STATES as ACTIONS
from marketplace.contracts.printing import charge_letter
from marketplace.contracts.requests import STATES as REQUESTS
from marketplace.contracts.steps import ANSWER, MANAGE, READ, REVIEW
from marketplace.contracts.views import Occasion
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.providers.file_sending import download
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires(READ)]}
Asked = Request[Any, Any, Any]
OCCASIONS = {"planned": ("Planned", "blue"), "held": ("Held", "green"), "called_off": ("Called off", "grey")}
CHARGES = {
    "waiting": ("Can be objected to", "yellow"),
    "objected": ("Objected to", "orange"),
    "stands": ("Stands: taken from the next invoice", "grey"),
    "dropped": ("Dropped", "green"),
}
REQUEST_HEADS = ("Asked for", "Provider", "Commissioner", "Framework", "Asked", "Due by", "State")


def rights(actor: Actor) -> dict[str, Any]:
    """What the reader may do, and the words of states, for the templates."""
    return {
        "at_desk": actor.commissioner_id is not None, "manages": may(actor, MANAGE), "answers": may(actor, ANSWER),
        "reviews": may(actor, REVIEW), "action_states": ACTIONS, "request_states": REQUESTS,
        "occasion_states": OCCASIONS, "charge_states": CHARGES,
    }  # fmt: skip


async def _occasion(work: Work, occasion_id: UUID) -> tuple[Occasion, Any, bool]:
    found = await queries.occasion(work, occasion_id)
    carried = await queries.carried_actions(work, found) if found.kind == "meeting" and found.state == "planned" else []
    return found, carried, found.starts_at <= work.now


@get("/contract-occasions/{occasion_id:uuid}", **READS)
async def occasion_page(request: Asked, occasion_id: FromPath[UUID]) -> Response[Any]:
    """A meeting with agenda and minutes, or a visit with findings; its actions, and the story. It prints well."""
    found, carried, begun = await ask(request.user, _occasion, occasion_id)
    return page(
        request,
        "contracts/occasion.html",
        title=f"{found.name} with {found.provider if request.user.commissioner_id else found.commissioner}",
        found=found,
        carried=carried,
        begun=begun,
        **rights(request.user),
    )


@get("/information-requests", **READS)
async def requests_page(request: Asked) -> Response[Any]:
    """The information asked for within my reach, the newest first; or as CSV."""
    rows = await ask(request.user, queries.requests)
    if request.query_params.get("format") == "csv":
        cells = (
            (
                row.title, row.provider, row.commissioner, row.framework, day(row.asked_at), day(row.due_on),
                REQUESTS[row.state][0] + (" (late)" if row.late else ""),
            )
            for row in rows
        )  # fmt: skip
        return csv_file("information-requests", REQUEST_HEADS, cells)
    return page(request, "contracts/requests.html", title="Information asked for", rows=rows, **rights(request.user))


@get("/information-requests/{information_id:uuid}", **READS)
async def request_page(request: Asked, information_id: FromPath[UUID]) -> Response[Any]:
    """What is asked in which format until when, what was given, and what it cost where it was poor."""
    found = await ask(request.user, queries.request, information_id)
    mine = found.charge is not None and found.charge["charged_by"] == request.user.person_id
    return page(
        request, "contracts/request.html", title=found.title, found=found, mine=mine, **rights(request.user)
    )  # fmt: skip


@get("/information-requests/{information_id:uuid}/charge.pdf", **READS)
async def charge_pdf(request: Asked, information_id: FromPath[UUID]) -> Response[bytes]:
    """The letter about a charge, to print or to keep."""
    return await pdf_of(await ask(request.user, charge_letter, information_id))


@get("/finding-files/{file_id:uuid}", **READS)
async def finding_file(request: Asked, file_id: FromPath[UUID]) -> Stream:
    """A file that shows a finding, as a download."""
    return download(await finding_files.open_file(request.user, settings_of(request), file_id))


ROUTES: list[Any] = [occasion_page, requests_page, request_page, charge_pdf, finding_file]

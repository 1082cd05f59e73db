"""Sending a quarter's report: what the records say, what the provider says of it; at the marketplace."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import monitoring
from marketplace.packages.monitoring_pages import FACTS
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("monitoring.write")]}
Asked = Request[Any, Any, Any]
PATH = "/monitoring/{framework_id:uuid}/{commissioner_id:uuid}/{first_day:date}"


@get(PATH, **WRITES)
async def send_page(
    request: Asked, framework_id: FromPath[UUID], commissioner_id: FromPath[UUID], first_day: FromPath[date]
) -> Response[Any]:
    """What the records say of the quarter, and the questions."""
    due = await ask(request.user, monitoring.due_report, framework_id, commissioner_id, first_day)
    return _page(request, due, Form())


@post(PATH, status_code=303, **WRITES)
async def send(
    request: Asked, framework_id: FromPath[UUID], commissioner_id: FromPath[UUID], first_day: FromPath[date]
) -> Response[Any]:
    """Sends it: the contract managers read it from then on, and it is not changed any more."""
    due = await ask(request.user, monitoring.due_report, framework_id, commissioner_id, first_day)
    form = Form(await read_form(request))
    says = form.text("says", "what there is to say of the quarter", most=monitoring.LONGEST, lines=True)
    actions = form.text("actions", "what you will do", required=False, most=monitoring.LONGEST, lines=True)
    form.agreed("agreed", "Tick the box to say that the report may be sent as it stands")
    if not form.errors:
        try:
            made = await monitoring.send_report(
                request.user, framework_id, commissioner_id, first_day, says=says, actions=actions
            )
            return see_other(request, f"/monitoring/{made}", flash="The report has been sent.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return _page(request, due, form)


def _page(request: Asked, due: monitoring.Due, form: Form) -> Response[Any]:
    return page(
        request, "packages/monitoring_send.html", title="Send the quarterly report", due=due, form=form, facts=FACTS,
        quarter=monitoring.quarter_named(due.quarter),
    )  # fmt: skip


ROUTES: list[Any] = [send_page, send]

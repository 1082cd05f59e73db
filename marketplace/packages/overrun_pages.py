"""The provider's page that asks for a longer visit before it ends; the referrer's answer stands on the visit's page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import queries
from marketplace.packages.change_page import changing
from marketplace.packages.overruns import MOST, ask_longer
from marketplace.packages.page_forms import clock_text
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import ONE_DAY, local, local_day, wall_time
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

PLANS: dict[str, Any] = {"guards": [requires("visit.plan")]}


@get("/visits/{visit_id:uuid}/ask-longer", **PLANS)
async def ask_longer_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Until when, and why."""
    visit = await ask(request.user, queries.visit, visit_id)
    return await _page(request, visit_id, Form.starting_with(end=clock_text(visit.planned_end)))


@post("/visits/{visit_id:uuid}/ask-longer", status_code=303, **PLANS)
async def ask_for_longer(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Ask the referrer."""
    form = Form(await read_form(request))
    end = form.time("end", "when the visit would end")
    reason = form.text("reason", "why the visit needs to be longer", most=MOST, lines=True)
    if not form.errors:
        visit = await ask(request.user, queries.visit, visit_id)
        start: datetime = local(visit.planned_start)
        day = local_day(start) if end > start.time() else local_day(start) + ONE_DAY
        try:
            await ask_longer(request.user, visit_id, ends_at=wall_time(day, end), reason=reason)
            return see_other(request, f"/visits/{visit_id}", flash="Asked. The referrer has been told.")
        except InvalidInput as error:
            form.merge(error, {"ends_at": "end"})
        except Conflict as error:
            form.error("", error.sentence)
    return await _page(request, visit_id, form)


async def _page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    visit, package, *_ = await ask(request.user, changing, visit_id)
    return page(
        request, "packages/ask_longer.html", title="Ask for a longer visit", visit=visit, package=package, form=form
    )


ROUTES: list[Any] = [ask_longer_page, ask_for_longer]

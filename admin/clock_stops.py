"""The console's decision on a duty's clock: whether it may stand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.obligations import stopping
from marketplace.obligations.stop_pages import asked_with, stop_response
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import see_other

Asked = Request[Any, Any, Any]
DECIDES: dict[str, Any] = {"guards": [requires(stopping.DECIDES)]}


@post("/clock-stops/{stop_id:uuid}", status_code=303, **DECIDES)
async def decide(request: Asked, stop_id: FromPath[UUID]) -> Response[Any]:
    """Accepts or declines; the provider is told."""
    found = await ask(request.user, asked_with, stop_id)
    form = Form(await read_form(request))
    outcome = form.choice("outcome", "whether the clock may stand", ("accept", "decline"))
    decision = form.text("decision", "why; the provider reads it", most=stopping.LONGEST, lines=True)
    if not form.errors:
        try:
            await stopping.decide_stop(request.user, stop_id, outcome == "accept", decision)
            said = "You have accepted that the clock stands." if outcome == "accept" else "The clock is not stopped."
            return see_other(request, f"/clock-stops/{stop_id}", flash=f"{said} The provider has been told.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return stop_response(request, *found, form)


ROUTES: list[Any] = [decide]

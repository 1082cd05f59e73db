"""Asking that the clock of a duty of ours stands, and taking an ask back; at the marketplace."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.obligations import duty_queries, duty_words, stopping
from marketplace.obligations.duty_queries import DutyView
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import end_of_day, local, wall_time
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

Asked = Request[Any, Any, Any]
ASKS: dict[str, Any] = {"guards": [requires(stopping.ASK)]}


async def _own_duty(work: Work, duty_id: UUID) -> DutyView:
    view = await duty_queries.duty(work, duty_id)
    if view.row["owed_by_organisation"] != work.actor.organisation_id:
        raise NotFound
    return view


@get("/duties/{duty_id:uuid}/stop", **ASKS)
async def ask_page(request: Asked, duty_id: FromPath[UUID]) -> Response[Any]:
    """Ask that the clock of a duty of ours stands."""
    view = await ask(request.user, _own_duty, duty_id)
    now = local(view.now)
    return _ask(request, view, Form.starting_with(from_day=now.date(), from_time=now.time()))


@post("/duties/{duty_id:uuid}/stop", status_code=303, **ASKS)
async def do_ask(request: Asked, duty_id: FromPath[UUID]) -> Response[Any]:
    """Sends the ask to the contract managers; the clock runs on until one accepts."""
    view = await ask(request.user, _own_duty, duty_id)
    form = Form(await read_form(request))
    ground = form.choice("ground", "why the clock should stand", [rule.key for rule in view.grounds])
    reason = form.text("reason", "what happened", most=stopping.LONGEST, lines=True)
    from_day: date = form.date("from_day", "the day from which the clock should stand")
    from_time = form.time("from_time", "the time from which the clock should stand")
    until_day = form.date("until_day", "the last day on which the clock should stand", required=False)
    until_time = form.time("until_time", "the time until which the clock should stand", required=False)
    if until_day is None and until_time is not None:
        form.error("until_day", "Enter the day on which that time is", "until_day-day")
    if not form.errors:
        from_at = wall_time(from_day, from_time)
        if from_at.replace(second=0) == local(view.row["starts_at"]).replace(second=0, microsecond=0):
            from_at = view.row["starts_at"]  # the form's minute is the one in which the duty began
        until_at = None
        if until_day is not None:
            until_at = wall_time(until_day, until_time) if until_time is not None else end_of_day(until_day)
        try:
            await stopping.ask_to_stop(
                request.user, duty_id, ground=ground, reason=reason, from_at=from_at, until_at=until_at
            )
            said = "Your ask has been sent. The clock runs on until a contract manager accepts."
            return see_other(request, f"/duties/{duty_id}", flash=said)
        except InvalidInput as error:
            form.merge(error, {"from_at": "from_day", "until_at": "until_day"})
        except Conflict as error:
            form.error("", error.sentence)
    return _ask(request, view, form)


def _ask(request: Asked, view: DutyView, form: Form) -> Response[Any]:
    return page(
        request, "obligations/stop_ask.html", title="Ask to stop the clock", view=view, form=form, words=duty_words
    )


@post("/clock-stops/{stop_id:uuid}/take-back", status_code=303, **ASKS)
async def take_back(request: Asked, stop_id: FromPath[UUID]) -> Response[Any]:
    """Takes an ask back that is not decided."""
    await read_form(request)
    await stopping.take_back(request.user, stop_id)
    return see_other(request, f"/clock-stops/{stop_id}", flash="You have taken the ask back. The clock runs on.")


ROUTES: list[Any] = [ask_page, do_ask, take_back]

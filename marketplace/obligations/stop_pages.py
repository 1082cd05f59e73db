"""What was asked about duties' clocks: the list, one ask, letting a clock run again; at both front doors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import signed_in
from marketplace.identity.permissions import may
from marketplace.obligations import duty_queries, duty_words, stop_queries, stopping
from marketplace.obligations.duty_queries import DutyView
from marketplace.obligations.packs import pack_of_hash
from marketplace.obligations.stop_queries import STATES, Stop
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.clock_stops import Stood, due_after_stops
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

Asked = Request[Any, Any, Any]
ANYBODY: dict[str, Any] = {"guards": [signed_in]}
HEADS = ("Duty", "About", "Asked by", "Asked", "Ground", "From", "Until", "State", "Decided", "Words")


async def asked_with(work: Work, stop_id: UUID) -> tuple[DutyView, Stop, datetime | None]:
    """The ask with its duty, and when that falls due if it is accepted (None: nothing to decide any more)."""
    stop = await stop_queries.one_stop(work, stop_id)
    view = await duty_queries.duty(work, stop.duty_id)
    if stop.state != "asked" or all(rule.key != stop.ground for rule in view.grounds):
        return view, stop, None
    until = stop_queries.accepted_until(view.grounds, view.row, stop, view.stood)
    first = view.row["first_due_at"] or view.row["due_at"]
    pack = await pack_of_hash(work, view.row["pack_hash"])
    stood = (*view.stood, Stood(stop.from_at, until))
    return view, stop, due_after_stops(pack, view.row["rule_key"], view.row["starts_at"], first, stood)


@get("/clock-stops", **ANYBODY)
async def stops_page(request: Asked) -> Response[Any]:
    """What was asked about clocks, of us or by us; or as CSV."""
    _concerned(request)
    state = request.query_params.get("state", "")
    state = state if state in STATES else ""
    rows = await ask(request.user, stop_queries.stops, state or None)
    titles = await ask(request.user, stop_queries.ground_titles, [stop.duty_id for stop in rows])
    if request.query_params.get("format") == "csv":
        return csv_file("clock-stops", HEADS, [_line(stop, titles) for stop in rows])
    counts = await ask(request.user, stop_queries.count_stops)
    return page(
        request,
        "obligations/stops.html",
        title="Clocks that stand",
        rows=rows,
        states=STATES,
        state=state,
        titles=titles,
        options=[("", "All", sum(counts.values()))]
        + [(key, said[0], counts.get(key, 0)) for key, said in STATES.items() if key in counts or key == state],
    )


def _line(stop: Stop, titles: dict[str, str]) -> tuple[str, ...]:
    until = stop.stands_until or stop.until_at
    return (
        stop.duty, stop.reference, stop.asker, moment(stop.asked_at), titles.get(stop.ground, stop.ground),
        moment(stop.from_at), moment(until) if until else "", STATES[stop.state][0],
        moment(stop.decided_at) if stop.decided_at else "", stop.decision,
    )  # fmt: skip


@get("/clock-stops/{stop_id:uuid}", **ANYBODY)
async def stop_page(request: Asked, stop_id: FromPath[UUID]) -> Response[Any]:
    """One ask: what is said, what accepting it does, and the decision."""
    _concerned(request)
    return stop_response(request, *await ask(request.user, asked_with, stop_id), Form())


@post("/clock-stops/{stop_id:uuid}/end", status_code=303, **ANYBODY)
async def end(request: Asked, stop_id: FromPath[UUID]) -> Response[Any]:
    """Lets the clock run again from now on."""
    await read_form(request)
    await stopping.end_stop(request.user, stop_id)
    return see_other(request, f"/clock-stops/{stop_id}", flash="The clock runs again.")


def _concerned(request: Asked) -> None:
    if request.user.role not in stopping.SIDES:
        raise NotFound


def stop_response(request: Asked, view: DutyView, stop: Stop, due: datetime | None, form: Form) -> Response[Any]:
    own = view.row["owed_by_organisation"] == request.user.organisation_id and may(request.user, stopping.ASK)
    decides = stop.decider_id == request.user.commissioner_id and may(request.user, stopping.DECIDES)
    return page(
        request, "obligations/stop.html", title="Stop of a clock", view=view, stop=stop, due=due, form=form,
        state=STATES[stop.state], own=own, decides=decides, words=duty_words,
    )  # fmt: skip


ROUTES: list[Any] = [stops_page, stop_page, end]

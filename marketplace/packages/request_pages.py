"""Asking for another time, answering it, making up a visit: the pages of family, referrer and provider."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import queries, visit_requests
from marketplace.packages.page_forms import clock_text, read_visit_times, worker_options
from marketplace.packages.planning import board
from marketplace.packages.visit_requests import Asked, request_of
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

ASKS: dict[str, Any] = {"guards": [requires("visit.call_off")]}
ANSWERS: dict[str, Any] = {"guards": [requires("visit.plan")]}
TIMES = {"starts_at": "start", "ends_at": "end"}


@get("/visits/{visit_id:uuid}/another-time", **ASKS)
async def another_time_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Which other time would do."""
    visit = await ask(request.user, queries.visit, visit_id)
    form = Form.starting_with(
        day=local_day(visit.planned_start), start=clock_text(visit.planned_start), end=clock_text(visit.planned_end)
    )
    return await _ask_page(request, visit_id, form)


@post("/visits/{visit_id:uuid}/another-time", status_code=303, **ASKS)
async def another_time(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Ask the provider."""
    form = Form(await read_form(request))
    times = read_visit_times(form)
    reason = form.text("reason", "why", most=visit_requests.MOST, lines=True)
    if times is not None and not form.errors:
        try:
            await visit_requests.ask_for_time(
                request.user, visit_id, starts_at=times[0], ends_at=times[1], reason=reason
            )
            return see_other(request, f"/visits/{visit_id}", flash="Asked. You hear from the provider.")
        except InvalidInput as error:
            form.merge(error, TIMES)
        except Conflict as error:
            form.error("", error.sentence)
    return await _ask_page(request, visit_id, form)


async def _ask_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    visit = await ask(request.user, queries.visit, visit_id)
    return page(request, "packages/another_time.html", title="Ask for another time", visit=visit, form=form)


@get("/visit-requests/{request_id:uuid}", **ANSWERS)
async def request_page(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> Response[Any]:
    """What is asked, and the answer."""
    asked = await ask(request.user, request_of, request_id)
    form = Form.starting_with(start=clock_text(asked.visit.planned_start), end=clock_text(asked.visit.planned_end))
    return await _request_page(request, asked, form)


@post("/visit-requests/{request_id:uuid}", status_code=303, **ANSWERS)
async def answer(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> Response[Any]:
    """Place it, or say why it cannot be then."""
    asked = await ask(request.user, request_of, request_id)
    form = Form(await read_form(request))
    decision = form.choice("decision", "whether it can be then", ["agree", "decline"])
    reason = form.text("reason", "why it cannot be then", required=decision == "decline", most=1000, lines=True)
    times = read_visit_times(form) if asked.request.kind == "make_up" else None
    bought = asked.package.direct_payment_id is not None
    choosing = decision == "agree" and asked.request.kind != "move"
    workers = form.uuids("workers", "the workers") if choosing else []
    if choosing and not workers:
        form.error("workers", "Select who comes")
    if not form.errors:
        try:
            if decision == "decline":
                await visit_requests.decline(request.user, request_id, reason=reason)
                told = "The family has been told." if bought else "The family and the referrer have been told."
                said, link = f"Declined. {told}", f"/visits/{asked.visit.id}"
            else:
                placed = await visit_requests.agree(
                    request.user, request_id, worker_ids=workers, starts_at=times[0] if times else None,
                    ends_at=times[1] if times else None,
                )  # fmt: skip
                said, link = (
                    f"Placed. {'Family' if bought else 'Family, referrer'} and workers see it.",
                    f"/visits/{placed}",
                )
            return see_other(request, link, flash=said)
        except InvalidInput as error:
            form.merge(error, TIMES)
        except Conflict as error:
            form.error("", error.sentence)
    return await _request_page(request, asked, form)


@get("/visit-requests/{request_id:uuid}/withdraw", **ASKS)
async def withdraw_page(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> Response[Any]:
    """Whether it is needed no more."""
    return await _request_page(request, await ask(request.user, request_of, request_id), Form(), withdrawing=True)


@post("/visit-requests/{request_id:uuid}/withdraw", status_code=303, **ASKS)
async def withdraw(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> Response[Any]:
    """Not needed any more; the provider is told."""
    await read_form(request)
    asked = await ask(request.user, request_of, request_id)
    try:
        await visit_requests.withdraw(request.user, request_id)
        said = "The provider has been told."
    except Conflict as error:
        said = error.sentence
    return see_other(request, f"/visits/{asked.visit.id}", flash=said)


async def _request_page(
    request: Request[Any, Any, Any], asked: Asked, form: Form, *, withdrawing: bool = False
) -> Response[Any]:
    workers: list[Any] = []
    if not withdrawing and asked.request.kind != "move":
        workers = worker_options(
            await ask(
                request.user,
                board,
                asked.package.id,
                local_day(asked.request.wished_start or asked.visit.planned_start),
            )
        )
    titles = {"move": "Another time is asked for", "again": "A visit instead is asked for"}
    head = "Not needed any more?" if withdrawing else titles.get(asked.request.kind, "Make up a visit")
    return page(
        request, "packages/request.html", title=head, head=head, asked=asked.request, visit=asked.visit,
        package=asked.package, form=form, workers=workers, states=visit_requests.STATES, withdrawing=withdrawing,
    )  # fmt: skip


ROUTES: list[Any] = [
    another_time_page, another_time, request_page, answer, withdraw_page, withdraw,
]  # fmt: skip

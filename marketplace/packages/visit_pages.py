"""One visit for whoever opens it; the provider moves it, swaps its worker, cancels it or records it as missed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import queries, visit_actions, visit_requests
from marketplace.packages.cancellation import charge_words
from marketplace.packages.change_page import change_page, changing
from marketplace.packages.opening import open_visit
from marketplace.packages.page_forms import clock_text, read_visit_times, worker_options
from marketplace.packages.planning import board
from marketplace.packages.signing import SHOWN_HOW
from marketplace.packages.states import OUTCOME_WORDS, STATE_WORDS
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.web.filters import weekday
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("visit.read")]}
PLANS: dict[str, Any] = {"guards": [requires("visit.plan")]}
TEMPLATES = {"worker": "packages/door.html", "family": "packages/family_visit.html"}


@get("/visits/{visit_id:uuid}", **READS)
async def visit_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """One visit: at the door for its worker, in plain words for the family, with its facts for the office."""
    try:
        return await _visit_page(request, visit_id, "")
    except InvalidInput:
        return await _reason_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}", status_code=200, **READS)
async def visit_page_with_reason(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The visit, with the reason for looking logged."""
    form = Form(await read_form(request))
    why = form.text("why", "why you need to see this visit", most=500)
    if form.errors:
        return await _reason_page(request, visit_id, form)
    return await _visit_page(request, visit_id, why)


async def _visit_page(request: Request[Any, Any, Any], visit_id: UUID, why: str) -> Response[Any]:
    file = await open_visit(request.user, visit_id, why=why)
    return page(
        request, TEMPLATES.get(request.user.role, "packages/visit.html"),
        title=f"Visit on {weekday(file.visit.planned_start)}", file=file,
        visit=file.visit, package=file.package, now=file.now, state_words=STATE_WORDS,
        outcome_words=OUTCOME_WORDS, shown_how=SHOWN_HOW, provides=request.user.provider_id is not None,
        overdue=file.state == "planned" and file.visit.planned_end <= file.now,
        kinds=visit_requests.KINDS, request_states=visit_requests.STATES, charge_words=charge_words,
    )  # fmt: skip


async def _reason_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    await ask(request.user, queries.visit, visit_id)
    return page(request, "packages/reason.html", title="Why do you need this visit?", form=form, what="A visit")


# --- changing one visit -----------------------------------------------------------------------------------------------


async def _try(form: Form, doing: Callable[[], Awaitable[None]], names: dict[str, str] | None = None) -> bool:
    """Do it, or put beside the fields why not."""
    try:
        await doing()
    except InvalidInput as error:
        form.merge(error, names)
    except Conflict as error:
        form.error("", error.sentence)
    return not form.errors


@get("/visits/{visit_id:uuid}/move", **PLANS)
async def move_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Other times for a planned visit."""
    visit = await ask(request.user, queries.visit, visit_id)
    form = Form.starting_with(
        day=local_day(visit.planned_start), start=clock_text(visit.planned_start), end=clock_text(visit.planned_end),
        version=visit.version,
    )  # fmt: skip
    return await change_page(request, visit_id, "move_visit", "Move a visit", form)


@post("/visits/{visit_id:uuid}/move", status_code=303, **PLANS)
async def move(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Move it; the family and the workers are told."""
    form = Form(await read_form(request))
    times, version = read_visit_times(form), form.integer("version", "the visit's version")
    if times is not None and not form.errors:
        start, end = times

        async def doing() -> None:
            await visit_actions.move_visit(request.user, visit_id, version=version, starts_at=start, ends_at=end)

        if await _try(form, doing, {"starts_at": "start", "ends_at": "end"}):
            return see_other(request, f"/visits/{visit_id}", flash="Moved. The family and the workers have been told.")
    return await change_page(request, visit_id, "move_visit", "Move a visit", form)


@get("/visits/{visit_id:uuid}/swap", **PLANS)
async def swap_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Another worker for a planned visit: only ready ones are offered."""
    return await _swap_page(request, visit_id, None)


@post("/visits/{visit_id:uuid}/swap", status_code=303, **PLANS)
async def swap(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Swap them; the family and both workers are told."""
    form = Form(await read_form(request))
    leaves = form.uuid("leaves", "who does not come")
    comes = form.uuid("comes", "who comes instead")
    version = form.integer("version", "the visit's version")

    async def doing() -> None:
        await visit_actions.swap_worker(request.user, visit_id, version=version, leaves=leaves, comes=comes)

    if not form.errors and await _try(form, doing):
        return see_other(request, f"/visits/{visit_id}", flash="Changed. The family and the workers have been told.")
    return await _swap_page(request, visit_id, form)


async def _swap_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form | None) -> Response[Any]:
    visit, package, _, _, workers, _ = await ask(request.user, changing, visit_id)
    found = await ask(request.user, board, package.id, local_day(visit.planned_start))
    here = {row["worker_id"] for row in workers}
    if form is None:
        form = Form.starting_with(version=visit.version, leaves=workers[0]["worker_id"] if len(workers) == 1 else None)
    options = [each for each in worker_options(found) if UUID(each[0]) not in here]
    return await change_page(
        request, visit_id, "swap", "Send another worker", form, options=options,
        unready=[each for each in found.unready if each.worker.id not in here],
    )  # fmt: skip


@get("/visits/{visit_id:uuid}/missed", **PLANS)
async def missed_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Nobody came."""
    visit = await ask(request.user, queries.visit, visit_id)
    form = Form.starting_with(version=visit.version)
    return await change_page(request, visit_id, "missed", "Record a missed visit", form)


@post("/visits/{visit_id:uuid}/missed", status_code=303, **PLANS)
async def missed(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Record it: family and referrer are told at once."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why nobody came", most=1000, lines=True)
    version = form.integer("version", "the visit's version")

    async def doing() -> None:
        await visit_actions.record_missed(request.user, visit_id, version=version, reason=reason)

    if not form.errors and await _try(form, doing):
        return see_other(request, f"/visits/{visit_id}", flash="Recorded. Everybody it concerns has been told.")
    return await change_page(request, visit_id, "missed", "Record a missed visit", form)


ROUTES: list[Any] = [
    visit_page, visit_page_with_reason, move_page, move, swap_page, swap, missed_page, missed,
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [visit_page, visit_page_with_reason]

"""The provider's planning pages: visits of the plan's week, a single visit, and the week of the workforce."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import boards, visit_actions
from marketplace.packages.page_forms import clock_text, read_visit_times, worker_options
from marketplace.packages.planning import MOST_DAYS, Board, board
from marketplace.packages.visit_actions import Planned
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local, local_day
from marketplace.referrals import patterns
from marketplace.web.filters import count, weekday
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

PLANS: dict[str, Any] = {"guards": [requires("visit.plan")]}


@get("/packages/{package_id:uuid}/plan-visits", **PLANS)
async def plan_visits_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Visits of the pattern for a run of days."""
    found = await ask(request.user, board, package_id)
    last = found.earliest + timedelta(days=27)
    if found.package.ends_on is not None:
        last = min(last, found.package.ends_on)
    main = [str(key) for key, part in found.team.items() if part == "main"][: found.package.workers_per_visit]
    return _plan_page(request, found, Form.starting_with(first_day=found.earliest, last_day=last, workers=main), None)


@post("/packages/{package_id:uuid}/plan-visits", status_code=200, **PLANS)
async def plan_visits(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Plan them; what could not be placed is listed as gaps."""
    form = Form(await read_form(request))
    first = form.date("first_day", "the first day")
    last = form.date("last_day", "the last day")
    workers = form.uuids("workers", "the workers")
    slots = form.values("slots")
    done: Planned | None = None
    if not form.errors:
        try:
            done = await visit_actions.plan_from_pattern(
                request.user, package_id, first, last, workers,
                slots=[int(n) for n in slots if n.isdecimal() and len(n) < 4] or None,
            )  # fmt: skip
            if done.made and not done.gaps:
                flash = f"{count(len(done.made), 'visit')} planned. The family and the workers see them."
                return see_other(request, f"/packages/{package_id}/visits", flash=flash)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return _plan_page(request, await ask(request.user, board, package_id), form, done)


def _plan_page(request: Request[Any, Any, Any], found: Board, form: Form, done: Planned | None) -> Response[Any]:
    week = [
        (str(n), patterns.words(slot), found.pack.activities.get(slot.activity, ""))
        for n, slot in enumerate(found.pattern)
    ]
    return page(
        request, "packages/plan_visits.html", title="Plan visits", found=found, package=found.package, form=form,
        workers=worker_options(found), slots=week, done=done, most_days=MOST_DAYS,
    )  # fmt: skip


@get("/packages/{package_id:uuid}/plan-visit", **PLANS)
async def plan_visit_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """One visit, perhaps a gap of the week that is filled."""
    found = await ask(request.user, board, package_id)
    form = Form()
    asked = request.query_params.get("at", "")
    try:
        at = datetime.fromisoformat(asked) if asked else None
    except ValueError:
        at = None
    if at is not None and at.tzinfo is not None:
        form.set("day", local(at).date())
        form.set("start", clock_text(at))
        for slot in found.pattern:
            if slot.weekday == local(at).weekday() and slot.start == clock_text(at):
                form.set("end", slot.end)
                form.set("activity", slot.activity)
    return _single_page(request, found, form)


@post("/packages/{package_id:uuid}/plan-visit", status_code=303, **PLANS)
async def plan_visit(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Plan it."""
    found = await ask(request.user, board, package_id)
    form = Form(await read_form(request))
    times = read_visit_times(form)
    activities = found.pack.lot(found.package.lot_code).activities
    activity = form.choice("activity", "what is done at this visit", activities)
    workers = form.uuids("workers", "the workers")
    if not form.errors and times is not None:
        try:
            visit_id = await visit_actions.plan_visit(
                request.user, package_id, activity=activity, starts_at=times[0], ends_at=times[1], worker_ids=workers
            )
            return see_other(request, f"/visits/{visit_id}", flash="The visit is planned. Family and workers see it.")
        except InvalidInput as error:
            form.merge(error, {"starts_at": "start", "ends_at": "end"})
        except Conflict as error:
            form.error("", error.sentence)
    return _single_page(request, found, form)


def _single_page(request: Request[Any, Any, Any], found: Board, form: Form) -> Response[Any]:
    return page(
        request, "packages/plan_visit.html", title="Plan a visit", found=found, package=found.package, form=form,
        workers=worker_options(found),
        activities=[(code, found.pack.activities[code]) for code in found.pack.lot(found.package.lot_code).activities],
    )  # fmt: skip


@get("/week", **PLANS)
async def week_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Workers by days, gaps and conflicts."""
    today = await ask(request.user, _today)
    try:
        asked = date.fromisoformat(request.query_params.get("from", ""))
    except ValueError:
        asked = today
    if not today - timedelta(days=3660) <= asked <= today + timedelta(days=3660):
        asked = today
    first = asked - timedelta(days=asked.weekday())
    found = await ask(request.user, boards.week, first)
    return page(
        request, "packages/week.html", title=f"Week from {weekday(first)}", found=found, first=first, today=today,
        before=first - timedelta(days=7), after=first + timedelta(days=7),
    )  # fmt: skip


async def _today(work: Work) -> date:
    return local_day(work.now)


ROUTES: list[Any] = [plan_visits_page, plan_visits, plan_visit_page, plan_visit, week_page]

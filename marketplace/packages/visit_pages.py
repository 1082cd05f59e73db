"""One visit for whoever opens it, and the provider's planning: from the pattern or singly, moving, swapping, cancelling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import boards, queries, visit_actions
from marketplace.packages.opening import open_visit
from marketplace.packages.page_forms import clock_text
from marketplace.packages.placing import may_have_visits, ready_workers
from marketplace.packages.records import facts_of
from marketplace.packages.signing import SHOWN_HOW
from marketplace.packages.states import OUTCOME_WORDS, STATE_WORDS, visit_state
from marketplace.packages.tables import Package, Visit
from marketplace.packages.visit_actions import CANCELLED_BY, MOST_DAYS, Planned
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local, local_day, wall_time
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import charged_percent
from marketplace.providers.readiness import Ready
from marketplace.referrals import patterns
from marketplace.web.filters import count, weekday
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
        request, TEMPLATES.get(request.user.role, "packages/visit.html"), title=f"Visit on {weekday(file.visit.planned_start)}",
        file=file, visit=file.visit, package=file.package, now=file.now, state_words=STATE_WORDS,
        outcome_words=OUTCOME_WORDS, shown_how=SHOWN_HOW, provides=request.user.provider_id is not None,
        overdue=file.state == "planned" and file.visit.planned_end <= file.now,
    )  # fmt: skip


async def _reason_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    await ask(request.user, queries.visit, visit_id)
    return page(request, "packages/reason.html", title="Why do you need this visit?", form=form, what="A visit")


# --- planning ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Board:
    """What planning a package's visits needs."""

    now: datetime
    package: Package
    pack: Pack
    missing: list[str]
    pattern: list[WeeklySlot]
    ready: list[Ready]
    unready: list[Ready]
    team: dict[UUID, str]
    child_name: str | None

    @property
    def earliest(self) -> date:
        return max(self.package.starts_on, local_day(self.now))


async def board(work: Work, package_id: UUID, on: date | None = None) -> Board:
    """The package with its pattern and its provider's workers judged for a day, the team first."""
    package = await queries.package(work, package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    pack = await queries.pack_for(work, package)
    team = {row["worker_id"]: row["part"] for row in await queries.team(work, package)}
    judged = await ready_workers(work, package, on or max(package.starts_on, local_day(work.now)))
    order = {"main": 0, "backup": 1}
    judged.sort(key=lambda each: (order.get(team.get(each.worker.id, ""), 2), each.worker.name))
    return Board(
        work.now, package, pack, await may_have_visits(work, package, pack), await visit_actions.pattern_of(work, package),
        [each for each in judged if each.ready], [each for each in judged if not each.ready], team,
        await queries.child_name(work, package.commissioner_id, package.child_id),
    )  # fmt: skip


def _worker_options(found: Board) -> list[tuple[str, str, str]]:
    part = {"main": "Comes to the visits", "backup": "Back-up worker"}
    return [
        (str(each.worker.id), each.worker.name, part.get(found.team.get(each.worker.id, ""), ""))
        for each in found.ready
    ]


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
        workers=_worker_options(found), slots=week, done=done, most_days=MOST_DAYS,
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
    times = _read_times(form)
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
        workers=_worker_options(found),
        activities=[(code, found.pack.activities.get(code, code)) for code in found.pack.lot(found.package.lot_code).activities],
    )  # fmt: skip


def _read_times(form: Form) -> tuple[datetime, datetime] | None:
    day = form.date("day", "the day of the visit")
    start = form.time("start", "the time the visit starts")
    end = form.time("end", "the time the visit ends")
    if form.errors:
        return None
    return wall_time(day, start), wall_time(day if end > start else day + timedelta(days=1), end)


# --- changing one visit -----------------------------------------------------------------------------------------------


async def _changing(work: Work, visit_id: UUID) -> tuple[Visit, Package, Pack, str | None, list[Any], datetime]:
    visit = await queries.visit(work, visit_id)
    package = await queries.package(work, visit.package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    name = await queries.child_name(work, visit.commissioner_id, visit.child_id)
    workers = await queries.visit_workers(work, visit)
    return visit, package, await queries.pack_for(work, visit), name, workers, work.now


async def _change_page(
    request: Request[Any, Any, Any], visit_id: UUID, template: str, title: str, form: Form, **more: Any
) -> Response[Any]:
    visit, package, _, name, workers, now = await ask(request.user, _changing, visit_id)
    if visit_state(visit) != "planned":
        return see_other(request, f"/visits/{visit_id}", flash="This visit is not planned any more.")
    return page(
        request, f"packages/{template}.html", title=title, visit=visit, package=package, child_name=name,
        workers=workers, form=form, now=now, **more,
    )  # fmt: skip


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
    return await _change_page(request, visit_id, "move", "Move a visit", form)


@post("/visits/{visit_id:uuid}/move", status_code=303, **PLANS)
async def move(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Move it; the family and the workers are told."""
    form = Form(await read_form(request))
    times, version = _read_times(form), form.integer("version", "the visit's version")
    if times is not None and not form.errors:
        start, end = times

        async def doing() -> None:
            await visit_actions.move_visit(request.user, visit_id, version=version, starts_at=start, ends_at=end)

        if await _try(form, doing, {"starts_at": "start", "ends_at": "end"}):
            return see_other(request, f"/visits/{visit_id}", flash="Moved. The family and the workers have been told.")
    return await _change_page(request, visit_id, "move", "Move a visit", form)


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
    visit, package, _, _, workers, _ = await ask(request.user, _changing, visit_id)
    found = await ask(request.user, board, package.id, local_day(visit.planned_start))
    here = {row["worker_id"] for row in workers}
    if form is None:
        form = Form.starting_with(version=visit.version, leaves=workers[0]["worker_id"] if len(workers) == 1 else None)
    options = [each for each in _worker_options(found) if UUID(each[0]) not in here]
    return await _change_page(
        request, visit_id, "swap", "Send another worker", form, options=options,
        unready=[each for each in found.unready if each.worker.id not in here],
    )  # fmt: skip


@get("/visits/{visit_id:uuid}/cancel", **PLANS)
async def cancel_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Who cancelled, when, why."""
    visit = await ask(request.user, queries.visit, visit_id)
    return await _change_page(
        request, visit_id, "cancel", "Cancel a visit", Form.starting_with(version=visit.version), choices=CANCELLED_BY,
        step="ask",
    )  # fmt: skip


@post("/visits/{visit_id:uuid}/cancel", status_code=303, **PLANS)
async def cancel(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """First what it will mean, then the cancellation."""
    form = Form(await read_form(request))
    outcome = form.choice("outcome", "who cancelled the visit", CANCELLED_BY)
    reason = form.text("reason", "why the visit does not take place", most=1000, lines=True)
    version = form.integer("version", "the visit's version")
    noticed: datetime | None = None
    if outcome == "cancelled_by_family":
        day = form.date("notice", "the day the family told you")
        clock = form.time("notice_time", "the time the family told you")
        if not form.errors:
            noticed = wall_time(day, clock)
    if not form.errors and form.value("step") == "check":

        async def doing() -> None:
            await visit_actions.cancel_visit(
                request.user, visit_id, version=version, outcome=outcome, notice_at=noticed, reason=reason
            )

        if await _try(form, doing, {"notice_at": "notice_time"}):
            return see_other(
                request, f"/visits/{visit_id}", flash="Cancelled. Family, referrer and workers have been told."
            )
    if form.errors or form.value("back"):
        return await _change_page(
            request, visit_id, "cancel", "Cancel a visit", form, choices=CANCELLED_BY, step="ask"
        )  # fmt: skip
    visit, _, pack, _, workers, _ = await ask(request.user, _changing, visit_id)
    facts = msgspec.structs.replace(
        facts_of(visit, [(row["printed_name"], False) for row in workers]),
        outcome=outcome, notice_at=None if noticed is None else local(noticed),
    )  # fmt: skip
    return await _change_page(
        request, visit_id, "cancel", "Check before you cancel", form, choices=CANCELLED_BY, step="check",
        percent=charged_percent(pack, facts), noticed=noticed, outcome=outcome, reason=reason,
    )  # fmt: skip


@get("/visits/{visit_id:uuid}/missed", **PLANS)
async def missed_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Nobody came."""
    visit = await ask(request.user, queries.visit, visit_id)
    form = Form.starting_with(version=visit.version)
    return await _change_page(request, visit_id, "missed", "Record a missed visit", form)


@post("/visits/{visit_id:uuid}/missed", status_code=303, **PLANS)
async def missed(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Record it: family and referrer are told at once."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why nobody came", most=1000, lines=True)
    version = form.integer("version", "the visit's version")

    async def doing() -> None:
        await visit_actions.record_missed(request.user, visit_id, version=version, reason=reason)

    if not form.errors and await _try(form, doing):
        return see_other(request, f"/visits/{visit_id}", flash="Recorded. Family and referrer have been told.")
    return await _change_page(request, visit_id, "missed", "Record a missed visit", form)


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


ROUTES: list[Any] = [
    visit_page, visit_page_with_reason, plan_visits_page, plan_visits, plan_visit_page, plan_visit, move_page, move,
    swap_page, swap, cancel_page, cancel, missed_page, missed, week_page,
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [visit_page, visit_page_with_reason]

"""The office's pages of packages, at both front doors: the list, one package, its visits, and its set-up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.packages import boards, queries, setup_actions
from marketplace.packages.opening import PackageFile, open_package
from marketplace.packages.overruns import OVERRUN
from marketplace.packages.page_forms import page_number
from marketplace.packages.placing import ready_workers
from marketplace.packages.setup_actions import PARTS
from marketplace.packages.states import is_over
from marketplace.packages.tables import Package
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.providers.readiness import Ready
from marketplace.referrals import patterns
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

LOOKS: dict[str, Any] = {"guards": [requires("package.write", "visit_note.read_with_reason")]}
SETS_UP: dict[str, Any] = {"guards": [requires("visit.plan")]}
STATES = (("running", "Running", None), ("ended", "Ended", None), ("undone", "Undone", None), ("all", "All", None))
WHEN = (("coming", "Coming", None), ("past", "Past", None), ("look", "To look at", None), ("all", "All", None))


@get("/packages", **LOOKS)
async def list_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Packages, those with something to look at first."""
    state = request.query_params.get("state", "running")
    text = request.query_params.get("q", "")[:50]
    number = page_number(request)
    rows, total = await ask(request.user, boards.packages, state=state, text=text, page=number)
    return page(
        request, "packages/list.html", title="Packages", rows=rows, total=total, state=state, search_text=text,
        number=number, last=-(-total // boards.PAGE_SIZE), states=STATES,
    )  # fmt: skip


@get("/packages/{package_id:uuid}", **LOOKS)
async def package_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """One package; who has no work of their own on it is asked why first."""
    try:
        return await _package_page(request, package_id, "")
    except InvalidInput:
        return await _reason_page(request, package_id, Form())


@post("/packages/{package_id:uuid}", status_code=200, **LOOKS)
async def package_page_with_reason(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """The package, with the reason for looking logged."""
    form = Form(await read_form(request))
    why = form.text("why", "why you need to see this package", most=500)
    if form.errors:
        return await _reason_page(request, package_id, form)
    return await _package_page(request, package_id, why)


async def _package_page(request: Request[Any, Any, Any], package_id: UUID, why: str) -> Response[Any]:
    file = await open_package(request.user, package_id, why=why)
    return page(
        request, "packages/package.html", title=f"Package {file.package.reference}", file=file, package=file.package,
        now=file.now, next_step=next_step(request.user, file), provides=request.user.provider_id is not None,
        parts=PARTS, over=is_over(file.package, local_day(file.now)),
        decides_cover=may(request.user, "provider.suspend"),
        week_slots=patterns.drawn(file.pattern, file.pack.activities),
    )  # fmt: skip


async def _reason_page(request: Request[Any, Any, Any], package_id: UUID, form: Form) -> Response[Any]:
    package = await ask(request.user, queries.package, package_id)
    return page(
        request, "packages/reason.html", title="Why do you need this package?", form=form,
        what=f"Package {package.reference}",
    )  # fmt: skip


def next_step(actor: Actor, file: PackageFile) -> tuple[str, str, str] | None:
    """(button, address, what happens then): the one thing to do next on a package, by whose turn it is."""
    package, here = file.package, f"/packages/{file.package.id}"
    shared = next((each for each in file.plans if each.state == "shared"), None)
    if package.state not in ("set_up", "active"):
        return None
    if actor.role == "referrer":
        if not file.mine:
            return None
        if shared is not None:
            return (
                "Read and sign the plan",
                f"/plans/{shared.id}",
                "When the family has signed too, the plan is in force.",
            )
        unsigned = next((line for line in file.look_at if line.state == "unsigned"), None)
        if unsigned is not None:
            then = "The family has not signed this visit. Once you resolve it, it counts as signed."
            return "Resolve an unsigned visit", f"/visits/{unsigned.visit.id}", then
        longer = next((duty for duty in file.duties if duty["rule_key"] == OVERRUN), None)
        if longer is not None:
            then = (
                "A visit lasted longer than planned, or is to. Without your approval only the planned time is billed."
            )
            return "Decide on a longer visit", f"/visits/{longer['subject_id']}/longer", then
        return None
    if actor.provider_id is None or is_over(package, local_day(file.now)):
        return None
    draft = next((each for each in file.plans if each.state == "draft"), None)
    buys = package.direct_payment_id is not None
    sign = "The family signs" if buys else "Family and referrer sign"
    if package.risk_assessment_arranged_at is None:
        told = "The family is told the day." if buys else "Referrer and family are told the day."
        return "Arrange the risk assessment", f"{here}/risk-assessment", told
    if package.risk_assessment_done_at is None:
        return "Record the risk assessment", f"{here}/risk-assessment", "What it found goes into the plan's risks."
    if draft is not None:
        return "Go on with the care plan", f"/plans/{draft.id}", f"{sign} it once you share it."
    if not file.plans or (file.plan is None and shared is None):
        return "Write the care plan", f"{here}/plan", f"{sign} it once you share it."
    if file.plan is None:
        return None
    if not any(row["part"] == "backup" for row in file.team):
        return "Name a back-up worker", f"{here}/team", "Visits can be planned once there is one."
    return "Plan visits", f"{here}/plan-visits", "The family sees who comes and when; the workers see their visits."


@get("/packages/{package_id:uuid}/visits", **LOOKS)
async def visits_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """A package's visits: coming, past, or with something open; a list is no look."""
    when = request.query_params.get("when", "coming")
    number = page_number(request)
    package = await ask(request.user, queries.package, package_id)
    rows, total = await ask(request.user, boards.visits_of_package, package_id, when=when, page=number)
    return page(
        request, "packages/visits.html", title=f"Visits of package {package.reference}", package=package, rows=rows,
        total=total, when=when, number=number, last=-(-total // boards.PAGE_SIZE), choices=WHEN,
    )  # fmt: skip


# --- set-up -----------------------------------------------------------------------------------------------------------


@get("/packages/{package_id:uuid}/risk-assessment", **SETS_UP)
async def risk_assessment_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Arrange it, then record that it was made."""
    return await _risk_page(request, package_id, None)


@post("/packages/{package_id:uuid}/risk-assessment", status_code=303, **SETS_UP)
async def risk_assessment(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """The day it is on, or the day it was."""
    form = Form(await read_form(request))
    done = form.value("action") == "done"
    on = form.date("on", "the day of the risk assessment")
    if not form.errors:
        try:
            if done:
                await setup_actions.complete_risk_assessment(request.user, package_id, on)
                said = "The risk assessment is recorded. Now write what it found into the care plan."
            else:
                await setup_actions.arrange_risk_assessment(request.user, package_id, on)
                said = "Arranged. Everybody it concerns has been told."
            return see_other(request, f"/packages/{package_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _risk_page(request, package_id, form)


async def _risk_page(request: Request[Any, Any, Any], package_id: UUID, form: Form | None) -> Response[Any]:
    package = await ask(request.user, queries.package, package_id)
    form = form or Form.starting_with(on=package.risk_assessment_on)
    return page(
        request, "packages/risk_assessment.html", title="Risk assessment", package=package, form=form,
        arranged=package.risk_assessment_arranged_at is not None,
    )  # fmt: skip


async def team_candidates(work: Work, package_id: UUID) -> tuple[Package, Pack, list[Any], list[Ready]]:
    """The team, and every worker of the provider judged for the package's first day (or today)."""
    package = await queries.package(work, package_id)
    on = max(package.starts_on, local_day(work.now))
    pack = await queries.pack_for(work, package)
    if work.actor.provider_id != package.provider_id:
        raise NotFound
    return package, pack, await queries.team(work, package), await ready_workers(work, package, on)


@get("/packages/{package_id:uuid}/team", **SETS_UP)
async def team_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Who comes and who stands by."""
    return await _team_page(request, package_id, Form())


@post("/packages/{package_id:uuid}/team", status_code=303, **SETS_UP)
async def add_to_team(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Put a worker on the team, or change what they do on it."""
    form = Form(await read_form(request))
    worker_id = form.uuid("worker_id", "a worker")
    part = form.choice("part", "what the worker does on this package", PARTS)
    if not form.errors:
        try:
            await setup_actions.add_worker(request.user, package_id, worker_id, part=part)
            return see_other(request, f"/packages/{package_id}", flash="The team is changed.")
        except InvalidInput as error:
            form.merge(error)
    return await _team_page(request, package_id, form)


async def _team_page(request: Request[Any, Any, Any], package_id: UUID, form: Form) -> Response[Any]:
    package, pack, team, judged = await ask(request.user, team_candidates, package_id)
    on_team = {row["worker_id"]: row["part"] for row in team}
    return page(
        request, "packages/team.html", title="Team", package=package, team=team, form=form, parts=PARTS,
        ready=[each for each in judged if each.ready], unready=[each for each in judged if not each.ready],
        on_team=on_team, roles={code: role.title for code, role in pack.roles.items()},
    )  # fmt: skip


@get("/packages/{package_id:uuid}/team/{worker_id:uuid}/remove", **SETS_UP)
async def remove_page(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], worker_id: FromPath[UUID]
) -> Response[Any]:
    """Check before a worker leaves the team."""
    return await _remove_page(request, package_id, worker_id, Form())


@post("/packages/{package_id:uuid}/team/{worker_id:uuid}/remove", status_code=303, **SETS_UP)
async def remove(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], worker_id: FromPath[UUID]
) -> Response[Any]:
    """The package is closed to the worker from now on."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why the worker leaves this package", most=500)
    if not form.errors:
        try:
            await setup_actions.remove_worker(request.user, package_id, worker_id, reason=reason)
            return see_other(request, f"/packages/{package_id}/team", flash="The worker has left the team.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _remove_page(request, package_id, worker_id, form)


async def _remove_page(request: Request[Any, Any, Any], package_id: UUID, worker_id: UUID, form: Form) -> Response[Any]:
    package, _, team, _ = await ask(request.user, team_candidates, package_id)
    who = next((row for row in team if row["worker_id"] == worker_id), None)
    if who is None:
        raise NotFound("This worker is not on the package's team.")
    return page(
        request, "packages/remove_worker.html", title="Take a worker off the team", package=package, who=who, form=form
    )


ROUTES: list[Any] = [
    list_page, package_page, package_page_with_reason, visits_page, risk_assessment_page, risk_assessment, team_page,
    add_to_team, remove_page, remove,
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [list_page, package_page, package_page_with_reason, visits_page]

"""The family's pages of visits, phone first; and what the referrer decides about a visit: unsigned or longer ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import device
from marketplace.identity.guards import requires
from marketplace.identity.queries import have_pin
from marketplace.packages import boards, overrun_decisions, queries, signing
from marketplace.packages.allocations import AllocationRow, allocation_now
from marketplace.packages.boards import VisitLine
from marketplace.packages.opening import open_visit
from marketplace.packages.page_forms import page_number
from marketplace.packages.review_queries import reviews_of
from marketplace.packages.states import is_over
from marketplace.packages.tables import Package, PlanReview, PlanVersion
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day, whole_minutes
from marketplace.providers.videos import Video, familys_videos
from marketplace.web.filters import count
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SEES: dict[str, Any] = {"guards": [requires("visit.confirm")]}
RESOLVES: dict[str, Any] = {"guards": [requires("visit.resolve")]}


@dataclass(frozen=True, slots=True)
class Ours:
    """A package as its family follows it."""

    package: Package
    child_name: str | None
    coming: list[VisitLine]
    team: dict[UUID, Any]
    provider: Any
    referrer: Any
    plan: PlanVersion | None
    to_sign: PlanVersion | None
    review: PlanReview | None  # the latest that was not sent back
    budget: AllocationRow | None
    stopped: bool  # the family buys it, and care may not lawfully go on at the moment
    buys: bool  # this family member pays for its visits from the direct payment
    over: bool  # its last day has passed


@dataclass(frozen=True, slots=True)
class Home:
    """What a family sees first."""

    now: datetime
    packages: list[Ours]
    to_confirm: list[VisitLine]
    has_pin: bool
    videos: dict[UUID, Video]  # by worker


async def home(work: Work) -> Home:
    """Who comes next, in every package the family member may see, and what waits for them."""
    ours: list[Ours] = []
    lines = await boards.coming(work, most=100)
    for package in await Package.objects().where(Package.state.is_in(["set_up", "active"])).order_by(Package.reference):
        versions = await queries.plans(work, package.id)
        waiting = next((each for each in versions if each.state == "shared"), None)
        mine = waiting and await work.fetchval(
            "SELECT ($1::uuid, $2::uuid) IN (SELECT * FROM my_granted_packages('sign_plan') UNION"
            " SELECT * FROM my_bought_packages()) AND NOT EXISTS"
            " (SELECT 1 FROM signature"
            " WHERE commissioner_id = $1 AND subject_id = $3 AND person_id = app_person())",
            package.commissioner_id, package.id, waiting.id,
        )  # fmt: skip
        ours.append(
            Ours(
                package,
                await queries.child_name(work, package.commissioner_id, package.child_id),
                [line for line in lines if line.visit.package_id == package.id][:6],
                {row["worker_id"]: row for row in await queries.team(work, package)},
                await queries.provider_contacts(work, package.provider_id),
                await queries.referrer_of(work, package),
                next((each for each in versions if each.state == "signed"), None),
                waiting if mine else None,
                next((row for row in await reviews_of(work, package.id) if row.returned_at is None), None),
                await allocation_now(work, package.child_id) if package.direct_payment_id is None else None,
                await work.fetchval("SELECT care_stopped($1)", package.id),
                package.direct_payment_id is not None
                and await work.fetchval(
                    "SELECT ($1::uuid, $2::uuid) IN (SELECT * FROM my_bought_packages())",
                    package.commissioner_id,
                    package.id,
                ),
                is_over(package, local_day(work.now)),
            )
        )
    ours.sort(key=lambda each: each.coming[0].visit.planned_start.timestamp() if each.coming else float("inf"))
    return Home(work.now, ours, await boards.to_confirm(work), await have_pin(work), await familys_videos(work))


@get("/who-is-coming", **SEES)
async def who_is_coming(request: Request[Any, Any, Any]) -> Response[Any]:
    """Who comes next, whom to call, what waits for the family."""
    found = await ask(request.user, home)
    return page(request, "packages/who_is_coming.html", title="Who is coming", found=found, now=found.now)


@get("/visits", **SEES)
async def visits_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Past visits, and those to confirm first."""
    number = page_number(request)
    rows, total = await ask(request.user, boards.history, number)
    waiting = await ask(request.user, boards.to_confirm)
    return page(
        request, "packages/family_visits.html", title="Visits", rows=rows, total=total, number=number, waiting=waiting,
        last=-(-total // boards.PAGE_SIZE),
    )  # fmt: skip


@get("/visits/{visit_id:uuid}/confirm", **SEES)
async def confirm_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The record in full, and the button that confirms it."""
    return await _confirm_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}/confirm", status_code=303, **SEES)
async def confirm(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Confirmed on one's own device."""
    form = Form(await read_form(request))
    try:
        enough = await signing.family_confirms(
            request.user, visit_id, text_hash=form.value("text_hash"), device=device(request)
        )
        said = "Confirmed. Thank you." if enough else "Confirmed. The others of your family confirm as well."
        return see_other(request, "/visits", flash=said)
    except InvalidInput as error:
        form.error("", next(iter(error.fields.values()), error.sentence))
    except Conflict as error:
        form.error("", error.sentence)
    return await _confirm_page(request, visit_id, form)


async def _confirm_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    file = await open_visit(request.user, visit_id)
    if not file.may_confirm and not form.errors:
        return see_other(request, f"/visits/{visit_id}")
    return page(request, "packages/confirm.html", title="Confirm a visit", file=file, visit=file.visit, form=form)


# --- the referrer's decisions -----------------------------------------------------------------------------------------


@get("/visits/{visit_id:uuid}/resolve", **RESOLVES)
async def resolve_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """A visit the family could not or would not sign."""
    return await _resolve_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}/resolve", status_code=303, **RESOLVES)
async def resolve(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """From now on it counts as signed."""
    form = Form(await read_form(request))
    resolution = form.text("resolution", "what you found out, and with whom you spoke", most=2000, lines=True)
    if not form.errors:
        try:
            await signing.resolve_unsigned(request.user, visit_id, resolution=resolution)
            return see_other(request, f"/visits/{visit_id}", flash="Resolved. The visit counts as signed.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _resolve_page(request, visit_id, form)


async def _resolve_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    file = await open_visit(request.user, visit_id)
    if file.state != "unsigned":
        return see_other(request, f"/visits/{visit_id}")
    return page(
        request, "packages/resolve.html", title="Resolve an unsigned visit", file=file, visit=file.visit, form=form
    )


@get("/visits/{visit_id:uuid}/longer", **RESOLVES)
async def longer_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """More time than planned: whether it is billed."""
    return await _longer_page(request, visit_id, None)


@post("/visits/{visit_id:uuid}/longer", status_code=303, **RESOLVES)
async def longer(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Approved, or left at the planned length."""
    form = Form(await read_form(request))
    decision = form.choice("decision", "whether the longer time is approved", ["approve", "refuse"])
    minutes = None
    if decision == "approve":
        minutes = form.integer("minutes", "how many minutes longer", least=1, most=overrun_decisions.MOST_MINUTES)
    reason = form.text("reason", "why it is not approved", required=decision == "refuse", most=1000, lines=True)
    if not form.errors:
        try:
            if decision == "approve":
                await overrun_decisions.approve_overrun(request.user, visit_id, minutes=minutes)
                said = f"Approved: {count(minutes or 0, 'minute')} longer than planned."
            else:
                await overrun_decisions.refuse_overrun(request.user, visit_id, reason=reason)
                said = "Not approved. The provider is told."
            return see_other(request, f"/visits/{visit_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _longer_page(request, visit_id, form)


async def _longer_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form | None) -> Response[Any]:
    file = await open_visit(request.user, visit_id)
    asked = next((each for each in file.asked if each.kind == "longer" and each.state == "asked"), None)
    if form is None:
        wished = whole_minutes(file.visit.planned_end, asked.wished_end) if asked and asked.wished_end else None
        form = Form.starting_with(minutes=file.overrun_minutes or wished)
    return page(
        request,
        "packages/longer.html",
        title="Decide on a longer visit",
        file=file,
        visit=file.visit,
        form=form,
        asked=asked,
    )


ROUTES: list[Any] = [
    who_is_coming, visits_page, confirm_page, confirm, resolve_page, resolve, longer_page, longer,
]  # fmt: skip

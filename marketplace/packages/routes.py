"""JSON: packages, their set-up and plans. Same actions as the pages; opening a record is a look, so a POST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import boards, cover_routes, opening, plan_actions, setup_actions
from marketplace.packages.plans import PlanContent
from marketplace.packages.schemas import (
    Made,
    PackageList,
    PackageOut,
    PlanOut,
    RiskAssessmentIn,
    Shared,
    Signed,
    SignIn,
    TeamIn,
    VisitList,
    Why,
    package_line_out,
    package_out,
    plan_out,
    visit_line_out,
)
from marketplace.platform.database import ask

LISTS: dict[str, Any] = {
    "guards": [requires("package.write", "visit_note.read_with_reason")],
    "tags": ["Packages"],
}
READS: dict[str, Any] = {"guards": [requires("package.read")], "tags": ["Packages"]}
SETS_UP: dict[str, Any] = {"guards": [requires("visit.plan")], "tags": ["Packages"]}
SIGNS: dict[str, Any] = {"guards": [requires("plan.sign")], "tags": ["Packages"]}
RETURNS: dict[str, Any] = {"guards": [requires("plan.sign", "plan.write")], "tags": ["Packages"]}


@get("/api/v1/packages", **LISTS)
async def list_packages(
    request: Request[Any, Any, Any],
    show: FromQuery[str] = "running",
    q: FromQuery[str] = "",
    page: FromQuery[int] = 1,
) -> PackageList:
    """Twenty packages a page, those with something to look at first. `show`: running, ended, undone or all."""
    number = min(max(page, 1), 100_000)
    rows, total = await ask(request.user, boards.packages, state=show, text=q[:50], page=number)
    return PackageList(items=[package_line_out(row) for row in rows], total=total)


@post("/api/v1/packages/{package_id:uuid}/open", status_code=200, **READS)
async def open_package(request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[Why]) -> PackageOut:
    """A package with its child, team, plans and next visits. Logged; a reason is asked where it is not one's own."""
    return package_out(await opening.open_package(request.user, package_id, why=data.reason))


@get("/api/v1/packages/{package_id:uuid}/visits", **LISTS)
async def list_visits(
    request: Request[Any, Any, Any],
    package_id: FromPath[UUID],
    when: FromQuery[str] = "coming",
    page: FromQuery[int] = 1,
) -> VisitList:
    """Twenty visits a page. `when`: coming, past, look (something is open) or all."""
    number = min(max(page, 1), 100_000)
    rows, total = await ask(request.user, boards.visits_of_package, package_id, when=when, page=number)
    return VisitList(items=[visit_line_out(row) for row in rows], total=total)


@post("/api/v1/packages/{package_id:uuid}/risk-assessment", status_code=204, **SETS_UP)
async def risk_assessment(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[RiskAssessmentIn]
) -> None:
    """Arrange the risk assessment, or record it as done."""
    if data.done:
        await setup_actions.complete_risk_assessment(request.user, package_id, data.on)
    else:
        await setup_actions.arrange_risk_assessment(request.user, package_id, data.on)


@post("/api/v1/packages/{package_id:uuid}/team", status_code=204, **SETS_UP)
async def add_to_team(request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[TeamIn]) -> None:
    """Put a ready worker on the team, or change the worker's part on it."""
    await setup_actions.add_worker(request.user, package_id, data.worker_id, part=data.part)


@post("/api/v1/packages/{package_id:uuid}/team/{worker_id:uuid}/remove", status_code=204, **SETS_UP)
async def remove_from_team(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], worker_id: FromPath[UUID], data: JSONBody[Why]
) -> None:
    """The package is closed to the worker from now on."""
    await setup_actions.remove_worker(request.user, package_id, worker_id, reason=data.reason)


@put("/api/v1/packages/{package_id:uuid}/plan", **SETS_UP)
async def write_plan(request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[PlanContent]) -> Made:
    """Write the draft of the plan, or of its next version; answers the draft's id."""
    return Made(id=await plan_actions.write_plan(request.user, package_id, data))


@post("/api/v1/plans/{plan_id:uuid}/open", status_code=200, **READS)
async def open_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID], data: JSONBody[Why]) -> PlanOut:
    """A version of the plan with the text that is signed. Logged."""
    return plan_out(await opening.open_plan(request.user, plan_id, why=data.reason))


@post("/api/v1/plans/{plan_id:uuid}/share", status_code=200, **SETS_UP)
async def share_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Shared:
    """Fix the draft's text and ask family and referrer to sign it."""
    return Shared(text_hash=await plan_actions.share_plan(request.user, plan_id))


@post("/api/v1/plans/{plan_id:uuid}/sign", status_code=200, **SIGNS)
async def sign_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID], data: JSONBody[SignIn]) -> Signed:
    """Sign the text one has read, for the family or as the referrer."""
    in_force = await plan_actions.sign_plan(
        request.user,
        plan_id,
        text_hash=data.text_hash,
        device="API",
        no_family_reason=data.no_family_reason,
        in_referrers_place=data.in_referrers_place,
    )
    return Signed(complete=in_force)


@post("/api/v1/plans/{plan_id:uuid}/return", status_code=204, **RETURNS)
async def return_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID], data: JSONBody[Why]) -> None:
    """Send a shared plan back with what should change, or take back one's own."""
    await plan_actions.return_plan(request.user, plan_id, reason=data.reason)


ROUTES: list[Any] = [
    list_packages, open_package, list_visits, risk_assessment, add_to_team, remove_from_team, write_plan, open_plan,
    share_plan, sign_plan, return_plan, *cover_routes.ROUTES,
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [list_packages, open_package, list_visits, open_plan, *cover_routes.CONSOLE_ROUTES]

"""JSON: reviews of care plans. Same actions as the pages; opening one is a look, so a POST."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import queries, reviewing
from marketplace.packages.review_opening import open_desk, open_review
from marketplace.packages.review_queries import Outcome, reviews_of, waits
from marketplace.packages.schemas import Made, Why
from marketplace.packages.tables import PlanReview
from marketplace.platform.database import Work, ask

READS: dict[str, Any] = {"guards": [requires("package.read")], "tags": ["Packages"]}
WRITES: dict[str, Any] = {"guards": [requires("plan.write")], "tags": ["Packages"]}
SIGNS: dict[str, Any] = {"guards": [requires("plan.sign")], "tags": ["Packages"]}
Asked = Request[Any, Any, Any]


class ReviewIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`plan_id` is the plan in force that was reviewed; `findings` has one entry for each of its outcomes, in order."""

    plan_id: UUID
    held_on: date
    took_part: str
    findings: list[reviewing.Finding]
    goes_on: bool
    says: str = ""


class ReviewLineOut(msgspec.Struct, kw_only=True):
    """A review in a list. `state`: waiting, signed_off or returned."""

    id: UUID
    held_on: date
    state: str


class ReviewOut(msgspec.Struct, kw_only=True):
    """A review as it was recorded, and its answer."""

    id: UUID
    package_id: UUID
    plan_id: UUID
    held_on: date
    took_part: str
    outcomes: list[Outcome]
    says: str
    goes_on: bool
    recorded_at: datetime
    recorded_by_name: str
    signed_off_at: datetime | None
    signed_off_by_name: str | None
    returned_at: datetime | None
    returned_by_name: str | None
    returned_reason: str | None
    state: str


class ToReviewOut(msgspec.Struct, kw_only=True):
    """The plan in force with its outcomes; `due_at`: from when on a review is late."""

    plan_id: UUID
    outcomes: list[str]
    due_at: datetime | None


@get("/api/v1/packages/{package_id:uuid}/plan-reviews", **READS)
async def list_reviews(request: Asked, package_id: FromPath[UUID]) -> list[ReviewLineOut]:
    """The reviews of a package's plan, the latest first."""
    rows = await ask(request.user, _reviews, package_id)
    return [ReviewLineOut(id=row.id, held_on=row.held_on, state=_state(row)) for row in rows]


@post("/api/v1/packages/{package_id:uuid}/plan-reviews/open", status_code=200, **WRITES)
async def open_plan_to_review(request: Asked, package_id: FromPath[UUID]) -> ToReviewOut:
    """What a review goes through now. Logged."""
    desk = await open_desk(request.user, package_id)
    return ToReviewOut(plan_id=desk.plan.id, outcomes=desk.outcomes, due_at=desk.due_at)


@post("/api/v1/packages/{package_id:uuid}/plan-reviews", status_code=201, **WRITES)
async def post_review(request: Asked, package_id: FromPath[UUID], data: JSONBody[ReviewIn]) -> Made:
    """Record a review of the plan in force; by the referrer, it is signed off with it."""
    made = await reviewing.record_review(
        request.user, package_id, plan_id=data.plan_id, held_on=data.held_on, took_part=data.took_part,
        findings=data.findings, goes_on=data.goes_on, says=data.says,
    )  # fmt: skip
    return Made(id=made)


@post("/api/v1/plan-reviews/{review_id:uuid}/open", status_code=200, **READS)
async def open_one(request: Asked, review_id: FromPath[UUID], data: JSONBody[Why]) -> ReviewOut:
    """One review. Logged; a reason is asked where the case is not one's own."""
    file = await open_review(request.user, review_id, why=data.reason)
    kept = {
        name: getattr(file.review, name) for name in ReviewOut.__struct_fields__ if name not in ("outcomes", "state")
    }
    return ReviewOut(**kept, outcomes=file.outcomes, state=file.state)


@post("/api/v1/plan-reviews/{review_id:uuid}/sign-off", status_code=204, **SIGNS)
async def post_sign_off(request: Asked, review_id: FromPath[UUID]) -> None:
    """Sign a review off."""
    await reviewing.sign_off_review(request.user, review_id)


@post("/api/v1/plan-reviews/{review_id:uuid}/return", status_code=204, **SIGNS)
async def post_return(request: Asked, review_id: FromPath[UUID], data: JSONBody[Why]) -> None:
    """Send a review back with what should be looked at again."""
    await reviewing.return_review(request.user, review_id, reason=data.reason)


async def _reviews(work: Work, package_id: UUID) -> list[PlanReview]:
    package = await queries.package(work, package_id)
    return await reviews_of(work, package.id)


def _state(row: PlanReview) -> str:
    return "waiting" if waits(row) else "signed_off" if row.signed_off_at else "returned"


ROUTES: list[Any] = [list_reviews, open_plan_to_review, post_review, open_one, post_sign_off, post_return]
CONSOLE_ROUTES: list[Any] = [list_reviews, open_one]

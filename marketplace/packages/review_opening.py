"""Opening a review of a care plan, or the plan that is to be reviewed: a look, logged with who and why (data.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.identity.permissions import may, permit
from marketplace.packages import queries
from marketplace.packages.opening import log_look
from marketplace.packages.review_queries import Outcome, found, outcomes_of, review, reviews_of, waits
from marketplace.packages.reviewing import may_answer, next_due, reviewable
from marketplace.packages.tables import Package, PlanReview, PlanVersion
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work


@dataclass(frozen=True, slots=True)
class ReviewFile:
    """An opened review. `may_answer`: it waits for the reader; `state`: waiting, signed_off or returned."""

    review: PlanReview
    package: Package
    plan: PlanVersion
    outcomes: list[Outcome]
    may_answer: bool

    @property
    def state(self) -> str:
        """Where it is."""
        return "waiting" if waits(self.review) else "signed_off" if self.review.signed_off_at else "returned"


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """A plan in force that is to be reviewed, outcome by outcome, with the reviews there were."""

    package: Package
    plan: PlanVersion
    outcomes: list[str]
    before: list[PlanReview]
    due_at: datetime | None
    now: datetime


async def open_review(actor: Actor, review_id: UUID, *, why: str = "") -> ReviewFile:
    """Open a review. Raises `NotFound`, `NotPermitted`, `InvalidInput` for `why` where the case is not one's own."""
    async with unit_of_work(actor) as work:
        row = await review(work, review_id)
        package = await queries.package(work, row.package_id)
        permit(actor, "package.read")
        await log_look(work, package, why)
        answers = waits(row) and may(actor, "plan.sign") and await may_answer(work, package)
        return ReviewFile(row, package, await queries.plan(work, row.plan_id), found(row), answers)


async def open_desk(actor: Actor, package_id: UUID) -> ReviewDesk:
    """Open what is to be reviewed, for those who record it. Raises as `reviewing.reviewable`."""
    async with unit_of_work(actor) as work:
        permit(actor, "plan.write")
        package = await reviewable(work, package_id)
        await log_look(work, package, "")
        plan = await queries.signed_plan(work, package.id)
        assert plan is not None  # `reviewable` has seen it
        before = await reviews_of(work, package.id)
        return ReviewDesk(package, plan, outcomes_of(plan), before, await next_due(work, package), work.now)

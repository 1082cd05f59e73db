"""Reviews of care plans within what the present context reaches, and what of a plan is reviewed."""

from __future__ import annotations

from uuid import UUID

import msgspec

from marketplace.packages.plans import from_stored
from marketplace.packages.tables import PlanReview, PlanVersion
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound

# grade: (in words, colour)
GRADES = {
    "reached": ("Reached", "green"),
    "on_the_way": ("On the way", "blue"),
    "not_yet": ("Not yet", "yellow"),
    "dropped": ("No longer wanted", "grey"),
}


class Outcome(msgspec.Struct):
    """An outcome in the plan's words, how it was found to stand, and what was said of it."""

    outcome: str
    grade: str
    says: str

    @property
    def word(self) -> tuple[str, str]:
        """The grade in words, and its colour."""
        return GRADES[self.grade]


def outcomes_of(plan: PlanVersion) -> list[str]:
    """The outcomes of a plan, each a line of its own: what a review goes through one by one."""
    lines = (line.strip().lstrip("-•*").strip() for line in from_stored(plan.content).outcomes.splitlines())
    return [line for line in lines if line]


def found(row: PlanReview) -> list[Outcome]:
    """What a review found, outcome by outcome."""
    return msgspec.convert(row.findings, list[Outcome])


def waits(row: PlanReview) -> bool:
    """Whether nobody has signed it off or sent it back yet."""
    return row.signed_off_at is None and row.returned_at is None


async def review(work: Work, review_id: UUID) -> PlanReview:
    """One review. Raises `NotFound`."""
    row = await PlanReview.objects().where(PlanReview.id == review_id).first()
    if row is None:
        raise NotFound("There is no review by that address, or it is not yours to see.")
    return row


async def reviews_of(work: Work, package_id: UUID) -> list[PlanReview]:
    """A package's reviews, the latest first."""
    return await (
        PlanReview.objects()
        .where(PlanReview.package_id == package_id)
        .order_by(PlanReview.held_on, PlanReview.recorded_at, PlanReview.id, ascending=False)
    )


async def latest(work: Work, package_id: UUID, *, signed_off: bool = False, waiting: bool = False) -> PlanReview | None:
    """The latest review of a package, of those signed off or those that wait where that is asked for."""
    for row in await reviews_of(work, package_id):
        if (row.signed_off_at is not None or not signed_off) and (waits(row) or not waiting):
            return row
    return None

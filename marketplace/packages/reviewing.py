"""Reviews of the care plan against its outcomes (L 5.3, L 6.1 stage 5; P 4.5): owed from the first visit or the last
review, recorded by the provider or the referrer, signed off by the referrer, or by the family in its place.

Recording meets the provider's duty: how long the answer takes is not its doing. A review that is sent back becomes the
provider's task; the next turn begins with the day of the review that is signed off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.packages import queries
from marketplace.packages.review_queries import GRADES, Outcome, latest, outcomes_of, review, waits
from marketplace.packages.tables import Package, PlanReview, PlanVersion
from marketplace.packages.telling import (
    BUYS,
    family_with,
    not_the_familys,
    owe_referrer,
    tell_family,
    tell_provider,
    tell_referrer,
)
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted
from marketplace.platform.jobs import sweep
from marketplace.policy.calendar import local_day, midnight
from marketplace.policy.repeating import PLAN_REVIEW, asked_from, turn
from marketplace.referrals.children import own_case
from marketplace.settings import Settings
from marketplace.web.filters import day

SIGN_OFF = "task.sign_off_plan_review"
AGAIN = "task.review_plan_again"
NEW_VERSION = "task.write_new_plan"
LONGEST, LONGEST_SAYS, LONGEST_PART = 2_000, 6_000, 2_000


class Finding(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What was found of one outcome of the plan. `grade`: reached, on_the_way, not_yet or dropped."""

    grade: str
    says: str = ""


@sweep("plan_reviews", every=timedelta(hours=6))
async def plan_reviews(settings: Settings) -> None:
    """Every provider's reviews whose time is near; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id FROM list_organisations('provider')")
    for tenant in tenants:
        await owe_reviews(tenant["id"])


async def owe_reviews(provider_id: UUID) -> int:
    """One provider's, of its running packages with a plan in force; how many duties were new."""
    owed = 0
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        rows = await work.fetch(
            """SELECT p.id FROM package p WHERE p.provider_id = $1 AND p.state = 'active'
                 AND EXISTS (SELECT 1 FROM plan_version n WHERE n.commissioner_id = p.commissioner_id
                             AND n.package_id = p.id AND n.state = 'signed')
                 AND NOT EXISTS (SELECT 1 FROM plan_review r WHERE r.commissioner_id = p.commissioner_id
                             AND r.package_id = p.id AND r.signed_off_at IS NULL AND r.returned_at IS NULL)
                 AND NOT EXISTS (SELECT 1 FROM obligation b WHERE b.subject_id = p.id AND b.rule_key = $2
                             AND b.met_at IS NULL AND b.cancelled_at IS NULL)
               ORDER BY p.id""",
            provider_id, PLAN_REVIEW,
        )  # fmt: skip
        for row in rows:
            owed += await _owe(work, await queries.package(work, row["id"]), near=True)
    return owed


async def _owe(work: Work, package: Package, *, near: bool = False) -> bool:
    """Owe the turn that runs (`near`: only once it is asked for); whether that is new."""
    began = await began_on(work, package)
    if began is None:
        return False
    pack = await queries.pack_for(work, package)
    running = turn(pack, PLAN_REVIEW, began, local_day(work.now))
    if running is None or (near and work.now < asked_from(pack, running.due_at)):
        return False
    made = await owe(
        work, pack, PLAN_REVIEW, title=running.title, subject_type="package", subject_id=package.id,
        reference=package.reference, owed_by=Owed(package.provider_id, "coordinator"),
        owed_to=package.commissioner_id if package.direct_payment_id is None else None,
        link=f"/packages/{package.id}/review", starts_at=midnight(began), due_at=running.due_at,
        commissioner_id=package.commissioner_id, framework_id=package.framework_id, child_id=package.child_id,
        package_id=package.id,
    )  # fmt: skip
    return made is not None


async def began_on(work: Work, package: Package) -> date | None:
    """The day the clock runs from: the last review that was signed off, else the first visit; None before it."""
    last = await latest(work, package.id, signed_off=True)
    return last.held_on if last is not None else await first_visit_on(work, package)


async def first_visit_on(work: Work, package: Package) -> date | None:
    """The day of the first visit that began."""
    first: datetime | None = await work.fetchval(
        "SELECT min(actual_start) FROM visit WHERE commissioner_id = $1 AND package_id = $2 AND provider_id = $3",
        package.commissioner_id, package.id, package.provider_id,
    )  # fmt: skip
    return None if first is None else local_day(first)


async def next_due(work: Work, package: Package) -> datetime | None:
    """The moment from which the review that comes next is late; None where none is owed."""
    began = await began_on(work, package)
    if began is None or package.state != "active":
        return None
    running = turn(await queries.pack_for(work, package), PLAN_REVIEW, began, local_day(work.now))
    return running.due_at if running is not None else None


async def record_review(
    actor: Actor, package_id: UUID, *, plan_id: UUID, held_on: date, took_part: str, findings: Sequence[Finding],
    goes_on: bool, says: str = "",
) -> UUID:  # fmt: skip
    """Record a review of the plan in force: its day, who took part, what of each outcome, whether it goes on as it is.

    By the provider, or by the referrer whose case it is: that signs it off at once. Returns its id. Raises
    `InvalidInput` by field (`grade-0`, `says-0`, ...), `Conflict` for a plan replaced since, while another review
    waits, before the first visit and after the package's end; `NotPermitted`.
    """
    permit(actor, "plan.write")
    async with unit_of_work(actor) as work:
        package, plan = await _checked(work, package_id, plan_id, held_on, took_part, findings, says, lock=True)
        kept = [
            msgspec.to_builtins(Outcome(text, each.grade, each.says.strip()))
            for text, each in zip(outcomes_of(plan), findings, strict=True)
        ]
        ours = actor.commissioner_id is not None
        row = PlanReview(
            commissioner_id=package.commissioner_id, framework_id=package.framework_id, package_id=package.id,
            provider_id=package.provider_id, plan_id=plan.id, held_on=held_on, took_part=took_part.strip(),
            findings=kept, says=says.strip(), goes_on=goes_on, recorded_at=work.now, recorded_by=actor.person_id,
            recorded_by_name=actor.person_name,
        )  # fmt: skip
        if ours:
            row.signed_off_at, row.signed_off_by, row.signed_off_by_name = work.now, actor.person_id, actor.person_name
        await _owe(work, package)  # on record, however early it is done
        try:
            await PlanReview.insert(row)
        except asyncpg.UniqueViolationError as error:
            raise Conflict("A review of this package waits for its answer already.") from error
        await meet(work, [PLAN_REVIEW, AGAIN], package.id)
        work.audit(
            "plan_review.recorded", "package", package.id, commissioner_id=package.commissioner_id, review=row.id,
            held_on=held_on, goes_on=goes_on, by=actor.role,
        )  # fmt: skip
        link = f"/plan-reviews/{row.id}"
        if ours:
            await _signed_off(work, package, row)
        else:
            pack = await queries.pack_for(work, package)
            title = "Read the review of the care plan and sign it off"
            await owe_referrer(work, pack, package, SIGN_OFF, title, "plan_review", row.id, link)
            said = f"The care plan of package {package.reference} was reviewed on {day(held_on)}. Read what was found."
            await tell_referrer(work, package, said, link)
            if package.direct_payment_id is None:
                await tell_family(work, package, said, link, "see_plan")
        return row.id


async def check_review(
    work: Work, package_id: UUID, *, plan_id: UUID, held_on: date, took_part: str, findings: Sequence[Finding],
    goes_on: bool, says: str = "",
) -> None:  # fmt: skip
    """Raise what `record_review` would raise."""
    await _checked(work, package_id, plan_id, held_on, took_part, findings, says)


async def _checked(
    work: Work, package_id: UUID, plan_id: UUID, held_on: date, took_part: str, findings: Sequence[Finding], says: str,
    *, lock: bool = False,
) -> tuple[Package, PlanVersion]:  # fmt: skip
    package = await reviewable(work, package_id, lock=lock)
    plan, began = await queries.signed_plan(work, package.id), await began_on(work, package)
    assert plan is not None and began is not None  # `reviewable` has seen them
    if plan.id != plan_id or len(findings) != len(outcomes_of(plan)):
        raise Conflict("The care plan is not the one you opened any more. Read it again, then record the review.")
    _check(held_on, began, local_day(work.now), took_part, findings, says)
    return package, plan


async def reviewable(work: Work, package_id: UUID, *, lock: bool = False) -> Package:
    """A package whose plan the actor may review now. Raises `NotFound`, `NotPermitted`, `Conflict` with the reason."""
    actor = work.actor
    package = await queries.package(work, package_id, lock=lock)
    if actor.provider_id is None:
        await own_case(work, actor, package.child_id)
        not_the_familys(package)
    if package.state != "active" or await first_visit_on(work, package) is None:
        raise Conflict("A care plan is reviewed while the support runs: after the first visit, and before its end.")
    if await queries.signed_plan(work, package.id) is None:
        raise Conflict("No care plan is in force yet: it has to be signed first.")
    if await latest(work, package.id, waiting=True) is not None:
        raise Conflict("A review of this package waits for its answer already.")
    return package


def _check(held_on: date, began: date, today: date, took_part: str, findings: Sequence[Finding], says: str) -> None:
    wrong: dict[str, str] = {}
    if not began < held_on <= today:
        wrong["held_on"] = f"The day must be after {day(began)}, and no later than today"
    if not took_part.strip() or len(took_part.strip()) > LONGEST_PART:
        wrong["took_part"] = f"Enter who took part, in up to {LONGEST_PART:,} characters"
    for number, each in enumerate(findings):
        if each.grade not in GRADES:
            wrong[f"grade-{number}"] = f"Select how it is with outcome {number + 1}"
        if len(each.says.strip()) > LONGEST:
            wrong[f"says-{number}"] = f"This must be {LONGEST:,} characters or fewer"
    if len(says.strip()) > LONGEST_SAYS:
        wrong["says"] = f"This must be {LONGEST_SAYS:,} characters or fewer"
    if wrong:
        raise InvalidInput(wrong)


async def sign_off_review(actor: Actor, review_id: UUID) -> None:
    """Sign a review off: as the referrer whose case it is; where a direct payment pays, as one who spends it.

    Raises `NotFound`, `NotPermitted`, `Conflict` once it is answered."""
    permit(actor, "plan.sign")
    async with unit_of_work(actor) as work:
        row, package = await _to_answer(work, review_id)
        await _answer(work, row, "signed_off_at = $3, signed_off_by = $4, signed_off_by_name = $5")
        await meet(work, SIGN_OFF, row.id)
        work.audit(
            "plan_review.signed_off", "package", package.id, commissioner_id=package.commissioner_id, review=row.id,
            by=actor.role,
        )  # fmt: skip
        await _signed_off(work, package, row)


async def _signed_off(work: Work, package: Package, row: PlanReview) -> None:
    pack = await queries.pack_for(work, package)
    then = "The plan goes on as it is."
    if not row.goes_on:
        then = "A new version of the plan is to be written."
        await cancel(work, package.id, NEW_VERSION)
        await owe(
            work, pack, NEW_VERSION, title="Write the next version of the care plan, as its review found",
            subject_type="package", subject_id=package.id, reference=package.reference,
            owed_by=Owed(package.provider_id, "coordinator"), link=f"/packages/{package.id}/plan",
            commissioner_id=package.commissioner_id, framework_id=package.framework_id, child_id=package.child_id,
            package_id=package.id,
        )  # fmt: skip
    said = f"The review of the care plan of package {package.reference} is signed off. {then}"
    await tell_provider(work, package, said, f"/plan-reviews/{row.id}")
    await tell_family(work, package, said, f"/plan-reviews/{row.id}", "see_plan")


async def return_review(actor: Actor, review_id: UUID, *, reason: str) -> None:
    """Send a review back with what should be looked at again. Raises as `sign_off_review`, and `InvalidInput`."""
    permit(actor, "plan.sign")
    if not reason.strip() or len(reason.strip()) > LONGEST:
        raise InvalidInput({"reason": f"Enter what should be looked at again, in up to {LONGEST:,} characters"})
    async with unit_of_work(actor) as work:
        row, package = await _to_answer(work, review_id)
        await _answer(
            work, row, "returned_at = $3, returned_by = $4, returned_by_name = $5, returned_reason = $6", reason.strip()
        )
        await meet(work, SIGN_OFF, row.id)
        await owe(
            work, await queries.pack_for(work, package), AGAIN,
            title="Review the care plan again: the review was sent back", subject_type="package",
            subject_id=package.id, reference=package.reference, owed_by=Owed(package.provider_id, "coordinator"),
            link=f"/packages/{package.id}/review", commissioner_id=package.commissioner_id,
            framework_id=package.framework_id, child_id=package.child_id, package_id=package.id,
        )  # fmt: skip
        work.audit(
            "plan_review.returned", "package", package.id, commissioner_id=package.commissioner_id, review=row.id,
            by=actor.role,
        )  # fmt: skip
        said = f"The review of the care plan of package {package.reference} was sent back with a reason."
        await tell_provider(work, package, said, f"/plan-reviews/{row.id}")


async def may_answer(work: Work, package: Package) -> bool:
    """Whether the actor is one of those who sign a review of this package off."""
    if work.actor.role == "family":
        bought = package.direct_payment_id is not None
        buyers = await family_with(work, package, BUYS) if bought else []
        return any(grant.person_id == work.actor.person_id for grant in buyers)
    if work.actor.role != "referrer" or package.direct_payment_id is not None:
        return False
    found = await queries.referrer_of(work, package)
    return found is not None and found["person_id"] == work.actor.person_id


async def _to_answer(work: Work, review_id: UUID) -> tuple[PlanReview, Package]:
    row = await review(work, review_id)
    package = await queries.package(work, row.package_id)
    if not await may_answer(work, package):
        raise NotPermitted("Signing this review off is for whoever agreed the plan with the provider.")
    if not waits(row):
        raise Conflict("This review has been answered already.")
    return row, package


async def _answer(work: Work, row: PlanReview, columns: str, *more: Any) -> None:
    done = await work.execute(
        f"UPDATE plan_review SET {columns} WHERE commissioner_id = $1 AND id = $2"  # noqa: S608 - our own columns
        " AND signed_off_at IS NULL AND returned_at IS NULL",
        row.commissioner_id, row.id, work.now, work.actor.person_id, work.actor.person_name, *more,
    )  # fmt: skip
    if done != "UPDATE 1":
        raise Conflict("This review has been answered already.")

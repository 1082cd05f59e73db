"""Reviews of care plans: recorded after a check, read, signed off or sent back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import reviewing
from marketplace.packages.review_opening import ReviewDesk, open_desk, open_review
from marketplace.packages.review_queries import GRADES, Outcome, review
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("plan.write")]}
READS: dict[str, Any] = {"guards": [requires("package.read")]}
SIGNS: dict[str, Any] = {"guards": [requires("plan.sign")]}
Asked = Request[Any, Any, Any]
NEXT = [
    ("yes", "The plan goes on as it is", "Nothing in it changes."),
    ("no", "A new version of the plan is written", "The provider writes it; it is signed like the one before."),
]


@get("/packages/{package_id:uuid}/review", **WRITES)
async def record_page(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """The plan's outcomes one by one, and the questions."""
    return _record_page(request, await open_desk(request.user, package_id), Form())


@post("/packages/{package_id:uuid}/review", status_code=303, **WRITES)
async def record(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """First shows what will be kept; with `go=record` keeps it."""
    form = Form(await read_form(request))
    desk = await open_desk(request.user, package_id)
    held_on = form.date("held_on", "the day of the review")
    took_part = form.text("took_part", "who took part", most=reviewing.LONGEST_PART, lines=True)
    findings: list[reviewing.Finding] = []
    for number in range(len(desk.outcomes)):
        grade = form.choice(f"grade-{number}", f"how it is with outcome {number + 1}", GRADES)
        words = form.text(f"says-{number}", "what was found", required=False, most=reviewing.LONGEST, lines=True)
        findings.append(reviewing.Finding(grade=grade, says=words))
    says = form.text("says", "what else was said", required=False, most=reviewing.LONGEST_SAYS, lines=True)
    goes_on = form.choice("goes_on", "how it goes on", ["yes", "no"]) == "yes"
    plan_id = form.uuid("plan_id", "the plan")
    if not form.errors:
        try:
            given: dict[str, Any] = {
                "plan_id": plan_id, "held_on": held_on, "took_part": took_part, "findings": findings,
                "goes_on": goes_on, "says": says,
            }  # fmt: skip
            if form.value("go") == "record":
                made = await reviewing.record_review(request.user, package_id, **given)
                return see_other(request, f"/plan-reviews/{made}", flash="The review is recorded.")
            if form.value("go") == "check":
                await ask(request.user, reviewing.check_review, package_id, **given)
                return page(
                    request, "packages/review_check.html", title="Check the review", form=form, desk=desk,
                    package=desk.package, names=_names(desk), held_on=held_on, goes_on=goes_on,
                    found=[
                        Outcome(text, each.grade, each.says)
                        for text, each in zip(desk.outcomes, findings, strict=True)
                    ],
                )  # fmt: skip
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return _record_page(request, desk, form)


def _names(desk: ReviewDesk) -> list[str]:
    """Every field of the form."""
    days = [f"held_on-{part}" for part in ("day", "month", "year")]
    each = [f"{part}-{number}" for number in range(len(desk.outcomes)) for part in ("grade", "says")]
    return ["plan_id", *days, "took_part", *each, "says", "goes_on"]


def _record_page(request: Asked, desk: ReviewDesk, form: Form) -> Response[Any]:
    grades = [(code, word) for code, (word, _) in GRADES.items()]
    return page(
        request, "packages/review_record.html", title="Review the care plan", desk=desk, package=desk.package,
        form=form, grades=grades, choices=NEXT, now=desk.now, ours=request.user.commissioner_id is not None,
    )  # fmt: skip


@get("/plan-reviews/{review_id:uuid}", **READS)
async def review_page(request: Asked, review_id: FromPath[UUID]) -> Response[Any]:
    """A review to read; a reason is asked where the case is not the reader's own."""
    try:
        return await _review_page(request, review_id, "", Form())
    except InvalidInput:
        return await _reason_page(request, review_id, Form())


@post("/plan-reviews/{review_id:uuid}", status_code=200, **READS)
async def review_page_with_reason(request: Asked, review_id: FromPath[UUID]) -> Response[Any]:
    """The review, with the reason for looking logged."""
    form = Form(await read_form(request))
    why = form.text("why", "why you need to see this review", most=500)
    if form.errors:
        return await _reason_page(request, review_id, form)
    return await _review_page(request, review_id, why, Form())


async def _reason_page(request: Asked, review_id: UUID, form: Form) -> Response[Any]:
    await ask(request.user, review, review_id)
    return page(
        request, "packages/reason.html", title="Why do you need this review?", form=form,
        what="A review of a care plan",
    )  # fmt: skip


async def _review_page(request: Asked, review_id: UUID, why: str, form: Form) -> Response[Any]:
    file = await open_review(request.user, review_id, why=why)
    return page(
        request, "packages/review.html", title="Review of the care plan", file=file, review=file.review,
        package=file.package, form=form,
    )  # fmt: skip


@post("/plan-reviews/{review_id:uuid}/sign-off", status_code=303, **SIGNS)
async def sign_off(request: Asked, review_id: FromPath[UUID]) -> Response[Any]:
    """Sign off what was read."""
    await read_form(request)
    await reviewing.sign_off_review(request.user, review_id)
    return see_other(request, f"/plan-reviews/{review_id}", flash="Signed off. Everybody concerned is told.")


@post("/plan-reviews/{review_id:uuid}/return", status_code=303, **SIGNS)
async def send_back(request: Asked, review_id: FromPath[UUID]) -> Response[Any]:
    """Send it back with what should be looked at again."""
    form = Form(await read_form(request))
    reason = form.text("reason", "what should be looked at again", most=reviewing.LONGEST, lines=True)
    if not form.errors:
        try:
            await reviewing.return_review(request.user, review_id, reason=reason)
            return see_other(request, f"/plan-reviews/{review_id}", flash="Sent back. The provider is told.")
        except InvalidInput as error:
            form.merge(error)
    return await _review_page(request, review_id, "", form)


ROUTES: list[Any] = [record_page, record, review_page, review_page_with_reason, sign_off, send_back]
CONSOLE_ROUTES: list[Any] = [review_page, review_page_with_reason]

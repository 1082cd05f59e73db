"""The provider's office puts right how a visit did not take place: what it will mean first, then the correction."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.corrections import propose_correction
from marketplace.billing.visit_outcomes import correct_outcome
from marketplace.billing.visit_records import billed_on
from marketplace.identity.guards import requires
from marketplace.packages import queries
from marketplace.packages.cancellation import allocation_words, charge_words
from marketplace.packages.late_records import LONGEST_REASON
from marketplace.packages.outcomes import CHOICES, ChargesMore, Given, terms_after
from marketplace.packages.page_forms import clock_text
from marketplace.packages.states import OUTCOME_WORDS, visit_after
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day, wall_time
from marketplace.policy.cancelling import CancellationTerms
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

CORRECT: dict[str, Any] = {"guards": [requires("visit.correct")]}
Asked = Request[Any, Any, Any]


@get("/visits/{visit_id:uuid}/outcome", **CORRECT)
async def outcome_page(request: Asked, visit_id: FromPath[UUID]) -> Response[Any]:
    """What stands, to be put right."""
    visit, package = await ask(request.user, _open, visit_id)
    form = Form.starting_with(version=visit.version)
    if visit.outcome in CHOICES:
        form.set("outcome", visit.outcome)
    if visit.notice_at is not None:
        form = Form.starting_with(
            version=visit.version, outcome=visit.outcome, notice=local_day(visit.notice_at),
            notice_time=clock_text(visit.notice_at),
        )  # fmt: skip
    return _page(request, visit, package, form)


@post("/visits/{visit_id:uuid}/outcome", status_code=200, **CORRECT)
async def outcome(request: Asked, visit_id: FromPath[UUID]) -> Response[Any]:
    """First what it will mean, then the correction; a charge that changed meanwhile is shown again."""
    visit, package = await ask(request.user, _open, visit_id)
    form = Form(await read_form(request))
    chosen = form.choice("outcome", "what became of the visit", CHOICES)
    reason = form.text("reason", "why the record is corrected", most=LONGEST_REASON, lines=True)
    version = form.integer("version", "the visit's version")
    noticed: datetime | None = None
    if chosen == "cancelled_by_family":
        day = form.date("notice", "the day the family told you")
        clock = form.time("notice_time", "the time the family told you")
        if not form.errors:
            noticed = wall_time(day, clock)
    if form.errors or form.value("back"):
        return _page(request, visit, package, form)
    given = Given(chosen, noticed)
    try:
        if form.value("step") == "check":
            charge = form.integer("charge", "the charge", required=False, most=100_000_000)
            changed = await correct_outcome(
                request.user, visit_id, given, version=version, reason=reason, charge_pence=charge
            )
            told = "Family and referrer have" if package.direct_payment_id is None else "The family has"
            said = f"Corrected. {told} been told." if changed else "Nothing was changed."
            return see_other(request, f"/visits/{visit_id}", flash=said)
        if form.value("step") == "ask":
            charge = form.integer("charge", "the charge", required=False, most=100_000_000)
            made = await propose_correction(
                request.user, visit_id, given, version=version, reason=reason, charge_pence=charge
            )
            return see_other(request, f"/corrections/{made}", flash="The family has been asked.")
        terms = await ask(request.user, _terms, visit_id, given, reason)
    except InvalidInput as error:
        form.merge(error, {"notice_at": "notice_time"})
        return _page(request, visit, package, form)
    except ChargesMore as more:
        return _page(request, visit, package, form, given=given, terms=more.terms, asking=True)
    except Conflict as error:
        form.error("", error.sentence)
        return _page(request, visit, package, form, status=409)
    return _page(request, visit, package, form, given=given, terms=terms)


def _page(
    request: Asked, visit: Visit, package: Package, form: Form, *, given: Given | None = None,
    terms: CancellationTerms | None = None, asking: bool = False, status: int = 200,
) -> Response[Any]:  # fmt: skip
    title = "Ask the family?" if asking else "Check before you save" if given else "Correct what became of a visit"
    return page(
        request, "billing/outcome.html", title=title, visit=visit, package=package, form=form, given=given,
        choices=CHOICES, stands=OUTCOME_WORDS[visit.outcome or "delivered"], status=status,
        charge=charge_words(terms) if terms else "", charge_pence=terms.charged_pence if terms else None,
        allocation=allocation_words(terms) if terms else "", asking=asking,
    )  # fmt: skip


async def _terms(work: Work, visit_id: UUID, given: Given, reason: str) -> CancellationTerms:
    return await terms_after(work, await queries.visit(work, visit_id), given, reason)


async def _open(work: Work, visit_id: UUID) -> tuple[Visit, Package]:
    visit = await queries.visit(work, visit_id)
    package = await queries.package(work, visit.package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    visit_after("given another outcome", visit)
    billed = await billed_on(work, visit)
    if billed is not None:
        raise Conflict(
            f"This visit is billed on invoice {billed}: it is corrected once that was returned, or by a credit note."
        )
    return visit, package


ROUTES: list[Any] = [outcome_page, outcome]

"""The provider's pages of referrals that reached it: the list, one of them, a question, a decline."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.referrals import offering, opportunities, patterns, queries
from marketplace.referrals.opportunities import OpportunityView
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("offer.read"), requires("referral.answer")]}
WRITE: dict[str, Any] = {"guards": [requires("offer.write")]}
SHOWN = [("to_answer", "To answer"), ("answered", "Answered"), ("over", "Decided or closed"), ("all", "All")]


@get("/opportunities", **READ)
async def opportunities_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Referrals that reached me, least time left first."""
    show = request.query_params.get("show", "to_answer")
    show = show if show in dict(SHOWN) else "to_answer"
    number = opportunities.page_number(request.query_params.get("page", "1"))
    rows, counts = await ask(request.user, opportunities.opportunities, show=show, page=number)
    return page(
        request,
        "referrals/provider_opportunities.html",
        title="Opportunities",
        rows=rows,
        show=show,
        options=[(key, label, counts[key]) for key, label in SHOWN],
        number=number,
        last=max(1, -(-counts[show] // opportunities.PAGE_SIZE)),
        now=await ask(request.user, queries.present_moment),
    )


@get("/opportunities/{referral_id:uuid}", **READ)
async def opportunity_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """One referral: what is asked, what was clarified, my workers for it, my answer."""
    return _opportunity(request, await ask(request.user, opportunities.opportunity, referral_id), Form())


@post("/opportunities/{referral_id:uuid}/question", status_code=303, **WRITE)
async def ask_question(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Asks the referrer; the answer goes to everyone reached."""
    form = Form(await read_form(request))
    question = form.text("question", "your question", most=offering.LONGEST_TEXT, lines=True)
    if not form.errors:
        try:
            await offering.ask_question(request.user, referral_id, question)
            said = "Your question was sent. Everyone who was reached will read the answer, not who asked."
            return see_other(request, f"/opportunities/{referral_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("", conflict.sentence)
    return _opportunity(request, await ask(request.user, opportunities.opportunity, referral_id), form)


@get("/opportunities/{referral_id:uuid}/decline", **WRITE)
async def decline_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Why we decline."""
    return _decline(request, await ask(request.user, opportunities.opportunity, referral_id), Form())


@post("/opportunities/{referral_id:uuid}/decline", status_code=303, **WRITE)
async def decline(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Declines with a reason."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    form = Form(await read_form(request))
    codes = [each.code for each in view.pack.reasons("decline")]
    if _reason_needed(view):
        reason = form.choice("reason_code", "why you decline", codes)
    else:
        reason = form.choice("reason_code", "why you decline", codes, required=False) or ""
    remark = form.text(
        "remark", "your reason in your own words", required=False, most=offering.LONGEST_TEXT, lines=True
    )
    if not form.errors:
        try:
            await offering.decline_referral(request.user, referral_id, reason, remark)
            return see_other(request, "/opportunities", flash=f"You declined referral {view.referral.reference}.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("reason_code", conflict.sentence)
    return _decline(request, view, form)


def _reason_needed(view: OpportunityView) -> bool:
    """Whether the pack asks why a provider declines (P 4.13)."""
    return view.pack.on(local_day(view.now)).pathway.decline_needs_reason


def _opportunity(request: Request[Any, Any, Any], view: OpportunityView, form: Form) -> Response[Any]:
    pattern: Any = view.referral.pattern
    return page(
        request,
        "referrals/provider_opportunity.html",
        title=f"Referral {view.referral.reference}",
        view=view,
        row=view.referral,
        drawn=patterns.drawn(pattern, view.pack.activities),
        week=patterns.summary(pattern, view.pack.activities),
        ready=[entry for entry in view.workers if entry.ready],
        unready=[entry for entry in view.workers if not entry.ready],
        reasons={reason.code: reason.title for reason in view.pack.reasons("decline")},
        form=form,
        now=view.now,
    )


def _decline(request: Request[Any, Any, Any], view: OpportunityView, form: Form) -> Response[Any]:
    return page(
        request,
        "referrals/provider_decline.html",
        title=f"Decline referral {view.referral.reference}",
        view=view,
        form=form,
        needed=_reason_needed(view),
        options=[(reason.code, reason.title) for reason in view.pack.reasons("decline")],
    )


ROUTES: list[Any] = [opportunities_page, opportunity_page, ask_question, decline_page, decline]

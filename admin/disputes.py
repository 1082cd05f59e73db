"""The console's disputes: answer one, confirm what a colleague proposes, open what is attached, note what was paid."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.billing import dispute_queries, dispute_words
from marketplace.billing.dispute_files import open_file
from marketplace.billing.dispute_pages import list_page
from marketplace.billing.disputes import MOST, confirm_waiver, propose_waiver, refuse_waiver, uphold
from marketplace.billing.waivers import pay_back
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.providers.file_sending import download
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")]}
Asked = Request[Any, Any, Any]


@get("/disputes", **READ)
async def disputes_page(request: Asked) -> Response[Any]:
    """Disputes of my providers, those that wait for an answer first."""
    return await list_page(request, "admin/disputes.html")


@get("/disputes/{dispute_id:uuid}", **READ)
async def dispute_page(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """One dispute with its story, and what is to be done about it."""
    return await _page(request, dispute_id, Form())


@get("/disputes/{dispute_id:uuid}/decide", **DECIDE)
async def decide_page(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """The answer: the deduction stands, or is waived and why."""
    return await _page(request, dispute_id, Form(), "admin/dispute_decide.html")


@post("/disputes/{dispute_id:uuid}/decide", status_code=200, **DECIDE)
async def decide(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """Check the answer; then give it, when that is what was asked."""
    form = Form(await read_form(request))
    outcomes = [code for code, _ in dispute_words.outcome_options()]
    outcome = form.choice("outcome", "what becomes of the deduction", outcomes)
    says = form.text("says", "why: the provider reads it", most=MOST, lines=True)
    if form.errors or form.value("step") == "edit":
        return await _page(request, dispute_id, form, "admin/dispute_decide.html")
    if form.value("step") != "send":
        return await _page(request, dispute_id, form, "admin/dispute_check.html")
    try:
        flash = "The deduction stands. The provider is told."
        if outcome == "upheld":
            await uphold(request.user, dispute_id, says)
        elif await propose_waiver(request.user, dispute_id, outcome, says):
            flash = "The deduction is waived. The provider is told."
        else:
            flash = "Proposed. Another finance officer must confirm it."
    except InvalidInput as error:
        form.merge(error)
        return await _page(request, dispute_id, form, "admin/dispute_decide.html")
    except Conflict as conflict:
        return await _page(request, dispute_id, _refused(Form(), conflict), status=409)
    return see_other(request, f"/disputes/{dispute_id}", flash=flash)


@post("/disputes/{dispute_id:uuid}/confirm", status_code=303, **DECIDE)
async def confirm(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """The second officer confirms a waiver."""
    try:
        await confirm_waiver(request.user, dispute_id)
    except Conflict as conflict:
        return await _page(request, dispute_id, _refused(Form(), conflict), status=409)
    return see_other(request, f"/disputes/{dispute_id}", flash="The deduction is waived. The provider is told.")


@post("/disputes/{dispute_id:uuid}/not-confirm", status_code=303, **DECIDE)
async def not_confirm(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """Sends a proposed waiver back, or takes it back."""
    form = Form(await read_form(request))
    says = form.text("says", "why: your colleague reads it", most=MOST, lines=True)
    if form.errors:
        return await _page(request, dispute_id, form)
    try:
        await refuse_waiver(request.user, dispute_id, says)
    except Conflict as conflict:
        return await _page(request, dispute_id, _refused(form, conflict), status=409)
    return see_other(request, f"/disputes/{dispute_id}", flash="The dispute is open again.")


@post("/disputes/{dispute_id:uuid}/paid", status_code=303, **DECIDE)
async def paid(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """Notes when a waived deduction was paid back."""
    form = Form(await read_form(request))
    paid_on = form.date("paid_on", "the day it was paid")
    if form.errors:
        return await _page(request, dispute_id, form)
    try:
        await pay_back(request.user, dispute_id, paid_on)
    except InvalidInput as error:
        form.error("paid_on", error.fields["paid_on"], "paid_on-day")
        return await _page(request, dispute_id, form)
    except Conflict as conflict:
        return await _page(request, dispute_id, _refused(Form(), conflict), status=409)
    return see_other(request, f"/disputes/{dispute_id}", flash="Noted. The provider is told.")


@get("/disputes/{dispute_id:uuid}/files/{evidence_id:uuid}", **DECIDE)
async def dispute_file(request: Asked, dispute_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file the provider attached, as a download; the look is logged."""
    return download(await open_file(request.user, settings_of(request), dispute_id, evidence_id))


def _refused(form: Form, conflict: Conflict) -> Form:
    form.error("", conflict.sentence)
    return form


async def _page(
    request: Asked, dispute_id: UUID, form: Form, template: str = "admin/dispute.html", status: int = 200
) -> Response[Any]:
    view = await ask(request.user, dispute_queries.dispute, dispute_id)
    outcomes = dispute_words.outcome_options()
    return page(
        request,
        template,
        title=f"Dispute about invoice {view.row.number} of {view.row.provider}",
        form=form,
        may_decide=may(request.user, "invoice.decide"),
        outcomes=outcomes,
        chosen=dict(outcomes).get(form.value("outcome"), ""),
        status=status,
        **dispute_words.context(view),
    )


ROUTES: list[Any] = [disputes_page, dispute_page, decide_page, decide, confirm, not_confirm, paid, dispute_file]

"""The console's credit notes: a deduction after acceptance, and what providers answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import credit_note_queries as queries
from marketplace.billing.credit_notes import DEFECTS, ask_again, ask_deduction, decide_credit_note, withdraw_credit_note
from marketplace.billing.queries import InvoiceView, invoice
from marketplace.frameworks.queries import pack_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")]}


@get("/credit-notes", **READ)
async def credit_notes_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Credit notes of my providers, those that wait for somebody first."""
    rows = await ask(request.user, queries.credit_notes)
    return page(request, "admin/credit_notes.html", title="Credit notes", rows=rows, states=queries.STATES)


@get("/credit-notes/{credit_note_id:uuid}", **READ)
async def credit_note_page(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """One credit note, with what can be answered to a refusal."""
    return await _page(request, credit_note_id, Form())


@post("/credit-notes/{credit_note_id:uuid}/ask-again", status_code=303, **DECIDE)
async def uphold(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """Upholds a refused one with an answer."""
    form = Form(await read_form(request))
    reason = form.text("reason", "your answer to what the provider said", most=2000, lines=True)
    if form.errors:
        return await _page(request, credit_note_id, form)
    try:
        await ask_again(request.user, credit_note_id, reason)
    except InvalidInput as error:
        form.merge(error)
        return await _page(request, credit_note_id, form)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, credit_note_id, form, 409)
    return see_other(request, f"/credit-notes/{credit_note_id}", flash="Asked for again. The provider is told.")


@post("/credit-notes/{credit_note_id:uuid}/decide", status_code=303, **DECIDE)
async def decide(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """Decides that one refused as often as it is asked for stands."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why the credit note stands", most=2000, lines=True)
    if form.errors:
        return await _page(request, credit_note_id, form)
    try:
        number = await decide_credit_note(request.user, credit_note_id, reason)
    except InvalidInput as error:
        form.merge(error)
        return await _page(request, credit_note_id, form)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, credit_note_id, form, 409)
    return see_other(
        request, f"/credit-notes/{credit_note_id}", flash=f"Credit note {number} stands. The provider is told."
    )


@post("/credit-notes/{credit_note_id:uuid}/withdraw", status_code=303, **DECIDE)
async def withdraw(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """Gives the deduction up."""
    try:
        await withdraw_credit_note(request.user, credit_note_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _page(request, credit_note_id, form, 409)
    return see_other(request, f"/credit-notes/{credit_note_id}", flash="Withdrawn. The provider is told.")


@get("/invoices/{invoice_id:uuid}/credit-note", **DECIDE)
async def deduct_page(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[Any]:
    """Asks what was found wrong with an accepted invoice."""
    return await _deduct_page(request, invoice_id, Form())


@post("/invoices/{invoice_id:uuid}/credit-note", status_code=303, **DECIDE)
async def deduct(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[Any]:
    """Asks the provider for a credit note of the framework's sum."""
    form = Form(await read_form(request))
    defect = form.choice("defect", "what was wrong with the invoice", DEFECTS)
    reason = form.text("reason", "what was found and where", most=2000, lines=True)
    if form.errors:
        return await _deduct_page(request, invoice_id, form)
    try:
        note_id = await ask_deduction(request.user, invoice_id, defect, reason)
    except InvalidInput as error:
        form.merge(error)
        return await _deduct_page(request, invoice_id, form)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _deduct_page(request, invoice_id, form, 409)
    return see_other(request, f"/credit-notes/{note_id}", flash="Asked for. The provider is told.")


async def _with_sum(work: Work, invoice_id: UUID) -> tuple[InvoiceView, int]:
    view = await invoice(work, invoice_id)
    pack = await pack_of(work, view.framework_id)
    return view, pack.on(view.period.last_day).billing.deduction_pence


async def _deduct_page(
    request: Request[Any, Any, Any], invoice_id: UUID, form: Form, status: int = 200
) -> Response[Any]:
    view, pence = await ask(request.user, _with_sum, invoice_id)
    return page(
        request,
        "admin/credit_note_ask.html",
        title="Deduct after acceptance",
        invoice=view,
        sum=pence,
        form=form,
        status=status,
    )


async def _page(request: Request[Any, Any, Any], credit_note_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    note = await ask(request.user, queries.credit_note, credit_note_id)
    return page(
        request,
        "admin/credit_note.html",
        title=note.name,
        note=note,
        states=queries.STATES,
        kinds=queries.KINDS,
        may_decide=may(request.user, "invoice.decide"),
        form=form,
        status=status,
    )


ROUTES: list[Any] = [credit_notes_page, credit_note_page, uphold, decide, withdraw, deduct_page, deduct]

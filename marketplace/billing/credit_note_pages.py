"""The provider's credit notes: what a payer asks to be credited, confirmed or refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import credit_note_queries as queries
from marketplace.billing.credit_notes import confirm_credit_note, refuse_credit_note
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
ANSWER: dict[str, Any] = {"guards": [requires("invoice.submit")]}


@get("/credit-notes", **READ)
async def credit_notes_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Every credit note of mine, those that wait for an answer first."""
    rows = await ask(request.user, queries.credit_notes)
    return page(request, "billing/credit_notes.html", title="Credit notes", rows=rows, states=queries.STATES)


@get("/credit-notes/{credit_note_id:uuid}", **READ)
async def credit_note_page(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """One credit note: what is credited and why, with the answer to give."""
    return await _page(request, credit_note_id, Form())


@post("/credit-notes/{credit_note_id:uuid}/confirm", status_code=303, **ANSWER)
async def confirm(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """Issues it: numbered and booked."""
    try:
        number = await confirm_credit_note(request.user, credit_note_id)
    except Conflict as conflict:
        return await _refused(request, credit_note_id, conflict)
    return see_other(request, f"/credit-notes/{credit_note_id}", flash=f"Credit note {number} is issued.")


@post("/credit-notes/{credit_note_id:uuid}/refuse", status_code=303, **ANSWER)
async def refuse(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[Any]:
    """Says no, and why."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why you do not agree with the credit note", most=2000, lines=True)
    if form.errors:
        return await _page(request, credit_note_id, form)
    try:
        await refuse_credit_note(request.user, credit_note_id, reason)
    except InvalidInput as error:
        form.merge(error)
        return await _page(request, credit_note_id, form)
    except Conflict as conflict:
        return await _refused(request, credit_note_id, conflict)
    return see_other(request, f"/credit-notes/{credit_note_id}", flash="Refused. The payer’s finance officer is told.")


async def _refused(request: Request[Any, Any, Any], credit_note_id: UUID, conflict: Conflict) -> Response[Any]:
    form = Form()
    form.error("", conflict.sentence)
    return await _page(request, credit_note_id, form, 409)


async def _page(request: Request[Any, Any, Any], credit_note_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    note = await ask(request.user, queries.credit_note, credit_note_id)
    mine = request.user.provider_id == note.provider_id
    return page(
        request,
        "billing/credit_note.html",
        title=note.name,
        note=note,
        states=queries.STATES,
        kinds=queries.KINDS,
        may_answer=mine and note.state == "asked",
        form=form,
        status=status,
    )


ROUTES: list[Any] = [credit_notes_page, credit_note_page, confirm, refuse]

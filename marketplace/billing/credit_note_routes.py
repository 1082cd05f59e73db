"""JSON: credit notes asked for, confirmed, refused, asked for again, withdrawn."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.billing import credit_note_queries as queries
from marketplace.billing.credit_notes import (
    ask_again,
    ask_deduction,
    confirm_credit_note,
    decide_credit_note,
    refuse_credit_note,
    withdraw_credit_note,
)
from marketplace.billing.document_schemas import (
    AskedOut,
    CreditNoteOut,
    DeductIn,
    IssuedOut,
    ReasonIn,
    credit_note_out,
)
from marketplace.identity.guards import requires
from marketplace.platform.database import ask

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Credit notes"]}
ANSWER: dict[str, Any] = {"guards": [requires("invoice.submit")], "tags": ["Credit notes"]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")], "tags": ["Credit notes"]}


@get("/api/v1/credit-notes", **READ)
async def list_credit_notes(
    request: Request[Any, Any, Any], in_state: FromQuery[str | None] = None, page: FromQuery[int] = 1
) -> list[CreditNoteOut]:
    """Credit notes within my reach, fifty a page, those that wait for somebody first."""
    offset = 50 * (max(1, min(page, 10_000_000)) - 1)
    notes = await ask(request.user, queries.credit_notes, state=in_state, limit=50, offset=offset)
    return [credit_note_out(note) for note in notes]


@get("/api/v1/credit-notes/{credit_note_id:uuid}", **READ)
async def get_credit_note(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> CreditNoteOut:
    """One credit note with the visits it concerns."""
    return credit_note_out(await ask(request.user, queries.credit_note, credit_note_id))


@post("/api/v1/invoices/{invoice_id:uuid}/credit-notes", **DECIDE)
async def deduct(request: Request[Any, Any, Any], invoice_id: FromPath[UUID], data: JSONBody[DeductIn]) -> AskedOut:
    """Deduct the framework's sum from an accepted invoice found faulty: the provider is asked for a credit note."""
    return AskedOut(await ask_deduction(request.user, invoice_id, data.defect, data.reason))


@post("/api/v1/credit-notes/{credit_note_id:uuid}/confirm", status_code=200, **ANSWER)
async def confirm(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> IssuedOut:
    """Issue it; answers its number."""
    return IssuedOut(await confirm_credit_note(request.user, credit_note_id))


@post("/api/v1/credit-notes/{credit_note_id:uuid}/refuse", status_code=204, **ANSWER)
async def refuse(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID], data: JSONBody[ReasonIn]) -> None:
    """Refuse it, with why."""
    await refuse_credit_note(request.user, credit_note_id, data.reason)


@post("/api/v1/credit-notes/{credit_note_id:uuid}/ask-again", status_code=204, **DECIDE)
async def uphold(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID], data: JSONBody[ReasonIn]) -> None:
    """Uphold a refused one with an answer."""
    await ask_again(request.user, credit_note_id, data.reason)


@post("/api/v1/credit-notes/{credit_note_id:uuid}/decide", status_code=200, **DECIDE)
async def decide(
    request: Request[Any, Any, Any], credit_note_id: FromPath[UUID], data: JSONBody[ReasonIn]
) -> IssuedOut:
    """Decide that one refused as often as it is asked for stands, with the reason; answers its number."""
    return IssuedOut(await decide_credit_note(request.user, credit_note_id, data.reason))


@post("/api/v1/credit-notes/{credit_note_id:uuid}/withdraw", status_code=204, **DECIDE)
async def withdraw(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> None:
    """Give a deduction up before it is issued."""
    await withdraw_credit_note(request.user, credit_note_id)


ROUTES: list[Any] = [list_credit_notes, get_credit_note, deduct, confirm, refuse, uphold, decide, withdraw]

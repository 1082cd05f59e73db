"""Invoices, credit notes and statements as PDF at either front door."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.printing import Printed, credit_note_paper, invoice_paper, statement_paper
from marketplace.billing.statement_pages import days_asked
from marketplace.billing.statements import statement
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.platform.typesetting import pdf
from marketplace.web.forms import Form

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
Asked = Request[Any, Any, Any]


@get("/invoices/{invoice_id:uuid}/invoice.pdf", **READ)
async def invoice_pdf(request: Asked, invoice_id: FromPath[UUID]) -> Response[bytes]:
    """A submitted invoice to print or to keep."""
    return await pdf_of(await ask(request.user, invoice_paper, invoice_id))


@get("/credit-notes/{credit_note_id:uuid}/credit-note.pdf", **READ)
async def credit_note_pdf(request: Asked, credit_note_id: FromPath[UUID]) -> Response[bytes]:
    """An issued credit note to print or to keep."""
    return await pdf_of(await ask(request.user, credit_note_paper, credit_note_id))


@get("/statements/{framework_id:uuid}/{payer_id:uuid}/{provider_id:uuid}/statement.pdf", **READ)
async def statement_pdf(
    request: Asked, framework_id: FromPath[UUID], payer_id: FromPath[UUID], provider_id: FromPath[UUID]
) -> Response[bytes]:
    """A statement to print or to keep; `first_day` and `last_day` by query, as on its page."""
    form = Form.starting_with(
        first_day=request.query_params.get("first_day", ""), last_day=request.query_params.get("last_day", "")
    )
    days = days_asked(form)
    if form.errors:
        raise InvalidInput(dict(form.errors))
    return await statement_answer(request, framework_id, payer_id, provider_id, *days)


async def statement_answer(
    request: Asked,
    framework_id: UUID,
    payer_id: UUID,
    provider_id: UUID,
    first_day: date | None,
    last_day: date | None,
) -> Response[bytes]:
    """The statement of these days as a download."""
    found = await ask(request.user, statement, framework_id, payer_id, provider_id, first_day, last_day)
    return await pdf_of(statement_paper(found))


async def pdf_of(printed: Printed) -> Response[bytes]:
    """A paper as a download, made now in a process of its own."""
    return Response(
        await pdf(printed.paper),
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="{printed.name}.pdf"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


ROUTES: list[Any] = [invoice_pdf, credit_note_pdf, statement_pdf]

"""PDF by the API: invoices, credit notes, statements."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Response

from marketplace.billing.paper_pages import pdf_of, statement_answer
from marketplace.billing.printing import credit_note_paper, invoice_paper
from marketplace.identity.guards import requires
from marketplace.platform.database import ask

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "media_type": "application/pdf"}


@get("/api/v1/invoices/{invoice_id:uuid}/pdf", tags=["Invoices"], **READ)
async def get_invoice_pdf(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[bytes]:
    """A submitted invoice as a tagged PDF (PDF/UA-1); the same bytes whenever it is asked for."""
    return await pdf_of(await ask(request.user, invoice_paper, invoice_id))


@get("/api/v1/credit-notes/{credit_note_id:uuid}/pdf", tags=["Invoices"], **READ)
async def get_credit_note_pdf(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[bytes]:
    """An issued credit note as a tagged PDF (PDF/UA-1)."""
    return await pdf_of(await ask(request.user, credit_note_paper, credit_note_id))


@get("/api/v1/ledger/statements/{framework_id:uuid}/{payer_id:uuid}/{provider_id:uuid}/pdf", tags=["Ledger"], **READ)
async def get_statement_pdf(
    request: Request[Any, Any, Any],
    framework_id: FromPath[UUID],
    payer_id: FromPath[UUID],
    provider_id: FromPath[UUID],
    first_day: FromQuery[date | None] = None,
    last_day: FromQuery[date | None] = None,
) -> Response[bytes]:
    """A statement as a tagged PDF (PDF/UA-1); the present billing period unless days are given."""
    return await statement_answer(request, framework_id, payer_id, provider_id, first_day, last_day)


ROUTES: list[Any] = [get_invoice_pdf, get_credit_note_pdf, get_statement_pdf]

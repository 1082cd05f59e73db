"""JSON and XML: billing details, e-invoices, e-credit-notes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, put
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from marketplace.billing.document_pages import xml_of
from marketplace.billing.document_schemas import GroundOut, PartyIn, PartyOut
from marketplace.billing.documents import credit_note_document, invoice_document
from marketplace.billing.parties import FIELDS, lot_grounds, party, save_party
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["E-invoices"]}
WRITE: dict[str, Any] = {"guards": [requires("billing_party.write")], "tags": ["E-invoices"]}


@get("/api/v1/billing-details", **WRITE)
async def get_details(request: Request[Any, Any, Any]) -> PartyOut:
    """What e-invoices say of us, and on which ground each of our lots is exempt from VAT."""
    return await ask(request.user, _mine)


@put("/api/v1/billing-details", status_code=204, **WRITE)
async def put_details(request: Request[Any, Any, Any], data: JSONBody[PartyIn]) -> None:
    """Keep them; the grounds given are kept, others stay."""
    given = {name: getattr(data, name) for name in FIELDS}
    grounds = {(each.framework_id, each.lot_code): each.ground for each in data.grounds}
    await save_party(request.user, given, grounds)


@get("/api/v1/invoices/{invoice_id:uuid}/ubl", media_type="application/xml", **READ)
async def get_e_invoice(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[bytes]:
    """The invoice as UBL 2.1 (Peppol BIS Billing 3.0)."""
    return xml_of(await ask(request.user, invoice_document, invoice_id))


@get("/api/v1/credit-notes/{credit_note_id:uuid}/ubl", media_type="application/xml", **READ)
async def get_e_credit_note(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[bytes]:
    """The issued credit note as UBL 2.1 (Peppol BIS Billing 3.0)."""
    return xml_of(await ask(request.user, credit_note_document, credit_note_id))


async def _mine(work: Work) -> PartyOut:
    if work.actor.organisation_id is None:
        raise NotFound
    mine = await party(work, work.actor.organisation_id)
    lots = await lot_grounds(work, work.actor.provider_id) if work.actor.provider_id else []
    return PartyOut(
        **{name: getattr(mine, name) for name in ("name", *FIELDS)},
        grounds=[msgspec.convert(lot, GroundOut, from_attributes=True) for lot in lots],
    )


ROUTES: list[Any] = [get_details, put_details, get_e_invoice, get_e_credit_note]

"""JSON and XML: billing details, e-invoices, e-credit-notes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post, put
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from marketplace.billing.bank_account_pages import mine
from marketplace.billing.bank_accounts import answer_account
from marketplace.billing.document_pages import xml_of
from marketplace.billing.document_schemas import GroundOut, PartyIn, PartyOut
from marketplace.billing.documents import credit_note_document, invoice_document
from marketplace.billing.parties import FIELDS, lot_grounds, party, save_party
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["E-invoices"]}
CONFIRM: dict[str, Any] = {"guards": [requires("bank_account.confirm")], "tags": ["E-invoices"]}
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


class ChangeOut(msgspec.Struct, kw_only=True):
    """Another account that waits for a second person."""

    id: UUID
    account_name: str
    sort_code: str
    account_number: str
    proposed_by_name: str


class AccountOut(msgspec.Struct, kw_only=True):
    """The account payments go to, and the change of it that waits, if one does."""

    account_name: str
    sort_code: str
    account_number: str
    waiting: ChangeOut | None


class AccountAnswerIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The second person's answer to one change."""

    change_id: UUID
    confirm: bool


@get("/api/v1/bank-account", **CONFIRM)
async def get_account(request: Request[Any, Any, Any]) -> AccountOut:
    """The account payments go to; `PUT /api/v1/billing-details` asks for another."""
    now, change = await ask(request.user, mine)
    waiting = None if change is None else msgspec.convert(change, ChangeOut, from_attributes=True)
    return AccountOut(
        account_name=now.account_name, sort_code=now.sort_code, account_number=now.account_number, waiting=waiting
    )


@post("/api/v1/bank-account/answer", status_code=204, **CONFIRM)
async def answer_change(request: Request[Any, Any, Any], data: JSONBody[AccountAnswerIn]) -> None:
    """Confirm another account as the second person, or refuse it."""
    await answer_account(request.user, data.change_id, confirm=data.confirm)


ROUTES: list[Any] = [get_account, answer_change, get_details, put_details, get_e_invoice, get_e_credit_note]

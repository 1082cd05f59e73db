"""Billing details, and the e-invoices made with them: the same pages at both front doors."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.documents import Document, credit_note_document, invoice_document
from marketplace.billing.einvoice import ubl
from marketplace.billing.parties import (
    FIELDS,
    GROUNDS,
    LotGround,
    Party,
    account_as_shown,
    lot_grounds,
    party,
    save_party,
)
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
WRITE: dict[str, Any] = {"guards": [requires("billing_party.write")]}
SHOWN = "account_shown"


@get("/billing-details", **WRITE)
async def details_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """What e-invoices say of us."""
    mine, lots = await ask(request.user, _mine)
    form = Form.starting_with(**{name: getattr(mine, name) for name in FIELDS})
    for lot in lots:
        form.set(lot.key, lot.ground)
    form.set(SHOWN, account_as_shown(mine))
    return _page(request, form, lots)


@post("/billing-details", status_code=303, **WRITE)
async def save(request: Request[Any, Any, Any]) -> Response[Any]:
    """Keeps them."""
    form = Form(await read_form(request))
    _, lots = await ask(request.user, _mine)
    given = {name: form.text(name, "this", required=False, most=100) for name in FIELDS}
    grounds = {
        (lot.framework_id, lot.lot_code): ground
        for lot in lots
        if (ground := form.choice(lot.key, "the ground of this lot", GROUNDS, required=False))
    }
    if not form.errors:
        try:
            shown = form.value(SHOWN) if form.value(SHOWN) and request.user.provider_id else None
            if await save_party(request.user, given, grounds, shown=shown):
                said = "Kept. The bank account stays until somebody else of your organisation confirms the new one."
                return see_other(request, "/bank-account", flash=said)
            return see_other(request, "/billing-details", flash="Kept. E-invoices taken from now on say so.")
        except InvalidInput as error:
            form.merge(error)
            if shown is not None:  # another account that stands by now has been told
                form.set(SHOWN, account_as_shown((await ask(request.user, _mine))[0]))
    return _page(request, form, lots)


@get("/invoices/{invoice_id:uuid}/e-invoice.xml", **READ)
async def e_invoice(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[bytes]:
    """The invoice as UBL (Peppol BIS Billing 3.0)."""
    return xml_of(await ask(request.user, invoice_document, invoice_id))


@get("/credit-notes/{credit_note_id:uuid}/e-credit-note.xml", **READ)
async def e_credit_note(request: Request[Any, Any, Any], credit_note_id: FromPath[UUID]) -> Response[bytes]:
    """The issued credit note as UBL (Peppol BIS Billing 3.0)."""
    return xml_of(await ask(request.user, credit_note_document, credit_note_id))


def xml_of(document: Document) -> Response[bytes]:
    """A document as a download."""
    return Response(
        ubl(document),
        media_type="application/xml",
        headers={
            "Content-Disposition": f'attachment; filename="{document.number}.xml"',
            "Cache-Control": "no-store",
        },
    )


async def _mine(work: Work) -> tuple[Party, list[LotGround]]:
    if work.actor.organisation_id is None:
        raise NotFound
    lots = await lot_grounds(work, work.actor.provider_id) if work.actor.provider_id else []
    return await party(work, work.actor.organisation_id), lots


def _page(request: Request[Any, Any, Any], form: Form, lots: list[LotGround]) -> Response[Any]:
    provider = request.user.provider_id is not None
    return page(request, "billing/details.html", title="Billing details", form=form, lots=lots, provider=provider)


ROUTES: list[Any] = [details_page, save, e_invoice, e_credit_note]

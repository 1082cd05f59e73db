"""The console's invoices: those to accept first; accept, or return with what to mend."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import queries, words
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.frozen import csv_of, invoice_context, with_notes
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import pounds
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")]}
PAGE_SIZE = 20
MOST = 10_000  # rows of a download
LOOKED_AT = {"overdue": "Overdue", "disputed": "Disputed"}
EMPTY = {
    "overdue": "An invoice shows here when its day for payment has passed and it is not paid.",
    "disputed": "An invoice shows here while a provider disputes a deduction on it.",
}
SUBMITTED = "Providers submit one for every four weeks in which they worked; it appears here at once."
HEADS = (
    "Invoice",
    "Provider",
    "Framework",
    "From",
    "To",
    "State",
    "Deduction",
    "Submitted",
    "Pay by",
    "Deducted",
    "Net",
)


@get("/invoices", **READ)
async def invoices_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Invoices of my providers, those that wait for a decision first; `?format=csv`."""
    state = request.query_params.get("state", "")
    state = state if state in words.STATES or state in LOOKED_AT else ""
    if request.query_params.get("format") == "csv":
        rows = await ask(request.user, queries.invoices, state=state or None, limit=MOST)
        return csv_file(f"invoices-{state}" if state else "invoices", HEADS, [_cells(row) for row in rows])
    raw = request.query_params.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    counts = await ask(request.user, queries.count_invoices)
    looked_at = await ask(request.user, queries.count_to_look_at)
    rows = await ask(
        request.user, queries.invoices, state=state or None, limit=PAGE_SIZE, offset=PAGE_SIZE * (number - 1)
    )
    total = (looked_at if state in LOOKED_AT else counts).get(state, 0) if state else sum(counts.values())
    options = [
        ("", "All", sum(counts.values())),
        *((key, words.STATES[key][0], n) for key, n in sorted(counts.items())),
        *((key, title, looked_at[key]) for key, title in LOOKED_AT.items()),
    ]
    return page(
        request,
        "admin/invoices.html",
        title="Invoices",
        rows=rows,
        states=words.STATES,
        disputes=words.DISPUTES,
        state=state,
        options=options,
        empty_words=EMPTY.get(state, SUBMITTED),
        number=number,
        last=max(1, -(-total // PAGE_SIZE)),
    )


@get("/invoices/{invoice_id:uuid}", **READ)
async def invoice_page(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[Any]:
    """One invoice: facts of visits, who signed, defects and what they cost; no notes, no child's name."""
    return await _page(request, invoice_id, Form())


@post("/invoices/{invoice_id:uuid}/accept", status_code=303, **DECIDE)
async def accept(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[Any]:
    """Accepts it for payment."""
    try:
        await accept_invoice(request.user, invoice_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _page(request, invoice_id, form, 409)
    return see_other(request, f"/invoices/{invoice_id}", flash="Accepted. The provider is told when it will be paid.")


@post("/invoices/{invoice_id:uuid}/return", status_code=303, **DECIDE)
async def send_back(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[Any]:
    """Returns it with what to mend."""
    form = Form(await read_form(request))
    reason = form.text("reason", "what the provider must mend", most=2000, lines=True)
    if not form.errors:
        try:
            await return_invoice(request.user, invoice_id, reason)
            return see_other(request, f"/invoices/{invoice_id}", flash="Returned. The provider is told what to mend.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("", conflict.sentence)
            return await _page(request, invoice_id, form, 409)
    return await _page(request, invoice_id, form)


@get("/invoices/{invoice_id:uuid}/lines.csv", **READ)
async def invoice_lines(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[bytes]:
    """The lines of an invoice for a spreadsheet."""
    return csv_of(await ask(request.user, queries.invoice, invoice_id))


def _cells(row: queries.InvoiceRow) -> list[object]:
    disputed = words.DISPUTES[row.dispute_state][0] if row.dispute_state else ""
    return [
        row.number, row.provider, row.framework, row.period.first_day, row.period.last_day, words.STATES[row.state][0],
        disputed, local(row.submitted_at).isoformat(timespec="minutes"), row.pay_by or "", pounds(row.deduction_pence),
        pounds(row.net_pence),
    ]  # fmt: skip


async def _page(request: Request[Any, Any, Any], invoice_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    view, notes = await ask(request.user, with_notes, invoice_id)
    return page(
        request,
        "admin/invoice.html",
        title=f"Invoice {view.number} of {view.provider}",
        form=form,
        may_decide=may(request.user, "invoice.decide"),
        status=status,
        **invoice_context(view, notes),
    )


ROUTES: list[Any] = [invoices_page, invoice_page, accept, send_back, invoice_lines]

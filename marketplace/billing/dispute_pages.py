"""The provider's pages of its disputes: raise one about a deduction, with evidence, and see what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import dispute_queries, dispute_words, queries
from marketplace.billing.disputes import MOST, raise_dispute
from marketplace.billing.frozen import invoice_context
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
SUBMIT: dict[str, Any] = {"guards": [requires("invoice.submit")]}
Asked = Request[Any, Any, Any]


@get("/disputes", **READ)
async def disputes_page(request: Asked) -> Response[Any]:
    """My disputes, those that wait for an answer first."""
    return await list_page(request, "billing/disputes.html")


async def list_page(request: Asked, template: str) -> Response[Any]:
    """The list of disputes at either door: by state, page by page, or as CSV."""
    state = request.query_params.get("state", "")
    state = state if state in dispute_words.STATES else ""
    if request.query_params.get("format") == "csv":
        rows = await ask(request.user, dispute_queries.disputes, state or None, limit=10_000)
        return csv_file("disputes", dispute_words.HEADS, dispute_words.csv_rows(rows))
    counts = await ask(request.user, dispute_queries.count_disputes)
    total = counts.get(state, 0) if state else sum(counts.values())
    last = max(1, -(-total // dispute_queries.PAGE_SIZE))
    raw = request.query_params.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    offset = dispute_queries.PAGE_SIZE * (number - 1)
    return page(
        request,
        template,
        title="Disputes",
        rows=await ask(request.user, dispute_queries.disputes, state or None, offset=offset),
        states=dispute_words.STATES,
        state=state,
        options=[("", "All", sum(counts.values()))]
        + [(key, said[0], counts[key]) for key, said in dispute_words.STATES.items() if key in counts],
        number=number,
        last=last,
    )


@get("/disputes/{dispute_id:uuid}", **READ)
async def dispute_page(request: Asked, dispute_id: FromPath[UUID]) -> Response[Any]:
    """One dispute: what was said, what was attached, what was answered and what it paid."""
    view = await ask(request.user, dispute_queries.dispute, dispute_id)
    title = f"Dispute about invoice {view.row.number}"
    return page(request, "billing/dispute.html", title=title, **dispute_words.context(view))


@get("/invoices/{invoice_id:uuid}/dispute", **SUBMIT)
async def raise_page(request: Asked, invoice_id: FromPath[UUID]) -> Response[Any]:
    """Why the deduction is disputed, and what shows it."""
    return await _raise_page(request, invoice_id, Form(), "billing/dispute_raise.html")


@post("/invoices/{invoice_id:uuid}/dispute", status_code=200, **SUBMIT)
async def raise_it(request: Asked, invoice_id: FromPath[UUID]) -> Response[Any]:
    """Check what was typed; then send it, when that is what was asked."""
    form = Form(await read_form(request))
    says = form.text("says", "why you dispute the deduction", most=MOST, lines=True)
    files = form.uuids("evidence_id", "files")
    if form.errors or form.value("step") == "edit":
        return await _raise_page(request, invoice_id, form, "billing/dispute_raise.html")
    if form.value("step") != "send":
        return await _raise_page(request, invoice_id, form, "billing/dispute_check.html")
    try:
        dispute_id = await raise_dispute(request.user, invoice_id, says, files)
    except InvalidInput as error:
        form.merge(error)
        return await _raise_page(request, invoice_id, form, "billing/dispute_raise.html")
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _raise_page(request, invoice_id, form, "billing/dispute_raise.html", 409)
    return see_other(request, f"/disputes/{dispute_id}", flash="Sent. The finance officers are told and must answer.")


async def _raise_page(request: Asked, invoice_id: UUID, form: Form, template: str, status: int = 200) -> Response[Any]:
    view = await ask(request.user, queries.invoice, invoice_id)
    if view.provider_id != request.user.provider_id or not view.result.deduction_pence:
        raise NotFound
    if view.dispute_id is not None and not form.errors:
        return see_other(request, f"/disputes/{view.dispute_id}", flash="This deduction has been disputed already.")
    files = await ask(request.user, dispute_queries.attachable_files)
    chosen = set(form.values("evidence_id"))
    return page(
        request,
        template,
        title="Dispute the deduction",
        form=form,
        files=[(str(file), said) for file, said in files],
        chosen=[(str(file), said) for file, said in files if str(file) in chosen],
        status=status,
        **invoice_context(view),
    )


ROUTES: list[Any] = [disputes_page, dispute_page, raise_page, raise_it]

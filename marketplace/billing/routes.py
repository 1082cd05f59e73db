"""JSON: billing periods, drafts, invoices; submitting, accepting, returning."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.billing import queries
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.drafting import Draft, draft
from marketplace.billing.exports import case_of
from marketplace.billing.frozen import with_notes
from marketplace.billing.schemas import (
    ClaimIn,
    DraftOut,
    InvoiceOut,
    PeriodOut,
    ReturnIn,
    SubmitIn,
    SubmittedOut,
    WholeInvoiceOut,
    draft_out,
    invoice_out,
    period_out,
    whole_invoice_out,
)
from marketplace.billing.submitting import submit_invoice
from marketplace.frameworks.queries import billing_period
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Claim, ClaimLine

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Invoices"]}
SUBMIT: dict[str, Any] = {"guards": [requires("invoice.submit")], "tags": ["Invoices"]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")], "tags": ["Invoices"]}


@get("/api/v1/invoice-periods", **SUBMIT)
async def list_periods(request: Request[Any, Any, Any]) -> list[PeriodOut]:
    """Each billing period of mine, per framework and payer, newest first."""
    return [period_out(row) for row in await ask(request.user, queries.periods_of, _provider(request))]


@get("/api/v1/invoice-drafts/{framework_id:uuid}/{payer_id:uuid}/{first_day:date}", **SUBMIT)
async def get_draft(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], payer_id: FromPath[UUID], first_day: FromPath[date]
) -> DraftOut:
    """The period's invoice as it stands, judged now."""
    return draft_out(await ask(request.user, _draft, framework_id, _provider(request), payer_id, first_day, None))


@post("/api/v1/invoice-drafts/{framework_id:uuid}/{payer_id:uuid}/{first_day:date}", status_code=200, **SUBMIT)
async def judge_claim(
    request: Request[Any, Any, Any],
    framework_id: FromPath[UUID],
    payer_id: FromPath[UUID],
    first_day: FromPath[date],
    data: JSONBody[ClaimIn],
) -> DraftOut:
    """What a claim would lose, submitted now; nothing is kept."""
    claim = _claim(data)
    return draft_out(await ask(request.user, _draft, framework_id, _provider(request), payer_id, first_day, claim))


@get("/api/v1/invoice-drafts/{framework_id:uuid}/{payer_id:uuid}/{first_day:date}/case", **SUBMIT)
async def get_draft_case(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], payer_id: FromPath[UUID], first_day: FromPath[date]
) -> dict[str, Any]:
    """The draft as a case for `marketplace policy invoice`: anybody can compute it again."""
    return case_of(await ask(request.user, _draft, framework_id, _provider(request), payer_id, first_day, None))


@post("/api/v1/invoices", **SUBMIT)
async def submit(request: Request[Any, Any, Any], data: JSONBody[SubmitIn]) -> SubmittedOut:
    """Submit a finished period's invoice: frozen, with the deduction applied."""
    period = await ask(request.user, _period, data.framework_id, data.first_day)
    claim = None if data.claim is None else _claim(data.claim)
    invoice_id = await submit_invoice(request.user, data.framework_id, data.payer_id, period, claim, data.fingerprint)
    return SubmittedOut(invoice_id)


@get("/api/v1/invoices", **READ)
async def list_invoices(
    request: Request[Any, Any, Any], in_state: FromQuery[str | None] = None, page: FromQuery[int] = 1
) -> list[InvoiceOut]:
    """Submitted invoices within my reach, fifty a page, those waiting longest first."""
    offset = 50 * (max(1, min(page, 10_000_000)) - 1)
    return [invoice_out(row) for row in await ask(request.user, queries.invoices, state=in_state, offset=offset)]


@get("/api/v1/invoices/{invoice_id:uuid}", **READ)
async def get_invoice(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> WholeInvoiceOut:
    """One invoice as it was judged, and what became of it."""
    return whole_invoice_out(*await ask(request.user, with_notes, invoice_id))


@post("/api/v1/invoices/{invoice_id:uuid}/accept", status_code=204, **DECIDE)
async def accept(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> None:
    """Accept it for payment."""
    await accept_invoice(request.user, invoice_id)


@post("/api/v1/invoices/{invoice_id:uuid}/return", status_code=204, **DECIDE)
async def send_back(request: Request[Any, Any, Any], invoice_id: FromPath[UUID], data: JSONBody[ReturnIn]) -> None:
    """Return it with what to mend."""
    await return_invoice(request.user, invoice_id, data.reason)


async def _period(work: Work, framework_id: UUID, first_day: date) -> Period:
    period = await billing_period(work, framework_id, first_day)
    if period.first_day != first_day:
        raise NotFound
    return period


async def _draft(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, first_day: date, claim: Claim | None
) -> Draft:
    period = await _period(work, framework_id, first_day)
    return await draft(work, framework_id, provider_id, payer_id, period, claim=claim)


def _claim(data: ClaimIn) -> Claim:
    return Claim(tuple(ClaimLine(str(line.visit), line.pence) for line in data.lines), data.total_pence)


def _provider(request: Request[Any, Any, Any]) -> UUID:
    if request.user.provider_id is None:
        raise NotFound
    return request.user.provider_id


ROUTES: list[Any] = [
    list_periods, get_draft, get_draft_case, judge_claim, submit, list_invoices, get_invoice, accept, send_back,
]  # fmt: skip

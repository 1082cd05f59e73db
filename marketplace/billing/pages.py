"""The provider's pages of its four weeks: periods, the growing draft, checking, submitting, the frozen invoice."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import queries, words
from marketplace.billing.claims import amount_field, amounts_left_off, changes, claim_form, marks, read_claim
from marketplace.billing.drafting import Draft, draft
from marketplace.billing.exports import case_of
from marketplace.billing.frozen import csv_of, invoice_context, with_notes
from marketplace.billing.submitting import RecordsChanged, submit_invoice
from marketplace.frameworks.queries import billing_period
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, NotFound
from marketplace.policy.facts import Claim
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
SUBMIT: dict[str, Any] = {"guards": [requires("invoice.submit")]}


@get("/invoices", **READ)
async def invoices_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Four weeks: each period per framework and payer, growing, to submit, or frozen."""
    rows = await ask(request.user, queries.periods_of, _provider(request))
    return page(
        request,
        "billing/periods.html",
        title="Four weeks",
        rows=rows,
        states=words.STATES,
        disputes=words.DISPUTES,
        may_keep_details=may(request.user, "billing_party.write"),
    )


@get("/invoices/draft/{framework_id:uuid}/{payer_id:uuid}/{first_day:date}", **SUBMIT)
async def draft_page(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], payer_id: FromPath[UUID], first_day: FromPath[date]
) -> Response[Any]:
    """The period's invoice as it stands: every defect before it costs anything. Once submitted, the frozen one."""
    standing = await ask(request.user, queries.standing_invoice, framework_id, _provider(request), payer_id, first_day)
    if standing is not None:
        return see_other(request, f"/invoices/{standing}")
    found = await ask(request.user, _draft, framework_id, _provider(request), payer_id, first_day)
    return _draft_page(request, found, claim_form(found))


@post("/invoices/draft/{framework_id:uuid}/{payer_id:uuid}/{first_day:date}", status_code=200, **SUBMIT)
async def check_draft(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], payer_id: FromPath[UUID], first_day: FromPath[date]
) -> Response[Any]:
    """The claim as typed, judged as it would be now; then submitted, when that is what was asked."""
    provider_id = _provider(request)
    standing = await ask(request.user, queries.standing_invoice, framework_id, provider_id, payer_id, first_day)
    if standing is not None:  # submitted meanwhile, or the button was pressed twice
        return see_other(request, f"/invoices/{standing}", refused="This period's invoice has been submitted already.")
    found = await ask(request.user, _draft, framework_id, provider_id, payer_id, first_day)
    form = Form(await read_form(request))
    claim = read_claim(form, found)
    if changes(form, found):
        return _draft_page(request, found, form, status=409)
    amounts_left_off(form, found)
    if form.errors:
        return _draft_page(request, found, form)
    if form.value("step") == "submit":
        try:
            invoice_id = await submit_invoice(
                request.user, framework_id, payer_id, found.period, claim, form.value("shown")
            )
            return see_other(request, f"/invoices/{invoice_id}", flash="The invoice is submitted and frozen.")
        except RecordsChanged as changed:
            form.error("", changed.sentence)
            return _draft_page(request, found, form, status=409)
        except Conflict as conflict:
            standing = await ask(request.user, queries.standing_invoice, framework_id, provider_id, payer_id, first_day)
            if standing is not None:
                return see_other(request, f"/invoices/{standing}", refused=conflict.sentence)
            form.error("", conflict.sentence)
    judged = await ask(request.user, _draft, framework_id, provider_id, payer_id, first_day, claim)
    if form.value("step") == "edit":
        return _draft_page(request, judged, form)
    return page(
        request,
        "billing/check.html",
        title="Check the invoice before you submit it",
        draft=judged,
        defects=words.defect_rows(judged),
        clause=queries.deduction_clause(judged.pack),
        lines=_claimed(judged),
        left=[record for record in (*judged.records, *judged.others) if str(record.id) not in set(form.values("bill"))],
        marks=marks(judged),
        form=form,
        amount_field=amount_field,
        status=409 if form.errors else 200,
    )


@get("/invoices/draft/{framework_id:uuid}/{payer_id:uuid}/{first_day:date}/case.json", **SUBMIT)
async def draft_case(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], payer_id: FromPath[UUID], first_day: FromPath[date]
) -> dict[str, Any]:
    """The draft as a case for the policy calculator."""
    return case_of(await ask(request.user, _draft, framework_id, _provider(request), payer_id, first_day))


@get("/invoices/{invoice_id:uuid}", **READ)
async def invoice_page(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[Any]:
    """A submitted invoice, as it was judged."""
    view, notes = await ask(request.user, with_notes, invoice_id)
    return page(
        request,
        "billing/invoice.html",
        title=f"Invoice {view.number}",
        **invoice_context(view, notes),
    )


@get("/invoices/{invoice_id:uuid}/lines.csv", **READ)
async def invoice_lines(request: Request[Any, Any, Any], invoice_id: FromPath[UUID]) -> Response[bytes]:
    """The lines of an invoice for a spreadsheet."""
    return csv_of(await ask(request.user, queries.invoice, invoice_id))


async def _draft(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, first_day: date, claim: Claim | None = None
) -> Draft:
    period = await billing_period(work, framework_id, first_day)
    if period.first_day != first_day:
        raise NotFound
    return await draft(work, framework_id, provider_id, payer_id, period, claim=claim)


def _draft_page(request: Request[Any, Any, Any], found: Draft, form: Form, status: int = 200) -> Response[Any]:
    ticked = set(form.values("bill"))
    for record, line in zip(found.records, found.result.lines, strict=True):
        if str(record.id) not in ticked and not form.value(amount_field(record.id)):
            form.set_pence(amount_field(record.id), line.price_pence)
    for other in found.result.others:
        if other.id not in ticked and not form.value(amount_field(other.id)):
            form.set_pence(amount_field(other.id), other.price_pence)
    return page(
        request,
        "billing/draft.html",
        title=f"Invoice for {found.payer_name}",
        draft=found,
        rows=list(zip(found.records, found.result.lines, strict=True)),
        beside=list(zip(found.others, found.result.others, strict=True)),
        why=words.WHY,
        marks=marks(found),
        defects=words.defect_rows(found),
        clause=queries.deduction_clause(found.pack),
        form=form,
        amount_field=amount_field,
        outcomes=words.OUTCOMES,
        missing=words.MISSING,
        now=found.facts.submitted_at,
        status=status,
    )


def _claimed(found: Draft) -> list[tuple[Any, int]]:
    records = {str(record.id): record for record in (*found.records, *found.others)}
    return [(records[line.visit], line.pence) for line in found.facts.claim.lines]


def _provider(request: Request[Any, Any, Any]) -> UUID:
    if request.user.provider_id is None:
        raise NotFound
    return request.user.provider_id


ROUTES: list[Any] = [invoices_page, draft_page, check_draft, draft_case, invoice_page, invoice_lines]

"""The console's payments: what is to be paid, payment runs from building to the bank's answer, the 30-day clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import payment_queries as queries
from marketplace.billing.bank_accounts import NOTES, dashed
from marketplace.billing.payment_files import Paid, pounds, read_payments
from marketplace.billing.payment_queries import ClockRow
from marketplace.billing.payment_runs import approve_run, build_run, cancel_run, export_run, mark_paid, take_file
from marketplace.identity.guards import requires
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.web import filters
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other
from marketplace.web.svg import shares

PAY: dict[str, Any] = {"guards": [requires("invoice.decide")]}
A_YEAR = timedelta(days=365)  # how far back the page of the clock looks
ALWAYS = ("waiting", "late", "paid_in_time", "paid_late")  # drawn also where there are none
TONES = {
    "waiting": "plain",
    "late": "bad",
    "paid_in_time": "good",
    "paid_late": "warn",
    "settled": "none",
    "with_provider": "plain",
}


@get("/payments", **PAY)
async def payments_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """What can be paid now, the soonest due first, and the runs so far."""
    due = await ask(request.user, queries.payables)
    form = Form.starting_with(pay=[str(row.id) for row in due if row.payable])
    return await _payments(request, form)


@post("/payments", status_code=303, **PAY)
async def build(request: Request[Any, Any, Any]) -> Response[Any]:
    """Puts what is ticked into a new run."""
    form = Form(await read_form(request))
    chosen = form.uuids("pay", "what to pay")
    if form.errors:
        return await _payments(request, form)
    try:
        run_id = await build_run(request.user, chosen)
    except InvalidInput as error:
        form.merge(error, {"invoices": "pay"})
        return await _payments(request, form)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _payments(request, form, 409)
    return see_other(request, f"/payments/{run_id}", flash="Built. Check it; nothing has left yet.")


@get("/payments/{payment_run_id:uuid}", **PAY)
async def run_page(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """One run: check it, approve or export it, take its file, mark what was paid."""
    return await _run(request, payment_run_id, Form())


@post("/payments/{payment_run_id:uuid}/approve", status_code=303, **PAY)
async def approve(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """The second pair of eyes."""
    return await _do(request, payment_run_id, approve_run, "Approved. The run can be exported.")


@post("/payments/{payment_run_id:uuid}/cancel", status_code=303, **PAY)
async def cancel(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """Gives the run up."""
    return await _do(request, payment_run_id, cancel_run, "Cancelled. Its invoices can be paid by another run.")


@post("/payments/{payment_run_id:uuid}/export", status_code=303, **PAY)
async def export(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """Lets the run leave, once."""
    return await _do(request, payment_run_id, export_run, "Exported. Take the file to your finance system.")


@post("/payments/{payment_run_id:uuid}/file", status_code=200, **PAY)
async def take(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """The file: the original the first time, later a marked copy."""
    try:
        taken = await take_file(request.user, payment_run_id)
    except Conflict as conflict:
        return await _conflict(request, payment_run_id, conflict)
    return Response(
        taken.text.encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{taken.name}"', "Cache-Control": "no-store"},
    )


@post("/payments/{payment_run_id:uuid}/paid", status_code=303, **PAY)
async def paid(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """Marks ticked payments as paid on a day."""
    form = Form(await read_form(request))
    run, today = await ask(request.user, _with_today, payment_run_id)
    positions = [str(line.position) for line in run.lines if line.paid_on is None]
    chosen = form.choices("paid", "at least one payment", positions, least=1)
    day = form.date("paid_on", "the day they were paid", latest=today)
    if form.errors:
        return await _run(request, payment_run_id, form)
    return await _mark(request, payment_run_id, form, [Paid(int(position), day) for position in chosen])


@post("/payments/{payment_run_id:uuid}/paid-file", status_code=303, **PAY)
async def paid_file(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> Response[Any]:
    """Marks as paid what the finance system's file says."""
    form = Form(await read_form(request))
    files = (await read_files(request)).get("file", [])
    run = await ask(request.user, queries.payment_run, payment_run_id)
    if not files:
        form.error("file", "Select the file with the payments")
        return await _run(request, payment_run_id, form)
    try:
        payments = read_payments(await files[0].read(), run.number)
    except InvalidInput as error:
        form.merge(error)
        return await _run(request, payment_run_id, form)
    return await _mark(request, payment_run_id, form, payments, "file")


@get("/payments/clock", **PAY)
async def clock_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Received, accepted, to be paid by, paid: every valid invoice of the last year; `?format=csv`."""
    rows, today = await ask(request.user, _clock)
    if request.query_params.get("format") == "csv":
        heads = ["Invoice", "Provider", "Framework", "Received", "Accepted", "Pay by", "Paid", "Days", "Net", "State"]
        return csv_file("payment-clock", heads, [_clock_cells(row) for row in rows])
    counts = {state: sum(row.state == state for row in rows) for state in queries.CLOCKS}
    settled = counts["paid_in_time"] + counts["paid_late"]
    drawing = shares(
        [
            (queries.CLOCKS[state][0], number, TONES[state])
            for state, number in counts.items()
            if number or state in ALWAYS
        ],
        "Valid invoices against their last day for payment",
        "invoice",
    )
    return page(
        request,
        "admin/payment_clock.html",
        title="The clock of payment",
        rows=sorted(rows, key=lambda row: (row.state != "late", row.paid_on is not None, row.pay_by)),
        counts=counts,
        percent=round(100 * counts["paid_in_time"] / settled) if settled else None,
        drawing=drawing if rows else None,
        clocks=queries.CLOCKS,
        today=today,
    )


async def _with_today(work: Work, run_id: UUID) -> tuple[queries.PaymentRun, Any]:
    return await queries.payment_run(work, run_id), local_day(work.now)


async def _clock(work: Work) -> tuple[list[ClockRow], Any]:
    today = local_day(work.now)
    return await queries.payment_clock(work, today - A_YEAR), today


def _clock_cells(row: ClockRow) -> list[object]:
    state = queries.CLOCKS[row.state][0]
    days = (row.received_on, row.accepted_on, row.pay_by, row.paid_on or "")
    return [row.number, row.provider, row.framework, *days, row.days, pounds(row.pence), state]


async def _do(
    request: Request[Any, Any, Any], run_id: UUID, action: Callable[[Actor, UUID], Awaitable[object]], flash: str
) -> Response[Any]:
    try:
        await action(request.user, run_id)
    except Conflict as conflict:
        return await _conflict(request, run_id, conflict)
    return see_other(request, f"/payments/{run_id}", flash=flash)


async def _mark(
    request: Request[Any, Any, Any], run_id: UUID, form: Form, payments: list[Paid], field: str = "paid"
) -> Response[Any]:
    try:
        new = await mark_paid(request.user, run_id, payments)
    except InvalidInput as error:
        form.merge(error, {"paid": field})
        return await _run(request, run_id, form)
    except Conflict as conflict:
        return await _conflict(request, run_id, conflict)
    flash = f"{new} marked as paid. The providers are told." if new else "All of these were marked as paid already."
    return see_other(request, f"/payments/{run_id}", flash=flash)


async def _conflict(request: Request[Any, Any, Any], run_id: UUID, conflict: Conflict) -> Response[Any]:
    form = Form()
    form.error("", conflict.sentence)
    return await _run(request, run_id, form, 409)


async def _payments(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Response[Any]:
    due = await ask(request.user, queries.payables)
    return page(
        request,
        "admin/payments.html",
        title="Payments",
        due=due,
        runs=await ask(request.user, queries.payment_runs),
        total=sum(row.pence for row in due if row.payable),
        states=queries.RUN_STATES,
        form=form,
        status=status,
    )


async def _run(request: Request[Any, Any, Any], run_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    run, today = await ask(request.user, _with_today, run_id)
    if not form.typed:
        form.set("paid", [str(line.position) for line in run.lines if line.paid_on is None])
        form.set("paid_on", today)
    return page(
        request,
        "admin/payment_run.html",
        title=f"Payment run {run.number}",
        run=run,
        unpaid=[line for line in run.lines if line.paid_on is None],
        paid_options=[
            (
                str(line.position),
                f"{line.reference}: {line.what} of {line.provider}, {filters.pounds(line.pence)}",
            )
            for line in run.lines
            if line.paid_on is None
        ],
        mine=run.built_by == request.user.person_id,
        notes=NOTES,
        dashed=dashed,
        states=queries.RUN_STATES,
        form=form,
        status=status,
    )


ROUTES: list[Any] = [
    payments_page, build, clock_page, run_page, approve, cancel, export, take, paid, paid_file,
]  # fmt: skip

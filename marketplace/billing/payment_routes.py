"""JSON: what can be paid, payment runs built, approved, exported, cancelled, paid; the clock of payment."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.billing import payment_queries as queries
from marketplace.billing.document_schemas import (
    AskedOut,
    BuildIn,
    ClockOut,
    ExportedOut,
    FileOut,
    MarkedOut,
    PayableOut,
    PaymentsIn,
    RunOut,
    WholeRunOut,
    clock_out,
    payable_out,
    run_out,
    whole_run_out,
)
from marketplace.billing.payment_files import Paid
from marketplace.billing.payment_runs import approve_run, build_run, cancel_run, export_run, mark_paid, take_file
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput

PAY: dict[str, Any] = {"guards": [requires("invoice.decide")], "tags": ["Payments"]}


@get("/api/v1/payables", **PAY)
async def list_payables(request: Request[Any, Any, Any]) -> list[PayableOut]:
    """Accepted invoices on which something is owed, and waived deductions, in no open run; the soonest due first."""
    return [payable_out(row) for row in await ask(request.user, queries.payables)]


@get("/api/v1/payment-clock", **PAY)
async def get_clock(request: Request[Any, Any, Any], since: FromQuery[date | None] = None) -> list[ClockOut]:
    """Every accepted invoice against its last day for payment, received since a day."""
    return [clock_out(row) for row in await ask(request.user, queries.payment_clock, since)]


@get("/api/v1/payment-runs", **PAY)
async def list_runs(request: Request[Any, Any, Any], page: FromQuery[int] = 1) -> list[RunOut]:
    """Payment runs, newest first, fifty a page."""
    offset = 50 * (max(1, min(page, 10_000_000)) - 1)
    return [run_out(row) for row in await ask(request.user, queries.payment_runs, offset=offset)]


@post("/api/v1/payment-runs", **PAY)
async def build(request: Request[Any, Any, Any], data: JSONBody[BuildIn]) -> AskedOut:
    """Put accepted invoices and waived deductions into a new run."""
    chosen = [*(data.invoices or ()), *(data.disputes or ())]
    if data.everything:
        if chosen:
            raise InvalidInput({"everything": "Name what to pay, or ask for everything, not both"})
        chosen = [row.id for row in await ask(request.user, queries.payables) if row.payable]
    return AskedOut(await build_run(request.user, chosen))


@get("/api/v1/payment-runs/{payment_run_id:uuid}", **PAY)
async def get_run(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> WholeRunOut:
    """One run with its payments."""
    return whole_run_out(await ask(request.user, queries.payment_run, payment_run_id))


@post("/api/v1/payment-runs/{payment_run_id:uuid}/approve", status_code=204, **PAY)
async def approve(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> None:
    """The second pair of eyes."""
    await approve_run(request.user, payment_run_id)


@post("/api/v1/payment-runs/{payment_run_id:uuid}/cancel", status_code=204, **PAY)
async def cancel(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> None:
    """Give the run up before it is exported."""
    await cancel_run(request.user, payment_run_id)


@post("/api/v1/payment-runs/{payment_run_id:uuid}/export", status_code=200, **PAY)
async def export(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> ExportedOut:
    """Let the run leave, once; answers the control hash of its file."""
    return ExportedOut(await export_run(request.user, payment_run_id))


@post("/api/v1/payment-runs/{payment_run_id:uuid}/file", status_code=200, **PAY)
async def take(request: Request[Any, Any, Any], payment_run_id: FromPath[UUID]) -> FileOut:
    """The run's file: the first time as the original, later as a marked copy."""
    taken = await take_file(request.user, payment_run_id)
    return FileOut(taken.name, taken.copy, taken.text)


@post("/api/v1/payment-runs/{payment_run_id:uuid}/paid", status_code=200, **PAY)
async def paid(
    request: Request[Any, Any, Any], payment_run_id: FromPath[UUID], data: JSONBody[PaymentsIn]
) -> MarkedOut:
    """Record which payments left the bank, and when; told twice, counted once."""
    payments = [Paid(each.position, each.paid_on, each.pence) for each in data.payments]
    return MarkedOut(await mark_paid(request.user, payment_run_id, payments))


ROUTES: list[Any] = [list_payables, get_clock, list_runs, build, get_run, approve, cancel, export, take, paid]

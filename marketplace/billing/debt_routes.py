"""JSON: what providers that left still owe, its invoice and its payment."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.billing.debts import debts, mark_invoiced, mark_paid
from marketplace.identity.guards import requires
from marketplace.platform.database import ask

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Ledger"]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")], "tags": ["Ledger"]}


class DebtOut(msgspec.Struct):
    """`state`: to_invoice, invoiced, paid."""

    id: UUID
    framework: str
    provider: str
    payer: str
    pence: int
    raised_at: datetime
    state: str
    reference: str | None
    invoiced_on: date | None
    paid_on: date | None


class InvoicedIn(msgspec.Struct, forbid_unknown_fields=True):
    """`reference` is the payer's own invoice for the debt."""

    reference: str
    invoiced_on: date


class DebtPaidIn(msgspec.Struct, forbid_unknown_fields=True):
    paid_on: date


@get("/api/v1/debts", **READ)
async def list_debts(request: Request[Any, Any, Any]) -> list[DebtOut]:
    """Debts within my reach, those still to be invoiced first."""
    return [
        DebtOut(
            row.id, row.framework, row.provider, row.payer, row.pence, row.raised_at, row.state, row.reference,
            row.invoiced_on, row.paid_on,
        )
        for row in await ask(request.user, debts)
    ]  # fmt: skip


@post("/api/v1/debts/{debt_id:uuid}/invoiced", status_code=204, **DECIDE)
async def debt_invoiced(request: Request[Any, Any, Any], debt_id: FromPath[UUID], data: JSONBody[InvoicedIn]) -> None:
    """Note the invoice for it."""
    await mark_invoiced(request.user, debt_id, data.reference, data.invoiced_on)


@post("/api/v1/debts/{debt_id:uuid}/paid", status_code=204, **DECIDE)
async def debt_paid(request: Request[Any, Any, Any], debt_id: FromPath[UUID], data: JSONBody[DebtPaidIn]) -> None:
    """Note its payment."""
    await mark_paid(request.user, debt_id, data.paid_on)


ROUTES: list[Any] = [list_debts, debt_invoiced, debt_paid]

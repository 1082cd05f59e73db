"""Debts at either door: the provider reads what it left owing, finance notes the invoice and the payment."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.response import Response

from marketplace.billing.debts import STATES, debts
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day
from marketplace.web.render import page

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
HEADS = ("provider", "payer", "framework", "pounds", "since", "state", "reference", "invoiced", "paid")


@get("/debts", **READ)
async def debts_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Debts within my reach, those still to be invoiced first; or as CSV."""
    rows = await ask(request.user, debts)
    if request.query_params.get("format") == "csv":
        cells = [
            (
                row.provider, row.payer, row.framework, f"{row.pence // 100}.{row.pence % 100:02d}", day(row.raised_at),
                STATES[row.state][0], row.reference or "", row.invoiced_on or "", row.paid_on or "",
            )
            for row in rows
        ]  # fmt: skip
        return csv_file("debts", HEADS, cells)
    at_desk = request.user.commissioner_id is not None
    return page(request, "billing/debts.html", title="Debts", rows=rows, states=STATES, at_desk=at_desk)


ROUTES: list[Any] = [debts_page]

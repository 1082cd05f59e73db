"""What is to come, at either door: the drafts of periods that are over and not submitted, as they were prepared."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.response import Response

from marketplace.billing.prepared_queries import PreparedRow, to_come
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.web.csv_file import csv_file
from marketplace.web.render import page

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
PAGE_SIZE = 50
MOST = 20_000  # rows of a file
HEADS = (
    "provider", "payer", "framework", "first_day", "last_day", "prepared_at", "visits", "held", "defects",
    "gross_pounds", "deduction_pounds", "carried_in_pounds", "net_pounds", "carried_out_pounds", "lacks_a_rate",
)  # fmt: skip


@get("/invoices/to-come", **READ)
async def to_come_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Prepared drafts within reach, the largest of the newest period first; or as CSV."""
    if request.query_params.get("format") == "csv":
        found = await ask(request.user, to_come, limit=MOST)
        return csv_file("to-come", HEADS, map(_cells, found.rows))
    raw = request.query_params.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    found = await ask(request.user, to_come, limit=PAGE_SIZE, offset=PAGE_SIZE * (number - 1))
    return page(
        request,
        "billing/to_come.html",
        title="Invoices to come",
        found=found,
        at_desk=request.user.commissioner_id is not None,
        number=number,
        last=max(1, -(-found.total // PAGE_SIZE)),
    )


def _cells(row: PreparedRow) -> tuple[object, ...]:
    amounts = (row.gross_pence, row.deduction_pence, row.carried_in_pence, row.net_pence, row.carried_out_pence)
    return (
        row.provider, row.payer, row.framework, row.period.first_day, row.period.last_day, row.prepared_at.isoformat(),
        row.visits, row.held, row.defects, *(f"{pence // 100}.{pence % 100:02d}" for pence in amounts),
        "yes" if row.unpriced else "no",
    )  # fmt: skip


ROUTES: list[Any] = [to_come_page]

"""JSON: drafts that are prepared and not submitted, and the lines of one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery

from marketplace.billing.prepared_queries import PreparedRow, prepared_draft, to_come
from marketplace.identity.guards import requires
from marketplace.platform.database import ask

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Invoices"]}
PAGE_SIZE = 50


class PreparedOut(msgspec.Struct):
    """A draft as it was last prepared; submitting judges the records anew. `unpriced`: the rate card lacks a rate, so
    that there are no amounts."""

    id: UUID
    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    payer_id: UUID
    payer: str
    first_day: date
    last_day: date
    prepared_at: datetime
    visits: int
    held: int
    defects: int
    gross_pence: int
    deduction_pence: int
    carried_in_pence: int
    net_pence: int
    carried_out_pence: int
    unpriced: bool


class PreparedLineOut(msgspec.Struct):
    """One visit; `missing` says why it is held, `price_pence` is null where its record allows no price."""

    visit_id: UUID
    planned_start: datetime
    package_reference: str
    minutes: int
    percent: int
    price_pence: int | None
    payable_pence: int
    missing: list[str]


class ToComeOut(msgspec.Struct):
    """A page of drafts, with how many there are and their net amounts in all."""

    drafts: list[PreparedOut]
    total: int
    net_pence: int


class WholePreparedOut(msgspec.Struct):
    draft: PreparedOut
    lines: list[PreparedLineOut]


@get("/api/v1/prepared-drafts", **READ)
async def list_prepared(request: Request[Any, Any, Any], page: FromQuery[int] = 1) -> ToComeOut:
    """Prepared drafts within my reach that wait to be submitted, the largest of the newest period first; 50 a page."""
    number = min(max(1, page), 100_000)
    found = await ask(request.user, to_come, limit=PAGE_SIZE, offset=PAGE_SIZE * (number - 1))
    return ToComeOut([_out(row) for row in found.rows], found.total, found.net_pence)


@get("/api/v1/prepared-drafts/{draft_id:uuid}", **READ)
async def get_prepared(request: Request[Any, Any, Any], draft_id: FromPath[UUID]) -> WholePreparedOut:
    """One prepared draft, visit by visit."""
    row, lines = await ask(request.user, prepared_draft, draft_id)
    return WholePreparedOut(
        _out(row),
        [
            PreparedLineOut(
                line.visit_id, line.planned_start, line.package_reference, line.minutes, line.percent,
                line.price_pence, line.payable_pence, list(line.missing),
            )
            for line in lines
        ],
    )  # fmt: skip


def _out(row: PreparedRow) -> PreparedOut:
    return PreparedOut(
        row.id, row.framework_id, row.framework, row.provider_id, row.provider, row.payer_id, row.payer,
        row.period.first_day, row.period.last_day, row.prepared_at, row.visits, row.held, row.defects, row.gross_pence,
        row.deduction_pence, row.carried_in_pence, row.net_pence, row.carried_out_pence, row.unpriced,
    )  # fmt: skip


ROUTES: list[Any] = [list_prepared, get_prepared]

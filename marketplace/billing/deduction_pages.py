"""Deductions drawn at either door, with the table behind the drawing, as CSV, and through the API."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Response

from marketplace.billing.deductions import KINDS, deductions
from marketplace.billing.words import WHY
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.web import svg
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day
from marketplace.web.render import page

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
TONES = {"late": "bad", "inaccurate": "warn", "incomplete": "plain"}
HEADS = ("period_from", "invoices", "deducted", "pounds", "waived_pounds", *KINDS)


class PeriodDeductionsOut(msgspec.Struct):
    """`kinds` is how many of the period's invoices lost money for each kind of defect."""

    first_day: date
    invoices: int
    deducted: int
    pence: int
    waived_pence: int
    kinds: dict[str, int]


class DeductionsOut(msgspec.Struct):
    """`reasons` is in how many invoices each code was found."""

    periods: list[PeriodDeductionsOut]
    reasons: dict[str, int]


@get("/deductions", **READ)
async def deductions_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """What was deducted, why, period by period; of one provider by `provider`."""
    at_desk = request.user.commissioner_id is not None
    chosen = _uuid(request.query_params.get("provider", "")) if at_desk else None
    found = await ask(request.user, deductions, chosen)
    if request.query_params.get("format") == "csv":
        rows = [
            (each.first_day, each.invoices, each.deducted, _pounds(each.pence), _pounds(each.waived_pence),
             *(each.kinds[kind] for kind in KINDS))
            for each in found.periods
        ]  # fmt: skip
        return csv_file("deductions", HEADS, rows)
    drawing = svg.stacks(
        [(day(each.first_day), [(kind, each.kinds[kind], TONES[kind]) for kind in KINDS]) for each in found.periods],
        "Invoices that lost money, by reason",
    )
    return page(
        request,
        "billing/deductions.html",
        title="Deductions",
        found=found,
        drawing=drawing,
        lost=sum(each.pence for each in found.periods),
        waived=sum(each.waived_pence for each in found.periods),
        reasons=[(WHY[code], number) for code, number in found.reasons],
        at_desk=at_desk,
        chosen=str(chosen or ""),
        options=[("", "All providers", None), *((str(key), name, None) for key, name in found.providers)],
    )


@get("/api/v1/deductions", guards=READ["guards"], tags=["Ledger"])
async def get_deductions(request: Request[Any, Any, Any], provider: FromQuery[UUID | None] = None) -> DeductionsOut:
    """Deductions within my reach by period and reason."""
    found = await ask(request.user, deductions, provider)
    periods = [
        PeriodDeductionsOut(each.first_day, each.invoices, each.deducted, each.pence, each.waived_pence, each.kinds)
        for each in found.periods
    ]
    return DeductionsOut(periods, dict(found.reasons))


def _uuid(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None


def _pounds(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02d}"


ROUTES: list[Any] = [deductions_page, get_deductions]

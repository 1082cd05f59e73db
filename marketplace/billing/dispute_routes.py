"""JSON: disputes about deductions. Raise one, answer it, confirm or send back a waiver, note what was paid."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from marketplace.billing import dispute_queries
from marketplace.billing.dispute_files import open_file
from marketplace.billing.dispute_queries import DisputeRow, DisputeView
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute, refuse_waiver, uphold
from marketplace.billing.waivers import pay_back
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers.file_sending import download

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Disputes"]}
SUBMIT: dict[str, Any] = {"guards": [requires("invoice.submit")], "tags": ["Disputes"]}
DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")], "tags": ["Disputes"]}
Asked = Request[Any, Any, Any]


class DisputeIn(msgspec.Struct, forbid_unknown_fields=True):
    """`evidence` are files of your own evidence; the payer's finance officers may open them."""

    says: str
    evidence: list[UUID] = []


class SaysIn(msgspec.Struct, forbid_unknown_fields=True):
    says: str


class WaiverIn(msgspec.Struct, forbid_unknown_fields=True):
    """`reason_code`: no_defect, family_fault, commissioner_fault, system_fault, goodwill."""

    reason_code: str
    says: str


class PaidIn(msgspec.Struct, forbid_unknown_fields=True):
    paid_on: date


class RaisedOut(msgspec.Struct):
    id: UUID


class WaiverOut(msgspec.Struct):
    """`waived` is false while a second finance officer must confirm it."""

    waived: bool


class DisputeOut(msgspec.Struct):
    id: UUID
    invoice_id: UUID
    number: int
    framework: str
    provider: str
    payer: str
    first_day: date
    pence: int
    state: str
    raised_at: datetime
    decided_at: datetime | None
    answer_due: datetime | None


class StepOut(msgspec.Struct):
    what: str
    at: datetime
    by_name: str
    reason_code: str | None
    says: str


class AttachedOut(msgspec.Struct):
    id: UUID
    kind: str
    name: str
    size: int
    state: str


class WholeDisputeOut(msgspec.Struct):
    dispute: DisputeOut
    says: str
    second_needed: bool
    reason_code: str | None
    payable_pence: int | None
    off_pence: int | None
    paid_on: date | None
    steps: list[StepOut]
    files: list[AttachedOut]


@post("/api/v1/invoices/{invoice_id:uuid}/dispute", **SUBMIT)
async def raise_it(request: Asked, invoice_id: FromPath[UUID], data: JSONBody[DisputeIn]) -> RaisedOut:
    """Dispute the deduction of an invoice of mine, within the pack's time."""
    return RaisedOut(await raise_dispute(request.user, invoice_id, data.says, data.evidence))


@get("/api/v1/disputes", **READ)
async def list_disputes(
    request: Asked, in_state: FromQuery[str | None] = None, page: FromQuery[int] = 1
) -> list[DisputeOut]:
    """Disputes within my reach, fifty a page, those that wait first."""
    offset = 50 * (max(1, min(page, 10_000_000)) - 1)
    rows = await ask(request.user, dispute_queries.disputes, in_state, limit=50, offset=offset)
    return [_row(row) for row in rows]


@get("/api/v1/disputes/{dispute_id:uuid}", **READ)
async def get_dispute(request: Asked, dispute_id: FromPath[UUID]) -> WholeDisputeOut:
    """One dispute with its story and files."""
    return _whole(await ask(request.user, dispute_queries.dispute, dispute_id))


@post("/api/v1/disputes/{dispute_id:uuid}/uphold", status_code=204, **DECIDE)
async def stands(request: Asked, dispute_id: FromPath[UUID], data: JSONBody[SaysIn]) -> None:
    """The deduction stands, with the reason."""
    await uphold(request.user, dispute_id, data.says)


@post("/api/v1/disputes/{dispute_id:uuid}/waive", status_code=200, **DECIDE)
async def waives(request: Asked, dispute_id: FromPath[UUID], data: JSONBody[WaiverIn]) -> WaiverOut:
    """Waive it; above the pack's sum this proposes it to a second finance officer."""
    return WaiverOut(await propose_waiver(request.user, dispute_id, data.reason_code, data.says))


@post("/api/v1/disputes/{dispute_id:uuid}/confirm", status_code=204, **DECIDE)
async def confirms(request: Asked, dispute_id: FromPath[UUID]) -> None:
    """Confirm a waiver another finance officer proposed."""
    await confirm_waiver(request.user, dispute_id)


@post("/api/v1/disputes/{dispute_id:uuid}/not-confirm", status_code=204, **DECIDE)
async def sends_back(request: Asked, dispute_id: FromPath[UUID], data: JSONBody[SaysIn]) -> None:
    """Send a proposed waiver back, or take one's own back."""
    await refuse_waiver(request.user, dispute_id, data.says)


@post("/api/v1/disputes/{dispute_id:uuid}/paid", status_code=204, **DECIDE)
async def paid(request: Asked, dispute_id: FromPath[UUID], data: JSONBody[PaidIn]) -> None:
    """Note the day a waived deduction was paid back."""
    await pay_back(request.user, dispute_id, data.paid_on)


@get("/api/v1/disputes/{dispute_id:uuid}/files/{evidence_id:uuid}", **DECIDE)
async def get_file(request: Asked, dispute_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file attached to a dispute with my council."""
    return download(await open_file(request.user, settings_of(request), dispute_id, evidence_id))


def _row(row: DisputeRow) -> DisputeOut:
    return DisputeOut(
        row.id, row.invoice_id, row.number, row.framework, row.provider, row.payer, row.first_day, row.pence,
        row.state, row.raised_at, row.decided_at, row.answer_due,
    )  # fmt: skip


def _whole(view: DisputeView) -> WholeDisputeOut:
    return WholeDisputeOut(
        _row(view.row), view.says, view.second_needed, view.reason_code, view.payable_pence, view.off_pence,
        view.paid_on, [StepOut(s.what, s.at, s.by_name, s.reason_code, s.says) for s in view.steps],
        [AttachedOut(f.id, f.kind, f.name, f.size, f.state) for f in view.files],
    )  # fmt: skip


ROUTES: list[Any] = [
    raise_it, list_disputes, get_dispute, stands, waives, confirms, sends_back, paid, get_file,
]  # fmt: skip

"""JSON: agreements about lines beside visits, and the lines billed against them. Money is whole pence."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from marketplace.billing import agreement_queries as queries
from marketplace.billing.agreement_files import open_file
from marketplace.billing.agreements import Terms, agree_to, propose, refuse
from marketplace.billing.other_lines import MOST_UNITS, add_line, take_back
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers.file_sending import download

TAGS = ["Agreements"]
BOTH: dict[str, Any] = {"guards": [requires("other_line.write", "agreement.decide")], "tags": TAGS}
READ: dict[str, Any] = {
    "guards": [requires("other_line.write", "agreement.decide", "invoice.read")],
    "tags": TAGS,
}
ADDS: dict[str, Any] = {"guards": [requires("other_line.write")], "tags": TAGS}
PAYER: dict[str, Any] = {"guards": [requires("agreement.decide", "invoice.decide")], "tags": TAGS}

Pence = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
Units = Annotated[int, msgspec.Meta(ge=1, le=MOST_UNITS)]


class ProposeIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`kind`: mileage, report or return_to_area; `unit_pence` of a mile or report, null for costs as evidenced."""

    kind: str
    says: str
    unit_pence: Pence | None = None
    most_pence: Pence
    valid_from: date
    valid_to: date
    evidence_id: UUID | None = None


class RefuseIn(msgspec.Struct, forbid_unknown_fields=True):
    reason: str


class LineIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Mileage: `visit_id`, all miles of the session as `units`; report: `day`, `units`; return: `day`, `cost_pence`."""

    says: str
    evidence_id: UUID
    day: date | None = None
    visit_id: UUID | None = None
    units: Units = 1
    cost_pence: Pence = 0


class MadeOut(msgspec.Struct):
    id: UUID


class AgreementOut(msgspec.Struct, kw_only=True):
    """`state`: proposed, agreed or refused; `left_pence` can still be billed."""

    id: UUID
    package_id: UUID
    reference: str
    provider: str
    payer: str
    kind: str
    says: str
    unit_pence: int | None
    most_pence: int
    billed_pence: int
    left_pence: int
    valid_from: date
    valid_to: date
    proposed_side: str
    proposed_at: datetime
    state: str
    refused_reason: str | None
    evidence_id: UUID | None


class OtherLineRowOut(msgspec.Struct, kw_only=True):
    """A line against an agreement; `invoice_id` once a standing invoice bills it."""

    id: UUID
    day: date
    visit_id: UUID | None
    units: int
    cost_pence: int
    says: str
    evidence_id: UUID
    withdrawn: bool
    invoice_id: UUID | None
    payable_pence: int | None


@get("/api/v1/agreements", **READ)
async def list_agreements(
    request: Request[Any, Any, Any], package_id: FromQuery[UUID | None] = None
) -> list[AgreementOut]:
    """Agreements within reach (of one package), those that wait for an answer first."""
    return [_out(row) for row in await ask(request.user, queries.agreements, package_id)]


@post("/api/v1/packages/{package_id:uuid}/agreements", **BOTH)
async def propose_agreement(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[ProposeIn]
) -> MadeOut:
    """Propose one to the other side."""
    terms = Terms(data.kind, data.says, data.unit_pence, data.most_pence, data.valid_from, data.valid_to)
    return MadeOut(await propose(request.user, package_id, terms, evidence_id=data.evidence_id))


@get("/api/v1/agreements/{agreement_id:uuid}", **READ)
async def get_agreement(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> AgreementOut:
    """One agreement."""
    return _out(await ask(request.user, queries.agreement, agreement_id))


@post("/api/v1/agreements/{agreement_id:uuid}/agree", status_code=204, **BOTH)
async def agree(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> None:
    """Agree to what the other side proposed."""
    await agree_to(request.user, agreement_id)


@post("/api/v1/agreements/{agreement_id:uuid}/refuse", status_code=204, **BOTH)
async def refuse_one(request: Request[Any, Any, Any], agreement_id: FromPath[UUID], data: JSONBody[RefuseIn]) -> None:
    """Refuse it, or take one's own proposal back."""
    await refuse(request.user, agreement_id, data.reason)


@get("/api/v1/agreements/{agreement_id:uuid}/lines", **READ)
async def list_lines(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> list[OtherLineRowOut]:
    """The lines against an agreement."""
    await ask(request.user, queries.agreement, agreement_id)
    rows = await ask(request.user, queries.lines_of, agreement_id)
    return [msgspec.convert(row, OtherLineRowOut, from_attributes=True) for row in rows]


@post("/api/v1/agreements/{agreement_id:uuid}/lines", **ADDS)
async def add(request: Request[Any, Any, Any], agreement_id: FromPath[UUID], data: JSONBody[LineIn]) -> MadeOut:
    """Add a line to the draft of its period."""
    made = await add_line(
        request.user, agreement_id, day=data.day, visit_id=data.visit_id, units=data.units, cost_pence=data.cost_pence,
        says=data.says, evidence_id=data.evidence_id,
    )  # fmt: skip
    return MadeOut(made)


@post("/api/v1/other-lines/{line_id:uuid}/take-back", status_code=204, **ADDS)
async def take_line_back(request: Request[Any, Any, Any], line_id: FromPath[UUID]) -> None:
    """Take a line back before it is billed."""
    await take_back(request.user, line_id)


@get("/api/v1/agreements/{agreement_id:uuid}/files/{evidence_id:uuid}", **PAYER)
async def get_file(
    request: Request[Any, Any, Any], agreement_id: FromPath[UUID], evidence_id: FromPath[UUID]
) -> Stream:
    """A file the provider keeps with it, as a download; the look is logged."""
    return download(await open_file(request.user, settings_of(request), agreement_id, evidence_id))


def _out(row: queries.AgreementRow) -> AgreementOut:
    return msgspec.convert(row, AgreementOut, from_attributes=True)


ROUTES: list[Any] = [
    list_agreements, propose_agreement, get_agreement, agree, refuse_one, list_lines, add, take_line_back, get_file,
]  # fmt: skip

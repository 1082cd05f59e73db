"""JSON: who pays for a package, proposals to share its cost, answers, and putting them into force."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.billing.funding import answer_funding, confirm_funding, propose_funding, withdraw_funding
from marketplace.billing.funding_queries import FundingRow, Proposal, funding_of, proposal, proposals
from marketplace.identity.guards import requires
from marketplace.packages.queries import package as package_by_id
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.funding import WHOLE

READ: dict[str, Any] = {"guards": [requires("funding.read")], "tags": ["Funding"]}
PROPOSE: dict[str, Any] = {"guards": [requires("funding.propose")], "tags": ["Funding"]}
AGREE: dict[str, Any] = {"guards": [requires("funding.agree")], "tags": ["Funding"]}
Asked = Request[Any, Any, Any]

BasisPoints = Annotated[int, msgspec.Meta(ge=1, le=WHOLE)]


class FundingOut(msgspec.Struct):
    """`basis_points` of 10,000; `ends_on` null: until it is changed."""

    payer_id: UUID
    payer: str
    basis_points: int
    starts_on: date
    ends_on: date | None


class PartOut(msgspec.Struct):
    """`agrees` null: not answered."""

    payer_id: UUID
    payer: str
    basis_points: int
    agrees: bool | None
    says: str
    answered_at: datetime | None


class ProposalOut(msgspec.Struct):
    """`standing`: waits, to_confirm, refused, agreed (in force), withdrawn."""

    id: UUID
    owner: str
    package_reference: str
    provider: str
    pence_per_week: int
    starts_on: date
    ends_on: date | None
    reason: str
    standing: str
    proposed_at: datetime
    parts: list[PartOut]


class ShareIn(msgspec.Struct, forbid_unknown_fields=True):
    payer_id: UUID
    basis_points: BasisPoints


class ProposalIn(msgspec.Struct, forbid_unknown_fields=True):
    """What other commissioners are to pay; one's own pays what is left."""

    shares: list[ShareIn]
    starts_on: date
    reason: str
    ends_on: date | None = None


class AnswerIn(msgspec.Struct, forbid_unknown_fields=True):
    agrees: bool
    says: str = ""


@get("/api/v1/packages/{package_id:uuid}/funding", **READ)
async def package_funding(request: Asked, package_id: FromPath[UUID]) -> list[FundingOut]:
    """Who pays for the package, by day."""

    async def question(work: Work) -> list[FundingRow]:
        await package_by_id(work, package_id)
        return await funding_of(work, package_id)

    return msgspec.convert(await ask(request.user, question), list[FundingOut], from_attributes=True)


@post("/api/v1/packages/{package_id:uuid}/funding-proposals", status_code=201, **PROPOSE)
async def propose(request: Asked, package_id: FromPath[UUID], data: JSONBody[ProposalIn]) -> ProposalOut:
    """Propose shares; nothing changes before all have agreed."""
    others = {each.payer_id: each.basis_points for each in data.shares}
    if len(others) != len(data.shares):
        raise InvalidInput({"shares": "Name each payer once"})
    made = await propose_funding(request.user, package_id, others, data.starts_on, data.ends_on, data.reason)
    return _out(await ask(request.user, proposal, made))


@get("/api/v1/funding-proposals", **READ)
async def list_proposals(request: Asked) -> list[ProposalOut]:
    """Proposals within my reach, those that wait first."""
    return [_out(each) for each in await ask(request.user, proposals)]


@get("/api/v1/funding-proposals/{proposal_id:uuid}", **READ)
async def get_proposal(request: Asked, proposal_id: FromPath[UUID]) -> ProposalOut:
    """One of them."""
    return _out(await ask(request.user, proposal, proposal_id))


@post("/api/v1/funding-proposals/{proposal_id:uuid}/answer", status_code=204, **AGREE)
async def answer(request: Asked, proposal_id: FromPath[UUID], data: JSONBody[AnswerIn]) -> None:
    """Agree to my organisation's share, or say why not."""
    await answer_funding(request.user, proposal_id, data.agrees, data.says)


@post("/api/v1/funding-proposals/{proposal_id:uuid}/confirm", status_code=204, **AGREE)
async def confirm(request: Asked, proposal_id: FromPath[UUID]) -> None:
    """Put agreed shares of my organisation's package into force."""
    await confirm_funding(request.user, proposal_id)


@post("/api/v1/funding-proposals/{proposal_id:uuid}/withdraw", status_code=204, **PROPOSE)
async def withdraw(request: Asked, proposal_id: FromPath[UUID]) -> None:
    """Take a proposal back."""
    await withdraw_funding(request.user, proposal_id)


def _out(found: Proposal) -> ProposalOut:
    return ProposalOut(
        found.id, found.owner, found.reference, found.provider, found.pence_per_week, found.starts_on, found.ends_on,
        found.reason, found.standing, found.proposed_at,
        msgspec.convert(list(found.parts), list[PartOut], from_attributes=True),
    )  # fmt: skip


ROUTES: list[Any] = [package_funding, propose, list_proposals, get_proposal, answer, confirm, withdraw]

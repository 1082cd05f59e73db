"""JSON for a provider about its own contracts: agreeing minutes, answering, giving, objecting, reporting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.params import FromPath, JSONBody

from marketplace.contracts import charges, cqc, findings, following, occasions, requests, schemas
from marketplace.contracts.steps import ANSWER
from marketplace.identity.guards import requires
from marketplace.platform.errors import InvalidInput
from marketplace.providers.schemas import MadeOut

ANSWERS: dict[str, Any] = {"guards": [requires(ANSWER)], "tags": ["Contracts"]}
Asked = Request[Any, Any, Any]


@post("/api/v1/contract-occasions/{occasion_id:uuid}/answer", status_code=204, **ANSWERS)
async def answer_minutes(
    request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.MinutesAnswerIn]
) -> None:  # fmt: skip
    """Agree the minutes, or have a comment kept beside them."""
    await occasions.answer_minutes(request.user, occasion_id, agrees=data.agrees, says=data.says)


@post("/api/v1/contract-findings/{finding_id:uuid}/answer", status_code=204, **ANSWERS)
async def answer_finding(request: Asked, finding_id: FromPath[UUID], data: JSONBody[schemas.AnswerIn]) -> None:
    """Answer what a visit found, with files."""
    await findings.answer_finding(request.user, finding_id, data.says, data.evidence)


@post("/api/v1/contract-actions/{contract_action_id:uuid}/done", status_code=204, **ANSWERS)
async def say_done(request: Asked, contract_action_id: FromPath[UUID], data: JSONBody[schemas.AnswerIn]) -> None:
    """Say that an action is done, with files that show it."""
    await following.say_done(request.user, contract_action_id, data.says, data.evidence)


@post("/api/v1/information-requests/{information_id:uuid}/give", status_code=204, **ANSWERS)
async def give(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.AnswerIn]) -> None:
    """Give the information asked for, in words and files."""
    await requests.give(request.user, information_id, data.says, data.evidence)


@post("/api/v1/information-requests/{information_id:uuid}/object", status_code=204, **ANSWERS)
async def object_to(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.SaysIn]) -> None:
    """Object to a charge for information."""
    await charges.object_to(request.user, information_id, data.says)


@post("/api/v1/cqc-changes", **ANSWERS)
async def report(request: Asked, data: JSONBody[schemas.ChangeIn]) -> MadeOut:
    """Report what the Care Quality Commission changed, with when it was learnt of."""
    if data.learnt_at.tzinfo is None:
        raise InvalidInput({"learnt_at": "Give the moment with its offset from UTC"})
    return MadeOut(
        await cqc.report(request.user, kind=data.kind, says=data.says, learnt_at=data.learnt_at, change_id=data.id)
    )


ROUTES: list[Any] = [answer_minutes, answer_finding, say_done, give, object_to, report]

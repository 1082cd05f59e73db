"""JSON: corrections that charge a family more, proposed, answered, decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.billing import corrections
from marketplace.billing.correction_queries import CorrectionFile, correction
from marketplace.billing.correction_queries import corrections as corrections_of
from marketplace.identity.guards import requires
from marketplace.packages.outcomes import Given
from marketplace.packages.schemas import In, Made
from marketplace.packages.tables import Correction
from marketplace.packages.visit_schemas import Moment
from marketplace.platform.database import ask

TAGS = ["Visits"]
READS: dict[str, Any] = {"guards": [requires("visit.correct", "visit.confirm", "visit.resolve")], "tags": TAGS}
PROPOSES: dict[str, Any] = {"guards": [requires("visit.correct")], "tags": TAGS}
ANSWERS: dict[str, Any] = {"guards": [requires("visit.confirm")], "tags": TAGS}
DECIDES: dict[str, Any] = {"guards": [requires("visit.resolve")], "tags": TAGS}


class CorrectionIn(In, kw_only=True):
    """`outcome` as it should have been (cancelled_by_family with `notice_at`), and the charge that was seen."""

    version: int
    outcome: str
    reason: str
    notice_at: Moment | None = None
    charge_pence: int | None = None


class AnswerIn(In, kw_only=True):
    """The family's word; a no says why."""

    agrees: bool
    says: str = ""


class DecisionIn(In, kw_only=True):
    """The referrer's decision where the family would not answer, or said no."""

    apply: bool
    reason: str


class PutIn(In, kw_only=True):
    """Why the family does not answer: one of the pack's coded reasons for an unsigned visit."""

    code: str


class AnswerOut(msgspec.Struct, kw_only=True):
    """What a member of the family said."""

    person_name: str
    agrees: bool
    says: str
    answered_at: datetime


class CorrectionOut(msgspec.Struct, kw_only=True):
    """A proposed correction: what stands, what it would be, what it would cost, and what became of it."""

    id: UUID
    visit_id: UUID
    state: str
    was_outcome: str
    was_notice_at: datetime | None
    was_pence: int | None
    was_minutes: int | None
    outcome: str
    notice_at: datetime | None
    charge_pence: int | None
    whole_pence: int | None
    percent: int
    taken_minutes: int
    reason: str
    proposed_at: datetime
    decision: str | None
    decision_reason: str | None
    lapsed_because: str | None
    answers: list[AnswerOut] = []


@get("/api/v1/corrections", **READS)
async def list_corrections(request: Request[Any, Any, Any]) -> list[CorrectionOut]:
    """Corrections within my reach, those that wait first."""
    return [_out(each) for each in await ask(request.user, corrections_of)]


@get("/api/v1/corrections/{correction_id:uuid}", **READS)
async def get_correction(request: Request[Any, Any, Any], correction_id: FromPath[UUID]) -> CorrectionOut:
    """One correction with the family's answers."""
    return _whole(await ask(request.user, correction, correction_id))


@post("/api/v1/visits/{visit_id:uuid}/corrections", **PROPOSES)
async def propose(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[CorrectionIn]) -> Made:
    """Propose an outcome that charges the family more than is recorded; `charge_pence` is what was seen."""
    made = await corrections.propose_correction(
        request.user, visit_id, Given(data.outcome, data.notice_at), version=data.version, reason=data.reason,
        charge_pence=data.charge_pence,
    )  # fmt: skip
    return Made(id=made)


@post("/api/v1/corrections/{correction_id:uuid}/answer", status_code=204, **ANSWERS)
async def answer(request: Request[Any, Any, Any], correction_id: FromPath[UUID], data: JSONBody[AnswerIn]) -> None:
    """Say yes or no, as the family."""
    await corrections.answer_correction(request.user, correction_id, agrees=data.agrees, says=data.says)


@post("/api/v1/corrections/{correction_id:uuid}/put", status_code=204, **PROPOSES)
async def put(request: Request[Any, Any, Any], correction_id: FromPath[UUID], data: JSONBody[PutIn]) -> None:
    """The family does not answer: its referrer decides."""
    await corrections.put_to_referrer(request.user, correction_id, code=data.code)


@post("/api/v1/corrections/{correction_id:uuid}/withdraw", status_code=204, **PROPOSES)
async def withdraw(request: Request[Any, Any, Any], correction_id: FromPath[UUID]) -> None:
    """Take a proposal back."""
    await corrections.withdraw_correction(request.user, correction_id)


@post("/api/v1/corrections/{correction_id:uuid}/decision", status_code=204, **DECIDES)
async def decide(request: Request[Any, Any, Any], correction_id: FromPath[UUID], data: JSONBody[DecisionIn]) -> None:
    """Decide as the referrer whose case it is."""
    await corrections.decide_correction(request.user, correction_id, apply=data.apply, reason=data.reason)


def _out(found: Correction) -> CorrectionOut:
    names = [name for name in CorrectionOut.__struct_fields__ if name != "answers"]
    return CorrectionOut(**{name: getattr(found, name) for name in names})


def _whole(found: CorrectionFile) -> CorrectionOut:
    out = _out(found.correction)
    out.answers = [msgspec.convert(each, AnswerOut, from_attributes=True) for each in found.answers]
    return out


ROUTES: list[Any] = [list_corrections, get_correction, propose, answer, put, withdraw, decide]

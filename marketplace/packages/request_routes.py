"""JSON: what cancelling a visit would mean, asking for another time, answering it, making up a visit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import queries, visit_requests
from marketplace.packages.allocation_left import LeftAround, left_around
from marketplace.packages.cancellation import cancelling, terms_of
from marketplace.packages.change_page import changing
from marketplace.packages.overruns import ask_longer
from marketplace.packages.schemas import In, Made
from marketplace.packages.visit_requests import Asked, request_of
from marketplace.packages.visit_schemas import Moment
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.cancelling import CancellationTerms

ASKS: dict[str, Any] = {"guards": [requires("visit.call_off")], "tags": ["Visits"]}
ANSWERS: dict[str, Any] = {"guards": [requires("visit.plan")], "tags": ["Visits"]}
CANCELS: dict[str, Any] = {"guards": [requires("visit.plan", "visit.call_off")], "tags": ["Visits"]}
READS: dict[str, Any] = {"guards": [requires("visit.plan", "visit.call_off")], "tags": ["Visits"]}


class LeftOut(msgspec.Struct):
    """What is left of the child's allocation in `unit` (minutes or pence), before and after; as worked out `as_of`."""

    unit: str
    before: int
    after: int
    as_of: datetime


class TermsOut(msgspec.Struct, kw_only=True):
    """What not taking place means: pence charged of the whole price, minutes off the child's allocation.

    `charged_pence` is what `cancel` takes as `charge_pence`: another sum by then is refused with `price_changed`.
    Where it `waits`, the time is charged once, here or on a brother's or sister's visit: this is the most it can be.
    `allocation` is null for a provider, and where none that is worked out holds the visit's day.
    """

    percent: int
    charged_pence: int | None
    whole_pence: int | None
    minutes: int
    taken_minutes: int
    made_up: bool
    may_be_asked_again: bool
    waits: bool
    allocation: LeftOut | None = None


class AskIn(In, kw_only=True):
    """Another time that would do, and why."""

    starts_at: Moment
    ends_at: Moment
    reason: str


class LongerIn(In, kw_only=True):
    """Until when a visit is asked to last, and why."""

    ends_at: Moment
    reason: str


class AgreeIn(In, kw_only=True):
    """Who comes to a new visit (left out: those of the old one); when, for one that is made up."""

    worker_ids: list[UUID] | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class DeclineIn(In, kw_only=True):
    """Why the time cannot be had."""

    reason: str


class RequestOut(msgspec.Struct, kw_only=True):
    """What was asked about a visit, and what became of it."""

    id: UUID
    visit_id: UUID
    package: str
    kind: str
    state: str
    asked_side: str
    asked_at: datetime
    wished_start: datetime | None
    wished_end: datetime | None
    says: str
    answer: str | None
    new_visit_id: UUID | None


class OpenRequestOut(msgspec.Struct, kw_only=True):
    """A request that waits for the provider."""

    id: UUID
    kind: str
    asked_at: datetime
    reference: str
    planned_start: datetime
    wished_start: datetime | None


@get("/api/v1/visits/{visit_id:uuid}/cancellation", **CANCELS)
async def cancellation(
    request: Request[Any, Any, Any],
    visit_id: FromPath[UUID],
    outcome: FromQuery[str | None] = None,
    notice_at: FromQuery[datetime | None] = None,
) -> TermsOut:
    """What cancelling this visit would mean: now, for the family; or in the way the provider names."""
    terms, left = await ask(request.user, _terms, visit_id, outcome, notice_at)
    found = msgspec.convert(terms, TermsOut, from_attributes=True)
    found.allocation = None if left is None else LeftOut(left.unit, left.before, left.after, left.as_of)
    return found


async def _terms(
    work: Work, visit_id: UUID, outcome: str | None, notice_at: datetime | None
) -> tuple[CancellationTerms, LeftAround | None]:
    if work.actor.provider_id is None:
        visit, _, _, terms = await cancelling(work, visit_id)
        return terms, await left_around(work, visit, terms)
    visit = (await changing(work, visit_id))[0]
    if outcome not in ("cancelled_by_family", "cancelled_on_arrival", "cancelled_by_provider"):
        raise InvalidInput({"outcome": "Say who cancels: cancelled_by_family, _on_arrival or _by_provider"})
    if notice_at is not None and notice_at.tzinfo is None:
        raise InvalidInput({"notice_at": "Give the time with its offset"})
    return await terms_of(work, visit, outcome, notice_at), None


@post("/api/v1/visits/{visit_id:uuid}/another-time", **ASKS)
async def ask_for_time(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[AskIn]) -> Made:
    """Ask for another time for a coming visit, or for one instead of a visit the family cancelled."""
    made = await visit_requests.ask_for_time(
        request.user, visit_id, starts_at=data.starts_at, ends_at=data.ends_at, reason=data.reason
    )
    return Made(id=made)


@post("/api/v1/visits/{visit_id:uuid}/ask-longer", **ANSWERS)
async def ask_for_longer(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[LongerIn]) -> Made:
    """Ask the referrer beforehand for a visit that ends later; the answer stands among the visit's requests."""
    return Made(id=await ask_longer(request.user, visit_id, ends_at=data.ends_at, reason=data.reason))


@get("/api/v1/visits/{visit_id:uuid}/requests", **READS)
async def requests(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> list[RequestOut]:
    """What was asked about a visit, the newest first."""
    return await ask(request.user, _requests, visit_id)


async def _requests(work: Work, visit_id: UUID) -> list[RequestOut]:
    visit = await queries.visit(work, visit_id)
    package = await queries.package(work, visit.package_id)
    return [_out(Asked(each, visit, package)) for each in await visit_requests.requests_about(work, visit)]


@get("/api/v1/visit-requests", **ANSWERS)
async def waiting(request: Request[Any, Any, Any]) -> list[OpenRequestOut]:
    """What waits for the provider: times asked for, visits to be made up; the oldest first."""
    rows = await ask(request.user, visit_requests.open_requests)
    return [OpenRequestOut(**dict(row)) for row in rows]


@get("/api/v1/visit-requests/{request_id:uuid}", **READS)
async def one(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> RequestOut:
    """One request."""
    return _out(await ask(request.user, request_of, request_id))


@post("/api/v1/visit-requests/{request_id:uuid}/agree", status_code=200, **ANSWERS)
async def agree(request: Request[Any, Any, Any], request_id: FromPath[UUID], data: JSONBody[AgreeIn]) -> Made:
    """Place what is asked; the id of the visit."""
    placed = await visit_requests.agree(
        request.user, request_id, worker_ids=data.worker_ids or [], starts_at=data.starts_at, ends_at=data.ends_at
    )
    return Made(id=placed)


@post("/api/v1/visit-requests/{request_id:uuid}/decline", status_code=204, **ANSWERS)
async def decline(request: Request[Any, Any, Any], request_id: FromPath[UUID], data: JSONBody[DeclineIn]) -> None:
    """Say why the time cannot be had."""
    await visit_requests.decline(request.user, request_id, reason=data.reason)


@post("/api/v1/visit-requests/{request_id:uuid}/withdraw", status_code=204, **ASKS)
async def withdraw(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> None:
    """It is not needed any more."""
    await visit_requests.withdraw(request.user, request_id)


def _out(asked: Asked) -> RequestOut:
    request = asked.request
    return RequestOut(
        id=request.id, visit_id=request.visit_id, package=asked.package.reference, kind=request.kind,
        state=request.state, asked_side=request.asked_side, asked_at=request.asked_at,
        wished_start=request.wished_start, wished_end=request.wished_end, says=request.says, answer=request.answer,
        new_visit_id=request.new_visit_id,
    )  # fmt: skip


ROUTES: list[Any] = [
    cancellation, ask_for_time, ask_for_longer, requests, waiting, one, agree, decline, withdraw,
]  # fmt: skip

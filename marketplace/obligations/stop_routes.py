"""JSON: asking that a duty's clock stands, deciding on it, letting it run again; at both front doors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires, signed_in
from marketplace.obligations import stop_queries, stopping
from marketplace.obligations.stop_queries import STATES, Stop
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput

Asked = Request[Any, Any, Any]
TAG: dict[str, Any] = {"tags": ["Duties"]}


class StopIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`ground` is one of the duty's `stop_grounds`; without `until_at` the clock stands as long as the terms allow."""

    ground: str
    reason: str
    from_at: datetime
    until_at: datetime | None = None


class DecisionIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    accepted: bool
    decision: str


class MadeOut(msgspec.Struct):
    id: UUID


class StopOut(msgspec.Struct, kw_only=True):
    """One ask. `state`: asked, stopped, to_come, over, declined, closed (taken back, or
    overtaken by the duty's end)."""

    id: UUID
    duty_id: UUID
    duty: str
    reference: str
    asker: str
    state: str
    ground: str
    reason: str
    from_at: datetime
    until_at: datetime | None
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str
    decision: str
    stands_until: datetime | None
    ended_at: datetime | None
    ended_by: str


def stop_out(stop: Stop) -> StopOut:
    """The ask in the API's shape."""
    return StopOut(**{name: getattr(stop, name) for name in StopOut.__struct_fields__})


@post("/api/v1/duties/{duty_id:uuid}/stops", status_code=201, guards=[requires(stopping.ASK)], **TAG)
async def post_stop(request: Asked, duty_id: FromPath[UUID], data: JSONBody[StopIn]) -> MadeOut:
    """Ask that the clock of a duty of ours stands."""
    made = await stopping.ask_to_stop(
        request.user, duty_id, ground=data.ground, reason=data.reason, from_at=data.from_at, until_at=data.until_at
    )
    return MadeOut(made)


@get("/api/v1/clock-stops", guards=[signed_in], **TAG)
async def get_stops(request: Asked, in_state: FromQuery[str | None] = None) -> list[StopOut]:
    """What was asked about clocks, of us or by us: what is to decide first."""
    if in_state is not None and in_state not in STATES:
        raise InvalidInput({"in_state": f"The state must be one of {', '.join(STATES)}"})
    return [stop_out(each) for each in await ask(request.user, stop_queries.stops, in_state)]


@get("/api/v1/clock-stops/{stop_id:uuid}", guards=[signed_in], **TAG)
async def get_stop(request: Asked, stop_id: FromPath[UUID]) -> StopOut:
    """One ask."""
    return stop_out(await ask(request.user, stop_queries.one_stop, stop_id))


@post("/api/v1/clock-stops/{stop_id:uuid}/decision", status_code=204, guards=[requires(stopping.DECIDES)], **TAG)
async def post_decision(request: Asked, stop_id: FromPath[UUID], data: JSONBody[DecisionIn]) -> None:
    """Accept or decline; accepted, the duty falls due later by the time its clock stands."""
    await stopping.decide_stop(request.user, stop_id, data.accepted, data.decision)


@post("/api/v1/clock-stops/{stop_id:uuid}/end", status_code=204, guards=[signed_in], **TAG)
async def post_end(request: Asked, stop_id: FromPath[UUID]) -> None:
    """Let the clock run again from now on: either side may."""
    await stopping.end_stop(request.user, stop_id)


@post("/api/v1/clock-stops/{stop_id:uuid}/take-back", status_code=204, guards=[requires(stopping.ASK)], **TAG)
async def post_take_back(request: Asked, stop_id: FromPath[UUID]) -> None:
    """Take back an ask that is not decided."""
    await stopping.take_back(request.user, stop_id)


ROUTES: list[Any] = [post_stop, get_stops, get_stop, post_decision, post_end, post_take_back]

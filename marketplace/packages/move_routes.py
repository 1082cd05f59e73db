"""JSON: moving a package to another provider, with its handover."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import moving, queries
from marketplace.packages.schemas import In
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound

MOVES: dict[str, Any] = {"guards": [requires("referral.write")], "tags": ["Packages"]}
HANDS_OVER: dict[str, Any] = {"guards": [requires("package.write")], "tags": ["Packages"]}
Text = Annotated[str, msgspec.Meta(max_length=6000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Asked = Request[Any, Any, Any]


class MoveIn(In, kw_only=True):
    reason: Text


class HandoverIn(In, kw_only=True):
    says: Text


class MovedOut(msgspec.Struct, kw_only=True):
    referral_id: UUID


class HandoverOut(msgspec.Struct, kw_only=True):
    says: str
    written_at: datetime
    written_by: str


class MoveOut(msgspec.Struct, kw_only=True):
    """A package's move; `referral_id` is null to a provider. `handovers` are those the reader may read."""

    reason: str | None
    referral_id: UUID | None
    new_package_id: UUID | None
    handovers: list[HandoverOut]


@get("/api/v1/packages/{package_id:uuid}/move", **HANDS_OVER)
async def get_move(request: Asked, package_id: FromPath[UUID]) -> MoveOut:
    """How far the move of a package is, and what was handed over; also for the provider that took it over."""
    return await ask(request.user, _out, package_id)


@post("/api/v1/packages/{package_id:uuid}/move", **MOVES)
async def begin(request: Asked, package_id: FromPath[UUID], data: JSONBody[MoveIn]) -> MovedOut:
    """Begin to move a package: makes a draft from what is known and asks for a handover."""
    return MovedOut(referral_id=await moving.begin_move(request.user, package_id, reason=data.reason))


@post("/api/v1/packages/{package_id:uuid}/move/call-off", status_code=204, **MOVES)
async def call_off(request: Asked, package_id: FromPath[UUID], data: JSONBody[MoveIn]) -> None:
    """The package stays with its provider."""
    await moving.call_off_move(request.user, package_id, data.reason)


@post("/api/v1/packages/{package_id:uuid}/move/finish", status_code=204, **MOVES)
async def finish(request: Asked, package_id: FromPath[UUID]) -> None:
    """End the package: another provider has taken over."""
    await moving.finish_move(request.user, package_id)


@post("/api/v1/packages/{package_id:uuid}/handover", status_code=204, **HANDS_OVER)
async def hand_over(request: Asked, package_id: FromPath[UUID], data: JSONBody[HandoverIn]) -> None:
    """Write what the next provider has to know."""
    await moving.write_handover(request.user, package_id, data.says)


async def _out(work: Work, package_id: UUID) -> MoveOut:
    package = await queries.package(work, package_id)
    move = await moving.move_of(work, package)
    taken = await moving.handovers_to(work, package)
    if move is None and not taken:
        raise NotFound("This package is not being moved.")
    rows = [*taken, *(move.handovers if move is not None else ())]
    return MoveOut(
        reason=move.reason if move else None,
        referral_id=move.referral_id if move and work.actor.commissioner_id is not None else None,
        new_package_id=move.new_package_id if move else None,
        handovers=[
            HandoverOut(says=row["says"], written_at=row["written_at"], written_by=row["written_by_name"])
            for row in rows
        ],
    )


ROUTES: list[Any] = [get_move, begin, call_off, finish, hand_over]

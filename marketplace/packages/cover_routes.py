"""JSON: what of a package's provider's registration and insurance has lapsed, and what is decided about the package."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import queries
from marketplace.packages.lapsed_cover import LapsedCover, covers_of, decide
from marketplace.packages.schemas import In
from marketplace.platform.database import Work, ask

READS: dict[str, Any] = {"guards": [requires("provider.suspend", "package.write")], "tags": ["Packages"]}
DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")], "tags": ["Packages"]}


class CoverIn(In, kw_only=True):
    """`goes_on`: the package goes on meanwhile; false: its visits stop."""

    goes_on: bool
    reason: str


class CoverOut(msgspec.Struct, kw_only=True):
    """What of the provider's cover has lapsed, and the decision in force about this package; null: none yet."""

    rule: str
    says: str
    since: datetime
    goes_on: bool | None
    reason: str
    decided_by: str
    decided_at: datetime | None


@get(
    "/api/v1/packages/{package_id:uuid}/cover",
    guards=[requires("provider.suspend", "package.write")],
    tags=["Packages"],
)
async def get_cover(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> list[CoverOut]:
    """What of the provider's registration and insurance has lapsed for this package; empty where all is in date."""
    found = await ask(request.user, _covers, package_id)
    return [
        CoverOut(
            rule=cover.rule_key, says=cover.says, since=cover.since, goes_on=cover.goes_on, reason=cover.reason,
            decided_by=cover.by, decided_at=cover.at,
        )
        for cover in found
    ]  # fmt: skip


@post("/api/v1/packages/{package_id:uuid}/cover", status_code=204, **DECIDES)
async def post_cover(request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[CoverIn]) -> None:
    """Decide whether the package goes on while its provider's cover has lapsed; again replaces the decision."""
    await decide(request.user, package_id, goes_on=data.goes_on, reason=data.reason)


async def _covers(work: Work, package_id: UUID) -> list[LapsedCover]:
    return await covers_of(work, await queries.package(work, package_id))


ROUTES: list[Any] = [get_cover]
CONSOLE_ROUTES: list[Any] = [get_cover, post_cover]

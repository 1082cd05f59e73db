"""JSON: what of a package's provider's registration and insurance has lapsed, and what is decided about the package."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import queries
from marketplace.packages.emergency_cover import EmergencyCover, ask_cover, covers_sought
from marketplace.packages.lapsed_cover import LapsedCover, covers_of, decide
from marketplace.packages.schemas import In
from marketplace.platform.database import Work, ask

READS: dict[str, Any] = {"guards": [requires("provider.suspend", "package.write")], "tags": ["Packages"]}
DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")], "tags": ["Packages"]}


class CoverIn(In, kw_only=True):
    """`goes_on`: the package goes on meanwhile; false: its visits stop, and with `emergency_cover` another provider is
    looked for at once, who answers within `answer_hours` (default: the pack's). `seen`: the `seen` of all that had
    lapsed when you looked; refused where that is no longer so."""

    goes_on: bool
    reason: str
    emergency_cover: bool = False
    answer_hours: int | None = None
    seen: list[str] | None = None


class CoverDecidedOut(msgspec.Struct, kw_only=True):
    """`unsent`: why the referral for emergency cover waits for the referrer; null where it was sent or none asked."""

    unsent: str | None


class EmergencyIn(In, kw_only=True):
    """Look for emergency cover of a package whose visits are stopped; `answer_hours` by default the pack's."""

    reason: str
    answer_hours: int | None = None


class EmergencyAskedOut(CoverDecidedOut, kw_only=True):
    """The referral that was made."""

    referral_id: UUID


class EmergencyOut(msgspec.Struct, kw_only=True):
    """Emergency cover that was asked for, authorised by whom, and the package that came of it."""

    referral_id: UUID
    reference: str
    state: str
    first_day: date
    last_day: date
    answer_hours: int | None
    respond_by: datetime | None
    offers: int
    authorised_by: str
    asked_at: datetime
    package_id: UUID | None
    provider: str | None
    says: str


class CoverOut(msgspec.Struct, kw_only=True):
    """What of the provider's cover has lapsed, and the decision in force about this package; null: none yet. `seen` is
    sent back by whoever decides."""

    rule: str
    says: str
    since: datetime
    goes_on: bool | None
    reason: str
    decided_by: str
    decided_at: datetime | None
    seen: str


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
            decided_by=cover.by, decided_at=cover.at, seen=cover.seen,
        )
        for cover in found
    ]  # fmt: skip


@post("/api/v1/packages/{package_id:uuid}/cover", status_code=200, **DECIDES)
async def post_cover(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[CoverIn]
) -> CoverDecidedOut:
    """Decide whether the package goes on while its provider's cover has lapsed; again replaces the decision."""
    unsent = await decide(
        request.user, package_id, goes_on=data.goes_on, reason=data.reason, emergency_cover=data.emergency_cover,
        answer_hours=data.answer_hours, seen=data.seen,
    )  # fmt: skip
    return CoverDecidedOut(unsent=unsent)


@get("/api/v1/packages/{package_id:uuid}/emergency-cover", **DECIDES)
async def get_emergency_cover(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> list[EmergencyOut]:
    """The emergency cover asked for a package, the newest first."""
    return [
        EmergencyOut(
            referral_id=each.referral_id, reference=each.reference, state=each.state, first_day=each.first_day,
            last_day=each.last_day, answer_hours=each.answer_hours, respond_by=each.respond_by, offers=each.offers,
            authorised_by=each.asked_by, asked_at=each.asked_at, package_id=each.new_package_id,
            provider=each.new_provider, says=each.says,
        )
        for each in await ask(request.user, _sought, package_id)
    ]  # fmt: skip


@post("/api/v1/packages/{package_id:uuid}/emergency-cover", **DECIDES)
async def post_emergency_cover(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[EmergencyIn]
) -> EmergencyAskedOut:
    """Look for emergency cover; whoever asks authorises it by name."""
    made, unsent = await ask_cover(request.user, package_id, reason=data.reason, answer_hours=data.answer_hours)
    return EmergencyAskedOut(referral_id=made, unsent=unsent)


async def _sought(work: Work, package_id: UUID) -> list[EmergencyCover]:
    return await covers_sought(work, await queries.package(work, package_id))


async def _covers(work: Work, package_id: UUID) -> list[LapsedCover]:
    return await covers_of(work, await queries.package(work, package_id))


ROUTES: list[Any] = [get_cover]
CONSOLE_ROUTES: list[Any] = [get_cover, post_cover, get_emergency_cover, post_emergency_cover]

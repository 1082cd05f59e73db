"""JSON: visits from a rostering system, and the planned ones to start from (docs/rostering.md)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.billing.rostering import Status, prefilled, take_rows, unrecorded
from marketplace.identity.guards import requires
from marketplace.packages.schemas import In
from marketplace.platform.database import ask

IMPORTS: dict[str, Any] = {"guards": [requires("visit.import")], "tags": ["Rostering"]}


class RosterRowIn(In, kw_only=True):
    """One visit, all of it texts; times as ISO 8601 with their offset (London's clock without one)."""

    reference: str
    outcome: str
    visit: str = ""
    package: str = ""
    planned_start: str = ""
    planned_end: str = ""
    activity: str = ""
    workers: str = ""
    start: str = ""
    end: str = ""
    activities: str = ""
    notice_at: str = ""
    reason: str = ""


class RosterIn(In, kw_only=True):
    """Up to 500 visits. `only_look` says what would happen and keeps nothing."""

    visits: list[RosterRowIn]
    only_look: bool = False


class VerdictOut(msgspec.Struct, kw_only=True):
    """What became of one row; `sentence` says why it is refused."""

    row: int
    reference: str
    status: Status
    sentence: str
    visit_id: UUID | None


class RosterOut(msgspec.Struct, kw_only=True):
    results: list[VerdictOut]


@post("/api/v1/roster/visits", status_code=200, **IMPORTS)
async def send_visits(request: Request[Any, Any, Any], data: JSONBody[RosterIn]) -> RosterOut:
    """Take visits row by row: what is wrong with one holds up no other; sent twice they count once."""
    rows = [msgspec.structs.asdict(each) for each in data.visits]
    verdicts = await take_rows(request.user, rows, only_look=data.only_look)
    return RosterOut(results=[msgspec.convert(each, VerdictOut, from_attributes=True) for each in verdicts])


@get("/api/v1/roster/planned/{first_day:date}/{last_day:date}", **IMPORTS)
async def planned_visits(
    request: Request[Any, Any, Any], first_day: FromPath[date], last_day: FromPath[date]
) -> list[RosterRowIn]:
    """My ended visits of these days with nothing recorded, filled in as they were planned, to be sent back."""
    return [RosterRowIn(**prefilled(each)) for each in await ask(request.user, unrecorded, first_day, last_day)]


ROUTES: list[Any] = [send_visits, planned_visits]

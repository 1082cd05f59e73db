"""JSON: what lapses next, of the acting provider or of the acting worker alone."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import FromQuery

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import local_day
from marketplace.providers.lapses import Lapse, lapses, within

READS: dict[str, Any] = {"guards": [requires("workforce.write", "training.read")], "tags": ["Workforce"]}
LONGEST_DAYS = 3660


class LapseOut(msgspec.Struct, kw_only=True):
    """One fact with its last good day. `kind`: dbs, registration, competency, check, insurance or declaration.

    `worker_id` is null for the organisation's own; `days_left` is below zero once it has lapsed.
    """

    kind: str
    code: str
    title: str
    until: date
    days_left: int
    then: str
    worker_id: UUID | None
    worker: str | None
    package_id: UUID | None


@get("/api/v1/lapses", **READS)
async def get_lapses(request: Request[Any, Any, Any], within_days: FromQuery[int | None] = None) -> list[LapseOut]:
    """Everything that counts up to a day, the first to lapse first; `within_days` leaves out what lapses later."""
    return await ask(request.user, _lapses, within_days)


async def _lapses(work: Work, days: int | None) -> list[LapseOut]:
    found, today = await lapses(work), local_day(work.now)
    if days is not None:
        found = within(found, min(max(days, 0), LONGEST_DAYS), today)
    return [_out(lapse, today) for lapse in found]


def _out(lapse: Lapse, today: date) -> LapseOut:
    return LapseOut(
        kind=lapse.kind,
        code=lapse.code,
        title=lapse.title,
        until=lapse.until,
        days_left=lapse.days_left(today),
        then=lapse.then,
        worker_id=lapse.worker_id,
        worker=lapse.worker_name or None,
        package_id=lapse.package_id,
    )


ROUTES: list[Any] = [get_lapses]

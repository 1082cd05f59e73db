"""JSON: DBS status checks with the update service, asked for one worker or looked up by themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.providers import dbs_updates, queries

READS: dict[str, Any] = {"guards": [requires("workforce.read")], "tags": ["Workforce"]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")], "tags": ["Workforce"]}
Asked = Request[Any, Any, Any]


class StatusCheckOut(msgspec.Struct, kw_only=True):
    """`answer` is the service's code, or other_name, unreachable, unreadable; `check_id` the check it counts as."""

    answer: str
    sentence: str
    check_id: UUID | None


class StatusRequestOut(msgspec.Struct, kw_only=True):
    asked_at: datetime
    asked_by: str
    automatic: bool
    answer: str
    check_id: UUID | None


class StatusLineOut(msgspec.Struct, kw_only=True):
    """`to_mend`: the service knows no such certificate, or knows it under another name."""

    worker_id: UUID
    name: str
    consent: bool
    complete: bool
    checked_on: date | None
    outcome: str | None
    due: bool
    to_mend: bool
    last_answer: str | None


class StatusChecksOut(msgspec.Struct, kw_only=True):
    """`automatic` is the person in whose name due statuses are looked up by themselves, null where they are not."""

    connected: bool
    automatic: str | None
    workers: list[StatusLineOut]


@post("/api/v1/workers/{worker_id:uuid}/status-checks", **WRITES)
async def post_status_check(request: Asked, worker_id: FromPath[UUID]) -> StatusCheckOut:
    """Ask the update service about a worker's certificate; new information stands the worker down."""
    found = await dbs_updates.check_status(request.user, settings_of(request), worker_id)
    return StatusCheckOut(answer=found.answer, sentence=found.sentence, check_id=found.check_id)


async def _requests(work: Work, worker_id: UUID) -> list[StatusRequestOut]:
    await queries.worker(work, worker_id)
    return [
        StatusRequestOut(
            asked_at=row["asked_at"], asked_by=row["asked_by_name"], automatic=row["automatic"], answer=row["answer"],
            check_id=row["check_id"],
        )
        for row in await dbs_updates.requests_about(work, worker_id)
    ]  # fmt: skip


@get("/api/v1/workers/{worker_id:uuid}/status-checks", **READS)
async def list_status_checks(request: Asked, worker_id: FromPath[UUID]) -> list[StatusRequestOut]:
    """What was asked about a worker, newest first."""
    return await ask(request.user, _requests, worker_id)


async def _all(work: Work, connected: bool) -> StatusChecksOut:
    fields = StatusLineOut.__struct_fields__
    lines = await dbs_updates.status_lines(work)
    return StatusChecksOut(
        connected=connected,
        automatic=await dbs_updates.automatic(work),
        workers=[StatusLineOut(**{name: getattr(line, name) for name in fields}) for line in lines],
    )


@get("/api/v1/status-checks", **READS)
async def get_status_checks(request: Asked) -> StatusChecksOut:
    """My workers' last DBS checks, those due first, and whether due ones are looked up by themselves."""
    return await ask(request.user, _all, bool(settings_of(request).dbs_update_service_url))


@put("/api/v1/status-checks/automatic", status_code=204, **WRITES)
async def put_automatic(request: Asked) -> None:
    """Due statuses are looked up by themselves from now on, in my name."""
    await dbs_updates.start_automatic(request.user)


@delete("/api/v1/status-checks/automatic", **WRITES)
async def delete_automatic(request: Asked) -> None:
    """Statuses are looked up only when somebody asks."""
    await dbs_updates.stop_automatic(request.user)


ROUTES: list[Any] = [
    post_status_check, list_status_checks, get_status_checks, put_automatic, delete_automatic,
]  # fmt: skip

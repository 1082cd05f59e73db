"""JSON for operators: health, organisations, held jobs, the demo's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from admin import operator_queries
from admin.operator_actions import run_job_again
from admin.operator_pages import storage_state
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.obligations import demo_clock
from marketplace.obligations.pages import only_in_demo
from marketplace.platform.database import ask

AnyRequest = Request[Any, Any, Any]


class HealthOut(msgspec.Struct, kw_only=True):
    """How the deployment is; counts only."""

    software: str
    schema: str
    database: str
    storage: str
    jobs_waiting: int
    jobs_running: int
    jobs_held: int
    mails_waiting: int
    mails_in_trouble: int


class OrganisationOut(msgspec.Struct, kw_only=True):
    """A tenant or provider of this deployment."""

    id: UUID
    kind: str
    name: str
    short_name: str


class HeldJobOut(msgspec.Struct, kw_only=True):
    """A job that was given up."""

    id: int
    name: str
    created_at: datetime
    held_at: datetime
    attempts: int
    reason: str


class ClockIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How far to move the demo's clock: `days`, or to the next deadline."""

    days: Annotated[int, msgspec.Meta(ge=1, le=demo_clock.LONGEST_MOVE_DAYS)] | None = None
    to_next_deadline: bool = False


class ClockOut(msgspec.Struct, kw_only=True):
    """The demo's time, and the next moment at which a duty falls due."""

    now: datetime
    next_deadline: datetime | None


class DueOut(msgspec.Struct, kw_only=True):
    """One kind of duty that fell due at one moment: how many, and how many of them were met."""

    title: str
    due_at: datetime
    duties: int
    met: int


class MovedOut(msgspec.Struct, kw_only=True):
    """From when to when the clock was moved, and what fell due in between."""

    since: datetime
    until: datetime
    fell_due: list[DueOut]


@get("/api/v1/operator/health", guards=[requires("operate")], tags=["Operator"])
async def get_health(request: AnyRequest) -> HealthOut:
    """How the deployment is."""
    health = await ask(request.user, operator_queries.health)
    return HealthOut(
        software=health.software,
        schema=health.schema,
        database=health.database_version,
        storage=await storage_state(settings_of(request)),
        jobs_waiting=health.queue.waiting,
        jobs_running=health.queue.running,
        jobs_held=health.queue.held,
        mails_waiting=health.mails["waiting"],
        mails_in_trouble=health.mails["troubled"],
    )


@get("/api/v1/operator/organisations", guards=[requires("operate")], tags=["Operator"])
async def list_organisations(request: AnyRequest) -> list[OrganisationOut]:
    """Every organisation of this deployment."""
    return [
        OrganisationOut(id=row["id"], kind=row["kind"], name=row["name"], short_name=row["short_name"])
        for row in await ask(request.user, operator_queries.organisations)
    ]


@get("/api/v1/operator/jobs", guards=[requires("operate")], tags=["Operator"])
async def list_held_jobs(request: AnyRequest) -> list[HeldJobOut]:
    """The jobs that were given up, newest first."""
    _, held = await ask(request.user, operator_queries.jobs)
    return [
        HeldJobOut(
            id=job.id,
            name=job.name,
            created_at=job.created_at,
            held_at=job.held_at,
            attempts=job.attempts,
            reason=job.reason,
        )
        for job in held
    ]


@post("/api/v1/operator/jobs/{job_id:int}/run", guards=[requires("operate")], status_code=204, tags=["Operator"])
async def run_job(request: AnyRequest, job_id: FromPath[int]) -> None:
    """Put a held job back into the queue."""
    await run_job_again(request.user, job_id)


@get("/api/v1/operator/clock", guards=[requires("clock.move")], tags=["Operator"])
async def get_clock(request: AnyRequest) -> ClockOut:
    """In the demo: its time. Elsewhere there is nothing here."""
    only_in_demo(request)
    state = await ask(request.user, demo_clock.clock_state)
    return ClockOut(now=state.now, next_deadline=state.next_deadline)


@post("/api/v1/operator/clock", guards=[requires("clock.move")], status_code=200, tags=["Operator"])
async def post_clock(request: AnyRequest, data: JSONBody[ClockIn]) -> MovedOut:
    """In the demo: move domain time forward."""
    only_in_demo(request)
    moved = await demo_clock.move_clock(
        request.user, settings_of(request), days=data.days, to_next_deadline=data.to_next_deadline
    )
    due = await ask(request.user, demo_clock.fell_due, moved)
    return MovedOut(
        since=moved.since,
        until=moved.until,
        fell_due=[
            DueOut(title=row["title"], due_at=row["due_at"], duties=row["duties"], met=row["met"]) for row in due
        ],
    )


ROUTES = [
    get_health,
    list_organisations,
    list_held_jobs,
    run_job,
    get_clock,
    post_clock,
]

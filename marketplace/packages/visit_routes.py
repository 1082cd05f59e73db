"""JSON: visits, from planning to the last signature: the office's, the worker's, the family's, the referrer's part."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.packages import boards, opening, overrun_decisions, record_actions, signing, visit_actions
from marketplace.packages.cancelling import call_off
from marketplace.packages.records import RecordText
from marketplace.packages.schemas import HashIn, Made, Signed, VisitList, Why, visit_line_out
from marketplace.packages.visit_schemas import (
    CancelIn,
    ComingOut,
    MissedIn,
    MoveIn,
    NotSignedIn,
    NowOut,
    OverrunIn,
    PatternIn,
    PinIn,
    PlannedOut,
    ResolveIn,
    SwapIn,
    TimeIn,
    TimesIn,
    VisitIn,
    VisitOut,
    WeekOut,
    planned_out,
    visit_out,
    week_out,
)
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day

TAGS = ["Visits"]
READS: dict[str, Any] = {"guards": [requires("visit.read")], "tags": TAGS}
PLANS: dict[str, Any] = {"guards": [requires("visit.plan")], "tags": TAGS}
RECORDS: dict[str, Any] = {"guards": [requires("visit.record")], "tags": TAGS}
CONFIRMS: dict[str, Any] = {"guards": [requires("visit.confirm")], "tags": TAGS}
RESOLVES: dict[str, Any] = {"guards": [requires("visit.resolve")], "tags": TAGS}
DEVICE = "API"


@post("/api/v1/visits/{visit_id:uuid}/open", status_code=200, **READS)
async def open_visit(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[Why]) -> VisitOut:
    """A visit with what its reader may see of it. Logged; a reason is asked for where it is not one's own case."""
    return visit_out(await opening.open_visit(request.user, visit_id, why=data.reason))


# --- the provider plans -----------------------------------------------------------------------------------------------


@post("/api/v1/packages/{package_id:uuid}/visits/from-pattern", status_code=200, **PLANS)
async def plan_pattern(
    request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[PatternIn]
) -> PlannedOut:
    """Plan the signed plan's week for a run of days; what cannot be placed comes back as gaps with the reason."""
    done = await visit_actions.plan_from_pattern(
        request.user, package_id, data.first_day, data.last_day, data.worker_ids, slots=data.slots
    )
    return planned_out(done)


@post("/api/v1/packages/{package_id:uuid}/visits", **PLANS)
async def plan_visit(request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[VisitIn]) -> Made:
    """Plan one visit."""
    visit_id = await visit_actions.plan_visit(
        request.user, package_id, activity=data.activity, starts_at=data.starts_at, ends_at=data.ends_at,
        worker_ids=data.worker_ids, own_reference=data.own_reference,
    )  # fmt: skip
    return Made(id=visit_id)


@post("/api/v1/visits/{visit_id:uuid}/move", status_code=204, **PLANS)
async def move(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[MoveIn]) -> None:
    """Give a planned visit other times."""
    await visit_actions.move_visit(
        request.user, visit_id, version=data.version, starts_at=data.starts_at, ends_at=data.ends_at
    )


@post("/api/v1/visits/{visit_id:uuid}/swap", status_code=204, **PLANS)
async def swap(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[SwapIn]) -> None:
    """Send another ready worker."""
    await visit_actions.swap_worker(request.user, visit_id, version=data.version, leaves=data.leaves, comes=data.comes)


@post(
    "/api/v1/visits/{visit_id:uuid}/cancel",
    status_code=204,
    guards=[requires("visit.plan", "visit.record", "visit.call_off")],
    tags=TAGS,
)
async def cancel(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[CancelIn]) -> None:
    """Record that a visit does not take place: the office always, the worker when sent away at the door, the family and
    the referrer for it as `cancelled_by_family`, noticed now. Where something is charged, `charge_pence` says that it
    was seen; the worker at the door is told the share, and no sum."""
    if may(request.user, "visit.call_off"):
        if data.outcome != "cancelled_by_family" or data.notice_at is not None:
            raise InvalidInput({"outcome": "You cancel for the family, from now on: cancelled_by_family, no notice_at"})
        await call_off(
            request.user, visit_id, version=data.version, reason=data.reason, charge_pence=data.charge_pence,
            charge_required=True,
        )  # fmt: skip
        return
    await visit_actions.cancel_visit(
        request.user, visit_id, version=data.version, outcome=data.outcome, notice_at=data.notice_at,
        reason=data.reason, charge_pence=data.charge_pence, charge_required=request.user.role != "worker",
    )  # fmt: skip


@post("/api/v1/visits/{visit_id:uuid}/missed", status_code=204, **PLANS)
async def missed(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[MissedIn]) -> None:
    """Record that nobody came; family and referrer are told at once."""
    await visit_actions.record_missed(request.user, visit_id, version=data.version, reason=data.reason)


@get("/api/v1/week", **PLANS)
async def week(request: Request[Any, Any, Any], first_day: FromQuery[date]) -> WeekOut:
    """Seven days of the workforce from `first_day`, with gaps and conflicts."""
    return week_out(await ask(request.user, boards.week, first_day))


# --- the worker at the door -------------------------------------------------------------------------------------------


@get("/api/v1/now", **RECORDS)
async def now(request: Request[Any, Any, Any]) -> NowOut:
    """My next visit, the coming seven days, what I have to finish."""
    return await ask(request.user, _now)


async def _now(work: Work) -> NowOut:
    following = await boards.my_next_visit(work)
    today = local_day(work.now)
    coming = await boards.my_visits(work, today, today + timedelta(days=6))
    return NowOut(
        next=following.visit.id if following else None,
        coming=[visit_line_out(line) for line in coming if line.visit.outcome is None],
        unfinished=[visit_line_out(line) for line in await boards.my_unfinished(work)],
    )


@post("/api/v1/visits/{visit_id:uuid}/start", status_code=204, **RECORDS)
async def start(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[TimeIn]) -> None:
    """I have arrived."""
    await record_actions.start_visit(request.user, visit_id, at=data.at, reason=data.reason)


@post("/api/v1/visits/{visit_id:uuid}/finish", status_code=204, **RECORDS)
async def finish(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[TimeIn]) -> None:
    """The visit is over."""
    await record_actions.finish_visit(request.user, visit_id, at=data.at, reason=data.reason)


@post("/api/v1/visits/{visit_id:uuid}/times", status_code=204, **RECORDS)
async def times(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[TimesIn]) -> None:
    """Put start or end right until the family has answered the record."""
    await record_actions.correct_times(request.user, visit_id, start=data.start, end=data.end, reason=data.reason)


@put("/api/v1/visits/{visit_id:uuid}/record", status_code=204, **RECORDS)
async def record(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[RecordText]) -> None:
    """Write down what was done; again replaces it."""
    await record_actions.write_record(request.user, visit_id, data)


@post("/api/v1/visits/{visit_id:uuid}/sign", status_code=204, **RECORDS)
async def sign(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[HashIn]) -> None:
    """Sign one's own record as it was read."""
    await record_actions.sign_as_worker(request.user, visit_id, text_hash=data.text_hash, device=DEVICE)


@post("/api/v1/visits/{visit_id:uuid}/confirm-with-pin", status_code=200, **RECORDS)
async def confirm_with_pin(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[PinIn]) -> Signed:
    """A family member confirms on the worker's device with their own PIN."""
    complete = await signing.family_confirms_with_pin(
        request.user, settings_of(request), visit_id, person_id=data.person_id, pin=data.pin,
        text_hash=data.text_hash, device=DEVICE,
    )  # fmt: skip
    return Signed(complete=complete)


@post(
    "/api/v1/visits/{visit_id:uuid}/not-signed",
    status_code=204,
    guards=[requires("visit.record", "visit.correct")],
    tags=TAGS,
)
async def not_signed(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[NotSignedIn]) -> None:
    """Why the family has not signed, and how the record was shared with it."""
    await signing.family_cannot_sign(
        request.user, visit_id, code=data.code, shown_how=data.shown_how, remark=data.remark, text_hash=data.text_hash,
        device=DEVICE,
    )  # fmt: skip


# --- the family and the referrer --------------------------------------------------------------------------------------


@get("/api/v1/who-is-coming", **CONFIRMS)
async def who_is_coming(request: Request[Any, Any, Any]) -> ComingOut:
    """Who comes next to one's children, and what waits to be confirmed."""
    return await ask(request.user, _coming)


async def _coming(work: Work) -> ComingOut:
    return ComingOut(
        coming=[visit_line_out(line) for line in await boards.coming(work, most=20)],
        to_confirm=[visit_line_out(line) for line in await boards.to_confirm(work)],
    )


@get("/api/v1/visits", **CONFIRMS)
async def past_visits(request: Request[Any, Any, Any], page: FromQuery[int] = 1) -> VisitList:
    """Past visits to one's children, the latest first, twenty a page."""
    rows, total = await ask(request.user, boards.history, min(max(page, 1), 100_000))
    return VisitList(items=[visit_line_out(row) for row in rows], total=total)


@post("/api/v1/visits/{visit_id:uuid}/confirm", status_code=200, **CONFIRMS)
async def confirm(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[HashIn]) -> Signed:
    """Confirm that the worker came on time and did what was agreed."""
    return Signed(
        complete=await signing.family_confirms(request.user, visit_id, text_hash=data.text_hash, device=DEVICE)
    )


@post("/api/v1/visits/{visit_id:uuid}/resolve", status_code=204, **RESOLVES)
async def resolve(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[ResolveIn]) -> None:
    """Resolve a visit the family has not signed; it counts as signed."""
    await signing.resolve_unsigned(request.user, visit_id, resolution=data.resolution)


@post("/api/v1/visits/{visit_id:uuid}/overrun", status_code=204, **RESOLVES)
async def overrun(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[OverrunIn]) -> None:
    """Decide how much time beyond the planned length is billed, before or after the visit; again to take it back."""
    if data.approve:
        await overrun_decisions.approve_overrun(request.user, visit_id, minutes=data.minutes)
    else:
        await overrun_decisions.refuse_overrun(request.user, visit_id, reason=data.reason)


ROUTES: list[Any] = [
    open_visit, plan_pattern, plan_visit, move, swap, cancel, missed, week, now, start, finish, times, record, sign,
    confirm_with_pin, not_signed, who_is_coming, past_visits, confirm, resolve, overrun,
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [open_visit]

"""JSON: timesheets, and visits written down or corrected by the provider's office."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.billing.timesheets import Sheet, sheets, timesheet
from marketplace.billing.visit_outcomes import correct_outcome
from marketplace.billing.visit_records import record_visit
from marketplace.identity.guards import requires
from marketplace.packages.late_records import Entry
from marketplace.packages.outcomes import Given
from marketplace.packages.schemas import In
from marketplace.platform.database import ask

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Timesheets"]}
CORRECT: dict[str, Any] = {"guards": [requires("visit.correct")], "tags": ["Timesheets"]}
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class SheetOut(msgspec.Struct, kw_only=True):
    """Whose timesheet; `missing` visits should have taken place and have nothing recorded."""

    framework_id: UUID
    framework: str
    payer_id: UUID
    payer: str
    provider_id: UUID
    provider: str
    first_day: date
    last_day: date
    planned: int
    missing: int


class SignedOut(msgspec.Struct, kw_only=True):
    """A signature; `stands` is false under a text that was corrected since."""

    side: str
    printed_name: str
    method: str
    reason_code: str | None
    signed_at: datetime
    resolved_at: datetime | None
    text_hash: str
    stands: bool


class CorrectionOut(msgspec.Struct, kw_only=True):
    """What the record said before and after: `start` and `end` as ISO times."""

    at: datetime
    by_name: str
    source: str
    reason: str
    before: dict[str, str | None]
    after: dict[str, str | None]
    old_hash: str | None
    new_hash: str | None


class RowOut(msgspec.Struct, kw_only=True):
    """A visit's facts; never its notes."""

    visit_id: UUID
    package_reference: str
    activity: str
    planned_start: datetime
    planned_end: datetime
    actual_start: datetime | None
    actual_end: datetime | None
    outcome: str | None
    state: str
    workers: list[str]
    lacks: list[str]
    record_hash: str | None
    signatures: list[SignedOut]
    corrections: list[CorrectionOut]
    invoice_number: int | None


class TimesheetOut(msgspec.Struct, kw_only=True):
    sheet: SheetOut
    visits: list[RowOut]


class WriteDownIn(In, kw_only=True):
    """What took place; `version` is the one that was read. A correction has its `reason`."""

    version: int
    start: Moment
    end: Moment
    activities: str | None = None
    reason: str = ""


class OutcomeIn(In, kw_only=True):
    """`outcome` as it should have been: cancelled_by_family (with `notice_at`), cancelled_by_provider,
    cancelled_on_arrival or missed; `charge_pence` is what was seen, needed where something is charged."""

    version: int
    outcome: str
    reason: str
    notice_at: Moment | None = None
    charge_pence: int | None = None


class WrittenOut(msgspec.Struct, kw_only=True):
    """`changed` is false where the record said the same already."""

    changed: bool


@get("/api/v1/timesheets", **READ)
async def list_timesheets(request: Request[Any, Any, Any]) -> list[SheetOut]:
    """Every timesheet within my reach, the newest period first."""
    return [_sheet(each) for each in await ask(request.user, sheets)]


@get("/api/v1/timesheets/{framework_id:uuid}/{payer_id:uuid}/{provider_id:uuid}/{first_day:date}", **READ)
async def get_timesheet(
    request: Request[Any, Any, Any],
    framework_id: FromPath[UUID],
    payer_id: FromPath[UUID],
    provider_id: FromPath[UUID],
    first_day: FromPath[date],
) -> TimesheetOut:
    """One timesheet: its visits, who signed what, when, how, and what was corrected."""
    found = await ask(request.user, timesheet, framework_id, payer_id, provider_id, first_day)
    rows = [
        RowOut(
            **{name: getattr(row, name) for name in _SAME},
            workers=[name for name, _ in row.workers],
            lacks=list(row.lacks),
            signatures=[msgspec.convert(each, SignedOut, from_attributes=True) for each in row.signatures],
            corrections=[msgspec.convert(each, CorrectionOut, from_attributes=True) for each in row.corrections],
        )
        for row in found.rows
    ]
    return TimesheetOut(sheet=_sheet(found.sheet), visits=rows)


@post("/api/v1/visits/{visit_id:uuid}/write-down", status_code=200, **CORRECT)
async def write_down(
    request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[WriteDownIn]
) -> WrittenOut:
    """Write down a visit that took place, or correct its record; whoever had signed signs again."""
    entry = Entry(data.start, data.end, data.activities)
    return WrittenOut(
        changed=await record_visit(request.user, visit_id, entry, version=data.version, reason=data.reason)
    )


@post("/api/v1/visits/{visit_id:uuid}/outcome", status_code=200, **CORRECT)
async def outcome(request: Request[Any, Any, Any], visit_id: FromPath[UUID], data: JSONBody[OutcomeIn]) -> WrittenOut:
    """Correct how a visit did not take place, or that it did not, where that charges the family no more than now."""
    changed = await correct_outcome(
        request.user, visit_id, Given(data.outcome, data.notice_at), version=data.version, reason=data.reason,
        charge_pence=data.charge_pence,
    )  # fmt: skip
    return WrittenOut(changed=changed)


_SAME = (
    "visit_id", "package_reference", "activity", "planned_start", "planned_end", "actual_start", "actual_end",
    "outcome", "state", "record_hash", "invoice_number",
)  # fmt: skip


def _sheet(each: Sheet) -> SheetOut:
    names = [name for name in SheetOut.__struct_fields__ if name not in ("first_day", "last_day")]
    return SheetOut(
        **{name: getattr(each, name) for name in names},
        first_day=each.period.first_day,
        last_day=each.period.last_day,
    )


ROUTES: list[Any] = [list_timesheets, get_timesheet, write_down, outcome]

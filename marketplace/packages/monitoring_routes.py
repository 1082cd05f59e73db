"""JSON: quarterly reports, at both front doors."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages import monitoring
from marketplace.platform.database import ask

READS: dict[str, Any] = {"guards": [requires("monitoring.read")], "tags": ["Monitoring"]}
WRITES: dict[str, Any] = {"guards": [requires("monitoring.write")], "tags": ["Monitoring"]}
Asked = Request[Any, Any, Any]


class ReportIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`first_day` is the quarter's."""

    framework_id: UUID
    commissioner_id: UUID
    first_day: date
    says: str
    actions: str = ""


class ReportMadeOut(msgspec.Struct):
    id: UUID


class ReportOut(msgspec.Struct, kw_only=True):
    """A report as it was sent; `facts` are the records' numbers at that moment."""

    id: UUID
    framework_id: UUID
    commissioner_id: UUID
    provider_id: UUID
    first_day: date
    last_day: date
    facts: dict[str, int]
    says: str
    actions: str
    sent_at: datetime
    sent_by_name: str


@get("/api/v1/monitoring-reports", **READS)
async def list_reports(request: Asked) -> list[ReportOut]:
    """The reports sent by us or to us, the latest first."""
    rows = await ask(request.user, monitoring.reports)
    return [ReportOut(**{name: row[name] for name in ReportOut.__struct_fields__}) for row in rows]


@get("/api/v1/monitoring-reports/{report_id:uuid}", **READS)
async def get_report(request: Asked, report_id: FromPath[UUID]) -> ReportOut:
    """One report."""
    row = await ask(request.user, monitoring.report, report_id)
    return ReportOut(**{name: row[name] for name in ReportOut.__struct_fields__})


@post("/api/v1/monitoring-reports", status_code=201, **WRITES)
async def post_report(request: Asked, data: JSONBody[ReportIn]) -> ReportMadeOut:
    """Send a quarter's report with what the records say at this moment."""
    made = await monitoring.send_report(
        request.user, data.framework_id, data.commissioner_id, data.first_day, says=data.says, actions=data.actions
    )
    return ReportMadeOut(made)


ROUTES: list[Any] = [list_reports, get_report, post_report]

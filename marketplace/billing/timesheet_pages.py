"""Timesheets at either door: the provider mends what is missing, the payer sees who signed what, when and how."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.timesheets import Correction, Row, Timesheet, sheets, timesheet
from marketplace.billing.words import METHODS, OUTCOMES
from marketplace.identity.guards import requires
from marketplace.packages.states import STATE_WORDS
from marketplace.platform.database import ask
from marketplace.policy.calendar import local
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment
from marketplace.web.render import page

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
STATES = {
    "missing": ("Missing", "red"),
    "planned": (STATE_WORDS["planned"], "blue"),
    "under_way": (STATE_WORDS["under_way"], "yellow"),
    "finished": (STATE_WORDS["finished"], "yellow"),
    "unsigned": (STATE_WORDS["unsigned"], "red"),
    "confirmed": (STATE_WORDS["confirmed"], "green"),
    "cancelled": (STATE_WORDS["cancelled"], "grey"),
    "missed": (STATE_WORDS["missed"], "red"),
}
SOURCES = {"worker": "by the worker", "office": "by the office", "roster": "by the rostering system"}
HEADS = (
    "visit", "package", "activity", "planned_start", "planned_end", "state", "outcome", "actual_start", "actual_end",
    "worker", "lacks", "record_hash", "signed_side", "signed_by", "signed_how", "signed_at", "reason_code",
    "reason_resolved_at", "signed_hash", "signature_stands", "corrections", "invoice",
)  # fmt: skip


@get("/timesheets", **READ)
async def timesheets_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Every timesheet within reach, the newest period first."""
    return page(request, "billing/timesheets.html", title="Timesheets", sheets=await ask(request.user, sheets))


@get("/timesheets/{framework_id:uuid}/{payer_id:uuid}/{provider_id:uuid}/{first_day:date}", **READ)
async def timesheet_page(
    request: Request[Any, Any, Any],
    framework_id: FromPath[UUID],
    payer_id: FromPath[UUID],
    provider_id: FromPath[UUID],
    first_day: FromPath[date],
) -> Response[Any]:
    """One timesheet by worker or by package (`?by=`); `?format=csv` for a file."""
    found = await ask(request.user, timesheet, framework_id, payer_id, provider_id, first_day)
    if request.query_params.get("format") == "csv":
        return csv_file(f"timesheet-{found.sheet.period.first_day}", HEADS, csv_rows(found))
    by = "worker" if request.query_params.get("by") == "worker" else "package"
    return page(
        request,
        "billing/timesheet.html",
        title=f"Timesheet from {found.sheet.period.first_day:%-d %B %Y}",
        found=found,
        sheet=found.sheet,
        by=by,
        groups=found.by_worker if by == "worker" else found.by_package,
        states=STATES,
        outcomes=OUTCOMES,
        methods=METHODS,
        said=correction_words,
        mends=request.user.provider_id is not None,
    )


def correction_words(each: Correction) -> str:
    """ "Corrected 3 June 2026, 9am by the office (Ann Alder): end 18:00, was 17:30. Typing slip"."""
    changes: list[str] = []
    old, new = each.before.get("outcome"), each.after.get("outcome")
    if old != new:
        changes.append(f"{OUTCOMES[new].lower()}, was {OUTCOMES[old].lower()}")
    for name in ("start", "end", "notice"):
        old, new = each.before.get(name), each.after.get(name)
        if old != new:
            changes.append(f"{name} {_clock(new)}, was {_clock(old)}")
    if each.after.get("activities"):
        changes.append("activities written anew")
    what = "; ".join(changes) or "the record"
    return f"Corrected {moment(each.at)} {SOURCES[each.source]} ({each.by_name}): {what}. {each.reason}"


def _clock(iso: str | None) -> str:
    return "not recorded" if iso is None else f"{iso[8:10]}/{iso[5:7]} {iso[11:16]}"


def csv_rows(found: Timesheet) -> list[tuple[object, ...]]:
    """One row a signature; a visit without any has one row, so that nothing planned is left out."""
    return [cells for row in found.rows for cells in _cells(found, row)]


def _cells(found: Timesheet, row: Row) -> list[tuple[object, ...]]:
    facts = (
        row.visit_id, row.package_reference, found.activities.get(row.activity, row.activity),
        local(row.planned_start).isoformat(), local(row.planned_end).isoformat(), STATES[row.state][0],
        OUTCOMES[row.outcome], _iso(row.actual_start), _iso(row.actual_end), "; ".join(name for name, _ in row.workers),
        "; ".join(row.lacks), row.record_hash or "",
    )  # fmt: skip
    tail = ("; ".join(correction_words(each) for each in row.corrections), row.invoice_number or "")
    if not row.signatures:
        return [(*facts, *[""] * 8, *tail)]
    return [
        (
            *facts, each.side, each.printed_name, METHODS[each.method], _iso(each.signed_at), each.reason_code or "",
            _iso(each.resolved_at), each.text_hash, "yes" if each.stands else "no", *tail,
        )
        for each in row.signatures
    ]  # fmt: skip


def _iso(at: Any) -> str:
    return "" if at is None else local(at).isoformat()


ROUTES: list[Any] = [timesheets_page, timesheet_page]

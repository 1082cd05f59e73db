"""Visits of the rostering system by file, or typed into a pre-filled week: looked at first, then taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from litestar import Request, get, post
from litestar.response import Response

from marketplace.billing.roster_rows import COLUMNS, MOST_ROWS, OUTCOMES, read_csv
from marketplace.billing.rostering import PlannedVisit, Verdict, counts, prefilled, take_rows, unrecorded
from marketplace.identity.guards import requires
from marketplace.packages.page_forms import clock_text, nearest
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local, local_day
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other

IMPORTS: dict[str, Any] = {"guards": [requires("visit.import")]}
Asked = Request[Any, Any, Any]
STATUSES = {
    "planned": ("To be planned", "Planned", "blue"),
    "recorded": ("To be recorded", "Recorded", "green"),
    "corrected": ("To be corrected", "Corrected", "green"),
    "cancelled": ("To be recorded as cancelled", "Recorded as cancelled", "grey"),
    "missed": ("To be recorded as missed", "Recorded as missed", "grey"),
    "unchanged": ("Known already: nothing changes", "Known already: nothing changed", "grey"),
    "refused": ("Refused", "Refused", "red"),
}
CHOICES = {"later": "Later", "delivered": "It took place", "missed": "Nobody came"}
DAYS = 28


@get("/roster", **IMPORTS)
async def roster_page(request: Asked) -> Response[Any]:
    """Where a file is sent, and where the planned visits are had from."""
    return await _start(request, Form())


@post("/roster", status_code=200, **IMPORTS)
async def send_file(request: Asked) -> Response[Any]:
    """What the file would do, row by row; nothing is kept yet."""
    form = Form(await read_form(request))
    files = (await read_files(request)).get("file", [])
    if not files:
        form.error("file", "Select the file to check")
        return await _start(request, form)
    try:
        rows = read_csv(await files[0].read())
        return await _check(request, rows, "/roster")
    except InvalidInput as error:
        form.merge(error, {"rows": "file"})
        return await _start(request, form)


@get("/roster/planned.csv", **IMPORTS)
async def planned_file(request: Asked) -> Response[bytes]:
    """Ended visits with nothing recorded, pre-filled as planned; `?first_day=` and `?last_day=`, else four weeks."""
    today = await ask(request.user, _today)
    first = _asked_day(request, "first_day", today - timedelta(days=DAYS), today)
    found = await ask(request.user, unrecorded, first, _asked_day(request, "last_day", today, today))
    heads = (*COLUMNS, "who", "what")
    rows = [(*prefilled(each).values(), each.workers, each.activity) for each in found]
    return csv_file(f"planned-visits-{first}", heads, rows)


@get("/roster/week", **IMPORTS)
async def week_page(request: Asked) -> Response[Any]:
    """A week's ended visits, pre-filled as they were planned: exceptions are typed over."""
    first, found = await _week(request)
    form = Form()
    for each in found:
        form.set(f"outcome-{each.id}", "delivered")
        form.set(f"start-{each.id}", clock_text(each.planned_start))
        form.set(f"end-{each.id}", clock_text(each.planned_end))
    return await _week_page(request, first, found, form)


@post("/roster/week", status_code=200, **IMPORTS)
async def check_week(request: Asked) -> Response[Any]:
    """What the week as typed would do; nothing is kept yet."""
    first, found = await _week(request)
    form = Form(await read_form(request))
    rows: list[dict[str, str]] = []
    for each in found:
        when = moment(each.planned_start)
        if form.choice(f"outcome-{each.id}", f"what became of the visit of {when}", CHOICES) == "later":
            continue
        row = prefilled(each)
        row["outcome"] = form.value(f"outcome-{each.id}")
        row["reason"] = form.text(f"reason-{each.id}", "the reason", required=False, most=500, lines=True)
        if row["outcome"] == "missed":
            row |= {"start": "", "end": ""}
            if not row["reason"]:
                form.error(f"reason-{each.id}", f"Enter why nobody came to the visit of {when}")
        else:
            start = form.time(f"start-{each.id}", f"when the visit of {when} started")
            end = form.time(f"end-{each.id}", f"when the visit of {when} ended")
            row["activities"] = form.text(
                f"activities-{each.id}", "what was done", required=False, most=4000, lines=True
            )
            if not form.errors:
                began = nearest(start, each.planned_start)
                row["start"] = local(began).isoformat()
                row["end"] = local(nearest(end, each.planned_end, after=began)).isoformat()
        rows.append(row)
    if not rows and not form.errors and found:
        form.error(f"outcome-{found[0].id}", "Choose for at least one visit what became of it")
    if form.errors or not rows:
        return await _week_page(request, first, found, form)
    return await _check(request, rows, f"/roster/week?from={first}")


@post("/roster/take", status_code=200, **IMPORTS)
async def take(request: Asked) -> Response[Any]:
    """Takes what was looked at; a row refused leaves the others alone."""
    form = Form(await read_form(request))
    try:
        rows = _rows(form.value("rows"))
    except ValueError:
        return see_other(request, "/roster", refused="Nothing was taken: send the file again.")
    verdicts = await take_rows(request.user, rows)
    return _verdicts(request, "Visits taken", verdicts, None, "/roster")


def _rows(text: str) -> list[dict[str, str]]:
    rows = json.loads(text)
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        raise ValueError
    return [{str(name): str(cell) for name, cell in dict(row).items()} for row in rows]


async def _check(request: Asked, rows: list[dict[str, str]], back: str) -> Response[Any]:
    verdicts = await take_rows(request.user, rows, only_look=True)
    return _verdicts(request, "Check the visits before they are taken", verdicts, json.dumps(rows), back)


def _verdicts(
    request: Asked, title: str, verdicts: Sequence[Verdict], rows: str | None, back: str
) -> Response[Any]:  # fmt: skip
    found = counts(verdicts)
    return page(
        request, "billing/roster_check.html", title=title, verdicts=verdicts, counts=found, statuses=STATUSES,
        rows=rows, back_to=back, useful=sum(n for status, n in found.items() if status not in ("refused", "unchanged")),
    )  # fmt: skip


async def _start(request: Asked, form: Form) -> Response[Any]:
    return page(
        request, "billing/roster.html", title="Visits from your rostering system", form=form, columns=COLUMNS,
        outcomes=OUTCOMES, most=MOST_ROWS,
    )  # fmt: skip


async def _week(request: Asked) -> tuple[date, list[PlannedVisit]]:
    today = await ask(request.user, _today)
    asked = _asked_day(request, "from", today, today)
    first = asked - timedelta(days=asked.weekday())
    return first, await ask(request.user, unrecorded, first, first + timedelta(days=6))


async def _week_page(request: Asked, first: date, found: list[PlannedVisit], form: Form) -> Response[Any]:
    return page(
        request, "billing/roster_week.html", title="Write a week down", form=form, first=first, visits=found,
        choices=list(CHOICES.items()), before=first - timedelta(days=7), later=first + timedelta(days=7),
    )  # fmt: skip


def _asked_day(request: Asked, name: str, otherwise: date, today: date) -> date:
    try:
        asked = date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        return otherwise
    return asked if abs((asked - today).days) < 3660 else otherwise


async def _today(work: Work) -> date:
    return local_day(work.now)


ROUTES: list[Any] = [roster_page, send_file, planned_file, week_page, check_week, take]

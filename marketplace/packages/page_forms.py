"""What the pages of this folder read off forms in the same way: times, rows of a weekly pattern, page numbers."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from litestar import Request

from marketplace.packages.opening import VisitFile
from marketplace.packages.planning import Board
from marketplace.packages.setup_actions import PARTS
from marketplace.policy.calendar import local, local_day, wall_time
from marketplace.policy.facts import WeeklySlot
from marketplace.web.forms import Form

SPARE_ROWS = 2


def page_number(request: Request[Any, Any, Any]) -> int:
    """Which page of a list is asked for; 1 for anything that is no number."""
    asked = request.query_params.get("page", "1")
    return max(int(asked), 1) if asked.isdecimal() and len(asked) < 6 else 1


def clock_text(at: datetime) -> str:
    """A moment as its field shows it: 24-hour form."""
    return f"{local(at):%H:%M}"


def nearest(clock: time, near: datetime, *, after: datetime | None = None) -> datetime:
    """The moment with this time of day nearest to `near`, and later than `after` where that is given.

    In the autumn night whose hour comes twice, both are looked at.
    """
    day = local_day(near)
    found: list[datetime] = []
    for offset in (-1, 0, 1):
        first = wall_time(day + timedelta(days=offset), clock)
        found += [first, local(first).replace(fold=1)]
    later = [at for at in found if after is None or at.timestamp() > after.timestamp()]
    return min(later or found, key=lambda at: (abs(at.timestamp() - near.timestamp()), at.timestamp()))


def read_start(form: Form, file: VisitFile) -> datetime | None:
    """When the worker arrived: None for now, which is what the field is filled with."""
    clock = form.time("start", "the time you arrived", required=False)
    if clock is None or form.value("start") == form.value("shown"):
        return None
    return nearest(clock, file.visit.actual_start or file.visit.planned_start)


def read_end(form: Form, file: VisitFile, start: datetime | None = None) -> datetime | None:
    """When the visit ended: None for now."""
    clock = form.time("end", "the time the visit ended", required=False)
    if clock is None or form.value("end") == form.value("shown"):
        return None
    return nearest(clock, file.visit.actual_end or file.visit.planned_end, after=start or file.visit.actual_start)


def fill_pattern(form: Form, pattern: list[WeeklySlot], rows: int) -> None:
    """Show a weekly pattern in numbered rows of fields."""
    for n, slot in enumerate(pattern[:rows]):
        form.set(f"weekday-{n}", slot.weekday)
        form.set(f"begins-{n}", slot.start)
        form.set(f"ends-{n}", slot.end)
        form.set(f"activity-{n}", slot.activity)


def pattern_rows(form: Form, pattern: list[WeeklySlot]) -> int:
    """How many rows a page shows: those there are, and some to add."""
    typed = form.value("rows")
    return int(typed) if typed.isdecimal() and 0 < int(typed) <= 44 else len(pattern) + SPARE_ROWS


def read_pattern(form: Form, rows: int, activities: tuple[str, ...]) -> list[WeeklySlot]:
    """The rows that were filled in; an untouched one is left out, a half-filled one is named."""
    slots: list[WeeklySlot] = []
    for n in range(rows):
        names = [f"{part}-{n}" for part in ("weekday", "begins", "ends")]
        if not any(form.value(name) for name in names):
            continue
        visit = f"of visit {n + 1}"
        weekday = form.choice(names[0], f"the day {visit}", [str(day) for day in range(7)])
        begins = form.time(names[1], f"the start {visit}")
        ends = form.time(names[2], f"the end {visit}")
        activity = form.choice(f"activity-{n}", f"the activity {visit}", activities)
        if not form.errors:
            slots.append(WeeklySlot(int(weekday), f"{begins:%H:%M}", f"{ends:%H:%M}", activity))
    return slots


def read_visit_times(form: Form) -> tuple[datetime, datetime] | None:
    """Day, start and end of a visit to plan; an end before the start is on the next day. None where one is missing."""
    day = form.date("day", "the day of the visit")
    start = form.time("start", "the time the visit starts")
    end = form.time("end", "the time the visit ends")
    if form.errors:
        return None
    return wall_time(day, start), wall_time(day if end > start else day + timedelta(days=1), end)


def worker_options(found: Board) -> list[tuple[str, str, str]]:
    """The ready workers to choose from, the team first."""
    return [
        (str(each.worker.id), each.worker.name, PARTS.get(found.team.get(each.worker.id, ""), ""))
        for each in found.ready
    ]

"""Visits in people's own calendars: the worker's by reference alone, the family's in the words of its pages.

Calendars are kept on other people's servers, so no child's and no worker's name goes there: the link leads to them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from marketplace.obligations.calendars import Entry, calendar_entries
from marketplace.packages import boards
from marketplace.packages.boards import VisitLine
from marketplace.platform.database import Work
from marketplace.policy.calendar import end_of_day, local_day, midnight

DAYS_BACK, DAYS_AHEAD = 14, 84


@calendar_entries("visit.record")
async def workers_visits(work: Work) -> list[Entry]:
    """The worker's own visits: the time, the package's reference."""
    today = local_day(work.now)
    lines = await boards.my_visits(work, today - timedelta(days=DAYS_BACK), today + timedelta(days=DAYS_AHEAD))
    return [_entry(line, f"Visit {line.reference}".strip()) for line in lines]


@calendar_entries("visit.confirm")
async def familys_visits(work: Work) -> list[Entry]:
    """The visits a family member may see: the time, and what it is for."""
    today = local_day(work.now)
    lines = await boards.visits(
        work, "v.planned_start >= $2 AND v.planned_start < $3",
        midnight(today - timedelta(days=DAYS_BACK)), end_of_day(today + timedelta(days=DAYS_AHEAD)),
    )  # fmt: skip
    return [_entry(line, f"Visit: {line.activity}") for line in lines]


def _entry(line: VisitLine, title: str) -> Entry:
    visit = line.visit
    cancelled = line.state == "cancelled"
    return Entry(
        f"visit-{visit.id}", f"Cancelled: {title}" if cancelled else title, visit.planned_start,
        f"/visits/{visit.id}", ends_at=visit.planned_end, cancelled=cancelled,
        # moving counts a visit's version up; its end is one more change
        sequence=visit.version - 1 + (visit.outcome is not None), changed_at=_changed(line),
    )  # fmt: skip


def _changed(line: VisitLine) -> datetime | None:
    visit = line.visit
    return visit.outcome_at or (visit.created_at if visit.version == 1 else None)

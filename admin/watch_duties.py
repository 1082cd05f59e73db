"""Watch over duties: those that are late, those near their time, those missed in the days past."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from admin.watch_shapes import MOST, Figure, Row, WatchList, due, longest, our_frameworks, plural, said, some
from marketplace.frameworks.queries import pack_of
from marketplace.obligations.duty_queries import STATES
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.web.filters import count, last_moment

# What concerns the council ($1): its cases', its frameworks' ($2) and its own; row-level security has the last word.
_OURS = """(b.commissioner_id = $1 OR (b.commissioner_id IS NULL AND b.framework_id = ANY ($2)))"""
_OPEN = f"""FROM obligation b WHERE ({_OURS} OR b.owed_by_organisation = $1) AND b.met_at IS NULL
    AND b.cancelled_at IS NULL AND b.starts_at <= $3"""
_MISSED = f"""FROM obligation b WHERE {_OURS} AND b.missed_at >= $3 AND b.due_at >= $3
    AND (b.met_at IS NOT NULL OR b.cancelled_at IS NOT NULL)"""
# Before an award a duty names no child: it is the referral's.
_CHILDREN = """count(DISTINCT coalesce(b.child_id, (SELECT r.child_id FROM referral r
    WHERE b.subject_type = 'referral' AND r.commissioner_id = b.commissioner_id AND r.id = b.subject_id)))"""
_OF = """(SELECT name FROM organisation o WHERE o.id = b.owed_by_organisation) AS owed_by_name,
    (SELECT name FROM organisation o WHERE o.id = b.owed_by_organisation AND o.kind = 'provider') AS provider"""


async def _frameworks(work: Work) -> tuple[list[UUID], timedelta, int]:
    """The council's frameworks, how long before its time a duty is near it, and over how many days missed ones count:
    the longest that any of their packs says."""
    found = await our_frameworks(work)
    packs = [(await pack_of(work, each.id)).on(local_day(work.now)) for each in found]
    hours = max((pack.reminders.before_hours for pack in packs), default=0)
    days = max((pack.watch.drift_days for pack in packs), default=0)
    return [each.id for each in found], timedelta(hours=hours), days


async def late(work: Work) -> Figure:
    """Duties past their time and still to be done, on either side."""
    ours, _, _ = await _frameworks(work)
    row = await work.fetchrow(
        f"SELECT count(*) AS number, min(b.due_at) AS first, {_CHILDREN} AS children {_OPEN}"
        " AND b.due_at <= $3",
        work.actor.commissioner_id, ours, work.now,
    )  # fmt: skip
    assert row is not None
    return Figure(
        "late", row["number"], plural(row["number"], "duty late", "duties late"),
        said(longest(row["first"], work.now) if row["number"] else "", _children(row["children"])),
        alarm=row["number"] > 0,
    )  # fmt: skip


async def late_list(work: Work) -> WatchList:
    """The longest late first."""
    ours, _, _ = await _frameworks(work)
    rows = await work.fetch(
        f"SELECT b.*, {_OF} {_OPEN} AND b.due_at <= $3 ORDER BY b.due_at, b.id LIMIT $4",
        work.actor.commissioner_id, ours, work.now, MOST,
    )  # fmt: skip
    return WatchList(
        "late", "Duties that are late", ("Duty", "For", "Owed by", "Due"),
        [_row(row, due(row["due_at"], work.now)) for row in rows], "Nothing is late.",
    )  # fmt: skip


async def soon(work: Work) -> Figure:
    """Duties near their time: within the hours before it at which the pack reminds of them."""
    ours, before, _ = await _frameworks(work)
    row = await work.fetchrow(
        f"SELECT count(*) AS number, min(b.due_at) AS first, {_CHILDREN} AS children {_OPEN}"
        " AND b.due_at > $3 AND b.due_at <= $4",
        work.actor.commissioner_id, ours, work.now, work.now + before,
    )  # fmt: skip
    assert row is not None
    return Figure(
        "soon", row["number"], plural(row["number"], "duty near its time", "duties near their time"),
        said(f"the first until {last_moment(row['first'])}" if row["number"] else "", _children(row["children"])),
    )  # fmt: skip


async def soon_list(work: Work) -> WatchList:
    """The next first."""
    ours, before, _ = await _frameworks(work)
    rows = await work.fetch(
        f"SELECT b.*, {_OF} {_OPEN} AND b.due_at > $3 AND b.due_at <= $4 ORDER BY b.due_at, b.id LIMIT $5",
        work.actor.commissioner_id, ours, work.now, work.now + before, MOST,
    )  # fmt: skip
    return WatchList(
        "soon", "Duties near their time", ("Duty", "For", "Owed by", "Due"),
        [_row(row, due(row["due_at"], work.now)) for row in rows], "No duty is near its time.",
        f"Duties that fall due within {count(int(before.total_seconds() // 3600), 'hour')}.",
    )  # fmt: skip


async def missed(work: Work) -> Figure:
    """Duties whose time passed in the last days and that were done late, or never."""
    ours, _, days = await _frameworks(work)
    row = await work.fetchrow(
        f"SELECT count(*) AS number, count(*) FILTER (WHERE b.met_at IS NULL) AS never,"
        f" {_CHILDREN} AS children {_MISSED}",
        work.actor.commissioner_id, ours, work.now - timedelta(days=days),
    )  # fmt: skip
    assert row is not None
    return Figure(
        "missed", row["number"], plural(row["number"], "duty missed", "duties missed"),
        said(f"in {count(days, 'day')}" if row["number"] else "", some(row["never"], "never done"),
             _children(row["children"])),
    )  # fmt: skip


async def missed_list(work: Work) -> WatchList:
    """The latest first."""
    ours, _, days = await _frameworks(work)
    rows = await work.fetch(
        f"SELECT b.*, {_OF} {_MISSED} ORDER BY b.due_at DESC, b.id LIMIT $4",
        work.actor.commissioner_id, ours, work.now - timedelta(days=days), MOST,
    )  # fmt: skip
    return WatchList(
        "missed", "Duties missed", ("Duty", "For", "Owed by", "Was due", "What became of it"),
        [
            _row(row, last_moment(row["due_at"]), STATES["met_late" if row["met_at"] is not None else "missed"][0])
            for row in rows
        ],
        "No duty was missed.",
        f"Duties whose time passed in the last {count(days, 'day')} and that were done late or never.",
    )  # fmt: skip


def _row(row: Any, *cells: str) -> Row:
    name = row["owed_by_name"] or "a person"
    return Row((row["title"], row["reference"], name, *cells), f"/duties/{row['id']}", row["provider"] or "")


def _children(number: int) -> str:
    return f"for {count(number, 'child', 'children')}" if number else ""

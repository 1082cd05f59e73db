"""Meetings and visits in people's own calendars: a provider's as far as they are announced, ours all."""

from __future__ import annotations

from datetime import timedelta

from marketplace.contracts import queries
from marketplace.contracts.steps import MANAGE, READ
from marketplace.obligations.calendars import Entry, calendar_entries
from marketplace.platform.database import Work

DAYS_BACK, DAYS_AHEAD = timedelta(days=14), timedelta(days=366)
LASTS = timedelta(hours=1)  # nobody says how long; an hour is what calendars take for granted


@calendar_entries(MANAGE, READ)
async def meetings_and_visits(work: Work) -> list[Entry]:
    """Each with its place; one that was called off stays, struck through."""
    at_desk = work.actor.commissioner_id is not None
    entries: list[Entry] = []
    for found in await queries.occasions_between(work, work.now - DAYS_BACK, work.now + DAYS_AHEAD):
        title = f"{found.name}: {found.provider if at_desk else found.commissioner}"
        off = found.state == "called_off"
        entries.append(
            Entry(
                f"contract-{found.id}", f"Cancelled: {title}" if off else title, found.starts_at,
                f"/contract-occasions/{found.id}", door="console" if at_desk else "marketplace",
                ends_at=found.starts_at + LASTS, text=found.place, sequence=found.changes,
                changed_at=found.changed_at, cancelled=off,
            )
        )  # fmt: skip
    return entries

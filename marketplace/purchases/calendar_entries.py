"""Meetings before an agreement in people's own calendars: the family's by the provider's name, the provider's by the
request's reference. Who comes, and where, is read behind the link: calendars are kept on other people's servers.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marketplace.obligations.calendars import Entry, calendar_entries
from marketplace.platform.database import Work

DAYS_BACK, DAYS_AHEAD = timedelta(days=14), timedelta(days=366)
LASTS = timedelta(hours=1)  # nobody says how long; an hour is what calendars take for granted


@calendar_entries("direct_payment.spend")
async def familys_meetings(work: Work) -> list[Entry]:
    """Those my family has agreed; one that was called off, or that nothing comes of any more, stays struck through."""
    return [
        _entry(row, f"Meeting with {row['provider']}", f"/requests/{row['enquiry_id']}") for row in await _agreed(work)
    ]


@calendar_entries("enquiry.answer")
async def providers_meetings(work: Work) -> list[Entry]:
    """Those my organisation has agreed, likewise."""
    return [
        _entry(row, f"Meeting a family: request {row['reference']}", f"/enquiries/{row['enquiry_id']}")
        for row in await _agreed(work)
    ]


async def _agreed(work: Work) -> list[Any]:
    return await work.fetch(
        """SELECT m.id, m.enquiry_id, m.agreed_at, m.answered_at, m.called_off_at, e.reference, o.name AS provider,
               m.called_off_at IS NOT NULL OR a.state NOT IN ('offered', 'accepted')
                   OR a.state = 'offered' AND e.open_until <= $1 AS off,
               coalesce(m.called_off_at, a.decided_at, m.answered_at) AS changed_at
           FROM enquiry_meeting m JOIN enquiry e ON e.commissioner_id = m.commissioner_id AND e.id = m.enquiry_id
           JOIN enquiry_answer a ON a.commissioner_id = m.commissioner_id AND a.id = m.answer_id
           JOIN organisation o ON o.id = m.provider_id
           WHERE m.agreed_at BETWEEN $1 - $2::interval AND $1 + $3::interval ORDER BY m.agreed_at, m.id""",
        work.now, DAYS_BACK, DAYS_AHEAD,
    )  # fmt: skip


def _entry(row: Any, title: str, link: str) -> Entry:
    return Entry(
        f"meeting-{row['id']}", f"Cancelled: {title}" if row["off"] else title, row["agreed_at"], link,
        ends_at=row["agreed_at"] + LASTS, sequence=int(row["off"]), changed_at=row["changed_at"], cancelled=row["off"],
    )  # fmt: skip

"""The audit trail as its organisation reads it: who changed what, and who looked at what and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from marketplace.platform.database import Work
from marketplace.policy.calendar import end_of_day, midnight

PAGE = 50
MOST_EXPORTED = 20_000


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; empty means anything. Days are days in London, both included."""

    person: str = ""
    action: str = ""
    reference: str = ""
    first: date | None = None
    last: date | None = None


# Changes and looks side by side. A subject's reference stands in the change's own facts, or with the case row itself
# as far as this reader may see it; a person goes by their name.
_BOTH = """
    SELECT a.at, a.person_name, a.role, a.action, a.subject_type, a.subject_id, a.details, '' AS why, a.seq AS position
    FROM audit_entry a WHERE a.organisation_id = $1
    UNION ALL
    SELECT l.at, l.person_name, '', 'looked', l.subject_type, l.subject_id, '{}'::jsonb, l.why, l.id
    FROM look l WHERE l.organisation_id = $1 OR l.for_organisation = $1
"""
_REFERENCE = """coalesce(t.details->>'reference',
    (SELECT c.reference FROM child c WHERE c.id = t.subject_id),
    (SELECT r.reference FROM referral r WHERE r.id = t.subject_id),
    (SELECT p.reference FROM package p WHERE p.id = t.subject_id),
    (SELECT w.name FROM person w WHERE w.id = t.subject_id), '')"""
_WHERE = """
    WHERE ($2 = '' OR t.person_name ILIKE $2) AND ($3 = '' OR t.action ILIKE $3)
      AND ($4::timestamptz IS NULL OR t.at >= $4) AND ($5::timestamptz IS NULL OR t.at < $5)
      AND ($6 = '' OR t.details->>'reference' = $6 OR t.subject_id::text = lower($6) OR t.subject_id IN (
          SELECT id FROM child WHERE reference = $6 UNION SELECT id FROM referral WHERE reference = $6
          UNION SELECT id FROM package WHERE reference = $6))
"""
_COUNT = f"SELECT count(*) FROM ({_BOTH}) t {_WHERE}"  # noqa: S608 - our own constants; values travel as $n
_PAGE = f"""SELECT t.*, {_REFERENCE} AS reference FROM (
        SELECT * FROM ({_BOTH}) t {_WHERE} ORDER BY t.at DESC, t.position DESC LIMIT $7 OFFSET $8) t
    ORDER BY t.at DESC, t.position DESC"""  # noqa: S608 - as above


async def trail(work: Work, wanted: Filter, *, number: int = 1, size: int = PAGE) -> tuple[list[asyncpg.Record], int]:
    """One page of entries, newest first (at, person_name, role, action, subject_type, subject_id, reference, why,
    details), and how many there are in all."""
    values = _values(work, wanted)
    total: int = await work.fetchval(_COUNT, *values)
    rows = await work.fetch(_PAGE, *values, size, (number - 1) * size)
    return rows, total


async def actions_of(work: Work) -> list[str]:
    """The kinds of changes this organisation's trail holds, for the filter."""
    rows = await work.fetch(
        "SELECT DISTINCT action FROM audit_entry WHERE organisation_id = $1 ORDER BY action", work.actor.organisation_id
    )
    return ["looked", *(row["action"] for row in rows)]


def _values(work: Work, wanted: Filter) -> tuple[Any, ...]:
    return (
        work.actor.organisation_id,
        f"%{_literal(wanted.person)}%" if wanted.person else "",
        f"{_literal(wanted.action)}%" if wanted.action else "",
        midnight(wanted.first) if wanted.first else None,
        end_of_day(wanted.last) if wanted.last else None,
        wanted.reference,
    )


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

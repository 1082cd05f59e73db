"""What was asked about clocks that should stand, what became of it, and for how long they stood.

Row-level security shows an ask to whoever made it, and to the referrers and contract managers of the commissioner that
decides; nobody else reads its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from marketplace.obligations.packs import pack_of_hash
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.clock_stops import Stood, latest_end
from marketplace.policy.rules import ClockStop

# state: (the word shown, colour)
STATES: dict[str, tuple[str, str]] = {
    "asked": ("To decide", "blue"),
    "stopped": ("Clock stands", "purple"),
    "to_come": ("Will stand", "purple"),
    "over": ("Stood", "grey"),
    "declined": ("Declined", "red"),
    "closed": ("Not decided", "grey"),
}
_STATE = """CASE WHEN s.closed_at IS NOT NULL THEN 'closed' WHEN s.decided_at IS NULL THEN 'asked'
                 WHEN NOT s.accepted THEN 'declined'
                 WHEN least(s.stands_until, b.met_at, b.cancelled_at) <= $1 THEN 'over'
                 WHEN s.from_at > $1 THEN 'to_come' ELSE 'stopped' END"""
_STOPS = f"""SELECT s.*, {_STATE} AS state, b.title AS duty_title, b.reference AS duty_reference, o.name AS asker_name
    FROM duty_stop s JOIN obligation b ON b.id = s.duty_id
    LEFT JOIN organisation o ON o.id = s.asked_by_organisation"""  # noqa: S608 - our own constants; values travel as $n


@dataclass(frozen=True, slots=True)
class Stop:
    """One ask. `until_at` None: as long as the terms allow; `stands_until` once it is accepted; state as `STATES`."""

    id: UUID
    duty_id: UUID
    duty: str
    reference: str
    asker_id: UUID
    asker: str
    decider_id: UUID
    state: str
    ground: str
    reason: str
    from_at: datetime
    until_at: datetime | None
    asked_at: datetime
    asked_by: str
    accepted: bool
    decided_at: datetime | None
    decided_by: str
    decision: str
    stands_until: datetime | None
    closed_at: datetime | None
    ended_at: datetime | None
    ended_by: str


def stood(stops: Iterable[Stop]) -> tuple[Stood, ...]:
    """For which times the clock stood or will, by what is accepted."""
    return tuple(Stood(each.from_at, each.stands_until) for each in stops if each.stands_until is not None)


def accepted_until(rules: Sequence[ClockStop], row: asyncpg.Record, stop: Stop, others: Sequence[Stood]) -> datetime:
    """Until when a stop lasts once it is accepted: as asked; an open one as long as the terms allow; never beyond the
    moment the duty was done."""
    rule = next(each for each in rules if each.key == stop.ground)
    until = stop.until_at or latest_end(rule, stop.from_at, others)
    return max(stop.from_at, min(until, row["met_at"] or until))


async def stops_of(work: Work, duty_id: UUID) -> tuple[Stop, ...]:
    """Every ask about one duty, the earliest first."""
    rows = await work.fetch(f"{_STOPS} WHERE s.duty_id = $2 ORDER BY s.asked_at, s.id", work.now, duty_id)
    return tuple(_stop(row) for row in rows)


async def stops(work: Work, state: str | None = None, limit: int = 500) -> list[Stop]:
    """Every ask the reader is a side of: undecided ones first, the longest waiting at the top; then the latest."""
    rows = await work.fetch(
        f"""SELECT * FROM ({_STOPS}) d WHERE $2::text IS NULL OR state = $2
            ORDER BY (state <> 'asked'), CASE WHEN state = 'asked' THEN asked_at END, asked_at DESC, id LIMIT $3""",  # noqa: S608
        work.now, state, limit,
    )  # fmt: skip
    return [_stop(row) for row in rows]


async def one_stop(work: Work, stop_id: UUID) -> Stop:
    """One ask. Raises `NotFound` for everybody but its two sides."""
    row = await work.fetchrow(f"{_STOPS} WHERE s.id = $2", work.now, stop_id)
    if row is None:
        raise NotFound
    return _stop(row)


async def ground_titles(work: Work, duty_ids: Sequence[UUID]) -> dict[str, str]:
    """The grounds of these duties' packs by code, in words."""
    hashes = await work.fetch("SELECT DISTINCT pack_hash FROM obligation WHERE id = ANY ($1)", duty_ids)
    packs = [await pack_of_hash(work, row["pack_hash"]) for row in hashes]
    return {rule.key: rule.title for pack in packs for rule in pack.content.clock_stops}


async def count_stops(work: Work) -> dict[str, int]:
    """How many there are in each state."""
    rows = await work.fetch(f"SELECT state, count(*) AS number FROM ({_STOPS}) d GROUP BY state", work.now)  # noqa: S608
    return {row["state"]: row["number"] for row in rows}


def _stop(row: asyncpg.Record) -> Stop:
    return Stop(
        id=row["id"], duty_id=row["duty_id"], duty=row["duty_title"], reference=row["duty_reference"],
        asker_id=row["asked_by_organisation"], asker=row["asker_name"] or "", decider_id=row["decided_by_organisation"],
        state=row["state"], ground=row["ground"], reason=row["reason"], from_at=row["from_at"],
        until_at=row["until_at"], asked_at=row["asked_at"], asked_by=row["asked_by_name"],
        accepted=bool(row["accepted"]), decided_at=row["decided_at"], decided_by=row["decided_by_name"] or "",
        decision=row["decision"] or "", stands_until=row["stands_until"], closed_at=row["closed_at"],
        ended_at=row["ended_at"], ended_by=row["ended_by_name"] or "",
    )  # fmt: skip

"""Duties as those they concern read them: how each stands, who owes it to whom, what happened, what a miss leads to.

Row-level security decides who is concerned: whoever owes it, whom it is owed to, whose case it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from marketplace.obligations.packs import pack_of_hash
from marketplace.obligations.queries import roles_of
from marketplace.obligations.stop_queries import Stop, stood, stops_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.clock_stops import Stood, grounds
from marketplace.policy.duties import Consequence, consequences
from marketplace.policy.rules import ClockStop
from marketplace.web.filters import moment

PAGE_SIZE = 50
MOST_IN_FILE = 10_000

# state: (the word shown, what it means, colour)
STATES: dict[str, tuple[str, str, str]] = {
    "open": ("To do", "There is time left.", "blue"),
    "stopped": ("Clock stands", "A contract manager has accepted that its clock stands for a time.", "purple"),
    "late": ("Late", "It was not done in time and is still to be done.", "red"),
    "met": ("Done", "It was done in time.", "green"),
    "met_late": ("Done late", "It was done, after its time. That stays so.", "orange"),
    "missed": ("Missed", "Its time passed, and it was never done: its ground has gone since.", "red"),
    "ended": ("No longer owed", "Its ground was gone before its time was over.", "grey"),
}

# What is due at an instant is late at that instant; one met or ended after its time has `missed_at`.
_STATE = """CASE WHEN b.met_at IS NOT NULL THEN CASE WHEN b.missed_at IS NULL THEN 'met' ELSE 'met_late' END
                 WHEN b.cancelled_at IS NOT NULL THEN CASE WHEN b.missed_at IS NULL THEN 'ended' ELSE 'missed' END
                 WHEN b.due_at <= $1 THEN 'late'
                 WHEN b.stopped_from <= $1 AND $1 < b.stopped_until THEN 'stopped' ELSE 'open' END"""
_TO_DO = "state IN ('late', 'stopped', 'open')"
_DUTIES = f"""SELECT b.*, {_STATE} AS state, o.name AS owed_by_name, t.name AS owed_to_name
    FROM obligation b LEFT JOIN organisation o ON o.id = b.owed_by_organisation
    LEFT JOIN organisation t ON t.id = b.owed_to WHERE b.starts_at <= $1"""  # noqa: S608 - our own constants; values travel as $n
_CHOSEN = """($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR owed_by_organisation = $3)
    AND ($4::text IS NULL OR rule_key = $4)"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of the list is asked for; None: everything. `provider` is the organisation that owes."""

    state: str | None = None
    provider: UUID | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a duty."""

    title: str
    at: datetime
    text: str = ""
    by: str = ""  # nobody: what time does, or what the thing's own trail tells


@dataclass(frozen=True, slots=True)
class DutyView:
    """One duty. `row` is the obligation with `state`, `owed_by_name`, `owed_to_name`; `history` newest first.

    `starts` says what set its clock going, by the pack (empty: it is no duty of the pack); `mine`: I can do it;
    `stops`: what was asked about its clock, for both sides of it; `grounds`: why it may stand.
    """

    now: datetime
    row: asyncpg.Record
    leads_to: tuple[Consequence, ...]
    clause: str
    starts: str
    history: tuple[Event, ...]
    mine: bool
    stops: tuple[Stop, ...] = ()
    grounds: tuple[ClockStop, ...] = ()

    @property
    def stood(self) -> tuple[Stood, ...]:
        """For which times its clock stood, or will."""
        return stood(self.stops)

    @property
    def may_stop(self) -> bool:
        """Whether a stop can be asked for now, by whoever owes it."""
        waits = any(stop.state == "asked" for stop in self.stops)
        return bool(self.grounds) and self.row["state"] in ("open", "stopped") and not waits

    def ground(self, code: str) -> str:
        """A ground of the pack in words."""
        return next((rule.title for rule in self.grounds if rule.key == code), code)


async def leads_to(work: Work, duty: asyncpg.Record) -> tuple[Consequence, ...]:
    """What missing this duty leads to, by the pack that judged it."""
    return consequences(await pack_of_hash(work, duty["pack_hash"]), duty["rule_key"], duty["starts_at"])


async def duties(work: Work, chosen: Chosen, *, offset: int = 0, limit: int = PAGE_SIZE) -> list[asyncpg.Record]:
    """The duties that concern the reader: those still to be done first, late before others; then the latest ended."""
    return await work.fetch(
        f"""SELECT * FROM ({_DUTIES}) d WHERE {_CHOSEN}
            ORDER BY NOT {_TO_DO}, CASE WHEN {_TO_DO} THEN due_at END,
                     due_at DESC, id LIMIT $5 OFFSET $6""",  # noqa: S608 - as above
        work.now, chosen.state, chosen.provider, chosen.rule, limit, offset,
    )  # fmt: skip


async def count_duties(work: Work, chosen: Chosen) -> dict[str, int]:
    """How many there are in each state, whatever state is chosen."""
    rows = await work.fetch(
        f"SELECT state, count(*) AS number FROM ({_DUTIES}) d WHERE {_CHOSEN} GROUP BY state",  # noqa: S608 - as above
        work.now, None, chosen.provider, chosen.rule,
    )  # fmt: skip
    return {row["state"]: row["number"] for row in rows}


async def choices(work: Work) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The organisations that owe something the reader may see, and the kinds of duty: (value, name), by name."""
    owing = await work.fetch(
        """SELECT o.id, o.name FROM organisation o
           WHERE o.id IN (SELECT owed_by_organisation FROM obligation WHERE starts_at <= $1) ORDER BY o.name, o.id""",
        work.now,
    )
    rules = await work.fetch(
        """SELECT rule_key, min(title) AS title FROM obligation WHERE starts_at <= $1
           GROUP BY rule_key ORDER BY 2, 1""",
        work.now,
    )
    return [(str(row["id"]), row["name"]) for row in owing], [(row["rule_key"], row["title"]) for row in rules]


async def duty(work: Work, duty_id: UUID) -> DutyView:
    """One duty with its history and what a miss leads to. Raises `NotFound` for everybody it does not concern."""
    row = await work.fetchrow(f"SELECT * FROM ({_DUTIES}) d WHERE id = $2", work.now, duty_id)  # noqa: S608 - as above
    if row is None:
        raise NotFound
    pack = await pack_of_hash(work, row["pack_hash"])
    rule = next((each for each in pack.content.duties if each.key == row["rule_key"]), None)
    stops = await stops_of(work, duty_id)
    return DutyView(
        now=work.now,
        row=row,
        leads_to=await leads_to(work, row),
        clause=rule.clause if rule else "",
        starts=rule.starts if rule else "",
        history=_history(row, stops, work.now),
        mine=_is_mine(work, row),
        stops=stops,
        grounds=grounds(pack, row["rule_key"], row["starts_at"]),
    )


def _is_mine(work: Work, row: asyncpg.Record) -> bool:
    if row["state"] not in ("open", "stopped", "late"):
        return False
    if row["owed_by_person"] is not None:
        return row["owed_by_person"] == work.actor.person_id
    return row["owed_by_organisation"] == work.actor.organisation_id and (
        row["owed_by_role"] is None or row["owed_by_role"] in roles_of(work.actor.role)
    )


def _history(row: asyncpg.Record, stops: tuple[Stop, ...], now: datetime) -> tuple[Event, ...]:
    found = [Event("Owed", row["starts_at"], "Its clock began.")]
    missed_at = row["missed_at"] or (row["due_at"] if row["state"] == "late" else None)
    if row["reminded_at"] is not None:
        found.append(Event("Reminded", row["reminded_at"], "The latest reminder to whoever owes it."))
    if missed_at is not None and missed_at <= now:
        found.append(Event("Missed", missed_at, "Its time was over and it was not done."))
    if row["met_at"] is not None:
        found.append(Event("Done" if row["missed_at"] is None else "Done late", row["met_at"]))
    if row["cancelled_at"] is not None:
        found.append(Event("No longer owed", row["cancelled_at"], "Its ground is gone."))
    for stop in stops:
        found += _of_stop(stop, now)
    if not stops and row["stopped_from"] is not None and row["stopped_from"] <= now:
        # whoever reads no ask still reads why the moment moved
        until = f"Until {moment(row['stopped_until'])}, and the duty falls due later by that time."
        found.append(Event("Its clock stands", row["stopped_from"], until))
    return tuple(sorted(found, key=lambda event: event.at, reverse=True))


def _of_stop(stop: Stop, now: datetime) -> list[Event]:
    until = f"until {moment(stop.until_at)}" if stop.until_at else "for as long as the terms allow"
    found = [
        Event("Asked that its clock stands", stop.asked_at, f"From {moment(stop.from_at)} {until}: {stop.reason}",
              stop.asked_by)
    ]  # fmt: skip
    if stop.closed_at is not None:
        found.append(Event("The ask ended", stop.closed_at, "Taken back, or the duty was over before it was decided."))
    if stop.decided_at is not None:
        title = "Accepted that its clock stands" if stop.accepted else "Declined that its clock stands"
        found.append(Event(title, stop.decided_at, stop.decision, stop.decided_by))
    if stop.ended_at is not None:
        found.append(Event("Its clock runs again", stop.ended_at, "Ended before its time.", stop.ended_by))
    elif stop.stands_until is not None and stop.stands_until <= now and stop.state == "over":
        found.append(Event("Its clock runs again", stop.stands_until, "The stop was over."))
    return found

"""How many workers of many providers are ready, from the database's row of days per worker (migration m0019).

The rules stay in policy: `policy.bounds` says which days count, here they are compared with the days that were
recorded. Whoever cannot be told from days alone (a name spelt oddly, a method another framework knows, something
dated after the day asked about) is named and judged by the facts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work, kept_while_open
from marketplace.policy.bounds import ReadinessBounds, readiness_bounds
from marketplace.policy.pack import Pack

EPOCH = date(2000, 1, 1)
# Days are kept as numbers of two bytes; a day asked about beyond them is judged by the facts.
LAST_DAY = date(2088, 12, 31)
EVER = -32767
MOST_KEPT = 1_000  # statements: lots, needs and days

# The places of m0019 that every row has.
DBS, REGISTRATION, LAST_DAY_OF_WORK, NEWEST = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one provider: how many workers are ready for certain, and who must be judged by the facts."""

    ready: int
    unclear: tuple[UUID, ...]


NOBODY = Counted(0, ())


def counted(found: int, unclear: Collection[UUID] | None) -> Counted:
    """As `Counting` tells it: so many found, these of them unclear."""
    return Counted(found - len(unclear or ()), tuple(unclear or ()))


@dataclass(frozen=True, slots=True)
class Counting:
    """A statement that counts by provider (`found`, and which of them are `unclear`), to stand alone or within another;
    its parameters."""

    sql: str
    values: list[Any]


async def count_by_days(
    work: Work, provider_ids: Collection[UUID], bounds: ReadinessBounds, today: date
) -> dict[UUID, Counted]:
    """The counts of each of these providers within the context; on a day beyond the rows all workers are unclear.

    Workers who had left before `today` are no longer anybody's workers.
    """
    asked = Asked(await places_of(work, bounds), first=2)
    counting = _counting(asked, bounds, today, "worker_readiness WHERE provider_id = ANY ($1)")
    found = {
        row["provider_id"]: counted(row["found"], row["unclear"])
        for row in await work.fetch(counting.sql, list(provider_ids), *counting.values)
    }
    return {each: found.get(each, NOBODY) for each in provider_ids}


async def counting_of_lot(
    work: Work, pack: Pack, lot: str, needs: tuple[str, ...], on: date, today: date, first: int
) -> Counting:
    """The same for every provider ever admitted to a lot, to stand in a statement that has the framework as $1 and the
    lot as $2; `first` is the number of its first free parameter. Who is of another role is not even looked at.

    The process keeps the statements of a day: what has no place among the rows when one is written is looked for by
    the statement itself.
    """
    key = pack.content_hash, lot, needs, on, today, first
    known: _Known = kept_while_open().setdefault("readiness places", _Known())
    if key in known.lots:
        return known.lots[key]
    bounds = readiness_bounds(pack, lot, on, needs)
    places = await places_of(work, bounds)
    asked = Asked(places, first)
    counting = _counting(
        asked,
        bounds,
        today,
        f"lot_workers($1, $2, {asked.value(list(bounds.roles), 'text[]')}) WHERE true",
        may_work=True,
    )
    if places is known.places:
        if len(known.lots) >= MOST_KEPT:
            known.lots.clear()
        known.lots[key] = counting
    return counting


def look_again() -> None:
    """Days alone could not tell: the process looks for new places before the next search."""
    kept_while_open().pop("readiness places", None)


async def places_of(work: Work, *asked_for: ReadinessBounds) -> dict[tuple[str, str], int]:
    """Where the kinds and codes stand in the rows, as far as the process knows.

    A place once committed stays: the process keeps what a read-only unit saw, which cannot have made one itself. What
    has no place is looked for here once, and from then on by the statement.
    """
    known: _Known = kept_while_open().setdefault("readiness places", _Known())
    asked = {("competency", bound.code) for bounds in asked_for for bound in bounds.competencies}
    asked |= {(kind, bound.code) for bounds in asked_for for bound in bounds.checks for kind in ("check", "until")}
    asked |= {("method", code) for bounds in asked_for for code in bounds.signing_methods}
    if asked - known.places.keys() - known.sought:
        rows = await work.fetch(
            "SELECT kind, code, place, current_setting('transaction_read_only') = 'on' AS settled FROM readiness_item"
        )
        places = {(row["kind"], row["code"]): row["place"] for row in rows}
        if not rows or not rows[0]["settled"]:
            return places
        known.places, known.lots = places, {}
        known.sought |= asked
    return known.places


@dataclass
class _Known:
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    sought: set[tuple[str, str]] = field(default_factory=set)
    lots: dict[tuple[Any, ...], Counting] = field(default_factory=dict)  # written by these places


class Asked:
    """What is asked of a row of days, as SQL over `worker_readiness`; what it compares with travels as $n.

    The texts depend only on how much is asked, so that the database keeps its plan. A code that no record has ever
    used has no place, so that its comparison is unknown and holds for nobody.
    """

    def __init__(self, places: dict[tuple[str, str], int], first: int) -> None:
        """`first` is the number of the first parameter that is free."""
        self.values: list[Any] = []
        self._places = places
        self._first = first

    def value(self, given: Any, kind: str) -> str:
        """A parameter."""
        self.values.append(given)
        return f"${len(self.values) + self._first - 1}::{kind}"

    def place(self, kind: str, code: str) -> int | None:
        """Where a code stands in the rows, as far as the process knows."""
        return self._places.get((kind, code))

    def doubt(self, bounds: ReadinessBounds) -> str:
        """Whether days cannot tell, whatever they are."""
        return " OR ".join(
            [
                "unclear" if EPOCH <= bounds.on <= LAST_DAY else "true",
                f"days[{NEWEST}] > {self.value(number_of(bounds.on), 'smallint')}",
                *(["signs_own"] if bounds.own_sign_off_counts else []),
            ]
        )

    def holds(self, bounds: ReadinessBounds, today: date, *, may_work: bool = False) -> str:
        """Whether all that is asked is there on the day of the bounds; `may_work`: of rows that are all of the lot's
        roles and not stood down."""
        on = self.value(number_of(bounds.on), "smallint")
        asked = [f"days[{LAST_DAY_OF_WORK}] >= {self.value(number_of(max(bounds.on, today)), 'smallint')}"]
        if not may_work:
            asked.append("NOT stood_down")
        if bounds.roles and not may_work:
            asked.append(f"role = ANY ({self.value(list(bounds.roles), 'text[]')})")
        if bounds.dbs_since is not None:
            asked.append(f"days[{DBS}] BETWEEN {self.value(number_of(bounds.dbs_since), 'smallint')} AND {on}")
        if bounds.registered_roles:
            registered = self.value(list(bounds.registered_roles), "text[]")
            asked.append(f"(role <> ALL ({registered}) OR days[{REGISTRATION}] >= {on})")
        for bound in bounds.competencies:
            since = self.value(number_of(bound.since), "smallint")
            asked.append(f"{self._day_of('competency', bound.code)} >= {since}")
        for bound in bounds.checks:
            done = [f"{self._day_of('until', bound.code)} >= {on}"]
            if bound.since is not None:  # what was never done has no end either
                since = self.value(number_of(bound.since), "smallint")
                done.append(f"{self._day_of('check', bound.code)} >= {since}")
            asked.append(f"(NOT drives OR {' AND '.join(done)})" if bound.drivers_only else " AND ".join(done))
        return " AND ".join(asked)

    def signed(self, bounds: ReadinessBounds) -> str:
        """Whether every method used signs somebody off here; one that does not can only have made days look better.

        A method that came into use since the process looked is taken for one that does not, so that facts are asked.
        """
        places = (self._places.get(("method", code)) for code in bounds.signing_methods)
        signing = sum(1 << place for place in places if place is not None)
        return f"methods & ~{self.value(signing, 'int')} = 0"

    def _day_of(self, kind: str, code: str) -> str:
        if (kind, code) in self._places:
            return f"days[{self.value(self._places[kind, code], 'int')}]"
        return (
            f"days[(SELECT place FROM readiness_item WHERE kind = {self.value(kind, 'text')}"  # noqa: S608 - our own text
            f" AND code = {self.value(code, 'text')})]"
        )


def _counting(asked: Asked, bounds: ReadinessBounds, today: date, rows: str, *, may_work: bool = False) -> Counting:
    doubt, holds = asked.doubt(bounds), asked.holds(bounds, today, may_work=may_work)
    return Counting(
        "SELECT provider_id, count(*) AS found, array_agg(worker_id)"  # noqa: S608 - our own text
        f" FILTER (WHERE {doubt} OR NOT {asked.signed(bounds)}) AS unclear FROM {rows} AND ({doubt} OR ({holds}))"
        " GROUP BY provider_id",
        asked.values,
    )


def number_of(day: date | None) -> int:
    """A day as the rows have it; None is any day at all."""
    return EVER if day is None else min(max(EVER, (day - EPOCH).days), -EVER)

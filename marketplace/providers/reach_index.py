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
from marketplace.policy.bounds import ReadinessBounds

EPOCH = date(2000, 1, 1)
# Days are kept as numbers of two bytes; a day asked about beyond them is judged by the facts.
LAST_DAY = date(2088, 12, 31)
EVER = -32767

# The places of m0019 that every row has.
DBS, REGISTRATION, LAST_DAY_OF_WORK, NEWEST = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one provider: how many workers are ready for certain, and who must be judged by the facts."""

    ready: int
    unclear: tuple[UUID, ...]


NOBODY = Counted(0, ())


async def count_by_days(
    work: Work, provider_ids: Collection[UUID], bounds: ReadinessBounds, today: date
) -> dict[UUID, Counted]:
    """The counts of each of these providers within the context; on a day beyond the rows all workers are unclear.

    Workers who had left before `today` are no longer anybody's workers.
    """
    sql, values = _statement(bounds, today, await _places(work, bounds))
    found = {
        row["provider_id"]: Counted(row["ready"], tuple(row["unclear"] or ()))
        for row in await work.fetch(sql, list(provider_ids), *values)
    }
    return {each: found.get(each, NOBODY) for each in provider_ids}


async def _places(work: Work, bounds: ReadinessBounds) -> dict[tuple[str, str], int]:
    """Where the kinds and codes stand in the rows, as far as the process knows.

    A place once committed stays: the process keeps what a read-only unit saw, which cannot have made one itself. What
    has no place is looked for here once, and from then on by the statement.
    """
    known: _Known = kept_while_open().setdefault("readiness places", _Known())
    asked = {("competency", bound.code) for bound in bounds.competencies}
    asked |= {(kind, bound.code) for bound in bounds.checks for kind in ("check", "until")}
    if asked - known.places.keys() - known.sought:
        rows = await work.fetch(
            "SELECT kind, code, place, current_setting('transaction_read_only') = 'on' AS settled FROM readiness_item"
        )
        places = {(row["kind"], row["code"]): row["place"] for row in rows}
        if not rows or not rows[0]["settled"]:
            return places
        known.places = places
        known.sought |= asked
    return known.places


@dataclass
class _Known:
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    sought: set[tuple[str, str]] = field(default_factory=set)


def _statement(bounds: ReadinessBounds, today: date, places: dict[tuple[str, str], int]) -> tuple[str, list[Any]]:
    """The text depends only on how much is asked, so that the database keeps its plan; what is asked travels as $n.

    A code that no record has ever used has no place, so that its comparison is unknown and holds for nobody.
    """
    values: list[Any] = []

    def value(given: Any, kind: str) -> str:
        values.append(given)
        return f"${len(values) + 1}::{kind}"

    def day_of(kind: str, code: str) -> str:
        if (kind, code) in places:
            return f"days[{value(places[kind, code], 'int')}]"
        return (
            f"days[(SELECT place FROM readiness_item WHERE kind = {value(kind, 'text')}"  # noqa: S608 - our own text
            f" AND code = {value(code, 'text')})]"
        )

    on = value(_number(bounds.on), "smallint")
    doubts = [
        "unclear" if EPOCH <= bounds.on <= LAST_DAY else "true",
        f"days[{NEWEST}] > {on}",
        *(["signs_own"] if bounds.own_sign_off_counts else []),
    ]
    asked = [
        "NOT stood_down",
        f"days[{LAST_DAY_OF_WORK}] >= {value(_number(max(bounds.on, today)), 'smallint')}",
    ]
    if bounds.roles:
        asked.append(f"role = ANY ({value(list(bounds.roles), 'text[]')})")
    if bounds.dbs_since is not None:
        asked.append(f"days[{DBS}] BETWEEN {value(_number(bounds.dbs_since), 'smallint')} AND {on}")
    if bounds.registered_roles:
        registered = value(list(bounds.registered_roles), "text[]")
        asked.append(f"(role <> ALL ({registered}) OR days[{REGISTRATION}] >= {on})")
    for bound in bounds.competencies:
        asked.append(f"{day_of('competency', bound.code)} >= {value(_number(bound.since), 'smallint')}")
    for bound in bounds.checks:
        since = value(_number(bound.since), "smallint")
        done = f"{day_of('check', bound.code)} >= {since} AND {day_of('until', bound.code)} >= {on}"
        asked.append(f"(NOT drives OR {done})" if bound.drivers_only else f"({done})")
    doubt = " OR ".join(doubts)
    # A method that signs nobody off here can only have made days look better than they are.
    signing = (
        "(SELECT coalesce(bit_or(1 << i.place), 0) FROM readiness_item i WHERE i.kind = 'method'"  # noqa: S608 - our own text
        f" AND i.code = ANY ({value(list(bounds.signing_methods), 'text[]')}))"
    )
    return (
        "SELECT provider_id, count(*) FILTER (WHERE sure) AS ready,"  # noqa: S608 - our own text
        " array_agg(worker_id) FILTER (WHERE NOT sure) AS unclear"
        f" FROM (SELECT provider_id, worker_id, NOT ({doubt}) AND methods & ~{signing} = 0 AS sure"
        f" FROM worker_readiness WHERE provider_id = ANY ($1) AND ({doubt} OR ({' AND '.join(asked)}))) looked"
        " GROUP BY provider_id",
        values,
    )


def _number(day: date | None) -> int:
    """A day as the rows have it; None is any day at all."""
    return EVER if day is None else min(max(EVER, (day - EPOCH).days), -EVER)

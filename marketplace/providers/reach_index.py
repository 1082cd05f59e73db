"""How many workers of many providers are ready, from the database's row of days per worker (migration m0019).

The rules stay in policy: `policy.bounds` says which days count, here they are compared with the days that were
recorded. Whoever cannot be told from days alone (a name spelt oddly, a method another framework knows, something
dated after the day asked about) is named and judged by the facts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
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


async def count_by_days(
    work: Work, provider_ids: Collection[UUID], bounds: ReadinessBounds, today: date
) -> dict[UUID, Counted]:
    """The counts of each provider that has workers within the context; on a day beyond the rows all are unclear.

    Workers who had left before `today` are no longer anybody's workers.
    """
    places = {(row["kind"], row["code"]): row["place"] for row in await work.fetch("SELECT * FROM readiness_item")}
    sql, values = _statement(bounds, today, places)
    return {
        row["provider_id"]: Counted(row["ready"], tuple(row["unclear"] or ()))
        for row in await work.fetch(sql, list(provider_ids), *values)
    }


def _statement(bounds: ReadinessBounds, today: date, places: dict[tuple[str, str], int]) -> tuple[str, list[Any]]:
    values: list[Any] = []

    def value(given: Any, kind: str) -> str:
        values.append(given)
        return f"${len(values) + 1}::{kind}"

    on = value(_number(bounds.on), "smallint")
    signing = sum(1 << places[key] for code in bounds.signing_methods if (key := ("method", code)) in places)
    unclear = [
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
    # A code that no record anywhere has ever used has no place, and nobody it could be true of.
    for bound in bounds.competencies:
        place = places.get(("competency", bound.code))
        asked.append(f"days[{place}] >= {value(_number(bound.since), 'smallint')}" if place else "false")
    for bound in bounds.checks:
        place, until = places.get(("check", bound.code)), places.get(("until", bound.code))
        done = "false"
        if place and until:
            done = f"days[{place}] >= {value(_number(bound.since), 'smallint')} AND days[{until}] >= {on}"
        asked.append(f"(NOT drives OR {done})" if bound.drivers_only else f"({done})")
    holds = " AND ".join(asked)
    # A method that signs nobody off here can only have made days look better than they are.
    unclear.append(f"methods & ~{value(signing, 'int')} <> 0 AND {holds}")
    doubt = " OR ".join(unclear)
    return (
        f"SELECT provider_id, count(*) FILTER (WHERE NOT ({doubt}) AND {holds}) AS ready,"  # noqa: S608 - our own text, values as $n
        f" array_agg(worker_id) FILTER (WHERE {doubt}) AS unclear"
        " FROM worker_readiness WHERE provider_id = ANY ($1) GROUP BY provider_id",
        values,
    )


def _number(day: date | None) -> int:
    """A day as the rows have it; None is any day at all."""
    return EVER if day is None else min(max(EVER, (day - EPOCH).days), -EVER)

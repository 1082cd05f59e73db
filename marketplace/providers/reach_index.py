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
    sql, values = _statement(bounds, today)
    return {
        row["provider_id"]: Counted(row["ready"], tuple(row["unclear"] or ()))
        for row in await work.fetch(sql, list(provider_ids), *values)
    }


def _statement(bounds: ReadinessBounds, today: date) -> tuple[str, list[Any]]:
    """The text depends only on how much is asked, so that the database keeps its plan; what is asked travels as $n.

    Places are looked up by the statement itself: a code that no record has ever used has none, so that its comparison
    is unknown and holds for nobody.
    """
    values: list[Any] = []
    kinds: list[str] = []
    codes: list[str] = []

    def value(given: Any, kind: str) -> str:
        values.append(given)
        return f"${len(values) + 1}::{kind}"

    def day_of(kind: str, code: str) -> str:
        kinds.append(kind)
        codes.append(code)
        return f"days[at[{len(codes)}]]"

    on = value(_number(bounds.on), "smallint")
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
    for bound in bounds.competencies:
        asked.append(f"{day_of('competency', bound.code)} >= {value(_number(bound.since), 'smallint')}")
    for bound in bounds.checks:
        since = value(_number(bound.since), "smallint")
        done = f"{day_of('check', bound.code)} >= {since} AND {day_of('until', bound.code)} >= {on}"
        asked.append(f"(NOT drives OR {done})" if bound.drivers_only else f"({done})")
    holds = " AND ".join(asked)
    # A method that signs nobody off here can only have made days look better than they are.
    unclear.append(f"methods & ~signing <> 0 AND {holds}")
    doubt = " OR ".join(unclear)
    return (
        "WITH place AS MATERIALIZED (SELECT (SELECT array_agg(i.place ORDER BY n.number)"  # noqa: S608 - our own text
        f" FROM unnest({value(kinds, 'text[]')}, {value(codes, 'text[]')}) WITH ORDINALITY n (kind, code, number)"
        " LEFT JOIN readiness_item i USING (kind, code)) AS at,"
        " (SELECT coalesce(bit_or(1 << i.place), 0) FROM readiness_item i WHERE i.kind = 'method'"
        f" AND i.code = ANY ({value(list(bounds.signing_methods), 'text[]')})) AS signing)"
        f" SELECT provider_id, count(*) FILTER (WHERE NOT ({doubt}) AND {holds}) AS ready,"
        f" array_agg(worker_id) FILTER (WHERE {doubt}) AS unclear"
        " FROM worker_readiness CROSS JOIN place WHERE provider_id = ANY ($1) GROUP BY provider_id",
        values,
    )


def _number(day: date | None) -> int:
    """A day as the rows have it; None is any day at all."""
    return EVER if day is None else min(max(EVER, (day - EPOCH).days), -EVER)

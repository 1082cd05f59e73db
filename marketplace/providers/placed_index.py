"""Who is placed on live packages and will not be ready, from the rows of days: for a figure that is asked for often.

`reach_index` says which workers of many providers are ready; here it is asked of those placed, for each package's own
needs, today and on a day ahead. Whom days cannot tell of is judged by the facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.policy.bounds import ReadinessBounds, readiness_bounds
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.scope import needs_of, sort_needs
from marketplace.policy.standing import worker_readiness
from marketplace.providers.facts import worker_records
from marketplace.providers.reach_index import Asked, number_of, places_of


@dataclass
class Unready:
    """How many placed workers are not ready today or (beside `now` of them) will not be ahead, and whose packages."""

    workers: int = 0
    now: int = 0
    children: set[UUID] = field(default_factory=set)


async def unready_on_packages(work: Work, commissioner_id: UUID, ahead: dict[UUID, date]) -> Unready:
    """The placed workers of the commissioner's live packages who are not ready today or on the framework's day ahead.

    `ahead` has that day for each framework with packages.
    """
    found = Unready()
    for framework_id, later in ahead.items():
        pack = await pack_of(work, framework_id)
        for lot in pack.on(local_day(work.now)).content.lots:
            await _of_lot(work, commissioner_id, framework_id, pack, lot.key, later, found)
    return found


async def _of_lot(
    work: Work, commissioner_id: UUID, framework_id: UUID, pack: Pack, lot: str, later: date, found: Unready
) -> None:
    today = local_day(work.now)
    picked = _picked(pack, lot)
    starred = tuple(sorted({code for codes in picked.values() for code in codes}))
    days = [(readiness_bounds(pack, lot, on), readiness_bounds(pack, lot, on, starred)) for on in (today, later)]
    asked = Asked(await places_of(work, *(bounds for _, bounds in days)), first=4)
    verdicts = [_verdict(asked, always, wide, picked, today) for always, wide in days]
    row = await work.fetchrow(
        f"""WITH judged AS (
              SELECT p.child_id, p.needs, w.provider_id, w.worker_id, CASE WHEN known THEN now ELSE false END AS now,
                     CASE WHEN known THEN later ELSE false END AS later
              FROM package p JOIN package_worker w ON w.commissioner_id = p.commissioner_id AND w.package_id = p.id
              LEFT JOIN LATERAL (
                  SELECT true AS known, {verdicts[0]} AS now, {verdicts[1]} AS later FROM worker_readiness
                  WHERE provider_id = w.provider_id AND worker_id = w.worker_id) judged ON true
              WHERE p.commissioner_id = $1 AND p.framework_id = $2 AND p.lot_code = $3
                AND p.state IN ('set_up', 'active') AND w.removed_at IS NULL
                AND (now IS NOT TRUE OR later IS NOT TRUE))
            SELECT count(*) FILTER (WHERE now IS NOT NULL AND later IS NOT NULL) AS workers,
                   count(*) FILTER (WHERE NOT now AND later IS NOT NULL) AS now,
                   array_agg(DISTINCT child_id) FILTER (WHERE now IS NOT NULL AND later IS NOT NULL) AS children,
                   jsonb_agg(jsonb_build_array(child_id, provider_id, worker_id, needs))
                       FILTER (WHERE now IS NULL OR later IS NULL) AS unclear
            FROM judged""",  # noqa: S608 - our own text
        commissioner_id, framework_id, lot, *asked.values,
    )  # fmt: skip
    assert row is not None
    found.workers += row["workers"]
    found.now += row["now"]
    found.children |= set(row["children"] or ())
    if row["unclear"]:
        await _by_facts(work, pack, lot, later, row["unclear"], found)


@lru_cache(maxsize=500)
def _picked_of(pack: Pack, lot: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (need.code, sort_needs(pack, lot, (need.code,)).competencies) for need in needs_of(pack, lot) if need.allowed
    )


def _picked(pack: Pack, lot: str) -> dict[str, tuple[str, ...]]:
    """The competencies that each need a package may have asks for on a lot."""
    return dict(_picked_of(pack, lot))


def _verdict(
    asked: Asked, always: ReadinessBounds, wide: ReadinessBounds, picked: dict[str, tuple[str, ...]], today: date
) -> str:
    """True: ready, false: not, null: days cannot tell; for the needs `p.needs` beside what the lot always asks."""
    since = {bound.code: bound.since for bound in wide.competencies if bound not in always.competencies}
    pairs = [(code, competency) for code, codes in picked.items() for competency in codes if competency in since]
    codes = asked.value([code for code, _ in pairs], "text[]")
    titles = asked.value([competency for _, competency in pairs], "text[]")
    places = asked.value([asked.place("competency", each) for _, each in pairs], "int[]")
    sinces = asked.value([number_of(since[each]) for _, each in pairs], "smallint[]")
    needed = (
        f"NOT EXISTS (SELECT FROM unnest({codes}, {titles}, {places}, {sinces}) AS x (code, competency, place, since)"  # noqa: S608 - our own text
        " WHERE x.code = ANY (p.needs) AND (days[coalesce(x.place, (SELECT i.place FROM readiness_item i"
        " WHERE i.kind = 'competency' AND i.code = x.competency))] >= x.since) IS NOT TRUE)"
    )
    return (
        f"CASE WHEN {asked.doubt(always)} THEN NULL"
        f" WHEN ({asked.holds(always, today)}) IS NOT TRUE OR NOT {needed} THEN false"
        f" WHEN {asked.signed(always)} THEN true END"
    )


async def _by_facts(
    work: Work, pack: Pack, lot: str, later: date, rows: list[tuple[str, str, str, list[str]]], found: Unready
) -> None:
    """Judge those of whom days cannot tell: (child, provider, worker, the package's needs)."""
    records = await worker_records(
        work, {UUID(provider) for _, provider, _, _ in rows}, worker_ids={UUID(worker) for _, _, worker, _ in rows}
    )
    workers = {str(record.id): record for each in records.values() for record in each}
    for child_id, _, worker_id, needs in rows:
        worker = workers.get(worker_id)
        asked = sort_needs(pack, lot, tuple(needs)).competencies
        ready = [
            worker is not None and worker_readiness(pack, lot, on, worker.facts, asked).ready
            for on in (local_day(work.now), later)
        ]
        if not all(ready):
            found.workers += 1
            found.now += not ready[0]
            found.children.add(UUID(child_id))

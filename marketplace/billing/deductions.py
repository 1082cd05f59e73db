"""Deductions by reason over time: what costs a provider money, period by period, so that it learns what to mend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day

KINDS = ("late", "inaccurate", "incomplete")
PERIODS = 13  # a year of four-weekly periods


@dataclass(frozen=True, slots=True)
class PeriodDeductions:
    """One period: how many invoices stood, how many lost money and how much, how many for each kind of defect."""

    first_day: date
    invoices: int
    deducted: int
    pence: int
    waived_pence: int
    kinds: dict[str, int]


@dataclass(frozen=True, slots=True)
class Deductions:
    """The newest periods, oldest first; and how often each reason was found, the commonest first."""

    periods: tuple[PeriodDeductions, ...]
    reasons: tuple[tuple[str, int], ...]
    providers: tuple[tuple[UUID, str], ...]


async def deductions(work: Work, provider_id: UUID | None = None) -> Deductions:
    """The deductions of the invoices within reach (of one provider, if named); corrections count once."""
    rows = await work.fetch(
        """SELECT i.first_day, count(*) AS invoices, count(*) FILTER (WHERE i.deduction_pence > 0) AS deducted,
                  sum(i.deduction_pence)::bigint AS pence, coalesce(sum(w.pence), 0)::bigint AS waived
           FROM invoice i LEFT JOIN deduction_dispute w ON w.commissioner_id = i.commissioner_id
               AND w.framework_id = i.framework_id AND w.provider_id = i.provider_id AND w.first_day = i.first_day
               AND w.state = 'waived'
           WHERE i.replaced_at IS NULL AND ($1::uuid IS NULL OR i.provider_id = $1)
           GROUP BY 1 ORDER BY 1 DESC LIMIT $2""",
        provider_id, PERIODS,
    )  # fmt: skip
    since = min((row["first_day"] for row in rows), default=local_day(work.now))
    found = await work.fetch(
        """SELECT i.first_day, d.value->>'kind' AS kind, y.value AS why, count(DISTINCT i.id) AS n
           FROM invoice i, jsonb_array_elements(i.result->'defects') d, jsonb_array_elements_text(d.value->'why') y
           WHERE i.replaced_at IS NULL AND i.deduction_pence > 0 AND i.first_day >= $2
             AND coalesce((d.value->>'charged')::boolean, true)
             AND ($1::uuid IS NULL OR i.provider_id = $1)
           GROUP BY GROUPING SETS ((1, 2), (3))""",
        provider_id, since,
    )  # fmt: skip
    kinds: dict[date, dict[str, int]] = {}
    reasons: dict[str, int] = {}
    for row in found:
        if row["kind"] is not None:
            kinds.setdefault(row["first_day"], {})[row["kind"]] = row["n"]
        elif row["first_day"] is None:
            reasons[row["why"]] = row["n"]
    providers = await work.fetch(
        """SELECT DISTINCT o.id, o.name FROM invoice i JOIN organisation o ON o.id = i.provider_id
           WHERE i.deduction_pence > 0 ORDER BY o.name, o.id"""
    )
    return Deductions(
        tuple(
            PeriodDeductions(
                row["first_day"], row["invoices"], row["deducted"], row["pence"], row["waived"],
                {kind: kinds.get(row["first_day"], {}).get(kind, 0) for kind in KINDS},
            )
            for row in reversed(rows)
        ),
        tuple(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))),
        tuple((row["id"], row["name"]) for row in providers),
    )  # fmt: skip

"""Deductions by reason over time: what costs a provider money, period by period, so that it learns what to mend.

What an invoice lost when it was submitted, and what a credit note took of it after it was accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day

KINDS = ("late", "inaccurate", "incomplete")
PERIODS = 13  # a year of four-weekly periods

# Of an invoice i: what credit notes deducted from it after its acceptance.
_AFTER = """LEFT JOIN LATERAL (SELECT coalesce(sum(n.pence), 0) AS pence FROM credit_note n
    WHERE n.commissioner_id = i.commissioner_id AND n.invoice_id = i.id AND n.kind = 'deduction'
      AND n.state = 'confirmed') late ON true"""


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
        f"""SELECT i.first_day, count(*) AS invoices,
                  count(*) FILTER (WHERE i.deduction_pence + late.pence > 0) AS deducted,
                  sum(i.deduction_pence + late.pence)::bigint AS pence, coalesce(sum(w.pence), 0)::bigint AS waived
           FROM invoice i LEFT JOIN deduction_dispute w ON w.commissioner_id = i.commissioner_id
               AND w.framework_id = i.framework_id AND w.provider_id = i.provider_id AND w.first_day = i.first_day
               AND w.state = 'waived'
           {_AFTER}
           WHERE i.replaced_at IS NULL AND ($1::uuid IS NULL OR i.provider_id = $1)
           GROUP BY 1 ORDER BY 1 DESC LIMIT $2""",  # noqa: S608 - our own words
        provider_id, PERIODS,
    )  # fmt: skip
    since = min((row["first_day"] for row in rows), default=local_day(work.now))
    found = await work.fetch(
        """SELECT i.first_day, i.kind, i.why, count(DISTINCT i.id) AS n FROM (
             SELECT i.id, i.provider_id, i.first_day, d.value->>'kind' AS kind, y.value AS why
             FROM invoice i, jsonb_array_elements(i.result->'defects') d, jsonb_array_elements_text(d.value->'why') y
             WHERE i.replaced_at IS NULL AND i.deduction_pence > 0 AND coalesce((d.value->>'charged')::boolean, true)
             UNION ALL
             SELECT i.id, i.provider_id, i.first_day, n.defect, n.defect || '_after_acceptance'
             FROM invoice i JOIN credit_note n ON n.commissioner_id = i.commissioner_id AND n.invoice_id = i.id
             WHERE i.replaced_at IS NULL AND n.kind = 'deduction' AND n.state = 'confirmed') i
           WHERE i.first_day >= $2 AND ($1::uuid IS NULL OR i.provider_id = $1)
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
        f"""SELECT DISTINCT o.id, o.name FROM invoice i JOIN organisation o ON o.id = i.provider_id {_AFTER}
           WHERE i.deduction_pence + late.pence > 0 ORDER BY o.name, o.id"""  # noqa: S608 - our own words
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

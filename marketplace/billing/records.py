"""The visits an invoice could concern, read from the records and turned into the rule's facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from marketplace.platform.database import Work
from marketplace.policy.calendar import Period, end_of_day, local, to_the_minute
from marketplace.policy.facts import Visit, VisitWorker
from marketplace.policy.funding import Share

# A funding row pays for the visits that start on its days.
ON_ITS_DAYS = """{f}.starts_on <= (v.planned_start AT TIME ZONE 'Europe/London')::date
         AND ({f}.ends_on IS NULL OR {f}.ends_on >= (v.planned_start AT TIME ZONE 'Europe/London')::date)"""
FUNDED = ON_ITS_DAYS.format(f="f")

# Beside a visit `v`: who worked (name, signed, where their time is billed) and who pays (payer, share).
WORKERS_AND_SHARES = f"""
    LEFT JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_array(vw.printed_name, vw.signed_at IS NOT NULL,
            shared_time(vw.commissioner_id, vw.visit_id, vw.worker_id)) ORDER BY vw.printed_name), '[]') AS workers
        FROM visit_worker vw WHERE vw.commissioner_id = v.commissioner_id AND vw.visit_id = v.id) w ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(g.payer_id, g.share_basis_points) ORDER BY g.payer_id) AS shares
        FROM package_funding g WHERE g.commissioner_id = v.commissioner_id AND g.package_id = v.package_id
        AND {ON_ITS_DAYS.format(f="g")}) s ON true
"""  # noqa: S608 - our own fragment

# Visits of the period; and those held over from earlier periods whose invoice stands, unless settled there: paid, or
# judged complete and worth nothing. A visit that has not ended yet belongs to no invoice.
_VISITS = f"""
    SELECT v.*, p.reference AS package_reference, w.workers, s.shares,
           v.planned_start < $5 AS held_over, longer.line_id IS NOT NULL AS longer_beside, longer.billed_minutes
    FROM visit v
    JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
    JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND f.payer_id = $3
         AND {FUNDED}
    {WORKERS_AND_SHARES}
    LEFT JOIN LATERAL (  -- longer time approved once another payer was billed: all of them pay it in the same steps
        SELECT l.id AS line_id, l.longer_from AS billed_minutes FROM other_line l
        WHERE l.commissioner_id = $3 AND l.longer_commissioner_id = v.commissioner_id AND l.longer_visit_id = v.id
          AND l.withdrawn_at IS NULL ORDER BY l.longer_to LIMIT 1) longer ON true
    WHERE v.framework_id = $1 AND v.provider_id = $2 AND v.planned_start < $6 AND (v.planned_end <= $7 OR v.outcome IS NOT NULL)
      AND NOT EXISTS (
        SELECT 1 FROM invoice_line l WHERE l.commissioner_id = $3 AND l.visit_commissioner_id = v.commissioner_id AND l.visit_id = v.id
        AND l.counts AND l.invoice_id IS DISTINCT FROM $4 AND (l.payable_pence > 0 OR (NOT l.held AND coalesce(l.price_pence, 0) = 0)))
      AND (v.planned_start >= $5 OR EXISTS (
        SELECT 1 FROM invoice i WHERE i.commissioner_id = $3 AND i.framework_id = $1 AND i.provider_id = $2 AND i.replaced_at IS NULL
        AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN i.first_day AND i.last_day))
    ORDER BY v.planned_start, v.id
"""  # noqa: E501, S608 - SQL is laid out as SQL, and these are our own fragments


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """A visit's facts, without its notes: what an invoice, and a finance officer, may see of it.

    With `longer_beside` longer time was approved once another payer was billed: it stands on lines of its own, and the
    facts hold what was approved before (`m0064`).
    """

    id: UUID
    commissioner_id: UUID
    package_id: UUID
    package_reference: str
    held_over: bool
    recorded: bool
    unsigned_reason_waiting: bool
    facts: Visit
    longer_beside: bool = False


async def visits_to_bill(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, period: Period, *, replacing: UUID | None = None
) -> list[VisitRecord]:
    """Every ended visit the payer's invoice of a period could concern, in the order they were planned.

    `replacing` is the returned invoice a correction stands in for: what it settled is open again.
    """
    rows = await work.fetch(
        _VISITS, framework_id, provider_id, payer_id, replacing,
        end_of_day(period.first_day - _DAY), end_of_day(period.last_day), work.now,
    )  # fmt: skip
    return [
        _before_its_lines(record_of(row), row["billed_minutes"]) if row["longer_beside"] else record_of(row)
        for row in rows
    ]


def _before_its_lines(record: VisitRecord, minutes: int | None) -> VisitRecord:
    facts = msgspec.structs.replace(record.facts, overrun_approved=minutes is not None, approved_minutes=minutes)
    return replace(record, facts=facts, longer_beside=True)


async def records_of(work: Work, visit_ids: list[UUID]) -> dict[UUID, VisitRecord]:
    """These visits as their records stand now, as far as the context reaches."""
    rows = await work.fetch(
        f"""SELECT v.*, p.reference AS package_reference, w.workers, s.shares, true AS held_over FROM visit v
            JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
            {WORKERS_AND_SHARES} WHERE v.id = ANY($1)""",  # noqa: S608 - our own fragment
        visit_ids,
    )
    return {row["id"]: record_of(row) for row in rows}


_DAY = date(2000, 1, 2) - date(2000, 1, 1)


def record_of(row: asyncpg.Record) -> VisitRecord:
    """A visit's row, with its package's reference and its workers, as the rule's facts."""
    outcome = row["outcome"]
    return VisitRecord(
        id=row["id"],
        commissioner_id=row["commissioner_id"],
        package_id=row["package_id"],
        package_reference=row["package_reference"],
        held_over=row["held_over"],
        recorded=outcome is not None,
        unsigned_reason_waiting=row["unsigned_reason_waiting"],
        facts=Visit(
            id=str(row["id"]),
            lot=row["lot_code"],
            activity=row["activity"],
            planned_start=local(row["planned_start"]),
            planned_end=local(row["planned_end"]),
            # Nothing recorded yet is a delivery whose record has not been begun: held, and payable once it is.
            outcome=outcome or "delivered",
            workers=tuple(VisitWorker(name, signed, billed or "here") for name, signed, billed in row["workers"]),
            actual_start=_minute(row["actual_start"]),
            actual_end=_minute(row["actual_end"]),
            # The notes stay where they are: that activities were written is the fact an invoice needs.
            activities="recorded" if row["activities_recorded"] else None,
            family_signed=row["family_signed"],
            overrun_approved=row["overrun_approved_at"] is not None,
            approved_minutes=row["overrun_approved_minutes"],
            notice_at=_minute(row["notice_at"]),
            shares=_shares(row["shares"] or []),
        ),
    )


def _shares(rows: list[tuple[str, int]]) -> tuple[Share, ...]:
    """One payer of all of it is the rule, and needs no shares."""
    return tuple(Share(payer, points) for payer, points in rows) if len(rows) > 1 else ()


def _minute(at: datetime | None) -> datetime | None:
    return None if at is None else local(to_the_minute(at))

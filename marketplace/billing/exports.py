"""What leaves billing: the case file of the policy calculator, and lines as CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

from marketplace.billing.drafting import Draft
from marketplace.billing.queries import InvoiceView
from marketplace.billing.words import OUTCOMES
from marketplace.policy.calendar import elapsed, local
from marketplace.policy.facts import InvoiceFacts, Longer, OtherLine, Visit
from marketplace.policy.funding import WHOLE
from marketplace.web.filters import share


def case_of(found: Draft) -> dict[str, Any]:
    """The draft as a case for `marketplace policy invoice`: anyone can re-compute it without this system."""
    facts = found.facts
    beside = {"other_lines": [_other(other) for other in facts.others]} if facts.others else {}
    return {
        "pack": found.pack.id,
        "period": {"first_day": facts.period.first_day.isoformat(), "last_day": facts.period.last_day.isoformat()},
        "submitted_at": local(facts.submitted_at).isoformat(),
        "carried_in_pence": facts.carried_in_pence,
        "rate_card": [
            {
                "lot": row.lot,
                "activity": row.activity,
                "band": row.band,
                "pence_per_hour": row.pence_per_hour,
                "from": row.from_.isoformat(),
            }
            for row in facts.rate_card
        ],
        "visits": [_visit(visit) for visit in facts.visits],
        "claim": {
            "lines": [{"visit": line.visit, "pence": line.pence} for line in facts.claim.lines],
            "total_pence": facts.claim.total_pence,
        },
        **beside,
        **({"payer": facts.payer} if any(visit.shares for visit in _all_visits(facts)) else {}),
    }


def _all_visits(facts: InvoiceFacts) -> list[Visit]:
    return [*facts.visits, *(other.longer.visit for other in facts.others if other.longer)]


def _other(line: OtherLine) -> dict[str, Any]:
    agreement, longer = line.agreement, line.longer
    return {
        "id": line.id,
        "kind": line.kind,
        "day": line.day.isoformat(),
        "units": line.units,
        "cost_pence": line.cost_pence,
        "evidenced": line.evidenced,
        "billed_pence": line.billed_pence,
        "agreement": agreement
        and {
            "id": agreement.id,
            "kind": agreement.kind,
            "unit_pence": agreement.unit_pence,
            "most_pence": agreement.most_pence,
            "from": agreement.from_.isoformat(),
            "to": agreement.to.isoformat(),
        },
    } | ({} if longer is None else {"longer": longer_case(longer)})


def longer_case(longer: Longer) -> dict[str, Any]:
    """Longer time as a case says it: its visit, and the minutes approved when it was billed, and since."""
    return {
        "visit": _visit(longer.visit),
        "billed_minutes": longer.billed_minutes,
        "approved_minutes": longer.approved_minutes,
    }


def _visit(visit: Visit) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": visit.id,
        "lot": visit.lot,
        "activity": visit.activity,
        "planned_start": visit.planned_start.isoformat(),
        "planned_end": visit.planned_end.isoformat(),
        "outcome": visit.outcome,
        "workers": [
            {"name": worker.name, "signed": worker.signed}
            | ({} if worker.billed == "here" else {"billed": worker.billed})
            for worker in visit.workers
        ],
    }
    if visit.shares:
        row["shares"] = [{"payer": each.payer, "basis_points": each.basis_points} for each in visit.shares]
    if visit.outcome == "delivered":
        row |= {
            "actual_start": visit.actual_start.isoformat() if visit.actual_start else None,
            "actual_end": visit.actual_end.isoformat() if visit.actual_end else None,
            "activities": visit.activities,
            "family_signed": visit.family_signed,
        }
        if visit.overrun_approved:
            row["overrun_approved"] = True
            if visit.approved_minutes is not None and _is_beyond(visit, visit.approved_minutes):
                row["approved_minutes"] = visit.approved_minutes
    elif visit.outcome == "cancelled_by_family":
        row["notice_at"] = visit.notice_at.isoformat() if visit.notice_at else None
    return row


def _is_beyond(visit: Visit, minutes: int) -> bool:
    """Whether the visit lasted longer than so many minutes: only then its case needs to say how many are approved."""
    if visit.actual_start is None or visit.actual_end is None:
        return False
    return elapsed(visit.actual_start, visit.actual_end) > timedelta(minutes=minutes)


HEADS = (
    "visit", "package", "activity", "planned_start", "planned_end", "outcome", "actual_start", "actual_end", "workers",
    "minutes", "percent", "price_pounds", "held", "claimed_pounds", "payable_pounds", "whole_price_pounds", "share",
)  # fmt: skip


def lines_csv(view: InvoiceView) -> str:
    """The invoice's lines, one visit a row, then the lines beside visits: amounts in pounds, London's clock."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADS)
    for line in view.lines:
        writer.writerow(
            safe(cell)
            for cell in (
                line.visit_id, line.package_reference, line.activity, local(line.planned_start).isoformat(),
                local(line.planned_end).isoformat(), OUTCOMES[line.outcome],
                local(line.actual_start).isoformat() if line.actual_start else "",
                local(line.actual_end).isoformat() if line.actual_end else "",
                "; ".join(line.workers), line.minutes, line.percent, _pounds(line.price_pence),
                "yes" if line.held else "no", _pounds(line.claimed_pence), _pounds(line.payable_pence),
                _pounds(line.whole_pence), share(line.basis_points),
            )
        )  # fmt: skip
    for other in view.others:
        record = other.record
        writer.writerow(
            safe(cell)
            for cell in (
                record.visit_id or "", record.package_reference, record.title, record.facts.day.isoformat(), "",
                record.stands_on, "", "", "", "", "", _pounds(other.price_pence), "no",
                _pounds(other.claimed_pence), _pounds(other.payable_pence), _pounds(other.price_pence), share(WHOLE),
            )
        )  # fmt: skip
    return out.getvalue()


def safe(cell: object) -> object:
    """A cell a spreadsheet shows as text: what starts like a formula gets a quote before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _pounds(pence: int | None) -> str:
    return "" if pence is None else f"{pence // 100}.{pence % 100:02d}"

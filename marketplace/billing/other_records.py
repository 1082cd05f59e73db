"""Lines beside visits as invoices read them: those that wait for one, those on one, those to judge again.

Each stands on its written agreement (P 4.9, 4.11, 14.3); what the agreement still allows is what no other invoice took.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from marketplace.platform.database import Work
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Agreement, OtherLine

KINDS = {
    "mileage": "Mileage",
    "report": "Report",
    "return_to_area": "Return to the area",
}
UNITS = {"mileage": "mile", "report": "report"}

_LINES = """
    SELECT l.*, a.kind, a.unit_pence, a.most_pence, a.valid_from, a.valid_to,
           p.reference AS package_reference, p.lot_code,
           a.payer_agreed_at IS NOT NULL AND a.provider_agreed_at IS NOT NULL AS agreed
    FROM other_line l
    JOIN other_agreement a ON a.commissioner_id = l.commissioner_id AND a.id = l.agreement_id
    JOIN package p ON p.commissioner_id = l.commissioner_id AND p.id = l.package_id
"""


@dataclass(frozen=True, slots=True)
class OtherRecord:
    """A line beside visits with what people know it by."""

    id: UUID
    agreement_id: UUID
    package_reference: str
    lot_code: str
    visit_id: UUID | None
    says: str
    facts: OtherLine

    @property
    def title(self) -> str:
        """ "Mileage, 34 miles"."""
        unit = UNITS.get(self.facts.kind)
        if unit is None:
            return KINDS[self.facts.kind]
        return f"{KINDS[self.facts.kind]}, {self.facts.units} {unit}{'' if self.facts.units == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class OtherOnInvoice:
    """A line beside visits on a submitted invoice."""

    record: OtherRecord
    claimed_pence: int | None
    price_pence: int
    payable_pence: int


async def others_to_bill(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, period: Period, *, replacing: UUID | None = None
) -> list[OtherRecord]:
    """Every line of the period, or of an earlier one, that no standing invoice has paid, oldest first.

    `replacing` is the returned invoice a correction stands in for: what it took is open again.
    """
    rows = await work.fetch(
        _LINES  # noqa: S608 - two constants
        + """ WHERE l.commissioner_id = $3 AND l.framework_id = $1 AND l.provider_id = $2 AND l.withdrawn_at IS NULL
              AND l.day <= $5 AND NOT EXISTS (SELECT 1 FROM invoice_other_line i WHERE i.commissioner_id = $3
              AND i.line_id = l.id AND i.counts AND i.payable_pence > 0 AND i.invoice_id IS DISTINCT FROM $4)
              ORDER BY l.day, l.added_at, l.id""",
        framework_id, provider_id, payer_id, replacing, period.last_day,
    )  # fmt: skip
    taken = {
        row["agreement_id"]: row["pence"]
        for row in await work.fetch(
            """SELECT l.agreement_id, sum(i.payable_pence)::int AS pence FROM invoice_other_line i
               JOIN other_line l ON l.commissioner_id = i.commissioner_id AND l.id = i.line_id
               WHERE i.commissioner_id = $1 AND i.provider_id = $2 AND i.counts AND i.invoice_id IS DISTINCT FROM $3
               GROUP BY l.agreement_id""",
            payer_id, provider_id, replacing,
        )
    }  # fmt: skip
    return [_record(row, taken.get(row["agreement_id"], 0)) for row in rows]


async def others_judged(work: Work, payer_id: UUID, invoice_id: UUID, received_at: datetime) -> tuple[OtherLine, ...]:
    """The lines an invoice was judged with, as they stood when it was received: for computing it again."""
    rows = await work.fetch(
        _LINES
        + """ JOIN invoice_other_line i ON i.commissioner_id = l.commissioner_id AND i.line_id = l.id
              WHERE i.commissioner_id = $1 AND i.invoice_id = $2 ORDER BY i.position""",
        payer_id, invoice_id,
    )  # fmt: skip
    taken = {
        row["agreement_id"]: row["pence"]
        for row in await work.fetch(
            """SELECT l.agreement_id, sum(i.payable_pence)::int AS pence FROM invoice_other_line i
               JOIN other_line l ON l.commissioner_id = i.commissioner_id AND l.id = i.line_id
               JOIN invoice n ON n.commissioner_id = i.commissioner_id AND n.id = i.invoice_id
               WHERE i.commissioner_id = $1 AND i.invoice_id <> $2 AND n.received_at < $3
                 AND (n.replaced_at IS NULL OR n.replaced_at > $3) AND l.agreement_id = ANY ($4)
               GROUP BY l.agreement_id""",
            payer_id, invoice_id, received_at, [row["agreement_id"] for row in rows],
        )
    }  # fmt: skip
    return tuple(_record(row, taken.get(row["agreement_id"], 0)).facts for row in rows)


async def others_on(work: Work, payer_id: UUID, invoice_id: UUID) -> tuple[OtherOnInvoice, ...]:
    """The lines beside visits on a submitted invoice, in their order."""
    rows = await work.fetch(
        _LINES.replace("SELECT l.*", "SELECT l.*, i.claimed_pence, i.price_pence, i.payable_pence")
        + """ JOIN invoice_other_line i ON i.commissioner_id = l.commissioner_id AND i.line_id = l.id
              WHERE i.commissioner_id = $1 AND i.invoice_id = $2 ORDER BY i.position""",
        payer_id, invoice_id,
    )  # fmt: skip
    return tuple(
        OtherOnInvoice(_record(row, 0), row["claimed_pence"], row["price_pence"], row["payable_pence"]) for row in rows
    )


async def days_with_others(work: Work, framework_id: UUID, payer_id: UUID, provider_id: UUID) -> list[date]:
    """The days of the lines that wait for an invoice: their periods are shown although nobody was visited in them."""
    rows = await work.fetch(
        """SELECT DISTINCT l.day FROM other_line l WHERE l.commissioner_id = $1 AND l.framework_id = $2
           AND l.provider_id = $3 AND l.withdrawn_at IS NULL AND NOT EXISTS (SELECT 1 FROM invoice_other_line i
           WHERE i.commissioner_id = $1 AND i.line_id = l.id AND i.counts AND i.payable_pence > 0)""",
        payer_id, framework_id, provider_id,
    )  # fmt: skip
    return [row["day"] for row in rows]


def _record(row: asyncpg.Record, billed_pence: int) -> OtherRecord:
    agreement = Agreement(
        id=str(row["agreement_id"]), kind=row["kind"], unit_pence=row["unit_pence"], most_pence=row["most_pence"],
        from_=row["valid_from"], to=row["valid_to"],
    )  # fmt: skip
    return OtherRecord(
        id=row["id"],
        agreement_id=row["agreement_id"],
        package_reference=row["package_reference"],
        lot_code=row["lot_code"],
        visit_id=row["visit_id"],
        says=row["says"],
        facts=OtherLine(
            id=str(row["id"]),
            kind=row["kind"],
            day=row["day"],
            units=row["units"],
            cost_pence=row["cost_pence"],
            evidenced=row["evidence_id"] is not None,
            agreement=agreement if row["agreed"] else None,
            billed_pence=billed_pence,
        ),
    )

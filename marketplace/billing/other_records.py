"""Lines beside visits as invoices read them: those that wait for one, those on one, those to judge again.

Each stands on its written agreement (P 4.9, 4.11, 14.3); what the agreement still allows is what no other invoice took.
Longer time of a visit that an accepted invoice bills stands on its referrer's approval (`packages/longer_lines.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from marketplace.billing.records import VisitRecord, records_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Agreement, Longer, OtherLine
from marketplace.policy.other_lines import LONGER
from marketplace.web.filters import count, moment

KINDS = {
    "mileage": "Mileage",
    "report": "Report",
    "return_to_area": "Return to the area",
    LONGER: "Longer time",
}
UNITS = {"mileage": "mile", "report": "report", LONGER: "minute"}

_LINES = """
    SELECT l.*, a.kind, a.unit_pence, a.most_pence, a.valid_from, a.valid_to,
           p.reference AS package_reference, p.lot_code,
           a.payer_agreed_at IS NOT NULL AND a.provider_agreed_at IS NOT NULL AS agreed
    FROM other_line l
    LEFT JOIN other_agreement a ON a.commissioner_id = l.commissioner_id AND a.id = l.agreement_id
    LEFT JOIN visit v ON v.commissioner_id = l.longer_commissioner_id AND v.id = l.longer_visit_id
    JOIN package p ON p.commissioner_id = coalesce(v.commissioner_id, l.commissioner_id)
        AND p.id = coalesce(v.package_id, l.package_id)
"""


def of_visit(longer: Longer) -> str:
    """ "of the visit on 18 May 2026, 4pm"."""
    return f"of the visit on {moment(longer.visit.planned_start)}"


@dataclass(frozen=True, slots=True)
class OtherRecord:
    """A line beside visits with what people know it by; longer time has no agreement, and says of which visit it is."""

    id: UUID
    agreement_id: UUID | None
    package_reference: str
    lot_code: str
    visit_id: UUID | None
    says: str
    facts: OtherLine

    @property
    def title(self) -> str:
        """ "Mileage, 34 miles"; "Longer time, 45 minutes, of the visit on 18 May 2026, 4pm"."""
        unit = UNITS.get(self.facts.kind)
        if unit is None:
            return KINDS[self.facts.kind]
        said = f"{KINDS[self.facts.kind]}, {count(self.facts.units, unit)}"
        return said if self.facts.longer is None else f"{said}, {of_visit(self.facts.longer)}"

    @property
    def stands_on(self) -> str:
        """What lets it be billed, in a few words."""
        return "Approved after it was billed" if self.facts.longer else "Against its agreement"

    @property
    def mended_at(self) -> str:
        """The page where what it stands on is shown."""
        return f"/visits/{self.visit_id}" if self.facts.longer else f"/agreements/{self.agreement_id}"


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
              ORDER BY l.day, l.added_at, l.longer_to, l.id""",
        framework_id, provider_id, payer_id, replacing, period.last_day,
    )  # fmt: skip
    taken = {
        row["agreement_id"]: row["pence"]
        for row in await work.fetch(
            """SELECT l.agreement_id, sum(i.payable_pence)::int AS pence FROM invoice_other_line i
               JOIN other_line l ON l.commissioner_id = i.commissioner_id AND l.id = i.line_id
               WHERE i.commissioner_id = $1 AND i.provider_id = $2 AND i.counts AND i.invoice_id IS DISTINCT FROM $3
                 AND l.agreement_id IS NOT NULL GROUP BY l.agreement_id""",
            payer_id, provider_id, replacing,
        )
    }  # fmt: skip
    return await _records(work, rows, taken)


async def others_judged(work: Work, payer_id: UUID, invoice_id: UUID) -> tuple[OtherLine, ...]:
    """The lines an invoice was judged with, as they stood when it was received: for computing it again.

    What came before it is told by the numbers, which have no gaps: two invoices may be received at one moment.
    """
    rows = await work.fetch(
        _LINES
        + """ JOIN invoice_other_line i ON i.commissioner_id = l.commissioner_id AND i.line_id = l.id
              WHERE i.commissioner_id = $1 AND i.invoice_id = $2 ORDER BY i.position""",
        payer_id, invoice_id,
    )  # fmt: skip
    taken = {
        row["agreement_id"]: row["pence"]
        for row in await work.fetch(
            """SELECT l.agreement_id, sum(i.payable_pence)::int AS pence FROM invoice j
               JOIN invoice n ON n.commissioner_id = j.commissioner_id AND n.framework_id = j.framework_id
                 AND n.provider_id = j.provider_id AND n.number < j.number
               JOIN invoice_other_line i ON i.commissioner_id = n.commissioner_id AND i.invoice_id = n.id
               JOIN other_line l ON l.commissioner_id = i.commissioner_id AND l.id = i.line_id
               WHERE j.commissioner_id = $1 AND j.id = $2 AND l.agreement_id = ANY ($3) AND NOT EXISTS (
                 SELECT 1 FROM invoice r WHERE r.commissioner_id = n.commissioner_id AND r.replaces_id = n.id
                 AND r.number <= j.number)
               GROUP BY l.agreement_id""",
            payer_id, invoice_id, [row["agreement_id"] for row in rows],
        )
    }  # fmt: skip
    return tuple(record.facts for record in await _records(work, rows, taken))


async def others_on(work: Work, payer_id: UUID, invoice_id: UUID) -> tuple[OtherOnInvoice, ...]:
    """The lines beside visits on a submitted invoice, in their order."""
    rows = await work.fetch(
        _LINES.replace("SELECT l.*", "SELECT l.*, i.claimed_pence, i.price_pence, i.payable_pence")
        + """ JOIN invoice_other_line i ON i.commissioner_id = l.commissioner_id AND i.line_id = l.id
              WHERE i.commissioner_id = $1 AND i.invoice_id = $2 ORDER BY i.position""",
        payer_id, invoice_id,
    )  # fmt: skip
    return tuple(
        OtherOnInvoice(record, row["claimed_pence"], row["price_pence"], row["payable_pence"])
        for record, row in zip(await _records(work, rows, {}), rows, strict=True)
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


async def _records(work: Work, rows: list[asyncpg.Record], taken: dict[UUID, int]) -> list[OtherRecord]:
    """The lines in their order; `taken` is what other invoices took of each agreement's sum."""
    visits = await records_of(work, [row["longer_visit_id"] for row in rows if row["longer_visit_id"]])
    return [
        _longer(row, visits[row["longer_visit_id"]]) if row["longer_visit_id"] else _record(row, taken) for row in rows
    ]


def _longer(row: asyncpg.Record, visit: VisitRecord) -> OtherRecord:
    longer = Longer(visit=visit.facts, billed_minutes=row["longer_from"], approved_minutes=row["longer_to"])
    return OtherRecord(
        id=row["id"],
        agreement_id=None,
        package_reference=row["package_reference"],
        lot_code=row["lot_code"],
        visit_id=visit.id,
        says=row["says"],
        facts=OtherLine(
            id=str(row["id"]), kind=LONGER, day=row["day"], units=row["units"], cost_pence=0, evidenced=True,
            agreement=None, longer=longer,
        ),
    )  # fmt: skip


def _record(row: asyncpg.Record, taken: dict[UUID, int]) -> OtherRecord:
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
            billed_pence=taken.get(row["agreement_id"], 0),
        ),
    )

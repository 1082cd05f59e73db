"""Questions about written agreements and the lines billed against them: what stands, what is left, with which files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound

STATES = {
    "proposed": ("Waits for the other side", "yellow"),
    "agreed": ("Agreed", "green"),
    "refused": ("Refused", "red"),
}


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """An agreement with how much of its sum is billed. `waits_for` is the side whose answer is missing."""

    id: UUID
    package_id: UUID
    reference: str
    framework_id: UUID
    provider_id: UUID
    provider: str
    payer_id: UUID
    payer: str
    kind: str
    says: str
    unit_pence: int | None
    most_pence: int
    billed_pence: int
    valid_from: date
    valid_to: date
    proposed_side: str
    proposed_at: datetime
    state: str
    refused_reason: str | None
    evidence_id: UUID | None

    @property
    def left_pence(self) -> int:
        """What can still be billed against it."""
        return max(0, self.most_pence - self.billed_pence)

    @property
    def waits_for(self) -> str | None:
        """ "payer" or "provider" while it is proposed."""
        return {"payer": "provider", "provider": "payer"}[self.proposed_side] if self.state == "proposed" else None


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line against an agreement. `invoice_id` is the standing invoice that bills it."""

    id: UUID
    day: date
    visit_id: UUID | None
    units: int
    cost_pence: int
    says: str
    evidence_id: UUID
    withdrawn: bool
    invoice_id: UUID | None
    invoice_number: int | None
    payable_pence: int | None


_AGREEMENTS = """
    SELECT a.*, p.reference, v.name AS provider, c.name AS payer,
        coalesce((SELECT sum(i.payable_pence)::int FROM invoice_other_line i JOIN other_line l
            ON l.commissioner_id = i.commissioner_id AND l.id = i.line_id WHERE l.commissioner_id = a.commissioner_id
            AND l.agreement_id = a.id AND i.counts), 0) AS billed_pence,
        CASE WHEN a.refused_at IS NOT NULL THEN 'refused'
             WHEN a.payer_agreed_at IS NOT NULL AND a.provider_agreed_at IS NOT NULL THEN 'agreed'
             ELSE 'proposed' END AS state
    FROM other_agreement a
    JOIN package p ON p.commissioner_id = a.commissioner_id AND p.id = a.package_id
    JOIN organisation v ON v.id = a.provider_id JOIN organisation c ON c.id = a.commissioner_id
"""


async def agreements(work: Work, package_id: UUID | None = None) -> list[AgreementRow]:
    """Agreements within reach (of one package), those that wait for an answer first, newest first; 200 at most."""
    rows = await work.fetch(
        f"""SELECT * FROM ({_AGREEMENTS}) found WHERE ($1::uuid IS NULL OR package_id = $1)
            ORDER BY state = 'proposed' DESC, proposed_at DESC, id LIMIT 200""",  # noqa: S608 - our own statement
        package_id,
    )
    return [_row(row) for row in rows]


async def agreement(work: Work, agreement_id: UUID) -> AgreementRow:
    """One agreement. Raises `NotFound` outside the context's reach."""
    row = await work.fetchrow(f"SELECT * FROM ({_AGREEMENTS}) found WHERE id = $1", agreement_id)  # noqa: S608
    if row is None:
        raise NotFound
    return _row(row)


async def lines_of(work: Work, agreement_id: UUID) -> list[LineRow]:
    """The lines against an agreement, newest day first, those taken back among them."""
    rows = await work.fetch(
        """SELECT l.*, l.withdrawn_at IS NOT NULL AS withdrawn, n.id AS invoice_id, n.number AS invoice_number,
                  i.payable_pence
           FROM other_line l
           LEFT JOIN invoice_other_line i ON i.commissioner_id = l.commissioner_id AND i.line_id = l.id AND i.counts
               AND i.claimed_pence IS NOT NULL
           LEFT JOIN invoice n ON n.commissioner_id = i.commissioner_id AND n.id = i.invoice_id
           WHERE l.agreement_id = $1 ORDER BY l.day DESC, l.added_at DESC, l.id""",
        agreement_id,
    )
    names = LineRow.__dataclass_fields__
    return [LineRow(**{name: row[name] for name in names}) for row in rows]


async def files_of(work: Work, agreement_id: UUID) -> dict[UUID, Any]:
    """The files kept with an agreement and its lines by id: kind, title, file_name, size, state, deleted."""
    rows = await work.fetch("SELECT * FROM agreement_files($1)", agreement_id)
    return {row["id"]: row for row in rows}


async def own_files(work: Work) -> list[tuple[str, str]]:
    """(id, words) of the provider's own files that may be attached, newest first."""
    rows = await work.fetch(
        "SELECT id, title, file_name FROM evidence WHERE provider_id = $1 AND kind <> 'dbs_certificate'"
        " AND state NOT IN ('waiting', 'refused') AND deleted_at IS NULL ORDER BY uploaded_at DESC, id LIMIT 100",
        work.actor.provider_id,
    )  # fmt: skip
    return [(str(row["id"]), row["title"] or row["file_name"]) for row in rows]


async def delivered_visits(work: Work, package_id: UUID, first: date, last: date) -> list[Any]:
    """The visits of a package that took place on these days and whose miles nobody has added, newest first."""
    return await work.fetch(
        """SELECT v.id, v.planned_start FROM visit v WHERE v.package_id = $1 AND v.outcome = 'delivered'
             AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN $2 AND $3
             AND NOT EXISTS (SELECT 1 FROM other_line l WHERE l.commissioner_id = v.commissioner_id
               AND l.visit_id = v.id AND l.withdrawn_at IS NULL)
           ORDER BY v.planned_start DESC LIMIT 60""",
        package_id, first, last,
    )  # fmt: skip


def _row(row: Any) -> AgreementRow:
    values = {name: row[name] for name in AgreementRow.__dataclass_fields__ if name != "payer_id"}
    return AgreementRow(payer_id=row["commissioner_id"], **values)

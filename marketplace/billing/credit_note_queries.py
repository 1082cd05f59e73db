"""Questions about credit notes: what is taken back of which invoice, why, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.billing.other_records import others_on
from marketplace.billing.queries import deduction_clause
from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period, midnight
from marketplace.policy.facts import Claim

KINDS = {"claim": "The claim was higher than the records give", "deduction": "Deduction made after acceptance"}
STATES = {
    "asked": ("Waits for the provider", "yellow"),
    "refused": ("Refused", "red"),
    "confirmed": ("Issued", "green"),
    "withdrawn": ("Withdrawn", "grey"),
}


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A line of the invoice of which something is credited: what was claimed, what the record gives.

    Of a line `beside` visits `visit_id` is its own id, `activity` what it is, `planned_start` its day. What the claim's
    total asks beyond all lines has a line too, beside them and without an id.
    """

    visit_id: UUID | None
    package_reference: str
    activity: str
    planned_start: datetime
    claimed_pence: int
    payable_pence: int
    beside: bool = False

    @property
    def credited_pence(self) -> int:
        """The part of the claim that is taken back."""
        return self.claimed_pence - self.payable_pence


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note as both parties see it. `number` is None until the provider confirms it; `carried_pence` is the
    part of `pence` that the provider's next invoice bears."""

    id: UUID
    number: int | None
    kind: str
    defect: str | None
    state: str
    pence: int
    reason: str
    clause: str
    commissioner_id: UUID
    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    payer: str
    invoice_id: UUID
    invoice_number: int
    period: Period
    asked_at: datetime
    refused_at: datetime | None
    refused_reason: str | None
    confirmed_at: datetime | None
    carried_pence: int
    asked_times: int
    most_asked: int
    decided_reason: str | None  # why the payer decided that it stands, refused as often as it is asked for
    lines: tuple[CreditLine, ...] = ()

    @property
    def to_decide(self) -> bool:
        """Whether it was refused as often as it is asked for: the payer's finance officer decides whether it stands."""
        return self.state == "refused" and self.asked_times >= self.most_asked

    @property
    def asked_said(self) -> str:
        """How often it was asked for: "once", "twice", "3 times"."""
        return times(self.asked_times)

    @property
    def taken_pence(self) -> int:
        """What is taken off this invoice."""
        return self.pence - self.carried_pence

    @property
    def name(self) -> str:
        """ "Credit note 2 on invoice 7", or without its number while it has none."""
        return f"Credit note{f' {self.number}' if self.number else ''} on invoice {self.invoice_number}"


def times(number: int) -> str:
    """ "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


_NOTES = """
    SELECT n.*, i.number AS invoice_number, i.first_day, i.last_day, f.name AS framework, p.name AS provider, c.name AS payer
    FROM credit_note n
    JOIN invoice i ON i.commissioner_id = n.commissioner_id AND i.id = n.invoice_id
    JOIN framework f ON f.id = n.framework_id JOIN organisation p ON p.id = n.provider_id
    JOIN organisation c ON c.id = n.commissioner_id
"""  # noqa: E501


async def credit_notes(
    work: Work, *, invoice_id: UUID | None = None, state: str | None = None, limit: int = 200, offset: int = 0
) -> list[CreditNote]:
    """Credit notes within reach (of one invoice, in one state), those that wait for somebody first, newest first."""
    rows = await work.fetch(
        f"""{_NOTES} WHERE ($1::uuid IS NULL OR n.invoice_id = $1) AND ($2::text IS NULL OR n.state = $2)
            ORDER BY n.state IN ('asked', 'refused') DESC, n.asked_at DESC, n.id LIMIT $3 OFFSET $4""",
        invoice_id, state, limit, offset,
    )  # fmt: skip
    return [await _note(work, row) for row in rows]


async def credit_note(work: Work, note_id: UUID) -> CreditNote:
    """One credit note with the visits it concerns. Raises `NotFound` outside the context's reach."""
    row = await work.fetchrow(f"{_NOTES} WHERE n.id = $1", note_id)
    if row is None:
        raise NotFound
    lines: tuple[CreditLine, ...] = ()
    if row["kind"] == "claim":
        lines = await over_claimed(work, row["commissioner_id"], row["invoice_id"])
    return await _note(work, row, lines)


async def over_claimed(work: Work, payer_id: UUID, invoice_id: UUID) -> tuple[CreditLine, ...]:
    """What an invoice claims beyond the records and the rate card: line by line, and in a total above their sum."""
    rows = await work.fetch(
        """SELECT l.visit_id, p.reference AS package_reference, v.activity, v.planned_start, l.claimed_pence,
                  l.payable_pence
           FROM invoice_line l
           JOIN visit v ON v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id
           JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
           WHERE l.commissioner_id = $1 AND l.invoice_id = $2 AND l.claimed_pence > l.payable_pence
           ORDER BY l.position""",
        payer_id, invoice_id,
    )  # fmt: skip
    others = await others_on(work, payer_id, invoice_id)
    beyond = await beyond_lines(work, payer_id, invoice_id)
    return (
        *(CreditLine(**dict(row)) for row in rows),
        *(
            CreditLine(
                each.record.id, each.record.package_reference, each.record.title, midnight(each.record.facts.day),
                each.claimed_pence or 0, each.payable_pence, beside=True,
            )
            for each in others
            if (each.claimed_pence or 0) > each.payable_pence
        ),
        *beyond,
    )  # fmt: skip


async def beyond_lines(work: Work, payer_id: UUID, invoice_id: UUID) -> tuple[CreditLine, ...]:
    """The part of the claim's total that stands on none of its lines, as a line; empty where the total is their sum."""
    row = await work.fetchrow(
        "SELECT claim, last_day FROM invoice WHERE commissioner_id = $1 AND id = $2", payer_id, invoice_id
    )
    if row is None:
        return ()
    claim = msgspec.convert(row["claim"], Claim)
    more = claim.total_pence - sum(line.pence for line in claim.lines)
    if more <= 0:
        return ()
    return (
        CreditLine(None, "Total", "More than the sum of the lines", midnight(row["last_day"]), more, 0, beside=True),
    )


async def _note(work: Work, row: Any, lines: tuple[CreditLine, ...] = ()) -> CreditNote:
    clause = deduction_clause(await pack_of(work, row["framework_id"])) if row["kind"] == "deduction" else ""
    copied = (
        "id", "number", "kind", "defect", "state", "pence", "reason", "commissioner_id", "framework_id", "framework",
        "provider_id", "provider", "payer", "invoice_id", "invoice_number", "asked_at", "refused_at", "refused_reason",
        "confirmed_at", "carried_pence", "asked_times", "most_asked", "decided_reason",
    )  # fmt: skip
    period = Period(row["first_day"], row["last_day"])
    return CreditNote(**{name: row[name] for name in copied}, clause=clause, period=period, lines=lines)

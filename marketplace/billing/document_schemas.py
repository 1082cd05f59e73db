"""What the API of credit notes takes and gives. Money is integer pence, instants with their offset."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from marketplace.billing.credit_note_queries import CreditNote


class DeductIn(msgspec.Struct, forbid_unknown_fields=True):
    """A fault found after acceptance; the sum is the framework's own."""

    defect: Literal["inaccurate", "incomplete"]
    reason: str


class ReasonIn(msgspec.Struct, forbid_unknown_fields=True):
    reason: str


class AskedOut(msgspec.Struct):
    id: UUID


class IssuedOut(msgspec.Struct):
    number: int


class CreditLineOut(msgspec.Struct):
    visit_id: UUID
    claimed_pence: int
    payable_pence: int


class CreditNoteOut(msgspec.Struct):
    """`number` is null until the provider confirms it."""

    id: UUID
    number: int | None
    kind: str
    state: str
    pence: int
    reason: str
    invoice_id: UUID
    invoice_number: int
    framework: str
    provider: str
    payer: str
    first_day: date
    last_day: date
    asked_at: datetime
    refused_reason: str | None
    confirmed_at: datetime | None
    lines: list[CreditLineOut]


def credit_note_out(note: CreditNote) -> CreditNoteOut:
    """A credit note with the visits it concerns."""
    return CreditNoteOut(
        note.id, note.number, note.kind, note.state, note.pence, note.reason, note.invoice_id, note.invoice_number,
        note.framework, note.provider, note.payer, note.period.first_day, note.period.last_day, note.asked_at,
        note.refused_reason, note.confirmed_at,
        [CreditLineOut(line.visit_id, line.claimed_pence, line.payable_pence) for line in note.lines],
    )  # fmt: skip

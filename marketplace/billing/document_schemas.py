"""What the API of credit notes and payments takes and gives. Money is integer pence, instants with their offset."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from marketplace.billing.credit_note_queries import CreditNote
from marketplace.billing.payment_queries import ClockRow, Payable, PaymentRun, RunRow


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
    """`visit_id` is null for what the total asked beyond all lines."""

    visit_id: UUID | None
    claimed_pence: int
    payable_pence: int


class CreditNoteOut(msgspec.Struct):
    """`number` is null until the provider confirms it; of `pence`, `carried_pence` are borne by the next invoice."""

    id: UUID
    number: int | None
    kind: str
    state: str
    pence: int
    carried_pence: int
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
        note.id, note.number, note.kind, note.state, note.pence, note.carried_pence, note.reason,
        note.invoice_id, note.invoice_number, note.framework, note.provider, note.payer, note.period.first_day,
        note.period.last_day, note.asked_at, note.refused_reason, note.confirmed_at,
        [CreditLineOut(line.visit_id, line.claimed_pence, line.payable_pence) for line in note.lines],
    )  # fmt: skip


class BuildIn(msgspec.Struct, forbid_unknown_fields=True):
    """The invoices, and the disputes whose waived deductions, to pay; `everything` instead for all that can be paid."""

    everything: bool = False
    invoices: Annotated[list[UUID], msgspec.Meta(max_length=20_000)] | None = None
    disputes: Annotated[list[UUID], msgspec.Meta(max_length=20_000)] | None = None


class PaidIn(msgspec.Struct, forbid_unknown_fields=True):
    """A payment of the run by its position; `pence`, where given, must be the run's own."""

    position: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    paid_on: date
    pence: Annotated[int, msgspec.Meta(ge=0, le=100_000_000_000)] | None = None


class PaymentsIn(msgspec.Struct, forbid_unknown_fields=True):
    payments: Annotated[list[PaidIn], msgspec.Meta(max_length=20_000)]


class PayableOut(msgspec.Struct):
    """`held` while a credit note on it is open; not `banked` while its provider has given no bank account;
    `dispute_id` where the invoice's waived deduction is paid back."""

    invoice_id: UUID
    number: int
    framework: str
    provider: str
    pay_by: date
    pence: int
    held: bool
    dispute_id: UUID | None
    banked: bool


class RunOut(msgspec.Struct):
    id: UUID
    number: int
    state: str
    total_pence: int
    lines: int
    unpaid: int
    built_at: datetime
    exported_at: datetime | None


class PaymentLineOut(msgspec.Struct):
    position: int
    reference: str
    invoice_id: UUID
    number: int
    provider: str
    pay_by: date
    pence: int
    paid_on: date | None
    dispute_id: UUID | None
    account_note: str  # "", "changed" since the last payment, "first" payment into it


class WholeRunOut(msgspec.Struct):
    id: UUID
    number: int
    state: str
    total_pence: int
    four_eyes: bool
    control_hash: str | None
    lines: list[PaymentLineOut]


class ExportedOut(msgspec.Struct):
    control_hash: str


class FileOut(msgspec.Struct):
    """`copy` 0 is the original."""

    name: str
    copy: int
    text: str


class MarkedOut(msgspec.Struct):
    marked: int


class ClockOut(msgspec.Struct):
    invoice_id: UUID
    number: int
    framework: str
    provider: str
    received_on: date
    accepted_on: date
    pay_by: date
    paid_on: date | None
    pence: int
    state: str
    days: int


def payable_out(row: Payable) -> PayableOut:
    """An invoice, or a waived deduction, that can be paid."""
    return msgspec.convert(row, PayableOut, from_attributes=True)


def run_out(row: RunRow) -> RunOut:
    """A payment run in a list."""
    return msgspec.convert(row, RunOut, from_attributes=True)


def whole_run_out(run: PaymentRun) -> WholeRunOut:
    """A payment run with its payments."""
    return msgspec.convert(run, WholeRunOut, from_attributes=True)


def clock_out(row: ClockRow) -> ClockOut:
    """An invoice on the clock of payment."""
    return msgspec.convert(row, ClockOut, from_attributes=True)


class GroundIn(msgspec.Struct, forbid_unknown_fields=True):
    """On which ground a lot's care is exempt from VAT."""

    framework_id: UUID
    lot_code: str
    ground: Literal["welfare", "health"]


class GroundOut(msgspec.Struct):
    framework_id: UUID
    lot_code: str
    ground: str | None


class PartyIn(msgspec.Struct, forbid_unknown_fields=True):
    """What e-invoices say of an organisation. Without a VAT number it is not registered for VAT."""

    street: str
    city: str
    postcode: str
    company_number: str = ""
    vat_number: str = ""
    gln: str = ""
    buyer_reference: str = ""
    account_name: str = ""
    sort_code: str = ""
    account_number: str = ""
    grounds: Annotated[list[GroundIn], msgspec.Meta(max_length=1_000)] = []


class PartyOut(msgspec.Struct):
    name: str
    street: str
    city: str
    postcode: str
    company_number: str
    vat_number: str
    gln: str
    buyer_reference: str
    account_name: str
    sort_code: str
    account_number: str
    grounds: list[GroundOut]

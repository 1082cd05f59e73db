"""What the billing API takes and gives. Money is integer pence, days ISO dates, instants with their offset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.billing.credit_note_queries import CreditNote
from marketplace.billing.document_schemas import CreditNoteOut, credit_note_out
from marketplace.billing.drafting import MOST_CLAIMED, Draft
from marketplace.billing.frozen import defects_of
from marketplace.billing.queries import InvoiceRow, InvoiceView, PeriodRow
from marketplace.billing.words import defect_rows
from marketplace.policy.funding import WHOLE
from marketplace.policy.invoicing import Defect

# What forms take for one line; beyond it a number is a slip of the keyboard, or no number at all.
Pence = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
Total = Annotated[int, msgspec.Meta(ge=0, le=MOST_CLAIMED)]


class ClaimLineIn(msgspec.Struct, forbid_unknown_fields=True):
    visit: UUID
    pence: Pence


class ClaimIn(msgspec.Struct, forbid_unknown_fields=True):
    """What is billed; the total is the provider's own, and is judged (L 7.11)."""

    lines: list[ClaimLineIn]
    total_pence: Total


class SubmitIn(msgspec.Struct, forbid_unknown_fields=True):
    """`fingerprint` is the draft's; `claim` null bills what the records allow."""

    framework_id: UUID
    payer_id: UUID
    first_day: date
    fingerprint: str
    claim: ClaimIn | None = None


class ReturnIn(msgspec.Struct, forbid_unknown_fields=True):
    reason: str


class SubmittedOut(msgspec.Struct):
    id: UUID


class DefectOut(msgspec.Struct):
    """`charged` is false for a visit's defect that counts on the invoice of the payer with the largest share."""

    kind: str
    visit: str | None
    why: list[str]
    sentence: str | None = None
    charged: bool = True


class LineOut(msgspec.Struct):
    """`price_pence` is this payer's part of `whole_pence`, by its share in basis points."""

    visit: str
    minutes: int
    percent: int
    price_pence: int | None
    held: bool
    payable_pence: int
    missing: list[str]
    whole_pence: int | None = None
    basis_points: int = WHOLE


class OtherLineOut(msgspec.Struct):
    """A line beside visits; its `id` is its `visit` in a claim."""

    id: str
    kind: str
    units: int
    price_pence: int
    claimed: bool
    payable_pence: int
    faults: list[str]


class MoneyOut(msgspec.Struct):
    gross_pence: int
    deduction_pence: int
    carried_in_pence: int
    net_pence: int
    carried_out_pence: int


class DraftOut(msgspec.Struct):
    """`unapproved_minutes`, by visit, are not billed: the referrer has not approved that it lasted so long."""

    framework_id: UUID
    payer_id: UUID
    first_day: date
    last_day: date
    closed: bool
    due_at: datetime
    fingerprint: str
    lines: list[LineOut]
    others: list[OtherLineOut]
    defects: list[DefectOut]
    money: MoneyOut
    unapproved_minutes: dict[UUID, int] = {}


class PeriodOut(msgspec.Struct):
    framework_id: UUID
    framework: str
    payer_id: UUID
    payer: str
    first_day: date
    last_day: date
    due_at: datetime
    state: str
    invoice_id: UUID | None
    dispute_state: str | None


class InvoiceOut(msgspec.Struct):
    id: UUID
    number: int
    framework: str
    provider: str
    payer: str
    first_day: date
    last_day: date
    state: str
    submitted_at: datetime
    net_pence: int
    deduction_pence: int
    pay_by: date | None
    dispute_state: str | None


class WholeInvoiceOut(InvoiceOut):
    """`dispute_until` is the first instant at which the deduction, under `clause`, can no longer be disputed."""

    due_at: datetime
    returned_reason: str | None
    replaces_id: UUID | None
    lines: list[LineOut]
    others: list[OtherLineOut]
    defects: list[DefectOut]
    money: MoneyOut
    received_at: datetime
    accepted_at: datetime | None
    paid_at: datetime | None
    clause: str
    dispute_until: datetime | None
    dispute_id: UUID | None
    credit_notes: list[CreditNoteOut]


def draft_out(found: Draft) -> DraftOut:
    """A draft with each defect in words."""
    sentences = {(row.kind, row.visit_id): row.sentence for row in defect_rows(found)}
    return DraftOut(
        framework_id=found.framework_id,
        payer_id=found.payer_id,
        first_day=found.period.first_day,
        last_day=found.period.last_day,
        closed=found.closed,
        due_at=found.due_at,
        fingerprint=found.fingerprint,
        lines=[_line(line) for line in found.result.lines],
        others=msgspec.convert(found.result.others, list[OtherLineOut], from_attributes=True),
        defects=[_defect(defect, sentences.get((defect.kind, defect.visit))) for defect in found.result.defects],
        money=msgspec.convert(found.result, MoneyOut, from_attributes=True),
        unapproved_minutes=found.unapproved,
    )


def period_out(row: PeriodRow) -> PeriodOut:
    """A billing period in a list."""
    return PeriodOut(
        row.framework_id, row.framework, row.payer_id, row.payer, row.period.first_day, row.period.last_day, row.due_at,
        row.state, row.invoice_id, row.dispute_state,
    )  # fmt: skip


def invoice_out(row: InvoiceRow) -> InvoiceOut:
    """An invoice in a list."""
    return InvoiceOut(
        row.id, row.number, row.framework, row.provider, row.payer, row.period.first_day, row.period.last_day,
        row.state, row.submitted_at, row.net_pence, row.deduction_pence, row.pay_by,
        row.dispute_state,
    )  # fmt: skip


def whole_invoice_out(view: InvoiceView, notes: Sequence[CreditNote]) -> WholeInvoiceOut:
    """A frozen invoice with its lines, defects and amounts, its dates, and what was credited of it."""
    return WholeInvoiceOut(
        view.id, view.number, view.framework, view.provider, view.payer, view.period.first_day, view.period.last_day,
        view.state, view.submitted_at, view.result.net_pence, view.result.deduction_pence, view.pay_by,
        view.dispute_state, due_at=view.result.due_at,
        returned_reason=view.returned_reason,
        replaces_id=view.replaces_id,
        lines=[_line(line) for line in view.result.lines],
        others=msgspec.convert(view.result.others, list[OtherLineOut], from_attributes=True),
        defects=[
            _defect(defect, said) for defect, (_, said) in zip(view.result.defects, defects_of(view), strict=True)
        ],
        money=msgspec.convert(view.result, MoneyOut, from_attributes=True),
        received_at=view.received_at, accepted_at=view.accepted_at, paid_at=view.paid_at,
        clause=view.deduction_clause, dispute_until=view.dispute_until, dispute_id=view.dispute_id,
        credit_notes=[credit_note_out(note) for note in notes],
    )  # fmt: skip


def _defect(defect: Defect, sentence: str | None = None) -> DefectOut:
    return DefectOut(defect.kind, defect.visit, list(defect.why), sentence, defect.charged)


def _line(line: object) -> LineOut:
    return msgspec.convert(line, LineOut, from_attributes=True)

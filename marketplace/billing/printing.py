"""Invoices, credit notes and statements as they are printed: made from what is frozen, so that the same document is
the same file whenever it is taken. Packages by their random reference; no child, no family, no notes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

import msgspec

from marketplace.billing import words
from marketplace.billing.credit_note_queries import KINDS as NOTE_KINDS
from marketplace.billing.credit_note_queries import CreditNote, credit_note
from marketplace.billing.parties import Party, parties_of
from marketplace.billing.queries import InvoiceView, invoice
from marketplace.billing.statements import COLUMNS, Statement
from marketplace.billing.statements import KINDS as ENTRY_KINDS
from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict
from marketplace.platform.typesetting import Paper, facts, heading, items, notice, table, text
from marketplace.policy.calendar import local_day, midnight
from marketplace.policy.invoicing import pay_by
from marketplace.web.filters import day, last_moment, moment, pounds


@dataclass(frozen=True, slots=True)
class Printed:
    """A paper and the name its file is kept under."""

    name: str
    paper: Paper


async def invoice_paper(work: Work, invoice_id: UUID) -> Printed:
    """A submitted invoice. Raises `NotFound` outside the context's reach."""
    view = await invoice(work, invoice_id)
    seller, buyer = await parties_of(work, view.payer_id, view.id, view.provider_id)
    pack = await pack_of(work, view.framework_id)
    last = pay_by(pack, local_day(view.received_at))
    which = {str(line.visit_id): f"{line.package_reference}, {moment(line.planned_start)}" for line in view.lines}
    which |= {str(line.record.id): f"{line.record.package_reference}, {line.record.title}" for line in view.others}
    result, fingerprint = view.result, invoice_hash(view)
    blocks = [
        *_returned(view),
        facts(
            ("Invoice number", str(view.number)),
            ("From", _address(seller)),
            ("To", _address(buyer)),
            ("Framework", view.framework),
            ("Period", _days(view.period.first_day, view.period.last_day)),
            ("Submitted", moment(view.submitted_at)),
            ("Due", last_moment(result.due_at)),
            ("Payment terms", f"A valid invoice is paid by {day(last)}"),
            ("Reference for payment", buyer.buyer_reference),
        ),
        heading("What is to be paid"),
        table(
            ["What", "Amount"],
            [
                ["Care by the records and the rate card", pounds(result.gross_pence)],
                ["Carried from the last invoice", pounds(-result.carried_in_pence)],
                ["Deduction", pounds(-result.deduction_pence)],
                ["Carried on to the next invoice", pounds(result.carried_out_pence)],
                ["To be paid", pounds(result.net_pence)],
            ],
            numeric=[1],
            widths=[3, 1],
        ),
    ]
    if result.deduction_pence:
        told = words.frozen_defects(result.defects, which)
        blocks += [
            heading(f"Why {pounds(result.deduction_pence)} was deducted"),
            text(
                f"Under {view.deduction_clause} an invoice that is late, inaccurate or incomplete, its timesheets"
                " included, loses this amount once."
            ),
            items([f"{kind.capitalize()}: {sentence}" for kind, sentence in told]),
        ]
        if view.dispute_until is not None:
            blocks.append(text(f"The provider may dispute it until {last_moment(view.dispute_until)}."))
    blocks += [
        heading("Visits"),
        table(
            ["Visit", "Package and activity", "Minutes", "Share", "Claimed", "By the record", "Payable"],
            [
                [
                    moment(line.planned_start),
                    f"{line.package_reference}: {view.activities.get(line.activity, line.activity).lower()}"
                    + (" (held)" if line.held else ""),
                    str(line.minutes),
                    f"{line.percent}%",
                    "not billed" if line.claimed_pence is None else pounds(line.claimed_pence),
                    "unknown" if line.price_pence is None else pounds(line.price_pence),
                    pounds(line.payable_pence),
                ]
                for line in view.lines
            ],
            numeric=range(2, 7),
            widths=[2.2, 2.8, 1, 0.9, 1.2, 1.2, 1.2],
        ),
    ]
    if view.others:
        blocks += [heading("Other lines"), _others(view)]
    blocks += [heading("How to check it"), text(f"SHA-256 of the frozen invoice: {fingerprint}")]
    title = f"Invoice {view.number}: {view.provider} to {view.payer}"
    paper = Paper(
        title, view.provider, view.submitted_at, tuple(blocks), view.framework, f"{title}. {fingerprint[:16]}"
    )
    return Printed(f"invoice-{view.number}-{view.period.first_day}", paper)


async def credit_note_paper(work: Work, note_id: UUID) -> Printed:
    """An issued credit note. Raises `Conflict` before the provider has confirmed it, `NotFound` out of reach."""
    note = await credit_note(work, note_id)
    if note.number is None or note.confirmed_at is None:
        raise Conflict("This credit note is not issued: the provider has not confirmed it.")
    view = await invoice(work, note.invoice_id)
    seller, buyer = await parties_of(work, view.payer_id, view.id, view.provider_id)
    blocks = [
        facts(
            ("Credit note number", str(note.number)),
            ("On invoice", str(note.invoice_number)),
            ("From", _address(seller)),
            ("To", _address(buyer)),
            ("Framework", note.framework),
            ("Period", _days(note.period.first_day, note.period.last_day)),
            ("Issued", moment(note.confirmed_at)),
            ("Why", NOTE_KINDS[note.kind]),
            ("Reason", note.reason),
            ("Clause", note.clause),
        ),
        heading("What is taken back"),
        _credited(note, view),
        *([facts(("Of it carried on to the next invoice", pounds(note.carried_pence)))] if note.carried_pence else []),
        heading("How to check it"),
        text(f"SHA-256 of the frozen invoice this is about: {invoice_hash(view)}"),
    ]
    title = f"Credit note {note.number} on invoice {note.invoice_number}: {note.provider} to {note.payer}"
    paper = Paper(title, note.provider, note.confirmed_at, tuple(blocks), note.framework, title)
    return Printed(f"credit-note-{note.number}-on-invoice-{note.invoice_number}", paper)


def statement_paper(found: Statement) -> Printed:
    """A statement of some days."""
    books = found.books
    widths = [1.7, 2.2, *([1.1] * len(COLUMNS))]

    def amounts(of: dict[str, int]) -> list[str]:
        return [pounds(of[account]) if of.get(account) else "–" for account in COLUMNS]

    rows = [[day(found.days.first_day), "Balance before", *amounts(found.opening)]]
    for row in found.rows:
        about = f": invoice {row.number}" if row.number else ""
        about += f", {row.share_words}" if row.shares else ""
        rows.append([moment(row.at), ENTRY_KINDS.get(row.kind, row.kind) + about, *amounts(row.moves)])
    rows.append([day(found.days.last_day), "Balance after", *amounts(found.closing)])
    blocks = (
        facts(
            ("Provider", books.provider),
            ("Payer", books.payer),
            ("Framework", books.framework),
            ("Days", _days(found.days.first_day, found.days.last_day)),
        ),
        text("What is due to the provider is positive."),
        heading("Entries"),
        table(
            ["When", "What", *(said for said, _ in COLUMNS.values())],
            rows,
            numeric=range(2, 2 + len(COLUMNS)),
            widths=widths,
        ),
    )
    title = f"Statement: {books.provider} and {books.payer}"
    at = found.rows[-1].at if found.rows else midnight(found.days.first_day)
    paper = Paper(title, books.provider, at, blocks, books.framework, title)
    return Printed(f"statement-{found.days.first_day}-{found.days.last_day}", paper)


def invoice_hash(view: InvoiceView) -> str:
    """SHA-256 over what was frozen at submission: parties, period, number, moment, claim and what came of it."""
    frozen = (
        view.id, view.framework_id, view.provider_id, view.payer_id, view.period, view.number, view.submitted_at,
        view.claim, view.result,
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(frozen, order="sorted")).hexdigest()


def _others(view: InvoiceView) -> dict[str, object]:
    rows = [
        [
            day(line.record.facts.day),
            f"{line.record.package_reference}: {line.record.title}",
            "not billed" if line.claimed_pence is None else pounds(line.claimed_pence),
            pounds(line.price_pence),
            pounds(line.payable_pence),
        ]
        for line in view.others
    ]
    heads = ["Day", "Package and what", "Claimed", "As agreed", "Payable"]
    return table(heads, rows, numeric=[2, 3, 4], widths=[1.6, 3, 1.1, 1.3, 1.1])


def _returned(view: InvoiceView) -> list[dict[str, object]]:
    if view.state != "returned":
        return []
    return [notice("This invoice was returned to the provider to be mended. It is not payable: see its correction.")]


def _credited(note: CreditNote, view: InvoiceView) -> dict[str, object]:
    if note.kind != "claim":
        sums = [[f"Deduction: {note.defect}", pounds(note.pence)]]
        if note.carried_pence:
            sums.append(["Carried to the next invoice, as this one cannot bear it", pounds(-note.carried_pence)])
            sums.append(["Taken off this invoice", pounds(note.taken_pence)])
        return table(["What", "Amount"], sums, numeric=[1], widths=[3, 1])
    rows = [
        [
            day(line.planned_start) if line.beside else moment(line.planned_start),
            f"{line.package_reference}: {view.activities.get(line.activity, line.activity).lower()}",
            pounds(line.claimed_pence),
            pounds(line.payable_pence),
            pounds(line.credited_pence),
        ]
        for line in note.lines
    ]
    rows.append(["All", "", "", "", pounds(note.pence)])
    heads = ["Visit", "Package and activity", "Claimed", "By the record", "Taken back"]
    return table(heads, rows, numeric=[2, 3, 4], widths=[2, 2.4, 1, 1, 1])


def _address(party: Party) -> str:
    more = (
        f"company {party.company_number}" if party.company_number else "",
        f"VAT {party.vat_number}" if party.vat_number else "",
    )
    return ", ".join(part for part in (party.name, party.street, party.city, party.postcode, *more) if part)


def _days(first: object, last: object) -> str:
    return f"{day(first)} to {day(last)}"  # type: ignore[arg-type] - dates

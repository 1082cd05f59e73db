"""An invoice or a credit note as a document between two parties: what its e-invoice is made of. No child's details."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal
from uuid import UUID

from marketplace.billing.credit_note_queries import beyond_lines, credit_note
from marketplace.billing.other_records import OtherOnInvoice
from marketplace.billing.parties import Party, parties_of
from marketplace.billing.queries import InvoiceView, invoice
from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import Period, local, local_day
from marketplace.policy.funding import WHOLE
from marketplace.policy.pack import Pack
from marketplace.web.filters import share


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a visit by its date, activity and the package's random reference, or the sum deducted."""

    name: str
    pence: int
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is taken off the whole document, and why."""

    reason: str
    pence: int


@dataclass(frozen=True, slots=True)
class Document:
    """An e-invoice's content. `category` is E (exempt) or O (the provider is not registered for VAT)."""

    kind: Literal["invoice", "credit_note"]
    number: str
    issued_on: date
    due_on: date | None
    period: Period
    contract: str
    of_invoice: tuple[str, date] | None
    seller: Party
    buyer: Party
    category: Literal["E", "O"]
    exemption_code: str
    exemption_text: str
    lines: tuple[Line, ...]
    allowances: tuple[Allowance, ...]

    @property
    def lines_pence(self) -> int:
        """What the lines come to."""
        return sum(line.pence for line in self.lines)

    @property
    def allowance_pence(self) -> int:
        """What is taken off the whole."""
        return sum(each.pence for each in self.allowances)

    @property
    def payable_pence(self) -> int:
        """What the document asks to be paid (or credits)."""
        return self.lines_pence - self.allowance_pence


async def invoice_document(work: Work, invoice_id: UUID) -> Document:
    """A standing invoice as it was submitted: the claim, less what the deduction and the last invoice take.

    Where less was claimed than the records give, the records count. What was claimed beyond them stays on it, for the
    credit note to take back. Raises `Conflict` for a returned one, one without any amount, or where a party has not
    said what an e-invoice must name.
    """
    view = await invoice(work, invoice_id)
    shares = {line.visit_id: line.basis_points for line in view.lines}
    if view.state == "returned":
        raise Conflict("This invoice was returned, so it is no document to be paid: see its correction.")
    pack = await pack_of(work, view.framework_id)
    rows = [row for row in await _lines(work, view) if row["pence"]]
    others = [line for line in view.others if line.claimed_pence or line.payable_pence]
    beyond = await _beyond(work, view)
    if not rows and not others and not beyond:
        raise Conflict("Nothing is billed on this invoice, so there is no e-invoice of it.")
    bare = await _bare(work, view, pack, {row["lot_code"] for row in rows} | {line.record.lot_code for line in others})
    result = view.result
    carried = min(result.carried_in_pence, result.taken_pence)
    why = f"Deduction for a late, inaccurate or incomplete invoice ({view.deduction_clause})"
    allowances = [Allowance("Carried from the last invoice", carried), Allowance(why, result.taken_pence - carried)]
    return replace(
        bare,
        lines=tuple(_visit_line(pack, row, row["pence"], shares[row["visit_id"]]) for row in rows)
        + tuple(_other_line(line, max(line.claimed_pence or 0, line.payable_pence)) for line in others)
        + beyond,
        allowances=tuple(each for each in allowances if each.pence),
    )


async def credit_note_document(work: Work, note_id: UUID) -> Document:
    """An issued credit note, referring to its invoice: what it takes off that one.

    What is carried stands on the next invoice. Raises `Conflict` before it is issued, and where it is carried whole.
    """
    note = await credit_note(work, note_id)
    if note.number is None or note.confirmed_at is None:
        raise Conflict("This credit note is not issued: the provider has not confirmed it.")
    if not note.taken_pence:
        raise Conflict("All of this deduction is carried to the next invoice, so there is no e-credit-note of it.")
    view = await invoice(work, note.invoice_id)
    pack = await pack_of(work, view.framework_id)
    rows = await _lines(work, view)
    lots = {row["lot_code"] for row in rows if row["pence"]} | {line.record.lot_code for line in view.others}
    bare = await _bare(work, view, pack, lots)
    lines = [Line(f"Deduction after acceptance: {note.defect} ({note.clause})", note.taken_pence)]
    if note.kind == "claim":
        over = [row for row in rows if (row["claimed_pence"] or 0) > row["payable_pence"]]
        lines = [_visit_line(pack, row, row["claimed_pence"] - row["payable_pence"]) for row in over]
        more = [(line, (line.claimed_pence or 0) - line.payable_pence) for line in view.others]
        lines += [_other_line(line, pence) for line, pence in more if pence > 0]
        lines += await _beyond(work, view)
    return replace(
        bare,
        kind="credit_note",
        number=f"CN-{_series(view)}-{note.number}",
        issued_on=local_day(note.confirmed_at),
        due_on=None,
        of_invoice=(bare.number, bare.issued_on),
        lines=tuple(lines),
    )


async def _bare(work: Work, view: InvoiceView, pack: Pack, lots: set[str]) -> Document:
    seller, buyer = await parties_of(work, view.payer_id, view.id, view.provider_id)
    _must_be_known(seller, buyer)
    category, code, text = await _vat(work, view, pack, seller, lots)
    return Document(
        kind="invoice",
        number=f"INV-{_series(view)}-{view.number}",
        issued_on=local_day(view.received_at),
        due_on=view.pay_by,
        period=view.period,
        contract=view.framework,
        of_invoice=None,
        seller=seller,
        buyer=buyer,
        category=category,
        exemption_code=code,
        exemption_text=text,
        lines=(),
        allowances=(),
    )


def _series(view: InvoiceView) -> str:
    """Numbers run by framework and payer, so both are in a document's number, with 32 bits each of their random ids:
    unique among the few hundred books a provider may have."""
    return f"{view.framework_id.hex[:8]}{view.payer_id.hex[:8]}".upper()


def _must_be_known(seller: Party, buyer: Party) -> None:
    lacking = [
        what
        for missing, what in (
            (not seller.street, f"the address of {seller.name}"),
            (not (seller.gln or seller.vat_number), f"a global location number of {seller.name}"),
            (not seller.account_number, f"the bank account of {seller.name}"),
            (not buyer.street, f"the address of {buyer.name}"),
            (not (buyer.gln or buyer.vat_number), f"a global location number or VAT number of {buyer.name}"),
        )
        if missing
    ]
    if lacking:
        raise Conflict(f"An e-invoice also needs {', '.join(lacking)}: each enters its own under Billing details.")


async def _vat(
    work: Work, view: InvoiceView, pack: Pack, seller: Party, lots: set[str]
) -> tuple[Literal["E", "O"], str, str]:
    law = pack.on(view.period.last_day).vat
    if not seller.vat_number:
        return "O", law.outside_code, law.outside_text
    rows = await work.fetch(
        "SELECT lot_code, ground FROM vat_ground WHERE provider_id = $1 AND framework_id = $2 AND lot_code = ANY($3)",
        view.provider_id, view.framework_id, sorted(lots),
    )  # fmt: skip
    unsaid = lots - {row["lot_code"] for row in rows}
    if unsaid:
        raise Conflict(
            f"{seller.name} is registered for VAT and has not said on which ground lot {', '.join(sorted(unsaid))} "
            "is exempt: it does so under Billing details."
        )
    grounds = {row["ground"] for row in rows}
    codes = {"welfare": law.welfare_code, "health": law.health_code}
    texts = {"welfare": law.welfare_text, "health": law.health_text}
    chosen = [ground for ground in codes if ground in grounds]
    return "E", codes[chosen[0]], "; ".join(texts[ground] for ground in chosen)


async def _lines(work: Work, view: InvoiceView) -> list[Any]:
    return await work.fetch(
        """SELECT l.visit_id, v.lot_code, v.activity, v.planned_start,
                  p.reference, l.minutes, l.claimed_pence, l.payable_pence,
                  greatest(coalesce(l.claimed_pence, 0), l.payable_pence) AS pence
           FROM invoice_line l
           JOIN visit v ON v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id
           JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
           WHERE l.commissioner_id = $1 AND l.invoice_id = $2 ORDER BY l.position""",
        view.payer_id, view.id,
    )  # fmt: skip


async def _beyond(work: Work, view: InvoiceView) -> tuple[Line, ...]:
    beyond = await beyond_lines(work, view.payer_id, view.id)
    return tuple(Line("Claimed in the total beyond its lines", line.claimed_pence) for line in beyond)


def _visit_line(pack: Pack, row: Any, pence: int, basis_points: int = WHOLE) -> Line:
    start = local(row["planned_start"])
    title = pack.activities.get(row["activity"], row["activity"])
    part = "" if basis_points == WHOLE else f", {share(basis_points)} of its price"
    name = f"{title}, {row['reference']}, {start:%-d %B %Y %H:%M}, {row['minutes']} minutes{part}"
    return Line(name, pence, start.date())


def _other_line(line: OtherOnInvoice, pence: int) -> Line:
    record = line.record
    return Line(f"{record.title}, {record.package_reference}, {record.facts.day:%-d %B %Y}", pence, record.facts.day)

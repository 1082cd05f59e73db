"""The payment run as a file for a finance system, with totals and a control hash; and the bank's answer read back."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.billing.bank_accounts import NOTES, dashed
from marketplace.billing.exports import safe
from marketplace.billing.payment_queries import PaymentLine
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day

HEADS = (
    "reference", "provider", "provider_id", "invoice", "framework", "first_day", "last_day", "received", "accepted",
    "pay_by", "amount_pounds", "account_name", "sort_code", "account_number", "account_note",
)  # fmt: skip
LARGEST = 2_000_000  # bytes: twenty thousand payments
MOST_TOLD = 20  # faults shown at once
AMOUNT = re.compile(r"£?([0-9]{1,9})(?:\.([0-9]{1,2}))?")
DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment the bank made: which line of the run, on which day; `pence` None where only the day is told."""

    position: int
    paid_on: date
    pence: int | None = None


def payment_rows(lines: Sequence[PaymentLine]) -> str:
    """The rows of the payments, one a line: what the control hash is taken over."""
    out = io.StringIO()
    writer = csv.writer(out)
    for line in lines:
        writer.writerow(
            safe(cell)
            for cell in (
                line.reference, line.provider, line.provider_id, document(line), line.framework, line.period.first_day,
                line.period.last_day, local_day(line.received_at), local_day(line.accepted_at), line.pay_by,
                pounds(line.pence), line.account_name, dashed(line.sort_code), line.account_number,
                NOTES[line.account_note],
            )
        )  # fmt: skip
    return out.getvalue()


def control_hash(lines: Sequence[PaymentLine]) -> str:
    """SHA-256 over the rows between heads and totals, byte for byte as they stand in the file."""
    return hashlib.sha256(payment_rows(lines).encode()).hexdigest()


def payment_file(lines: Sequence[PaymentLine], control: str, copy: int) -> str:
    """The whole file; `copy` 0 is the original, any other is marked as a copy of which nothing is to be paid."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADS)
    out.write(payment_rows(lines))
    writer.writerow(
        ["TOTAL", f"{len(lines)} payments", *[""] * 8, pounds(sum(line.pence for line in lines)), *[""] * 4]
    )
    writer.writerow(["CONTROL", control, *[""] * 13])
    if copy:
        writer.writerow(["COPY", f"Copy {copy}: not to be paid again", *[""] * 13])
    return out.getvalue()


def read_payments(content: bytes, run_number: int) -> list[Paid]:
    """The bank's or finance system's rows: reference, amount and day of each payment of one run.

    The first row names the columns: `reference`, `amount` (or `amount_pounds`), `paid_on` (or `date`); others are let
    be. Days are 2026-06-15 or 15/06/2026. Raises `InvalidInput` under "file", with every faulty row named.
    """
    if len(content) > LARGEST:
        raise InvalidInput({"file": "The file is larger than 2 MB"})
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput({"file": "The file must be a CSV file saved as UTF-8"}) from None
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error:
        raise InvalidInput({"file": "The file must be a CSV file"}) from None
    heads = [head.strip().lower() for head in rows[0]] if rows else []
    columns = {
        "reference": _column(heads, "reference"),
        "amount": _column(heads, "amount", "amount_pounds"),
        "paid_on": _column(heads, "paid_on", "date"),
    }
    missing = [name for name, at in columns.items() if at is None]
    if missing:
        raise InvalidInput({"file": f"The file's first row must name the columns {', '.join(missing)}"})
    faults: list[str] = []
    found: dict[int, Paid] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = {name: row[at].strip() if at is not None and at < len(row) else "" for name, at in columns.items()}
        if not any(cells.values()) or cells["reference"] in ("TOTAL", "CONTROL", "COPY"):
            continue
        match = re.fullmatch(rf"PR{run_number}-([0-9]{{1,6}})", cells["reference"])
        pence, day = read_pounds(cells["amount"]), read_day(cells["paid_on"])
        if match is None:
            faults.append(f"row {number}: {cells['reference'][:40]!r} is no payment of this run")
        elif pence is None:
            faults.append(f"row {number}: the amount must be in pounds, like 240.00")
        elif day is None:
            faults.append(f"row {number}: the day must be like 2026-06-15 or 15/06/2026")
        elif int(match[1]) in found:
            faults.append(f"row {number}: {cells['reference']} is there twice")
        else:
            found[int(match[1])] = Paid(int(match[1]), day, pence)
    if faults:
        more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
        raise InvalidInput({"file": f"Nothing was marked as paid: {'; '.join(faults[:MOST_TOLD])}{more}"})
    if not found:
        raise InvalidInput({"file": "The file has no payments in it"})
    return list(found.values())


def document(line: PaymentLine) -> str | int:
    """What a payment is for: the invoice by its number; or that it is the deduction of one, waived and paid back."""
    return f"{line.number} waived deduction" if line.dispute_id else line.number


def pounds(pence: int) -> str:
    """Pence as pounds for a file: 240.00."""
    return f"{pence // 100}.{pence % 100:02d}"


def read_pounds(text: str) -> int | None:
    """Pounds as pence; None where the text is no amount."""
    match = AMOUNT.fullmatch(text.replace(",", ""))
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else None


def read_day(text: str) -> date | None:
    """A day as banks write it; None where it is none."""
    british = DAY.fullmatch(text)
    try:
        if british:
            return date(int(british[3]), int(british[2]), int(british[1]))
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _column(heads: list[str], *names: str) -> int | None:
    return next((heads.index(name) for name in names if name in heads), None)

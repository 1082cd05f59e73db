"""A bank's statement as a CSV file, read into lines of money that came in."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from marketplace.platform.errors import InvalidInput
from marketplace.web.forms import storable

MOST_BYTES = 1_000_000
MOST_LINES = 5_000
LONGEST = 200
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y")
# what banks call the columns, in small letters
DATE = ("date", "transaction date", "posting date", "value date")
AMOUNT = ("amount", "paid in", "credit", "credit amount", "money in", "amount (gbp)")
TEXT = ("reference", "description", "details", "transaction description", "narrative", "payment reference", "memo")


@dataclass(frozen=True, slots=True)
class BankLine:
    """Money that came in. `line_hash` is the same whenever the same line stands in a file in the same place among
    equal ones of its day: a file sent twice, or two that overlap by whole days, bring it once."""

    received_on: date
    pence: int
    says: str
    line_hash: str


def read_lines(content: bytes) -> list[BankLine]:
    """The lines of money that came in; money that went out is left out. Raises `InvalidInput` on `file`."""
    if not content.strip():
        raise _refused("The file is empty: choose another, or save it again and send that")
    if len(content) > MOST_BYTES:
        raise _refused("The file is larger than 1 MB: send fewer days at a time")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    head = text.split("\n", 1)[0]
    separator = max((",", ";", "\t"), key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error:
        raise _refused("This is not a CSV file: save the statement as CSV and send that") from None
    heads = [name.strip().lower() for name in rows[0]]
    on, amount = _column(heads, DATE, "date"), _column(heads, AMOUNT, "amount")
    texts = [at for at, name in enumerate(heads) if name in TEXT]
    if not texts:
        raise _refused("The file has no column called Reference or Description")
    if len(rows) > MOST_LINES + 1:
        raise _refused(f"The file has more than {MOST_LINES:,} lines: send fewer days at a time")
    found: list[BankLine] = []
    seen: Counter[tuple[date, int, str]] = Counter()
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = [*row, *[""] * (len(heads) - len(row))]
        pence = _pence(cells[amount], number)
        if pence <= 0:
            continue
        day = _day(cells[on], number)
        says = storable(" ".join(" ".join(cells[at].split()) for at in texts).strip())[:LONGEST]
        key = (day, pence, says)
        seen[key] += 1
        digest = hashlib.sha256(f"{day.isoformat()}|{pence}|{says}|{seen[key]}".encode()).hexdigest()
        found.append(BankLine(day, pence, says, digest))
    return found


def _column(heads: list[str], names: tuple[str, ...], what: str) -> int:
    for name in names:
        if name in heads:
            return heads.index(name)
    raise _refused(f"The file has no column called {what.capitalize()}: its first line names the columns")


def _pence(text: str, number: int) -> int:
    plain = re.sub(r"[£,\s]", "", text).replace("−", "-")
    if not plain:
        return 0
    try:
        pounds = Decimal(plain)
        pence = int(pounds * 100)
        if not pounds.is_finite() or pence != pounds * 100 or abs(pence) > 100_000_000:
            raise InvalidOperation
    except (InvalidOperation, ValueError, OverflowError):
        raise _refused(f"Line {number}: the amount is not a sum like 62.50") from None
    return pence


def _day(text: str, number: int) -> date:
    for form in DATES:
        try:
            day = datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a calendar day
        except ValueError:
            continue
        if 2000 <= day.year <= 2200:
            return day
    raise _refused(f"Line {number}: the date is not one like 2026-05-14 or 14/05/2026")


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput({"file": sentence})

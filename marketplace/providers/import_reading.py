"""A workforce file as text cells: a spreadsheet, a CSV file, or a ZIP of CSV files. Nothing in it is run or followed.

Reading finds what can be said of a file by itself: a formula, an unknown heading, a cell that cannot be stored. What
its rows mean is `import_checking`'s.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

import msgspec
from openpyxl import load_workbook

from marketplace.identity.names import straight
from marketplace.platform.errors import InvalidInput
from marketplace.providers.import_columns import SHEETS, Sheet
from marketplace.providers.import_history import PAST
from marketplace.web.forms import storable, unstorable

LARGEST_FILE = 5_000_000  # bytes
MOST_ROWS = 5_000  # of all sheets together
LONGEST_CELL = 400  # characters
WIDEST = 60  # columns looked at
UNPACKED = 60_000_000  # bytes of all parts of a packed file
MOST_PARTS = 500
QUOTED = ("'=", "'+", "'-", "'@")
KINDS = "Send a spreadsheet (.xlsx), a CSV file (.csv) or a ZIP of CSV files (.zip)"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong, where: sheet's title, row as the spreadsheet counts it, column's heading; 0 and "" for no one."""

    sheet: str
    row: int
    column: str
    sentence: str

    @property
    def text(self) -> str:
        """ "Workers, row 14, Date of DBS check: 31 February 2026 is not a date" """
        row = f", row {self.row}" if self.row else ""
        column = f", {self.column}" if self.column else ""
        return f"{self.sheet}{row}{column}: {self.sentence}"


class Row(msgspec.Struct, frozen=True):
    """One line: its number in the sheet (the headings are line 1) and its cells by column key, empty ones left out."""

    number: int
    cells: dict[str, str]


class Rows(msgspec.Struct, frozen=True):
    """Everything read of a file, by sheet key; `notes` say what is left aside."""

    sheets: dict[str, list[Row]] = {}
    faults: list[Fault] = []
    notes: list[str] = []

    @property
    def count(self) -> int:
        return sum(len(rows) for rows in self.sheets.values())


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput({"file": sentence}, sentence)


def read_file(file_name: str, content: bytes) -> Rows:
    """The file's rows. Raises `InvalidInput` on `file` for what is no workforce file at all; slow: use a thread."""
    if not content:
        raise _refused("The file is empty: choose another, or save it again and send that")
    if len(content) > LARGEST_FILE:
        raise _refused(f"The file must be {LARGEST_FILE // 1_000_000} MB or smaller: send it in parts")
    sheets: dict[str, list[Row]] = {}
    faults: list[Fault] = []
    notes: list[str] = []
    for title, lines in _tables(file_name, content):
        _take(title, lines, sheets, faults, notes)
    read = Rows(sheets, faults, notes)
    if read.count > MOST_ROWS:
        raise _refused(f"The file has more than {MOST_ROWS:,} rows: send it in parts")
    if not read.count and not faults:
        raise _refused("The file holds no rows below its headings: fill in the template and send it again")
    return read


# --- the three kinds of files -----------------------------------------------------------------------------------------

Line = list[Any]


class _Formula:
    """Stands for a cell with a formula."""


def _tables(file_name: str, content: bytes) -> Iterable[tuple[str, Iterable[Line]]]:
    if content[:4] == b"PK\x03\x04":
        parts = _unpacked_names(content)
        if "[Content_Types].xml" in parts:
            if any(name.lower().endswith("vbaproject.bin") for name in parts):
                raise _refused("The spreadsheet holds macros: save it as an Excel workbook (.xlsx) without macros")
            return _of_workbook(content)
        return _of_archive(content, parts)
    if content[:4] == b"\xd0\xcf\x11\xe0":
        raise _refused(
            "This spreadsheet is encrypted or in the old .xls format: save it as an Excel workbook (.xlsx) without a"
            " password"
        )
    if b"\x00" in content[:4000] and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise _refused(f"This is no file of a workforce. {KINDS}")
    return [(file_name, _of_csv(content))]


def _unpacked_names(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if any(part.flag_bits & 1 for part in parts):
                raise _refused("The file has a password: save it without one and send it again")
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > UNPACKED:
                raise _refused("The file is too large when unpacked: send it in parts")
            # What a part says of its own size is not trusted: it is unpacked once, and counted.
            left = UNPACKED
            for part in parts:
                with archive.open(part) as stream:
                    before = b""
                    while piece := stream.read(1_000_000):
                        left -= len(piece)
                        if left < 0:
                            raise _refused("The file is too large when unpacked: send it in parts")
                        # a declaration of entities, in whatever width of letters: no office writes one
                        if b"<!doctype" in (before + piece).replace(b"\0", b"").lower():
                            raise _refused("The file was not made by a spreadsheet: save it from one and send that")
                        before = piece[-20:]
            return [part.filename for part in parts]
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise _refused(f"The file is damaged and cannot be opened: save it again. {KINDS}") from error


def _of_workbook(content: bytes) -> Iterable[tuple[str, Iterable[Line]]]:
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        found = {sheet.title: sheet for sheet in book.worksheets}
        wanted = {each.title.casefold() for each in SHEETS.values()}
        named = [title for title in found if title.strip().casefold() in wanted]
        tables = [(title, _lines_of(found[title])) for title in named or list(found)[:1]]
        return [(title, list(lines)) for title, lines in tables]
    except InvalidInput:
        raise
    except Exception as error:  # whatever a damaged or hostile workbook makes the reader raise, the answer is the same
        raise _refused(f"The spreadsheet is damaged and cannot be opened: save it again. {KINDS}") from error


def _lines_of(sheet: Any) -> Iterator[Line]:
    for number, cells in enumerate(sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=WIDEST)):
        line = [_Formula if cell.data_type == "f" else cell.value for cell in cells]
        if number > MOST_ROWS and any(value not in (None, "") for value in line):
            raise _refused(f"The sheet {sheet.title[:40]} has more than {MOST_ROWS:,} rows: send it in parts")
        yield line


def _of_archive(content: bytes, parts: list[str]) -> Iterable[tuple[str, Iterable[Line]]]:
    past = {f"{each.key}.csv" for each in PAST}  # of our own export: to be read by people
    wanted = [
        name
        for name in parts
        if name.lower().endswith(".csv") and not name.startswith("__MACOSX/") and name.rsplit("/", 1)[-1] not in past
    ]
    if not wanted:
        raise _refused(f"There is no CSV file in this ZIP. {KINDS}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name.rsplit("/", 1)[-1], _of_csv(archive.read(name))) for name in wanted]


def _of_csv(content: bytes) -> list[Line]:
    text = _decoded(content)
    first = text.split("\n", 1)[0]
    separator = max((";", "\t", ","), key=first.count)
    lines: list[Line] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            lines.append([_Formula if cell.lstrip().startswith("=") else cell for cell in cells[:WIDEST]])
            if len(lines) > MOST_ROWS + 1:
                raise _refused(f"The file has more than {MOST_ROWS:,} rows: send it in parts")
    except csv.Error as error:
        raise _refused("A quotation mark in the CSV file is not closed: save it again from the spreadsheet") from error
    return lines


def _decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with it ("Unicode text"), else what Excel writes in Western Europe."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


# --- headings and cells -----------------------------------------------------------------------------------------------


def _plain(text: object) -> str:
    return "".join(sign for sign in str(text).replace("’", "'").casefold() if sign.isalnum())


def _take(
    title: str, lines: Iterable[Line], sheets: dict[str, list[Row]], faults: list[Fault], notes: list[str]
) -> None:
    numbered = ((number, line) for number, line in enumerate(lines, start=1))
    headings: Line = next((line for _, line in numbered if any(value not in (None, "") for value in line)), [])
    if not headings:
        return
    written = ["" if value is None or value is _Formula else _plain(value) for value in headings]
    sheet = _sheet_of(title, written)
    if sheet is None:
        raise _refused(
            f"The headings of {title[:60]} are not those of the template: a sheet of workers needs the column Role, one"
            " of competencies Trained or assessed in, one of checks What was checked"
        )
    if sheet.key in sheets:
        raise _refused(f"There are two sheets of {sheet.title.lower()} in the file: send them one by one")
    known = {_plain(column.heading): column for column in sheet.columns}
    places = {place: known[name] for place, name in enumerate(written) if name in known}
    if len({column.key for column in places.values()}) < len(places):
        raise _refused(f"A heading stands twice in {sheet.title}: each column once")
    for place, name in enumerate(written):
        if name and name not in known:
            notes.append(
                f'{sheet.title}: the column "{storable(str(headings[place]))[:60]}" is none of ours; it is left aside.'
            )
    for column in sheet.columns:
        if column.needed and column not in places.values():
            faults.append(Fault(sheet.title, 0, column.heading, "The column is missing"))
    rows: list[Row] = []
    for number, line in numbered:
        cells: dict[str, str] = {}
        for place, column in places.items():
            value = line[place] if place < len(line) else None
            text, wrong = _text(value)
            if wrong:
                faults.append(Fault(sheet.title, number, column.heading, wrong))
            elif text:
                cells[column.key] = text
        if cells:
            rows.append(Row(number, cells))
    sheets[sheet.key] = rows


def _sheet_of(title: str, headings: list[str]) -> Sheet | None:
    # most own column first: a list of competencies may well carry the role beside the name
    for key in ("competencies", "checks", "workers"):
        sheet = SHEETS[key]
        if _plain(sheet.column(sheet.own).heading) in headings:
            return sheet
    return next((sheet for sheet in SHEETS.values() if _plain(sheet.title) == _plain(title)), None)


def _text(value: Any) -> tuple[str, str]:
    """The cell as text, days as ISO, and what is wrong with it."""
    if value is None:
        return "", ""
    if value is _Formula:
        return "", "Holds a formula: enter the value itself"
    if isinstance(value, bool):
        return ("yes" if value else "no"), ""
    if isinstance(value, datetime):
        return value.date().isoformat(), ""
    if isinstance(value, date):
        return value.isoformat(), ""
    if isinstance(value, time):
        return value.isoformat(), ""
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
    if unstorable(text):
        return "", "Contains a character that cannot be stored: type it anew"
    text = straight(text)
    if text.startswith(QUOTED):
        text = text[1:]  # the mark our own files put before what a spreadsheet would run
    if len(text) > LONGEST_CELL:
        return "", f"Must be {LONGEST_CELL} characters or fewer"
    return text, ""

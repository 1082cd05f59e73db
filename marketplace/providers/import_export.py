"""A workforce as a file of the shape an import reads: what goes out comes in again unchanged. Also the template."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from litestar import Request
from litestar.response import Response
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers.import_columns import SHEETS, Sheet, choices, handle, written
from marketplace.providers.import_files import named_files
from marketplace.providers.import_history import PAST, Past, past_lines
from marketplace.providers.vocabulary import Words, words

# A sheet's lines, cells in the order of its columns.
Lines = dict[str, list[list[str | date | None]]]
FORMATS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "application/zip",
}
ENDINGS = {"xlsx": "xlsx", "csv": "zip"}
RISKY = ("=", "+", "-", "@", "\t", "\r")
ROWS_PREPARED = 1_000  # rows of the template that offer their choices


async def export_workforce(actor: Actor) -> tuple[Lines, Words]:
    """Everybody who works for the actor's provider, with the evidence that counts; apart from it what counts no more.

    That it went out is recorded.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        if actor.provider_id is None:
            raise NotFound
        spoken = await words(work)
        lines = await _lines(work, spoken)
        work.audit("workforce.exported", "provider", actor.provider_id, workers=len(lines["workers"]))
        return lines, spoken


async def _lines(work: Work, spoken: Words) -> Lines:
    options = choices(spoken)
    found: Lines = {key: [] for key in SHEETS}
    own, today = work.actor.provider_id, local_day(work.now)

    def title(sheet: str, column: str, code: Any) -> str | None:
        if code is None:
            return None
        return written("yes" if code is True else "no" if code is False else code, options[sheet, column])

    workers = await work.fetch(
        "SELECT w.*, p.phone, p.email, p.registration_pin, p.dbs_certificate_number, p.dbs_issued_on, p.dbs_workforce,"
        " p.dbs_barred_list_checked, p.dbs_update_service_consent_at, d.checked_on, d.checked_by_name, d.outcome"
        " FROM worker w LEFT JOIN worker_private p ON p.provider_id = w.provider_id AND p.worker_id = w.id"
        " LEFT JOIN LATERAL dbs_check_that_counts(w.provider_id, w.id) d ON true"
        " WHERE w.provider_id = $1 AND (w.left_on IS NULL OR w.left_on >= $2) ORDER BY w.name, w.id",
        own, today,
    )  # fmt: skip
    _, files = await named_files(work, own)
    named = {row["id"]: (row["reference"] or handle(row["id"]), row["name"]) for row in workers}
    for row in workers:
        registered = row["registration_until"] is not None
        certified = row["dbs_certificate_number"] is not None or row["checked_on"] is not None
        cells = {
            "reference": named[row["id"]][0], "name": row["name"], "role": title("workers", "role", row["role"]),
            "engagement": title("workers", "engagement", row["engagement"]), "phone": row["phone"],
            "email": row["email"], "started_on": row["started_on"], "languages": row["languages"],
            "drives_children": title("workers", "drives_children", row["drives_children"]),
            "certificate_number": row["dbs_certificate_number"], "issued_on": row["dbs_issued_on"],
            "workforce": title("workers", "workforce", row["dbs_workforce"]),
            "barred_list_checked": title("workers", "barred_list_checked", row["dbs_barred_list_checked"]),
            "update_service_consent": title(
                "workers", "update_service_consent", row["dbs_update_service_consent_at"] is not None
            ) if certified else None,
            "checked_on": row["checked_on"], "checked_by_name": row["checked_by_name"],
            "outcome": title("workers", "outcome", row["outcome"]), "pin": row["registration_pin"],
            "valid_until": row["registration_until"],
            "fit_to_practise": title("workers", "fit_to_practise", row["registration_fit_to_practise"])
            if registered else None,
        }  # fmt: skip
        found["workers"].append(_in_order("workers", cells))
    for row in await work.fetch(
        "SELECT c.*, p.reference AS package FROM worker_competency c LEFT JOIN package p"
        " ON p.id = c.for_package_id AND p.provider_id = c.provider_id"
        " WHERE c.provider_id = $1 AND c.withdrawn_at IS NULL ORDER BY c.code, c.assessed_on, c.recorded_at, c.id",
        own,
    ):
        if row["worker_id"] in named:
            reference, name = named[row["worker_id"]]
            assessor = named.get(row["assessor_worker_id"])
            cells = {
                "reference": reference, "name": name, "code": title("competencies", "code", row["code"]),
                "assessed_on": row["assessed_on"], "method": title("competencies", "method", row["method"]),
                "assessor_name": row["assessor_name"], "assessor_reference": assessor[0] if assessor else None,
                "package": row["package"], "file": files.get(row["evidence_id"]),
            }  # fmt: skip
            found["competencies"].append(_in_order("competencies", cells))
    for row in await work.fetch(
        "SELECT * FROM worker_check WHERE provider_id = $1 AND withdrawn_at IS NULL"
        " ORDER BY kind, done_on, recorded_at, id",
        own,
    ):
        if row["worker_id"] in named:
            reference, name = named[row["worker_id"]]
            cells = {
                "reference": reference, "name": name, "kind": title("checks", "kind", row["kind"]),
                "done_on": row["done_on"], "valid_until": row["valid_until"],
            }  # fmt: skip
            found["checks"].append(_in_order("checks", cells))
    return found | await past_lines(work, spoken, named)


def _in_order(sheet: str, cells: Mapping[str, Any]) -> list[str | date | None]:
    return [cells[column.key] if cells[column.key] != "" else None for column in SHEETS[sheet].columns]


# --- writing; slow for thousands of rows: use a thread ----------------------------------------------------------------


def as_file(lines: Lines, spoken: Words, kind: str) -> bytes:
    """The lines as a workbook with help and words (`xlsx`) or as a ZIP of CSV files (`csv`)."""
    return workbook(lines, spoken) if kind == "xlsx" else csv_archive(lines)


def csv_archive(lines: Lines) -> bytes:
    """One CSV file a sheet. A cell that a spreadsheet would run is written as text with a mark before it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        tables = [(sheet.key, [column.heading for column in sheet.columns]) for sheet in SHEETS.values()]
        tables += [(past.key, list(past.headings)) for past in PAST if past.key in lines]
        for key, headings in tables:
            out = io.StringIO()
            writer = csv.writer(out)
            writer.writerow(headings)
            writer.writerows([_csv_cell(cell) for cell in line] for line in lines.get(key, ()))
            archive.writestr(f"{key}.csv", "\ufeff" + out.getvalue())
    return packed.getvalue()


def _csv_cell(cell: str | date | None) -> str:
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else cell.strftime("%d/%m/%Y")
    return f"'{text}" if text.startswith(RISKY) else text


def workbook(lines: Lines, spoken: Words) -> bytes:
    """A spreadsheet with a sheet for each kind of line, lists to choose from, a sheet of help and one of words."""
    book = Workbook()
    assert book.active is not None
    book.remove(book.active)
    options = choices(spoken)
    lists = _list_places(options)
    for sheet in SHEETS.values():
        _write_sheet(book, sheet, lines.get(sheet.key, ()), lists)
    for past in PAST:
        if past.key in lines:
            _write_past(book, past, lines[past.key])
    _write_help(book)
    _write_words(book, options)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _list_places(options: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[tuple[str, str], str]:
    """Where on the sheet Words each column's choices stand."""
    places: dict[tuple[str, str], str] = {}
    for number, (key, titles) in enumerate(options.items(), start=1):
        letter = get_column_letter(number)
        if titles:
            places[key] = f"Words!${letter}$2:${letter}${len(titles) + 1}"
    return places


def _write_sheet(
    book: Workbook, sheet: Sheet, lines: Sequence[Sequence[str | date | None]], lists: Mapping[tuple[str, str], str]
) -> None:
    page: Any = book.create_sheet(sheet.title)
    page.append([column.heading for column in sheet.columns])
    page.freeze_panes = "A2"
    for cell in page[1]:
        cell.font = Font(bold=True)
    last = max(len(lines) + 1, ROWS_PREPARED)
    for number, column in enumerate(sheet.columns, start=1):
        letter = get_column_letter(number)
        dimension = page.column_dimensions[letter]
        dimension.width = max(14, len(column.heading) + 3)
        # as text, so that a spreadsheet keeps the zero a number begins with
        dimension.number_format = "dd/mm/yyyy" if column.kind == "date" else "@"
        if place := lists.get((sheet.key, column.key)):
            rule = DataValidation(type="list", formula1=place, allow_blank=True, showErrorMessage=False)
            rule.add(f"{letter}2:{letter}{last}")
            page.add_data_validation(rule)
    for row, line in enumerate(lines, start=2):
        for place, value in enumerate(line, start=1):
            if value is not None:
                _write(page.cell(row, place), value)


def _write_past(book: Workbook, past: Past, lines: Sequence[Sequence[str | date | None]]) -> None:
    page: Any = book.create_sheet(past.title)
    page.append(list(past.headings))
    page.freeze_panes = "A2"
    for number, cell in enumerate(page[1], start=1):
        cell.font = Font(bold=True)
        page.column_dimensions[get_column_letter(number)].width = max(14, len(cell.value) + 3)
    for row, line in enumerate(lines, start=2):
        for place, value in enumerate(line, start=1):
            if value is not None:
                _write(page.cell(row, place), value)


def _write(cell: Cell, value: str | date) -> None:
    if isinstance(value, str):
        cell.value = value
        cell.data_type = "s"  # text also where it begins like a formula
        cell.number_format = "@"
    else:
        cell.value = value
        cell.number_format = "dd/mm/yyyy"


HELP = (
    "Fill in the sheets Workers, Competencies and Checks; leave those out that you do not need.",
    "One line each. Do not change the headings. The order of the columns does not matter.",
    "Dates are day, month, year: 31/05/2026.",
    "An empty cell changes nothing: what is kept already stays.",
    "Nobody is removed by an import. Record a last day on the worker's own page.",
    "You see everything the file would do before anything is kept. A file sent twice changes nothing the second time.",
    "Enter values, not formulas.",
    "The sheets Withdrawn and Earlier DBS checks of an export are to be read: an import leaves them aside.",
)


def _write_help(book: Workbook) -> None:
    page: Any = book.create_sheet("Help")
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 16, 28
    page.column_dimensions["C"].width = 90
    for sentence in HELP:
        page.append([sentence])
    page.append([])
    page.append(["Sheet", "Column", "What to enter"])
    for cell in page[page.max_row]:
        cell.font = Font(bold=True)
    for sheet in SHEETS.values():
        for column in sheet.columns:
            what = {"date": "A date, like 31/05/2026.", "choice": "One of the sheet Words."}.get(column.kind, "")
            said = " ".join(part for part in ("Needed." if column.needed else "", column.hint or what) if part)
            page.append([sheet.title, column.heading, said])
            page.cell(page.max_row, 3).alignment = Alignment(wrap_text=True)


def _write_words(book: Workbook, options: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    page: Any = book.create_sheet("Words")
    for number, ((sheet, column), titles) in enumerate(options.items(), start=1):
        head = page.cell(1, number, f"{SHEETS[sheet].title}: {SHEETS[sheet].column(column).heading}")
        head.font = Font(bold=True)
        page.column_dimensions[get_column_letter(number)].width = 34
        for row, text in enumerate(_as_written(titles), start=2):
            _write(page.cell(row, number), text)


def _as_written(titles: Mapping[str, str]) -> Iterable[str]:
    return (written(code, titles) for code in titles)


# --- as a download ----------------------------------------------------------------------------------------------------


def download(name: str, kind: str, content: bytes) -> Response[Any]:
    """A file of one of `FORMATS`, to be kept."""
    return Response(
        content,
        media_type=FORMATS[kind],
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{ENDINGS[kind]}"',
            "Cache-Control": "no-store",
        },
    )


def kind_asked(request: Request[Any, Any, Any]) -> str:
    """`?format=`: xlsx unless csv is asked for."""
    return "csv" if request.query_params.get("format") == "csv" else "xlsx"

"""A visit as a rostering system sends it: plain texts, by API or in a file, read into one entry (docs/rostering.md)."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.packages.records import LONGEST
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import LONDON, local
from marketplace.web.forms import unstorable

COLUMNS = {
    "reference": "your own name of the visit, the same whenever you send it",
    "visit": "our id of the visit, as the file of planned visits gives it",
    "package": "the package's reference, where you do not send our id",
    "planned_start": "when it was planned to begin",
    "planned_end": "when it was planned to end (to plan a visit)",
    "activity": "the code of the activity (to plan a visit)",
    "workers": "our ids of the workers, with spaces between (to plan a visit)",
    "outcome": "what became of it",
    "start": "when it began",
    "end": "when it ended",
    "activities": "what was done",
    "notice_at": "when the family gave notice, where it cancelled beforehand",
    "reason": "why it is corrected, was cancelled or missed",
}
OUTCOMES = {
    "planned": "to be planned",
    "delivered": "took place",
    "cancelled_by_family": "cancelled by the family beforehand",
    "cancelled_on_arrival": "cancelled by the family when the worker arrived",
    "cancelled_by_provider": "cancelled by you",
    "missed": "nobody came",
}
TIMES = ("planned_start", "planned_end", "start", "end", "notice_at")
MOST_ROWS = 500
MOST_BYTES = 250_000  # so that a checked file still fits the form it goes on with
LONGEST_REFERENCE = 100
EXAMPLE = "like 2026-06-03 16:00"


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One row, read. Times are aware."""

    reference: str
    visit_id: UUID | None
    package: str
    outcome: str
    planned_start: datetime | None
    planned_end: datetime | None
    activity: str
    worker_ids: tuple[UUID, ...]
    start: datetime | None
    end: datetime | None
    activities: str
    notice_at: datetime | None
    reason: str

    @property
    def content_hash(self) -> str:
        """Changes with anything the row says."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def read_row(row: Mapping[str, str]) -> RosterEntry:
    """A row of texts as an entry. Raises `InvalidInput` by column."""
    given = {name: (row.get(name) or "").replace("\r\n", "\n").strip() for name in COLUMNS}
    faults: dict[str, str] = {name: "Remove what cannot be kept" for name, text in given.items() if unstorable(text)}
    given["reference"] = given["reference"] or given["visit"]
    if not given["reference"]:
        faults["reference"] = "Give the visit your own reference"
    elif len(given["reference"]) > LONGEST_REFERENCE:
        faults["reference"] = f"A reference has at most {LONGEST_REFERENCE} characters"
    if given["outcome"] not in OUTCOMES:
        faults["outcome"] = f"Give the outcome as one of {', '.join(OUTCOMES)}"
    for name, most in (("activities", LONGEST), ("reason", 500)):
        if len(given[name]) > most:
            faults[name] = f"This must be {most:,} characters or fewer"
    times = {name: _time(given[name], name, faults) for name in TIMES}
    visit_id = next(iter(_ids(given["visit"], "visit", faults)), None)
    worker_ids = _ids(given["workers"], "workers", faults)
    if visit_id is None and not (given["package"] and given["planned_start"]):
        faults.setdefault("visit", "Say which visit it is: our id, or the package and when it was planned to begin")
    needed = {"planned": ("planned_start", "planned_end", "activity", "workers"), "delivered": ("start", "end")}
    for name in needed.get(given["outcome"], ()):
        if not given[name]:
            faults.setdefault(name, f"Give {COLUMNS[name].split(' (')[0]}")
    if faults:
        raise InvalidInput(faults)
    return RosterEntry(
        given["reference"], visit_id, given["package"], given["outcome"], times["planned_start"], times["planned_end"],
        given["activity"], worker_ids, times["start"], times["end"], given["activities"], times["notice_at"],
        given["reason"],
    )  # fmt: skip


def _time(text: str, name: str, faults: dict[str, str]) -> datetime | None:
    """A time with its offset, or London's wall clock without."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=LONDON) if at.tzinfo is None else at
        if not 2000 <= at.year <= 2200:
            raise ValueError
        return local(at)
    except (ValueError, OverflowError):
        faults[name] = f"Give {COLUMNS[name].split(' (')[0]} {EXAMPLE}"
        return None


def _ids(text: str, name: str, faults: dict[str, str]) -> tuple[UUID, ...]:
    try:
        return tuple(UUID(part) for part in text.replace(";", " ").split())
    except ValueError:
        faults[name] = f"Give {COLUMNS[name].split(',')[0].split(' (')[0]} as we give it"
        return ()


def read_csv(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file. Raises `InvalidInput` on `file`."""
    if not content:
        raise _refused("The file is empty: choose another, or save it again and send that")
    if len(content) > MOST_BYTES:
        raise _refused(f"The file is larger than {MOST_BYTES // 1000} kB: send fewer visits at a time")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    head = text.split("\n", 1)[0]
    separator = max((",", ";", "\t"), key=head.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=separator)
        names = [(name or "").strip().lower().replace(" ", "_") for name in reader.fieldnames or []]
        known = [name for name in names if name in COLUMNS]
        if not known or "outcome" not in known:
            raise _refused(
                "The first line must name the columns, outcome among them: start from the file of planned visits"
            )
        rows: list[dict[str, str]] = []
        for line in reader:
            cells = [str(line.get(name) or "") for name in reader.fieldnames or []]
            if any(cell.strip() for cell in cells):
                rows.append({name: _cell(cell) for name, cell in zip(names, cells, strict=True) if name in COLUMNS})
            if len(rows) > MOST_ROWS:
                raise _refused(f"The file has more than {MOST_ROWS} visits: send fewer at a time")
    except csv.Error:
        raise _refused("This is no CSV file: save it as CSV and send that") from None
    if not rows:
        raise _refused("There is no visit in this file")
    return rows


def _cell(text: str) -> str:
    # the quote our own files put before what a spreadsheet would take for a formula
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput({"file": sentence}, sentence)

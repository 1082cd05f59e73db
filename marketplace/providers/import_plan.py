"""The plan of an import: what each row does, what is wrong, whom to ask about, and how two plans of a file differ."""

from __future__ import annotations

import hashlib
import re
from datetime import date

import msgspec

from marketplace.providers.import_reading import Fault
from marketplace.web.forms import MONTHS

DAY_FIRST = re.compile(r"([0-9]{1,2})[/.\- ]([0-9]{1,2}|[A-Za-z]{3,9})[/.\- ]([0-9]{4})")


class Item(msgspec.Struct, frozen=True):
    """What one row does: `effect` is add, change or same; `details` say what, without numbers nobody needs to see."""

    sheet: str
    row: int
    worker: str
    effect: str
    what: str
    details: list[str] = []

    @property
    def text(self) -> str:
        return "; ".join([self.what, *self.details]) if self.details else self.what


class Question(msgspec.Struct, frozen=True):
    """Somebody of this name and role works here already: the same person? `people` are (worker id, in words)."""

    row: int
    name: str
    role: str
    people: list[tuple[str, str]]

    @property
    def key(self) -> str:
        return str(self.row)


class Plan(msgspec.Struct, frozen=True):
    """Everything the file would do. `fit` to be accepted: no faults, no open questions, and something to do."""

    items: list[Item] = []
    faults: list[Fault] = []
    questions: list[Question] = []
    notes: list[str] = []

    def effects(self, effect: str) -> list[Item]:
        return [item for item in self.items if item.effect == effect]

    @property
    def fit(self) -> bool:
        return not self.faults and not self.questions and any(item.effect != "same" for item in self.items)

    @property
    def hash(self) -> str:
        """What an acceptance names: another plan has another."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def differences(before: Plan, now: Plan) -> list[str]:
    """What has become different between two plans of one file, row by row: others changed the same things meanwhile."""

    def by_place(plan: Plan) -> dict[tuple[str, int], str]:
        said: dict[tuple[str, int], str] = {}
        for item in plan.items:
            said[item.sheet, item.row] = f"{item.worker}: {item.text}"
        for fault in plan.faults:
            said[fault.sheet, fault.row] = f"{fault.column or 'the row'}: {fault.sentence}"
        for question in plan.questions:
            said["Workers", question.row] = f"{question.name}: the same person as somebody who works here already?"
        return said

    old, new = by_place(before), by_place(now)
    return [
        f"{sheet}, row {row}: when you looked, {old.get((sheet, row), 'nothing')};"
        f" now, {new.get((sheet, row), 'nothing')}"
        for sheet, row in sorted({*old, *new})
        if old.get((sheet, row)) != new.get((sheet, row))
    ]


def read_day(typed: str) -> tuple[date | None, str]:
    """A day as people write it, day first, and what is wrong with it: "31 February 2026 is not a date"."""
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", typed)
    match = DAY_FIRST.fullmatch(typed)
    if iso:
        year, month, number = int(iso[1]), int(iso[2]), int(iso[3])
    elif match and (match[2].isdigit() or match[2].lower() in MONTHS):
        month = int(match[2]) if match[2].isdigit() else MONTHS[match[2].lower()]
        number, year = int(match[1]), int(match[3])
    else:
        return None, f'"{typed[:40]}" is not a date: enter day, month and year, like 31/05/2026'
    try:
        found = date(year, month, number)
    except ValueError:
        names = [name for name, value in MONTHS.items() if value == month]
        said = f"{number} {max(names, key=len).capitalize()} {year}" if names else typed[:40]
        return None, f"{said} is not a date"
    if not 1900 <= year <= 2200:
        return None, f"{typed[:40]} is not a year of our time: check the date"
    return found, ""

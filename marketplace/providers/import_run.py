"""One run over the rows of a workforce file: what is kept already, what a row says, and what is wrong in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.providers.import_columns import Sheet, choices, handle, read_choice
from marketplace.providers.import_files import named_files, plain
from marketplace.providers.import_plan import Item, Question, read_day
from marketplace.providers.import_reading import Fault, Row, Rows
from marketplace.providers.vocabulary import Words
from marketplace.web.forms import EMAIL

# The single actions' field names where they are not the columns' keys.
FIELDS = {"for_package_id": "package", "assessor_worker_id": "assessor_reference", "evidence_id": "file"}


# Stands for what a row does not say or says wrongly while the rest of it is judged.
SOMEBODY = "Somebody unnamed"


def same(text: str) -> str:
    """A text as it is compared."""
    return plain(text)


def assessors(colleague: UUID | None, name: str) -> list[tuple[UUID | None, str]]:
    """Whom an assessment names, as it is compared: a colleague whatever their name is now, also by the name it was
    signed with; whoever is from outside by name."""
    by_name = (None, same(name))
    return [by_name] if colleague is None else [(colleague, ""), by_name]


class Run:
    """What is kept already, what has been done so far, what is wrong."""

    def __init__(self, work: Work, rows: Rows, answers: Mapping[str, str], spoken: Words) -> None:
        self.work, self.rows, self.answers, self.spoken = work, rows, answers, spoken
        self.today = local_day(work.now)
        self.options = choices(spoken)
        self.items: list[Item] = []
        self.faults: list[Fault] = list(rows.faults)
        self.questions: list[Question] = []
        self.notes: list[str] = []
        self.by_reference: dict[str, UUID | None] = {}  # None: in the file, and not to be had yet
        self.by_name: defaultdict[str, list[UUID | None]] = defaultdict(list)
        self.workers: dict[UUID, dict[str, Any]] = {}
        self.rows_of: dict[str, int] = {}
        self.spoilt: set[str] = set()  # of the row that is read: the columns, by key, that have their fault already

    # --- what is kept already -----------------------------------------------------------------------------------------

    async def load(self) -> None:
        own = self.work.actor.provider_id
        for row in await self.work.fetch(
            "SELECT w.*, p.phone, p.email, p.registration_pin AS pin, p.dbs_certificate_number AS certificate_number,"
            " p.dbs_issued_on AS issued_on, p.dbs_workforce AS workforce,"
            " p.dbs_barred_list_checked AS barred_list_checked,"
            " p.dbs_update_service_consent_at IS NOT NULL AS update_service_consent"
            " FROM worker w LEFT JOIN worker_private p ON p.provider_id = w.provider_id AND p.worker_id = w.id"
            " WHERE w.provider_id = $1 ORDER BY w.id",
            own,
        ):
            self._know(dict(row))
        self.dbs: defaultdict[UUID, list[tuple[date, str, str]]] = defaultdict(list)
        self.withdrawn: set[tuple[Any, ...]] = set()  # checks that a file says again and that count no more
        for row in await self.work.fetch("SELECT * FROM worker_dbs_check WHERE provider_id = $1", own):
            fact = (row["checked_on"], same(row["checked_by_name"]), row["outcome"])
            if row["withdrawn_at"] is None:
                self.dbs[row["worker_id"]].append(fact)
            else:
                self.withdrawn.add((row["worker_id"], *fact))
        self.doubted: set[UUID] = {
            row["worker_id"] for row in await self.work.fetch(
                "SELECT c.worker_id FROM worker w, LATERAL dbs_check_that_counts(w.provider_id, w.id) c"
                " WHERE w.provider_id = $1 AND c.outcome <> 'clear'",
                own,
            )
        }  # fmt: skip
        self.skills: dict[tuple[Any, ...], Any] = {}
        self.shown: set[tuple[Any, ...]] = set()  # of them those with a file that shows them, by that file
        self.files, _ = await named_files(self.work, own)
        for row in await self.work.fetch(
            "SELECT * FROM worker_competency WHERE provider_id = $1 ORDER BY withdrawn_at NULLS LAST", own
        ):
            fact = (row["worker_id"], row["code"], row["assessed_on"], row["method"], row["for_package_id"])
            for who in assessors(row["assessor_worker_id"], row["assessor_name"] or ""):
                self.skills[*fact, who] = row["withdrawn_at"]
                if row["evidence_id"] is not None:
                    self.shown.add((*fact, who, row["evidence_id"]))
        self.checks: set[tuple[Any, ...]] = set()
        for row in await self.work.fetch("SELECT * FROM worker_check WHERE provider_id = $1", own):
            fact = (row["worker_id"], row["kind"], row["done_on"], row["valid_until"])
            (self.checks if row["withdrawn_at"] is None else self.withdrawn).add(fact)
        # a read of a table to the right, by name only, as in evidence.py
        self.packages = {
            row["reference"].casefold(): row["id"]
            for row in await self.work.fetch("SELECT id, reference FROM package WHERE provider_id = $1", own)
        }

    def _know(self, worker: dict[str, Any]) -> None:
        key: UUID = worker["id"]
        self.workers[key] = worker
        self.by_reference[handle(key).casefold()] = key
        if worker["reference"]:
            self.by_reference[same(worker["reference"])] = key
        if not self._left(worker):
            self.by_name[same(worker["name"])].append(key)

    def _left(self, worker: Mapping[str, Any]) -> bool:
        return worker["left_on"] is not None and worker["left_on"] < self.today

    # --- one row ------------------------------------------------------------------------------------------------------

    def _wrong(self, sheet: Sheet, row: Row, key: str, sentence: str) -> None:
        """One fault for each column of a row: the first."""
        column = FIELDS.get(key, key)
        if column in self.spoilt:
            return
        self.spoilt.add(column)
        known = {column.key: column.heading for column in sheet.columns}
        self.faults.append(Fault(sheet.title, row.number, known.get(column, ""), sentence))

    def _refused(self, sheet: Sheet, row: Row, error: InvalidInput) -> None:
        for key, sentence in error.fields.items():
            self._wrong(sheet, row, key, sentence)

    async def _judge(self, sheet: Sheet, row: Row, doing: Coroutine[Any, Any, Any]) -> None:
        """What the rules say besides of a row that is not kept as it is: tried, and undone."""
        await self.work.execute("SAVEPOINT trial")
        try:
            await doing
        except InvalidInput as error:
            self._refused(sheet, row, error)
        except asyncpg.ForeignKeyViolationError:
            pass  # about a worker nobody knows, which has been said
        await self.work.execute("ROLLBACK TO SAVEPOINT trial")
        await self.work.execute("RELEASE SAVEPOINT trial")

    def _read(self, sheet: Sheet, row: Row) -> dict[str, Any]:
        """The row's values by column: days as days, choices as codes, yes and no as truth; those without that are
        wrong, which are `spoilt` from here on."""
        values: dict[str, Any] = {}
        keys = {column.heading: column.key for column in sheet.columns}
        self.spoilt = {
            keys.get(fault.column, "") for fault in self.rows.faults
            if fault.sheet == sheet.title and fault.row == row.number
        }  # fmt: skip
        for column in sheet.columns:
            typed = row.cells.get(column.key)
            if typed is None:
                continue
            if column.kind == "date":
                day, sentence = read_day(typed)
                if day is None:
                    self._wrong(sheet, row, column.key, sentence)
                else:
                    values[column.key] = day
            elif column.kind == "choice":
                options = self.options[sheet.key, column.key]
                code = read_choice(typed, options)
                if code is None:
                    few = f": enter {', '.join(options.values())}" if len(options) < 9 else ": see the sheet Words"
                    self._wrong(sheet, row, column.key, f'"{typed[:60]}" is not one of the choices{few}')
                else:
                    values[column.key] = code == "yes" if set(options) == {"yes", "no"} else code
            elif column.kind == "email" and not EMAIL.fullmatch(typed):
                self._wrong(sheet, row, column.key, f'"{typed[:60]}" is not an e-mail address, like name@example.com')
            else:
                values[column.key] = typed
        return values

    def _missing(self, sheet: Sheet, row: Row, values: Mapping[str, Any]) -> None:
        for column in sheet.columns:
            if column.needed and column.key not in values:
                self._wrong(sheet, row, column.key, "Fill this in")

"""The readiness matrix: workers by what a lot and a child's needs ask, each cell in words with its date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from marketplace.policy.pack import Pack
from marketplace.policy.standing import (
    check_current_until,
    competency_current_until,
    dbs_current_until,
    required_competencies,
)
from marketplace.providers.facts import PROFILE_CHECK, WorkerRecord
from marketplace.providers.lapses import SPANS
from marketplace.providers.readiness import Ready, judge_worker, newest_sign_off
from marketplace.web.filters import day as written_day
from marketplace.web.filters import day_after

TONES = {"good": "green", "soon": "yellow", "bad": "red", "none": "grey"}


@dataclass(frozen=True, slots=True)
class Cell:
    """`tone` is good, soon, bad or none (not asked); `words` say it without colour; `until` is the last good day."""

    words: str
    tone: str
    until: date | None = None

    @property
    def colour(self) -> str:
        """The tag's colour."""
        return TONES[self.tone]


@dataclass(frozen=True, slots=True)
class Row:
    """A worker and its cells, in the order of the matrix's columns."""

    entry: Ready
    cells: tuple[Cell, ...]

    @property
    def first_lapse(self) -> date | None:
        """The day the first of what is good now stops being so."""
        return min((cell.until for cell in self.cells if cell.until is not None and cell.tone != "bad"), default=None)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Columns by title and rows by worker, for one lot on one day."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def ready(self) -> int:
        """How many workers are ready."""
        return sum(1 for row in self.rows if row.entry.ready)


def look_ahead(pack: Pack) -> tuple[int, ...]:
    """How many days ahead people look for what lapses: the farthest of the pack's warnings, the nearest of them first.

    Within the nearest a cell is worded as lapsing.
    """
    return tuple(sorted(sorted({days for days in pack.reminders.lapse_days if days > 0}, reverse=True)[:SPANS]))


def matrix(
    pack: Pack,
    workers: Sequence[WorkerRecord],
    lot: str,
    needs: Sequence[str],
    on: date,
    child_specific: Sequence[str] = (),
    package_id: UUID | None = None,
) -> Matrix:
    """Every worker whose role the lot takes, judged for the lot, the needs and the day.

    With a package also for what is signed off with its child alone (`workers` are then read for that package).
    """
    pack = pack.on(on)
    rule = pack.lot(lot)
    fitting = [worker for worker in workers if not rule.roles or worker.role in rule.roles]
    codes = required_competencies(pack, lot, tuple(needs))
    checks = [check for check in pack.content.worker_checks if check.required]
    columns: list[str] = []
    for check in checks:
        if check.evidence != "registration" or rule.registered_roles:
            columns.append(_short(check.title))
    columns += [pack.competencies[code].title for code in codes]
    titles = {row.code: row.title for row in pack.interventions(lot)}
    columns += [f"{titles.get(code, code)}, with this child" for code in child_specific]
    rows: list[Row] = []
    for worker in fitting:
        cells: list[Cell] = []
        for check in checks:
            if check.evidence == "dbs":
                cells.append(_dbs(pack, worker, on))
            elif check.evidence == "registration":
                if rule.registered_roles:
                    cells.append(_registration(pack, worker, on, worker.role in rule.registered_roles))
            else:
                cells.append(_check(pack, worker, check.key, on))
        cells += [_competency(pack, worker, code, on, package_id) for code in codes]
        cells += [_with_child(worker, code, package_id) for code in child_specific]
        rows.append(Row(judge_worker(pack, worker, lot, needs, on, child_specific), tuple(cells)))
    return Matrix(tuple(columns), tuple(rows))


def _short(title: str) -> str:
    # the matrix's heads are narrow; the rest of the rule's sentence stands in the terms
    return title.split(",")[0].split(";")[0]


def dated(pack: Pack, until: date | None, on: date, since: str = "Current") -> Cell:
    """A cell for something good up to and including a day."""
    if until is None:
        return Cell(since, "good")
    if until < on:
        return Cell(f"Due since {written_day(day_after(until))}", "bad", until)
    soon = until <= on + timedelta(days=min(look_ahead(pack), default=0))
    return Cell(f"{'Lapses' if soon else 'Until'} {written_day(until)}", "soon" if soon else "good", until)


def _dbs(pack: Pack, worker: WorkerRecord, on: date) -> Cell:
    if worker.dbs is not None and worker.dbs.outcome != "clear":
        return Cell("New information", "bad")
    checked = worker.facts.dbs_checked_on
    return Cell("Missing", "bad") if checked is None else dated(pack, dbs_current_until(pack, checked), on)


def _registration(pack: Pack, worker: WorkerRecord, on: date, asked: bool) -> Cell:
    if not asked:
        return Cell("Not asked", "none")
    if not worker.fit_to_practise:
        return Cell("Not fit to practise", "bad")
    if worker.registration_until is None:
        return Cell("Missing", "bad")
    return dated(pack, worker.registration_until, on)


def _check(pack: Pack, worker: WorkerRecord, key: str, on: date) -> Cell:
    rule = pack.worker_checks[key]
    if rule.when == "driving" and not worker.drives_children:
        return Cell("Not asked", "none")
    records = [record for record in worker.checks if record.code == key]
    if not records:
        published = key == PROFILE_CHECK and worker.profile
        return Cell("No consent yet" if published else "Missing", "bad")
    cells = [dated(pack, check_current_until(pack, key, r.done_on, r.valid_until), on, "Done") for r in records]
    # the record that lasts longest is the one that counts
    return max(cells, key=lambda cell: (cell.tone != "bad", cell.until or date.max))


def _competency(pack: Pack, worker: WorkerRecord, code: str, on: date, package_id: UUID | None) -> Cell:
    best = newest_sign_off(worker, code, package_id)
    if best is not None:
        return dated(pack, competency_current_until(pack, code, best.assessed_on), on)
    counting = [record for record in worker.competencies if record.code == code and record.withdrawn_at is None]
    if any(record.assessor for record in counting):
        return Cell("For another child only" if package_id else "For one child only", "bad")
    if counting:
        return Cell("Attended, not signed off", "bad")
    if any(record.code == code for record in worker.competencies):
        return Cell("Back to training", "bad")
    return Cell("Missing", "bad")


def _with_child(worker: WorkerRecord, code: str, package_id: UUID | None) -> Cell:
    own = [record for record in worker.competencies if record.code == code and record.for_package_id == package_id]
    signed = [record for record in own if record.withdrawn_at is None and record.assessor]
    return Cell(f"Signed off {written_day(signed[0].assessed_on)}", "good") if signed else Cell("Missing", "bad")

"""Lists over packages and visits: the office's, the workforce's week, a worker's day, what comes next for a family."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.packages import queries
from marketplace.packages.placing import Judge, judge_for
from marketplace.packages.planning import pattern_of
from marketplace.packages.records import missing_words
from marketplace.packages.states import STATE_WORDS, is_overdue, visit_state
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import end_of_day, local_day, midnight
from marketplace.policy.pricing import slots_between

PAGE_SIZE = 20
PACKAGE_STATES = ("set_up", "active", "ended", "undone")


@dataclass(frozen=True, slots=True)
class PackageLine:
    """A package in a list. `child_name` is given to its provider and to the referrer whose case it is."""

    id: UUID
    reference: str
    state: str
    lot_title: str
    starts_on: date
    ends_on: date | None
    provider_name: str
    commissioner_name: str
    child_name: str | None
    next_visit: datetime | None
    to_look_at: int
    plan_state: str | None
    direct_payment: bool  # the family pays for it
    over: bool  # its last day has passed, and its last visits are still seen to


async def packages(
    work: Work, *, state: str = "running", text: str = "", page: int = 1
) -> tuple[list[PackageLine], int]:
    """A page of the packages within reach and how many there are: those with something to look at first."""
    states = (
        ["set_up", "active"] if state == "running" else [state] if state in PACKAGE_STATES else list(PACKAGE_STATES)
    )
    rows = await work.fetch(
        f"""
        SELECT p.id, p.reference, p.state, coalesce(l.title, p.lot_code) AS lot_title, p.starts_on, p.ends_on,
            o.name AS provider_name, n.name AS commissioner_name,
            CASE WHEN app_commissioner() IS NULL OR c.referrer_id = app_person() THEN i.name END AS child_name,
            (SELECT min(v.planned_start) FROM visit v WHERE v.commissioner_id = p.commissioner_id AND v.package_id = p.id
                AND v.outcome IS NULL AND v.planned_end > $1) AS next_visit,
            (SELECT count(*) FROM visit v WHERE v.commissioner_id = p.commissioner_id AND v.package_id = p.id
                AND (v.outcome IS NULL AND v.planned_end <= $1 OR v.outcome = 'delivered' AND NOT v.family_signed
                    OR {FLAGGED})) AS to_look_at,
            (SELECT x.state FROM plan_version x WHERE x.commissioner_id = p.commissioner_id AND x.package_id = p.id
                ORDER BY (x.state = 'shared') DESC, (x.state = 'signed') DESC, x.version DESC LIMIT 1) AS plan_state,
            p.direct_payment_id IS NOT NULL AS direct_payment,
            coalesce(p.state IN ('set_up', 'active') AND p.ends_on < $5, false) AS over,
            count(*) OVER () AS total
        FROM package p JOIN organisation o ON o.id = p.provider_id JOIN organisation n ON n.id = p.commissioner_id
        LEFT JOIN framework_lot l ON l.framework_id = p.framework_id AND l.code = p.lot_code
        LEFT JOIN child c ON c.commissioner_id = p.commissioner_id AND c.id = p.child_id
        LEFT JOIN child_identity i ON i.commissioner_id = p.commissioner_id AND i.child_id = p.child_id
        WHERE p.state = ANY ($2) AND ($3 = '' OR strpos(lower(p.reference), lower($3)) > 0
            OR strpos(lower(o.name), lower($3)) > 0
            OR (app_commissioner() IS NULL OR c.referrer_id = app_person()) AND strpos(lower(i.name), lower($3)) > 0)
        ORDER BY (p.state IN ('set_up', 'active')) DESC, to_look_at DESC, next_visit NULLS FIRST, p.reference
        LIMIT $4 OFFSET $6
        """,  # noqa: E501, S608 - laid out as SQL, of our own constants
        work.now, states, text.strip(), PAGE_SIZE, local_day(work.now), (max(page, 1) - 1) * PAGE_SIZE,
    )  # fmt: skip
    total = rows[0]["total"] if rows else 0
    return [PackageLine(**{name: row[name] for name in PackageLine.__slots__}) for row in rows], total


@dataclass(frozen=True, slots=True)
class VisitLine:
    """A visit in a list. `missing` says in words what its record lacks, once it should be there."""

    visit: Visit
    reference: str
    activity: str
    child_name: str | None
    workers: tuple[tuple[UUID, str, bool], ...]  # worker_id, printed name, signed
    state: str
    overdue: bool
    missing: tuple[str, ...]
    flag: str = ""  # why it may not go on as it is planned

    @property
    def names(self) -> list[str]:
        """Who comes."""
        return [name for _, name, _ in self.workers]

    @property
    def state_words(self) -> str:
        """The state for people."""
        if self.overdue:
            return "Nothing recorded"
        return STATE_WORDS[self.state]

    @property
    def colour(self) -> str:
        """The colour of its tag."""
        tones = {"planned": "blue", "confirmed": "green", "unsigned": "red", "missed": "red", "cancelled": "grey"}
        return "red" if self.overdue else tones.get(self.state, "yellow")


_VISITS = """
SELECT v.*, p.reference, CASE WHEN app_commissioner() IS NULL OR c.referrer_id = app_person() THEN i.name END AS child_name,
    coalesce((SELECT jsonb_agg(jsonb_build_array(w.worker_id, w.printed_name, w.signed_at IS NOT NULL) ORDER BY w.printed_name)
        FROM visit_worker w WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id), '[]') AS workers,
    (SELECT string_agg(f.says, '; ' ORDER BY f.says) FROM visit_flag f WHERE f.commissioner_id = v.commissioner_id
        AND f.visit_id = v.id AND f.cleared_at IS NULL) AS flag
FROM visit v LEFT JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
LEFT JOIN child c ON c.commissioner_id = v.commissioner_id AND c.id = v.child_id
LEFT JOIN child_identity i ON i.commissioner_id = v.commissioner_id AND i.child_id = v.child_id
"""  # noqa: E501 - laid out as SQL
_MINE = "(v.commissioner_id, v.id) IN (SELECT * FROM my_visits())"
FLAGGED = (
    "v.outcome IS NULL AND EXISTS (SELECT 1 FROM visit_flag f WHERE f.commissioner_id = v.commissioner_id"
    " AND f.visit_id = v.id AND f.cleared_at IS NULL)"
)
# What somebody has to look at: no word of it after its end, under way for long, not confirmed, longer than planned.
TO_LOOK_AT = (
    "(v.outcome IS NULL AND v.planned_end <= $1 OR v.outcome = 'delivered' AND NOT v.family_signed"  # noqa: S608 - ours
    " OR v.outcome = 'delivered' AND v.actual_end - v.actual_start > v.planned_end - v.planned_start"
    " AND EXISTS (SELECT 1 FROM obligation b WHERE b.subject_id = v.id"
    " AND b.rule_key = 'task.approve_overrun' AND b.met_at IS NULL AND b.cancelled_at IS NULL)"
    f" OR {FLAGGED})"
)


async def visits(
    work: Work, where: str, *args: Any, order: str = "v.planned_start", most: int = 500
) -> list[VisitLine]:
    """Visits by one of this module's own conditions; `$1` is always the present moment."""
    rows = await work.fetch(
        f"{_VISITS} WHERE ({where}) AND $1::timestamptz IS NOT NULL ORDER BY {order}, v.id LIMIT {most}",
        work.now,
        *args,
    )
    return [await _line(work, row) for row in rows]


async def _line(work: Work, row: Any) -> VisitLine:
    visit = Visit(**{column._meta.name: row[column._meta.name] for column in Visit._meta.columns})
    pack = await pack_of(work, visit.framework_id)
    workers = tuple((UUID(key), name, signed) for key, name, signed in row["workers"])
    state, overdue = visit_state(visit), is_overdue(visit, work.now)
    over = visit.planned_end <= work.now or visit.outcome is not None
    lacking = missing_words(pack, visit, [(name, signed) for _, name, signed in workers]) if over else []
    return VisitLine(
        visit, row["reference"] or "", pack.activities.get(visit.activity, visit.activity), row["child_name"], workers,
        state, overdue, tuple(lacking), row["flag"] or "",
    )  # fmt: skip


async def visits_of_package(
    work: Work, package_id: UUID, *, when: str = "coming", page: int = 1, size: int = PAGE_SIZE
) -> tuple[list[VisitLine], int]:
    """A page of a package's visits and how many: `coming`, `past` (the latest first), `look` (something is open)."""
    await queries.package(work, package_id)
    where = {
        "coming": "v.outcome IS NULL AND v.planned_end > $1::timestamptz",
        "past": "(v.outcome IS NOT NULL OR v.planned_end <= $1)",
        "look": TO_LOOK_AT,
    }.get(when, "$1::timestamptz IS NOT NULL")
    where = f"v.package_id = $2 AND {where}"
    total = await work.fetchval(f"SELECT count(*) FROM visit v WHERE {where}", work.now, package_id)  # noqa: S608
    order = "v.planned_start DESC" if when in ("past", "all") else "v.planned_start"
    rows = await work.fetch(
        f"{_VISITS} WHERE {where} ORDER BY {order}, v.id LIMIT $3 OFFSET $4",
        work.now, package_id, size, (max(page, 1) - 1) * size,
    )  # fmt: skip
    return [await _line(work, row) for row in rows], total


# --- the provider's week ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """A visit of a worker on the board, with what is wrong with it."""

    line: VisitLine
    conflict: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A visit of a signed plan's pattern that nobody has been planned for."""

    package_id: UUID
    reference: str
    child_name: str | None
    starts_at: datetime
    ends_at: datetime
    activity: str


@dataclass(frozen=True, slots=True)
class Week:
    """Workers by days."""

    days: tuple[date, ...]
    rows: tuple[tuple[str, tuple[tuple[Cell, ...], ...]], ...]  # worker's name, one tuple of cells a day
    gaps: tuple[Gap, ...]
    conflicts: int


async def week(work: Work, first_day: date) -> Week:
    """Seven days of the provider's workers: visits placed, those whose worker is not ready any more, and gaps."""
    if not 2000 <= first_day.year < 2200:
        raise InvalidInput({"first_day": "Enter a first day between the years 2000 and 2199"})
    days = tuple(first_day + timedelta(days=n) for n in range(7))
    start, end = midnight(days[0]), end_of_day(days[-1])
    lines = await visits(
        work,
        "v.provider_id = $2 AND v.planned_start >= $3 AND v.planned_start < $4",
        work.actor.provider_id,
        start,
        end,
    )
    standing = [line for line in lines if line.state not in ("cancelled", "missed")]
    packages_of = {row.id: row for row in await _running(work)}
    judges: dict[UUID, Judge] = {}
    board: dict[tuple[str, UUID], dict[date, list[Cell]]] = {}
    conflicts = 0
    for line in standing:
        package = packages_of.get(line.visit.package_id)
        for worker_id, name, _ in line.workers:
            conflict = ""
            if package is not None and line.visit.outcome is None:
                if package.id not in judges:
                    judges[package.id] = await judge_for(work, package)
                conflict = _unready(judges[package.id], worker_id, name, local_day(line.visit.planned_start))
                conflicts += bool(conflict)
            cells = board.setdefault((name, worker_id), {}).setdefault(local_day(line.visit.planned_start), [])
            cells.append(Cell(line, conflict))
    rows = tuple((name, tuple(tuple(of.get(day, ())) for day in days)) for (name, _), of in sorted(board.items()))
    return Week(days, rows, await _gaps(work, packages_of.values(), standing, days), conflicts)


def _unready(judge: Judge, worker_id: UUID, name: str, day: date) -> str:
    if worker_id not in judge.workers:
        return f"{name} does not work there any more."
    ready = judge.on(worker_id, day)
    return "" if ready.ready else ready.sentence


async def _running(work: Work) -> list[Package]:
    return await Package.objects().where(Package.state.is_in(["set_up", "active"])).order_by(Package.reference)


async def _gaps(
    work: Work, running: Iterable[Package], standing: list[VisitLine], days: tuple[date, ...]
) -> tuple[Gap, ...]:
    gaps: list[Gap] = []
    for package in running:
        if await queries.signed_plan(work, package.id) is None:
            continue
        pack = await queries.pack_for(work, package)
        name = await queries.child_name(work, package.commissioner_id, package.child_id)
        first = max(days[0], package.starts_on, local_day(work.now))
        last = min(days[-1], package.ends_on or days[-1])
        placed = [line.visit for line in standing if line.visit.package_id == package.id]
        for start, end, slot in slots_between(await pattern_of(work, package), first, last):
            met = any(visit.planned_start < end and visit.planned_end > start for visit in placed)
            if not met and start > work.now:
                title = pack.activities.get(slot.activity, slot.activity)
                gaps.append(Gap(package.id, package.reference, name, start, end, title))
    return tuple(sorted(gaps, key=lambda gap: gap.starts_at))


# --- the worker's and the family's own --------------------------------------------------------------------------------


async def my_next_visit(work: Work) -> VisitLine | None:
    """The worker's visit that is under way, else the next one to begin or still to be recorded today."""
    rows = await visits(
        work, f"{_MINE} AND v.outcome IS NULL"
        " AND (v.actual_start IS NOT NULL OR v.planned_end > $1::timestamptz - interval '12 hours')",
        order="v.actual_start IS NULL, v.planned_start", most=1,
    )  # fmt: skip
    return rows[0] if rows else None


async def my_visits(work: Work, first_day: date, last_day: date) -> list[VisitLine]:
    """The worker's own visits that begin on these days."""
    return await visits(
        work, f"{_MINE} AND v.planned_start >= $2 AND v.planned_start < $3",
        midnight(first_day), end_of_day(last_day),
    )  # fmt: skip


async def my_unfinished(work: Work) -> list[VisitLine]:
    """The worker's own visits of the past whose record still lacks something only the worker can give."""
    rows = await visits(
        work,
        f"{_MINE} AND v.planned_end <= $1::timestamptz AND (v.outcome IS NULL OR v.outcome = 'delivered') AND"
        " v.planned_end > $1::timestamptz - interval '35 days'",
    )
    mine = work.actor.person_id
    signed = {
        row["visit_id"]
        for row in await work.fetch(
            "SELECT visit_id FROM visit_worker WHERE worker_person_id = $1 AND signed_at IS NOT NULL", mine
        )
    }
    return [
        line for line in rows
        if line.visit.outcome is None or line.visit.id not in signed
        or not (line.visit.family_signed or line.visit.unsigned_reason_waiting)
    ]  # fmt: skip


RECENT_DAYS = 28  # how far back a worker reads the records of the packages they are allocated to


async def recent_records(work: Work, package_id: UUID, *, before: datetime) -> list[tuple[VisitLine, Any]]:
    """The latest records of a package, newest first, with their notes: what an allocated worker goes on from."""
    rows = await visits(
        work,
        "v.package_id = $2 AND v.outcome = 'delivered' AND v.planned_start < $3 AND v.planned_start >"
        " $1::timestamptz - $4::interval",
        package_id, before, timedelta(days=RECENT_DAYS), order="v.planned_start DESC", most=10,
    )  # fmt: skip
    return [(line, await queries.visit_note(work, line.visit)) for line in rows]


async def coming(work: Work, most: int = 10) -> list[VisitLine]:
    """The next visits within reach: for a family, who comes next."""
    return await visits(work, "v.outcome IS NULL AND v.planned_end > $1::timestamptz", most=most)


async def to_confirm(work: Work) -> list[VisitLine]:
    """Finished visits that wait for this family member's confirmation."""
    rows = await visits(
        work,
        "v.outcome = 'delivered' AND NOT v.family_signed AND v.activities_recorded AND (v.commissioner_id,"
        " v.package_id)"
        " IN (SELECT * FROM my_granted_packages('confirm_visits')) AND NOT EXISTS (SELECT 1 FROM signature s WHERE"
        " s.commissioner_id = v.commissioner_id AND s.subject_id = v.id AND s.person_id = app_person()"
        " AND s.text_hash = v.record_hash)",
    )
    return rows


async def history(work: Work, page: int = 1) -> tuple[list[VisitLine], int]:
    """Past visits within reach, the latest first, and how many."""
    where = "(v.outcome IS NOT NULL OR v.planned_end <= $1)"
    total = await work.fetchval(f"SELECT count(*) FROM visit v WHERE {where}", work.now)  # noqa: S608
    rows = await work.fetch(
        f"{_VISITS} WHERE {where} ORDER BY v.planned_start DESC, v.id LIMIT $2 OFFSET $3",
        work.now, PAGE_SIZE, (max(page, 1) - 1) * PAGE_SIZE,
    )  # fmt: skip
    return [await _line(work, row) for row in rows], total

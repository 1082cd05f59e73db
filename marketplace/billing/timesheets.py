"""Timesheets: a period's visits as they were planned and as they were recorded, with who signed what, when and how.

Facts of visits only. What was written about a child is read by none of these questions; a family's name is told to
the provider alone, for it would tell a payer whose child it is (data.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.billing.records import FUNDED
from marketplace.frameworks.queries import billing_period, billing_periods, pack_of
from marketplace.packages.late_records import corrections_of
from marketplace.packages.records import missing_words
from marketplace.packages.states import visit_state
from marketplace.packages.tables import Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period, end_of_day, local_day, midnight


@dataclass(frozen=True, slots=True)
class Sheet:
    """Whose timesheet: a provider's visits on one framework for one payer, in one billing period."""

    framework_id: UUID
    framework: str
    payer_id: UUID
    payer: str
    provider_id: UUID
    provider: str
    period: Period
    planned: int
    missing: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature under a visit's record. `stands` is false under a text that was corrected since."""

    side: str
    printed_name: str
    method: str
    reason_code: str | None
    signed_at: datetime
    resolved_at: datetime | None
    text_hash: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Correction:
    """What a record said before and after: `start`, `end` as ISO times of London's clock."""

    at: datetime
    by_name: str
    source: str
    reason: str
    before: dict[str, str | None]
    after: dict[str, str | None]
    old_hash: str | None
    new_hash: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A visit. `state` as `packages.states`, or "missing": it should have taken place and nothing is recorded."""

    visit_id: UUID
    package_id: UUID
    package_reference: str
    activity: str
    planned_start: datetime
    planned_end: datetime
    actual_start: datetime | None
    actual_end: datetime | None
    outcome: str | None
    state: str
    workers: tuple[tuple[str, datetime | None], ...]
    record_hash: str | None
    lacks: tuple[str, ...]
    signatures: tuple[Signed, ...]
    corrections: tuple[Correction, ...]
    invoice_number: int | None


@dataclass(frozen=True, slots=True)
class Timesheet:
    """A sheet with its visits, in the order they were planned."""

    sheet: Sheet
    rows: tuple[Row, ...]
    activities: dict[str, str]

    @property
    def by_worker(self) -> dict[str, list[Row]]:
        """Each worker's visits; one that two came to stands with both."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            for name, _ in row.workers:
                found.setdefault(name, []).append(row)
        return dict(sorted(found.items()))

    @property
    def by_package(self) -> dict[str, list[Row]]:
        """Each package's visits."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.package_reference, []).append(row)
        return dict(sorted(found.items()))


_BOOKS = f"""
    SELECT v.framework_id, n.name AS framework, f.payer_id, c.name AS payer, v.provider_id, o.name AS provider,
           (v.planned_start AT TIME ZONE 'Europe/London')::date AS day, count(*)::int AS planned,
           count(*) FILTER (WHERE v.outcome IS NULL AND v.planned_end <= $1)::int AS missing
    FROM visit v
    JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND {FUNDED}
    JOIN framework n ON n.id = v.framework_id
    JOIN organisation c ON c.id = f.payer_id JOIN organisation o ON o.id = v.provider_id
    WHERE (app_commissioner() IS NULL OR f.payer_id = app_commissioner())
    GROUP BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608 - our own fragment


async def sheets(work: Work) -> list[Sheet]:
    """The timesheets within reach, up to the period we are in with all its planned visits, the newest period first."""
    today = local_day(work.now)
    rows = await work.fetch(_BOOKS, work.now)
    found: dict[tuple[UUID, UUID, UUID, Period], Sheet] = {}
    books: dict[tuple[UUID, UUID, UUID], list[Any]] = {}
    for row in rows:
        books.setdefault((row["framework_id"], row["payer_id"], row["provider_id"]), []).append(row)
    for key, days in books.items():
        first = min(row["day"] for row in days)
        for period in await billing_periods(work, key[0], first, today) if first <= today else ():
            within = [row for row in days if period.holds(row["day"])]
            if any(row["day"] <= today for row in within):
                one = within[0]
                found[*key, period] = Sheet(
                    one["framework_id"], one["framework"], one["payer_id"], one["payer"], one["provider_id"],
                    one["provider"], period, sum(row["planned"] for row in within),
                    sum(row["missing"] for row in within),
                )  # fmt: skip
    return sorted(found.values(), key=lambda each: (-each.period.first_day.toordinal(), each.provider, each.payer))


async def timesheet(work: Work, framework_id: UUID, payer_id: UUID, provider_id: UUID, first_day: Any) -> Timesheet:
    """One timesheet. Raises `NotFound` for a period that is none, or without a visit within reach."""
    period = await billing_period(work, framework_id, first_day)
    if period.first_day != first_day:
        raise NotFound
    head = await work.fetchrow(
        """SELECT n.name AS framework, c.name AS payer, o.name AS provider
           FROM framework n, organisation c, organisation o
           WHERE n.id = $1 AND c.id = $2 AND o.id = $3 AND (app_commissioner() IS NULL OR app_commissioner() = $2)""",
        framework_id, payer_id, provider_id,
    )  # fmt: skip
    records = [] if head is None else await work.fetch(
        f"""SELECT v.*, p.reference AS package_reference FROM visit v
            JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
            JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id
                 AND f.payer_id = $2 AND {FUNDED}
            WHERE v.framework_id = $1 AND v.provider_id = $3 AND v.planned_start >= $4 AND v.planned_start < $5
            ORDER BY v.planned_start, v.id""",  # noqa: S608 - our own fragment
        framework_id, payer_id, provider_id, midnight(period.first_day), end_of_day(period.last_day),
    )  # fmt: skip
    if head is None or not records:
        raise NotFound
    ids = [row["id"] for row in records]
    workers, signed = await _workers(work, ids), await _signatures(work, ids)
    corrected, billed = await corrections_of(work, ids), await _billed(work, payer_id, ids)
    pack = await pack_of(work, framework_id)
    rows: list[Row] = []
    for row in records:
        visit = Visit(**{name: row[name] for name in _COLUMNS}, _exists_in_db=True)
        people = tuple(workers.get(row["id"], ()))
        ended = visit.outcome is not None or visit.planned_end <= work.now
        lacks = missing_words(pack, visit, [(name, at is not None) for name, at in people]) if ended else []
        over = visit.outcome is None and visit.planned_end <= work.now
        rows.append(
            Row(
                visit_id=visit.id, package_id=visit.package_id, package_reference=row["package_reference"],
                activity=visit.activity, planned_start=visit.planned_start, planned_end=visit.planned_end,
                actual_start=visit.actual_start, actual_end=visit.actual_end, outcome=visit.outcome,
                state="missing" if over else visit_state(visit), workers=people, record_hash=visit.record_hash,
                lacks=tuple(lacks),
                signatures=tuple(
                    Signed(*each[:7], stands=each[6] == visit.record_hash) for each in signed.get(visit.id, [])
                ),
                corrections=tuple(
                    Correction(*(each[name] for name in Correction.__slots__)) for each in corrected.get(visit.id, [])
                ),
                invoice_number=billed.get(visit.id),
            )
        )  # fmt: skip
    sheet = Sheet(
        framework_id, head["framework"], payer_id, head["payer"], provider_id, head["provider"], period, len(rows),
        sum(row.state == "missing" for row in rows),
    )  # fmt: skip
    return Timesheet(sheet, tuple(rows), pack.activities)


_COLUMNS = tuple(column._meta.name for column in Visit._meta.columns)


async def _workers(work: Work, ids: list[UUID]) -> dict[UUID, list[tuple[str, datetime | None]]]:
    found: dict[UUID, list[tuple[str, datetime | None]]] = {}
    for row in await work.fetch(
        "SELECT visit_id, printed_name, signed_at FROM visit_worker WHERE visit_id = ANY($1) ORDER BY printed_name", ids
    ):
        found.setdefault(row["visit_id"], []).append((row["printed_name"], row["signed_at"]))
    return found


async def _signatures(work: Work, ids: list[UUID]) -> dict[UUID, list[tuple[Any, ...]]]:
    rows = await work.fetch(
        """SELECT s.subject_id, s.side,
                  CASE WHEN s.side = 'family' AND s.method <> 'coded_reason' AND app_commissioner() IS NOT NULL
                       THEN 'A family member' ELSE s.printed_name END AS printed_name,
                  s.method, s.reason_code, s.signed_at, s.resolved_at, s.text_hash
           FROM (SELECT * FROM signature WHERE subject_type = 'visit' AND subject_id = ANY($1)
                 UNION ALL SELECT * FROM masked_family_signatures($1)) s ORDER BY s.signed_at, s.id""",
        ids,
    )
    found: dict[UUID, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row["subject_id"], []).append(tuple(row)[1:])
    return found


async def _billed(work: Work, payer_id: UUID, ids: list[UUID]) -> dict[UUID, int]:
    rows = await work.fetch(
        """SELECT l.visit_id, i.number FROM invoice_line l
           JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
           WHERE l.commissioner_id = $1 AND l.visit_id = ANY($2) AND l.counts AND NOT l.held""",
        payer_id, ids,
    )  # fmt: skip
    return {row["visit_id"]: row["number"] for row in rows}

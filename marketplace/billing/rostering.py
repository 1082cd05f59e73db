"""Visits from a provider's rostering system: each row judged and kept by itself, sent twice counted once.

A row never signs for anybody. What it records waits for its workers' signatures and the family's confirmation, or the
coded reason why there is none, like every other record; what is signed or billed, no row changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from marketplace.billing.roster_rows import COLUMNS, MOST_ROWS, RosterEntry, read_row
from marketplace.billing.visit_outcomes import correct_in
from marketplace.billing.visit_records import record_in
from marketplace.identity.permissions import permit
from marketplace.packages import queries
from marketplace.packages.late_records import Entry
from marketplace.packages.outcomes import Given
from marketplace.packages.tables import Visit
from marketplace.packages.telling import provider_only
from marketplace.packages.visit_actions import cancel_in, missed_in, plan_in
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, MarketplaceError, NotFound
from marketplace.policy.calendar import end_of_day, local, midnight
from marketplace.web.filters import moment

Status = Literal["planned", "recorded", "cancelled", "missed", "corrected", "unchanged", "refused"]
AGAIN = "Sent again, changed, by the rostering system"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a row, or would: `row` counts from 1, `sentence` says why one is refused."""

    row: int
    reference: str
    status: Status
    sentence: str
    visit_id: UUID | None


class _OnlyLooking(Exception):
    """Takes back what a row did, so that it can be shown beforehand."""

    def __init__(self, verdict: tuple[Status, UUID]) -> None:
        super().__init__()
        self.verdict = verdict


async def take_rows(actor: Actor, rows: Sequence[Mapping[str, str]], *, only_look: bool = False) -> list[Verdict]:
    """Take each row in a unit of its own, in the order sent; `only_look` says what would happen and keeps nothing.

    Raises `InvalidInput` on `visits` for none or too many of them; what is wrong with one row is in its verdict.
    """
    provider_only(actor, "visit.import")
    permit(actor, "visit.correct")
    permit(actor, "visit.plan")
    if not rows:
        raise InvalidInput({"visits": "Send at least one visit"})
    if len(rows) > MOST_ROWS:
        raise InvalidInput({"visits": f"Send at most {MOST_ROWS} visits at a time"})
    return [await _take(actor, number, row, only_look) for number, row in enumerate(rows, start=1)]


async def _take(actor: Actor, number: int, row: Mapping[str, str], only_look: bool) -> Verdict:
    reference = (row.get("reference") or row.get("visit") or "").strip()[:100]
    try:
        entry = read_row(row)
        async with unit_of_work(actor) as work:
            done = await _one(work, entry)
            if only_look:
                raise _OnlyLooking(done)
    except _OnlyLooking as looked:
        done = looked.verdict
    except InvalidInput as error:
        said = "; ".join(f"{name}: {sentence}" for name, sentence in error.fields.items())
        return Verdict(number, reference, "refused", said, None)
    except MarketplaceError as error:
        return Verdict(number, reference, "refused", error.sentence, None)
    return Verdict(number, reference, done[0], "", done[1])


async def _one(work: Work, entry: RosterEntry) -> tuple[Status, UUID]:
    provider_id = work.actor.provider_id
    await work.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"roster {provider_id} {entry.reference}"
    )
    known = await work.fetchrow(
        "SELECT * FROM roster_row WHERE provider_id = $1 AND reference = $2", provider_id, entry.reference
    )
    if known is not None and known["content_hash"] == entry.content_hash:
        return "unchanged", known["visit_id"]
    visit = await _visit_meant(work, entry, known["visit_id"] if known is not None else None)
    if visit is None:
        status, visit_id = "planned", await _plan(work, entry)
        visit = await queries.visit(work, visit_id)
    else:
        status = await _apply(work, entry, visit)
    await work.execute(
        """INSERT INTO roster_row (provider_id, reference, commissioner_id, visit_id, content_hash, first_sent_at,
               sent_at, sent_by) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
           ON CONFLICT (provider_id, reference) DO UPDATE SET content_hash = $5, sent_at = $6, sent_by = $7""",
        provider_id, entry.reference, visit.commissioner_id, visit.id, entry.content_hash, work.now,
        work.actor.person_id,
    )  # fmt: skip
    return status, visit.id


async def _visit_meant(work: Work, entry: RosterEntry, known: UUID | None) -> Visit | None:
    """The visit a row is about; None where it is one to be planned. Raises `NotFound`, `Conflict`."""
    if known is not None:
        visit = await queries.visit(work, known)
        if entry.visit_id not in (None, known):
            raise Conflict("This reference stands for another visit: each visit has a reference of its own.")
        return visit
    found = entry.visit_id or await work.fetchval(
        "SELECT id FROM visit WHERE provider_id = $1 AND own_reference = $2", work.actor.provider_id, entry.reference
    )
    if found is None:
        found = await work.fetchval(
            """SELECT v.id FROM visit v JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
               WHERE v.provider_id = $1 AND p.reference = $2 AND v.planned_start = $3
               ORDER BY v.outcome IS NOT NULL, v.created_at DESC, v.id LIMIT 1""",
            work.actor.provider_id, entry.package, entry.planned_start,
        )  # fmt: skip
    if found is None:
        if entry.outcome == "planned":
            return None
        assert entry.planned_start is not None
        raise NotFound(
            f"No visit of package {entry.package} is planned for {moment(entry.planned_start)}: plan it first."
        )
    visit = await queries.visit(work, found)
    if visit.provider_id != work.actor.provider_id:
        raise NotFound
    other = await work.fetchval(
        "SELECT reference FROM roster_row WHERE provider_id = $1 AND commissioner_id = $2 AND visit_id = $3",
        visit.provider_id, visit.commissioner_id, visit.id,
    )  # fmt: skip
    if other is not None:
        raise Conflict(f"This visit was sent already, under the reference {other}.")
    return visit


async def _plan(work: Work, entry: RosterEntry) -> UUID:
    package_id = await work.fetchval(
        "SELECT id FROM package WHERE provider_id = $1 AND reference = $2 AND state IN ('set_up', 'active')",
        work.actor.provider_id, entry.package,
    )  # fmt: skip
    if package_id is None:
        raise NotFound(f"You have no running package {entry.package}.")
    assert entry.planned_start is not None and entry.planned_end is not None
    return await plan_in(
        work, package_id, activity=entry.activity, starts_at=entry.planned_start, ends_at=entry.planned_end,
        worker_ids=entry.worker_ids, own_reference=entry.reference,
    )  # fmt: skip


async def _apply(work: Work, entry: RosterEntry, visit: Visit) -> Status:
    if entry.outcome == "planned":
        if (visit.planned_start, visit.planned_end) == (entry.planned_start, entry.planned_end):
            return "unchanged"
        raise Conflict("This visit is planned for another time: move it on its page, then send it.")
    if entry.outcome == "delivered":
        assert entry.start is not None and entry.end is not None
        if visit.family_signed or visit.unsigned_reason_waiting:
            raise Conflict(
                "The family has answered this record, so no file changes it: correct it on the visit's page, and"
                " everybody signs again."
            )
        if visit.planned_end > work.now:
            raise Conflict("This visit has not ended yet: send it when it has.")
        first = visit.outcome is None
        written = Entry(entry.start, entry.end, entry.activities or None)
        reason = entry.reason if first else entry.reason or AGAIN
        changed = await record_in(work, visit.id, written, "roster", reason)
        return "recorded" if first else "corrected" if changed else "unchanged"
    if visit.outcome not in (None, "delivered"):
        given = Given(entry.outcome, entry.notice_at, entry.reason or None)
        return "corrected" if await correct_in(work, visit.id, given, "roster", entry.reason or AGAIN) else "unchanged"
    if entry.outcome == "missed":
        await missed_in(work, visit.id, version=visit.version, reason=entry.reason)
        return "missed"
    await cancel_in(
        work, visit.id, version=visit.version, outcome=entry.outcome, notice_at=entry.notice_at, reason=entry.reason
    )
    return "cancelled"


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """A visit that ended without anything recorded, as the file and the week's page are pre-filled with it."""

    id: UUID
    reference: str
    package_reference: str
    activity: str
    workers: str
    planned_start: datetime
    planned_end: datetime


async def unrecorded(work: Work, first_day: date, last_day: date) -> list[PlannedVisit]:
    """One's own visits that were planned to end by now and have nothing recorded, in order; at most a file's worth."""
    rows = await work.fetch(
        """SELECT v.id, coalesce(r.reference, v.own_reference, v.id::text) AS reference,
                  p.reference AS package_reference, v.activity,
                  (SELECT string_agg(w.printed_name, '; ' ORDER BY w.printed_name) FROM visit_worker w
                   WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id) AS workers,
                  v.planned_start, v.planned_end
           FROM visit v JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
           LEFT JOIN roster_row r ON r.provider_id = v.provider_id AND r.commissioner_id = v.commissioner_id
                AND r.visit_id = v.id
           WHERE v.provider_id = $1 AND v.outcome IS NULL AND v.actual_start IS NULL AND v.planned_end <= $2
             AND v.planned_start >= $3 AND v.planned_start < $4
           ORDER BY v.planned_start, p.reference, v.id LIMIT $5""",
        work.actor.provider_id, work.now, midnight(first_day), end_of_day(last_day), MOST_ROWS,
    )  # fmt: skip
    return [PlannedVisit(*row) for row in rows]


def prefilled(visit: PlannedVisit) -> dict[str, str]:
    """The row of a visit that went as planned: only exceptions need typing."""
    start, end = (f"{local(at):%Y-%m-%dT%H:%M%z}" for at in (visit.planned_start, visit.planned_end))
    return dict.fromkeys(COLUMNS, "") | {
        "reference": visit.reference, "visit": str(visit.id), "package": visit.package_reference,
        "planned_start": start, "planned_end": end, "outcome": "delivered", "start": start, "end": end,
    }  # fmt: skip


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many rows became what."""
    found: dict[str, int] = {}
    for verdict in verdicts:
        found[verdict.status] = found.get(verdict.status, 0) + 1
    return found

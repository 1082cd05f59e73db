"""Records that do not come from the door: written down by the provider's office, sent by its rostering system, and
corrections of what stands. Nothing here signs for anybody: workers and family sign what is written, and sign again
what a correction changes (L 7.3, P 14.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from marketplace.obligations.duties import cancel, meet
from marketplace.packages import queries
from marketplace.packages.placing import give_back, judge_for, may_have_visits, take_time
from marketplace.packages.record_actions import (
    CONFIRM_VISIT,
    EARLY_HOURS,
    RECORD,
    ask_about_overrun,
    check_span,
    keep_correction,
    outcome_of,
    owe_signatures,
    times_of,
    write_note,
)
from marketplace.packages.records import RecordText, checked
from marketplace.packages.signing import RESOLVE
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import tell_family, tell_referrer
from marketplace.packages.visit_moving import change, keep_reason
from marketplace.packages.visit_requests import follow_outcome
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day, to_the_minute
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity
from marketplace.web.filters import clock, listing

Source = Literal["office", "roster"]
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """What a visit's record says: when it began and ended (aware), what was done (None: as it stands, if it does)."""

    start: datetime
    end: datetime
    activities: str | None = None


async def write_down(work: Work, visit: Visit, package: Package, entry: Entry, source: Source, reason: str) -> bool:
    """Record a visit that took place, or correct its record; `visit` is held. False when that changes nothing.

    One recorded as cancelled or missed took place after all: a correction with its reason; its workers' time is taken
    again. Raises `InvalidInput` naming `start`, `end`, `activities` or `reason`; `Conflict` for a visit that may not
    have taken place like this.
    """
    entry = _checked(visit, entry, work.now)
    if visit.outcome != "delivered":
        await _cleared(work, visit, package)
    before, old_hash, first = times_of(visit), visit.record_hash, visit.outcome is None
    after_all = not first and visit.outcome != "delivered"
    if after_all:
        await _time_again(work, visit, package)
        before |= outcome_of(visit)
        visit.outcome, visit.notice_at = "delivered", None
    note = await queries.visit_note(work, visit)
    said = note["activities"] if note is not None else ""
    activities = said if entry.activities is None else checked(RecordText(activities=entry.activities)).activities
    if not first and (visit.actual_start, visit.actual_end, said) == (entry.start, entry.end, activities):
        return False
    await check_reason(work, visit, reason, needed=not first)
    remark = "\n".join(part for part in (note["times_remark"] if note is not None else "", reason.strip()) if part)
    await write_note(work, visit, {"activities": activities, "times_remark": remark})
    visit.actual_start, visit.actual_end = entry.start, entry.end
    fingerprint = (await queries.record_text(work, visit)).fingerprint
    values: dict[str, Any] = {
        "actual_start": entry.start,
        "actual_end": entry.end,
        "activities_recorded": not is_blank(activities),
        "record_hash": fingerprint,
    }
    if first or after_all:
        values |= {"outcome": "delivered", "outcome_at": work.now, "notice_at": None}
        await keep_reason(work, visit, None)
    if not first:
        became = outcome_of(visit) if after_all else {}
        after = times_of(visit) | became | ({} if said == activities else {"activities": "written anew"})
        await keep_correction(work, visit, source, reason.strip(), before, after, old_hash, fingerprint)
    await change(work, visit, values)
    if after_all:
        await follow_outcome(work, visit, package, made_up=False, asked_again=False)
    await _news(work, visit, package, first)
    verb = "written_down" if first else "corrected"
    work.audit(
        f"visit.{verb}", "visit", visit.id, commissioner_id=visit.commissioner_id, source=source, start=entry.start,
        end=entry.end,
    )  # fmt: skip
    return True


def _checked(visit: Visit, entry: Entry, now: datetime) -> Entry:
    start, end = to_the_minute(entry.start), to_the_minute(entry.end)
    faults: dict[str, str] = {}
    if start < visit.planned_start - timedelta(hours=EARLY_HOURS):
        faults["start"] = f"This visit is planned for {clock(visit.planned_start)}: it cannot have started that early"
    elif start > visit.planned_end:
        faults["start"] = f"This visit was planned until {clock(visit.planned_end)}: it cannot have started after that"
    if end > now:
        faults["end"] = "The end must not be in the future"
    if faults:
        raise InvalidInput(faults)
    check_span(start, end)
    return replace(entry, start=start, end=end)


async def _cleared(work: Work, visit: Visit, package: Package) -> None:
    """What holds at the door holds here: nobody who was not ready that day, no visit before the plan is signed."""
    day = local_day(visit.planned_start)
    workers = await queries.visit_workers(work, visit)
    judge = await judge_for(work, package, [row["worker_id"] for row in workers])
    for row in workers:
        ready = judge.on(row["worker_id"], day)
        if not ready.ready:
            raise Conflict(f"{row['printed_name']} was not cleared for this visit: {ready.sentence}")
    missing = await may_have_visits(work, package, await queries.pack_for(work, visit))
    missing += await queries.visit_flags(work, visit)
    if missing:
        raise Conflict(f"This visit cannot be recorded: {listing(missing)}.")


async def _time_again(work: Work, visit: Visit, package: Package) -> None:
    """Its workers were there: their time is taken, unless it was given to somebody else meanwhile."""
    workers = await queries.visit_workers(work, visit)
    await give_back(work, [row["booking_id"] for row in workers], visit.id)
    for row in workers:
        booking = await take_time(work, package, row["worker_id"], visit.planned_start, visit.planned_end)
        await work.execute(
            "UPDATE visit_worker SET booking_id = $4 WHERE commissioner_id = $1 AND visit_id = $2 AND worker_id = $3",
            visit.commissioner_id, visit.id, row["worker_id"], booking,
        )  # fmt: skip


async def check_reason(work: Work, visit: Visit, reason: str, *, needed: bool) -> None:
    """Raise `InvalidInput` for a reason that is missing where it is needed, too long, or names the child."""
    if needed and not reason.strip():
        raise InvalidInput({"reason": "Enter why the record is corrected"})
    if len(reason) > LONGEST_REASON:
        raise InvalidInput({"reason": f"This must be {LONGEST_REASON} characters or fewer"})
    # finance reads it beside the times, and may not learn whose visit it was
    await anonymity.name_nobody(
        work, visit.commissioner_id, visit.child_id, "reason", reason, "finance officers read the reason"
    )


async def _news(work: Work, visit: Visit, package: Package, first: bool) -> None:
    """Who signs now: every worker of the visit, and then the family."""
    link = f"/visits/{visit.id}"
    await meet(work, RECORD, visit.id)
    for rule in (CONFIRM_VISIT, RESOLVE):
        await cancel(work, visit.id, rule)
    await owe_signatures(work, visit, package)
    visit.outcome = "delivered"
    await ask_about_overrun(work, visit, package)
    if first:
        said = f"A visit of package {package.reference} waits for your confirmation."
    else:
        said = f"The record of a visit of package {package.reference} was corrected. Read it again, then confirm it."
        await tell_referrer(work, package, f"The record of a visit of package {package.reference} was corrected.", link)
    await tell_family(work, package, said, link, "confirm_visits")


async def corrections_of(work: Work, visit_ids: list[UUID]) -> dict[UUID, list[Any]]:
    """How each of these visits was corrected, the earliest first, as far as the context reaches."""
    rows = await work.fetch(
        "SELECT * FROM visit_correction WHERE visit_id = ANY($1) ORDER BY at, version, id", visit_ids
    )
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["visit_id"], []).append(row)
    return found

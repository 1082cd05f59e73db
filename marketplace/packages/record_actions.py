"""At the door: arriving, writing down, finishing, signing as the worker (domain 4.4; P 14.4).

Times default to now, in whole minutes; one typed in otherwise needs its reason. The record can change until the family
has answered it; a change takes the workers' signatures with it (the database sees to both).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.packages import queries
from marketplace.packages.overruns import OVERRUN, close_longer
from marketplace.packages.placing import judge_for, may_have_visits
from marketplace.packages.records import RecordText, checked
from marketplace.packages.states import visit_after
from marketplace.packages.tables import Package, Signature, Visit, VisitCorrection
from marketplace.packages.telling import owe_family, owe_referrer, tell_family, tell_referrer
from marketplace.packages.visit_moving import change
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import elapsed, is_before, local, local_day, to_the_minute
from marketplace.policy.pricing import most_billed
from marketplace.policy.records import is_blank
from marketplace.web.filters import clock, count, listing

EARLY_HOURS = 3  # nobody arrives earlier than this: rather a slip, or another visit
LATEST_DAYS = 2  # nor starts a visit this long after its end without the office
RECORD = "task.record_visit"  # owed by the office once a visit is over without a word (sweeps.py)
SIGN_RECORD = "task.sign_record"  # owed by each worker from the arrival on, until the record is signed
CONFIRM_VISIT = "task.confirm_visit"  # owed by the family from the worker's signature on, until it has confirmed
LOCKED = "The family has answered this record, so it does not change any more. Tell your office what is wrong with it."


async def start_visit(actor: Actor, visit_id: UUID, *, at: datetime | None = None, reason: str = "") -> None:
    """The worker has arrived: now, or at a time typed in with its reason.

    Raises `Conflict` when plan or back-up is missing, the worker is not ready today, or care may not lawfully go on and
    nobody has decided that it does (domain 6), `InvalidInput`, `WrongState`.
    """
    permit(actor, "visit.record")
    async with unit_of_work(actor) as work:
        visit, package, own = await _my_visit(work, visit_id, "started")
        ready = (await judge_for(work, package, [own["worker_id"]])).on(
            own["worker_id"], local_day(visit.planned_start)
        )
        if not ready.ready:
            raise Conflict(
                f"You are not cleared for this visit: {ready.sentence} Call your office, which renews the evidence or"
                " sends another worker."
            )
        await _colleagues_are_cleared(work, visit, own["worker_id"])
        missing = await may_have_visits(work, package, await queries.pack_for(work, visit))
        if not missing and (lapsed := await queries.lapses_flagged(work, visit)):
            missing = [*lapsed, "a contract manager has not decided that the package goes on"]
        if missing:
            raise Conflict(f"This visit cannot begin: {listing(missing)}. Call your office.")
        start = _typed(at, reason, work.now, "start")
        if not visit.planned_start - timedelta(hours=EARLY_HOURS) <= start:
            raise InvalidInput(
                {"start": f"This visit is planned for {clock(visit.planned_start)}: it is too early to start"}
            )
        if start > visit.planned_end + timedelta(days=LATEST_DAYS):
            raise InvalidInput({"start": "This visit is long over: call your office"})
        await _remark(work, visit, reason if at is not None else "")
        await change(work, visit, {"actual_start": start})
        await owe_signatures(work, visit, package)
        work.audit(
            "visit.started", "visit", visit.id, commissioner_id=visit.commissioner_id, at=start, typed=bool(reason)
        )


async def finish_visit(actor: Actor, visit_id: UUID, *, at: datetime | None = None, reason: str = "") -> None:
    """The visit is over: now, or at a time typed in with its reason. Longer than planned is put to the referrer."""
    permit(actor, "visit.record")
    async with unit_of_work(actor) as work:
        visit, package, _ = await _my_visit(work, visit_id, "finished")
        assert visit.actual_start is not None
        end = _typed(at, reason, work.now, "end")
        check_span(visit.actual_start, end)
        await _remark(work, visit, reason if at is not None else "")
        visit.actual_end = end
        await _freeze(work, visit, {"actual_end": end, "outcome": "delivered", "outcome_at": work.now})
        await meet(work, RECORD, visit.id)
        await ask_about_overrun(work, visit, package)
        said = f"A visit of package {package.reference} waits for your confirmation."
        await tell_family(work, package, said, f"/visits/{visit.id}", "confirm_visits")
        work.audit(
            "visit.finished", "visit", visit.id, commissioner_id=visit.commissioner_id, at=end, typed=bool(reason)
        )


async def correct_times(actor: Actor, visit_id: UUID, *, start: datetime, end: datetime | None, reason: str) -> None:
    """Put right a start or end of one's own visit, with the reason, until the family has answered the record."""
    permit(actor, "visit.record")
    async with unit_of_work(actor) as work:
        visit, package, _ = await _my_visit(work, visit_id, "corrected")
        await _not_locked(work, visit)
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the times are corrected"})
        start = to_the_minute(start)
        before, earlier = times_of(visit), visit.record_hash
        values: dict[str, Any] = {"actual_start": start}
        if start > work.now:
            raise InvalidInput({"start": "The start must not be in the future"})
        if visit.outcome == "delivered":
            if end is None or end > work.now:
                raise InvalidInput({"end": "Enter when the visit ended; it must not be in the future"})
            end = to_the_minute(end)
            check_span(start, end)
            values["actual_end"] = visit.actual_end = end
        visit.actual_start = start
        await _remark(work, visit, reason)
        await _freeze(work, visit, values)
        if visit.outcome == "delivered":
            await ask_about_overrun(work, visit, package)
        # why it was is told with the record, which finance does not read
        await keep_correction(
            work, visit, "worker", "By the worker, whose reason stands in the record", before, times_of(visit), earlier,
            values.get("record_hash", earlier),
        )  # fmt: skip
        work.audit("visit.times_corrected", "visit", visit.id, commissioner_id=visit.commissioner_id, **values)


async def write_record(actor: Actor, visit_id: UUID, record: RecordText) -> None:
    """Write down what was done; again replaces it, until the family answered. Raises `InvalidInput`, `WrongState`."""
    permit(actor, "visit.record")
    async with unit_of_work(actor) as work:
        visit, _, _ = await _my_visit(work, visit_id, "written up")
        await _not_locked(work, visit)
        record = checked(record)
        await write_note(work, visit, msgspec.structs.asdict(record))
        visit.activities_recorded = not is_blank(record.activities)
        await _freeze(work, visit, {"activities_recorded": visit.activities_recorded})
        work.audit("visit.recorded", "visit", visit.id, commissioner_id=visit.commissioner_id)


async def sign_as_worker(actor: Actor, visit_id: UUID, *, text_hash: str, device: str = "") -> None:
    """Sign one's own record as it was shown. Raises `Conflict` when it changed since, `WrongState`, `InvalidInput`."""
    permit(actor, "visit.record")
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id, lock=True)
        own = await own_part(work, visit)
        if visit.outcome != "delivered":
            visit_after("signed", visit)
        await check_record(work, visit, text_hash)
        if own["signed_at"] is not None:
            raise WrongState("record", "signed", "signed", "You have signed this record already.")
        try:
            await Signature.insert(
                Signature(
                    commissioner_id=visit.commissioner_id,
                    package_id=visit.package_id,
                    provider_id=visit.provider_id,
                    subject_type="visit",
                    subject_id=visit.id,
                    side="worker",
                    person_id=actor.person_id,
                    worker_id=own["worker_id"],
                    printed_name=own["printed_name"],
                    text_hash=text_hash,
                    method="own_sign_in",
                    device=device,
                    signed_at=work.now,
                )
            )
        except asyncpg.UniqueViolationError as error:
            raise WrongState("record", "signed", "signed", "You have signed this record already.") from error
        await meet(work, SIGN_RECORD, visit.id, by_person=actor.person_id)
        if not visit.family_signed and not visit.unsigned_reason_waiting:
            await owe_family(
                work, await queries.pack_for(work, visit), await queries.package(work, visit.package_id), CONFIRM_VISIT,
                "Read the record of a visit and confirm it", "confirm_visits", "visit", visit.id,
                f"/visits/{visit.id}", visit.actual_end,
            )  # fmt: skip
        work.audit(
            "visit.signed", "visit", visit.id, commissioner_id=visit.commissioner_id, side="worker", text_hash=text_hash
        )


def times_of(visit: Visit) -> dict[str, str | None]:
    """A record's times as its history keeps them: London's clock with its offset."""
    times = {"start": visit.actual_start, "end": visit.actual_end}
    return {name: None if at is None else local(at).isoformat() for name, at in times.items()}


def outcome_of(visit: Visit) -> dict[str, str | None]:
    """What became of a visit as its history keeps it."""
    return {"outcome": visit.outcome, "notice": None if visit.notice_at is None else local(visit.notice_at).isoformat()}


async def keep_correction(
    work: Work, visit: Visit, source: str, reason: str, before: dict[str, str | None], after: dict[str, str | None],
    old_hash: str | None, new_hash: str | None,
) -> None:  # fmt: skip
    """Add to the visit's history what it said before and after. `visit` is held, its version the one before."""
    await VisitCorrection.insert(
        VisitCorrection(
            commissioner_id=visit.commissioner_id, visit_id=visit.id, provider_id=visit.provider_id, at=work.now,
            by_person=work.actor.person_id, by_name=work.actor.person_name, source=source, reason=reason, before=before,
            after=after, old_hash=old_hash, new_hash=new_hash, version=visit.version,
        )
    )  # fmt: skip


async def check_record(work: Work, visit: Visit, text_hash: str) -> None:
    """Raise unless the record is complete enough to sign and is the text that was shown."""
    if not visit.activities_recorded:
        raise InvalidInput({"activities": "Write down the activities first: nothing can be signed without them"})
    text = await queries.record_text(work, visit)
    if text_hash != visit.record_hash or text.fingerprint != visit.record_hash:
        raise Conflict("The record has changed since you opened it. Read it again, then sign.")


async def own_part(work: Work, visit: Visit) -> asyncpg.Record:
    """The acting worker's line of a visit. Raises `NotFound`: a colleague's visit is read, not written."""
    for row in await queries.visit_workers(work, visit):
        if row["worker_person_id"] == work.actor.person_id:
            return row
    raise NotFound("This is not one of your visits.")


async def _my_visit(work: Work, visit_id: UUID, verb: str) -> tuple[Visit, Package, asyncpg.Record]:
    visit = await queries.visit(work, visit_id, lock=True)
    own = await own_part(work, visit)
    if verb in ("corrected", "written up"):
        await _not_locked(work, visit)
    visit_after(verb, visit)
    return visit, await queries.package(work, visit.package_id), own


async def _not_locked(work: Work, visit: Visit) -> None:
    answered = visit.family_signed or visit.unsigned_reason_waiting
    if not answered:
        rows = await queries.signatures(work, visit.commissioner_id, visit.id)
        answered = any(row["side"] == "family" and row["text_hash"] == visit.record_hash for row in rows)
    if answered:
        raise WrongState("record", "answered", "changed", LOCKED)


def _typed(at: datetime | None, reason: str, now: datetime, field: str) -> datetime:
    """The moment to record: now, or the one typed in, which is not in the future and has its reason."""
    if at is None or to_the_minute(at) == to_the_minute(now):
        return to_the_minute(now)
    if at > now:
        raise InvalidInput({field: f"The {field} must not be in the future"})
    if not reason.strip():
        raise InvalidInput({"reason": f"Enter why the {field} is another time than now"})
    if len(reason) > 1000:
        raise InvalidInput({"reason": "This must be 1,000 characters or fewer"})
    return to_the_minute(at)


def check_span(start: datetime, end: datetime) -> None:
    """Raise `InvalidInput` for `end` unless it lies after the start, and not days after it."""
    if not is_before(start, end):
        raise InvalidInput({"end": f"The end must be after the start, {clock(start)}: by one minute at least"})
    if elapsed(start, end) > timedelta(hours=48):
        raise InvalidInput({"end": "A visit of more than two days cannot be right: check the day"})


async def _freeze(work: Work, visit: Visit, values: dict[str, Any]) -> None:
    """Write the visit and, once it is over, the fingerprint of its record as it stands: what signatures go under."""
    if visit.actual_end is not None:
        values["record_hash"] = (await queries.record_text(work, visit)).fingerprint
    await change(work, visit, values)


async def _remark(work: Work, visit: Visit, reason: str) -> None:
    """Keep why a time was typed in with the notes: they are no business of finance's."""
    if reason.strip():
        note = await queries.visit_note(work, visit)
        before = note["times_remark"] if note is not None else ""
        await write_note(work, visit, {"times_remark": f"{before}\n{reason.strip()}".strip()})


async def write_note(work: Work, visit: Visit, values: dict[str, Any]) -> None:
    """Write these columns of the visit's notes; the others stay."""
    names = list(values)
    marks = ", ".join(f"${n}" for n in range(6, 6 + len(names)))
    await work.execute(
        f"INSERT INTO visit_note (commissioner_id, visit_id, provider_id, written_by, written_at, {', '.join(names)})"  # noqa: S608 - our own columns
        f" VALUES ($1, $2, $3, $4, $5, {marks}) ON CONFLICT (commissioner_id, visit_id) DO UPDATE SET written_by = $4,"
        f" written_at = $5, {', '.join(f'{name} = excluded.{name}' for name in names)}",
        visit.commissioner_id, visit.id, visit.provider_id, work.actor.person_id, work.now, *values.values(),
    )  # fmt: skip


async def owe_signatures(work: Work, visit: Visit, package: Package) -> None:
    """Each worker who comes owes the record, signed: until then the visit is held from payment (P 14.4)."""
    pack = await queries.pack_for(work, visit)
    for row in await queries.visit_workers(work, visit):
        if row["worker_person_id"] is not None:
            await owe(
                work, pack, SIGN_RECORD, title="Finish the record of a visit and sign it", subject_type="visit",
                subject_id=visit.id, reference=package.reference, link=f"/visits/{visit.id}",
                owed_by=Owed(visit.provider_id, "worker", row["worker_person_id"]),
                commissioner_id=visit.commissioner_id, framework_id=visit.framework_id, child_id=visit.child_id,
                package_id=visit.package_id,
            )  # fmt: skip


async def _colleagues_are_cleared(work: Work, visit: Visit, worker_id: UUID) -> None:
    """Where two come together both must be ready; of the other the worker at the door reads the flag alone."""
    says = await work.fetchval(
        "SELECT says FROM visit_flag WHERE commissioner_id = $1 AND visit_id = $2 AND worker_id <> $3"
        " AND cleared_at IS NULL ORDER BY says LIMIT 1",
        visit.commissioner_id, visit.id, worker_id,
    )  # fmt: skip
    if says is not None:
        raise Conflict(f"This visit cannot begin: {says}. Call your office, which sends another worker.")


async def ask_about_overrun(work: Work, visit: Visit, package: Package) -> None:
    """Time beyond the planned length is put to the referrer, where the pack bills it with approval only (domain 5)."""
    pack = await queries.pack_for(work, visit)
    assert visit.actual_start is not None and visit.actual_end is not None
    planned, lasted = elapsed(visit.planned_start, visit.planned_end), elapsed(visit.actual_start, visit.actual_end)
    approved = visit.overrun_approved_at is not None
    most = most_billed(planned, lasted, approved, visit.overrun_approved_minutes)
    asked = pack.on(local_day(visit.planned_start)).charging.overrun_needs_approval
    await cancel(work, visit.id, OVERRUN)
    if lasted <= most or not asked or package.direct_payment_id is not None:  # what is bought costs what was shown
        await close_longer(work, visit)
        return
    link = f"/visits/{visit.id}"
    minutes = count(int((lasted - planned).total_seconds() // 60), "minute")
    before = ", longer than was approved" if approved else ""
    await owe_referrer(work, pack, package, OVERRUN, "Decide on a longer visit", "visit", visit.id, link)
    await tell_referrer(
        work, package, f"A visit of package {package.reference} lasted {minutes} longer than planned{before}.", link
    )

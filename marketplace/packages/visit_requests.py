"""Asking for another time: family or referrer ask, the provider agrees and places it, or declines and says why.

A visit the provider cancelled or missed is to be made up (P 5.4): that request is the provider's own duty, from the
moment on at which it failed. It ends when the visit is placed, or when the family or the referrer needs it no more.
Of a visit that a direct payment buys nothing is owed but the money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.placing import check_workers, judge_for, may_have_visits
from marketplace.packages.planning import checked_times, plan_one, when
from marketplace.packages.states import VISIT, visit_state
from marketplace.packages.tables import Correction, Package, Visit, VisitRequest
from marketplace.packages.telling import not_the_familys, provider_only, tell_family, tell_provider, tell_referrer
from marketplace.packages.visit_moving import moved
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.cancelling import ASKED_AGAIN
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity
from marketplace.referrals.children import own_case
from marketplace.web.filters import listing

ANSWER, MAKE_UP = "task.answer_visit_request", "task.make_up_visit"
KINDS = {"move": "Another time", "again": "A visit instead", "make_up": "To be made up", "longer": "A longer visit"}
STATES = {
    "asked": ("Waits for the provider", "yellow"),
    "agreed": ("Agreed", "green"),
    "declined": ("Declined", "red"),
    "withdrawn": ("Not needed any more", "grey"),
}
MOST = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its visit and package."""

    request: VisitRequest
    visit: Visit
    package: Package


async def ask_for_time(actor: Actor, visit_id: UUID, *, starts_at: datetime, ends_at: datetime, reason: str) -> UUID:
    """Ask for another time for a coming visit, or for a visit instead of one the family cancelled; returns its id.

    Raises `InvalidInput` naming `starts_at`, `ends_at` or `reason`, `Conflict` while one waits already, `WrongState`.
    """
    permit(actor, "visit.call_off")
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id)
        package = await queries.package(work, visit.package_id)
        if actor.role != "family":
            await own_case(work, actor, visit.child_id)
            not_the_familys(package)
        kind = "move" if visit_state(visit) in VISIT["moved"] else "again"
        if kind == "again" and visit.outcome not in ASKED_AGAIN:
            raise WrongState("visit", visit_state(visit), "asked for at another time")
        starts_at, ends_at = checked_times(package, starts_at, ends_at, work.now)
        if starts_at <= work.now:
            raise InvalidInput({"starts_at": "Choose a time that is still to come"})
        if (starts_at, ends_at) == (visit.planned_start, visit.planned_end) and kind == "move":
            raise InvalidInput({"starts_at": "The visit is planned for this very time"})
        if is_blank(reason) or len(reason) > MOST:
            sentence = "Enter why" if is_blank(reason) else f"This must be {MOST:,} characters or fewer"
            raise InvalidInput({"reason": sentence})
        if actor.role != "family":
            await anonymity.name_nobody(work, visit.commissioner_id, visit.child_id, "reason", reason, anonymity.KEPT)
        side = "family" if actor.role == "family" else "referrer"
        request = await _insert(work, visit, kind, side, reason.strip(), starts_at, ends_at)
        title = "Agree to another time for a visit, or decline"
        await _owe(work, ANSWER, title, request, package)
        said = f"Another time is asked for the visit of package {package.reference} on {when(visit.planned_start)}."
        await tell_provider(work, package, said, f"/visit-requests/{request.id}")
        work.audit(f"visit.{kind}_asked", "visit", visit.id, commissioner_id=visit.commissioner_id, side=side)
        return request.id


async def to_make_up(work: Work, visit: Visit, package: Package) -> None:
    """What the provider cancelled or missed is owed: within the unit of that change.

    Not where the family buys: its money goes back, and it buys another visit or none.
    """
    if package.direct_payment_id is not None:
        return
    request = await _insert(work, visit, "make_up", "provider", "", None, None)
    await _owe(work, MAKE_UP, "Make up a visit that did not take place", request, package)


async def close_moves(work: Work, visit: Visit) -> None:
    """A visit that does not take place is not moved either: what was asked of it waits no more."""
    rows = await work.fetch(
        """UPDATE visit_request SET state = 'withdrawn', answered_by = $3, answered_at = $4
           WHERE commissioner_id = $1 AND visit_id = $2 AND state = 'asked' AND kind IN ('move', 'longer')
           RETURNING id""",
        visit.commissioner_id, visit.id, work.actor.person_id, work.now,
    )  # fmt: skip
    for row in rows:
        await cancel(work, row["id"])


async def follow_outcome(work: Work, visit: Visit, package: Package, *, made_up: bool, asked_again: bool) -> None:
    """After a correction only what the outcome allows goes on waiting; what is owed by it now is asked, once."""
    kept = [kind for kind, stays in (("make_up", made_up), ("again", asked_again)) if stays]
    rows = await work.fetch(
        """UPDATE visit_request SET state = 'withdrawn', answered_by = $3, answered_at = $4
           WHERE commissioner_id = $1 AND visit_id = $2 AND state = 'asked' AND kind <> ALL($5) RETURNING id""",
        visit.commissioner_id, visit.id, work.actor.person_id, work.now, kept,
    )  # fmt: skip
    for row in rows:
        await cancel(work, row["id"])
    asked = await work.fetchval(
        "SELECT 1 FROM visit_request WHERE commissioner_id = $1 AND visit_id = $2 AND kind = 'make_up'"
        " AND state <> 'withdrawn' LIMIT 1",
        visit.commissioner_id, visit.id,
    )  # fmt: skip
    if made_up and not asked:
        await to_make_up(work, visit, package)


async def agree(
    actor: Actor,
    request_id: UUID,
    *,
    worker_ids: Sequence[UUID] = (),
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> UUID:
    """Place what is asked; returns the visit. A visit is moved with its workers; a new one is planned with `worker_ids`
    (none: those of the old one), one that is made up at the times given.

    Raises as planning does: `Conflict` for workers not ready or not free, `InvalidInput`, `WrongState` once answered.
    """
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        asked = await _waiting(work, request_id)
        request, visit, package = asked.request, asked.visit, asked.package
        start, end = request.wished_start or starts_at, request.wished_end or ends_at
        if start is None or end is None:
            raise InvalidInput({"starts_at": "Enter when the visit is made up"})
        if request.kind == "move":
            visit = await queries.visit(work, visit.id, lock=True)
            for row in await moved(work, visit, package, start, end):
                if row["worker_person_id"] is not None:
                    said = f"A visit of package {package.reference} moves to {when(start)}."
                    await tell(work, said, "/now", person_id=row["worker_person_id"])
            placed = visit.id
        else:
            placed = await _planned(work, visit, package, start, end, worker_ids)
        await _answer(work, request, "agreed", None, placed)
        await meet(work, [ANSWER, MAKE_UP], request.id)
        said = f"A visit of package {package.reference} is planned for {when(start)}, as it was asked."
        await tell_family(work, package, said, "/who-is-coming")
        await tell_referrer(work, package, said, f"/visits/{placed}")
        work.audit(
            f"visit.{request.kind}_agreed", "visit", visit.id, commissioner_id=visit.commissioner_id, placed=placed
        )
        return placed


async def decline(actor: Actor, request_id: UUID, *, reason: str) -> None:
    """Say why the time cannot be had. A visit to be made up is not declined: it is owed (P 5.4)."""
    provider_only(actor, "visit.plan")
    if is_blank(reason) or len(reason) > MOST:
        raise InvalidInput({"reason": "Enter why this time cannot be had, in 1,000 characters or fewer"})
    async with unit_of_work(actor) as work:
        asked = await _waiting(work, request_id)
        request, package = asked.request, asked.package
        if request.kind == "make_up":
            raise Conflict("This visit is owed: place it, or ask the family or the referrer to say it is not needed.")
        await anonymity.name_nobody(work, package.commissioner_id, package.child_id, "reason", reason, anonymity.KEPT)
        await _answer(work, request, "declined", reason.strip(), None)
        await meet(work, ANSWER, request.id)
        said = f"The other time asked for a visit of package {package.reference} cannot be had."
        link = f"/visits/{request.visit_id}"
        await tell_family(work, package, said, link)
        await tell_referrer(work, package, said, link)
        work.audit("visit.request_declined", "visit", request.visit_id, commissioner_id=request.commissioner_id)


async def withdraw(actor: Actor, request_id: UUID) -> None:
    """The family, or the referrer, needs it no more: what was asked, or a visit that was to be made up."""
    permit(actor, "visit.call_off")
    async with unit_of_work(actor) as work:
        asked = await _waiting(work, request_id)
        request, package = asked.request, asked.package
        if actor.role != "family":
            await own_case(work, actor, package.child_id)
            not_the_familys(package)
        await _answer(work, request, "withdrawn", None, None)
        await cancel(work, request.id)
        said = f"What was asked about a visit of package {package.reference} is not needed any more."
        await tell_provider(work, package, said, f"/visits/{request.visit_id}")
        work.audit("visit.request_withdrawn", "visit", request.visit_id, commissioner_id=request.commissioner_id)


async def request_of(work: Work, request_id: UUID) -> Asked:
    """A request within reach with its visit and package. Raises `NotFound`; a longer visit is decided on elsewhere."""
    found = await VisitRequest.objects().where(VisitRequest.id == request_id).first()
    if found is None or found.kind == "longer":
        raise NotFound
    return Asked(found, await queries.visit(work, found.visit_id), await queries.package(work, found.package_id))


async def requests_about(work: Work, visit: Visit) -> list[VisitRequest]:
    """What was asked about a visit, and what became of it, the newest first."""
    return (
        await VisitRequest.objects()
        .where(VisitRequest.commissioner_id == visit.commissioner_id)
        .where(VisitRequest.visit_id == visit.id)
        .order_by(VisitRequest.asked_at, ascending=False)
    )


async def latest_correction(work: Work, visit: Visit) -> Correction | None:
    """The correction of a visit that was proposed last, since it charges the family more."""
    return (
        await Correction.objects()
        .where(Correction.commissioner_id == visit.commissioner_id)
        .where(Correction.visit_id == visit.id)
        .order_by(Correction.proposed_at, ascending=False)
        .first()
    )


async def open_requests(work: Work) -> list[asyncpg.Record]:
    """What waits for the provider's answer, the oldest first: id, kind, asked_at, reference, planned_start, wished.

    Nothing of a package that has ended: no visit is placed there any more.
    """
    return await work.fetch(
        """SELECT r.id, r.kind, r.asked_at, p.reference, v.planned_start, r.wished_start FROM visit_request r
           JOIN package p ON p.commissioner_id = r.commissioner_id AND p.id = r.package_id
           JOIN visit v ON v.commissioner_id = r.commissioner_id AND v.id = r.visit_id
           WHERE r.state = 'asked' AND r.kind <> 'longer' AND p.state IN ('set_up', 'active')
           ORDER BY r.asked_at, r.id LIMIT 200"""
    )


async def _planned(
    work: Work, visit: Visit, package: Package, start: datetime, end: datetime, worker_ids: Sequence[UUID]
) -> UUID:
    missing = await may_have_visits(work, package, await queries.pack_for(work, package))
    if missing:
        raise Conflict(f"No visit can be planned yet: {listing(missing)}.")
    start, end = checked_times(package, start, end, work.now)
    if start <= work.now:
        raise InvalidInput({"starts_at": "Choose a time that is still to come"})
    workers = list(worker_ids) or [row["worker_id"] for row in await queries.visit_workers(work, visit)]
    check_workers(package, workers)
    return await plan_one(work, package, await judge_for(work, package, workers), visit.activity, start, end, workers)


async def _insert(
    work: Work, visit: Visit, kind: str, side: str, says: str, start: datetime | None, end: datetime | None
) -> VisitRequest:
    request = VisitRequest(
        commissioner_id=visit.commissioner_id, package_id=visit.package_id, provider_id=visit.provider_id,
        framework_id=visit.framework_id, visit_id=visit.id, kind=kind, asked_side=side, says=says,
        asked_by=work.actor.person_id, asked_at=work.now, wished_start=start, wished_end=end,
    )  # fmt: skip
    columns = request.to_dict()
    names, marks = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    try:
        await work.execute(f"INSERT INTO visit_request ({names}) VALUES ({marks})", *columns.values())  # noqa: S608
    except asyncpg.UniqueViolationError as error:
        raise Conflict("Something is asked about this visit already: the provider answers that first.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotPermitted("You may see this child's visits, and not change them. Ask who confirms them.") from error
    return request


async def _owe(work: Work, rule: str, title: str, request: VisitRequest, package: Package) -> None:
    await owe(
        work, await queries.pack_for(work, package), rule, title=title, subject_type="visit_request",
        subject_id=request.id, reference=package.reference, owed_by=Owed(organisation_id=package.provider_id),
        owed_to=package.commissioner_id, link=f"/visit-requests/{request.id}", commissioner_id=package.commissioner_id,
        framework_id=package.framework_id, child_id=package.child_id, package_id=package.id,
    )  # fmt: skip


async def _waiting(work: Work, request_id: UUID) -> Asked:
    asked = await request_of(work, request_id)
    if asked.request.state != "asked":
        raise WrongState("request", asked.request.state, "answered", "This was answered already.")
    return asked


async def _answer(work: Work, request: VisitRequest, state: str, answer: str | None, placed: UUID | None) -> None:
    values: dict[Any, Any] = {
        "state": state, "answer": answer, "new_visit_id": placed, "answered_by": work.actor.person_id,
        "answered_at": work.now,
    }  # fmt: skip
    done = await (
        VisitRequest.update(values)
        .where(VisitRequest.commissioner_id == request.commissioner_id)
        .where(VisitRequest.id == request.id)
        .where(VisitRequest.state == "asked")
        .returning(VisitRequest.id)
    )
    if not done:
        raise WrongState("request", "answered", "answered", "This was answered already.")

"""A longer visit: the provider asks beforehand, the referrer decides before or after; what was said stays with it (D).

Without approval only the planned length is billed, where the pack says so (domain 5).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from marketplace.packages import queries
from marketplace.packages.planning import LONGEST_HOURS, when
from marketplace.packages.states import visit_after, visit_state
from marketplace.packages.tables import Visit
from marketplace.packages.telling import not_the_familys, owe_referrer, provider_only, tell_referrer
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import elapsed, local_day, to_the_minute
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity
from marketplace.web.filters import clock, moment

OVERRUN = "task.approve_overrun"
MOST = 1000


async def ask_longer(actor: Actor, visit_id: UUID, *, ends_at: datetime, reason: str) -> UUID:
    """Ask the referrer for a visit that ends later than planned, before its planned end; returns the request's id.

    Raises `InvalidInput` for `ends_at` or `reason`; `Conflict` while one waits, from the planned end on, and where the
    pack bills longer visits without approval; `WrongState` for a visit that is over, or approved already.
    """
    provider_only(actor, "visit.plan")
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id, lock=True)
        package = await queries.package(work, visit.package_id)
        if package.provider_id != actor.provider_id:
            raise NotFound
        not_the_familys(package)
        visit_after("asked to be longer", visit)
        if visit.overrun_approved_at is not None:
            sentence = f"Approved already on {moment(visit.overrun_approved_at)}."
            raise WrongState("visit", visit_state(visit), "asked to be longer", sentence)
        pack = await queries.pack_for(work, visit)
        if not pack.on(local_day(visit.planned_start)).charging.overrun_needs_approval:
            raise Conflict("On this framework a longer visit is billed as it took place: nobody needs to be asked.")
        if visit.planned_end <= work.now:
            raise Conflict("This visit should have ended by now. If it took longer, its record is put to the referrer.")
        ends_at = to_the_minute(ends_at)
        _check(visit, ends_at, reason)
        await anonymity.name_nobody(work, visit.commissioner_id, visit.child_id, "reason", reason, anonymity.KEPT)
        try:
            made = await work.fetchval(
                """INSERT INTO visit_request (commissioner_id, package_id, provider_id, framework_id, visit_id, kind,
                   asked_side, says, asked_by, asked_at, wished_start, wished_end)
                   VALUES ($1, $2, $3, $4, $5, 'longer', 'provider', $6, $7, $8, $9, $10) RETURNING id""",
                visit.commissioner_id, visit.package_id, visit.provider_id, visit.framework_id, visit.id,
                reason.strip(), actor.person_id, work.now, visit.planned_start, ends_at,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("This visit was asked to be longer already: the referrer answers that first.") from error
        link = f"/visits/{visit.id}/longer"
        await owe_referrer(work, pack, package, OVERRUN, "Decide on a longer visit", "visit", visit.id, link)
        said = f"A longer visit of package {package.reference} is asked for on {when(visit.planned_start)}."
        await tell_referrer(work, package, said, link)
        work.audit("visit.longer_asked", "visit", visit.id, commissioner_id=visit.commissioner_id, ends_at=ends_at)
        return made


async def keep_decision(work: Work, visit: Visit, state: str, answer: str | None) -> None:
    """Keep what the referrer decided ("agreed" or "declined", with the reason): asked for, or of their own accord."""
    new_visit = visit.id if state == "agreed" else None
    answered = await work.execute(
        """UPDATE visit_request SET state = $3, answer = $4, new_visit_id = $5, answered_by = $6, answered_at = $7
           WHERE commissioner_id = $1 AND visit_id = $2 AND kind = 'longer' AND state = 'asked'""",
        visit.commissioner_id, visit.id, state, answer, new_visit, work.actor.person_id, work.now,
    )  # fmt: skip
    if answered == "UPDATE 1":
        return
    await work.execute(
        """INSERT INTO visit_request (commissioner_id, package_id, provider_id, framework_id, visit_id, kind,
           asked_side, asked_by, asked_at, wished_start, wished_end, state, answer, new_visit_id,
           answered_by, answered_at)
           VALUES ($1, $2, $3, $4, $5, 'longer', 'referrer', $6, $7, $8, $9, $10, $11, $12, $6, $7)""",
        visit.commissioner_id, visit.package_id, visit.provider_id, visit.framework_id, visit.id, work.actor.person_id,
        work.now, visit.planned_start, visit.planned_end, state, answer, new_visit,
    )  # fmt: skip


async def close_longer(work: Work, visit: Visit) -> None:
    """A visit that is over, and was not longer, needs no decision any more: for its worker and its office."""
    await work.execute("SELECT close_longer($1, $2)", visit.commissioner_id, visit.id)


def _check(visit: Visit, ends_at: datetime, reason: str) -> None:
    wrong: dict[str, str] = {}
    if ends_at <= visit.planned_end:
        wrong["ends_at"] = f"Enter an end after the planned one, {clock(visit.planned_end)}"
    elif elapsed(visit.planned_start, ends_at) > timedelta(hours=LONGEST_HOURS):
        wrong["ends_at"] = f"A visit lasts at most {LONGEST_HOURS} hours"
    if is_blank(reason):
        wrong["reason"] = "Enter why the visit needs to be longer"
    elif len(reason) > MOST:
        wrong["reason"] = f"This must be {MOST:,} characters or fewer"
    if wrong:
        raise InvalidInput(wrong)

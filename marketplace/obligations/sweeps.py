"""What time alone does to duties: a reminder before, the miss at the due moment, one more reminder after.

Each duty carries the moment of its next check, in domain time. A sweep asks which tenants have one that has come and
opens one unit for each; the rows are locked and their next check moved on in that unit, so that a second sweep, or
another worker's, finds nothing left to do.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg

from marketplace.obligations import stop_queries
from marketplace.obligations.news import tell
from marketplace.obligations.packs import pack_of_hash
from marketplace.platform.actor import OrganisationKind, system_for
from marketplace.platform.database import Work, domain_now, outside_context, unit_of_work
from marketplace.platform.errors import MarketplaceError
from marketplace.policy.calendar import local_day
from marketplace.policy.clock_stops import standing_or_next
from marketplace.policy.pack import Pack, PackError
from marketplace.policy.reminders import check_after_stop, remind_again_at, remind_at
from marketplace.web.filters import last_moment, time_left

MAIL_DIGEST = "mail_digest"
AT_ONCE = 200
LATE = "/duties?state=late"  # the list at either door, with what each leads to
Missed = tuple[UUID, str, str]  # a creditor, the occasion, the sentence about it


async def look_at_duties() -> int:
    """Look at every duty whose next check has come; returns how many. Runs as the worker's database role."""
    now = await domain_now()
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id, kind FROM tenants_with_duties_due($1)", now)
    seen, faults = 0, []
    for tenant in tenants:
        try:
            while looked := await look_at_tenant(tenant["id"], tenant["kind"]):
                seen += looked
        except (MarketplaceError, PackError, asyncpg.PostgresError) as error:
            faults.append(error)  # one tenant's fault must not stop the clocks of the others
    if faults:
        raise faults[0]
    return seen


async def look_at_tenant(organisation_id: UUID, kind: OrganisationKind) -> int:
    """One unit for one tenant: at most `AT_ONCE` of the duties it owes, or whose child it is responsible for."""
    actor = system_for(organisation_id, kind)
    async with unit_of_work(actor) as work:
        rows = await work.fetch(
            """SELECT * FROM obligation
               WHERE next_check_at <= $1 AND coalesce(owed_by_organisation, commissioner_id) = $2
               ORDER BY next_check_at, id LIMIT $3 FOR UPDATE SKIP LOCKED""",
            work.now, organisation_id, AT_ONCE,
        )  # fmt: skip
        missed: set[Missed] = set()
        for row in rows:
            found = await look_at(work, row, await pack_of_hash(work, row["pack_hash"]))
            missed |= {found} if found else set()
        # A referral may reach forty providers: the council hears once that answers are missing, Watch lists whose.
        # In one order everywhere, since units of other debtors tell the same council of the same thing.
        for creditor, occasion, sentence in sorted(missed):
            await tell(work, sentence, LATE, organisation_id=creditor, mail=False, once=occasion)
        return len(rows)


async def look_at(work: Work, duty: asyncpg.Record, pack: Pack) -> Missed | None:
    """Do what has come for one open duty, and set its next check; says what to tell a creditor. The row is locked."""
    if duty["missed_at"] is not None:
        await remind_of_missed(work, duty)
    elif work.now >= duty["due_at"]:
        return await miss(work, duty, pack)
    elif not await stands_on(work, duty, pack):
        await remind(work, duty, pack)
    return None


async def stands_on(work: Work, duty: asyncpg.Record, pack: Pack) -> bool:
    """Whether the clock stands once more after the stop that has just ended, or will: that stop is then its stop."""
    if duty["stopped_until"] is None or work.now < duty["stopped_until"]:
        return False
    stop = standing_or_next(stop_queries.stood(await stop_queries.stops_of(work, duty["id"])), work.now)
    if stop is None or stop.ends_at <= work.now:
        return False
    await work.execute(
        "UPDATE obligation SET stopped_from = $2, stopped_until = $3, next_check_at = $4 WHERE id = $1",
        duty["id"], stop.starts_at, stop.ends_at,
        check_after_stop(pack, duty["starts_at"], duty["due_at"], stop, work.now),
    )  # fmt: skip
    return True


async def remind(work: Work, duty: asyncpg.Record, pack: Pack) -> None:
    """Before it is due. Short clocks are mailed at once; the rest comes with the day's one digest. A duty whose clock
    stood may be looked at too early, or again."""
    reminder = remind_at(pack, duty["starts_at"], duty["due_at"])
    if work.now < reminder:
        await work.execute("UPDATE obligation SET next_check_at = $2 WHERE id = $1", duty["id"], reminder)
        return
    if duty["reminded_at"] is not None and duty["reminded_at"] >= reminder:
        await work.execute("UPDATE obligation SET next_check_at = due_at WHERE id = $1", duty["id"])
        return
    short = duty["due_at"] - duty["starts_at"] < 2 * timedelta(
        hours=pack.on(local_day(duty["starts_at"])).reminders.before_hours
    )
    await _tell_debtor(
        work,
        duty,
        f"{_what(duty)}: {time_left(duty['due_at'], work.now)}, due by {last_moment(duty['due_at'])}.",
        mail=short,
    )
    if not short:
        await _queue_digest(work, duty)
    await work.execute(
        """UPDATE obligation SET reminded_at = $2,
           next_check_at = least(due_at, CASE WHEN stopped_until > $2 THEN stopped_until END) WHERE id = $1""",
        duty["id"], work.now,
    )  # fmt: skip


async def miss(work: Work, duty: asyncpg.Record, pack: Pack) -> Missed | None:
    """At its due moment: missed from here on, even if it is met later. The debtor is told, the creditor to be told."""
    again_at = remind_again_at(pack, duty["due_at"])
    await work.execute(
        "UPDATE obligation SET missed_at = due_at, next_check_at = $2 WHERE id = $1",
        duty["id"], again_at if again_at > work.now else None,
    )  # fmt: skip
    work.audit(
        "duty.missed", duty["subject_type"], duty["subject_id"], commissioner_id=duty["commissioner_id"],
        duty=duty["rule_key"], reference=duty["reference"], due_at=duty["due_at"], pack_hash=duty["pack_hash"],
    )  # fmt: skip
    await _tell_debtor(
        work,
        duty,
        f"{_what(duty)}: this was due by {last_moment(duty['due_at'])} and is now late. Do it as soon as you can.",
    )
    creditor = duty["owed_to"]
    if creditor and creditor != duty["owed_by_organisation"]:
        occasion = f"missed {duty['rule_key']} {duty['subject_id']} {duty['due_at'].isoformat()}"
        return creditor, occasion, f"{_what(duty)}: not done by {last_moment(duty['due_at'])}."
    return None


async def remind_of_missed(work: Work, duty: asyncpg.Record) -> None:
    """Once more, some time after it was missed; then the late duty stands at the top of Today by itself."""
    await _tell_debtor(work, duty, f"{_what(duty)}: still not done, {time_left(duty['due_at'], work.now)}.")
    await work.execute(
        "UPDATE obligation SET reminded_at = $2, next_check_at = NULL WHERE id = $1", duty["id"], work.now
    )


def _what(duty: asyncpg.Record) -> str:
    return f"{duty['title']} ({duty['reference']})" if duty["reference"] else str(duty["title"])


async def _tell_debtor(work: Work, duty: asyncpg.Record, sentence: str, *, mail: bool = True) -> None:
    await tell(
        work, sentence, duty["link"], organisation_id=duty["owed_by_organisation"], role=duty["owed_by_role"],
        person_id=duty["owed_by_person"], mail=mail,
    )  # fmt: skip


async def _queue_digest(work: Work, duty: asyncpg.Record) -> None:
    day, person = local_day(work.now).isoformat(), duty["owed_by_person"]
    payload = {"day": day, "organisation": duty["owed_by_organisation"], "person": person}
    await work.enqueue(MAIL_DIGEST, payload, dedupe_key=f"digest {day} {duty['owed_by_organisation']} {person or ''}")

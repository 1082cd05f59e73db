"""Once a day every provider's dated facts are looked at: those who can act are warned, in one mail a day and person.

What was said on the days up to the last look is not said again, so a look may run twice, be missed for days, or be cut
short: the next one says the newest warning of each fact. Names of workers go to their own office and to themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.obligations.jobs import CLOSING, address, recipients
from marketplace.obligations.mail_choices import without
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, domain_now, outside_context, unit_of_work
from marketplace.platform.errors import MarketplaceError
from marketplace.platform.jobs import Waiting, enqueue_all, job, sweep
from marketplace.platform.mail import queue_mail
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import PackError
from marketplace.providers.lapse_finding import Found, packs_in_use, to_warn_of
from marketplace.providers.lapses import Lapse, lapses_of_provider
from marketplace.providers.workforce import LOOK_AT_VISITS
from marketplace.settings import Settings
from marketplace.web.filters import count

MAIL_LAPSES = "mail_lapses"
OFFICE = "coordinator"  # and the managers, who look after what coordinators do


@sweep("evidence_lapses", every=timedelta(minutes=10))
async def look_at_lapses(settings: Settings) -> None:
    """Every provider not looked at today, in London's days and domain time.

    One question finds who has anything to be warned of since the last look; only they are judged. The others are noted
    as looked at all together. Whoever was never looked at is judged altogether.
    """
    now = await domain_now()
    today = local_day(now)
    async with outside_context() as connection:
        rows = await connection.fetch("SELECT id, looked_on FROM providers_not_looked_at($1)", today)
    judge: list[tuple[UUID, Found | None]] = [(row["id"], None) for row in rows if row["looked_on"] is None]
    for last_look in sorted({row["looked_on"] for row in rows} - {None}):
        found = await _look_from(last_look, today, now)
        judge += [(provider_id, found) for provider_id in found]
    faults: list[Exception] = []
    for provider_id, found in judge:
        try:
            workers, own = (None, True) if found is None else found[provider_id]
            await look_at_provider(provider_id, workers, own=own)
        except (MarketplaceError, PackError, asyncpg.PostgresError) as error:
            faults.append(error)  # one provider's fault must not keep the others from being warned
    if faults:
        raise faults[0]


async def _look_from(last_look: date, today: date, now: datetime) -> Found:
    """Whom to judge of the providers last looked at on that day; the others are noted, with their visits' jobs."""
    judging = await packs_in_use()
    async with outside_context() as connection, connection.transaction():
        found = await to_warn_of(connection, judging, last_look, today)
        others = await connection.fetch(
            "SELECT provider_id, has_visits FROM note_looked($1, $2, $3, $4)", last_look, today, now, list(found)
        )
        await enqueue_all(connection, [_visits_of(row["provider_id"]) for row in others if row["has_visits"]])
    return found


def _visits_of(provider_id: UUID) -> Waiting:
    return Waiting(LOOK_AT_VISITS, {"provider": provider_id}, f"visits of {provider_id}")


async def look_at_provider(provider_id: UUID, worker_ids: Sequence[UUID] | None = None, *, own: bool = True) -> int:
    """One provider's look of today; returns how many facts were warned of. A second look of a day does nothing.

    `worker_ids` and `own`: whose facts are judged, where it is known that nobody else's are to be warned of.
    """
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        today = local_day(work.now)
        look = await work.fetchrow(
            "INSERT INTO lapse_look (provider_id, looked_on) VALUES ($1, $2) ON CONFLICT (provider_id) DO UPDATE"
            " SET looked_before_on = lapse_look.looked_on, looked_on = $2, warned = false, warned_workers = '{}'"
            " WHERE lapse_look.looked_on < $2 RETURNING looked_before_on",
            provider_id, today,
        )  # fmt: skip
        if look is None:
            return 0
        visits = _visits_of(provider_id)
        await work.enqueue(visits.name, visits.payload, dedupe_key=visits.dedupe_key)
        due = _due(await lapses_of_provider(work, worker_ids, own=own), look["looked_before_on"], today)
        if not due:
            return 0
        await work.execute(
            "UPDATE lapse_look SET warned = true, warned_workers = $2 WHERE provider_id = $1",
            provider_id, sorted({lapse.worker_id for lapse in due if lapse.worker_id is not None}, key=str),
        )  # fmt: skip
        await _tell(work, due, today)
        people = {row["id"] for row in await recipients(work, provider_id, OFFICE, None)}
        people |= {lapse.person_id for lapse in due if lapse.person_id is not None}
        for person_id in sorted(people, key=str):
            payload = {"person": person_id, "day": today.isoformat()}
            await work.enqueue(MAIL_LAPSES, payload, dedupe_key=f"lapses {today} {person_id}")
        work.audit("lapses.warned", "organisation", provider_id, day=today, facts=len(due))
        return len(due)


def _due(found: list[Lapse], after: date | None, today: date) -> list[Lapse]:
    return [lapse for lapse in found if lapse.warning(after, today) is not None]


async def _tell(work: Work, due: list[Lapse], today: date) -> None:
    """Under What changed, without a mail of its own: the day's mail says it all."""
    first = due[0]
    more = f", and {count(len(due) - 1, 'more thing')}" if len(due) > 1 else ""
    occasion = f"lapses {today}"
    await tell(
        work, f"What lapses next: {first.sentence(today)}{more}.", "/lapses", organisation_id=work.actor.provider_id,
        role=OFFICE, mail=False, once=occasion,
    )  # fmt: skip
    for person_id in {lapse.person_id for lapse in due if lapse.person_id is not None}:
        own = [lapse for lapse in due if lapse.person_id == person_id]
        said = "; ".join(lapse.sentence(today, own=True) for lapse in own[:3])
        await tell(work, f"{said}.", "/lapses", person_id=person_id, mail=False, once=occasion)


@job(MAIL_LAPSES)
async def mail_lapses(settings: Settings, payload: dict[str, Any]) -> None:
    """Write a person's one mail of a day about what lapses, over all providers they work for; run twice, once."""
    person_id, today = UUID(payload["person"]), date.fromisoformat(payload["day"])
    async with unit_of_work(_as(person_id), read_only=True) as work:
        if await without(work, [person_id], "lapses"):
            return
        places = await work.fetch(
            "SELECT m.organisation_id, array_agg(m.role) AS roles FROM membership m JOIN organisation o"
            " ON o.id = m.organisation_id WHERE m.person_id = $1 AND o.kind = 'provider'"
            " AND (m.ended_at IS NULL OR m.ended_at > now()) GROUP BY 1 ORDER BY 1",
            person_id,
        )
    if len(places) > 1 and today == local_day(await domain_now()):
        for place in places:
            await look_at_provider(place["organisation_id"])  # one mail for all of them, whichever was looked at first
    lines: list[str] = []
    number = lapsed = 0
    for place in places:
        office = bool({OFFICE, "provider_manager"} & set(place["roles"]))
        mine = await _warned_of(place["organisation_id"], today, None if office else person_id)
        lapsed += sum(lapse.until < today for lapse in mine)
        number += len(mine)
        for lapse in mine:
            link = lapse.act[1] if office else "/lapses"
            said = lapse.sentence(today, own=not office)
            lines.append(f"{said} ({lapse.left(today)}): {lapse.then}\n{address(settings, place['roles'], link)}")
    if not lines:
        return
    async with unit_of_work(_as(person_id)) as work:
        to_address = await work.fetchval("SELECT email FROM person WHERE id = $1", person_id)
        await queue_mail(
            work.connection,
            to_person=person_id,
            to_address=to_address,
            subject=subject_of(number - lapsed, lapsed),
            body="\n\n".join(["What counts up to a day, the first to lapse first.", *lines, CLOSING]),
            now=work.now,
            dedupe_key=f"lapses {today} {person_id}",
        )


def subject_of(soon: int, lapsed: int) -> str:
    """What a mail of so many things is called: what is to come and what has been are told apart."""
    parts = [f"{count(soon, 'thing')} {'lapses' if soon == 1 else 'lapse'} soon"] if soon or not lapsed else []
    if lapsed:
        number = f"{lapsed:,}" if parts else count(lapsed, "thing")
        parts.append(f"{number} {'has' if lapsed == 1 else 'have'} lapsed")
    return ", ".join(parts)


async def _warned_of(provider_id: UUID, today: date, person_id: UUID | None) -> list[Lapse]:
    """What a provider's look of that day warned of (of one worker alone), as far as it has not been renewed since."""
    async with unit_of_work(system_for(provider_id, "provider"), read_only=True) as work:
        look = await work.fetchrow(
            "SELECT l.looked_before_on, ARRAY(SELECT w.id FROM worker w WHERE w.provider_id = l.provider_id"
            " AND w.id = ANY (l.warned_workers) AND ($3::uuid IS NULL OR w.person_id = $3)) AS workers"
            " FROM lapse_look l WHERE l.provider_id = $1 AND l.looked_on = $2 AND l.warned",
            provider_id, today, person_id,
        )  # fmt: skip
        if look is None:
            return []
        found = await lapses_of_provider(work, look["workers"], own=person_id is None)
        return _due(found, look["looked_before_on"], today)


def _as(person_id: UUID) -> Actor:
    return Actor(person_id, "The marketplace", "system")

"""Opening Today: what I owe, what is new since I was last here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from marketplace.obligations import duty_queries, queries
from marketplace.obligations.tables import TodaySeen
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.policy.duties import Consequence

SAME_VISIT = timedelta(minutes=30)  # going back and forth between pages is one visit, not several


@dataclass(frozen=True, slots=True)
class Today:
    """What one person sees first: `duties` late first, `news` newest first, and since when news is new (None: all).

    `leads_to` says of the late ones, by the duty's id, what their pack makes of it."""

    now: datetime
    duties: list[asyncpg.Record]
    news: list[asyncpg.Record]
    new_since: datetime | None
    leads_to: dict[UUID, tuple[Consequence, ...]] = field(default_factory=dict[UUID, tuple[Consequence, ...]])

    @property
    def late(self) -> int:
        """How many duties are late."""
        return sum(duty["due_at"] <= self.now for duty in self.duties)

    def is_new(self, notice: asyncpg.Record) -> bool:
        """Whether something was told after the last visit."""
        return self.new_since is None or notice["at"] > self.new_since


async def today(work: Work) -> Today:
    """The page's content, without remembering that it was opened."""
    seen = await work.fetchrow(
        "SELECT seen_at, seen_before_at FROM today_seen WHERE person_id = $1 AND place = $2",
        work.actor.person_id, queries.place_of(work),
    )  # fmt: skip
    since = None
    if seen is not None:
        since = seen["seen_before_at"] if work.now - seen["seen_at"] < SAME_VISIT else seen["seen_at"]
    duties = await queries.my_duties(work)
    leads_to = {duty["id"]: await duty_queries.leads_to(work, duty) for duty in duties if duty["due_at"] <= work.now}
    return Today(work.now, duties, await queries.my_news(work), since, leads_to)


async def open_today(actor: Actor) -> Today:
    """Read Today and remember when it was opened, so that the next visit knows what is new. Not audited: no record
    of anybody changes."""
    async with unit_of_work(actor) as work:
        answer = await today(work)
        row = TodaySeen(person_id=actor.person_id, place=queries.place_of(work), seen_at=work.now)
        await work.execute(
            """INSERT INTO today_seen (id, person_id, place, seen_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (person_id, place) DO UPDATE
               SET seen_before_at = CASE WHEN $4 - today_seen.seen_at < $5 THEN today_seen.seen_before_at
                                         ELSE today_seen.seen_at END,
                   seen_at = $4""",
            row.id, row.person_id, row.place, row.seen_at, SAME_VISIT,
        )  # fmt: skip
        return answer

"""Who has anything to be warned of today, over all providers at once: the rules write out the days, one question asks.

What comes back may be more than what is warned of (a fact renewed since, a rule of another framework): whoever is named
is judged by `lapses`. It is never less, which a test holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from uuid import UUID

import asyncpg

from marketplace.frameworks import packs
from marketplace.platform.actor import NOBODY, Actor
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.policy.bounds import days_that_end
from marketplace.policy.pack import Pack
from marketplace.policy.reminders import ends_warned_of

DueDay = tuple[str, str, date]  # kind, code ("" where a kind has none), day

# Of a provider: the workers to judge, and whether its own facts are among what was found.
Found = dict[UUID, tuple[list[UUID], bool]]


@lru_cache(maxsize=100)
def days_to_warn_of(pack: Pack, after: date, on: date) -> frozenset[DueDay]:
    """Every day with a warning after `after` up to `on`, of what was done or (`..._until` and the like) of its end."""
    pack = pack.on(on)
    ends = ends_warned_of(pack, after, on)
    done: dict[int, tuple[date, ...]] = {}

    def days(months: int) -> tuple[date, ...]:
        if months not in done:
            done[months] = tuple(day for end in ends for day in days_that_end(pack, end, months))
        return done[months]

    found: set[DueDay] = set()
    for check in pack.content.worker_checks:
        if check.evidence == "dbs":
            found |= {("dbs", "", day) for day in days(pack.readiness.dbs_months)}
        elif check.evidence == "record":
            found |= {("check_until", check.key, end) for end in ends}
            found |= {("check", check.key, day) for day in days(check.months)} if check.months is not None else set()
    for competency in pack.competencies.values():
        if competency.months is not None:
            found |= {("competency", competency.key, day) for day in days(competency.months)}
    if any(role.registration for role in pack.roles.values()):
        found |= {("registration", "", end) for end in ends}
    for rule in pack.content.provider_requirements:
        if rule.key == "insurance":
            found |= {("insurance", "", end) for end in ends}
        elif rule.effect == "asked" and rule.months is not None:
            found |= {("declaration", rule.key, day) for day in days(rule.months)}
    if pack.providers.document_review_months is not None:
        reviewed = days(pack.providers.document_review_months)
        found |= {("declaration", rule.key, day) for rule in pack.content.documents for day in reviewed}
    return frozenset(found)


async def packs_in_use() -> list[Pack]:
    """Every pack that judges on some framework that is not a draft; each hash once."""
    async with outside_context() as connection:
        hashes = [row["hash"] for row in await connection.fetch("SELECT hash FROM packs_in_use()")]
    async with unit_of_work(Actor(NOBODY, "The marketplace", "system"), read_only=True) as work:
        return [await packs.stored(work, each) for each in hashes]


async def to_warn_of(connection: asyncpg.Connection, judging: Iterable[Pack], last_look: date, today: date) -> Found:
    """Of the providers last looked at on a day: whom to judge today. As the worker process, outside any tenant."""
    due = sorted(set[DueDay]().union(*(days_to_warn_of(pack, last_look, today) for pack in judging)))
    rows = await connection.fetch(
        "SELECT provider_id, array_agg(worker_id) FILTER (WHERE worker_id IS NOT NULL) AS workers,"
        " bool_or(worker_id IS NULL) AS own FROM evidence_to_warn_of($1, $2, $3, $4) GROUP BY 1 ORDER BY 1",
        last_look, *([each[at] for each in due] for at in range(3)),
    )  # fmt: skip
    return {row["provider_id"]: (row["workers"] or [], row["own"]) for row in rows}

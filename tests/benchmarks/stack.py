"""The full stack against its floors: a JSON list, a page with a list, an offer made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database
from marketplace.settings import Settings
from tests.benchmarks.machine import Result, Server, interleaved
from tests.benchmarks.nation import Chance, chances, day_of, now_of, way_in

REQUESTS = 150
OFFERS = 50


async def measure(settings: Settings, migrator: asyncpg.Connection, rounds: int) -> list[Result]:
    """The three rows of the table. Servers are started one after the other, so that their backends are told apart."""
    now = now_of(await day_of(migrator))
    council = await migrator.fetchval(
        "SELECT commissioner_id FROM referral WHERE state = 'awarded' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    referrer = await way_in(settings, migrator, "referrer", council)
    await open_database(settings.dsn("app"), clock=FrozenClock(now), max_size=2)
    try:
        offers = await chances(settings, migrator, 2 * OFFERS * (rounds + 1))
    finally:
        await close_database()
    floor, product = Server("floor", settings), Server("product", settings)
    try:
        for server in (floor, product):
            await server.start(migrator)
        who = f"commissioner={council}&organisation={council}&person={referrer.actor.person_id}"

        def times(server: Server, path: str, headers: dict[str, str]) -> int:
            for _ in range(REQUESTS):
                server.ask("GET", path, headers)
            return REQUESTS

        lists = [
            interleaved(
                what, goal, rounds,
                (floor, lambda path=bare: times(floor, path, {})),
                (product, lambda path=full, headers=headers: times(product, path, headers)),
            )
            for what, goal, bare, full, headers in (
                ("JSON list of 20", 2.0, f"/json?{who}", "/api/v1/referrals?which=awarded", referrer.bearer),
                ("page with a list of 20", 1.5, f"/html?{who}", "/referrals?state=awarded", referrer.cookie),
            )
        ]  # fmt: skip
        if not offers:
            return lists
        per_round = min(OFFERS, len(offers) // (2 * (rounds + 1)))
        left = iter(offers)
        made = interleaved(
            f"an offer made ({per_round} a round)", 2.5, rounds,
            (floor, lambda: _inserted(floor, left, per_round)),
            (product, lambda: _made(product, left, per_round)),
        )  # fmt: skip
        return [*lists, made]
    finally:
        for server in (floor, product):
            server.stop()


def _inserted(server: Server, left: Iterator[Chance], count: int) -> int:
    for _ in range(count):
        chance = next(left)
        actor = chance.manager.actor
        given: dict[str, Any] = {
            **chance.body, "commissioner_id": str(chance.commissioner_id), "framework_id": str(chance.framework_id),
            "referral_id": str(chance.referral_id), "provider_id": str(actor.organisation_id),
            "person_id": str(actor.person_id), "referrer_id": str(chance.referrer_id),
            "price": {"from": "2026-05-25", "to": "2026-06-21", "visits": 4, "minutes": 360, "rows": []},
            "statement": {"worker": "A", "items": [{"what": f"item {n}", "since": None} for n in range(10)]},
            "profile": "I like to be outdoors with children.",
        }  # fmt: skip
        server.ask("POST", f"/offer?organisation={actor.organisation_id}&person={actor.person_id}", {}, given)
    return count


def _made(server: Server, left: Iterator[Chance], count: int) -> int:
    for _ in range(count):
        chance = next(left)
        server.ask("POST", f"/api/v1/opportunities/{chance.referral_id}/offer", chance.manager.bearer, chance.body)
    return count

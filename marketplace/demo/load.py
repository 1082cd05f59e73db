"""Loading the demo: once, into an empty database, and only where a demo was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import asyncpg

from marketplace.demo import (
    budgets,
    buyers,
    commissioners,
    contracts,
    cover,
    families,
    invoices,
    packages,
    papers,
    providers,
    referrals,
    standings,
)
from marketplace.demo.cast import OPERATOR
from marketplace.demo.people import first_people
from marketplace.demo.timeline import Story
from marketplace.demo.world import World
from marketplace.identity.first_operator import make_first_operator
from marketplace.obligations.demo_clock import mark_demo, mark_demo_loaded
from marketplace.settings import Settings

Say = Callable[[str], None]
_LOCK = 7_211_930_002  # one load at a time, by advisory lock


class DemoRefused(Exception):
    """The demo cannot be loaded here; the message is one sentence that says what to do."""


async def load(settings: Settings, say: Say, now: datetime | None = None) -> bool:
    """Load the demo unless it is there already; tells whether it was loaded now.

    Raises `DemoRefused` where no demo was asked for, where the database holds anything else, where an earlier load
    was cut short, and while the job worker runs: it lives in the present, and the story begins weeks ago.
    """
    if not settings.demo:
        raise DemoRefused("This is no demo: set MARKETPLACE_DEMO=1, or start 'marketplace up --demo'.")
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            raise DemoRefused("The demo is being loaded at this moment by another process.")
        if await _is_there(connection, settings):
            return False
        began = time.monotonic()
        await mark_demo(settings)
        await play(settings, say, now)
        await mark_demo_loaded(settings)
        say(f"  The demo is loaded ({time.monotonic() - began:.0f} s)")
        return True
    finally:
        await connection.close()


async def _is_there(connection: asyncpg.Connection, settings: Settings) -> bool:
    marked = await connection.fetchrow("SELECT loaded_at FROM demo_clock")
    if marked is not None and marked["loaded_at"] is not None:
        return True
    if marked is not None:
        raise DemoRefused(
            "The demo was loaded here only in part: an earlier load was cut short. Delete the folder it is kept in (or"
            " empty the database), or choose another with --data, and start again."
        )
    if await connection.fetchval("SELECT EXISTS (SELECT FROM organisation)"):
        raise DemoRefused("This database is in use already: the demo is loaded into an empty one only.")
    if await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = $1)",
        settings.role("worker"),
    ):
        raise DemoRefused("Stop the job worker while the demo is loaded, and start it afterwards.")
    return False


async def play(settings: Settings, say: Say, now: datetime | None = None) -> World:
    """Play the whole story into an empty database that is marked as the demo's; domain time ends at `now`."""
    story = Story(settings, now or datetime.now(UTC), say)
    people = await first_people()
    operator, _ = await make_first_operator(settings, *OPERATOR)
    async with story.open():
        world = World(story, people, await people.sign_in(OPERATOR[1], "operator", operator.organisation_id))
        story.tell(_chapters(world, say))
        await story.run()
    return world


async def _chapters(world: World, say: Say) -> None:
    await _chapter(say, "Councils and their frameworks", commissioners.open_councils(world))
    await _chapter(say, "Providers and their workers", providers.open_firms(world))
    await _chapter(say, "A provider's papers", papers.keep_papers(world))
    story = world.story
    await story.until(story.at(-72, "09:00"))
    await _chapter(say, "Children and their families", families.take_on(world))
    await _chapter(say, "A family that buys for itself", budgets.give_budgets(world))
    story.tell(providers.supervise(world))
    await packages.open_packages(world)
    await referrals.open_searches(world)
    await standings.change_standings(world)
    await cover.cover_a_lapse(world)
    await buyers.family_buys(world)
    await contracts.manage_contracts(world)
    await invoices.send_bills(world)
    for week in range(-10, 1):
        began = time.monotonic()
        await story.until(min(story.at(7 * week + 7, "00:00"), story.now))
        say(f"  Week {week + 11} of 11 ({time.monotonic() - began:.1f} s)")


async def _chapter(say: Say, title: str, script: Coroutine[Any, Any, None]) -> None:
    began = time.monotonic()
    await script
    say(f"  {title} ({time.monotonic() - began:.1f} s)")

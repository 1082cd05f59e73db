"""Worlds laid once and copied: the first test that starts from a world has it made by actions, the others get a copy.

A folder's conftest says what its worlds are called and how they are made:

    @pytest.fixture
    def start(request):
        return the_richest(request, ready=ready_case, world=small_borough)     # by what the test asks for

    @pytest.fixture
    def ready(laid):
        return laid                                                            # what `ready_case` returned
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import pytest

from marketplace.platform.clock import Clock
from marketplace.platform.database import close_database, open_database
from marketplace.settings import Settings

Builder = Callable[[Settings], Awaitable[Any]]


@dataclass(frozen=True)
class Start:
    """A world to start from: `build(settings)` makes it with the pool open on an empty, migrated database."""

    key: str
    build: Builder


def the_richest(request: pytest.FixtureRequest, **builders: Builder) -> Start | None:
    """The first of the named worlds that the test asks for, directly or not; None where it asks for none."""
    for name, build in builders.items():
        if name in request.fixturenames:
            return Start(f"{build.__module__}.{build.__qualname__}", build)
    return None


def lay(start: Start, settings: Settings, clock: Clock) -> Any:
    """Make the world in the database of `settings`, with no connection left to it."""

    async def made() -> Any:
        await open_database(settings.dsn("app"), clock=clock, max_size=8)
        try:
            return await start.build(settings)
        finally:
            await close_database()

    with ThreadPoolExecutor(1) as elsewhere:  # a loop of its own, whatever runs here
        return elsewhere.submit(lambda: asyncio.run(made())).result()


def moved(world: Any, settings: Settings) -> Any:
    """A copy of what a builder returned, for the copied database."""
    world = copy.deepcopy(world)
    _settle(world, settings)
    return world


def _settle(thing: Any, settings: Settings) -> None:
    parts = fields(thing) if is_dataclass(thing) and not isinstance(thing, type) else ()
    for part in parts:
        value = getattr(thing, part.name)
        if isinstance(value, Settings):
            setattr(thing, part.name, settings)
        elif not isinstance(value, str | int | tuple):
            _settle(value, settings)

"""The two apps, each made once per process and kind of deployment: building one takes longer than most tests.

An app holds no rows and no connection: the pool that a test has opened, with its database and its clock, is the
process's own. So one app serves test after test, as long as nothing else in its settings differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from litestar import Litestar

from admin.app import create_app as build_console
from marketplace.app import create_app as build_marketplace
from marketplace.platform.clock import Clock
from marketplace.settings import Settings

_made: dict[tuple[Callable[..., Litestar], Settings], Litestar] = {}


def create_marketplace(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The marketplace for a test whose database is open; `clock` says which one that is, and is its own."""
    return _kept(build_marketplace, settings)


def create_console(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The console, likewise."""
    return _kept(build_console, settings)


def _kept(build: Callable[..., Litestar], settings: Settings) -> Litestar:
    key = (build, replace(settings, database_url="postgresql://nobody@localhost/the-open-pool"))
    if key not in _made:
        _made[key] = build(key[1])
    return _made[key]

"""Both apps served for real on free ports, for tests in a browser; worlds are made by actions on the server's own loop.

with serving(settings, clock) as site:
    world = site.run(borough(settings))
    tab = site.tab(browser, world.referrer)
    tab.goto(f"{site.marketplace}/referrals")
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import uvicorn
from litestar import Litestar
from playwright.sync_api import Browser, Page

from marketplace.identity.sessions import COOKIE, open_session, places_of
from marketplace.platform.actor import Actor
from marketplace.platform.clock import Clock
from marketplace.platform.database import close_database, open_database
from marketplace.settings import Settings
from marketplace.web.frame import STATE_KEY
from tests.world.apps import create_console, create_marketplace

Answer = TypeVar("Answer")
PATIENCE = 300


@dataclass
class Site:
    """Two addresses, and the loop behind them."""

    settings: Settings
    loop: asyncio.AbstractEventLoop
    marketplace: str
    console: str
    apps: dict[str, Litestar]

    def run(self, doing: Coroutine[Any, Any, Answer]) -> Answer:
        """Do something where the apps run: make a world, ask a question."""
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result(PATIENCE)

    def tab(self, browser: Browser, actor: Actor | None = None) -> Page:
        """A fresh browser window, signed in as the actor on both front doors that take its role."""
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        for address, app in ((self.marketplace, self.apps["marketplace"]), (self.console, self.apps["console"])):
            token = self.run(self._session(app, actor)) if actor else None
            if token:
                context.add_cookies([{"name": app.state[STATE_KEY].cookie(COOKIE), "value": token, "url": address}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        return page

    async def _session(self, app: Litestar, actor: Actor) -> str | None:
        for place in await places_of(actor.person_id):
            mine = place.organisation_id == actor.organisation_id or place.role == "family"
            if place.role == actor.role and mine:
                name = app.state[STATE_KEY].name
                return await open_session(
                    name, actor.person_id, place, device="test", life=self.settings.session_absolute
                )
        return None


@contextmanager
def serving(settings: Settings, clock: Clock) -> Iterator[Site]:
    """Both apps on a migrated database, in a thread of their own; stopped at the end."""
    settings = replace(settings, secure_cookies=False)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(doing: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(doing, loop).result(PATIENCE)

    run(open_database(settings.dsn("app"), clock=clock, max_size=8))
    apps = {"marketplace": create_marketplace(settings), "console": create_console(settings)}
    servers: list[tuple[uvicorn.Server, Any]] = []
    addresses: list[str] = []
    try:
        for app in apps.values():
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
            servers.append((server, asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), loop)))
            addresses.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield Site(settings, loop, addresses[0], addresses[1], apps)
    finally:
        for server, ending in servers:
            server.should_exit = True
            ending.result(PATIENCE)
        run(close_database())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()

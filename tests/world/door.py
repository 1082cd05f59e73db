"""One of the two apps as a browser meets it, without a server: signed in as somebody, forms sent with their token."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
from litestar import Litestar

from marketplace.identity.sessions import COOKIE, open_session, places_of
from marketplace.platform.actor import Actor
from marketplace.settings import Settings
from marketplace.web.frame import STATE_KEY, Frame

TOKEN = re.compile(r'name="_csrf" value="([^"]+)"')


class Door:
    """A client of one app. `get` and `post` answer httpx responses; redirects are not followed."""

    def __init__(self, client: httpx.AsyncClient, frame: Frame, settings: Settings) -> None:
        self.client, self.frame, self.settings = client, frame, settings

    async def sign_in(self, actor: Actor) -> None:
        """Open a session for the actor's place, as the sign-in page would after the password."""
        place = next(
            place
            for place in await places_of(actor.person_id)
            if place.role == actor.role and (place.organisation_id == actor.organisation_id or place.role == "family")
        )
        token = await open_session(
            self.frame.name, actor.person_id, place, device="test", life=self.settings.session_absolute
        )
        self.client.cookies.set(self.frame.cookie(COOKIE), token)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, fields: dict[str, Any] | None = None, *, page: str | None = None) -> httpx.Response:
        """Open `page` (by default the path itself) for its token, then send the form as a browser would."""
        shown = await self.client.get(page or path)
        found = TOKEN.search(shown.text)
        assert found, f"no form on {page or path}: {shown.status_code}"
        body = urlencode({**(fields or {}), "_csrf": found.group(1)}, doseq=True)
        return await self.client.post(
            path,
            content=body,
            headers={"content-type": "application/x-www-form-urlencoded", "origin": str(self.client.base_url)},
        )


@asynccontextmanager
async def at(app: Litestar, settings: Settings, actor: Actor | None = None) -> AsyncIterator[Door]:
    """A fresh browser at the app, signed in as `actor` if one is given. The database is open already."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        door = Door(client, app.state[STATE_KEY], settings)
        if actor is not None:
            await door.sign_in(actor)
        yield door

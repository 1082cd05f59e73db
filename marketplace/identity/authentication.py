"""Puts whoever asks into `request.user`: from the session's cookie, or under /api/ from an access token.

A token that is not good is refused at once; no cookie, or one that has ended, leaves nobody: guards decide. Under
/api/ a cookie may only read: another site could make a browser send it along with a change.
"""

from __future__ import annotations

import structlog
from litestar import Request
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.identity import tokens
from marketplace.identity.machines import PREFIX, actor_of_machine
from marketplace.identity.permissions import FRONT_DOORS
from marketplace.identity.sessions import COOKIE, STATE_KEY, Visitor, actor_from, use_session
from marketplace.platform.actor import Actor
from marketplace.platform.database import outside_context
from marketplace.platform.errors import NotSignedIn
from marketplace.settings import Settings
from marketplace.web.csrf import SAFE
from marketplace.web.frame import Brand, frame_of
from marketplace.web.middleware import API


class Authentication(ASGIMiddleware):
    """Runs after the entrance, before every handler that is not marked public and static."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["user"] = None
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            await self._recognise(Request(scope))
        await next_app(scope, receive, send)

    async def _recognise(self, request: Request) -> None:
        scope = request.scope
        in_api = scope["path"].startswith(API)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        actor: Actor | None = None
        if in_api and kind:
            if kind.lower() != "bearer":
                raise NotSignedIn("The API takes access tokens: Authorization: Bearer ...")
            token = token.strip()
            machine = token.startswith(PREFIX)
            actor = (
                await actor_of_machine(token, scope["path"]) if machine else await actor_of_token(self.settings, token)
            )
        else:
            visitor = await self._visitor(request)
            scope["state"][STATE_KEY] = visitor
            if visitor and visitor.actor and (not in_api or request.method in SAFE):
                actor = visitor.actor
                if actor.commissioner_id and visitor.colour:
                    scope["state"]["brand"] = Brand(actor.organisation_name, visitor.colour)
        scope["user"] = actor
        if actor is not None:
            structlog.contextvars.bind_contextvars(person=str(actor.person_id), role=actor.role)

    async def _visitor(self, request: Request) -> Visitor | None:
        frame = frame_of(request)
        token = request.cookies.get(frame.cookie(COOKIE))
        if not token:
            return None
        visitor = await use_session(token, frame.name, self.settings.session_idle)
        if visitor and visitor.actor and visitor.actor.role not in FRONT_DOORS[frame.name]:
            return None
        return visitor


async def actor_of_token(settings: Settings, token: str) -> Actor:
    """Whose access token it is; raises `NotSignedIn` when it, its family or the person's place is no more."""
    claims = tokens.read(settings, token)
    async with outside_context() as connection:
        row = await connection.fetchrow(
            "SELECT * FROM token_use($1, $2, $3)", claims.family_id, claims.person_id, claims.membership_id
        )
    actor = actor_from(row) if row is not None else None
    if actor is None:
        raise NotSignedIn("This access token has been revoked.")
    return actor

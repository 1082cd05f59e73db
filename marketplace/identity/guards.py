"""Guards: the first of two checks. A route has `requires(permission)` or `signed_in`, or says `opt={"public": True}`.

Litestar runs guards before dependencies and on OPTIONS too; all of a route's guards must pass. They are coroutines
because a plain function would be run in a thread at every request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from marketplace.identity.permissions import PERMISSIONS, may, permit
from marketplace.identity.sessions import STATE_KEY
from marketplace.platform.actor import Actor
from marketplace.platform.errors import NotSignedIn

Guard = Callable[[ASGIConnection, BaseRouteHandler], Awaitable[None]]


async def signed_in(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    """Anybody with a sign-in, in any role. Raises `NotSignedIn` (a page goes to the sign-in page and comes back)."""
    if not isinstance(connection.scope.get("user"), Actor):
        raise NotSignedIn


async def known(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    """Anybody with a session, also before they chose in which role to act. Raises `NotSignedIn`."""
    if connection.scope["state"].get(STATE_KEY) is None:
        raise NotSignedIn


def requires(*permissions: str) -> Guard:
    """A guard that lets a role in which has any one of the permissions; raises `NotSignedIn`, else `NotPermitted`."""
    unknown = set(permissions) - PERMISSIONS
    if unknown or not permissions:
        raise LookupError(f"no role has a permission called {unknown or 'nothing'}")

    async def guard(connection: ASGIConnection, _: BaseRouteHandler) -> None:
        actor = connection.scope.get("user")
        if not isinstance(actor, Actor):
            raise NotSignedIn
        if not any(may(actor, each) for each in permissions):
            permit(actor, permissions[0])

    guard.permissions = permissions  # type: ignore[attr-defined] - what the structure test and the API's document read
    return guard

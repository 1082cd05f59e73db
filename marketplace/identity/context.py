"""What identity's handlers read off a request: the deployment's settings, the visitor, where the request comes from."""

from __future__ import annotations

from typing import Any

from litestar import Request

from marketplace.identity.attempts import network_of
from marketplace.identity.sessions import COOKIE, STATE_KEY, Visitor, device_name
from marketplace.settings import Settings
from marketplace.web.frame import frame_of

SETTINGS = "settings"


def settings_of(request: Request[Any, Any, Any]) -> Settings:
    """The settings the app was made with."""
    return request.app.state[SETTINGS]


def visitor_of(request: Request[Any, Any, Any]) -> Visitor | None:
    """Whoever holds the session of this request, also before a place was chosen."""
    return request.scope["state"].get(STATE_KEY)


def session_token(request: Request[Any, Any, Any]) -> str | None:
    """The session's token as the browser sent it."""
    return request.cookies.get(frame_of(request).cookie(COOKIE))


def network(request: Request[Any, Any, Any]) -> str:
    """The network the request comes from (behind a proxy: as the trusted proxy says)."""
    return network_of(request.client.host if request.client else None)


def device(request: Request[Any, Any, Any]) -> str:
    """The browser and system in a few words."""
    return device_name(request.headers.get("user-agent", ""))

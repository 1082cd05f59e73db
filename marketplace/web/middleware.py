"""What happens to every request before its handler and to every response after it.

* `Entrance` (outermost): gives the request its id, refuses NUL and broken text in addresses, query and JSON, and
  protects cookie-authenticated changes against forged requests.
* `finish_response` (before_send): security headers on everything, error responses and unknown addresses included.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.platform.errors import InvalidInput, NotPermitted
from marketplace.web import csrf
from marketplace.web.forms import unstorable
from marketplace.web.frame import STATE_KEY, Frame, frame_of
from marketplace.web.reading import read_form
from marketplace.web.render import content_policy

API = "/api/"
REQUEST_ID = "request_id"
USABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# In JSON a NUL or a lone surrogate can only be written as one of these escapes.
ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class StaleForm(NotPermitted):
    """The form's token does not belong to this browser's cookie: it was open too long, or another site sent it."""

    code = "stale_form"

    def __init__(self, *, ours: bool) -> None:
        """`ours`: the browser vouches that one of our own pages sent it, so what was typed may be offered again."""
        super().__init__("This page was open for too long, or in another window that has since signed out.")
        self.ours = ours


class Entrance(ASGIMiddleware):
    """The first of an app's middlewares; needs the frame in the app's state."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] != "http":
            await next_app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            request_id=request_id(scope), method=request.method, route=scope.get("path_template") or "unknown"
        )
        refuse_broken_address(scope)
        if request.method not in csrf.SAFE:
            refuse_other_types(request)
            if request.content_type[0] == "application/json":
                refuse_broken_json(await request.body())
            await refuse_forged(request)
        await next_app(scope, receive, send)


def request_id(scope: Scope) -> str:
    """This request's id: the proxy's, where it is a plain one, else a new one; the same at every call."""
    state: dict[str, Any] = scope["state"]
    if REQUEST_ID not in state:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        state[REQUEST_ID] = given if USABLE_ID.fullmatch(given) else secrets.token_hex(8)
    return state[REQUEST_ID]


def refuse_broken_address(scope: Scope) -> None:
    """NUL, control characters and bytes that are no UTF-8 in the path or the query are answered with 400."""
    for part in (scope["raw_path"], scope["query_string"].replace(b"+", b" ")):
        try:
            text = unquote_to_bytes(part).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidInput({}, "The address contains characters that cannot be read.") from None
        if unstorable(text):
            raise InvalidInput({}, "The address contains characters that cannot be used.")


def refuse_other_types(request: Request[Any, Any, Any]) -> None:
    """The API takes JSON, and forms only for files: another site's page could send anything else without asking."""
    kind = request.content_type[0]
    if request.scope["path"].startswith(API) and kind not in ("application/json", "multipart/form-data", ""):
        raise InvalidInput({"Content-Type": "Send the body as application/json."})


def refuse_broken_json(body: bytes) -> None:
    """NUL and lone surrogates in a JSON body are answered with 400, naming the field."""
    if not ESCAPE.search(body):
        return
    try:
        found = _broken_at(json.loads(body), "")
    except (ValueError, RecursionError):
        return  # no JSON at all: the handler's own decoder says so
    if found is not None:
        raise InvalidInput({found or "body": f"{found or 'The text'} contains a character that cannot be stored."})


async def refuse_forged(request: Request[Any, Any, Any]) -> None:
    """Raise unless the change was asked for by one of our own pages, or by a program with its own access token.

    Under /api/ a program's request carries `Authorization: Bearer`, which another site's page cannot send without our
    consent (we give none: no CORS). Other API requests change nothing by a cookie, but their origin is looked at.
    """
    elsewhere = csrf.comes_from_elsewhere(request)
    if request.scope["path"].startswith(API):
        if elsewhere and request.headers.get("authorization", "")[:7].lower() != "bearer ":
            raise NotPermitted("This request came from another site.")
        return
    frame = frame_of(request)
    seed = request.cookies.get(frame.cookie(csrf.COOKIE), "")
    token = request.headers.get(csrf.HEADER) or next(iter((await read_form(request)).get(csrf.FIELD, ())), "")
    if elsewhere or not seed or not token or not csrf.token_fits(token, seed, frame.secret):
        vouched = request.headers.get("sec-fetch-site") == "same-origin" or "origin" in request.headers
        raise StaleForm(ours=vouched and not elsewhere)


async def finish_response(message: Message, scope: Scope) -> None:
    """Put the security headers on a response; what a handler has set itself stays."""
    if message["type"] != "http.response.start" or scope["type"] != "http":
        return
    message.setdefault("headers", [])
    headers = MutableScopeHeaders.from_message(message)
    frame: Frame | None = scope["litestar_app"].state.get(STATE_KEY)
    headers["X-Request-Id"] = request_id(scope)
    headers.setdefault("Content-Security-Policy", content_policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")
    if frame is not None and frame.secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


def _broken_at(value: Any, path: str) -> str | None:
    """The path of the first text that cannot be stored: "workers.0.name"."""
    if isinstance(value, str):
        return path if unstorable(value) else None
    if isinstance(value, dict):
        pairs: Any = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return None
    for key, inner in pairs:
        at = f"{path}.{key}" if path else str(key)
        if isinstance(key, str) and unstorable(key):
            return path or "a field's name"
        found = _broken_at(inner, at)
        if found is not None:
            return found
    return None

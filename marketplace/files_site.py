"""The site of files: an origin that serves what a sealed link names, and nothing else. No cookie, no page, no script.

It runs where `MARKETPLACE_FILES_URL` is set, so that a file somebody made to attack its reader lies on a site that has
nothing to attack.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, get
from litestar.datastructures import MutableScopeHeaders
from litestar.params import FromPath
from litestar.response import Response, Stream
from litestar.types import Message, Scope

from marketplace.contracts import finding_files
from marketplace.identity.front_door import health, with_database
from marketplace.platform.actor import system_for
from marketplace.platform.clock import Clock
from marketplace.platform.database import ask
from marketplace.platform.errors import MarketplaceError, NotFound
from marketplace.providers.file_elsewhere import named_elsewhere
from marketplace.providers.file_opening import RUN_OUT, fetched_here
from marketplace.providers.file_sending import download, played
from marketplace.providers.videos import may_still_open
from marketplace.settings import Settings
from marketplace.web.errors import log_unexpected

Asked = Request[Any, Any, Any]
SETTINGS = "files_settings"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@get("/{token:str}")
async def file(request: Asked, token: FromPath[str]) -> Stream:
    """The file a link names; a video's in the parts a player asks for, inside pages of the marketplace's."""
    settings: Settings = request.app.state[SETTINGS]
    row = named_elsewhere(settings, token)
    if row is None:
        raise NotFound(RUN_OUT)
    if "commissioner_id" in row:
        await ask(system_for(row["commissioner_id"], "commissioner"), finding_files.may_still_open, row["id"])
        return download(await finding_files.fetched_here(settings, row))
    await ask(system_for(row["provider_id"], "provider"), may_still_open, row["id"], row["played"])
    opened = await fetched_here(settings, row, parts=row["played"])
    if not row["played"]:
        return download(opened)
    answer = played(request, opened)
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # the page that plays it is on another site
    return answer


def _say(_: Asked, error: Exception) -> Response[str]:
    """What went wrong as one plain sentence."""
    if isinstance(error, MarketplaceError):
        return Response(error.sentence, status_code=error.status, media_type="text/plain")
    status = getattr(error, "status_code", 500)
    if status >= 500:
        log_unexpected(error)
    said = "There is nothing here." if status < 500 else MarketplaceError().sentence
    return Response(said, status_code=status, media_type="text/plain")


async def _finish(message: Message, scope: Scope) -> None:
    if message["type"] != "http.response.start":
        return
    message.setdefault("headers", [])
    headers = MutableScopeHeaders.from_message(message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if scope["litestar_app"].state[SETTINGS].secure_cookies:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The application of the site of files."""
    settings.required("database_url", "secret", "files_url")
    app = Litestar(
        route_handlers=[health, file],
        exception_handlers={Exception: _say},
        before_send=[_finish],
        lifespan=[with_database(settings, clock)],
        openapi_config=None,
        debug=False,
    )
    app.state[SETTINGS] = settings
    return app

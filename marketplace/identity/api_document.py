"""Says in the OpenAPI document which errors each handler answers with, in their real shape.

Handlers need not repeat it: from guards, path and method follow 400, 401, 403, 404, 409, 413 and 503; an error a
handler names itself with `raises=[SomeMarketplaceError]` is added.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from marketplace.platform.errors import MarketplaceError

API = "/api/"
MEANINGS = {
    400: "Something sent cannot be taken; `fields` says which and why",
    401: "Nobody is signed in, or the sign-in has ended",
    403: "It is visible, but this role may not do that with it",
    404: "Nothing by that address within what the caller may see",
    409: "It has changed meanwhile, or is not in a state that allows this",
    413: "More was sent than is taken",
    429: "Too many attempts; `Retry-After` says how many seconds to wait",
    503: "A part of the service does not answer",
}


class Problem(msgspec.Struct):
    """The shape of every error of the API."""

    error: str
    sentence: str
    fields: dict[str, str]
    request_id: str


def document(handler: Any) -> Any:
    """The handler with its error responses declared; whatever is no HTTP handler passes through."""
    if not isinstance(handler, HTTPRouteHandler):
        return handler
    in_api = any(path.startswith(API) for path in handler.paths)
    statuses = {400, 503}
    for error in handler.raises or ():
        statuses.add(error.status if issubclass(error, MarketplaceError) else error.status_code)  # type: ignore[arg-type]
    handler.raises = None
    changes = bool(handler.http_methods - {"GET", "HEAD", "OPTIONS"})
    if not (handler.opt or {}).get("public"):
        statuses |= {401, 403}
    if any("{" in path for path in handler.paths):
        statuses.add(404)
    if changes:
        statuses |= {409, 413} if in_api else {403, 409, 413}
    declared = dict(handler.responses or {})
    for status in sorted(statuses - set(declared)):
        declared[status] = ResponseSpec(
            data_container=Problem if in_api else str,
            description=MEANINGS.get(status, "An error"),
            media_type="application/json" if in_api else "text/html",  # type: ignore[arg-type]
            generate_examples=False,
        )
    handler.responses = declared
    if not in_api and not handler.tags:
        handler.tags = ["Pages"]
    return handler

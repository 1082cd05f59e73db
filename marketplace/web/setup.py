"""Puts the frame into an app: `Litestar(**frame_parts(frame, route_handlers=[...], middleware=[...]))`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar.datastructures import State

from marketplace.platform.errors import MarketplaceError
from marketplace.web.errors import show_error
from marketplace.web.frame import STATE_KEY, Frame
from marketplace.web.middleware import Entrance, finish_response
from marketplace.web.static_files import static_route

LARGEST_REQUEST = 12_000_000  # a 10 MB document and the fields around it


def frame_parts(
    frame: Frame,
    *,
    route_handlers: Sequence[Any] = (),
    middleware: Sequence[Any] = (),
    state: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Keyword arguments for Litestar: routes with the static files, our middleware first, errors, headers, limits.

    `middleware` (identity's sign-in comes here) runs after the entrance, which needs nobody to be known.
    """
    return {
        "route_handlers": [static_route(frame.static), *route_handlers],
        "middleware": [Entrance(), *middleware],
        "exception_handlers": {MarketplaceError: show_error, Exception: show_error},
        "before_send": [finish_response],
        "state": State({**(state or {}), STATE_KEY: frame}),
        "request_max_body_size": LARGEST_REQUEST,
        "multipart_form_part_limit": 2_000,
        "debug": False,
    }

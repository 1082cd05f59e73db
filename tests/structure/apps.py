"""Both apps without a database, and what the structure tests read off them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from marketplace.identity.guards import known, signed_in
from marketplace.settings import Settings
from tests.conftest import SECRET
from tests.world.apps import create_console, create_marketplace

# The same settings as the tests of pages have: one app serves both.
NOWHERE = Settings(database_url="postgresql://nobody@localhost/none", secret=SECRET)
APPS: dict[str, Litestar] = {"marketplace": create_marketplace(NOWHERE), "console": create_console(NOWHERE)}


def routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """(method, path, handler) of every route but the framework's own OPTIONS."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods - {"OPTIONS"}):
                    yield method, route.path_format, handler


# In an order of their own: an app's is not the same in every process, and two workers must collect alike.
ALL = sorted(
    (
        (door, method, path, handler)
        for door, app in APPS.items()
        for method, path, handler in routes(app)
        if not path.startswith("/static/")
    ),
    key=lambda each: each[:3],
)


@cache
def document_of(door: str) -> dict[str, Any]:
    """The OpenAPI document of a front door; made once, for it takes a good part of a second."""
    return APPS[door].openapi_schema.to_schema()


def is_public(handler: HTTPRouteHandler) -> bool:
    return bool(handler.opt.get("public"))


def permissions_of(handler: HTTPRouteHandler) -> list[tuple[str, ...]]:
    """The permissions each of its guards asks for; `signed_in` and `known` ask for none."""
    found: list[tuple[str, ...]] = []
    for guard in handler.resolve_guards():
        asked: Any = getattr(guard, "permissions", None)
        if asked is not None:
            found.append(asked)
    return found


def is_ours(guard: Any) -> bool:
    return hasattr(guard, "permissions") or guard in (signed_in, known)

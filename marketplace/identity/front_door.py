"""What both front doors are made of: database, frame, sign-in, OpenAPI, health; each adds its own pages and routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.response import Response

from marketplace.identity.api_document import document
from marketplace.identity.authentication import Authentication
from marketplace.identity.context import SETTINGS
from marketplace.identity.permissions import ROLE_NAMES, may
from marketplace.platform.clock import Clock, DemoClock, SystemClock
from marketplace.platform.database import ENGINE, close_database, open_database, outside_context
from marketplace.settings import Settings
from marketplace.web.frame import make_frame
from marketplace.web.setup import frame_parts


def build(
    settings: Settings,
    *,
    name: str,
    product: str,
    navigation: dict[str, Any],
    modules: Sequence[Any],
    clock: Clock | None = None,
    **frame_options: Any,
) -> Litestar:
    """One front door's application. `modules` each have a list `ROUTES` of Litestar handlers.

    The pool is opened when the server starts, unless somebody (a test) has opened it already.
    """
    settings.required("database_url", "secret")
    frame = make_frame(
        name=name,
        product=product,
        navigation=navigation,
        secret=settings.derived_key("forms and messages of the pages"),
        may=may,
        secure=settings.secure_cookies,
        demo=settings.demo,
        files_url=settings.files_url,
        **frame_options,
    )
    frame.environment.globals["role_names"] = ROLE_NAMES

    handlers = [document(handler) for module in modules for handler in module.ROUTES]
    return Litestar(
        **frame_parts(
            frame,
            route_handlers=[document(health), *handlers],
            middleware=[Authentication(settings)],
            state={SETTINGS: settings},
        ),
        lifespan=[with_database(settings, clock)],
        openapi_config=_openapi(product),
    )


def with_database(settings: Settings, clock: Clock | None = None) -> Callable[[Litestar], Any]:
    """An application's lifespan: the pool is open while it serves."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        if ENGINE.pool is not None:
            yield
            return
        await open_database(
            settings.dsn("app"),
            clock=clock or (DemoClock() if settings.demo else SystemClock()),
            min_size=settings.pool_smallest,
            max_size=settings.pool_largest,
        )
        try:
            yield
        finally:
            await close_database()

    return lifespan


@get("/health", opt={"public": True}, include_in_schema=True, tags=["Service"])
async def health() -> Response[dict[str, str]]:
    """200 when this process serves and its database answers, else 503."""
    try:
        async with outside_context() as connection:
            await connection.fetchval("SELECT 1")
    except Exception:
        return Response({"status": "database not answering"}, status_code=503)
    return Response({"status": "ok", "version": version("care-marketplace")})


def _openapi(product: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=f"{product} API",
        version=version("care-marketplace"),
        description="Get an access token at /api/v1/token and send it as `Authorization: Bearer ...`. Money is in"
        " whole pence, times carry their offset. An error is a code, a sentence, and the fields at fault.",
        use_handler_docstrings=True,
        render_plugins=[
            JsonRenderPlugin(path=["/", "/openapi.json"], media_type="application/json"),  # type: ignore[arg-type]
            YamlRenderPlugin(),
        ],
        openapi_router=Router(path="/schema", route_handlers=[], opt={"public": True}),
        security=[{"access_token": []}],
        components=Components(
            security_schemes={"access_token": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
    )

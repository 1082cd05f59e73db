"""The console's first page: what needs me, and for commissioners what is about to go wrong. JSON of the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from admin.watch_queries import one_list, watch
from admin.watch_shapes import Figure
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires, signed_in
from marketplace.identity.permissions import may
from marketplace.obligations.actions import open_today
from marketplace.platform.database import ask
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.render import page

PAGE_SIZE = 50


@get(["/", "/today"], guards=[signed_in])
async def show_today(request: Request[Any, Any, Any]) -> Response[bytes] | Redirect:
    """What needs me; below it Watch, for the roles that have it. An operator has no cases: the health page."""
    if may(request.user, "operate"):
        return Redirect("/operator", status_code=303)
    figures = await ask(request.user, watch) if may(request.user, "watch.read") else []
    today = await open_today(request.user)
    return page(request, "admin/today.html", title="Today", today=today, now=today.now, figures=figures)


@get("/watch", guards=[requires("watch.read")])
async def show_watch(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What is about to go wrong; each figure opens its list."""
    return page(request, "admin/watch.html", title="Watch", figures=await ask(request.user, watch))


@get("/watch/{key:str}", guards=[requires("watch.read")])
async def show_watch_list(
    request: Request[Any, Any, Any],
    key: FromPath[str],
    format: FromQuery[str | None] = None,
) -> Response[bytes]:
    """The list behind a figure, by provider and by any word of it; with ?format=csv as a file."""
    given = request.query_params
    text, provider = given.get("q", ""), given.get("provider", "")
    figure, whole, found = await ask(request.user, one_list, key, text, provider)
    if format == "csv":
        return csv_file(found.key, found.heads, [row.cells for row in found.rows])
    raw = given.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    return page(
        request, "admin/watch_list.html", title=found.title, list=found, figure=figure,
        rows=found.rows[PAGE_SIZE * (number - 1) : PAGE_SIZE * number], total=len(whole.rows),
        providers=[(name, name) for name in whole.providers], form=Form({"q": [text], "provider": [provider]}),
        filtered=bool(text.strip() or provider), kept=urlencode({"q": text, "provider": provider}), number=number,
        last=max(1, -(-len(found.rows) // PAGE_SIZE)), marketplace=settings_of(request).marketplace_url,
    )  # fmt: skip


class FigureOut(msgspec.Struct, kw_only=True):
    """One figure of Watch: `value` as a number (pence for money), `number` as shown; `alarm` where somebody should act
    now; `detail` counts in children and days."""

    key: str
    value: int
    number: str
    label: str
    detail: str
    alarm: bool


class WatchListOut(FigureOut, kw_only=True):
    """The figure with its list: each row has a text for each head. `links` are where each is acted on."""

    title: str
    about: str
    heads: list[str]
    rows: list[list[str]]
    links: list[str]


@get("/api/v1/watch", guards=[requires("watch.read")], tags=["Watch"])
async def get_watch(request: Request[Any, Any, Any]) -> list[FigureOut]:
    """The figures of Watch that this role may see."""
    return [FigureOut(**_figure(each)) for each in await ask(request.user, watch)]


@get("/api/v1/watch/{key:str}", guards=[requires("watch.read")], tags=["Watch"])
async def get_watch_list(
    request: Request[Any, Any, Any], key: FromPath[str], q: FromQuery[str] = "", provider: FromQuery[str] = ""
) -> WatchListOut:
    """One figure with its list, or the rows of it that have the word `q` and are about the `provider` (its name)."""
    figure, _, found = await ask(request.user, one_list, key, q, provider)
    settings = settings_of(request)
    return WatchListOut(
        **_figure(figure), title=found.title, about=found.about, heads=list(found.heads),
        rows=[list(row.cells) for row in found.rows],
        links=[
            (settings.marketplace_url if row.at_marketplace else settings.admin_url) + row.link for row in found.rows
        ],
    )  # fmt: skip


def _figure(each: Figure) -> dict[str, Any]:
    return {"key": each.key, "value": each.value, "number": each.number, "label": each.label, "detail": each.detail,
            "alarm": each.alarm}  # fmt: skip


ROUTES = [show_today, show_watch, show_watch_list, get_watch, get_watch_list]

"""The console's first page: what needs me, and for commissioners what is about to go wrong. JSON of the same."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from admin.watch_queries import one_list, watch
from marketplace.identity.guards import requires, signed_in
from marketplace.identity.permissions import may
from marketplace.obligations.actions import open_today
from marketplace.platform.database import ask
from marketplace.web.csv_file import csv_file
from marketplace.web.render import page


@get(["/", "/today"], guards=[signed_in])
async def show_today(request: Request[Any, Any, Any]) -> Response[bytes] | Redirect:
    """What needs me; below it Watch, for the roles that have it. An operator has no cases: the health page."""
    if may(request.user, "operate"):
        return Redirect("/operator", status_code=303)
    lists = await ask(request.user, watch) if may(request.user, "watch.read") else []
    today = await open_today(request.user)
    return page(request, "admin/today.html", title="Today", today=today, now=today.now, lists=lists)


@get("/watch", guards=[requires("watch.read")])
async def show_watch(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What is about to go wrong; each figure opens its list."""
    lists = await ask(request.user, watch)
    return page(request, "admin/watch.html", title="Watch", lists=lists)


@get("/watch/{key:str}", guards=[requires("watch.read")])
async def show_watch_list(
    request: Request[Any, Any, Any],
    key: FromPath[str],
    format: FromQuery[str | None] = None,
) -> Response[bytes]:
    """The list behind a figure; with ?format=csv as a file."""
    found = await ask(request.user, one_list, key)
    if format == "csv":
        return csv_file(found.key, found.heads, found.rows)
    return page(request, "admin/watch_list.html", title=found.title, list=found)


class FigureOut(msgspec.Struct, kw_only=True):
    """One figure of Watch: `number` as shown; `alarm` where somebody should act now."""

    key: str
    number: str
    label: str
    alarm: bool


class WatchListOut(FigureOut, kw_only=True):
    """The figure with its list: each row has a text for each head."""

    title: str
    heads: list[str]
    rows: list[list[str]]


@get("/api/v1/watch", guards=[requires("watch.read")], tags=["Watch"])
async def get_watch(request: Request[Any, Any, Any]) -> list[FigureOut]:
    """The figures of Watch that this role may see."""
    return [
        FigureOut(key=each.key, number=each.number, label=each.label, alarm=each.alarm)
        for each in await ask(request.user, watch)
    ]


@get("/api/v1/watch/{key:str}", guards=[requires("watch.read")], tags=["Watch"])
async def get_watch_list(request: Request[Any, Any, Any], key: FromPath[str]) -> WatchListOut:
    """One figure with its list."""
    found = await ask(request.user, one_list, key)
    return WatchListOut(
        key=found.key,
        number=found.number,
        label=found.label,
        alarm=found.alarm,
        title=found.title,
        heads=list(found.heads),
        rows=[list(row) for row in found.rows],
    )


ROUTES = [show_today, show_watch, show_watch_list, get_watch, get_watch_list]

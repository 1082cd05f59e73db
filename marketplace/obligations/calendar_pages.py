"""The calendar links of an account and of its organisation; and the feed itself, for whoever holds a link."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import settings_of
from marketplace.identity.guards import signed_in
from marketplace.identity.permissions import FRONT_DOORS, may
from marketplace.obligations import calendars
from marketplace.obligations.calendar_writing import MEDIA_TYPE, as_icalendar, tag_of
from marketplace.platform.database import ask
from marketplace.settings import Settings
from marketplace.web.frame import frame_of
from marketplace.web.render import page, see_other

GUARDED: dict[str, Any] = {"guards": [signed_in]}


def sites_of(settings: Settings) -> dict[str, str]:
    """The address of each front door."""
    return {"marketplace": settings.marketplace_url, "console": settings.admin_url}


def link_of(request: Request[Any, Any, Any], token: str) -> str:
    """The whole link, at this front door or, where that does not admit the role, at the other."""
    door = frame_of(request).name
    if request.user.role not in FRONT_DOORS[door]:
        door = calendars.door_of(request.user.role)
    return f"{sites_of(settings_of(request))[door]}/calendars/{token}/care.ics"


async def _page(request: Request[Any, Any, Any], link: str = "", scope: str = "") -> Response[Any]:
    feeds = await ask(request.user, calendars.my_feeds)
    return page(
        request, "obligations/calendars.html", title="Calendar links", feeds=feeds, link=link, scope=scope,
        keeps_organisations=may(request.user, calendars.ORGANISATION),
    )  # fmt: skip


@get("/account/calendars", **GUARDED)
async def calendars_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Which links stand; making one, stopping one."""
    return await _page(request)


@post("/account/calendars/{whose:str}/make", status_code=200, **GUARDED)
async def make(request: Request[Any, Any, Any], whose: FromPath[str]) -> Response[Any]:
    """A new link, shown on this answer alone."""
    token = await calendars.make_feed(request.user, calendars.scope_named(whose))
    return await _page(request, link_of(request, token), whose)


@post("/account/calendars/{whose:str}/stop", status_code=303, **GUARDED)
async def stop(request: Request[Any, Any, Any], whose: FromPath[str]) -> Response[Any]:
    """The link leads nowhere from now on."""
    await calendars.revoke_feed(request.user, calendars.scope_named(whose))
    return see_other(
        request, "/account/calendars", flash="The link is stopped. Calendars that use it get nothing more."
    )


@get("/calendars/{token:str}/care.ics", opt={"public": True}, tags=["Calendars"], security=[{}])
async def feed(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """The feed (RFC 5545): the link is the key, no sign-in is asked. 304 where nothing changed."""
    sites = sites_of(settings_of(request))
    found = await calendars.feed_of(token, frame_of(request).name)
    # a proxy or a calendar's server may keep it, but asks each time: a link that was stopped is stopped at once
    headers = {"ETag": tag_of(found, sites), "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=headers)
    headers["Content-Disposition"] = 'inline; filename="care.ics"'
    return Response(as_icalendar(found, sites), media_type=MEDIA_TYPE, headers=headers)


ROUTES: list[Any] = [calendars_page, make, stop, feed]

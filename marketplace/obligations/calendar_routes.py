"""JSON: calendar links. The feed itself is no API: its link needs no token."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import signed_in
from marketplace.obligations import calendars
from marketplace.obligations.calendar_pages import link_of
from marketplace.platform.database import ask

TAGS = ["Calendars"]


class CalendarOut(msgspec.Struct, kw_only=True):
    """A calendar link that stands, without its secret. `works` is false once its maker has left the organisation."""

    id: UUID
    scope: str
    made_at: datetime
    made_by: UUID
    made_by_name: str
    works: bool


class NewCalendar(msgspec.Struct, forbid_unknown_fields=True):
    """Mine in this role, or my organisation's."""

    scope: Literal["own", "organisation"]


class CalendarLink(msgspec.Struct):
    link: str


@get("/api/v1/calendars", guards=[signed_in], tags=TAGS)
async def list_calendars(request: Request[Any, Any, Any]) -> list[CalendarOut]:
    """My calendar link in this role and, for those who look after its people, the organisation's."""
    return [CalendarOut(**row) for row in (await ask(request.user, calendars.my_feeds)).values()]


@post("/api/v1/calendars", guards=[signed_in], tags=TAGS)
async def make_calendar(request: Request[Any, Any, Any], data: JSONBody[NewCalendar]) -> CalendarLink:
    """A new link, told this once; the one before stops."""
    return CalendarLink(link_of(request, await calendars.make_feed(request.user, data.scope)))


@delete("/api/v1/calendars/{whose:str}", guards=[signed_in], tags=TAGS)
async def stop_calendar(request: Request[Any, Any, Any], whose: FromPath[str]) -> None:
    """Stops the link at once."""
    await calendars.revoke_feed(request.user, calendars.scope_named(whose))


ROUTES = [list_calendars, make_calendar, stop_calendar]

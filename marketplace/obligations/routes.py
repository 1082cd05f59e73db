"""JSON: Today, in both front doors."""

from __future__ import annotations

from typing import Any

from litestar import Request, get

from marketplace.identity.guards import signed_in
from marketplace.obligations.actions import today
from marketplace.obligations.schemas import TodayOut, today_out
from marketplace.platform.database import ask


@get("/api/v1/today", guards=[signed_in], tags=["Today"])
async def get_today(request: Request[Any, Any, Any]) -> TodayOut:
    """What I owe and what changed. Reading it does not mark the news as seen: opening the page does."""
    return today_out(await ask(request.user, today))


ROUTES = [get_today]

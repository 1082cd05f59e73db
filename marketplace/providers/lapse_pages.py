"""What lapses next: the office's list with what to do about each, a worker's own, and the same in short under Today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from litestar import Request, get
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.obligations.panels import panel
from marketplace.platform.actor import PERSONAL_ROLES
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import local_day
from marketplace.providers.lapses import Lapse, lapses, spans_of, within
from marketplace.web.csv_file import csv_file
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires("workforce.write", "training.read")]}
HEADS = ("Who", "What", "Last good day", "Days left", "Then")
UNDER_TODAY = 6
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Lapsing:
    """What lapses within `days` (0: whenever), of `spans` to choose from, as of `today`."""

    rows: list[Lapse]
    days: int
    spans: list[tuple[int, int]]  # days, how many
    total: int
    today: date
    own: bool


async def lapsing(work: Work, days: str | None = None) -> Lapsing:
    """What lapses within a chosen span of those the packs warn at; without a choice within the longest."""
    found, today = await lapses(work), local_day(work.now)
    spans = spans_of(found)
    chosen = next((span for span in spans if str(span) == days), spans[-1] if spans and days != "all" else 0)
    rows = within(found, chosen, today) if chosen else found
    counted = [(span, len(within(found, span, today))) for span in spans]
    return Lapsing(rows, chosen, counted, len(found), today, work.actor.role in PERSONAL_ROLES)


@get("/lapses", **READS)
async def lapses_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """What lapses next, the first first; `?days=28` (or another of the spans, or `all`), `?format=csv`."""
    found = await ask(request.user, lapsing, request.query_params.get("days"))
    if request.query_params.get("format") == "csv":
        return csv_file(
            "what-lapses-next",
            HEADS,
            ((row.whose, row.title, row.until, row.days_left(found.today), row.then) for row in found.rows),
        )
    return page(
        request,
        "providers/lapses.html",
        title="What lapses next",
        found=found,
        rows=found.rows[:PAGE_SIZE],
        writes=may(request.user, "workforce.write"),
    )


@panel("providers/lapses_today.html", "workforce.write", "training.read")
async def under_today(work: Work) -> Lapsing | None:
    """The shortest span's list, cut short; nothing where nothing lapses so soon."""
    found = await lapses(work)
    today, spans = local_day(work.now), spans_of(found)
    soon = within(found, spans[0], today) if spans else []
    if not soon:
        return None
    own = work.actor.role in PERSONAL_ROLES
    return Lapsing(soon[:UNDER_TODAY], spans[0], [(spans[0], len(soon))], len(soon), today, own)


ROUTES: list[Any] = [lapses_page]

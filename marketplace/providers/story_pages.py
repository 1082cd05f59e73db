"""A provider's history as a story by month, and how it stood on any past day: for its commissioners, and for itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Response

from marketplace.frameworks.queries import my_frameworks
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers import queries
from marketplace.providers.as_of import LineAt, moment_of, standings_at
from marketplace.providers.story import KINDS, Told, by_month, story
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment as written_moment
from marketplace.web.forms import Form
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires("provider.read")]}
OWN: dict[str, Any] = {"guards": [requires("standing.read", "provider.write")]}
TONES = {
    "active": "green", "paused": "yellow", "restricted": "blue", "suspended": "red", "ended": "grey",
    "not admitted": "grey",
}  # fmt: skip
HEADS = ("when", "kind", "what", "by", "why", "framework")
Asked = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """What the page shows: the story and, where a day was asked about, the standing at that moment."""

    name: str
    told: list[Told]
    frameworks: dict[UUID, str]
    moment: datetime | None
    lines: list[LineAt]


async def _read(work: Work, provider_id: UUID | None, form: Form, kind: str, framework: str, asked: bool) -> Read:
    if provider_id is None:
        provider_id = work.actor.provider_id
    elif work.actor.commissioner_id is None:
        raise NotFound
    if provider_id is None:
        raise NotFound
    frameworks = {each.id: each.name for each in await my_frameworks(work)}
    chosen = next((each for each in frameworks if str(each) == framework), None)
    today = local_day(work.now)
    day = form.date("day", "the day", latest=today) if asked else None
    at = form.time("time", "the time", required=False) if asked else None
    moment = moment_of(day, at, work.now) if day is not None and not form.errors else None
    told = await story(work, provider_id, kind=kind if kind in KINDS else "", framework_id=chosen, until=moment)
    lines = await standings_at(work, provider_id, moment) if moment is not None else []
    name = (await queries.profile(work, provider_id))["name"]
    return Read(name, told, frameworks, moment, lines)


async def _page(request: Asked, provider_id: UUID | None) -> Response[Any]:
    given = {name: request.query_params.getall(name) for name in request.query_params}
    form = Form(given)
    kind, framework = form.value("kind"), form.value("framework")
    asked = any(form.value(f"day-{part}").strip() for part in ("day", "month", "year"))
    found = await ask(request.user, _read, provider_id, form, kind, framework, asked)
    if form.value("format") == "csv":
        return csv_file(
            "story", HEADS,
            [
                (
                    written_moment(each.at), KINDS[each.kind], each.says, each.by, each.why,
                    found.frameworks.get(each.framework_id, "") if each.framework_id is not None else "",
                )
                for each in found.told
            ],
        )  # fmt: skip
    kept = {name: form.value(name) for name in ("framework", "day-day", "day-month", "day-year", "time")}
    path = "/standing/story" if provider_id is None else f"/providers/{provider_id}/story"
    return page(
        request, "providers/story.html", title=f"The story of {found.name}", found=found, form=form, path=path,
        months=by_month(found.told),
        kinds=[("", "Everything", None), *((key, said, None) for key, said in KINDS.items())],
        kind=kind if kind in KINDS else "", kept=urlencode(kept), tones=TONES,
        frameworks=[(str(each), name) for each, name in found.frameworks.items()],
        back="/standing" if provider_id is None else f"/providers/{provider_id}",
        links=request.user.role != "referrer",
    )  # fmt: skip


@get("/providers/{provider_id:uuid}/story", **READS)
async def story_page(request: Asked, provider_id: FromPath[UUID]) -> Response[Any]:
    """The story by month, the newest first; `?kind=`, `?framework=`, up to a day and time, `?format=csv`."""
    return await _page(request, provider_id)


@get("/standing/story", **OWN)
async def own_story_page(request: Asked) -> Response[Any]:
    """The provider's own story, without what it must not see."""
    return await _page(request, None)


class ToldOut(msgspec.Struct, kw_only=True):
    """One thing that happened to a provider: `says` is its sentence, `why` in the words of who did it."""

    at: datetime
    kind: str
    says: str
    by: str
    why: str
    framework_id: UUID | None


async def _told(work: Work, provider_id: UUID | None, kind: str, framework_id: UUID | None, at: datetime | None) -> Any:
    if provider_id is None:
        provider_id = work.actor.provider_id
    elif work.actor.commissioner_id is None:
        raise NotFound
    if provider_id is None:
        raise NotFound
    found = await story(work, provider_id, kind=kind, framework_id=framework_id, until=at)
    return [
        ToldOut(at=each.at, kind=each.kind, says=each.says, by=each.by, why=each.why, framework_id=each.framework_id)
        for each in found
    ]


@get("/api/v1/providers/{provider_id:uuid}/story", **READS, tags=["Providers"])
async def get_story(
    request: Asked, provider_id: FromPath[UUID], kind: FromQuery[str] = "",
    framework_id: FromQuery[UUID | None] = None, at: FromQuery[datetime | None] = None,
) -> list[ToldOut]:  # fmt: skip
    """A provider's story, the newest first, up to a moment; `kind` as the entries have it."""
    return await ask(request.user, _told, provider_id, kind, framework_id, at)


@get("/api/v1/standing/story", **OWN, tags=["Providers"])
async def get_own_story(
    request: Asked, kind: FromQuery[str] = "", framework_id: FromQuery[UUID | None] = None,
    at: FromQuery[datetime | None] = None,
) -> list[ToldOut]:  # fmt: skip
    """The provider's own story."""
    return await ask(request.user, _told, None, kind, framework_id, at)


COMMISSIONERS: list[Any] = [story_page, get_story]
ROUTES: list[Any] = [own_story_page, get_own_story]

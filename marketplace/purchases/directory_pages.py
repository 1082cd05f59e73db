"""The public directory: frameworks, who is open to new families, the range of prices. No sign-in; the same as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Response

from marketplace.platform.database import ask
from marketplace.providers.listing import AVAILABILITY
from marketplace.purchases import directory
from marketplace.purchases.directory import LONGEST_QUESTION, PAGE_SIZE, VISITOR, Bands, Criteria, Entry
from marketplace.web.forms import Form
from marketplace.web.render import page

PUBLIC: dict[str, Any] = {"opt": {"public": True}}
API: dict[str, Any] = {"opt": {"public": True}, "tags": ["Directory"], "security": [{}]}
FILTERS = ("lot", "area", "language", "when", "need", "q", "activity")
Asked = Request[Any, Any, Any]


class DirectoryLine(msgspec.Struct, kw_only=True):
    """A framework with a public directory."""

    id: UUID
    name: str
    led_by: str


class EntryOut(msgspec.Struct, kw_only=True):
    """A provider open to new families. `rating` is null while it is not rated."""

    provider_id: UUID
    name: str
    for_families: str
    lots: list[str]
    areas: list[str]
    languages: list[str]
    availability: list[str]
    needs: list[str]
    cqc_registered: bool
    rating: str | None


class PriceRange(msgspec.Struct, kw_only=True):
    """Pence per hour of an activity on a kind of day: the lowest and the highest."""

    lot: str
    activity: str
    day: str
    lowest: int
    highest: int


class DirectoryOut(msgspec.Struct, kw_only=True):
    """`total` providers are open to new families; `providers` are those that fit."""

    framework_id: UUID
    name: str
    total: int
    providers: list[EntryOut]
    prices: list[PriceRange]


def entry_out(entry: Entry) -> EntryOut:
    """As the API gives it."""
    said = entry.listing
    return EntryOut(
        provider_id=entry.provider_id, name=entry.name, for_families=said.for_families,
        lots=list(entry.lots), areas=list(said.areas), languages=list(said.languages),
        availability=list(said.availability), needs=list(said.needs), cqc_registered=entry.cqc_registered,
        rating=entry.rating,
    )  # fmt: skip


@get("/directory", **PUBLIC)
async def directories_page(request: Asked) -> Response[Any]:
    """The frameworks whose providers anybody may look up."""
    found = await ask(VISITOR, directory.frameworks)
    return page(request, "purchases/directories.html", title="Find a provider", found=found)


@get("/directory/{framework_id:uuid}", **PUBLIC)
async def directory_page(request: Asked, framework_id: FromPath[UUID]) -> Response[Any]:
    """Who is open to new families, and the range of prices."""
    asked = {name: request.query_params.get(name, "").strip()[:LONGEST_QUESTION] for name in FILTERS}
    criteria = Criteria(*(asked[name] for name in FILTERS))
    result = await ask(VISITOR, directory.public_directory, framework_id, criteria)
    raw = request.query_params.get("page", "1")
    last = max(1, -(-len(result.found) // PAGE_SIZE))
    number = min(last, max(1, int(raw))) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    return page(
        request,
        "purchases/directory.html",
        title=f"Providers of {result.framework.name}",
        form=Form.starting_with(**asked),
        result=result,
        found=result.found[PAGE_SIZE * (number - 1) : PAGE_SIZE * number],
        availability=AVAILABILITY,
        asked=any(asked.values()),
        number=number,
        last=last,
        address=f"/directory/{framework_id}?{urlencode(asked)}&page=%d",
    )


@get("/directory/{framework_id:uuid}/{provider_id:uuid}", **PUBLIC)
async def entry_page(request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID]) -> Response[Any]:
    """One provider: what it says of itself, what it is open for, how it stands."""
    framework, entry, pack = await ask(VISITOR, directory.public_entry, framework_id, provider_id)
    titles = directory.need_titles(pack)
    return page(
        request, "purchases/entry.html", title=entry.name, framework=framework, entry=entry,
        needs=[titles[code] for code in entry.listing.needs if code in titles], availability=AVAILABILITY,
    )  # fmt: skip


@get("/api/v1/directory", **API)
async def get_directories(request: Asked) -> list[DirectoryLine]:
    """The frameworks whose providers anybody may look up."""
    found = await ask(VISITOR, directory.frameworks)
    return [DirectoryLine(id=each.id, name=each.name, led_by=each.lead_name) for each in found]


@get("/api/v1/directory/{framework_id:uuid}", **API)
async def get_directory(
    request: Asked,
    framework_id: FromPath[UUID],
    lot: FromQuery[str] = "",
    area: FromQuery[str] = "",
    language: FromQuery[str] = "",
    when: FromQuery[str] = "",
    need: FromQuery[str] = "",
    q: FromQuery[str] = "",
    activity: FromQuery[str] = "",
) -> DirectoryOut:
    """Who is open to new families on a framework, and the range of its prices."""
    result = await ask(
        VISITOR, directory.public_directory, framework_id, Criteria(lot, area, language, when, need, q, activity)
    )  # fmt: skip
    return DirectoryOut(
        framework_id=framework_id,
        name=result.framework.name,
        total=result.total,
        providers=[entry_out(each) for each in result.found],
        prices=[price for each in result.bands for price in _prices(each)],
    )


def _prices(bands: Bands) -> list[PriceRange]:
    return [
        PriceRange(lot=bands.lot, activity=row.activity, day=day, lowest=each[0], highest=each[1])
        for row in bands.rows
        for day, each in zip(bands.days, row.ranges, strict=True)
        if each is not None
    ]


ROUTES: list[Any] = [directories_page, directory_page, entry_page, get_directories, get_directory]

"""Who is open to new families on a framework, what they say of themselves, and today's range of prices.

The database gives providers admitted today that are neither suspended nor paused; the rules judge the rest (domain 6:
a provider that gets no new referrals gets no new families by direct payment).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from marketplace.frameworks.areas import areas_of_all
from marketplace.frameworks.queries import FrameworkView, framework, lots, open_frameworks, pack_of
from marketplace.platform.actor import NOBODY, Actor
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import Admission, ProviderFacts
from marketplace.policy.pack import Pack
from marketplace.policy.standing import provider_standing
from marketplace.providers.listing import NOTHING, Listing, listings

# Who reads the public directory: reaches no provider's and no case's row.
VISITOR = Actor(NOBODY, "A visitor", "system")
PAGE_SIZE = 20
LONGEST_QUESTION = 100


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is looked for; empty where it does not matter. `need` is a competency's code, `when` an availability's,
    `activity` one of the pack's: it fits the lots it is done on."""

    lot: str = ""
    area: str = ""
    language: str = ""
    when: str = ""
    need: str = ""
    text: str = ""
    activity: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A provider open to new families, with what it has written for everybody to read, and nothing else of its profile.

    `rating` is None while no rating of its quality is published.
    """

    provider_id: UUID
    name: str
    lots: dict[str, str]  # open to new families on these: titles by code
    cqc_registered: bool
    listing: Listing
    rating: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be looked for: what the providers listed say of themselves, by code or as they wrote it."""

    lots: dict[str, str]
    areas: tuple[str, ...]
    languages: tuple[str, ...]
    needs: dict[str, str]
    activities: dict[str, str]

    @property
    def area_options(self) -> list[tuple[str, str]]:
        """For a drop-down."""
        return [(each, each) for each in self.areas]

    @property
    def language_options(self) -> list[tuple[str, str]]:
        """For a drop-down."""
        return [(each, each) for each in self.languages]


@dataclass(frozen=True, slots=True)
class BandRow:
    """An activity's lowest and highest pence per hour by kind of day; None where too few providers have a price."""

    activity: str
    ranges: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Bands:
    """A lot's prices: a column for each kind of day, a row for each activity."""

    lot: str
    title: str
    days: tuple[str, ...]
    rows: tuple[BandRow, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """A framework's directory: who was found, of how many, and what can be looked for."""

    framework: FrameworkView
    found: list[Entry]
    total: int
    choices: Choices
    bands: list[Bands] = field(default_factory=list)


async def frameworks(work: Work) -> list[FrameworkView]:
    """The frameworks whose directory is public."""
    return await open_frameworks(work)


async def public_directory(work: Work, framework_id: UUID, criteria: Criteria) -> Directory:
    """The directory of an open framework, with price ranges of the lot asked for (or of all). Raises `NotFound`."""
    if framework_id not in {each.id for each in await open_frameworks(work)}:
        raise NotFound("There is no such directory.")
    within = await areas_of_all(work, framework_id)
    listed = inside(await entries(work, framework_id), within)
    pack = await pack_of(work, framework_id)
    titles = {each.code: each.title for each in await lots(work, framework_id)}
    asked = [criteria.lot] if criteria.lot in titles else list(titles)
    if criteria.activity:
        with_it = lots_with(pack, criteria.activity, titles)
        asked = [code for code in asked if code in with_it]
        fitting = [each for each in listed if any(code in each.lots for code in asked)]
    else:
        fitting = listed
    return Directory(
        await framework(work, framework_id),
        narrow(fitting, criteria),
        len(listed),
        choices_of(pack, titles, listed),
        [found for code in asked if (found := await bands(work, pack, framework_id, code, titles[code], listed)).rows],
    )


async def public_entry(work: Work, framework_id: UUID, provider_id: UUID) -> tuple[FrameworkView, Entry, Pack]:
    """One provider of an open framework's directory. Raises `NotFound`, also for one not open to new families."""
    if framework_id in {each.id for each in await open_frameworks(work)}:
        for each in inside(await entries(work, framework_id), await areas_of_all(work, framework_id)):
            if each.provider_id == provider_id:
                return await framework(work, framework_id), each, await pack_of(work, framework_id)
    raise NotFound("This provider is not open to new families at the moment, or there is none of that address.")


async def entries(work: Work, framework_id: UUID, council: UUID | None = None) -> list[Entry]:
    """Every provider open to new families on some lot, by name; suspensions of `council` alone count for it."""
    pack = await pack_of(work, framework_id)
    titles = {each.code: each.title for each in await lots(work, framework_id)}
    today = local_day(work.now)
    found: dict[UUID, Entry] = {}
    rows = await work.fetch("SELECT * FROM directory($1, $2)", framework_id, council)
    said = await listings(work, list({row["provider_id"] for row in rows}))
    for row in rows:
        facts = ProviderFacts(
            id=str(row["provider_id"]),
            admissions=(Admission(row["lot_code"], row["starts_on"], row["ends_on"]),),
            suspended=False,  # those that are were left out already
            cqc_registered=row["cqc_registered"],
            insurance_until=row["insurance_until"],
            room=row["room"],
        )
        if not provider_standing(pack, row["lot_code"], today, facts).reached:
            continue
        entry = found.setdefault(
            row["provider_id"],
            Entry(
                row["provider_id"], row["name"], {}, row["cqc_registered"],
                said.get(row["provider_id"], NOTHING),
            ),
        )  # fmt: skip
        entry.lots[row["lot_code"]] = titles[row["lot_code"]]
    return list(found.values())


def inside(listed: Iterable[Entry], within: Sequence[str]) -> list[Entry]:
    """The providers, each with those of its areas that lie `within`; with all of them where that names none."""
    if not within:
        return list(listed)
    known = {each.casefold() for each in within}
    return [
        replace(
            each, listing=replace(each.listing, areas=tuple(a for a in each.listing.areas if a.casefold() in known))
        )
        for each in listed
    ]


def narrow(listed: Iterable[Entry], criteria: Criteria) -> list[Entry]:
    """Those that fit everything asked for."""
    return [each for each in listed if _fits(each, criteria)]


def _fits(entry: Entry, asked: Criteria) -> bool:
    said = entry.listing
    text = asked.text.strip().casefold()
    return (
        (not asked.lot or asked.lot in entry.lots)
        and (not asked.area or asked.area.casefold() in {each.casefold() for each in said.areas})
        and (not asked.language or asked.language.casefold() in {each.casefold() for each in said.languages})
        and (not asked.when or asked.when in said.availability)
        and (not asked.need or asked.need in said.needs)
        and (not text or any(text in each.casefold() for each in (entry.name, said.for_families)))
    )


def choices_of(pack: Pack, lot_titles: dict[str, str], listed: Sequence[Entry]) -> Choices:
    """What is worth asking for: nothing that no provider has said."""
    needs = need_titles(pack)
    said = [each.listing for each in listed]
    return Choices(
        lot_titles,
        _once(area for each in said for area in each.areas),
        _once(language for each in said for language in each.languages),
        {code: title for code, title in needs.items() if any(code in each.needs for each in said)},
        {code: title for code, title in pack.activities.items() if lots_with(pack, code, lot_titles)},
    )


def lots_with(pack: Pack, activity: str, codes: Iterable[str]) -> set[str]:
    """Which of the lots an activity is done on."""
    return {code for code in codes if activity in pack.lot(code).activities}


def need_titles(pack: Pack) -> dict[str, str]:
    """Titles of the needs a provider may say it knows, by code, as this framework's pack calls them."""
    titles = {row.key: row.title for row in pack.content.competencies}
    return {row.code: row.title for row in pack.content.interventions} | titles


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(text.casefold(), text)
    return tuple(found[key] for key in sorted(found))


async def bands(work: Work, pack: Pack, framework_id: UUID, lot: str, title: str, listed: Sequence[Entry]) -> Bands:
    """A lot's range of today's prices over those listed on it, from the pack's number of providers on."""
    today: date = local_day(work.now)
    now = pack.on(today)
    providers = [each.provider_id for each in listed if lot in each.lots]
    rows = await work.fetch(
        "SELECT * FROM directory_bands($1, $2, $3, $4)", framework_id, lot, providers, now.purchases.band_providers
    )
    ranges = {(row["activity"], row["band"]): (row["lowest"], row["highest"]) for row in rows}
    days = now.bands
    return Bands(
        lot,
        title,
        tuple(days.values()),
        tuple(
            BandRow(name, tuple(ranges.get((activity, band)) for band in days))
            for activity, name in now.activities.items()
            if any((activity, band) in ranges for band in days)
        ),
    )

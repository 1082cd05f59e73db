"""What an offer costs by the provider's agreed rate card: computed, explained, never typed (domain 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import rate_card_rows
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import CalendarError, PeriodLength, local_day, period_containing
from marketplace.policy.facts import RateCard, WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import RateMissing, price_pattern
from marketplace.web.filters import day, duration, pounds

WEEK = timedelta(days=7)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OfferPrice:
    """Pence for the first week and the first billing period from the start, and how they come about."""

    pence_per_week: int
    pence_per_period: int
    explained: dict[str, Any]


async def price_of(
    work: Work,
    pack: Pack,
    framework_id: UUID,
    provider_id: UUID,
    lot: str,
    pattern: tuple[WeeklySlot, ...],
    starts_on: date,
    workers: int,
) -> OfferPrice:
    """The pattern at the rates in force on each visit's date, so many workers at each visit.

    `explained` holds from, to, visits, minutes, workers, billed_workers and rows of activity, band, rate, minutes
    (of visits, not times the workers), pence.
    Raises `InvalidInput` where the agreed card lacks a rate that is needed.
    """
    card = await rate_card_rows(work, framework_id, provider_id, lot)
    try:
        return price_by(pack, card, lot, pattern, starts_on, workers)
    except RateMissing as missing:
        what = pack.activities.get(missing.activity, missing.activity)
        band = pack.bands.get(missing.band, missing.band)
        says = (
            f"Your agreed rate card has no rate for {what}, {band}, on {day(missing.day)}. Propose a variation first."
        )
        raise InvalidInput({"pattern": says}) from missing
    except CalendarError as error:
        raise InvalidInput({"starts_on": f"This start cannot be priced: {error}."}) from error


def price_by(
    pack: Pack, card: RateCard, lot: str, pattern: tuple[WeeklySlot, ...], starts_on: date, workers: int
) -> OfferPrice:
    """The same from a rate card at hand. Raises `RateMissing`, `CalendarError`."""
    period = period_containing(starts_on, starts_on, pack.on(starts_on).billing.period_length)
    priced = price_pattern(pack, card, lot, pattern, starts_on, period.last_day, workers)
    first_week = starts_on + WEEK
    rows: dict[tuple[str, str, int], list[int]] = {}
    for visit in priced.visits:
        for part in visit.parts:
            sums = rows.setdefault((visit.activity, part.band, part.pence_per_hour), [0, 0])
            sums[0] += part.minutes
            sums[1] += part.pence
    explained = {
        "from": period.first_day.isoformat(),
        "to": period.last_day.isoformat(),
        "visits": len(priced.visits),
        "minutes": priced.minutes,
        "workers": workers,
        "billed_workers": workers if pack.on(starts_on).charging.every_worker_billed else 1,
        "rows": [
            {"activity": activity, "band": band, "pence_per_hour": rate, "minutes": minutes, "pence": pence}
            for (activity, band, rate), (minutes, pence) in sorted(rows.items(), key=lambda row: _place(pack, *row[0]))
        ],
    }
    week = sum(visit.pence for visit in priced.visits if local_day(visit.start) < first_week)
    return OfferPrice(week, priced.total_pence, explained)


def _place(pack: Pack, activity: str, band: str, rate: int) -> tuple[int, int, int]:
    """Where a line stands: by activity and kind of day in the pack's order, then by rate."""
    activities, bands = list(pack.activities), list(pack.bands)
    return activities.index(activity), bands.index(band), rate


@dataclass(frozen=True, slots=True)
class PriceWords:
    """A price explained for people: the days it covers, and a line for each activity, kind of day and rate."""

    week: str
    period: str
    period_title: str  # "First 4 weeks", "First month"
    lines: tuple[str, ...]


def price_words(explained: dict[str, Any], pack: Pack) -> PriceWords:
    """What `price_of` explained, in words: "Home support, weekday: 16 hours at £24.00 an hour: £384.00"."""
    first, last = date.fromisoformat(explained["from"]), date.fromisoformat(explained["to"])
    workers, billed = explained["workers"], explained["billed_workers"]
    each = f" for each of {workers} workers" if billed > 1 else ""
    lines = [
        f"{pack.activities.get(row['activity'], row['activity'])}, {pack.bands.get(row['band'], row['band'])}:"
        f" {duration(row['minutes'])} at {pounds(row['pence_per_hour'])} an hour{each}: {pounds(row['pence'])}"
        for row in explained["rows"]
    ]
    if billed < workers:
        lines.append(f"{workers} workers come to each visit, and one of them is paid for.")
    until = min(first + WEEK - ONE_DAY, last)
    return PriceWords(
        f"{day(first)} to {day(until)}",
        f"{day(first)} to {day(last)}",
        f"First {_length(pack.on(first).billing.period_length)}",
        tuple(lines),
    )


def _length(length: PeriodLength) -> str:
    """ "4 weeks", "month", "30 days"."""
    number, unit = length.count, length.unit
    if unit == "days" and number % WEEK.days == 0:
        number, unit = number // WEEK.days, "weeks"
    return unit.removesuffix("s") if number == 1 else f"{number} {unit}"

"""What an offer costs by the provider's agreed rate card: computed, explained, never typed (domain 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import rate_card_rows
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import CalendarError, local_day, period_containing
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import RateMissing, price_pattern

WEEK = timedelta(days=7)


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

    `explained` holds from, to, visits, minutes, workers and rows of activity, band, rate, minutes, pence.
    Raises `InvalidInput` where the agreed card lacks a rate that is needed.
    """
    card = await rate_card_rows(work, framework_id, provider_id, lot)
    period = period_containing(starts_on, starts_on, pack.on(starts_on).billing.period_length)
    try:
        priced = price_pattern(pack, card, lot, pattern, starts_on, period.last_day, workers)
    except RateMissing as missing:
        raise InvalidInput(
            {"pattern": f"Your agreed rate card cannot price this: {missing}. Propose a variation first."}
        ) from missing
    except CalendarError as error:
        raise InvalidInput({"starts_on": f"This start cannot be priced: {error}."}) from error
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
        "rows": [
            {"activity": activity, "band": band, "pence_per_hour": rate, "minutes": minutes, "pence": pence}
            for (activity, band, rate), (minutes, pence) in sorted(rows.items())
        ],
    }
    week = sum(visit.pence for visit in priced.visits if local_day(visit.start) < first_week)
    return OfferPrice(week, priced.total_pence, explained)

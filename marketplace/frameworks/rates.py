"""The grid of a rate card: which rates a pack asks for on a lot, and whether what was typed fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from marketplace.platform.errors import InvalidInput
from marketplace.policy.facts import RateCard, RateRow
from marketplace.policy.pack import Pack

Rates = Mapping[tuple[str, str], int]  # (activity, band) -> pence per hour
MOST_PENCE = 100_000  # no hour of care costs £1,000: a slip of the decimal point, caught before it is agreed


@dataclass(frozen=True, slots=True)
class Grid:
    """Codes and titles of a lot's activities (rows) and of the pack's day bands (columns)."""

    lot: str
    title: str
    activities: tuple[tuple[str, str], ...]
    bands: tuple[tuple[str, str], ...]

    def cells(self) -> list[tuple[str, str]]:
        return [(activity, band) for activity, _ in self.activities for band, _ in self.bands]


def grid(pack: Pack, lot_code: str, day: date) -> Grid:
    """The rates a card for the lot must hold on a day. Raises `policy.pack.UnknownCode` for another lot."""
    pack = pack.on(day)
    lot = pack.lot(lot_code)
    return Grid(
        lot.key,
        lot.title,
        tuple((code, pack.activities[code]) for code in lot.activities),
        # a band that no kind of day falls in needs no rate
        tuple((band.key, band.title) for band in pack.content.bands if band.weekdays or band.bank_holidays),
    )


def field_name(lot: str, activity: str, band: str) -> str:
    """How a rate is named in forms and in complaints about it."""
    return f"rate.{lot}.{activity}.{band}"


def check(shape: Grid, rates: Rates) -> None:
    """Raise `InvalidInput`, naming each rate of the grid that is missing or out of range, and any it does not have."""
    faults: dict[str, str] = {}
    titles = dict(shape.activities)
    bands = dict(shape.bands)
    for activity, band in shape.cells():
        pence = rates.get((activity, band))
        if pence is None:
            faults[field_name(shape.lot, activity, band)] = (
                f"Enter the rate for {titles[activity]}, {bands[band]} on {shape.title}"
            )
        elif not 1 <= pence <= MOST_PENCE:
            faults[field_name(shape.lot, activity, band)] = (
                f"The rate for {titles[activity]}, {bands[band]} must be between £0.01 and £{MOST_PENCE // 100:,}"
            )
    for activity, band in rates:
        if (activity, band) not in set(shape.cells()):
            faults[field_name(shape.lot, activity, band)] = f"{shape.title} has no rate for {activity}, {band}"
    if faults:
        raise InvalidInput(faults)


def rows(lot: str, applies_from: date, rates: Rates) -> RateCard:
    """A card as the rules take it."""
    return tuple(RateRow(lot, activity, band, pence, applies_from) for (activity, band), pence in rates.items())

"""What Watch shows: a figure with its detail, and the list behind it, filtered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from marketplace.frameworks.queries import FrameworkView, my_frameworks
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.web.filters import count, last_moment, time_left

MOST = 5_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of Watch as shown. `detail` counts in children and days; `alarm` where somebody should act now.

    `value` is the number as a number (pence for money).
    """

    key: str
    value: int
    label: str
    detail: str = ""
    alarm: bool = False
    number: str = ""

    def __post_init__(self) -> None:
        if not self.number:
            object.__setattr__(self, "number", f"{self.value:,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line behind a figure: cells of plain words, where it leads to be acted on, whose it is.

    `link` is a path of this front door, or with `at_marketplace` of the other.
    """

    cells: tuple[str, ...]
    link: str = ""
    provider: str = ""
    at_marketplace: bool = False


@dataclass(frozen=True, slots=True)
class WatchList:
    """What is behind a figure: `rows` under `heads`, the most urgent first. `about` explains how it is told."""

    key: str
    title: str
    heads: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    nothing: str = ""
    about: str = ""

    @property
    def providers(self) -> list[str]:
        """The providers there are rows of, by name."""
        return sorted({row.provider for row in self.rows if row.provider})

    def narrowed(self, text: str, provider: str) -> WatchList:
        """Only the rows that contain the text and are about the provider; empty asks for nothing."""
        asked = text.strip().casefold()
        rows = [
            row
            for row in self.rows
            if (not provider or row.provider == provider)
            and (not asked or any(asked in cell.casefold() for cell in row.cells))
        ]
        return replace(self, rows=rows)


async def our_frameworks(work: Work) -> list[FrameworkView]:
    """The commissioner's frameworks, asked once a unit."""
    if "watch frameworks" not in work.kept:
        work.kept["watch frameworks"] = await my_frameworks(work)
    return work.kept["watch frameworks"]


AsksFigure = Callable[[Work], Awaitable[Figure]]
AsksList = Callable[[Work], Awaitable[WatchList]]


def days_since(since: datetime, now: datetime) -> int:
    """Whole days of the calendar."""
    return (local_day(now) - local_day(since)).days


def waited(since: datetime, now: datetime) -> str:
    """ "3 days", or "since today"."""
    days = days_since(since, now)
    return count(days, "day") if days else "since today"


def longest(since: datetime, now: datetime) -> str:
    """ "the longest 3 days", or "since today"."""
    days = days_since(since, now)
    return f"the longest {count(days, 'day')}" if days else "since today"


def due(due_at: datetime, now: datetime) -> str:
    """The moment as people say it, and how far it is."""
    return f"{last_moment(due_at)} ({time_left(due_at, now)})"


def said(*parts: str) -> str:
    """A figure's detail from those of its parts that say something."""
    return "; ".join(part for part in parts if part)


def some(number: int, words: str) -> str:
    """ "3 past their time", or nothing for none."""
    return f"{number:,} {words}" if number else ""


def plural(number: int, one: str, many: str) -> str:
    """The word that goes with a number."""
    return one if number == 1 else many

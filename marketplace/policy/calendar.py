"""Local days of Europe/London, bank holidays of England and Wales, working days, months and billing periods.

Everything that turns an instant into a day, or a day into an instant, happens here and nowhere else. Instants are aware
datetimes; days are `datetime.date`. Nothing here reads a clock.
"""

import calendar as month_calendar
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from govuk_bank_holidays.bank_holidays import BankHolidays  # pyright: ignore[reportMissingTypeStubs] it has none

LONDON = ZoneInfo("Europe/London")
ONE_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class CalendarError(ValueError):
    """A day for which no bank holidays are published yet, or a time that cannot be placed on the calendar."""


class Period(msgspec.Struct, frozen=True):
    """An inclusive run of local days, for instance a billing period or a quarter."""

    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """How many days the period has, both ends counted."""
        return (self.last_day - self.first_day).days + 1

    def holds(self, day: date) -> bool:
        """Whether the day lies in the period."""
        return self.first_day <= day <= self.last_day


class PeriodLength(msgspec.Struct, frozen=True):
    """How long a billing period is: so many days, or so many calendar months."""

    count: int
    unit: Literal["days", "months"] = "days"


class Holidays(msgspec.Struct, frozen=True):
    """Bank holidays and the days they are known for. `extra` days come from a pack."""

    days: frozenset[date]
    known_from: date
    known_until: date

    def is_bank_holiday(self, day: date) -> bool:
        """Whether the day is a published bank holiday or substitute. Refuses days that are not covered."""
        if not self.known_from <= day <= self.known_until:
            raise CalendarError(
                f"the bank holidays of {day.isoformat()} are not known: "
                f"they are from {self.known_from.isoformat()} to {self.known_until.isoformat()}"
            )
        return day in self.days

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday and no bank holiday."""
        return day.weekday() < 5 and not self.is_bank_holiday(day)

    def working_day_on_or_after(self, day: date) -> date:
        """The day itself where it is a working day, else the next one."""
        while not self.is_working_day(day):
            day += ONE_DAY
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """The count-th working day after `day`; counting starts on the next day."""
        for _ in range(count):
            day = self.working_day_on_or_after(day + ONE_DAY)
        return day


@cache
def published_holidays() -> Holidays:
    """The bank holidays of England and Wales as published on GOV.UK, from the copy that comes with the library."""
    library: Any = BankHolidays(use_cached_holidays=True)
    rows: list[dict[str, Any]] = library.get_holidays(division=BankHolidays.ENGLAND_AND_WALES)
    days: frozenset[date] = frozenset(row["date"] for row in rows)
    return Holidays(
        days=days,
        known_from=date(min(days).year, 1, 1),
        known_until=date(max(days).year, 12, 31),
    )


def holidays_with(extra: Iterable[date] = (), known_until: date | None = None) -> Holidays:
    """The published bank holidays together with a pack's own days; a pack may also vouch for later years."""
    published = published_holidays()
    until = published.known_until if known_until is None else max(known_until, published.known_until)
    return Holidays(days=published.days | frozenset(extra), known_from=published.known_from, known_until=until)


def local(instant: datetime) -> datetime:
    """The same instant on London's clock. Refuses a naive time: without an offset it is no instant."""
    if instant.tzinfo is None:
        raise CalendarError(f"the time {instant.isoformat()} has no offset")
    return instant.astimezone(LONDON)


def local_day(instant: datetime) -> date:
    """The London day the instant falls on."""
    return local(instant).date()


def midnight(day: date) -> datetime:
    """The instant a London day begins."""
    return datetime.combine(day, time(), LONDON)


def end_of_day(day: date) -> datetime:
    """The first instant after a London day: what is due by that day is late from here on."""
    return midnight(day + ONE_DAY)


def last_instant(day: date) -> datetime:
    """The last instant of a London day: until then stands what holds through the day, such as a dated suspension."""
    return end_of_day(day) - timedelta(microseconds=1)


def elapsed(start: datetime, end: datetime) -> timedelta:
    """Real time between two instants; subtracting two London times directly would ignore a clock change between."""
    return end.astimezone(UTC) - start.astimezone(UTC)


def is_before(first: datetime, second: datetime) -> bool:
    """Whether one instant lies before another; comparing two London times directly goes by the clock on the wall."""
    return first.astimezone(UTC) < second.astimezone(UTC)


def after(instant: datetime, length: timedelta) -> datetime:
    """The instant that much real time later, on London's clock."""
    return (instant.astimezone(UTC) + length).astimezone(LONDON)


def whole_minutes(start: datetime, end: datetime) -> int:
    """Elapsed minutes between two instants that lie on whole minutes; refuses others."""
    minutes, rest = divmod(elapsed(start, end), MINUTE)
    if rest:
        raise CalendarError(f"{start.isoformat()} to {end.isoformat()} is not a number of whole minutes")
    return minutes


def to_the_minute(instant: datetime) -> datetime:
    """The instant with its seconds cut off: visits are recorded and billed by the minute."""
    return instant.replace(second=0, microsecond=0)


def wall_time(day: date, clock: time) -> datetime:
    """A London day and a wall-clock time as an instant. In spring's missing hour the clock is read an hour later, in
    autumn's doubled hour the first of the two is meant."""
    return datetime.combine(day, clock, LONDON).astimezone(UTC).astimezone(LONDON)


def add_months(day: date, count: int) -> date:
    """The same day of the month so many months on; a day that month lacks becomes its last day.

    Past the last year the calendar has, the last day there is.
    """
    months = day.year * 12 + day.month - 1 + count
    year, month = months // 12, months % 12 + 1
    if year > date.max.year:
        return date.max
    return date(year, month, min(day.day, month_calendar.monthrange(year, month)[1]))


def quarter_containing(day: date) -> Period:
    """The calendar quarter (January to March and so on) that holds the day."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return Period(first, add_months(first, 3) - ONE_DAY)


def period_containing(day: date, anchor: date, length: PeriodLength) -> Period:
    """The billing period that holds the day. Periods follow each other without a gap; one begins at `anchor`."""
    if length.count < 1:
        raise CalendarError("a billing period lasts at least one day")
    if length.unit == "days":
        first = anchor + timedelta(days=(day - anchor).days // length.count * length.count)
        return Period(first, first + timedelta(days=length.count - 1))
    step = ((day.year - anchor.year) * 12 + day.month - anchor.month) // length.count
    if add_months(anchor, step * length.count) > day:
        step -= 1
    first = add_months(anchor, step * length.count)
    return Period(first, add_months(anchor, (step + 1) * length.count) - ONE_DAY)


def periods_between(first_day: date, last_day: date, anchor: date, length: PeriodLength) -> list[Period]:
    """Every billing period that touches the days from `first_day` to `last_day`, oldest first."""
    periods: list[Period] = []
    day = first_day
    while day <= last_day:
        period = period_containing(day, anchor, length)
        periods.append(period)
        day = period.last_day + ONE_DAY
    return periods


def is_period(period: Period, length: PeriodLength) -> bool:
    """Whether the period is exactly as long as the pack's billing periods are (the anchor is the framework's)."""
    if length.unit == "days":
        return period.days == length.count
    return period_containing(period.first_day, period.first_day, length) == period

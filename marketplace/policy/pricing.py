"""What a visit costs: day bands, the rate of each local day, cancellation shares, and the price of a weekly pattern."""

import re
from datetime import UTC, date, datetime, time, timedelta

import msgspec
from msgspec.structs import replace

from marketplace.policy.calendar import (
    MINUTE,
    ONE_DAY,
    Period,
    PeriodLength,
    after,
    elapsed,
    end_of_day,
    is_before,
    local,
    local_day,
    periods_between,
    wall_time,
    whole_minutes,
)
from marketplace.policy.facts import Longer, Outcome, RateCard, RateRow, Visit, WeeklySlot
from marketplace.policy.pack import Pack

CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class PricingError(ValueError):
    """A price that cannot be computed."""


class RateMissing(PricingError):
    """The rate card holds no rate for a day that must be priced."""

    def __init__(self, lot: str, activity: str, band: str, day: date) -> None:
        super().__init__(f"holds no rate for lot {lot}, {activity}, {band} on {day.isoformat()}")
        self.lot = lot
        self.activity = activity
        self.band = band
        self.day = day


class DayPart(msgspec.Struct, frozen=True):
    """One local day's share of a price: minutes x pence per hour x workers x percent / 6000, rounded half up."""

    day: date
    band: str
    minutes: int
    pence_per_hour: int
    pence: int


class VisitPrice(msgspec.Struct, frozen=True):
    """A visit's price. `minutes` are billable and not multiplied by workers; `pence` is None where it is unknown."""

    minutes: int
    percent: int
    pence: int | None
    parts: tuple[DayPart, ...] = ()


class SlotPrice(msgspec.Struct, frozen=True):
    """One visit of a pattern with its price."""

    start: datetime
    end: datetime
    activity: str
    minutes: int
    pence: int
    parts: tuple[DayPart, ...]


class Subtotal(msgspec.Struct, frozen=True):
    """What the visits that start in a run of days cost."""

    period: Period
    visits: int
    minutes: int
    pence: int


class PatternPrice(msgspec.Struct, frozen=True):
    """A weekly pattern's price: visit by visit, per week from Monday, per billing period, and in all."""

    visits: tuple[SlotPrice, ...]
    weeks: tuple[Subtotal, ...]
    periods: tuple[Subtotal, ...]
    minutes: int
    total_pence: int


def band_of(pack: Pack, day: date) -> str:
    """The day band a local day falls in; a bank holiday goes before the weekday it is. Raises `CalendarError` past the
    published bank holidays."""
    bands = pack.on(day).content.bands
    if any(band.bank_holidays for band in bands) and pack.on(day).holidays.is_bank_holiday(day):
        return next(band.key for band in bands if band.bank_holidays)
    return next(band.key for band in bands if day.weekday() in band.weekdays)


def rate_on(card: RateCard, lot: str, activity: str, band: str, day: date) -> int:
    """Pence per hour: of the rows for it the one with the latest `from` not after the day. Raises `RateMissing`."""
    rows: list[RateRow] = [
        row for row in card if row.lot == lot and row.activity == activity and row.band == band and row.from_ <= day
    ]
    if not rows:
        raise RateMissing(lot, activity, band, day)
    return max(rows, key=lambda row: row.from_).pence_per_hour


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of whole numbers, none negative, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def price_interval(
    pack: Pack,
    card: RateCard,
    lot: str,
    activity: str,
    start: datetime,
    end: datetime,
    workers: int,
    percent: int = 100,
) -> tuple[DayPart, ...]:
    """The interval cut at local midnights, each day's part priced and rounded by itself (domain 5, D).

    A percent of 0 needs no rate and gives no parts. Raises `RateMissing`, or `CalendarError` past the bank holidays.
    """
    if percent == 0:
        return ()
    parts: list[DayPart] = []
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    while start < end:
        day = local_day(start)
        cut = min(end, end_of_day(day).astimezone(UTC))
        band = band_of(pack, day)
        rate = rate_on(card, lot, activity, band, day)
        minutes = whole_minutes(start, cut)
        parts.append(DayPart(day, band, minutes, rate, half_up(minutes * rate * workers * percent, 6000)))
        start = cut
    return tuple(parts)


def charged_percent(pack: Pack, visit: Visit) -> int:
    """Which share of its price a visit is charged at: delivered ones whole, the others as the pack says (P 5.2-5.4)."""
    charging = pack.on(local_day(visit.planned_start)).charging
    shares: dict[Outcome, int] = {
        "delivered": 100,
        "cancelled_on_arrival": charging.cancelled_on_arrival_percent,
        "cancelled_by_provider": charging.cancelled_by_provider_percent,
        "missed": charging.missed_percent,
    }
    if visit.outcome != "cancelled_by_family":
        return shares[visit.outcome]
    if visit.notice_at is None:
        return charging.cancelled_late_percent
    notice = elapsed(visit.notice_at, visit.planned_start)
    needed = timedelta(hours=charging.notice_hours)
    in_time = notice > needed or (notice == needed and charging.exact_notice_is_enough)
    return charging.cancelled_in_time_percent if in_time else charging.cancelled_late_percent


def billed_interval(pack: Pack, visit: Visit) -> tuple[datetime, datetime] | None:
    """From when to when a visit is billed; None for a delivered visit without both times or without workers.

    A delivered one counts from its actual start, at most as long as planned; with an approved overrun at most as long
    as was approved, which is never less than planned.
    """
    if visit.outcome != "delivered":
        return local(visit.planned_start), local(visit.planned_end)
    if visit.actual_start is None or visit.actual_end is None or not visit.workers:
        return None
    length = elapsed(visit.actual_start, visit.actual_end)
    needs_approval = pack.on(local_day(visit.planned_start)).charging.overrun_needs_approval
    if needs_approval:
        planned = elapsed(visit.planned_start, visit.planned_end)
        length = min(length, most_billed(planned, length, visit.overrun_approved, visit.approved_minutes))
    return local(visit.actual_start), after(visit.actual_start, length)


def most_billed(planned: timedelta, actual: timedelta, approved: bool, approved_minutes: int | None) -> timedelta:
    """How much of a delivered visit's `actual` length may be billed where longer time needs approval (domain 5; D)."""
    if not approved:
        return planned
    return actual if approved_minutes is None else max(planned, timedelta(minutes=approved_minutes))


def unapproved_minutes(pack: Pack, visit: Visit) -> int:
    """How many minutes of a delivered visit are not billed, since nobody has approved that it lasted so long."""
    billed = billed_interval(pack, visit)
    if visit.outcome != "delivered" or billed is None or visit.actual_end is None:
        return 0
    return whole_minutes(billed[1], visit.actual_end)


def price_visit(pack: Pack, card: RateCard, visit: Visit) -> VisitPrice:
    """The price of a visit by its record. Raises `RateMissing`, or `CalendarError` past the bank holidays."""
    percent = charged_percent(pack, visit)
    interval = billed_interval(pack, visit)
    if interval is None:
        return VisitPrice(0, percent, None)
    start, end = interval
    minutes = whole_minutes(start, end)
    if percent == 0:
        return VisitPrice(minutes, 0, 0)
    if not visit.workers:
        return VisitPrice(minutes, percent, None)
    workers = sum(worker.billed != "elsewhere" for worker in visit.workers)
    if not pack.on(local_day(visit.planned_start)).charging.every_worker_billed:
        workers = min(workers, 1)
    parts = price_interval(pack, card, visit.lot, visit.activity, start, end, workers, percent)
    return VisitPrice(minutes, percent, sum(part.pence for part in parts), parts)


def longer_prices(pack: Pack, card: RateCard, longer: Longer) -> tuple[int, int]:
    """A visit's price as billed then and, never less, as approved since, in pence, of all payers together.

    Longer time approved once the visit was billed is billed at the difference (domain 5, D). Raises as `price_visit`.
    """
    then, now = (
        price_visit(pack, card, replace(longer.visit, overrun_approved=minutes is not None, approved_minutes=minutes))
        for minutes in (longer.billed_minutes, longer.approved_minutes)
    )
    return then.pence or 0, max(then.pence or 0, now.pence or 0)


def slot_on(slot: WeeklySlot, day: date) -> tuple[datetime, datetime]:
    """The instants of a weekly slot on one day. Raises `PricingError` for times that are not "HH:MM"."""
    opens, closes = _clock(slot.start), _clock(slot.end)
    start = wall_time(day, opens)
    end = wall_time(day if closes > opens else day + ONE_DAY, closes)
    if not is_before(start, end):
        # Spring's missing hour swallowed the slot: it keeps the length its clock times say.
        end = after(start, MINUTE * ((closes.hour - opens.hour) * 60 + closes.minute - opens.minute))
    return start, end


def slots_between(
    pattern: tuple[WeeklySlot, ...] | list[WeeklySlot], starts_on: date, ends_on: date
) -> list[tuple[datetime, datetime, WeeklySlot]]:
    """Every visit of a weekly pattern that starts on the days from `starts_on` to `ends_on`, in order of start."""
    visits: list[tuple[datetime, datetime, WeeklySlot]] = []
    day = starts_on
    while day <= ends_on:
        visits += [(*slot_on(slot, day), slot) for slot in pattern if slot.weekday == day.weekday()]
        day += ONE_DAY
    return sorted(visits, key=lambda visit: (visit[0].astimezone(UTC), visit[2].activity))


def price_pattern(
    pack: Pack,
    card: RateCard,
    lot: str,
    pattern: tuple[WeeklySlot, ...] | list[WeeklySlot],
    starts_on: date,
    ends_on: date,
    workers: int,
    anchor: date | None = None,
) -> PatternPrice:
    """What a weekly pattern costs from `starts_on` to `ends_on`, both counted, with so many workers at each visit.

    Billing periods are those of the pack from `anchor`, or from `starts_on` where none is given.
    Raises `RateMissing` for a day the card does not cover, `CalendarError` past the published bank holidays.
    """
    counted = workers if pack.on(starts_on).charging.every_worker_billed else 1
    visits: list[SlotPrice] = []
    for start, end, slot in slots_between(pattern, starts_on, ends_on):
        parts = price_interval(pack, card, lot, slot.activity, start, end, counted)
        pence = sum(part.pence for part in parts)
        visits.append(SlotPrice(start, end, slot.activity, whole_minutes(start, end), pence, parts))
    monday = starts_on - timedelta(days=starts_on.weekday())
    weeks = periods_between(starts_on, ends_on, monday, PeriodLength(7))
    periods = periods_between(starts_on, ends_on, anchor or starts_on, pack.on(starts_on).billing.period_length)
    return PatternPrice(
        visits=tuple(visits),
        weeks=tuple(_subtotal(week, visits) for week in weeks),
        periods=tuple(_subtotal(period, visits) for period in periods),
        minutes=sum(visit.minutes for visit in visits),
        total_pence=sum(visit.pence for visit in visits),
    )


def _subtotal(period: Period, visits: list[SlotPrice]) -> Subtotal:
    inside = [visit for visit in visits if period.holds(local_day(visit.start))]
    return Subtotal(
        period,
        len(inside),
        sum(visit.minutes for visit in inside),
        sum(visit.pence for visit in inside),
    )


def _clock(text: str) -> time:
    if not CLOCK.fullmatch(text):
        raise PricingError(f"{text!r} is not a time of day like 15:30")
    return time.fromisoformat(text)

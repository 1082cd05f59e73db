"""Prices against a slow second reckoning, minute by minute, and the price of weekly patterns."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from marketplace.policy.calendar import CalendarError, published_holidays
from marketplace.policy.facts import RateRow, Visit, VisitWorker, WeeklySlot
from marketplace.policy.pack import load_pack
from marketplace.policy.pricing import (
    PricingError,
    RateMissing,
    band_of,
    price_interval,
    price_pattern,
    price_visit,
    rate_on,
    slots_between,
)
from tests.policy.policy_builders import LEWISHAM, LONDON, PDPS, at, rate, rates

PACK = load_pack(LEWISHAM)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
CARD = rates("C", "day_care", 2150, 2365, 2581, 3227)


def slowly(start: datetime, end: datetime, workers: int, percent: int) -> int:
    """The contract's formula, minute by minute: per local day minutes x rate x workers x percent / 6000, half up."""
    by_day: dict[date, int] = {}
    now = start.astimezone(UTC)
    while now < end.astimezone(UTC):
        day = now.astimezone(LONDON).date()
        by_day[day] = by_day.get(day, 0) + 1
        now += timedelta(minutes=1)
    total = 0
    for day, count in by_day.items():
        band = ["weekday"] * 5 + ["saturday", "sunday"]
        name = "bank_holiday" if day in published_holidays().days else band[day.weekday()]
        pence = next(row.pence_per_hour for row in CARD if row.band == name)
        total += int(Fraction(count * pence * workers * percent, 6000) + Fraction(1, 2))
    return total


@given(
    start=some.integers(0, 340 * 1440).map(lambda minute: MARCH + timedelta(minutes=minute)),
    length=some.integers(1, 60 * 30),
    workers=some.integers(1, 3),
    percent=some.sampled_from([100, 50, 33, 1]),
)
@example(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 200, 2, 50)
@example(datetime(2026, 3, 28, 22, 0, tzinfo=UTC), 600, 1, 100)
@example(datetime(2026, 12, 25, 23, 59, tzinfo=UTC), 3 * 1440, 1, 100)
def test_a_price_is_what_a_slow_reckoning_gives(start: datetime, length: int, workers: int, percent: int) -> None:
    begun = start
    ended = begun + timedelta(minutes=length)
    parts = price_interval(PACK, CARD, "C", "day_care", begun, ended, workers, percent)
    assert sum(part.pence for part in parts) == slowly(begun, ended, workers, percent)
    assert sum(part.minutes for part in parts) == length
    london = price_interval(
        PACK, CARD, "C", "day_care", begun.astimezone(LONDON), ended.astimezone(LONDON), workers, percent
    )
    assert london == parts


def test_the_doubled_hour_of_autumn_is_billed_twice() -> None:
    start = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)  # 01:50 on the clock, before it goes back
    end = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 01:10 on the clock, after it went back
    parts = price_interval(PACK, rate(6000), "C", "day_care", start.astimezone(LONDON), end.astimezone(LONDON), 1)
    assert [(part.minutes, part.pence) for part in parts] == [(20, 2000)]


@pytest.mark.parametrize(
    ("day", "band"),
    [
        ("2026-12-25", "bank_holiday"),
        ("2026-12-26", "saturday"),
        ("2026-12-28", "bank_holiday"),
        ("2027-12-25", "saturday"),
        ("2027-12-27", "bank_holiday"),
        ("2022-06-03", "bank_holiday"),
        ("2026-04-05", "sunday"),
        ("2026-04-06", "bank_holiday"),
        ("2028-02-29", "weekday"),
    ],
)
def test_bank_holidays_are_the_published_days_and_the_day_substituted_keeps_its_band(day: str, band: str) -> None:
    assert band_of(PACK, date.fromisoformat(day)) == band


def test_a_day_without_published_bank_holidays_is_refused_by_name() -> None:
    with pytest.raises(CalendarError, match="2031-05-05"):
        band_of(PACK, date(2031, 5, 5))


def test_the_latest_rate_not_after_the_day_counts() -> None:
    card = (*rate(100, since="2026-01-01"), *rate(300, since="2026-03-01"), *rate(200, since="2026-02-01"))
    days = ["2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2030-01-01"]
    found = [rate_on(card, "C", "day_care", "weekday", date.fromisoformat(day)) for day in days]
    assert found == [100, 100, 200, 200, 300, 300]
    with pytest.raises(RateMissing, match="lot C, day_care, weekday on 2025-12-31"):
        rate_on(card, "C", "day_care", "weekday", date(2025, 12, 31))


def test_half_a_penny_is_rounded_up_once_per_day_for_all_workers_together() -> None:
    card = rate(2025)
    one_minute = price_interval(PACK, card, "C", "day_care", at("2026-09-09 10:00"), at("2026-09-09 10:02"), 1)
    assert one_minute[0].pence == 68  # 67.5
    two_days = price_interval(PACK, card, "C", "day_care", at("2026-09-09 23:58"), at("2026-09-10 00:02"), 1)
    assert [part.pence for part in two_days] == [68, 68]
    together = price_interval(PACK, card, "C", "day_care", at("2026-09-09 10:00"), at("2026-09-09 10:02"), 2)
    assert together[0].pence == 135


def test_seconds_are_refused_rather_than_lost() -> None:
    with pytest.raises(CalendarError, match="whole minutes"):
        price_interval(PACK, CARD, "C", "day_care", at("2026-09-09 10:00"), at("2026-09-09 10:02:30"), 1)


def test_a_delivered_visit_is_priced_on_the_days_it_happened() -> None:
    row = Visit(
        id="v",
        lot="C",
        activity="day_care",
        planned_start=at("2026-09-11 20:00"),
        planned_end=at("2026-09-11 23:00"),
        outcome="delivered",
        workers=(VisitWorker("A", True),),
        actual_start=at("2026-09-11 23:00"),
        actual_end=at("2026-09-12 03:00"),
    )
    price = price_visit(PACK, CARD, row)
    assert [(part.band, part.minutes) for part in price.parts] == [("weekday", 60), ("saturday", 120)]


NIGHTS = [WeeklySlot(5, "22:00", "07:00", "waking_night"), WeeklySlot(2, "15:30", "18:30", "waking_night")]


def test_a_weekly_pattern_is_priced_visit_by_visit_over_clock_change_and_bank_holiday() -> None:
    card = rates("B", "waking_night", 2890, 3180, 3470, 4335)
    price = price_pattern(load_pack(PDPS), rates("CHC", "waking_night", 1, 1, 1, 1), "CHC", NIGHTS,
                          date(2026, 10, 5), date(2026, 10, 5), 1)  # fmt: skip
    assert price.visits == () and price.total_pence == 0
    price = price_pattern(PACK, card, "B", NIGHTS, date(2026, 10, 19), date(2026, 11, 1), 2)
    assert [visit.minutes for visit in price.visits] == [180, 600, 180, 540]
    assert price.visits[1].pence == 68240  # the same night as in the contract's autumn case
    assert [week.pence for week in price.weeks] == [
        price.visits[0].pence + 68240,
        sum(v.pence for v in price.visits[2:]),
    ]
    assert price.total_pence == sum(week.pence for week in price.weeks) == sum(p.pence for p in price.periods)


def test_a_pattern_splits_into_the_packs_billing_periods_from_their_anchor() -> None:
    daily = [WeeklySlot(day, "10:00", "11:00", "day_care") for day in range(7)]
    price = price_pattern(
        PACK, rate(2000), "C", daily, date(2026, 9, 1), date(2026, 10, 31), 1, anchor=date(2026, 9, 7)
    )
    assert [(str(part.period.first_day), part.visits) for part in price.periods] == [
        ("2026-08-10", 6), ("2026-09-07", 28), ("2026-10-05", 27),
    ]  # fmt: skip


def test_a_slot_in_the_missing_hour_of_spring_keeps_its_length() -> None:
    slots = [WeeklySlot(6, "01:30", "02:15", "day_care"), WeeklySlot(6, "00:30", "03:00", "day_care")]
    found = slots_between(slots, date(2026, 3, 29), date(2026, 3, 29))
    assert [(end - start.astimezone(UTC)) for start, end, _ in found] == [timedelta(minutes=90), timedelta(minutes=45)]


def test_a_slot_that_ends_when_it_starts_lasts_round_the_clock() -> None:
    found = slots_between([WeeklySlot(0, "07:00", "07:00", "x")], date(2026, 9, 7), date(2026, 9, 7))
    assert [end - start for start, end, _ in found] == [timedelta(days=1)]


@pytest.mark.parametrize("clock", ["25:00", "10", "10:00:30", "10:00+01:00", "noon", ""])
def test_a_time_of_day_that_is_none_is_named(clock: str) -> None:
    with pytest.raises(PricingError, match="not a time of day"):
        slots_between([WeeklySlot(0, clock, "12:00", "x")], date(2026, 9, 7), date(2026, 9, 7))


def test_a_missing_rate_of_an_offer_names_what_is_missing() -> None:
    card = tuple(row for row in rate(2000) if row.band != "saturday")
    with pytest.raises(RateMissing) as caught:
        price_pattern(PACK, card, "C", [WeeklySlot(5, "10:00", "11:00", "day_care")], date(2026, 9, 7),
                      date(2026, 9, 20), 1)  # fmt: skip
    assert (caught.value.band, caught.value.day) == ("saturday", date(2026, 9, 12))


def test_rates_of_another_lot_or_activity_do_not_count() -> None:
    other = (
        RateRow("B", "day_care", "weekday", 1, date(2020, 1, 1)),
        RateRow("C", "x", "weekday", 1, date(2020, 1, 1)),
    )
    with pytest.raises(RateMissing):
        rate_on(other, "C", "day_care", "weekday", date(2026, 9, 9))

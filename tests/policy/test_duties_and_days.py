"""Deadlines, months, working days and billing periods, at the edges of the calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy import calculators
from marketplace.policy.calendar import (
    CalendarError,
    Period,
    PeriodLength,
    add_months,
    end_of_day,
    holidays_with,
    is_period,
    local_day,
    midnight,
    period_containing,
    periods_between,
    published_holidays,
    quarter_containing,
    to_the_minute,
    wall_time,
)
from marketplace.policy.duties import due_at, obligation_state
from marketplace.policy.pack import UnknownCode, load_pack
from tests.policy.policy_builders import LEWISHAM, LONDON, PDPS, as_bytes, at

CONTRACT_DUTIES = (
    "referral_response", "competence_evidence", "cancellation_report", "safeguarding_report", "cqc_report",
    "risk_assessment_arranged", "plan_signed", "information_request", "concern_first_response", "concern_full_response",
    "advice_evaluation", "deduction_dispute", "advice_first_contact",
)  # fmt: skip


def due(duty: str, moment: str, pack: str = LEWISHAM) -> str:
    result = calculators.deadlines(as_bytes({"pack": pack, "events": [{"duty": duty, "at": moment}]}))
    assert result["deadlines"][0]["at"] == moment
    return result["deadlines"][0]["due_at"]


@pytest.mark.parametrize(
    ("duty", "moment", "expected"),
    [
        # any offset is read in Europe/London, and an hour is an elapsed hour
        ("safeguarding_report", "2026-03-28T20:00:00+00:00", "2026-03-29T09:00:00+01:00"),
        ("safeguarding_report", "2026-10-24T20:00:00+01:00", "2026-10-25T07:00:00+00:00"),
        ("referral_response", "2026-07-01T12:00:00-05:00", "2026-07-02T18:00:00+01:00"),
        ("referral_response", "2026-07-01T12:00:00Z", "2026-07-02T13:00:00+01:00"),
        ("referral_response", "2026-07-01T12:00:07+00:00", "2026-07-02T13:00:07+01:00"),
        # the local day decides, not the day of the offset given
        ("plan_signed", "2026-06-30T23:30:00+00:00", "2026-07-07T00:00:00+01:00"),
        ("plan_signed", "2026-07-01T00:30:00+01:00", "2026-07-07T00:00:00+01:00"),
        ("risk_assessment_arranged", "2026-03-26T10:00:00+00:00", "2026-03-30T00:00:00+01:00"),
        ("information_request", "2026-12-28T00:00:00+00:00", "2027-01-05T00:00:00+00:00"),
        # a month's day that is not there becomes its last
        ("concern_full_response", "2027-12-31T09:00:00+00:00", "2028-02-01T00:00:00+00:00"),
        ("concern_full_response", "2028-01-30T09:00:00+00:00", "2028-03-01T00:00:00+00:00"),
        ("advice_evaluation", "2027-11-29T09:00:00+00:00", "2028-03-01T00:00:00+00:00"),
        ("concern_full_response", "2035-05-31T09:00:00+01:00", "2035-07-01T00:00:00+01:00"),
        # working days are counted from the next day, over weekends and bank holidays
        ("advice_first_contact", "2026-11-06T09:00:00+00:00", "2026-11-14T00:00:00+00:00"),
        ("advice_first_contact", "2026-11-07T09:00:00+00:00", "2026-11-14T00:00:00+00:00"),
        ("advice_first_contact", "2026-04-02T09:00:00+01:00", "2026-04-14T00:00:00+01:00"),
        ("deduction_dispute", "2027-12-20T09:00:00+00:00", "2028-01-07T00:00:00+00:00"),
    ],
)
def test_when_a_duty_is_due(duty: str, moment: str, expected: str) -> None:
    assert due(duty, moment) == expected


def test_both_packs_know_every_duty_of_the_contract() -> None:
    for duty in CONTRACT_DUTIES:
        assert due(duty, "2026-11-02T15:00:00+00:00") == due(duty, "2026-11-02T15:00:00+00:00", PDPS)


def test_working_days_past_the_published_holidays_are_refused() -> None:
    with pytest.raises(CalendarError, match="2029-01-01"):
        due_at(load_pack(LEWISHAM), "deduction_dispute", at("2028-12-20 09:00"))
    with pytest.raises(UnknownCode, match="no duty 'tea'"):
        due_at(load_pack(LEWISHAM), "tea", at("2028-12-20 09:00"))


INSTANTS = some.integers(0, 12 * 365 * 1440).map(
    lambda minute: datetime(2016, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)


@given(moment=INSTANTS, duty=some.sampled_from(sorted(load_pack(LEWISHAM).duties)))
def test_a_deadline_never_lies_before_its_event_and_never_moves_back(moment: datetime, duty: str) -> None:
    pack = load_pack(LEWISHAM)
    due = due_at(pack, duty, moment)
    assert due.astimezone(UTC) > moment
    assert due_at(pack, duty, moment + timedelta(minutes=1)).astimezone(UTC) >= due.astimezone(UTC)
    assert due_at(pack, duty, moment.astimezone(LONDON)) == due
    if load_pack(LEWISHAM).duty(duty).unit in ("local_days", "working_days", "months"):
        assert (due.hour, due.minute) == (0, 0)


def test_how_an_obligation_stands() -> None:
    due = at("2026-09-10 00:00")
    before, later = at("2026-09-09 23:59:59"), at("2026-09-11 09:00")
    assert obligation_state(due, None, before) == "open"
    assert obligation_state(due, None, due) == "missed"
    assert obligation_state(due, before, later) == "met"
    assert obligation_state(due, due, later) == "met_late"
    assert obligation_state(due, later, before) == "open"


def test_an_obligation_in_autumns_doubled_hour_is_judged_by_the_instant() -> None:
    due = datetime(2026, 10, 25, 1, 10, tzinfo=LONDON, fold=1)
    met = datetime(2026, 10, 25, 1, 50, tzinfo=LONDON, fold=0)
    assert obligation_state(due, met, due) == "met"


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-03-31", -1, "2026-02-28"),
        ("9999-12-01", 6, "9999-12-31"),
    ],
)
def test_months_end_on_the_same_day_or_the_months_last(day: str, months: int, expected: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


def test_a_local_day_may_be_23_or_25_hours_long() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)):
        start, end = midnight(date.fromisoformat(day)), end_of_day(date.fromisoformat(day))
        assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=hours)


def test_a_naive_time_is_no_instant() -> None:
    with pytest.raises(CalendarError, match="no offset"):
        local_day(at("2026-09-09 10:00").replace(tzinfo=None))


def test_wall_times_in_the_missing_and_the_doubled_hour() -> None:
    missing = wall_time(date(2026, 3, 29), at("2026-03-29 01:30").time())
    assert missing.isoformat() == "2026-03-29T02:30:00+01:00"
    doubled = wall_time(date(2026, 10, 25), at("2026-10-25 01:30").time())
    assert doubled.isoformat() == "2026-10-25T01:30:00+01:00"


def test_seconds_are_cut_off_for_the_record() -> None:
    assert to_the_minute(at("2026-09-09 15:30:59")) == at("2026-09-09 15:30")


FOUR_WEEKS = PeriodLength(28)
LENGTHS = some.sampled_from([FOUR_WEEKS, PeriodLength(7), PeriodLength(1, "months"), PeriodLength(3, "months")])
DAYS = some.dates(date(2015, 1, 1), date(2030, 12, 31))


@given(day=DAYS, anchor=DAYS, length=LENGTHS)
def test_billing_periods_follow_each_other_without_a_gap(day: date, anchor: date, length: PeriodLength) -> None:
    period = period_containing(day, anchor, length)
    assert period.holds(day)
    assert period_containing(period.last_day + timedelta(days=1), anchor, length).first_day > period.last_day
    assert period_containing(period.first_day - timedelta(days=1), anchor, length).last_day < period.first_day
    assert period_containing(anchor, anchor, length).first_day == anchor
    assert period_containing(period.last_day, anchor, length) == period


def test_the_contracts_periods() -> None:
    anchor = date(2026, 9, 7)
    assert period_containing(date(2026, 10, 4), anchor, FOUR_WEEKS) == Period(anchor, date(2026, 10, 4))
    assert period_containing(date(2026, 9, 6), anchor, FOUR_WEEKS).first_day == date(2026, 8, 10)
    assert [period.first_day.day for period in periods_between(anchor, date(2026, 11, 2), anchor, FOUR_WEEKS)] == [
        7,
        5,
        2,
    ]
    assert is_period(Period(anchor, date(2026, 10, 4)), FOUR_WEEKS)
    assert not is_period(Period(anchor, date(2026, 10, 5)), FOUR_WEEKS)
    assert is_period(Period(date(2027, 2, 1), date(2027, 2, 28)), PeriodLength(1, "months"))
    assert not is_period(Period(date(2027, 1, 1), date(2027, 1, 30)), PeriodLength(1, "months"))
    with pytest.raises(CalendarError):
        period_containing(anchor, anchor, PeriodLength(0))


def test_quarters() -> None:
    assert quarter_containing(date(2028, 2, 29)) == Period(date(2028, 1, 1), date(2028, 3, 31))
    assert quarter_containing(date(2026, 12, 31)) == Period(date(2026, 10, 1), date(2026, 12, 31))


def test_a_pack_may_add_bank_holidays_and_vouch_for_later_years() -> None:
    coronation = date(2029, 6, 4)
    known = holidays_with([coronation], date(2029, 12, 31))
    assert known.is_bank_holiday(coronation) and not known.is_bank_holiday(date(2029, 6, 5))
    assert known.add_working_days(date(2029, 6, 1), 1) == date(2029, 6, 5)
    with pytest.raises(CalendarError):
        published_holidays().is_bank_holiday(coronation)

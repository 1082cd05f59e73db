"""Clocks that stand: grounds, the longest stop, and when a duty falls due that stood, in every pack."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy.calendar import end_of_day, wall_time
from marketplace.policy.checking import faults_of
from marketplace.policy.clock_stops import Stood, due_after_stops, grounds, latest_end, standing_or_next
from marketplace.policy.duties import due_at
from marketplace.policy.pack import load_pack
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS

PACKS = [load_pack(LEWISHAM), load_pack(PDPS), load_pack(HARROWDALE)]
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def hours(start: datetime, length: float) -> Stood:
    return Stood(start, start + timedelta(hours=length))


def test_every_pack_says_which_clocks_may_stand_and_the_answer_to_a_referral_never_does() -> None:
    for pack in PACKS:
        assert {rule.decision for rule in pack.content.clock_stops} == {True}
        assert grounds(pack, "plan_signed", START) and not grounds(pack, "referral_response", START)
        wrong = pack.content.clock_stops[0]
        for duty, said in (("referral_response", "the same time"), ("dispute_answer", "not owed by"), ("no", "among")):
            rule = msgspec.structs.replace(wrong, duties=(duty,))
            [fault] = faults_of(msgspec.structs.replace(pack.content, clock_stops=(rule,)))
            assert said in fault.reason


def test_days_stay_whole_hours_move_by_what_stood_working_days_end_on_one() -> None:
    pack = PACKS[0]
    first = due_at(pack, "plan_signed", START)
    assert first == end_of_day(date(2026, 3, 7))
    assert due_after_stops(pack, "plan_signed", START, first, []) == first
    assert due_after_stops(pack, "plan_signed", START, first, [hours(START, 0)]) == first
    assert due_after_stops(pack, "plan_signed", START, first, [hours(START, 1)]) == end_of_day(date(2026, 3, 8))
    two = [hours(START, 20), hours(START + timedelta(days=2), 28)]
    assert due_after_stops(pack, "plan_signed", START, first, two) == end_of_day(date(2026, 3, 9))
    # a night in which the clocks change is one day on the wall
    spring = wall_time(date(2026, 3, 26), START.time())
    late = Stood(wall_time(date(2026, 3, 28), START.time()), wall_time(date(2026, 3, 30), START.time()))
    in_spring = due_at(pack, "plan_signed", spring)
    assert in_spring == end_of_day(date(2026, 3, 31))
    assert due_after_stops(pack, "plan_signed", spring, in_spring, [late]) == end_of_day(date(2026, 4, 2))
    # hours and minutes are elapsed ones
    short = due_at(pack, "safeguarding_report", START)
    assert due_after_stops(pack, "safeguarding_report", START, short, [hours(START, 1.5)]) == short + timedelta(
        minutes=90
    )
    # ten working days from a Monday end on a Monday; moved by two days that is Wednesday, by five the Monday after
    working = due_at(pack, "complaint_response", START)
    moved = {
        days: due_after_stops(pack, "complaint_response", START, working, [hours(START, 24 * days)]) for days in (2, 5)
    }
    assert moved == {2: end_of_day(date(2026, 4, 1)), 5: end_of_day(date(2026, 4, 7))}  # 3 and 6 April: Easter


@given(
    starts=some.timedeltas(timedelta(), timedelta(days=500)).map(lambda since: START + since),
    gaps=some.lists(some.integers(0, 3000), max_size=4),
    pack=some.sampled_from(PACKS),
)
def test_more_standing_is_never_an_earlier_due_moment_nor_less_time_than_stood(starts, gaps, pack) -> None:
    first = due_at(pack, "plan_signed", starts)
    stops, due = [], first
    for minutes in gaps:
        stop = hours(starts + timedelta(days=3 * len(stops)), minutes / 60)
        if stop.starts_at >= due:
            break
        stops.append(stop)
        later = due_after_stops(pack, "plan_signed", starts, first, stops)
        assert later >= due and later - first >= sum((s.ends_at - s.starts_at for s in stops), timedelta()) - timedelta(
            hours=1
        )
        due = later
    [rule, *_] = grounds(pack, "plan_signed", starts)
    assert latest_end(rule, starts, stops) <= starts + timedelta(days=rule.most_days)


def test_a_stop_that_begins_when_the_duty_is_due_already_stops_nothing() -> None:
    pack = PACKS[0]
    first = due_at(pack, "plan_signed", START)
    later = hours(first + timedelta(hours=11), 24)
    assert due_after_stops(pack, "plan_signed", START, first, [later, hours(START, 0)]) == first
    assert due_after_stops(pack, "plan_signed", START, first, [later, hours(START, 20)]) == end_of_day(date(2026, 3, 9))


def test_the_stop_shown_is_the_running_one_then_the_next_then_the_last() -> None:
    one, two = hours(START, 24), hours(START + timedelta(days=3), 24)
    shown = [standing_or_next([two, one], START + timedelta(days=day)) for day in (-1, 0, 2, 3, 9)]
    assert shown == [one, one, two, two, two]
    assert standing_or_next([], START) is None


def test_a_stop_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        Stood(START, START - timedelta(minutes=1))

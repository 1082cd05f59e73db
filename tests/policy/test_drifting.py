"""Drifting: a share that has grown enough, over enough cases, beside something to compare it with."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from marketplace.policy.drifting import Cases, drift, spans
from marketplace.policy.pack import load_pack

PACK = load_pack("lewisham-2017")
ON = date(2026, 5, 11)


def found(before: tuple[int, int], now: tuple[int, int]):
    return drift(PACK, ON, "late_duties", Cases(*before), Cases(*now))


def test_the_last_four_weeks_beside_the_four_before():
    both = spans(PACK, ON)
    assert (both.before, both.since) == (date(2026, 3, 17), date(2026, 4, 14))
    assert (ON - both.since).days + 1 == (both.since - both.before).days == PACK.watch.drift_days


def test_a_share_that_has_grown_is_told_with_its_numbers():
    seen = found((1, 10), (4, 9))
    assert seen is not None and seen.says == "4 of 9 duties were late, 1 of 10 before"
    assert found((0, 30), (3, 30)) is not None  # exactly ten hundredths, exactly three cases
    assert found((0, 31), (3, 31)) is None  # less than ten hundredths
    assert found((0, 2), (2, 2)) is None  # fewer than three cases
    assert found((0, 0), (9, 9)) is None and found((3, 3), (0, 0)) is None  # nothing to compare
    assert found((9, 10), (90, 100)) is None  # asked more often, not worse


@given(of=st.integers(1, 50), more=st.integers(1, 5), counted=st.integers(0, 50))
def test_who_is_asked_more_often_and_fails_as_often_never_drifts(of, more, counted):
    counted = min(counted, of)
    assert found((counted, of), (counted * more, of * more)) is None

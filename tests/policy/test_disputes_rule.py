"""The dispute's rules, sentence by sentence: until when, who alone, and where a waiver's pence go."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy.disputes import deductible_after, dispute_until, in_time, second_officer_needed, split_waiver
from marketplace.policy.invoicing import settle
from marketplace.policy.pack import load_pack
from tests.policy.policy_builders import LEWISHAM, PDPS, at
from tests.policy.test_third_pack import PACK as THIRD

DEDUCTED = at("2026-09-04 10:00")


@pytest.mark.parametrize(
    ("pack", "alone"),
    [(load_pack(LEWISHAM), 5_000), (load_pack(PDPS), 10_000), (THIRD, 2_500)],
    ids=["two officers", "two councils", "third"],
)
def test_four_eyes_begin_a_penny_above_the_packs_sum(pack, alone) -> None:
    assert [second_officer_needed(pack, DEDUCTED, pence) for pence in (alone, alone + 1)] == [False, True]


def test_a_dispute_is_too_late_at_the_very_moment() -> None:
    for pack in (load_pack(LEWISHAM), THIRD):
        until = dispute_until(pack, DEDUCTED)
        assert until is not None
        assert in_time(pack, DEDUCTED, until - timedelta(seconds=1)) and not in_time(pack, DEDUCTED, until)


@given(some.integers(0, 10**6), some.integers(0, 10**6), some.integers(0, 10**6))
def test_waived_at_once_the_provider_stands_as_if_nothing_had_been_deducted(gross, deduction, carried_in) -> None:
    net, out = settle(gross, deduction, carried_in)
    pays, off = split_waiver(deduction, out)
    assert pays >= 0 and 0 <= off <= out and pays + off == deduction
    assert (net + pays) - (out - off) == gross - carried_in
    assert split_waiver(deduction, -5) == (deduction, 0)


def test_the_sum_is_lost_once_and_what_was_forgiven_is_not_asked_for_again() -> None:
    assert deductible_after(True, 0, None, "inaccurate")
    assert not deductible_after(True, 10_000, None, "inaccurate")
    assert deductible_after(True, 10_000, {"late"}, "inaccurate")
    assert not deductible_after(True, 10_000, {"late", "inaccurate"}, "inaccurate")
    assert deductible_after(False, 10_000, None, "inaccurate")

"""Paying: the sum from which two people look, and the last day that is still in time."""

from __future__ import annotations

from datetime import date

import pytest

from marketplace.policy.pack import Pack, load_pack
from marketplace.policy.payments import asked_at_most, clock_of, needs_four_eyes, stands_for_provider

DAY = date(2026, 6, 1)


@pytest.mark.parametrize("name", ["lewisham-2017", "cambridgeshire-peterborough-pdps"])
def test_from_the_packs_sum_on_two_people_look(name: str) -> None:
    pack = load_pack(name)
    least = pack.billing.payment_four_eyes_pence
    assert least is not None
    assert [needs_four_eyes(pack, pence, DAY) for pence in (least - 1, least, least + 1)] == [False, True, True]


def test_a_commissioner_may_ask_for_it_always() -> None:
    pack: Pack = load_pack("lewisham-2017").with_decisions({"settings.billing.payment_four_eyes_pence": 0})
    assert needs_four_eyes(pack, 1, DAY)


def test_how_often_a_credit_note_is_asked_for_and_whether_the_clock_stands_are_the_packs() -> None:
    pack = load_pack("lewisham-2017")
    assert (asked_at_most(pack, DAY), stands_for_provider(pack, DAY)) == (2, True)
    decided = {"settings.billing.credit_note_most_asked": 3, "settings.billing.payment_stands_for_provider": False}
    other = pack.with_decisions(decided)
    assert (asked_at_most(other, DAY), stands_for_provider(other, DAY)) == (3, False)


def test_the_last_day_is_in_time() -> None:
    last = date(2026, 7, 1)
    before, following = date(2026, 6, 30), date(2026, 7, 2)
    assert [clock_of(last, None, day) for day in (before, last, following)] == ["waiting", "waiting", "late"]
    assert [clock_of(last, day, following) for day in (last, following)] == ["paid_in_time", "paid_late"]

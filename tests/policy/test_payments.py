"""Paying: the sum from which two people look, and the last day that is still in time."""

from __future__ import annotations

from datetime import date

import pytest

from marketplace.policy.pack import Pack, load_pack
from marketplace.policy.payments import clock_of, needs_four_eyes

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


def test_the_last_day_is_in_time() -> None:
    last = date(2026, 7, 1)
    before, following = date(2026, 6, 30), date(2026, 7, 2)
    assert [clock_of(last, None, day) for day in (before, last, following)] == ["waiting", "waiting", "late"]
    assert [clock_of(last, day, following) for day in (last, following)] == ["paid_in_time", "paid_late"]

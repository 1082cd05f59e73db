"""Longer time approved after its visit was billed: in all exactly what it would have cost at once, to each payer."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy import calculators
from marketplace.policy.casefile import CaseFaults
from marketplace.policy.facts import Longer, OtherLine, Visit, VisitWorker
from marketplace.policy.funding import Share, Shares, part_of, part_of_longer
from marketplace.policy.invoicing import draft_claim
from marketplace.policy.other_lines import judge_others
from marketplace.policy.pack import load_pack
from marketplace.policy.pricing import longer_prices, price_visit
from tests.policy.policy_builders import LEWISHAM, as_bytes, invoice, rates, visit

PACK = load_pack(LEWISHAM)
CARD = rates("C", "day_care", 2150, 2365, 2581, 3227)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
OF_IT = {
    "planned_start": "2026-09-09T16:00:00+01:00", "planned_end": "2026-09-09T18:00:00+01:00",
    "actual_start": "2026-09-09T16:00:00+01:00", "actual_end": "2026-09-09T19:00:00+01:00",
}  # fmt: skip
SHARES = (Share("a", 3333), Share("b", 3333), Share("c", 3334))


def a_visit(start: datetime, planned: int, lasted: int, workers: int = 1, **more: Any) -> Visit:
    minutes = timedelta(minutes=1)
    return Visit(
        id="v", lot="C", activity="day_care", planned_start=start, planned_end=start + planned * minutes,
        outcome="delivered", workers=tuple(VisitWorker(str(n), True) for n in range(workers)),
        actual_start=start, actual_end=start + lasted * minutes, activities="a", family_signed=True, **more,
    )  # fmt: skip


def a_line(longer: Longer | None) -> OtherLine:
    return OtherLine(
        id="l", kind="longer_time", day=date(2026, 9, 15), units=1, cost_pence=0, evidenced=True, agreement=None,
        longer=longer,
    )  # fmt: skip


def rise(longer: Longer) -> int:
    then, now = longer_prices(PACK, CARD, longer)
    return now - then


@given(
    some.integers(0, 300 * 1440).map(lambda minute: MARCH + timedelta(minutes=minute)),
    some.integers(1, 600),
    some.integers(1, 900),
    some.lists(some.integers(1, 1000), min_size=1, max_size=4, unique=True).map(sorted),
    some.integers(1, 3),
)
def test_approved_bit_by_bit_it_costs_what_it_costs_at_once(
    start: datetime, planned: int, lasted: int, approvals: list[int], workers: int
) -> None:
    billed = a_visit(start, planned, lasted, workers)
    first = price_visit(PACK, CARD, billed).pence or 0
    added = [
        rise(Longer(visit=billed, billed_minutes=then, approved_minutes=now))
        for then, now in zip([None, *approvals], approvals, strict=False)
    ]
    at_once = msgspec.structs.replace(billed, overrun_approved=True, approved_minutes=approvals[-1])
    assert all(pence >= 0 for pence in added)
    assert first + sum(added) == price_visit(PACK, CARD, at_once).pence
    # and every payer's parts make the whole, whoever is asked
    longer = Longer(
        visit=msgspec.structs.replace(billed, shares=SHARES), billed_minutes=None, approved_minutes=approvals[-1]
    )
    parts = [judge_others(PACK, (a_line(longer),), None, CARD, payer)[0].payable_pence for payer in "abc"]
    assert sum(parts) == sum(added)


TWO = (Share("a", 5000), Share("b", 5000))
THREE = (Share("a", 4286), Share("b", 4286), Share("c", 1428))  # of 10p c pays 2, of 11p 1


def shares_of(weights: list[int]) -> Shares:
    """So many payers by these weights, in basis points that make the whole."""
    points = [max(1, weight * 9_000 // sum(weights)) for weight in weights]
    points[0] += 10_000 - sum(points)
    return tuple(Share(chr(97 + n), each) for n, each in enumerate(points))


@given(
    some.integers(0, 100_000),
    some.lists(some.one_of(some.integers(0, 12), some.integers(0, 5_000)), max_size=6),
    some.one_of(
        some.sampled_from([TWO, THREE, SHARES, (Share("a", 6667), Share("b", 3333))]),
        some.lists(some.integers(1, 100), min_size=2, max_size=6).map(shares_of),
    ),
    some.randoms(use_true_random=False),
)
def test_payers_billed_in_any_order_pay_the_whole_together_at_every_step(
    first: int, rises: list[int], shares: Shares, order: random.Random
) -> None:
    # the visit at the price somebody was billed first, then line by line: each payer's invoices come when they come
    prices = list(accumulate(rises, initial=first))
    waiting = {
        share.payer: [
            part_of(first, shares, share.payer),
            *(part_of_longer(then, now, shares, share.payer) for then, now in pairwise(prices)),
        ]
        for share in shares
    }
    assert all(pence >= 0 for lines in waiting.values() for pence in lines)
    billed = dict.fromkeys(waiting, 0)
    done = dict.fromkeys(waiting, 0)
    while behind := [payer for payer in waiting if done[payer] < len(prices)]:
        payer = order.choice(behind)
        billed[payer] += waiting[payer][done[payer]]
        done[payer] += 1
        if len(set(done.values())) == 1:
            assert sum(billed.values()) == prices[done[payer] - 1]
    assert sum(billed.values()) == prices[-1]


def test_an_odd_penny_is_paid_once() -> None:
    # 21.01 billed to one payer of two halves, 31.52 in all: the other pays in the same steps, whenever it is billed
    paid = [part_of(2101, TWO, payer) + part_of_longer(2101, 3152, TWO, payer) for payer in "ab"]
    assert paid == [1576, 1576]
    # of three, one would get a penny back: the difference alone is shared out, and nobody is billed below nothing
    assert (part_of(10, THREE, "c"), part_of(11, THREE, "c")) == (2, 1)
    assert [part_of_longer(10, 11, THREE, payer) for payer in "abc"] == [1, 0, 0]
    # where a part merely does not grow, each still pays what its own part grows by
    assert [part_of_longer(1, 2, SHARES, payer) for payer in "abc"] == [1, 0, 0]
    assert part_of_longer(100, 103, (), "a") == 3 and part_of_longer(100, 103, TWO, "x") == 0


def test_it_is_billed_at_its_price_and_on_its_approval() -> None:
    # two hours planned at 21.50, three lasted, 45 minutes of the third approved
    billed = a_visit(datetime(2026, 9, 9, 15, 0, tzinfo=UTC), 120, 180)
    longer = Longer(visit=billed, billed_minutes=None, approved_minutes=165)
    assert rise(longer) == 1613
    assert rise(msgspec.structs.replace(longer, billed_minutes=165)) == 0
    # what was approved before and has been billed stays billed: less is nothing, never a sum back
    assert rise(msgspec.structs.replace(longer, billed_minutes=170)) == 0
    unknown = msgspec.structs.replace(billed, actual_end=None)
    assert rise(msgspec.structs.replace(longer, visit=unknown)) == 0
    (judged,) = judge_others(PACK, (a_line(longer),), None, CARD)
    assert (judged.price_pence, judged.payable_pence, judged.faults) == (1613, 1613, ())
    for claimed, payable, faults in (
        ({}, 0, ()),
        ({"l": [1613]}, 1613, ()),
        ({"l": [1614]}, 1613, ("beyond_agreement",)),
    ):
        (judged,) = judge_others(PACK, (a_line(longer),), claimed, CARD)
        assert (judged.price_pence, judged.payable_pence, judged.faults) == (1613, payable, faults)
    (judged,) = judge_others(PACK, (a_line(None),), {"l": [1]}, CARD)
    assert (judged.payable_pence, judged.faults) == (0, ("no_agreement",))
    claim = draft_claim(PACK, CARD, (), others=(a_line(longer),))
    assert [(line.visit, line.pence) for line in claim.lines] == [("l", 1613)]
    shared = msgspec.structs.replace(longer, visit=msgspec.structs.replace(billed, shares=SHARES))
    assert [draft_claim(PACK, CARD, (), payer, (a_line(shared),)).total_pence for payer in "abc"] == [538, 538, 537]


def test_a_case_file_holds_the_visit_it_belongs_to() -> None:
    case = invoice([], {"l": 1500})
    # 16:00 to 18:00 planned, an hour longer than that
    longer = {"visit": visit("v") | OF_IT, "billed_minutes": None, "approved_minutes": 165}
    line = {
        "id": "l", "kind": "longer_time", "day": "2026-09-15", "units": 45, "cost_pence": 0, "evidenced": True,
        "billed_pence": 0, "agreement": None, "longer": longer,
    }  # fmt: skip
    judged = calculators.invoice(as_bytes(case | {"other_lines": [line]}))
    assert (judged["gross_pence"], judged["defects"]) == (1500, [])
    assert judged["other_lines"] == [{"id": "l", "price_pence": 1500, "payable_pence": 1500, "faults": []}]
    for wrong, said in (
        ({"approved_minutes": -1}, "approved_minutes: must not be negative"),
        ({"visit": visit("v") | {"lot": "Z"}}, "is not a known lot"),
        ({"visit": longer["visit"] | {"activity": "waking_night"}}, "holds no rate"),
    ):
        with pytest.raises(CaseFaults, match=said):
            calculators.invoice(as_bytes(case | {"other_lines": [line | {"longer": longer | wrong}]}))

"""What a bought visit keeps and what goes back, for every outcome; sums exact."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.policy.facts import Visit, VisitWorker
from marketplace.policy.pack import load_pack
from marketplace.policy.purchases import Paid, Settled, kept_pence, part, settle
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS, at, rate

PACK = load_pack(PDPS)
PRICE = 6262  # 121 minutes at 3,105 pence an hour, rounded half up
DAY = date(2026, 9, 9)
CARD = rate(3105, lot="HLFS")


def a_visit(outcome: str, ended: str = "17:31", workers: int = 1, **more: Any) -> Visit:
    if outcome == "delivered":
        more |= {"actual_start": at("2026-09-09 15:30"), "actual_end": at(f"2026-09-09 {ended}")}
    return Visit(
        id="v", lot="HLFS", activity="day_care", planned_start=at("2026-09-09 15:30"),
        planned_end=at("2026-09-09 17:31"), outcome=outcome, workers=(VisitWorker("Worker 1", True),) * workers,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("visit", "kept"),
    [
        (a_visit("delivered"), PRICE),
        (a_visit("delivered", "18:30"), PRICE),  # longer than bought, nobody approved it
        (a_visit("delivered", "16:30"), 3105),  # an hour
        (a_visit("delivered", "18:30", overrun_approved=True), PRICE),  # never more than was paid
        (a_visit("cancelled_by_provider"), 0),
        (a_visit("missed"), 0),
        (a_visit("cancelled_by_family", notice_at=at("2026-09-08 15:30")), 0),
        (a_visit("cancelled_by_family", notice_at=at("2026-09-08 15:31")), 3131),
        (a_visit("cancelled_on_arrival"), PRICE),
    ],
    ids=["whole", "longer", "an hour", "approved", "provider", "missed", "in time", "late", "on arrival"],
)
def test_each_outcome_keeps_what_the_commissioner_would_pay(visit: Visit, kept: int) -> None:
    settled = settle(PACK, CARD, visit, Paid(PRICE))
    assert settled == Settled(kept, PRICE - kept, 0)


def test_rates_that_changed_since_never_take_more_than_was_paid() -> None:
    dearer, cheaper = rate(6210, lot="HLFS"), rate(3000, lot="HLFS")
    late = a_visit("cancelled_by_family", notice_at=at("2026-09-09 12:00"))
    assert settle(PACK, dearer, a_visit("delivered"), Paid(PRICE)) == Settled(PRICE, 0, 0)
    assert settle(PACK, dearer, late, Paid(PRICE)) == Settled(3131, 3131, 0)  # half of what was paid
    assert settle(PACK, cheaper, a_visit("delivered"), Paid(PRICE)) == Settled(6050, 212, 0)
    assert settle(PACK, (), a_visit("missed"), Paid(PRICE)) == Settled(0, PRICE, 0)  # nothing needs no rate
    assert settle(PACK, (), a_visit("delivered"), Paid(PRICE)) is None


def test_two_workers_bought_and_one_came() -> None:
    assert settle(PACK, CARD, a_visit("delivered"), Paid(2 * PRICE)) == Settled(PRICE, PRICE, 0)


def test_a_record_without_times_is_not_settled_yet() -> None:
    unfinished = Visit(
        id="v", lot="HLFS", activity="day_care", planned_start=at("2026-09-09 15:30"),
        planned_end=at("2026-09-09 17:31"), outcome="delivered", workers=(VisitWorker("Worker 1", False),),
    )  # fmt: skip
    assert settle(PACK, CARD, unfinished, Paid(PRICE)) is None


def test_whose_money_goes_back_first_is_the_packs() -> None:
    paid = Paid(4000, 2262)
    assert part(PACK, DAY, paid, 5000) == Settled(5000, 0, 1262)
    assert part(PACK, DAY, paid, 3000) == Settled(3000, 1000, 2262)
    assert part(load_pack(HARROWDALE), DAY, paid, 3000) == Settled(3000, 3262, 0)
    for name in (LEWISHAM, PDPS):
        assert "settings.purchases.own_money_back_first" in {each.key for each in load_pack(name).decisions()}
    for wrong in (-1, 6263):
        with pytest.raises(ValueError, match="not paid"):
            part(PACK, DAY, paid, wrong)


@given(
    st.integers(0, 100_000), st.integers(0, 100_000), st.integers(0, 100_000), st.integers(0, 100_000), st.booleans()
)
def test_what_is_kept_and_what_goes_back_is_what_was_paid(
    budget: int, own: int, whole: int, charged: int, ours: bool
) -> None:
    paid = Paid(budget, own)
    kept = kept_pence(paid.pence, whole, charged)
    assert 0 <= kept <= paid.pence
    if whole == paid.pence:
        assert kept == min(charged, whole)
    settled = part(PACK if ours else load_pack(HARROWDALE), DAY, paid, kept)
    assert settled.kept_pence + settled.budget_back_pence + settled.own_back_pence == paid.pence
    assert 0 <= settled.budget_back_pence <= budget and 0 <= settled.own_back_pence <= own

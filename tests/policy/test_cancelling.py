"""What a cancellation costs and takes off the allocation, by the packs' shares (P 5.1 to 5.4)."""

from typing import Any

import pytest

from marketplace.policy.cancelling import cancellation_terms
from marketplace.policy.facts import RateRow, Visit, VisitWorker
from marketplace.policy.pack import load_pack
from tests.policy.policy_builders import LEWISHAM, PDPS, at, rate


def a_visit(outcome: str, **more: Any) -> Visit:
    return Visit(
        id="v", lot="HLFS", activity="day_care",
        planned_start=at("2026-09-09 15:30"), planned_end=at("2026-09-09 17:31"),
        outcome=outcome, workers=(VisitWorker("Worker 1", False),), **more,  # type: ignore[arg-type]
    )  # fmt: skip


CARD: tuple[RateRow, ...] = rate(3105, lot="HLFS")
WHOLE = 6262  # 121 minutes at 3,105 pence an hour, rounded half up


@pytest.mark.parametrize(
    ("outcome", "notice", "expected"),
    [
        ("cancelled_by_family", "2026-09-08 15:30", (0, 0, 0, False, True)),
        ("cancelled_by_family", "2026-09-08 15:31", (50, 3131, 61, False, True)),
        ("cancelled_on_arrival", None, (100, WHOLE, 121, False, False)),
        ("cancelled_by_provider", None, (0, 0, 0, True, False)),
        ("missed", None, (0, 0, 0, True, False)),
    ],
    ids=["in time", "late", "on arrival", "by the provider", "missed"],
)
def test_the_share_of_the_price_comes_off_the_allocation_as_well(
    outcome: str, notice: str | None, expected: Any
) -> None:
    terms = cancellation_terms(load_pack(PDPS), CARD, a_visit(outcome, notice_at=at(notice) if notice else None))
    assert (terms.whole_pence, terms.minutes) == (WHOLE, 121)
    found = terms.percent, terms.charged_pence, terms.taken_minutes, terms.made_up, terms.may_be_asked_again
    assert found == expected


def test_without_a_rate_the_share_is_told_and_no_sum() -> None:
    terms = cancellation_terms(load_pack(PDPS), (), a_visit("cancelled_on_arrival"))
    assert (terms.percent, terms.charged_pence, terms.whole_pence, terms.taken_minutes) == (100, None, None, 121)
    free = cancellation_terms(load_pack(PDPS), (), a_visit("missed"))
    assert (free.charged_pence, free.whole_pence) == (0, None)


def test_where_the_specification_is_silent_nothing_is_charged() -> None:
    late = a_visit("cancelled_by_family", notice_at=at("2026-09-09 15:00"))
    assert cancellation_terms(load_pack(LEWISHAM), CARD, late).charged_pence == 0

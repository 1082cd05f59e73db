"""What repeats falls due by the pack's months, from the last time or from the admission."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.policy.calendar import local_day, midnight
from marketplace.policy.pack import load_pack
from marketplace.policy.repeating import PLAN_REVIEW, asked_from, to_declare_again, turn
from tests.policy.policy_builders import HARROWDALE

ADMITTED = date(2026, 4, 6)
NOVEMBER = date(2026, 11, 2)


def turns(name: str, declared: dict[str, date]) -> dict[str, tuple[date, datetime]]:
    found = to_declare_again(load_pack(name), NOVEMBER, ADMITTED, declared)
    return {each.rule_key: (each.began_on, each.due_at) for each in found}


def test_from_the_admission_then_from_the_last_time() -> None:
    late_from = datetime(2026, 10, 6, 23, tzinfo=UTC)  # the end of 6 October in London
    assert turns("lewisham-2017", {}) == {"making_it_real": (ADMITTED, late_from)}
    again = turns("lewisham-2017", {"making_it_real": date(2026, 9, 30), "living_wage": NOVEMBER})
    assert again == {"making_it_real": (date(2026, 9, 30), datetime(2027, 3, 30, 23, tzinfo=UTC))}
    # what had run out before the admission was never owed here
    assert turns("lewisham-2017", {"making_it_real": date(2025, 9, 1)})["making_it_real"][0] == ADMITTED


def test_the_papers_have_one_turn_and_the_toolkit_its_own() -> None:
    pack = load_pack("cambridgeshire-peterborough-pdps")
    papers = {rule.key: date(2026, 6, 1) for rule in pack.content.documents}
    found = turns("cambridgeshire-peterborough-pdps", papers | {"autism_toolkit": date(2026, 5, 1)})
    assert {key: began for key, (began, _) in found.items()} == {
        "autism_toolkit": date(2026, 5, 1), "policy_review": date(2026, 6, 1),
    }  # fmt: skip
    assert turns("cambridgeshire-peterborough-pdps", {})["policy_review"][0] == ADMITTED
    missing = papers | {"complaints": date(2026, 5, 20)}
    assert turns("cambridgeshire-peterborough-pdps", missing)["policy_review"][0] == date(2026, 5, 20)


@pytest.mark.parametrize(
    ("name", "due_at"),
    [
        ("lewisham-2017", datetime(2026, 11, 13, tzinfo=UTC)),
        ("cambridgeshire-peterborough-pdps", datetime(2026, 8, 12, 23, tzinfo=UTC)),
    ],
)
def test_a_plan_is_reviewed_after_the_packs_months_and_asked_for_from_its_first_warning(
    name: str, due_at: datetime
) -> None:
    pack = load_pack(name)
    found = turn(pack, PLAN_REVIEW, date(2026, 5, 12), NOVEMBER)
    assert found is not None and found.due_at == due_at
    assert midnight(local_day(found.due_at) - timedelta(days=85)) == asked_from(pack, due_at)


def test_a_pack_without_such_duties_asks_for_nothing() -> None:
    pack = load_pack(HARROWDALE)
    assert turn(pack, PLAN_REVIEW, date(2026, 5, 12), NOVEMBER) is None
    assert to_declare_again(pack, NOVEMBER, ADMITTED, {}) == ()

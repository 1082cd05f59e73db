"""What gives cause for a suspension, and when a plan has been followed: the same cause is the same for ever."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.policy.facts import Admission, ProviderFacts
from marketplace.policy.pack import load_pack
from marketplace.policy.standing import provider_standing, standing_state
from marketplace.policy.suspending import (
    ActionFacts,
    PlanFacts,
    ground,
    lots_of,
    not_engaged,
    room,
    still_to_do,
    suspends_by_itself,
)
from tests.policy.policy_builders import HARROWDALE

DAY = date(2026, 5, 11)
LEWISHAM = load_pack("lewisham-2017")
STATES = st.sampled_from(["open", "done", "signed_off", "withdrawn"])


def as_facts(found: list[tuple[int, str]]) -> tuple[ActionFacts, ...]:
    return tuple(ActionFacts(str(n), DAY + timedelta(days=day), state) for n, (day, state) in enumerate(found))  # type: ignore[arg-type]


ACTIONS = st.lists(st.tuples(st.integers(0, 20), STATES), max_size=5).map(as_facts)


@given(actions=ACTIONS, answered=st.booleans(), missed=st.booleans(), looks=st.lists(st.integers(0, 40), max_size=12))
def test_however_often_it_is_looked_at_each_cause_comes_up_as_itself(actions, answered, missed, looks):
    plan = PlanFacts(suspension="s", answered=answered, answer_missed=missed, actions=actions)
    seen: set[str] = set()
    for day in sorted(looks):
        causes = [cause for cause, _ in not_engaged(plan, DAY + timedelta(days=day))]
        assert len(set(causes)) == len(causes)
        assert seen <= set(causes)  # what gave cause once still does, under the same name: a store of names fires once
        seen |= set(causes)
    late = {each.id for each in actions if each.state == "open"}
    assert {action for _, action in not_engaged(plan, DAY + timedelta(days=99))} - {""} == late


def test_the_last_day_counts_and_a_later_day_is_another_cause():
    plan = PlanFacts(suspension="s", answered=True, answer_missed=True, actions=(ActionFacts("a", DAY, "open"),))
    assert not_engaged(plan, DAY) == ()
    ((first, action),) = not_engaged(plan, DAY + timedelta(days=1))
    assert action == "a"
    moved = PlanFacts(
        suspension="s", answered=True, answer_missed=True, actions=(ActionFacts("a", DAY + timedelta(days=5), "open"),)
    )
    ((second, _),) = not_engaged(moved, DAY + timedelta(days=6))
    assert second != first
    silent = PlanFacts(suspension="s", answered=False, answer_missed=True)
    assert not_engaged(silent, DAY) == (("no answer to s", ""),)


def test_only_what_is_signed_off_or_withdrawn_stands_against_lifting_no_more():
    actions = [ActionFacts(s, DAY, s) for s in ("open", "done", "signed_off", "withdrawn")]  # type: ignore[arg-type]
    assert still_to_do(actions) == 2
    assert (room(2, 0), room(2, 2), room(2, 5)) == (2, 0, 0)


@pytest.mark.parametrize(
    ("key", "asked", "lots"),
    [("quality_failing", None, (None,)), ("quality_failing", "C", ("C",)), ("cqc_lapsed", None, None)],
)
def test_a_rule_says_whether_it_imposes_and_on_which_lots(key, asked, lots):
    rule = ground(LEWISHAM, DAY, key)
    assert rule is not None and suspends_by_itself(rule)
    regulated = tuple(code for code, lot in LEWISHAM.lots.items() if lot.regulated)
    found = lots_of(LEWISHAM, DAY, rule, asked, tuple(LEWISHAM.lots))
    assert found == (regulated if lots is None else lots)


def test_a_pack_without_a_ground_makes_nothing_of_it():
    assert ground(load_pack(HARROWDALE), date(2026, 9, 1), "plan_not_followed") is None
    requirement = {
        rule.key: rule.requirement for rule in load_pack("cambridgeshire-peterborough-pdps").content.suspensions
    }
    assert requirement["toolkit_not_met"] == "safeguarding_toolkit"


@pytest.mark.parametrize(
    ("facts", "state", "reached"),
    [
        ({}, "active", True),
        ({"room": 2}, "restricted", True),
        ({"room": 0}, "restricted", False),
        ({"room": 0, "paused": True}, "paused", False),
        ({"room": 2, "suspended": True}, "suspended", False),
        ({"suspended_lots": ("C",)}, "suspended", False),
        ({"suspended_lots": ("A",)}, "active", True),
        ({"insurance_until": None}, "suspended", False),
        ({"admissions": (Admission("C", DAY - timedelta(days=9), DAY - timedelta(days=1)),)}, "ended", False),
        ({"admissions": ()}, "not admitted", False),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, dict) else str(value),
)
def test_one_word_for_a_provider_on_a_lot(facts, state, reached):
    whole = {
        "id": "p", "admissions": (Admission("C", DAY),), "suspended": False, "cqc_registered": True,
        "insurance_until": DAY,
    }  # fmt: skip
    provider = ProviderFacts(**(whole | facts))
    judged = provider_standing(LEWISHAM, "C", DAY, provider)
    assert judged.reached is reached
    assert standing_state(judged.reasons, provider, "C", DAY) == state

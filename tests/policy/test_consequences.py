"""What a missed duty leads to, as each pack says it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from marketplace.policy.checking import faults_of
from marketplace.policy.duties import Consequence, consequences
from marketplace.policy.pack import Pack, load_pack
from tests.policy.policy_builders import HARROWDALE

JUNE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def with_duty(pack: Pack, key: str, **changes: str | None) -> Pack:
    """The pack with one duty changed."""
    duties = tuple(
        msgspec.structs.replace(duty, **changes) if duty.key == key else duty for duty in pack.content.duties
    )
    return Pack(msgspec.structs.replace(pack.content, duties=duties))


def test_a_missed_answer_counts_against_the_measure_with_its_clause():
    for name in ("lewisham-2017", "cambridgeshire-peterborough-pdps"):
        pack = load_pack(name)
        [found] = consequences(pack, "referral_response", JUNE)
        assert pack.kpis["referrals_answered"].title in found.sentence
        assert found.clause == pack.kpis["referrals_answered"].clause


def test_an_unanswered_plan_proposes_a_suspension_or_suspends_as_the_pack_says():
    pack = load_pack("lewisham-2017")
    [found] = consequences(pack, "plan_response", JUNE)
    assert found == Consequence("A suspension is proposed: no engagement with the action plan.", "P 13.6")
    suspensions = tuple(
        msgspec.structs.replace(each, effect="automatic") if each.key == "plan_not_followed" else each
        for each in pack.content.suspensions
    )
    [found] = consequences(Pack(msgspec.structs.replace(pack.content, suspensions=suspensions)), "plan_response", JUNE)
    assert found.sentence == "It suspends by itself: no engagement with the action plan."


def test_nothing_is_said_where_the_pack_attaches_nothing():
    pack = load_pack("lewisham-2017")
    assert consequences(pack, "making_it_real", JUNE) == ()
    assert consequences(pack, "task.look", JUNE) == ()


def test_another_councils_pack_says_its_own():
    [found] = consequences(load_pack(HARROWDALE), "moon_report", JUNE)
    assert found == Consequence("A suspension is proposed: insurance lapsed.", "H 7.2")


@pytest.mark.parametrize("field", ["counts_in", "gives_cause"])
def test_a_pack_that_names_what_it_has_not_is_faulty(field: str):
    faulty = with_duty(load_pack("lewisham-2017"), "plan_signed", **{field: "nowhere"})
    assert f"duties.plan_signed.{field}" in " ".join(str(fault) for fault in faults_of(faulty.content))

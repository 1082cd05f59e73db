"""The risk assessment, and the plan until it is in force: who signs what, and what is signed."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from marketplace.packages import plan_actions, queries, setup_actions
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.facts import WeeklySlot
from tests.world import packages, people, providers, referrals


async def test_the_duties_of_set_up_are_met_by_arranging_and_by_the_last_signature(case, migrator, clock):
    async def open_duties() -> set[str]:
        rows = await migrator.fetch(
            "SELECT rule_key FROM obligation WHERE package_id = $1 AND met_at IS NULL AND cancelled_at IS NULL",
            case.package_id,
        )
        return {row["rule_key"] for row in rows}

    assert await open_duties() == {"risk_assessment_arranged", "plan_signed"}
    await setup_actions.arrange_risk_assessment(case.manager, case.package_id, await ask(case.manager, providers.today))
    assert await open_duties() == {"plan_signed"}
    clock.move(timedelta(hours=1))
    plan_id = await packages.written_plan(case)
    fingerprint = await plan_actions.share_plan(case.manager, plan_id)
    assert await open_duties() == {"plan_signed", "task.sign_plan"}
    assert not await plan_actions.sign_plan(case.referrer, plan_id, text_hash=fingerprint)
    assert "plan_signed" in await open_duties()
    assert await plan_actions.sign_plan(case.family, plan_id, text_hash=fingerprint)
    assert await open_duties() == set()
    assert (await ask(case.family, queries.plan, plan_id)).state == "signed"


async def test_a_signature_holds_the_hash_of_exactly_the_text_that_is_shown(case, migrator):
    plan_id = await packages.signed_plan(case)
    version = await ask(case.family, queries.plan, plan_id)
    shown = (await ask(case.family, queries.plan_text, version, await case.package())).text
    hashes = await migrator.fetch(
        "SELECT side, text_hash, method, person_id FROM signature WHERE subject_id = $1", plan_id
    )
    assert {row["text_hash"] for row in hashes} == {hashlib.sha256(shown.encode()).hexdigest()}
    assert {(row["side"], row["person_id"]) for row in hashes} == {
        ("family", case.family.person_id), ("referrer", case.referrer.person_id)
    }  # fmt: skip
    for part in ("No screens in the first hour", "Monday and Wednesday, 4pm to 6pm", "blue inhaler", "version 1"):
        assert part in shown
    assert "Maya" not in shown


async def test_a_plan_is_shared_only_after_the_risk_assessment(case):
    package = await case.package()
    plan_id = await plan_actions.write_plan(
        case.manager, case.package_id, packages.plan_content([WeeklySlot(0, "16:00", "18:00", "home_support")])
    )
    with pytest.raises(Conflict, match="risk assessment first"):
        await plan_actions.share_plan(case.manager, plan_id)
    with pytest.raises(InvalidInput) as early:
        await setup_actions.arrange_risk_assessment(case.manager, package.id, package.starts_on - timedelta(days=30))
    assert "on" in early.value.fields


async def test_what_is_missing_in_a_plan_is_said_field_by_field(case):
    with pytest.raises(InvalidInput) as fault:
        await packages.written_plan(case, outcomes=" ", risks="​", feedback="x" * 7000)
    assert set(fault.value.fields) == {"outcomes", "risks", "feedback"}
    with pytest.raises(InvalidInput) as times:
        await packages.written_plan(case, pattern=[WeeklySlot(0, "16:00", "18:00", "juggling")])
    assert set(times.value.fields) == {"pattern"}


async def test_the_wrong_text_and_a_second_signature_are_refused(case):
    plan_id = await packages.written_plan(case)
    fingerprint = await plan_actions.share_plan(case.manager, plan_id)
    with pytest.raises(Conflict, match="changed since you opened it"):
        await plan_actions.sign_plan(case.family, plan_id, text_hash="0" * 64)
    await plan_actions.sign_plan(case.family, plan_id, text_hash=fingerprint)
    with pytest.raises(WrongState, match="signed this plan already"):
        await plan_actions.sign_plan(case.family, plan_id, text_hash=fingerprint)
    with pytest.raises(WrongState):
        await plan_actions.share_plan(case.manager, plan_id)


async def test_only_those_with_the_right_sign(world):
    case = await packages.awarded(world)
    uncle = await referrals.family_of(case.referrer, case.child_id, "Uncle Tom", ("see_plan", "see_visits"))
    stranger = await people.family_member(case.referrer, "Other Family")
    colleague = await people.person_in(world.admin, "referrer", "Cole League")
    plan_id = await packages.written_plan(case)
    fingerprint = await plan_actions.share_plan(case.manager, plan_id)
    with pytest.raises(NotPermitted, match="signing it is for others"):
        await plan_actions.sign_plan(uncle, plan_id, text_hash=fingerprint)
    with pytest.raises(NotFound):
        await plan_actions.sign_plan(stranger, plan_id, text_hash=fingerprint)
    with pytest.raises(NotPermitted, match="colleague's case"):
        await plan_actions.sign_plan(colleague, plan_id, text_hash=fingerprint)
    with pytest.raises(NotPermitted):
        await plan_actions.sign_plan(case.manager, plan_id, text_hash=fingerprint)
    with pytest.raises(NotFound):
        await plan_actions.return_plan(stranger, plan_id, reason="No")


async def test_parents_with_joint_access_sign_together(world):
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id, jointly=True)
    father = await referrals.family_of(world.referrer, child_id, "Obi Okonkwo", ("see_plan", "sign_plan"), jointly=True)
    case = await packages.awarded(world, child_id=child_id, family=mother)
    plan_id = await packages.written_plan(case)
    fingerprint = await plan_actions.share_plan(case.manager, plan_id)
    await plan_actions.sign_plan(case.referrer, plan_id, text_hash=fingerprint)
    assert not await plan_actions.sign_plan(mother, plan_id, text_hash=fingerprint)
    assert await plan_actions.sign_plan(father, plan_id, text_hash=fingerprint)


async def test_where_nobody_may_sign_the_referrer_says_why_it_stands_alone(world):
    case = await packages.awarded(world, rights=("see_plan", "choose"))
    plan_id = await packages.written_plan(case)
    fingerprint = await plan_actions.share_plan(case.manager, plan_id)
    with pytest.raises(InvalidInput) as fault:
        await plan_actions.sign_plan(case.referrer, plan_id, text_hash=fingerprint)
    assert "no_family_reason" in fault.value.fields
    reason = "The carers have no parental responsibility; the council holds it."
    assert await plan_actions.sign_plan(case.referrer, plan_id, text_hash=fingerprint, no_family_reason=reason)


async def test_a_plan_sent_back_is_changed_as_a_new_version_while_the_old_one_stays_in_force(case):
    first = await packages.signed_plan(case)
    second = await packages.written_plan(case, risks="Also: ask before crossing roads.")
    fingerprint = await plan_actions.share_plan(case.manager, second)
    with pytest.raises(WrongState, match="waiting for signatures"):
        await packages.written_plan(case)
    with pytest.raises(InvalidInput):
        await plan_actions.return_plan(case.family, second, reason=" ")
    await plan_actions.return_plan(case.family, second, reason="She is fine on roads now.")
    with pytest.raises(WrongState):
        await plan_actions.sign_plan(case.referrer, second, text_hash=fingerprint)
    assert (await ask(case.manager, queries.signed_plan, case.package_id)).id == first
    third = await packages.signed_plan(case, risks="Holds hands near water.")
    states = {each.id: each.state for each in await ask(case.manager, queries.plans, case.package_id)}
    assert states == {first: "superseded", second: "returned", third: "signed"}

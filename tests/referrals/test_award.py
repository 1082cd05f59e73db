"""An award needs both sides' acceptance of one version, standing and readiness at that moment, and happens once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from marketplace.packages.award import award_offer, undo_award
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.providers.actions import pause, suspend
from marketplace.providers.workforce import stand_down
from marketplace.referrals import award, granting
from tests.referrals import laid
from tests.world import people, referrals


@dataclass
class Case:
    """Two offers for one child, the mother asked to choose."""

    child_id: UUID
    referral_id: UUID
    mother: Actor
    offers: list[UUID]


@pytest.fixture
async def case(world: referrals.World) -> Case:
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id)
    referral_id = await referrals.broadcast(world, child_id)
    offers = [
        await laid.offer(provider, referral_id, world.workers[provider.organisation_id])
        for provider in world.providers[:2]
    ]
    return Case(child_id, referral_id, mother, offers)


async def test_the_award_makes_a_package_and_opens_the_child_to_that_provider_alone(world, case, migrator):
    await laid.family_choice(case.mother, case.offers[0])
    package_id = await award_offer(world.referrer, case.offers[0], version=1)
    package = await migrator.fetchrow("SELECT * FROM package WHERE id = $1", package_id)
    assert (package["provider_id"], package["state"]) == (world.providers[0].organisation_id, "set_up")
    assert await migrator.fetchval("SELECT share_basis_points FROM package_funding") == 10_000
    assert await migrator.fetchval("SELECT count(*) FROM package_worker") == 2
    states = dict(await migrator.fetch("SELECT id, state FROM offer"))
    assert states == {case.offers[0]: "awarded", case.offers[1]: "not_chosen"}
    assert await migrator.fetchval("SELECT state FROM referral WHERE id = $1", case.referral_id) == "awarded"
    duties = await migrator.fetch(
        "SELECT rule_key, due_at FROM obligation WHERE package_id = $1 ORDER BY due_at", package_id
    )
    assert [duty["rule_key"] for duty in duties] == ["risk_assessment_arranged", "plan_signed"]

    async def names(work: Work) -> list[str]:
        return [row["name"] for row in await work.fetch("SELECT name FROM child_identity")]

    assert await ask(world.providers[0], names) == ["Maya Okonkwo"]
    assert await ask(world.providers[1], names) == []


async def test_the_others_are_told_without_case_details_and_without_who_won(world, case, migrator):
    await laid.family_choice(case.mother, case.offers[0])
    await award_offer(world.referrer, case.offers[0], version=1)
    for loser in world.providers[1:]:
        told = " ".join(
            row["sentence"]
            for row in await migrator.fetch(
                "SELECT sentence FROM notice WHERE organisation_id = $1", loser.organisation_id
            )
        )
        assert "has been awarded" in told
        for secret in ("Alder", "Maya", "Okonkwo", "Hither", "Larkspur"):
            assert secret not in told


async def test_without_the_familys_acceptance_there_is_no_award(world, case):
    with pytest.raises(Conflict, match="The family has not accepted this offer yet: Grace Okonkwo"):
        await award_offer(world.referrer, case.offers[0], version=1)
    await laid.family_choice(case.mother, case.offers[1])
    with pytest.raises(Conflict, match="has not accepted this offer"):
        await award_offer(world.referrer, case.offers[0], version=1)
    assert await award_offer(world.referrer, case.offers[1], version=1)


async def test_an_amended_offer_must_be_accepted_anew(world, case):
    await laid.family_choice(case.mother, case.offers[0])
    await award.choose_offer(world.referrer, case.offers[0], version=1)
    await laid.amend(world.providers[0], case.offers[0])
    with pytest.raises(Conflict, match="amended while you were reading"):
        await award_offer(world.referrer, case.offers[0], version=1)
    with pytest.raises(Conflict, match="has not accepted"):
        await award_offer(world.referrer, case.offers[0], version=2)


async def test_joint_holders_choose_together_and_a_revoked_choice_does_not_count(world, migrator):
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id, "Grace Okonkwo", ["choose"], jointly=True)
    father = await referrals.family_of(world.referrer, child_id, "Samuel Okonkwo", ["choose"], jointly=True)
    referral_id = await referrals.broadcast(world, child_id)
    provider = world.providers[0]
    offer_id = await laid.offer(provider, referral_id, world.workers[provider.organisation_id])
    await laid.family_choice(mother, offer_id)
    with pytest.raises(Conflict, match="Samuel Okonkwo can still choose"):
        await award_offer(world.referrer, offer_id, version=1)
    await laid.family_choice(father, offer_id)
    grant_id = await migrator.fetchval("SELECT id FROM family_grant WHERE person_id = $1", mother.person_id)
    await granting.revoke_access(world.referrer, grant_id, reason="Court order")
    assert await award_offer(world.referrer, offer_id, version=1)  # the father alone holds the right now


async def test_where_nobody_of_the_family_can_choose_the_reason_is_recorded(world, migrator):
    referral_id = await referrals.broadcast(world)
    provider = world.providers[0]
    offer_id = await laid.offer(provider, referral_id, world.workers[provider.organisation_id])
    with pytest.raises(InvalidInput) as refused:
        await award_offer(world.referrer, offer_id, version=1)
    assert "no_family_reason" in refused.value.fields
    await award_offer(world.referrer, offer_id, version=1, no_family_reason="Looked after; foster carer away")
    details = await migrator.fetchval("SELECT details FROM audit_entry WHERE action = 'offer.awarded' LIMIT 1")
    assert details["without_family"] == "Looked after; foster carer away"


async def test_of_two_awards_at_once_exactly_one_wins_and_the_other_is_told_why(world, case, migrator):
    father = await referrals.family_of(world.referrer, case.child_id, "Samuel Okonkwo", ["choose"])
    await laid.family_choice(case.mother, case.offers[0])
    await laid.family_choice(father, case.offers[1])
    colleague = await people.person_in(world.admin, "referrer")
    results = await asyncio.gather(
        award_offer(world.referrer, case.offers[0], version=1),
        award_offer(colleague, case.offers[1], version=1),
        return_exceptions=True,
    )
    won = [result for result in results if isinstance(result, UUID)]
    lost = [result for result in results if isinstance(result, WrongState)]
    assert (len(won), len(lost)) == (1, 1)
    assert "Another award came first" in lost[0].sentence
    assert await migrator.fetchval("SELECT count(*) FROM package") == 1
    assert await migrator.fetchval("SELECT count(*) FROM offer WHERE state = 'awarded'") == 1


async def test_a_suspended_providers_open_offer_cannot_be_awarded_whichever_comes_first(world, case, migrator):
    await laid.family_choice(case.mother, case.offers[0])
    manager = await people.person_in(world.admin, "contract_manager")
    provider = world.providers[0]
    await suspend(manager, world.framework_id, provider.organisation_id, reason="Safeguarding concern")
    with pytest.raises(Conflict, match=r"cannot be awarded: Alder Care is suspended.*Safeguarding concern"):
        await award_offer(world.referrer, case.offers[0], version=1)


async def test_an_award_and_a_suspension_at_once_leave_no_award_after_the_suspension(world, case, migrator):
    await laid.family_choice(case.mother, case.offers[0])
    manager = await people.person_in(world.admin, "contract_manager")
    provider = world.providers[0]
    results = await asyncio.gather(
        suspend(manager, world.framework_id, provider.organisation_id, reason="Safeguarding concern"),
        award_offer(world.referrer, case.offers[0], version=1),
        return_exceptions=True,
    )
    assert isinstance(results[0], UUID)
    packages = await migrator.fetchval("SELECT count(*) FROM package")
    assert packages == (0 if isinstance(results[1], Conflict) else 1)
    assert isinstance(results[1], Conflict | UUID)


async def test_a_pause_by_the_providers_own_wish_does_not_take_its_open_offer_away(world, case):
    await laid.family_choice(case.mother, case.offers[0])
    await pause(world.providers[0], world.framework_id, reason="Holiday")
    assert await award_offer(world.referrer, case.offers[0], version=1)


async def test_an_unready_worker_stops_the_award_with_the_reason(world, case):
    await laid.family_choice(case.mother, case.offers[0])
    provider = world.providers[0]
    await stand_down(provider, world.workers[provider.organisation_id][0], reason="Under investigation")
    with pytest.raises(Conflict, match="Alder Worker 1 is stood down"):
        await award_offer(world.referrer, case.offers[0], version=1)


async def test_an_unready_back_up_is_left_out_of_the_package(world, case, migrator):
    await laid.family_choice(case.mother, case.offers[0])
    provider = world.providers[0]
    await stand_down(provider, world.workers[provider.organisation_id][1], reason="Ill")
    await award_offer(world.referrer, case.offers[0], version=1)
    assert [row["name"] for row in await migrator.fetch("SELECT name FROM package_worker")] == ["Alder Worker 1"]


async def test_a_lapse_before_the_start_date_is_seen_at_the_award(world, case, clock):
    await laid.family_choice(case.mother, case.offers[0])
    clock.move(timedelta(days=170))  # the DBS checks of the builders lie 30 days before
    with pytest.raises(Conflict, match="DBS check that is due again"):
        await award_offer(world.referrer, case.offers[0], version=1)


async def test_an_award_undone_closes_the_child_again_and_lets_the_runner_up_be_chosen(world, case, migrator):
    await laid.family_choice(case.mother, case.offers[0])
    package_id = await award_offer(world.referrer, case.offers[0], version=1)
    with pytest.raises(InvalidInput):
        await undo_award(world.referrer, package_id, reason=" ")
    assert await undo_award(world.referrer, package_id, reason="The worker has fallen ill") == case.referral_id

    async def names(work: Work) -> list[str]:
        return [row["name"] for row in await work.fetch("SELECT name FROM child_identity")]

    assert await ask(world.providers[0], names) == []
    assert (
        await migrator.fetchval(
            "SELECT count(*) FROM obligation WHERE package_id = $1 AND cancelled_at IS NULL", package_id
        )
        == 0
    )
    with pytest.raises(WrongState):
        await undo_award(world.referrer, package_id, reason="Again")
    with pytest.raises(WrongState):
        await award_offer(world.referrer, case.offers[0], version=1)
    await laid.family_choice(case.mother, case.offers[1])
    assert await award_offer(world.referrer, case.offers[1], version=1)


async def test_only_this_councils_referrers_can_award(world, case, database):
    await laid.family_choice(case.mother, case.offers[0])
    other = await people.person_in(await people.council(database, "Southmere Council"), "referrer")
    with pytest.raises(NotFound):
        await award_offer(other, case.offers[0], version=1)
    for actor in (await people.person_in(world.admin, "finance"), world.providers[0], case.mother):
        with pytest.raises(NotPermitted):
            await award_offer(actor, case.offers[0], version=1)


async def test_the_referrers_choice_is_one_offer_at_a_time_and_can_be_taken_back(world, case, migrator):
    standing = "SELECT offer_id FROM offer_choice WHERE side = 'referrer' AND taken_back_at IS NULL"
    await award.choose_offer(world.referrer, case.offers[0], version=1)
    await award.choose_offer(world.referrer, case.offers[1], version=1)
    assert [row["offer_id"] for row in await migrator.fetch(standing)] == [case.offers[1]]
    await award.take_back_choice(world.referrer, case.referral_id)
    assert await migrator.fetch(standing) == []

"""No offers: the referrer is told at once, once a round, by domain time or when everybody has declined."""

from __future__ import annotations

from datetime import timedelta

from marketplace.obligations.sweeps import look_at_tenant
from marketplace.platform.actor import system_for
from marketplace.platform.database import unit_of_work
from marketplace.providers.actions import pause, suspend
from marketplace.referrals import broadcasting
from marketplace.referrals.offering import decline_referral
from marketplace.referrals.waiting import end_answers_not_owed, tell_of_silence
from tests.referrals import laid
from tests.world import people, referrals

TASKS = "SELECT count(*) FROM obligation WHERE rule_key = 'task.no_offers' AND cancelled_at IS NULL"


async def looked(world: referrals.World) -> int:
    async with unit_of_work(system_for(world.admin.organisation_id, "commissioner")) as work:
        return await tell_of_silence(work)


async def test_when_the_time_to_answer_has_passed_without_an_offer_the_referrer_is_told_once(world, migrator, clock):
    referral_id = await referrals.broadcast(world)
    clock.move(timedelta(hours=23, minutes=59))
    assert await looked(world) == 0
    clock.move(timedelta(minutes=1))
    assert await looked(world) == 1
    assert await looked(world) == 0
    assert await migrator.fetchval(TASKS) == 1
    told = await migrator.fetch("SELECT sentence FROM notice WHERE person_id = $1", world.referrer.person_id)
    assert "Nobody made an offer" in told[-1]["sentence"] and "Maya" not in told[-1]["sentence"]
    await broadcasting.broadcast_again(world.referrer, referral_id)
    assert await migrator.fetchval(TASKS) == 0  # the new round does what was asked
    clock.move(timedelta(hours=24))
    assert await looked(world) == 1


async def test_when_everybody_has_declined_nobody_waits_for_the_hour(world, migrator):
    referral_id = await referrals.broadcast(world)
    for provider in world.providers:
        assert await looked(world) == 0
        async with unit_of_work(provider) as work:
            await work.execute(
                "INSERT INTO referral_decline (commissioner_id, referral_id, round, provider_id, reason_code,"
                " declined_at, declined_by)"
                " VALUES ($1, $2, 1, $3, 'no_capacity', $4, $5)",
                world.admin.organisation_id, referral_id, provider.organisation_id, work.now, provider.person_id,
            )  # fmt: skip
    assert await looked(world) == 1


async def test_an_offer_that_stands_is_not_silence(world, clock):
    referral_id = await referrals.broadcast(world)
    provider = world.providers[0]
    await laid.offer(provider, referral_id, world.workers[provider.organisation_id])
    clock.move(timedelta(hours=30))
    assert await looked(world) == 0


async def test_a_suspended_provider_is_not_chased_for_an_answer_it_could_only_decline(world, migrator, clock):
    referral_id = await referrals.broadcast(world)
    first, second, third = (each.organisation_id for each in world.providers)
    manager = await people.person_in(world.admin, "contract_manager")
    clock.move(timedelta(hours=1))
    await suspend(manager, world.framework_id, first, world.lot, reason="Two missed visits")
    await pause(world.providers[1], world.framework_id, reason="Holidays")  # its own wish rids nobody of a duty

    async def ended() -> int:
        async with unit_of_work(system_for(world.admin.organisation_id, "commissioner")) as work:
            return await end_answers_not_owed(work)

    assert [await ended(), await ended()] == [1, 0]
    told = (
        "SELECT count(*) FROM notice WHERE organisation_id = $1 AND sentence LIKE 'While you are suspended you owe no%'"
    )
    assert [await migrator.fetchval(told, each) for each in (first, second)] == [1, 0]
    clock.move(timedelta(hours=24))
    for each in (first, second, third):
        await look_at_tenant(each, "provider")
    # too late to be taken back: the time was over first
    await suspend(manager, world.framework_id, third, reason="Afterwards")
    assert await ended() == 0
    rows = await migrator.fetch(
        "SELECT owed_by_organisation AS by, bool_or(missed_at IS NOT NULL) AS missed,"
        " bool_and(cancelled_at IS NOT NULL) AS over FROM obligation"
        " WHERE subject_id = $1 AND rule_key <> 'task.no_offers' GROUP BY 1",
        referral_id,
    )
    assert {row["by"]: (row["missed"], row["over"]) for row in rows} == {
        first: (False, True), second: (True, False), third: (True, False)
    }  # fmt: skip
    await decline_referral(world.providers[0], referral_id, "no_capacity")  # it still may

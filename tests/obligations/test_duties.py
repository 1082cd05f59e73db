"""Owing, meeting and cancelling: once, in time or late, and seen by those it concerns alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from marketplace.obligations import queries
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from tests.obligations.conftest import World

REFERRAL = UUID("00000000-0000-4000-8000-000000000001")


async def owe_answer(world: World, by: Actor, to: Actor, subject: UUID = REFERRAL) -> UUID | None:
    """The council's broadcast: the provider owes an answer."""
    async with unit_of_work(to) as work:
        return await owe(
            work, world.pack, "referral_response", subject_type="referral", subject_id=subject, reference="R-7KQ2",
            owed_by=Owed(by.organisation_id), owed_to=to.organisation_id, commissioner_id=to.organisation_id,
            link=f"/opportunities/{subject}",
        )  # fmt: skip


async def meet_answer(actor: Actor, subject: UUID = REFERRAL) -> int:
    async with unit_of_work(actor) as work:
        return await meet(work, "referral_response", subject, by_organisation=actor.provider_id)


async def test_the_packs_clock_says_when_a_duty_falls_due(world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    [duty] = await ask(manager, queries.my_duties)
    assert duty["title"] == "Answer a referral with an offer, or decline it with a reason"
    assert duty["due_at"] - clock.at == timedelta(hours=24)
    assert duty["pack_hash"] == world.pack.content_hash
    assert duty["reference"] == "R-7KQ2"


async def test_the_same_duty_is_owed_once(world, referrer, manager):
    assert await owe_answer(world, manager, referrer) is not None
    assert await owe_answer(world, manager, referrer) is None
    assert len(await ask(manager, queries.my_duties)) == 1


async def test_two_roles_of_one_organisation_may_owe_the_same_thing(world, referrer):
    async with unit_of_work(referrer) as work:
        for role in ("referrer", "finance"):
            await owe(
                work, world.pack, "task.look", title="Look at it", subject_type="referral", subject_id=REFERRAL,
                reference="R-7KQ2", owed_by=Owed(referrer.organisation_id, role), link="/x",
            )  # fmt: skip
    assert len(await ask(referrer, queries.duties_about, REFERRAL)) == 2
    assert [duty["owed_by_role"] for duty in await ask(referrer, queries.my_duties)] == ["referrer"]


async def test_a_task_without_a_clock_in_the_contract_has_the_packs_days(world, referrer, clock):
    async with unit_of_work(referrer) as work:
        await owe(
            work, world.pack, "task.answer_question", title="Answer a provider's question", subject_type="question",
            subject_id=uuid4(), reference="R-7KQ2", owed_by=Owed(referrer.organisation_id, "referrer"), link="/x",
        )  # fmt: skip
    [duty] = await ask(referrer, queries.my_duties)
    assert duty["due_at"].isoformat() == "2026-05-13T23:00:00+00:00"  # the end of 13 May in London


async def test_a_duty_the_pack_does_not_ask_for_is_not_owed(world, referrer, manager):
    async with unit_of_work(referrer) as work:
        assert not await owe(
            work, world.pack, "sing_a_song", subject_type="referral", subject_id=REFERRAL, reference="R-7KQ2",
            owed_by=Owed(manager.organisation_id), link="/x",
        )  # fmt: skip
    assert await ask(manager, queries.my_duties) == []


async def test_met_in_time_it_leaves_today_and_is_not_missed(world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(hours=23, minutes=59))
    assert await meet_answer(manager) == 1
    assert await ask(manager, queries.my_duties) == []
    [duty] = await ask(referrer, queries.duties_about, REFERRAL)
    assert (duty["met_at"], duty["missed_at"]) == (clock.at, None)


async def test_met_late_stays_met_late(world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(hours=24))  # at its due moment it is late
    due = clock.at
    assert await meet_answer(manager) == 1
    clock.move(timedelta(days=3))
    assert await meet_answer(manager) == 0
    [duty] = await ask(referrer, queries.duties_about, REFERRAL)
    assert (duty["met_at"], duty["missed_at"]) == (due, due)


async def test_one_provider_meets_its_own_duty_only(world, referrer, manager, rival):
    await owe_answer(world, manager, referrer)
    await owe_answer(world, rival, referrer)
    assert await meet_answer(manager) == 1
    assert len(await ask(rival, queries.my_duties)) == 1


async def test_cancelled_duties_are_gone_but_a_miss_is_not_undone(world, referrer, manager, rival, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(hours=20))
    await owe_answer(world, rival, referrer)
    clock.move(timedelta(hours=5))
    async with unit_of_work(referrer) as work:
        assert await cancel(work, REFERRAL) == 2
    missed = {
        duty["owed_by_organisation"]: duty["missed_at"] for duty in await ask(referrer, queries.duties_about, REFERRAL)
    }
    assert missed[manager.organisation_id] is not None
    assert missed[rival.organisation_id] is None
    assert await ask(manager, queries.my_duties) == []


async def test_nobody_else_sees_or_meets_a_duty(world, referrer, manager, rival):
    await owe_answer(world, manager, referrer)
    other = await world.member(
        await world.organisation("commissioner", "Southmere"), "commissioner", "referrer", "Olive Ther"
    )
    family = Actor(await world.person("Ma Ther"), "Ma Ther", "family")
    for stranger in (rival, other, family):
        assert await ask(stranger, queries.duties_about, REFERRAL) == []
        assert await ask(stranger, queries.late_duties) == []
        assert await meet_answer(stranger) == 0
    assert len(await ask(manager, queries.my_duties)) == 1


async def test_a_duty_without_a_tenant_to_look_after_it_is_refused(world, referrer):
    with pytest.raises(ValueError, match="organisation or by a person"):
        Owed()
    with pytest.raises(Exception, match="obligation_check"):
        async with unit_of_work(referrer) as work:
            await owe(
                work, world.pack, "task.nobody", title="T", subject_type="x", subject_id=uuid4(), reference="R",
                owed_by=Owed(person_id=referrer.person_id), link="/x",
            )  # fmt: skip


async def test_today_shows_late_duties_first_then_by_time_left(world, referrer, manager, clock):
    first, second, third = uuid4(), uuid4(), uuid4()
    await owe_answer(world, manager, referrer, second)
    clock.move(timedelta(hours=30))
    await owe_answer(world, manager, referrer, third)
    async with unit_of_work(referrer) as work:
        await owe(
            work, world.pack, "task.soon", title="Soon", subject_type="x", subject_id=first, reference="R",
            owed_by=Owed(manager.organisation_id, "coordinator"), due_at=clock.at + timedelta(hours=1), link="/x",
        )  # fmt: skip
    assert [duty["subject_id"] for duty in await ask(manager, queries.my_duties)] == [second, first, third]

"""What domain time does to duties: reminders, misses, mails; once, whoever looks and however often."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from marketplace.obligations import queries, sweeps
from marketplace.obligations.duties import Owed, owe
from marketplace.obligations.news import MAIL_NOTICE, tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.jobs import JOBS
from tests.obligations.conftest import as_worker, run_jobs
from tests.obligations.test_duties import REFERRAL, meet_answer, owe_answer


async def look(database, clock) -> int:
    async with as_worker(database, clock):
        return await sweeps.look_at_duties()


async def sentences(actor: Actor) -> list[str]:
    return [row["sentence"] for row in await ask(actor, queries.my_news)]


async def post(database, migrator, clock) -> list[tuple[str, str]]:
    """Write the mails that wait, and read (address, subject) of every mail so far."""
    async with as_worker(database, clock):
        await run_jobs(database, migrator, "mail_notice", "mail_digest")
    rows = await migrator.fetch("SELECT to_address, subject FROM mail_message ORDER BY created_at, to_address, subject")
    return [(row["to_address"], row["subject"]) for row in rows]


async def test_nothing_happens_before_its_time(database, world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(hours=11, minutes=59))
    assert await look(database, clock) == 0
    assert await sentences(manager) == []


async def test_a_reminder_then_the_miss_then_one_more(database, migrator, world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(hours=12))
    assert await look(database, clock) == 1
    assert await sentences(manager) == [
        "Answer a referral with an offer, or decline it with a reason (R-7KQ2): 12 hours left,"
        " due by 12 May 2026, midday."
    ]
    clock.move(timedelta(hours=12))
    assert await look(database, clock) == 1
    assert "is now late" in (await sentences(manager))[0]
    [told] = await sentences(referrer)
    assert told.endswith("(R-7KQ2): not done by 12 May 2026, midday.")
    [duty] = await ask(manager, queries.my_duties)
    assert duty["missed_at"] == clock.at
    clock.move(timedelta(hours=24))
    assert await look(database, clock) == 1
    assert "still not done" in (await sentences(manager))[0]
    clock.move(timedelta(days=30))
    assert await look(database, clock) == 0
    entries = await migrator.fetch("SELECT organisation_id, details FROM audit_entry WHERE action = 'duty.missed'")
    assert {row["organisation_id"] for row in entries} == {manager.organisation_id, referrer.organisation_id}


async def test_a_miss_long_ago_is_told_once(database, world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    clock.move(timedelta(days=30))
    await look(database, clock)
    assert await look(database, clock) == 0
    assert len(await sentences(manager)) == 1
    [duty] = await ask(manager, queries.my_duties)
    assert duty["missed_at"] == duty["due_at"]


async def test_what_was_met_in_time_is_left_alone(database, world, referrer, manager, clock):
    await owe_answer(world, manager, referrer)
    await meet_answer(manager)
    clock.move(timedelta(days=3))
    assert await look(database, clock) == 0
    assert await sentences(manager) == []
    [duty] = await ask(referrer, queries.duties_about, REFERRAL)
    assert duty["missed_at"] is None


async def test_two_sweeps_at_once_do_it_once(database, migrator, world, referrer, manager, rival, clock):
    for n in range(30):
        for provider in (manager, rival):
            await owe_answer(world, provider, referrer, UUID(int=n + 1, version=4))
    clock.move(timedelta(hours=25))
    async with as_worker(database, clock):
        seen = await asyncio.gather(*(sweeps.look_at_duties() for _ in range(3)))
    assert sum(seen) == 60
    assert (
        await migrator.fetchval("SELECT count(*) FROM notice WHERE organisation_id = $1", manager.organisation_id) == 30
    )
    assert (
        await migrator.fetchval(
            "SELECT count(*) FROM audit_entry WHERE action = 'duty.missed' AND organisation_id = $1",
            referrer.organisation_id,
        )
        == 60
    )


async def test_the_council_hears_once_that_answers_are_missing(database, world, referrer, manager, rival, clock):
    await owe_answer(world, manager, referrer)
    await owe_answer(world, rival, referrer)
    clock.move(timedelta(hours=25))
    assert await look(database, clock) == 2
    assert await sentences(referrer) == [
        "Answer a referral with an offer, or decline it with a reason (R-7KQ2): not done by 12 May 2026, midday."
    ]


async def test_one_tenants_fault_does_not_stop_the_others(database, migrator, world, referrer, manager, rival, clock):
    await owe_answer(world, manager, referrer)
    await owe_answer(world, rival, referrer)
    await migrator.execute(
        "INSERT INTO pack_version (hash, pack_id, title, content) VALUES ('broken', 'x', 'x', '{}');"
    )
    first = min(manager, rival, key=lambda actor: actor.organisation_id)
    other = rival if first is manager else manager
    await migrator.execute(
        "UPDATE obligation SET pack_hash = 'broken' WHERE owed_by_organisation = $1", first.organisation_id
    )
    clock.move(timedelta(hours=25))
    with pytest.raises(Exception, match="stored pack"):
        await look(database, clock)
    assert len(await sentences(other)) == 1


async def test_mail_goes_to_the_people_of_the_role_once(database, migrator, world, referrer, manager, clock):
    coordinator = await world.member(manager.organisation_id, "provider", "coordinator", "Cora Dinator")
    worker = await world.member(manager.organisation_id, "provider", "worker", "Wor Ker")
    former = await world.member(manager.organisation_id, "provider", "coordinator", "For Mer")
    await migrator.execute("UPDATE membership SET ended_at = now() WHERE person_id = $1", former.person_id)
    async with unit_of_work(referrer) as work:
        await tell(work, "R-7KQ2 has been answered.", "/x", organisation_id=manager.organisation_id)
        await tell(work, "For coordinators.", "/x", organisation_id=manager.organisation_id, role="coordinator")
        await tell(work, "For one worker.", "/x", person_id=worker.person_id)
        await tell(work, "Not mailed.", "/x", organisation_id=manager.organisation_id, mail=False)
    mails = await post(database, migrator, clock)
    everyone = {await world.address_of(manager), await world.address_of(coordinator)}
    assert sorted(mails) == sorted(
        [(address, "R-7KQ2 has been answered.") for address in everyone]
        + [(address, "For coordinators.") for address in everyone]  # a manager looks after what coordinators get
        + [(await world.address_of(worker), "For one worker.")]
    )
    assert await migrator.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'send_mail'") == len(mails)


async def test_the_job_run_twice_mails_once(database, migrator, world, referrer, manager, clock):
    async with unit_of_work(referrer) as work:
        notice = await tell(work, "R-7KQ2 has been answered.", "/x", organisation_id=manager.organisation_id)
    payload = {"notice": str(notice), "organisation": str(manager.organisation_id), "person": None}
    async with as_worker(database, clock):
        await JOBS[MAIL_NOTICE].run(database, payload)
        await JOBS[MAIL_NOTICE].run(database, payload)
    assert await migrator.fetchval("SELECT count(*) FROM mail_message") == 1


async def test_one_digest_a_day_with_all_that_is_due_by_tomorrow(database, migrator, world, referrer, manager, clock):
    async def plan(subject: UUID, reference: str) -> None:
        async with unit_of_work(referrer) as work:
            await owe(
                work, world.pack, "plan_signed", subject_type="package", subject_id=subject, reference=reference,
                owed_by=Owed(manager.organisation_id), link="/packages/x", commissioner_id=referrer.organisation_id,
            )  # fmt: skip

    await plan(uuid4(), "P-1111")
    clock.move(timedelta(hours=2))
    await plan(uuid4(), "P-2222")
    clock.move(timedelta(days=4, hours=12))
    assert await look(database, clock) == 2
    await post(database, migrator, clock)
    clock.move(timedelta(hours=1))
    await look(database, clock)
    assert [subject for _, subject in await post(database, migrator, clock)] == ["2 duties due by tomorrow"]
    body = await migrator.fetchval("SELECT body FROM mail_message")
    assert "P-1111" in body and "P-2222" in body


async def test_a_familys_own_duty_reaches_that_person(database, migrator, world, referrer, clock):
    mother = Actor(await world.person("Ma Ther"), "Ma Ther", "family")
    async with unit_of_work(referrer) as work:
        await owe(
            work, world.pack, "task.choose", title="Choose an offer", subject_type="referral", subject_id=REFERRAL,
            reference="R-7KQ2", owed_by=Owed(person_id=mother.person_id), commissioner_id=referrer.organisation_id,
            due_at=clock.at + timedelta(hours=10), link="/choices/x",
        )  # fmt: skip
    assert [duty["title"] for duty in await ask(mother, queries.my_duties)] == ["Choose an offer"]
    assert await ask(referrer, queries.my_duties) == []
    clock.move(timedelta(hours=11))
    await look(database, clock)
    [sentence] = await sentences(mother)
    assert sentence.startswith("Choose an offer (R-7KQ2): this was due")
    assert await post(database, migrator, clock) == [(await world.address_of(mother), sentence)]


async def test_the_application_cannot_list_the_tenants(database, world, manager):
    async with unit_of_work(manager) as work:
        with pytest.raises(Exception, match="permission denied"):
            await work.fetch("SELECT * FROM tenants_with_duties_due(now())")
        await work.execute("ROLLBACK")

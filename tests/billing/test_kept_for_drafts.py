"""What a visit keeps of its workers, and a card of its rates, follows every change, also two at the same moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from marketplace.billing.visit_records import record_visit
from marketplace.packages import record_actions
from marketplace.packages.late_records import Entry
from tests.world import packages, people, providers
from tests.world.prepared import kept_otherwise
from tests.world.referrals import borough

HOUR = timedelta(hours=1)


async def test_visits_count_their_workers_through_signatures_corrections_and_changes_at_once(
    database, settings, clock, migrator
):
    async def kept() -> tuple[int, bool, bool]:
        assert await kept_otherwise(migrator) == []
        row = await migrator.fetchrow("SELECT hands, hands_signed, hands_plain FROM visit WHERE id = $1", visit_id)
        return tuple(row)

    world = await borough(database, provider_names=("Alder Care",), workers_each=3)
    case = await packages.set_up(world, workers_per_visit=2)
    second_id = world.workers[case.manager.organisation_id][2]
    second = await providers.with_sign_in(case.manager, second_id, "Second Worker", people.an_email("worker"))
    day = (await case.package()).starts_on + timedelta(days=30)
    visit_id = await packages.a_visit(case, day, workers=[case.worker_id, second_id])
    assert await kept() == (2, False, True)
    clock.move_to((await case.visit(visit_id)).planned_end + HOUR)
    fingerprint = await packages.delivered(case, visit_id)  # signed by the first of them
    assert await kept() == (2, False, True)
    await record_actions.sign_as_worker(second, visit_id, text_hash=fingerprint)
    assert await kept() == (2, True, True)
    visit = await case.visit(visit_id)
    entry = Entry(visit.actual_start, visit.actual_end - timedelta(minutes=10))
    await record_visit(case.manager, visit_id, entry, version=visit.version, reason="The clock was misread.")
    assert await kept() == (2, False, True)  # another text: nobody has signed it
    fingerprint = (await case.visit(visit_id)).record_hash
    await asyncio.gather(
        record_actions.sign_as_worker(case.worker, visit_id, text_hash=fingerprint),
        record_actions.sign_as_worker(second, visit_id, text_hash=fingerprint),
    )
    assert await kept() == (2, True, True)

    # Two changes that do not see each other: the later waits for the earlier and counts what it did.
    other = await asyncpg.connect(settings.dsn("migrator"))
    try:
        change = "UPDATE visit_worker SET signed_at = NULL, printed_name = $3 WHERE visit_id = $1 AND worker_id = $2"
        first = migrator.transaction()
        await first.start()
        await migrator.execute(change, visit_id, case.worker_id, "Ωmega")
        waiting = asyncio.create_task(other.execute(change, visit_id, second_id, "Sam Second"))
        held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while not await migrator.fetchval(held):  # noqa: ASYNC110 - the database tells nobody that somebody waits
            await asyncio.sleep(0.02)
        await first.commit()
        await waiting
        assert await kept() == (2, False, False)
        await other.execute("UPDATE visit_worker SET signed_at = now() WHERE visit_id = $1", visit_id)
        await other.execute("UPDATE visit_worker SET printed_name = 'Al' WHERE visit_id = $1", visit_id)
        assert await kept() == (2, True, True)
        await other.execute("DELETE FROM visit_worker WHERE visit_id = $1 AND worker_id = $2", visit_id, second_id)
        assert await kept() == (1, True, True)
    finally:
        await other.close()

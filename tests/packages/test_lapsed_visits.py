"""Visits that may not go on: flagged once for each cause, told, refused at the door, and cleared."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from admin.watch_queries import one_list
from marketplace.obligations.queries import my_duties, my_news
from marketplace.packages import boards, lapse_sweeps, record_actions, visit_actions  # noqa: F401 - registers the jobs
from marketplace.packages.lapsed_visits import REPLACE, look_again, look_at_visits
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import wall_time
from marketplace.providers import dbs_checks, evidence, workforce
from marketplace.providers.lapse_sweeps import look_at_lapses
from tests.obligations.conftest import as_worker, run_jobs
from tests.world import packages, people, providers, referrals

TUESDAY = date(2026, 5, 12)


async def sent_back(case) -> None:
    await evidence.send_back_to_training(case.manager, case.worker_id, "first_aid", "A mistake with the choking drill")


async def sentences(actor) -> list[str]:
    return [row["sentence"] for row in await ask(actor, my_news)]


async def duties(actor) -> list[str]:
    return [row["rule_key"] for row in await ask(actor, my_duties)]


async def flags(case) -> list[tuple]:
    async with unit_of_work(case.manager, read_only=True) as work:
        rows = await work.fetch("SELECT visit_id, says, cleared_at FROM visit_flag ORDER BY flagged_at, says")
        return [tuple(row) for row in rows]


@pytest.fixture
async def planned(ready):
    """Two visits of the same worker, tomorrow and the day after."""
    one = await packages.a_visit(ready, TUESDAY)
    two = await packages.a_visit(ready, TUESDAY + timedelta(days=1))
    return ready, one, two


async def test_visits_of_a_worker_who_is_ready_are_left_alone(planned):
    case, _, _ = planned
    assert await look_at_visits(case.manager.provider_id) == 0
    assert await flags(case) == []


async def test_each_visit_is_flagged_once_and_both_sides_hear_once(planned, migrator):
    case, one, two = planned
    await sent_back(case)
    assert await look_at_visits(case.manager.provider_id) == 2
    assert await look_at_visits(case.manager.provider_id) == 0
    found = await flags(case)
    assert {visit for visit, _, _ in found} == {one, two} and all("First aid" in says for _, says, _ in found)
    package = await case.package()
    told = [s for s in await sentences(case.manager) if "not ready for" in s]
    assert len(told) == 1 and "Alder Worker 1" in told[0]
    assert f"not ready for 2 visits of package {package.reference} from Tuesday 12 May 2026" in told[0]
    told = [s for s in await sentences(case.referrer) if "not ready for" in s]
    assert len(told) == 1 and "Alder" not in told[0] and "Maya" not in told[0]
    assert await duties(case.manager) == [REPLACE]
    rows = await migrator.fetch("SELECT organisation_id, details FROM audit_entry WHERE action = 'visit.flagged'")
    assert len(rows) == 4 and {row["organisation_id"] for row in rows} == {
        case.manager.organisation_id, case.referrer.organisation_id
    }  # fmt: skip


async def test_the_job_is_asked_for_when_a_worker_is_stood_down_and_daily(planned, database, migrator, clock):
    case, _, _ = planned
    await workforce.stand_down(case.manager, case.worker_id, "An allegation is being looked into")
    async with as_worker(database, clock):
        assert await run_jobs(database, migrator, "look_at_visits") == 1
    assert all("is stood down" in says for _, says, _ in await flags(case))
    async with as_worker(database, clock):
        await look_at_lapses(database)
        assert await run_jobs(database, migrator, "look_at_visits") == 1  # one provider, once a day
        await look_at_lapses(database)
        assert await run_jobs(database, migrator, "look_at_visits") == 0


async def test_whatever_may_make_a_worker_less_ready_asks_for_the_look_at_once(planned, database, migrator, clock):
    """Changed details, another registration, another check: not only what stands a worker down."""
    case, _, _ = planned
    today = clock.at.date()
    known = {"name": "Alder Worker 1", "engagement": "employed"}
    looks = []

    async def looked() -> None:
        async with as_worker(database, clock):
            looks.append(await run_jobs(database, migrator, "look_at_visits"))

    await looked()
    looks.clear()
    await workforce.change_worker(case.manager, case.worker_id, **known, role="childrens_nurse")
    await looked()
    assert len(await flags(case)) == 2
    await workforce.change_worker(case.manager, case.worker_id, **known, role="childrens_nurse", drives_children=True)
    await looked()
    await evidence.record_registration(case.manager, case.worker_id, pin="18A1234E", valid_until=today)
    await looked()
    await evidence.record_check(case.manager, case.worker_id, kind="references", done_on=today)
    await looked()
    await dbs_checks.record_dbs_check(
        case.manager, case.worker_id, checked_on=today, checked_by_name="Mo Rahman", workforce="child_and_adult"
    )
    await looked()
    await workforce.publish_profile(case.manager, case.worker_id, "I have moved house.", False)  # agreed to by nobody
    await looked()
    assert any("profile" in says for _, says, _ in await flags(case))
    assert looks == [1, 1, 1, 1, 1, 1]


async def test_it_shows_on_the_visit_the_week_the_package_and_watch(planned):
    case, _, _ = planned
    await sent_back(case)
    await look_at_visits(case.manager.provider_id)
    for actor in (case.manager, case.referrer):
        lines, total = await ask(actor, boards.visits_of_package, case.package_id, when="look")
        assert total == 2 and "First aid" in lines[0].flag
        rows, _ = await ask(actor, boards.packages)
        assert rows[0].to_look_at == 2
    found = await ask(case.manager, boards.week, TUESDAY)
    assert found.conflicts == 2
    overseer = await people.person_in(case.world.admin, "contract_manager")
    figure, watched, _ = await ask(overseer, one_list, "flagged")
    assert figure.number == "2" and figure.alarm and "First aid" in watched.rows[0].cells[3]
    coming = await ask(case.family, boards.coming)
    assert [line.flag for line in coming] == ["", ""]  # the reason is not the family's to read


async def test_the_flagged_worker_cannot_start_and_is_told_what_to_do(planned, clock):
    case, one, _ = planned
    await sent_back(case)
    clock.move_to(wall_time(TUESDAY, time(16)))
    with pytest.raises(Conflict, match=r"not cleared for this visit: Alder Worker 1 .*First aid.* Call your office"):
        await record_actions.start_visit(case.worker, one)
    assert (await case.visit(one)).actual_start is None


async def test_another_worker_clears_the_flag_at_once_and_starts(planned, clock):
    case, one, two = planned
    await sent_back(case)
    await look_at_visits(case.manager.provider_id)
    visit = await case.visit(one)
    await visit_actions.swap_worker(
        case.manager, one, version=visit.version, leaves=case.worker_id, comes=case.backup_id
    )
    assert {visit for visit, _, cleared in await flags(case) if cleared is None} == {two}
    assert await duties(case.manager) == [REPLACE]
    visit = await case.visit(two)
    await visit_actions.cancel_visit(
        case.manager, two, version=visit.version, outcome="cancelled_by_provider", reason="Nobody is free"
    )
    assert all(cleared is not None for _, _, cleared in await flags(case))
    assert REPLACE not in await duties(case.manager)
    clock.move_to(wall_time(TUESDAY, time(16)))
    await record_actions.start_visit(case.backup, one)


async def test_renewed_evidence_clears_it_and_a_new_cause_is_told_anew(planned, migrator):
    case, _, _ = planned
    await sent_back(case)
    await look_at_visits(case.manager.provider_id)
    await evidence.record_competency(
        case.manager, case.worker_id, code="first_aid", assessed_on=date(2026, 5, 11), method="observed",
        assessor_name="Alex Moor, nurse educator",
    )  # fmt: skip
    await look_again(case.manager.provider_id)
    assert all(cleared is not None for _, _, cleared in await flags(case))
    assert REPLACE not in await duties(case.manager)
    await workforce.stand_down(case.manager, case.worker_id, "An allegation is being looked into")
    assert await look_at_visits(case.manager.provider_id) == 2
    assert len([s for s in await sentences(case.manager) if "not ready for" in s]) == 2
    assert (
        await migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'visit.flag_cleared'") == 4
    )  # two visits, two chains


async def test_the_task_is_due_when_the_first_visit_begins(planned):
    case, one, _ = planned
    await sent_back(case)
    await look_at_visits(case.manager.provider_id)
    (duty,) = [row for row in await ask(case.manager, my_duties) if row["rule_key"] == REPLACE]
    assert duty["due_at"] == (await case.visit(one)).planned_start


async def test_where_two_come_together_the_other_cannot_start_alone(database, clock):
    world = await referrals.borough(database, provider_names=("Alder Care",), workers_each=3)
    case = await packages.set_up(world, workers_per_visit=2)
    third = world.workers[case.manager.organisation_id][2]
    colleague = await providers.with_sign_in(case.manager, third, "Alder Worker 3", "alder.three@example.org")
    visit_id = await packages.a_visit(case, TUESDAY, workers=[case.worker_id, third])
    await sent_back(case)
    await look_at_visits(case.manager.provider_id)
    clock.move_to(wall_time(TUESDAY, time(16)))
    with pytest.raises(Conflict, match=r"This visit cannot begin: Alder Worker 1 .*First aid"):
        await record_actions.start_visit(colleague, visit_id)


async def test_rivals_other_councils_and_other_families_see_no_flag(planned, database):
    case, _, _ = planned
    await sent_back(case)
    await look_at_visits(case.manager.provider_id)
    rival = await referrals.add_provider(case.world, "Birch Support")
    apart = await people.council(database, "Eastham Council")
    other = await referrals.family_of(case.referrer, await referrals.add_child(case.referrer, "Ola Nowak"), "Ewa Nowak")
    for actor in (rival, apart, other, case.family, await people.person_in(rival, "coordinator")):
        async with unit_of_work(actor, read_only=True) as work:
            assert await work.fetchval("SELECT count(*) FROM visit_flag") == 0
    async with unit_of_work(case.worker, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM visit_flag") == 2
    assert await providers_of(rival) == 0


async def providers_of(actor) -> int:
    return await look_at_visits(actor.provider_id)

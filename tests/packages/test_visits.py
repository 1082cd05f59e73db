"""Planning visits: what must be there first, who may be placed, nobody in two places, moving, swapping, cancelling."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta

import pytest

from marketplace.packages import queries, setup_actions, visit_actions
from marketplace.packages.sweeps import owe_records
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import elapsed, wall_time
from marketplace.providers.evidence import send_back_to_training
from marketplace.providers.workforce import stand_down
from tests.world import packages, people, providers, referrals

TUESDAY = date(2026, 5, 12)


async def test_no_visit_before_the_plan_is_signed(case):
    await packages.written_plan(case)
    with pytest.raises(Conflict, match="care plan is not signed"):
        await packages.a_visit(case, TUESDAY)
    with pytest.raises(Conflict, match="care plan is not signed"):
        await visit_actions.plan_from_pattern(case.manager, case.package_id, TUESDAY, TUESDAY, [case.worker_id])


async def test_no_visit_without_a_back_up_worker(ready):
    await setup_actions.remove_worker(ready.manager, ready.package_id, ready.backup_id, reason="Moves away")
    with pytest.raises(Conflict, match="no back-up worker is named"):
        await packages.a_visit(ready, TUESDAY)
    with pytest.raises(InvalidInput, match="problem"):
        await setup_actions.name_backup(ready.manager, ready.package_id, ready.worker_id)
    await setup_actions.name_backup(ready.manager, ready.package_id, ready.backup_id)
    assert await packages.a_visit(ready, TUESDAY)


async def test_only_workers_ready_on_the_day_are_placed(ready):
    await stand_down(ready.manager, ready.worker_id, "An allegation is looked into")
    with pytest.raises(Conflict, match=r"Not ready on 12 May 2026: Alder Worker 1 .*stood down"):
        await packages.a_visit(ready, TUESDAY)
    # supervision was on 11 April: at most three months apart
    assert await packages.a_visit(ready, date(2026, 7, 11), workers=[ready.backup_id])
    with pytest.raises(Conflict, match="Supervision"):
        await packages.a_visit(ready, date(2026, 7, 12), workers=[ready.backup_id])


async def test_the_pattern_is_planned_once_and_gaps_say_why(ready):
    # Mondays and Wednesdays, 4 to 6; the worker is already somewhere else on Wednesday 20 May
    other = await packages.set_up(
        ready.world, child_id=await referrals.add_child(ready.referrer, "Leo Hart", date(2015, 1, 2), other_names=""),
        worker_people=(ready.worker, ready.backup),
    )  # fmt: skip
    await packages.a_visit(other, date(2026, 5, 20), time(17), time(19))
    done = await visit_actions.plan_from_pattern(
        ready.manager, ready.package_id, date(2026, 5, 12), date(2026, 5, 24), [ready.worker_id]
    )
    assert len(done.made) == 2
    assert [sentence for _, sentence in done.gaps] == [
        "Alder Worker 1 is already booked on Wednesday 20 May 2026 from 5pm to 7pm."
    ]
    again = await visit_actions.plan_from_pattern(
        ready.manager, ready.package_id, date(2026, 5, 12), date(2026, 5, 24), [ready.worker_id]
    )
    assert (len(again.made), again.there_already) == (0, 2)


async def test_two_packages_ask_for_one_worker_at_once_and_exactly_one_wins(ready):
    other = await packages.set_up(
        ready.world, child_id=await referrals.add_child(ready.referrer, "Leo Hart", date(2015, 1, 2), other_names=""),
        worker_people=(ready.worker, ready.backup),
    )  # fmt: skip
    for n in range(5):
        day = TUESDAY + timedelta(days=n)
        answers = await asyncio.gather(
            packages.a_visit(ready, day), packages.a_visit(other, day, time(17), time(19)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, Conflict)]
        assert len(refused) == 1 and "already booked" in refused[0].sentence


async def test_brother_and_sister_share_one_booking_of_the_worker(ready, migrator):
    sibling = await referrals.add_child(ready.referrer, "Sam Okonkwo", date(2018, 2, 3), sibling_of=ready.child_id)
    other = await packages.set_up(ready.world, child_id=sibling, worker_people=(ready.worker, ready.backup))
    first, second = await packages.a_visit(ready, TUESDAY), await packages.a_visit(other, TUESDAY)
    bookings = await migrator.fetch(
        "SELECT DISTINCT booking_id FROM visit_worker WHERE visit_id = ANY ($1)", [first, second]
    )
    assert len(bookings) == 1
    await visit_actions.cancel_visit(
        ready.manager, first, version=1, outcome="cancelled_by_provider", reason="The child is ill"
    )
    assert await migrator.fetchval("SELECT released_at FROM booking WHERE id = $1", bookings[0][0]) is None


async def test_a_night_is_as_long_as_it_is_when_the_clocks_change(ready, clock):
    clock.move_to(datetime(2026, 10, 20, 9, 0, tzinfo=UTC))
    pack = await ask(ready.manager, queries.pack_for, await ready.package())
    await providers.with_evidence(ready.manager, ready.worker_id, pack, "C")
    visit = await ready.visit(await packages.a_visit(ready, date(2026, 10, 24), time(22), time(7)))
    assert elapsed(visit.planned_start, visit.planned_end) == timedelta(hours=10)
    assert visit.planned_end == datetime(2026, 10, 25, 7, 0, tzinfo=UTC)


async def test_moving_frees_the_old_time_and_takes_the_new(ready, migrator):
    visit_id = await packages.a_visit(ready, TUESDAY)
    later = wall_time(TUESDAY, time(17)), wall_time(TUESDAY, time(19))
    await visit_actions.move_visit(ready.manager, visit_id, version=1, starts_at=later[0], ends_at=later[1])
    standing = await migrator.fetch("SELECT starts_at FROM booking WHERE released_at IS NULL")
    assert [row["starts_at"] for row in standing] == [later[0].astimezone(UTC)]
    with pytest.raises(Conflict, match="changed while you were looking"):
        await visit_actions.move_visit(ready.manager, visit_id, version=1, starts_at=later[0], ends_at=later[1])
    with pytest.raises(InvalidInput) as fault:
        await visit_actions.move_visit(ready.manager, visit_id, version=2, starts_at=later[1], ends_at=later[0])
    assert "ends_at" in fault.value.fields


async def test_swapping_closes_the_visit_to_who_leaves(ready):
    visit_id = await packages.a_visit(ready, TUESDAY)
    extra = await providers.ready_worker(ready.manager, ready.world.framework_id, "C", "Nia Extra")
    with pytest.raises(NotFound):
        await visit_actions.swap_worker(ready.manager, visit_id, version=1, leaves=extra, comes=ready.backup_id)
    await visit_actions.swap_worker(ready.manager, visit_id, version=1, leaves=ready.worker_id, comes=extra)
    names = [row["printed_name"] for row in await ask(ready.family, queries.visit_workers, await ready.visit(visit_id))]
    assert names == ["Nia Extra"]
    team = {row["name"]: row["part"] for row in await ask(ready.family, queries.team, await ready.package())}
    assert team["Nia Extra"] == "main"
    assert await packages.a_visit(ready, TUESDAY, time(19), time(20))  # the first worker's time is free again


async def test_a_cancellation_says_who_and_when_and_is_its_own_report(ready, migrator, clock):
    visit_id = await packages.a_visit(ready, TUESDAY)
    clock.move(timedelta(hours=2))

    async def cancel(outcome: str, **more):  # type: ignore[no-untyped-def]
        await visit_actions.cancel_visit(
            ready.manager, visit_id, version=1, outcome=outcome, **{"reason": "Ill", **more}
        )

    for wrong, field in (
        ({"outcome": "cancelled_by_family"}, "notice_at"),
        ({"outcome": "cancelled_by_family", "notice_at": clock.at + timedelta(minutes=5)}, "notice_at"),
        ({"outcome": "whatever"}, "outcome"),
        ({"outcome": "cancelled_on_arrival"}, "outcome"),
        ({"outcome": "cancelled_by_provider", "reason": " "}, "reason"),
    ):
        with pytest.raises(InvalidInput) as fault:
            await cancel(**wrong)
        assert field in fault.value.fields
    start = (await ready.visit(visit_id)).planned_start
    for actor, before in ((ready.manager, timedelta(hours=12)), (ready.worker, timedelta(minutes=16))):
        clock.move_to(start - before)  # the same day, and nobody can have arrived
        with pytest.raises(InvalidInput) as fault:
            await visit_actions.cancel_visit(
                actor, visit_id, version=1, outcome="cancelled_on_arrival", reason="Nobody opened"
            )
        assert "No worker can have arrived yet" in fault.value.fields["outcome"]
    noticed = clock.at - timedelta(hours=1)
    await cancel("cancelled_by_family", notice_at=noticed)
    visit = await ready.visit(visit_id)
    assert (visit.outcome, visit.notice_at) == ("cancelled_by_family", noticed)
    duty = await migrator.fetchrow("SELECT * FROM obligation WHERE rule_key = 'cancellation_report'")
    assert (duty["starts_at"], duty["due_at"], duty["met_at"]) == (noticed, noticed + timedelta(hours=24), clock.at)
    assert duty["missed_at"] is None
    with pytest.raises(WrongState):
        await visit_actions.cancel_visit(
            ready.manager, visit_id, version=2, outcome="cancelled_by_provider", reason="x"
        )
    again = await packages.a_visit(ready, TUESDAY)  # to be re-booked: the time is free
    clock.move_to(start - timedelta(minutes=15))
    await visit_actions.cancel_visit(
        ready.worker, again, version=1, outcome="cancelled_on_arrival", reason="Nobody opened"
    )
    assert (await ready.visit(again)).outcome == "cancelled_on_arrival"


async def test_a_missed_visit_reported_late_shows_as_such(ready, migrator, clock):
    visit_id = await packages.a_visit(ready, TUESDAY)
    with pytest.raises(InvalidInput):
        await visit_actions.record_missed(ready.manager, visit_id, version=1, reason="Nobody came")
    clock.move_to(wall_time(TUESDAY, time(20)))
    await visit_actions.record_missed(ready.manager, visit_id, version=1, reason="The worker's car broke down")
    duty = await migrator.fetchrow("SELECT * FROM obligation WHERE rule_key = 'failed_visit_report'")
    assert duty["met_at"] is not None and duty["missed_at"] is not None
    assert (await ready.visit(visit_id)).outcome == "missed"


async def test_others_do_not_plan(ready):
    for actor in (ready.referrer, ready.worker, ready.family):
        with pytest.raises(NotPermitted):
            await visit_actions.plan_from_pattern(actor, ready.package_id, TUESDAY, TUESDAY, [ready.worker_id])
    rival = await referrals.add_provider(ready.world, "Birch Support")
    with pytest.raises(NotFound):
        await visit_actions.plan_from_pattern(rival, ready.package_id, TUESDAY, TUESDAY, [ready.worker_id])
    visit_id = await packages.a_visit(ready, TUESDAY)
    with pytest.raises(NotFound):
        await visit_actions.record_missed(rival, visit_id, version=1, reason="x")
    with pytest.raises(NotFound):
        await visit_actions.swap_worker(rival, visit_id, version=1, leaves=ready.worker_id, comes=ready.backup_id)


async def test_what_is_typed_wrongly_is_named(ready):
    async def fields(**times):  # type: ignore[no-untyped-def]
        with pytest.raises(InvalidInput) as fault:
            await visit_actions.plan_visit(ready.manager, ready.package_id, **times)
        return set(fault.value.fields)

    fine = {
        "activity": "home_support", "starts_at": wall_time(TUESDAY, time(16)), "ends_at": wall_time(TUESDAY, time(18)),
        "worker_ids": [ready.worker_id],
    }  # fmt: skip
    assert await fields(**{**fine, "activity": "juggling"}) == {"activity"}
    assert await fields(**{**fine, "ends_at": fine["starts_at"]}) == {"ends_at"}
    assert await fields(**{**fine, "starts_at": wall_time(date(2026, 5, 10), time(16))}) == {"starts_at", "ends_at"}
    assert await fields(**{**fine, "worker_ids": []}) == {"workers"}
    assert await fields(**{**fine, "worker_ids": [ready.worker_id, ready.backup_id]}) == {"workers"}
    stranger = await people.provider_org(ready.world.settings, "Elsewhere")
    assert await fields(**{**fine, "worker_ids": [stranger.organisation_id]}) == {"workers"}


async def test_a_worker_who_lost_a_competency_is_not_placed_any_more(ready, migrator):
    row = await migrator.fetchrow("SELECT code FROM worker_competency WHERE worker_id = $1 LIMIT 1", ready.worker_id)
    await send_back_to_training(ready.manager, ready.worker_id, row["code"], "Observed practice was unsafe")
    with pytest.raises(Conflict, match="Not ready"):
        await packages.a_visit(ready, TUESDAY)


async def test_a_visit_without_a_word_becomes_a_task_of_the_office_once(ready, migrator, clock):
    first, second = await packages.a_visit(ready, TUESDAY), await packages.a_visit(ready, TUESDAY, time(19), time(20))
    provider = ready.manager.organisation_id
    assert await owe_records(provider) == 0
    clock.move_to(wall_time(TUESDAY, time(21)))
    assert await owe_records(provider) == 2
    assert await owe_records(provider) == 0
    open_duties = (
        "SELECT count(*) FROM obligation WHERE rule_key = 'task.record_visit' AND met_at IS NULL"
        " AND cancelled_at IS NULL"
    )
    assert await migrator.fetchval(open_duties) == 2
    await packages.delivered(ready, first)
    await visit_actions.record_missed(ready.manager, second, version=1, reason="The car broke down")
    assert await migrator.fetchval(open_duties) == 0

"""The one question of the day finds everybody who is to be warned, and notes the others as looked at."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, time, timedelta

import pytest

from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, outside_context
from marketplace.policy.bounds import days_that_end
from marketplace.policy.pack import load_pack
from marketplace.policy.reminders import ends_warned_of, newest_warning
from marketplace.policy.standing import last_good_day
from marketplace.providers.lapse_finding import packs_in_use, to_warn_of
from marketplace.providers.lapse_sweeps import look_at_lapses
from marketplace.providers.lapses import lapses_of_provider
from tests.obligations.conftest import as_worker
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS
from tests.providers.test_readiness_rows import DAYS, LEAP_DAY, Editor
from tests.world import providers

PACK = load_pack(LEWISHAM)


def test_the_days_written_out_are_those_the_rules_warn_of():
    days = [date(2027, 12, 1) + timedelta(days=number) for number in range(500)]
    for name in (LEWISHAM, PDPS, HARROWDALE):
        pack = load_pack(name)
        for on in (date(2028, 2, 29), date(2028, 3, 1), date(2028, 5, 31)):
            for after in (on - timedelta(days=1), on - timedelta(days=40)):
                expected = [day for day in days if newest_warning(pack.on(on), day, after, on) is not None]
                assert list(ends_warned_of(pack, after, on)) == expected
        for months in (1, 6, 12, 36):
            ends = {}
            for back in range(1600):
                day = date(2028, 6, 30) - timedelta(days=back)
                ends.setdefault(last_good_day(pack, day, months), []).append(day)
            for number in range(60):
                end = date(2028, 2, 1) + timedelta(days=number)
                assert list(days_that_end(pack, end, months)) == sorted(ends.get(end, [])), (name, months, end)
    assert days_that_end(PACK, date(1, 2, 1), 12) == ()


@pytest.mark.parametrize("seed", [1, 2])
async def test_nobody_who_is_to_be_warned_is_missed(place, database, migrator, clock, seed):
    clock.move_to(LEAP_DAY)
    pick = random.Random(seed)
    workers = [
        await providers.worker(place.manager, name, role)
        for name, role in (
            ("Wren Ashby", "support_worker"),
            ("Nia Nurse", "childrens_nurse"),
            ("Lee", "support_worker"),
        )
    ]
    editor = Editor(migrator, place.provider_id, workers, place.manager.person_id, seed)
    editor.packs = [PACK]
    declared = sorted(
        {rule.key for rule in (*PACK.content.provider_requirements, *PACK.content.documents) if rule.key != "insurance"}
    )
    warned, named, asked = 0, 0, 0
    for step in range(40):
        if step % 10 == 0:
            for table in ("worker_competency", "worker_check", "worker_dbs_check"):
                await migrator.execute(f"DELETE FROM {table} WHERE provider_id = $1", place.provider_id)
            await editor.everything()
        for _ in range(3):
            await editor.change()
        said = {pick.choice(declared): (pick.choice(DAYS) - timedelta(days=pick.choice((0, 182, 365)))).isoformat()}
        await migrator.execute(
            "UPDATE provider SET insurance_until = $2, declarations = $3::text::jsonb WHERE id = $1",
            place.provider_id, pick.choice(DAYS) + timedelta(days=pick.choice((0, 7, 84))), json.dumps(said),
        )  # fmt: skip
        today = pick.choice(DAYS) - timedelta(days=pick.choice((0, 0, 1, 7, 28)))
        last_look = today - timedelta(days=pick.choice((1, 1, 1, 3, 40)))
        clock.move_to(datetime.combine(today, time(9), UTC))
        await migrator.execute(
            "INSERT INTO lapse_look VALUES ($1, $2) ON CONFLICT (provider_id) DO UPDATE SET looked_on = $2,"
            " looked_before_on = NULL", place.provider_id, last_look,
        )  # fmt: skip
        everything = await ask(system_for(place.provider_id, "provider"), lapses_of_provider)
        due = {each.worker_id for each in everything if each.warning(last_look, today) is not None}
        async with as_worker(database, clock):
            judging = await packs_in_use()
            async with outside_context() as connection:
                found = await to_warn_of(connection, judging, last_look, today)
        assert set(found) <= {place.provider_id}
        who, own = found.get(place.provider_id, ([], False))
        assert due - {None} <= set(who) and (None not in due or own), (seed, step, today, last_look)
        warned, named, asked = warned + len(due), named + len(who) + own, asked + len(workers) + 1
    assert 0 < warned <= named < asked  # some were found, and not simply everybody


async def test_whoever_has_nothing_to_hear_is_noted_as_looked_at_in_one_go(place, database, migrator, clock):
    await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse", assessed_on=date(2026, 5, 11))
    async with as_worker(database, clock):
        await look_at_lapses(database)
        clock.move_to(datetime(2026, 6, 16, 8, tzinfo=UTC))  # supervision ends on 11 August: 56 days
        await look_at_lapses(database)
    rows = await migrator.fetch("SELECT provider_id, looked_on, looked_before_on, warned FROM lapse_look")
    assert {(row["looked_on"], row["looked_before_on"]) for row in rows} == {(date(2026, 6, 16), date(2026, 5, 11))}
    assert {row["provider_id"] for row in rows if row["warned"]} == {place.provider_id}
    # neither has visits: only whoever was judged asks for them to be looked at, the other has no reason to
    jobs = await migrator.fetch("SELECT payload FROM jobs.pgqueuer WHERE entrypoint = 'look_at_visits'")
    assert any(str(place.provider_id) in row["payload"].decode() for row in jobs)
    clock.move(timedelta(days=1))
    async with as_worker(database, clock):
        await look_at_lapses(database)
    assert not await migrator.fetchval("SELECT bool_or(warned) FROM lapse_look")

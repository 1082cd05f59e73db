"""The database's row of days per worker says what the rules say, after whatever is done to the evidence."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.platform.database import ask, prepare_connection, unit_of_work
from marketplace.policy.bounds import readiness_bounds
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack, load_pack
from marketplace.policy.standing import worker_readiness
from marketplace.providers import dbs_checks, workforce
from marketplace.providers.facts import worker_facts
from marketplace.providers.lots import OtherPack
from marketplace.providers.reach_index import count_by_days
from marketplace.providers.readiness import lot_reach, ready_counts
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS
from tests.world import providers

PACKS = [load_pack(LEWISHAM), load_pack(PDPS), load_pack(Path(HARROWDALE))]
LEAP_DAY = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
# Days on which adding months does something other than usual, and days around them.
DAYS = [
    date(2028, 2, 28),
    date(2028, 2, 29),
    date(2028, 3, 1),
    date(2028, 3, 31),
    date(2028, 4, 30),
    date(2028, 5, 31),
    date(2028, 6, 30),
    date(2028, 8, 31),
    date(2028, 12, 31),
    date(2029, 1, 31),
    date(2029, 2, 28),
    date(2029, 3, 1),
]
NAMES = ("Wren Ashby", "Lee Barton", "Jo Ó Dálaigh", " Kit Marsh", "Sam\u00a0Vale ", "\u200b")
ASSESSORS = (
    "Alex Moor",
    "Alex Moor (nurse)",
    "Wren Ashby",
    "Lee Barton ",
    "\tWren Ashby",
    "Wren Ashby\u00a0",
    "\u200b",
    "",
    None,
    "Sam\u00a0Vale",
)


async def by_the_facts(work, provider_id: UUID, pack: Pack, lot: str, needs: tuple[str, ...], on: date) -> int:
    """How many are ready when everybody is judged by the facts: what the rows must not differ from."""
    found = await worker_facts(work, [provider_id])
    return sum(worker_readiness(pack, lot, on, facts, needs).ready for facts in found[provider_id])


class Editor:
    """Changes evidence at random, past the actions, so that what no form would send comes up too."""

    def __init__(self, connection: asyncpg.Connection, provider_id: UUID, workers: list[UUID], by: UUID, seed: int):
        self.connection, self.provider_id, self.workers, self.by = connection, provider_id, workers, by
        self.random = random.Random(seed)
        self.packs = PACKS
        self.codes = sorted({code for pack in PACKS for code in pack.competencies})
        self.methods = sorted({code for pack in PACKS for code in pack.methods})
        self.kinds = sorted({c.key for pack in PACKS for c in pack.content.worker_checks if c.evidence == "record"})
        self.roles = sorted({role for pack in PACKS for role in pack.roles})

    def day(self) -> date:
        """A day that just counts, just does not, or lies somewhere; seldom one that has not come yet."""
        day = self._any_day()
        return day if self.random.random() < 0.05 else min(day, LEAP_DAY.date())

    def _any_day(self) -> date:
        pick = self.random
        pack, on = pick.choice(self.packs), pick.choice(DAYS)
        months = pick.choice((1, 3, 6, 12, 24, 36))
        start = date(on.year - months // 12, on.month, 1) - timedelta(days=30 * (months % 12))
        if pick.random() < 0.5:
            bounds = readiness_bounds(pack, pick.choice(sorted(pack.lots)), on)
            dated = [bounds.dbs_since, *(each.since for each in (*bounds.competencies, *bounds.checks))]
            known = [day for day in dated if day is not None]
            if known:
                return pick.choice(known) + timedelta(days=pick.choice((-1, 0, 0, 0, 1)))
        return start + timedelta(days=pick.randrange(0, 70))

    async def everything(self) -> None:
        """What the packs ask of each worker, so that single changes tell."""
        for place, worker in enumerate(self.workers):
            await self.sql(
                "INSERT INTO worker_dbs_check (provider_id, worker_id, checked_on, checked_by_name, recorded_at,"
                " recorded_by) VALUES ($1, $2, $3, 'A', $4, $5)",
                worker,
                date(2028, 2, 20),
                LEAP_DAY,
                self.by,
            )
            for code in self.codes:
                await self.competency(worker, code, "observed" if place else "watched", "Alex Moor")
            for kind in self.kinds:
                await self.check(worker, kind, date(2028, 2, 1), None)
            await self.sql(
                "UPDATE worker SET profile = 'I like music.', profile_consent_at = $3, registration_until = $4"
                " WHERE provider_id = $1 AND id = $2",
                worker,
                LEAP_DAY - timedelta(days=90),
                date(2029, 2, 28),
            )

    async def competency(self, worker: UUID, code: str, method: str, assessor: str | None, **more: object) -> None:
        await self.sql(
            "INSERT INTO worker_competency (provider_id, worker_id, code, assessed_on, method, assessor_name,"
            " recorded_at, recorded_by, for_package_id, assessor_worker_id)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            worker,
            code,
            more.get("day") or date(2028, 2, 1),
            method,
            assessor,
            LEAP_DAY,
            self.by,
            more.get("package"),
            more.get("colleague"),
        )

    async def check(self, worker: UUID, kind: str, day: date, until: date | None) -> None:
        await self.sql(
            "INSERT INTO worker_check (provider_id, worker_id, kind, done_on, valid_until, recorded_at,"
            " recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            worker,
            kind,
            day,
            until,
            LEAP_DAY,
            self.by,
        )

    async def sql(self, text: str, worker: UUID, *values: object) -> None:
        await self.connection.execute(text, self.provider_id, worker, *values)

    async def change(self) -> str:
        pick, worker = self.random, self.random.choice(self.workers)
        others = [None, *(each for each in self.workers if each != worker)]
        what = pick.choice(
            (
                "dbs",
                "competency",
                "competency",
                "competency",
                "check",
                "check",
                "withdraw",
                "restore",
                "worker",
                "worker",
                "profile",
                "shift",
                "delete",
            )
        )
        set_one = "UPDATE worker SET {} = $3 WHERE provider_id = $1 AND id = $2"
        if what == "dbs":
            await self.sql(
                "INSERT INTO worker_dbs_check (provider_id, worker_id, checked_on, checked_by_name, outcome,"
                " recorded_at, recorded_by) VALUES ($1, $2, $3, 'A', $4, $5, $6)",
                worker,
                self.day(),
                pick.choice(("clear", "clear", "new_information")),
                LEAP_DAY + timedelta(hours=pick.randrange(2)),
                self.by,
            )
        elif what == "competency":
            await self.competency(
                worker,
                pick.choice(self.codes),
                pick.choice((*self.methods, *["observed"] * 9)),
                pick.choice((*ASSESSORS, *["Alex Moor"] * 20)),
                day=self.day(),
                package=pick.choice((None, None, None, uuid4())),
                colleague=pick.choice((None, None, *others)),
            )
        elif what == "check":
            await self.check(worker, pick.choice(self.kinds), self.day(), pick.choice((None, pick.choice(DAYS))))
        elif what == "withdraw":
            await self.sql(
                "UPDATE worker_competency SET withdrawn_at = $4 WHERE provider_id = $1 AND worker_id = $2"
                " AND code = $3",
                worker,
                pick.choice(self.codes),
                LEAP_DAY,
            )
            await self.sql(
                "UPDATE worker_check SET withdrawn_at = $4, withdrawn_by_name = 'A', withdrawn_reason = 'A wrong day'"
                " WHERE provider_id = $1 AND worker_id = $2 AND kind = $3",
                worker,
                pick.choice(self.kinds),
                LEAP_DAY,
            )
            await self.sql(
                "UPDATE worker_dbs_check SET withdrawn_at = $3, withdrawn_by_name = 'A', withdrawn_reason = 'A wrong"
                " day' WHERE (provider_id, id) = (SELECT provider_id, id FROM worker_dbs_check WHERE provider_id = $1"
                " AND worker_id = $2 AND outcome = 'clear' ORDER BY checked_on DESC, id LIMIT 1)",
                worker,
                LEAP_DAY,
            )
        elif what == "restore":
            for table in ("worker_check", "worker_dbs_check"):
                await self.sql(
                    f"UPDATE {table} SET withdrawn_at = NULL, withdrawn_by_name = NULL, withdrawn_reason = NULL"
                    " WHERE provider_id = $1 AND worker_id = $2",
                    worker,
                )
            await self.sql(
                "UPDATE worker_competency SET withdrawn_at = NULL WHERE provider_id = $1 AND worker_id = $2", worker
            )
        elif what == "worker":
            column, value = pick.choice(
                (
                    ("name", pick.choice((*NAMES, *["Wren Ashby"] * 9))),
                    ("role", pick.choice(self.roles)),
                    ("drives_children", pick.random() < 0.5),
                    ("stood_down_at", pick.choice((None, None, LEAP_DAY))),
                    ("left_on", pick.choice((None, None, *DAYS))),
                    ("registration_until", pick.choice((None, *DAYS))),
                    ("registration_fit_to_practise", pick.random() < 0.8),
                )
            )
            await self.sql(set_one.format(column), worker, value)
        elif what == "profile":
            await self.sql(set_one.format("profile"), worker, pick.choice(("", " ", "\u00a0", "I like music.")))
            await self.sql(
                set_one.format("profile_consent_at"),
                worker,
                pick.choice((None, LEAP_DAY - timedelta(days=pick.randrange(99)))),
            )
        elif what == "shift":  # many rows of many workers in one statement
            await self.connection.execute(
                "UPDATE worker_competency SET assessed_on = assessed_on + $2::int WHERE provider_id = $1 AND code = $3",
                self.provider_id,
                pick.choice((-1, 1, 2)),
                pick.choice(self.codes),
            )
        else:
            table = pick.choice(("worker_competency", "worker_check", "worker_dbs_check"))
            await self.sql(
                f"DELETE FROM {table} WHERE (provider_id, id) = (SELECT provider_id, id FROM {table}"
                " WHERE provider_id = $1 AND worker_id = $2 ORDER BY id LIMIT 1)",
                worker,
            )
        return what


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_any_edits_the_rows_and_the_rules_count_the_same(place, migrator, clock, seed):
    clock.move_to(LEAP_DAY)
    workers = [
        await providers.worker(place.manager, name.strip("\u200b ") or "Ash", role)
        for name, role in (
            ("Wren Ashby", "support_worker"),
            ("Lee Barton", "support_worker"),
            ("Nia Nurse", "childrens_nurse"),
            ("Pat Lead", "outreach_worker"),
        )
    ]
    editor = Editor(migrator, place.provider_id, workers, place.manager.person_id, seed)
    await editor.everything()
    counted, by_days, ready = 0, 0, 0
    covered = "UPDATE provider SET cqc_registered = true, insurance_until = '2031-01-01' WHERE id = $1"
    await migrator.execute(covered, place.provider_id)
    pick = random.Random(seed)
    for step in range(110):
        done = await editor.change() if step else "nothing yet"
        async with unit_of_work(place.manager, read_only=True) as work:
            for _ in range(4):
                pack, on = pick.choice(PACKS), pick.choice(DAYS)
                lot = pick.choice(sorted(pack.lots))
                starred = [row.competency for row in pack.requirements(lot) if row.kind == "where_needed"]
                needs = tuple(pick.sample(starred, pick.randrange(0, min(2, len(starred)) + 1)))
                expected = await by_the_facts(work, place.provider_id, pack, lot, needs, on)
                found = await ready_counts(work, [place.provider_id], pack, lot, needs, on)
                assert found == {place.provider_id: expected}, (seed, step, done, pack.id, lot, on, needs)
                bounds = readiness_bounds(pack, lot, on, needs)
                (told,) = (await count_by_days(work, [place.provider_id], bounds, local_day(work.now))).values()
                counted, by_days, ready = counted + 4, by_days + 4 - len(told.unclear), ready + expected
            lot, on = pick.choice(("A", "C")), pick.choice(DAYS)
            expected = await by_the_facts(work, place.provider_id, place.pack, lot, (), on)
        # and the broadcast's own question, which reads a lot's workers past their policies
        found = await ask(place.lead, lot_reach, place.framework_id, place.pack, lot, (), on)
        told = next(each for each in found if each.provider_id == place.provider_id)
        assert told.standing is None and told.ready == expected, (seed, step, done, lot, on)
        if step % 10 == 9:  # begin again, or in the end nobody is ready for anything
            await migrator.execute(
                "UPDATE worker SET stood_down_at = NULL, left_on = NULL, name = 'Wren Ashby', role = $2"
                " WHERE provider_id = $1 AND id = $3",
                place.provider_id,
                pick.choice(editor.roles),
                workers[step % 4],
            )
            for table in ("worker_competency", "worker_check", "worker_dbs_check"):
                await migrator.execute(f"DELETE FROM {table} WHERE provider_id = $1", place.provider_id)
            await editor.everything()
    assert await ask(place.apart, lot_reach, place.framework_id, place.pack, "C", (), DAYS[0]) == []
    with pytest.raises(OtherPack):
        other = place.pack.with_decisions({"settings.charging.missed_percent": 7})
        await ask(place.lead, lot_reach, place.framework_id, other, "C", (), DAYS[0])
    async with unit_of_work(place.apart, read_only=True) as work:  # and in SQL a stranger is told nothing either
        asked = place.framework_id, "C"
        assert await work.fetch("SELECT * FROM lot_workers($1, $2, '{}')", *asked) == []
        assert await work.fetch("SELECT * FROM lot_standing($1, $2, app_now(), app_today())", *asked) == []
    # both ways of answering were tried, and both answers came
    assert counted * 0.2 < by_days < counted and 0 < ready < counted


async def test_the_row_changes_with_the_transaction_and_not_without_it(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    asked = ([place.provider_id], place.pack, "C", (), date(2026, 5, 11))
    try:
        async with unit_of_work(place.manager) as work:
            await work.execute("UPDATE worker SET stood_down_at = $2 WHERE id = $1", worker, work.now)
            assert await ready_counts(work, *asked) == {place.provider_id: 0}
            raise RuntimeError("the change is given up")
    except RuntimeError:
        pass
    assert await ask(place.lead, ready_counts, *asked) == {place.provider_id: 1}
    await workforce.stand_down(place.manager, worker, "A concern is looked into")
    assert await ask(place.lead, ready_counts, *asked) == {place.provider_id: 0}


async def test_two_changes_at_once_to_one_worker_are_both_in_the_row(place, database):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    first, second = [await asyncpg.connect(database.dsn("migrator")) for _ in range(2)]
    sent = "UPDATE worker_competency SET withdrawn_at = now() WHERE worker_id = $1 AND code = $2"
    try:
        for each in (first, second):
            await prepare_connection(each)
            await each.execute("BEGIN")
        await first.execute(sent, worker, "first_aid")
        waiting = asyncio.create_task(second.execute(sent, worker, "anaphylaxis"))
        await asyncio.wait([waiting], timeout=0.3)  # it waits for the row the first one holds
        assert not waiting.done()
        await first.execute("COMMIT")
        await waiting
        await second.execute("COMMIT")
        rows = await first.fetch(
            "SELECT i.code, r.days[i.place] AS day FROM worker_readiness r, readiness_item i"
            " WHERE r.worker_id = $1 AND i.kind = 'competency' AND i.code = ANY ($2)",
            worker,
            ["first_aid", "anaphylaxis"],
        )
        assert {row["code"]: row["day"] for row in rows} == {"first_aid": -32768, "anaphylaxis": -32768}
    finally:
        await first.close()
        await second.close()


async def test_nobody_writes_the_rows_and_only_those_who_may_weigh_evidence_read_them(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    for actor, seen in ((place.manager, 1), (place.lead, 1), (place.partner, 1), (place.apart, 0), (place.rival, 0)):
        async with unit_of_work(actor, read_only=True) as work:
            found = await work.fetchval("SELECT count(*) FROM worker_readiness WHERE worker_id = $1", worker)
            assert found == seen
    for statement in (
        "UPDATE worker_readiness SET stood_down = false",
        "DELETE FROM worker_readiness",
        "INSERT INTO readiness_item VALUES ('check', 'x', 99)",
        "SELECT readiness_refresh(ARRAY[]::uuid[], ARRAY[]::uuid[])",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with unit_of_work(place.manager) as work:
                await work.execute(statement)


async def test_a_record_stays_with_its_worker(place, migrator):
    one = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    two = await providers.worker(place.manager, "Lee Barton")
    with pytest.raises(asyncpg.CheckViolationError, match="stays with its worker"):
        await migrator.execute("UPDATE worker_check SET worker_id = $2 WHERE worker_id = $1", one, two)


async def test_recording_evidence_keeps_up(place):
    """Through the action people use: a DBS check made again makes the worker ready again."""
    old = date(2025, 11, 11)  # counts up to 11 May 2026, today
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby", dbs_checked_on=old)

    async def ready(on: date) -> int:
        return (await ask(place.lead, ready_counts, [place.provider_id], place.pack, "C", (), on))[place.provider_id]

    assert [await ready(date(2026, 5, 11)), await ready(date(2026, 5, 12))] == [1, 0]
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=date(2026, 5, 11), checked_by_name="Mo Hale", outcome="clear"
    )
    assert await ready(date(2026, 5, 12)) == 1

"""Whether a provider takes new families is the one standing, asked under the hold an award takes."""

from __future__ import annotations

import asyncio
import itertools
from datetime import date, timedelta

from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import local_day
from marketplace.providers import actions, lifting
from marketplace.providers.new_families import CLOSED, NewFamilies, new_families, takes_new_families
from marketplace.purchases.agreeing import accept_answer
from marketplace.purchases.directory import VISITOR
from tests.world import people, providers, purchases, referrals


async def asked(home, actor, provider=0) -> NewFamilies:
    world = home.world
    return await ask(
        actor, new_families, world.framework_id, world.providers[provider].organisation_id, "C",
        world.admin.organisation_id,
    )  # fmt: skip


async def test_who_may_know_reads_why_and_everybody_else_only_that_it_is_closed(home, clock):
    world = home.world
    alder, birch, cedar = world.providers
    everybody = (home.mother, VISITOR, alder, world.referrer)
    assert [await asked(home, each) for each in everybody] == [NewFamilies(True)] * 4
    manager = await people.person_in(world.admin, "contract_manager")
    await actions.suspend(manager, world.framework_id, alder.organisation_id, reason="No rota", with_plan=False)
    for each in (home.mother, VISITOR):
        assert await asked(home, each) == NewFamilies(False, CLOSED)
    for each in (alder, world.referrer):
        found = await asked(home, each)
        assert not found.takes and "suspended from new referrals since" in found.line
        assert f"by {manager.person_name}" in found.line and found.line.endswith("No rota.")
    await actions.pause(birch, world.framework_id, reason="Full", until_on=date(2026, 5, 12))
    await providers.in_good_order(cedar, insurance_until=date(2026, 5, 10))
    for nth in (1, 2):
        assert await asked(home, home.mother, nth) == NewFamilies(False, CLOSED)
    clock.move_to(clock.at + timedelta(days=2))
    assert (await asked(home, home.mother, 1)).takes and not (await asked(home, home.mother, 2)).takes


HOLDS = {
    "suspension": {"reason": "A concern", "imposed_by_name": "X"},
    "pause": {},
    "restriction": {"reason": "A concern", "imposed_by_name": "X", "new_packages": 1},
}
BY = {"suspension": "imposed_by", "pause": "paused_by", "restriction": "imposed_by"}
ENDS = {"suspension": "lifted_at", "pause": "ended_at", "restriction": "ended_at"}


async def test_the_directory_says_of_every_hold_what_the_standing_says(bought, clock, migrator):
    """Two answers to one question: the families' comes from `directory()`, the council's from the standing."""
    home = bought.home
    world, today, day = home.world, local_day(clock.at), timedelta(days=1)
    partner = await migrator.fetchval(
        "SELECT commissioner_id FROM framework_member WHERE framework_id = $1 AND commissioner_id <> $2",
        world.framework_id, world.admin.organisation_id,
    )  # fmt: skip
    times = [  # starts, ends, until
        (-day, None, None), (day, None, None), (-day, -day / 2, None), (-day, day, None), (-day, None, today - day),
        (-day, None, today),
    ]  # fmt: skip
    seen = []
    for (kind, more), lot, council, (starts, ends, until) in itertools.product(
        HOLDS.items(), (None, "C", "A"), (None, world.admin.organisation_id, partner), times
    ):
        if (council is not None and kind == "pause") or (council is None and lot == "A" and starts != -day):
            continue
        # two packages awarded since count for the one a restriction allows
        row = more | {
            "framework_id": world.framework_id, "provider_id": world.providers[0].organisation_id, "lot_code": lot,
            "starts_at": clock.at + starts, "until_on": until, BY[kind]: world.admin.person_id,
        }  # fmt: skip
        row |= {} if kind == "pause" else {"commissioner_id": council}
        if ends is not None:
            row |= {ENDS[kind]: clock.at + ends} | ({"end_reason": "Over"} if kind == "restriction" else {})
        names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await migrator.execute(f"INSERT INTO {kind} ({names}) VALUES ({places})", *row.values())
        family, theirs = (await asked(home, home.mother)).takes, (await asked(home, world.referrer)).takes
        assert family == theirs, (kind, lot, council, starts, ends, until)
        seen.append(family)
        await migrator.execute(f"ALTER TABLE {kind} DISABLE TRIGGER USER")
        await migrator.execute(f"DELETE FROM {kind}")
        await migrator.execute(f"ALTER TABLE {kind} ENABLE TRIGGER USER")
    assert len(set(seen)) == 2  # some close it, some do not


async def test_an_agreement_and_a_suspension_at_once_come_one_after_the_other(home):
    world = home.world
    alder = world.providers[0].organisation_id
    council = world.admin.organisation_id
    manager = await people.person_in(world.admin, "contract_manager")
    told: list[str] = []

    async def agree(held: asyncio.Event, *, until_somebody_waits: bool) -> None:
        async with unit_of_work(home.mother) as work:
            found = await takes_new_families(work, world.framework_id, alder, "C", council)
            held.set()
            if until_somebody_waits:
                while not await work.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - the database has no event for it
                    await asyncio.sleep(0)
            told.append("agreed" if found.takes else "refused")

    async def suspend(after: asyncio.Event) -> None:
        await after.wait()
        await actions.suspend(manager, world.framework_id, alder, reason="A concern", with_plan=False)
        told.append("suspended")

    held = asyncio.Event()
    await asyncio.gather(agree(held, until_somebody_waits=True), suspend(held))
    assert told == ["agreed", "suspended"]
    told.clear()
    await agree(asyncio.Event(), until_somebody_waits=False)
    assert told == ["refused"]


async def test_an_agreement_that_waits_for_a_suspension_sees_it(home):
    world = home.world
    alder = world.providers[0].organisation_id
    manager = await people.person_in(world.admin, "contract_manager")
    held = asyncio.Event()
    seen: list[NewFamilies] = []

    async def agree() -> None:
        await held.wait()
        async with unit_of_work(home.mother) as work:
            seen.append(await takes_new_families(work, world.framework_id, alder, "C", world.admin.organisation_id))

    async def suspend() -> None:
        async with unit_of_work(manager) as work:
            await work.fetchval("SELECT hold_admissions($1, $2, true)", world.framework_id, alder)
            held.set()
            while not await work.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0)
            await work.execute(
                "INSERT INTO suspension (framework_id, provider_id, starts_at, reason, imposed_by, imposed_by_name)"
                " VALUES ($1, $2, $3, 'Now', $4, 'Lead')",
                world.framework_id, alder, work.now, manager.person_id,
            )  # fmt: skip

    await asyncio.gather(agree(), suspend())
    assert seen == [NewFamilies(False, CLOSED)]


async def test_only_who_may_spend_there_holds_a_provider_still(home):
    world = home.world
    alder = world.providers[0].organisation_id
    stranger = await people.family_member(world.referrer, "Olu Strange")
    sister = await referrals.family_of(world.referrer, home.child_id, "Pia Reyes", rights=("spend",))

    async def held(work):
        return await work.fetchval("SELECT hold_new_family($1, $2)", world.framework_id, alder)

    for nobody in (VISITOR, home.uncle, stranger, world.providers[1], world.referrer):
        async with unit_of_work(nobody) as work:
            assert await held(work) is False
    async with unit_of_work(sister) as work:
        assert await held(work) is True


async def test_no_family_is_agreed_with_after_the_moment_of_a_suspension(buyers, migrator):
    """For real and at once, both asked for first in turn: an agreement stands before the suspension, or is refused."""
    world, council = buyers.world, buyers.world.admin.organisation_id
    manager = await people.person_in(world.admin, "contract_manager")
    alder = world.providers[0]
    answers = []
    for _ in range(4):
        enquiry = await purchases.asked(buyers, alder)
        answers.append((enquiry, await purchases.answered(buyers, enquiry, alder)))
    first = {"agreed": 0, "refused": 0}
    for turn, (enquiry, answer) in enumerate(answers):
        rivals = [
            accept_answer(buyers.mother, answer),
            actions.suspend(manager, world.framework_id, alder.organisation_id, reason="A concern", with_plan=False),
        ]
        results = await asyncio.gather(*(rivals if turn % 2 else rivals[::-1]), return_exceptions=True)
        made, suspension = results if turn % 2 else results[::-1]
        assert not isinstance(suspension, BaseException)
        order = {
            row["action"]: row["seq"]
            for row in await migrator.fetch(
                "SELECT action, seq FROM audit_entry WHERE organisation_id = $1 AND (details ->> 'suspension' = $2"
                " OR (action = 'enquiry.accepted' AND subject_id = $3))",
                council, str(suspension), enquiry,
            )
        }  # fmt: skip
        packages = await migrator.fetchval("SELECT count(*) FROM package WHERE provider_id = $1", alder.organisation_id)
        if isinstance(made, BaseException):
            first["refused"] += 1
            assert isinstance(made, Conflict) and "enquiry.accepted" not in order
        else:
            first["agreed"] += 1
            assert order["enquiry.accepted"] < order["provider.suspended"], "an agreement after the suspension"
        assert packages == first["agreed"]
        await lifting.reinstate(manager, suspension, "Looked into")
    assert first["refused"], "no race was won by the suspension: this proves nothing"

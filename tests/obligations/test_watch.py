"""Watch over a borough made by actions: each figure counts what its list shows, and another council's are not in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from admin.watch_queries import WatchList, one_list, watch
from marketplace.obligations.sweeps import look_at_duties
from marketplace.packages.award import award_offer
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound, NotPermitted
from marketplace.providers.actions import suspend
from tests.obligations.conftest import as_worker
from tests.referrals import laid
from tests.world import people, referrals


@pytest.fixture
async def borough(database) -> referrals.World:
    return await referrals.borough(database)


@pytest.fixture
async def overseer(borough) -> Actor:
    return await people.person_in(borough.admin, "contract_manager", "Cora Ntract")


async def figures(actor: Actor) -> dict[str, WatchList]:
    return {each.key: each for each in await ask(actor, watch)}


async def test_a_quiet_borough_has_nothing_to_watch(borough, overseer):
    quiet = await figures(overseer)
    assert {key: each.number for key, each in quiet.items()} == {
        "waiting": "0", "silent": "0", "late": "0", "flagged": "0", "lapsing": "0", "suspended": "0",
        "spend": "£0.00",
    }  # fmt: skip
    assert not any(each.alarm or each.rows for each in quiet.values())


async def test_children_waiting_and_the_answers_missing(borough, overseer, clock):
    referral_id = await referrals.broadcast(borough)
    answered = borough.providers[0]
    await laid.offer(answered, referral_id, borough.workers[answered.organisation_id])
    clock.move(timedelta(days=3))
    seen = await figures(overseer)
    assert (seen["waiting"].number, seen["waiting"].label) == ("1", "child waiting")
    [row] = seen["waiting"].rows
    assert row[3:] == ("3 days", "time is over", "1")
    assert {row[1] for row in seen["silent"].rows} == {"Birch Support", "Cedar Families"}
    assert seen["silent"].alarm
    # the laid offer meets no duty: of the three providers' duties each is late, as the list of duties says
    assert seen["late"].alarm and all("Maya" not in " ".join(row) for each in seen.values() for row in each.rows)


async def test_duties_late_leave_the_list_when_the_referral_ends(borough, overseer, database, clock):
    await referrals.broadcast(borough)
    clock.move(timedelta(hours=25))
    async with as_worker(database, clock):
        await look_at_duties()
    late = (await figures(overseer))["late"]
    assert {row[2] for row in late.rows} == {"Alder Care", "Birch Support", "Cedar Families"}
    assert all("1 hour late" in row[3] for row in late.rows)


async def test_evidence_lapsing_on_a_live_package_with_its_reasons(borough, overseer, clock):
    child_id = await referrals.add_child(borough.referrer)
    mother = await referrals.family_of(borough.referrer, child_id)
    referral_id = await referrals.broadcast(borough, child_id)
    alder = borough.providers[0]
    offer_id = await laid.offer(alder, referral_id, borough.workers[alder.organisation_id])
    await laid.family_choice(mother, offer_id)
    await award_offer(borough.referrer, offer_id, version=1)
    assert (await figures(overseer))["lapsing"].rows == []
    clock.move(timedelta(days=45))  # supervision is at most three months apart
    ahead = (await figures(overseer))["lapsing"]
    assert len(ahead.rows) == 2 and not ahead.alarm and all(row[3].startswith("by ") for row in ahead.rows)
    clock.move(timedelta(days=200))
    now = (await figures(overseer))["lapsing"]
    assert now.alarm and {row[3] for row in now.rows} == {"now"} and "DBS" in now.rows[0][4]


async def test_a_suspended_provider(borough, overseer):
    cedar = borough.providers[2]
    await suspend(overseer, borough.framework_id, cedar.organisation_id, reason="Two missed visits in a week")
    [row] = (await figures(overseer))["suspended"].rows
    assert row[0] == "Cedar Families" and row[2] == "all lots" and row[5] == "Two missed visits in a week"


async def test_each_role_sees_its_part_and_no_other_council_sees_any(borough, overseer, database, clock):
    await referrals.broadcast(borough)
    clock.move(timedelta(days=2))
    finance = await people.person_in(borough.admin, "finance")
    assert "lapsing" not in await figures(borough.referrer)
    assert set(await figures(finance)) == {"waiting", "silent", "late", "suspended", "spend"}
    with pytest.raises(NotPermitted):
        await ask(finance, one_list, "lapsing")
    with pytest.raises(NotPermitted):
        await ask(borough.providers[0], watch)
    with pytest.raises(NotFound):
        await ask(overseer, one_list, "nothing")
    southmere = await people.council(database, "Southmere Council")
    elsewhere = await people.person_in(southmere, "contract_manager")
    assert not any(each.rows for each in (await figures(elsewhere)).values())

"""Watch over a borough made by actions: each figure counts what its list shows, and another council's are not in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from admin.watch_queries import LISTS, one_list, watch
from admin.watch_shapes import Figure, due
from marketplace.identity.permissions import may
from marketplace.obligations.sweeps import look_at_duties
from marketplace.packages.award import award_offer
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound, NotPermitted
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.providers.actions import suspend
from marketplace.referrals import offering
from marketplace.web.filters import day
from tests.obligations.conftest import as_worker
from tests.referrals import laid
from tests.world import people, referrals
from tests.world.apps import create_console
from tests.world.door import at


@pytest.fixture
async def borough(database) -> referrals.World:
    return await referrals.borough(database)


@pytest.fixture
async def overseer(borough) -> Actor:
    return await people.person_in(borough.admin, "contract_manager", "Cora Ntract")


async def figures(actor: Actor) -> dict[str, Figure]:
    return {each.key: each for each in await ask(actor, watch)}


async def rows(actor: Actor, key: str, **narrowed: str) -> list[tuple[str, ...]]:
    """The list behind a figure, which counts as much as the list has."""
    figure, whole, found = await ask(actor, one_list, key, *narrowed.values())
    counted = {"waiting": 0, "suspended": 0, "drifting": 0, "budgets": None, "spend": None}.get(key, "")
    if counted is not None:
        seen = {row.cells[counted] if counted == 0 else index for index, row in enumerate(whole.rows)}
        assert figure.value == len(seen), (figure, whole.rows)
    return [row.cells for row in found.rows]


async def test_a_quiet_borough_has_nothing_to_watch(borough, overseer):
    quiet = await figures(overseer)
    assert list(quiet) == list(LISTS)
    assert {each.number for key, each in quiet.items() if key != "spend"} == {"0"}
    assert quiet["spend"].number == "£0.00"
    assert not any(each.alarm or each.detail for each in quiet.values())
    assert not any([await rows(overseer, key) for key in LISTS])


async def test_children_waiting_and_the_answers_missing(borough, overseer, clock):
    referral_id = await referrals.broadcast(borough)
    answered = borough.providers[0]
    await laid.offer(answered, referral_id, borough.workers[answered.organisation_id])
    clock.move(timedelta(days=3))
    seen = await figures(overseer)
    assert (seen["waiting"].number, seen["waiting"].label) == ("1", "child waiting")
    assert seen["waiting"].detail == "the longest 3 days" and not seen["waiting"].alarm  # there is an offer
    [row] = await rows(overseer, "waiting")
    assert row[3:] == ("3 days", "time is over", "1")
    assert {row[1] for row in await rows(overseer, "silent")} == {"Birch Support", "Cedar Families"}
    assert seen["silent"].alarm and seen["silent"].detail == "for 1 child; 2 past their time"
    assert [row[1] for row in await rows(overseer, "silent", q="", provider="Cedar Families")] == ["Cedar Families"]
    assert [row[1] for row in await rows(overseer, "silent", q="birch")] == ["Birch Support"]
    # the laid offer meets no duty: of the three providers' duties each is late, as the list of duties says
    assert seen["late"].alarm and seen["late"].detail == "the longest 2 days; for 1 child"
    said = [*(each.detail for each in seen.values())]
    said += [" ".join(row) for key in LISTS for row in await rows(overseer, key)]
    assert not any("Maya" in each for each in said)
    # the referrer acts on the referral, whoever oversees it goes on to who has not answered
    _, whole, _ = await ask(overseer, one_list, "waiting")
    _, own, _ = await ask(borough.referrer, one_list, "waiting")
    assert whole.rows[0].link == f"/watch/silent?q={row[0]}"
    assert own.rows[0].link == f"/referrals/{referral_id}" and own.rows[0].at_marketplace


async def test_duties_late_leave_the_list_when_the_referral_ends(borough, overseer, database, clock):
    await referrals.broadcast(borough)
    clock.move(timedelta(hours=25))
    async with as_worker(database, clock):
        await look_at_duties()
    late = await rows(overseer, "late")
    assert {row[2] for row in late} == {"Alder Care", "Birch Support", "Cedar Families"}
    assert all("1 hour late" in row[3] for row in late)


async def test_duties_come_near_are_late_and_stay_missed(borough, overseer, database, clock):
    referral_id = await referrals.broadcast(borough)
    clock.move(timedelta(hours=2))
    near = await rows(overseer, "soon")
    assert {row[2] for row in near} == {"Alder Care", "Birch Support", "Cedar Families"}
    assert due(end_of_day(local_day(clock.at)), clock.at).startswith(f"the end of {day(clock.at)} ("), "not midnight"
    answers = len(near)
    seen = await figures(overseer)
    assert (seen["late"].value, seen["missed"].value, seen["soon"].alarm) == (0, 0, False)
    clock.move(timedelta(hours=23))
    async with as_worker(database, clock):
        await look_at_duties()
    alder = borough.providers[0]
    await offering.decline_referral(alder, referral_id, "no_capacity")
    seen = await figures(overseer)
    gone = await rows(overseer, "missed")
    assert {(row[2], row[4]) for row in gone} == {("Alder Care", "Done late")}
    assert (seen["soon"].value, seen["late"].value, seen["missed"].value) == (0, answers - len(gone), len(gone))
    clock.move(timedelta(days=30))
    assert await rows(overseer, "missed") == []


async def test_a_provider_drifts_that_does_worse_than_before(borough, overseer, clock):
    alder, birch, _ = borough.providers
    names = iter(("Ada", "Bea", "Cleo", "Dora", "Elsa", "Fay"))
    for _ in range(3):
        child_id = await referrals.add_child(borough.referrer, f"{next(names)} Okonkwo", other_names="")
        referral_id = await referrals.broadcast(borough, child_id, starts_on=local_day(clock.at) + timedelta(days=7))
        await offering.decline_referral(birch, referral_id, "no_capacity")
    clock.move(timedelta(days=29))
    assert await rows(overseer, "drifting") == []
    for _ in range(3):
        child_id = await referrals.add_child(borough.referrer, f"{next(names)} Okonkwo", other_names="")
        referral_id = await referrals.broadcast(borough, child_id, starts_on=local_day(clock.at) + timedelta(days=7))
        for each in (alder, birch):
            await offering.decline_referral(each, referral_id, "no_capacity")
    [row] = await rows(overseer, "drifting")
    assert row == ("Alder Care", "Care and support framework", "3 of 3 referrals were declined, 0 of 3 before")
    seen = (await figures(overseer))["drifting"]
    assert (seen.label, seen.detail, seen.alarm) == ("provider drifting", "1 by declines", False)
    _, whole, _ = await ask(overseer, one_list, "drifting")
    assert "beside" in whole.about and "3 cases" in whole.about and "10 in a hundred" in whole.about
    assert whole.rows[0].link == f"/providers/{alder.organisation_id}"


async def test_the_page_its_lists_and_the_api_over_http(borough, overseer, database, clock):
    await referrals.broadcast(borough)
    clock.move(timedelta(days=2))
    async with at(create_console(database, clock), database, overseer) as door:
        shown = (await door.get("/watch")).text
        assert "child waiting" in shown and "the longest 2 days" in shown and 'href="/watch/drifting"' in shown
        assert "child waiting" in (await door.get("/")).text
        listed = (await door.get("/watch/silent")).text
        assert "Every provider" in listed and "Cedar Families" in listed
        one = (await door.get("/watch/silent?provider=Cedar+Families&q=cedar")).text
        assert '<td class="govuk-table__cell">Cedar Families' in one and ">Alder Care</td>" not in one
        assert 'value="cedar"' in one
        file = await door.get("/watch/silent?provider=Cedar+Families&format=csv")
        assert file.text.count("\r\n") == 2 and "Cedar Families" in file.text
        assert "Nothing in this list matches" in (await door.get("/watch/silent?q=Mars&page=99999")).text
        # who owes a duty may be a council or a person: to choose from there are providers alone
        _, late, _ = await ask(overseer, one_list, "late", "", "")
        owing = {row[2] for row in await rows(overseer, "late")}
        assert set(late.providers) == {each.organisation_name for each in borough.providers} & owing
        for key in LISTS:
            assert (await door.get(f"/watch/{key}?page=7&provider=%00&q=%F0%9F%92%A9")).status_code in (200, 400)
        api = (await door.get("/api/v1/watch")).json()
        assert [each["key"] for each in api] == list(LISTS)
        waiting = (await door.get("/api/v1/watch/waiting")).json()
        assert waiting["value"] == 1 and waiting["detail"].startswith("the longest 2 days")
        narrowed = (await door.get("/api/v1/watch/silent?provider=Cedar%20Families")).json()
        assert [row[1] for row in narrowed["rows"]] == ["Cedar Families"] and narrowed["value"] == 3
        assert narrowed["links"][0].endswith(f"/providers/{borough.providers[2].organisation_id}")
    async with at(create_console(database, clock), database, borough.referrer) as door:
        listed = (await door.get("/watch/waiting")).text
        assert f'href="{database.marketplace_url}/referrals/' in listed
        assert (await door.get("/watch/lapsing")).status_code == 403


async def test_evidence_lapsing_on_a_live_package_with_its_reasons(borough, overseer, clock):
    child_id = await referrals.add_child(borough.referrer)
    mother = await referrals.family_of(borough.referrer, child_id)
    referral_id = await referrals.broadcast(borough, child_id)
    alder = borough.providers[0]
    offer_id = await laid.offer(alder, referral_id, borough.workers[alder.organisation_id])
    await laid.family_choice(mother, offer_id)
    await award_offer(borough.referrer, offer_id, version=1)
    assert await rows(overseer, "lapsing") == []
    clock.move(timedelta(days=45))  # supervision is at most three months apart
    ahead = await rows(overseer, "lapsing")
    assert len(ahead) == 2 and all(row[3].startswith("by ") for row in ahead)
    figure = (await figures(overseer))["lapsing"]
    assert (figure.detail, figure.alarm) == ("with 1 child", False)
    clock.move(timedelta(days=200))
    now = await rows(overseer, "lapsing")
    assert {row[3] for row in now} == {"now"} and "DBS" in now[0][4]
    figure = (await figures(overseer))["lapsing"]
    assert (figure.detail, figure.alarm) == ("with 1 child; 2 not ready now", True)


async def test_a_suspended_provider(borough, overseer):
    cedar = borough.providers[2]
    await suspend(
        overseer, borough.framework_id, cedar.organisation_id, reason="Two missed visits in a week", with_plan=True
    )
    [row] = await rows(overseer, "suspended")
    assert row[0] == "Cedar Families" and row[2:4] == ("all lots", "Suspended")
    assert row[6:] == ("0 actions to do", "Two missed visits in a week")
    seen = (await figures(overseer))["suspended"]
    assert (seen.detail, seen.alarm) == ("since today; 1 under a plan", False)


async def test_each_role_sees_its_part_and_no_other_council_sees_any(borough, overseer, database, clock):
    await referrals.broadcast(borough)
    clock.move(timedelta(days=2))
    finance = await people.person_in(borough.admin, "finance")
    assert "lapsing" not in await figures(borough.referrer)
    assert set(await figures(finance)) == set(LISTS) - {"flagged", "lapsing"}
    assert set(await figures(borough.admin)) == {key for key, row in LISTS.items() if may(borough.admin, row[2])}
    with pytest.raises(NotPermitted):
        await ask(finance, one_list, "lapsing")
    with pytest.raises(NotPermitted):
        await ask(borough.providers[0], watch)
    with pytest.raises(NotFound):
        await ask(overseer, one_list, "nothing")
    southmere = await people.council(database, "Southmere Council")
    elsewhere = await people.person_in(southmere, "contract_manager")
    assert not any([await rows(elsewhere, key) for key in LISTS])

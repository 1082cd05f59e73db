"""Who a child is stays with the council; every look is logged; access is given person by person, right by right."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.referrals import children, granting, grants
from marketplace.referrals.children import ChildDetails
from tests.world import people, referrals


async def test_the_reference_is_random_and_says_nothing(world):
    child_id = await referrals.add_child(world.referrer)
    file = await children.open_child(world.referrer, child_id)
    assert file.child.reference.startswith("C-")
    assert "MO" not in file.child.reference and "2016" not in file.child.reference


async def test_a_child_known_already_is_not_added_twice_by_accident(world):
    first = await referrals.add_child(world.referrer)
    with pytest.raises(InvalidInput, match="problem") as refused:
        await referrals.add_child(world.referrer, "maya okonkwo")
    reference = (await children.open_child(world.referrer, first)).child.reference
    assert reference in refused.value.fields["name"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"date_of_birth": date(2026, 5, 12)}, "date_of_birth"),
        ({"postcode": "Lewisham"}, "postcode"),
        ({"at_the_door": "x" * 2001}, "at_the_door"),
    ],
)
async def test_wrong_details_name_their_field(world, wrong, field):
    details = {"name": "Maya Okonkwo", "date_of_birth": date(2016, 3, 14)} | wrong
    with pytest.raises(InvalidInput) as refused:
        await children.add_child(world.referrer, ChildDetails(**details))
    assert set(refused.value.fields) == {field}


async def test_every_look_is_logged_and_others_than_the_cases_referrer_give_a_reason(world, migrator):
    child_id = await referrals.add_child(world.referrer)
    await children.open_child(world.referrer, child_id)
    manager = await people.person_in(world.admin, "contract_manager")
    colleague = await people.person_in(world.admin, "referrer")
    for other in (manager, colleague):
        with pytest.raises(InvalidInput) as refused:
            await children.open_child(other, child_id)
        assert "why" in refused.value.fields
    await children.open_child(manager, child_id, why="Concern raised by the school")
    looks = await migrator.fetch("SELECT person_id, why FROM look WHERE subject_id = $1 ORDER BY id", child_id)
    assert [(row["person_id"], row["why"]) for row in looks] == [
        (world.referrer.person_id, "own case"),
        (manager.person_id, "Concern raised by the school"),
    ]


async def test_finance_meets_no_child_and_another_council_finds_none(world, database):
    child_id = await referrals.add_child(world.referrer)
    with pytest.raises(NotPermitted):
        await children.open_child(await people.person_in(world.admin, "finance"), child_id, why="Curious")
    other = await people.person_in(await people.council(database, "Southmere Council"), "referrer")
    for nobody in (other, world.providers[0]):
        with pytest.raises(NotFound):
            await children.open_child(nobody, child_id, why="Curious")


async def test_a_colleague_changes_nothing_before_taking_the_case_over(world, migrator):
    child_id = await referrals.add_child(world.referrer)
    await referrals.broadcast(world, child_id)
    colleague = await people.person_in(world.admin, "referrer")
    details = ChildDetails(name="Maya O", date_of_birth=date(2016, 3, 14))
    with pytest.raises(NotPermitted, match="colleague's case"):
        await children.change_child(colleague, child_id, details)
    with pytest.raises(NotPermitted):
        await referrals.family_of(colleague, child_id)
    await children.open_child(world.referrer, child_id)
    assert (await children.open_child(colleague, child_id, why="Duty desk")).looks == ()  # who looked: own cases
    with pytest.raises(InvalidInput):
        await children.take_over_case(colleague, child_id, reason="")
    await children.take_over_case(colleague, child_id, reason="Covering for leave")
    await children.change_child(colleague, child_id, details)
    taken = "SELECT referrer_id FROM referral WHERE child_id = $1"
    assert await migrator.fetchval(taken, child_id) == colleague.person_id  # the case's referrals go along
    names = {row.name for row in await ask(world.referrer, children.children, mine=False)}
    assert names == {None}  # it is the colleague's case now


async def identities(work: Work):
    return [row["name"] for row in await work.fetch("SELECT name FROM child_identity")]


async def test_access_holds_for_that_child_only_and_ends_at_once(world, migrator):
    child_id = await referrals.add_child(world.referrer)
    await referrals.add_child(world.referrer, "Olu Adeyemi", other_names="")
    mother = await referrals.family_of(world.referrer, child_id)
    assert await ask(mother, identities) == ["Maya Okonkwo"]
    grant_id = await migrator.fetchval("SELECT id FROM family_grant")
    with pytest.raises(InvalidInput):
        await granting.revoke_access(world.referrer, grant_id, reason="")
    await granting.revoke_access(world.referrer, grant_id, reason="Court order of 4 May")
    assert await ask(mother, identities) == []
    with pytest.raises(Conflict):
        await granting.revoke_access(world.referrer, grant_id, reason="Again")


async def test_access_to_a_day_ends_with_that_day(world, clock):
    child_id = await referrals.add_child(world.referrer)
    email = people.an_email("Aunt")
    await granting.grant_access(
        world.referrer, child_id, name="Aunt Bee", email=email, relation="Aunt", rights=["see_visits"],
        ends_on=clock.at.date() + timedelta(days=1),
    )  # fmt: skip
    aunt = await people.family_member(world.referrer, "Aunt Bee", email)
    clock.move(timedelta(days=1))
    assert await ask(aunt, identities) == ["Maya Okonkwo"]
    clock.move(timedelta(days=1))
    assert await ask(aunt, identities) == []


async def test_changed_rights_keep_the_earlier_ones_on_record(world, migrator):
    child_id = await referrals.add_child(world.referrer)
    await referrals.family_of(world.referrer, child_id)
    grant_id = await migrator.fetchval("SELECT id FROM family_grant")
    await granting.change_access(world.referrer, grant_id, rights=["see_plan"], jointly=False)
    found = await ask(world.referrer, grants.grants_of, child_id, ended=True)
    assert [(each.rights, each.revoked_at is None) for each in found] == [
        (referrals.ALL_RIGHTS, False),
        (("see_plan",), True),
    ]
    with pytest.raises(InvalidInput) as refused:
        await granting.change_access(world.referrer, found[1].id, rights=["everything"], jointly=False)
    assert "rights" in refused.value.fields


async def test_giving_the_same_person_access_twice_is_refused(world):
    child_id = await referrals.add_child(world.referrer)
    await referrals.family_of(world.referrer, child_id, email="grace@example.org")
    with pytest.raises(InvalidInput) as refused:
        await referrals.family_of(world.referrer, child_id, email="Grace@example.org")
    assert "already has access" in refused.value.fields["email"]

"""A direct payment is the referrer's to record, change and end, the family's to spend, and nobody else's to see."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.purchases import direct_payments, queries, spending
from marketplace.referrals import granting
from tests.world import frameworks, people, referrals
from tests.world.purchases import FIRST_DAY, WEEKLY, terms

TODAY = date(2026, 5, 11)  # the tests' Monday: the sixth week begins


async def view_for(person, home):
    return await ask(person, queries.direct_payment, home.direct_payment_id)


async def test_the_family_sees_what_is_left_and_what_it_adds_comes_off(home, migrator):
    start = await view_for(home.mother, home)
    assert start.child == "Maya Okonkwo" and start.state == "running"
    assert (start.budget.given, start.budget.carried, start.budget.left) == (WEEKLY, 5 * WEEKLY, 6 * WEEKLY)
    entry = uuid4()
    for _ in range(2):  # sent twice, kept once
        await spending.record_spending(
            home.mother, home.direct_payment_id, day=TODAY, pence=4_550, says="Holiday club for Maya", spending_id=entry
        )
    await spending.record_spending(
        home.mother, home.direct_payment_id, day=TODAY + timedelta(days=2), pence=1_000, says="Swimming"
    )
    seen = await view_for(home.mother, home)
    assert (seen.budget.spent, seen.budget.committed) == (4_550, 1_000)
    assert seen.budget.left == 6 * WEEKLY - 5_550
    await spending.take_back_spending(home.mother, entry, reason="Typed for the wrong month")
    with pytest.raises(Conflict):
        await spending.take_back_spending(home.mother, entry, reason="Again")
    council = await view_for(home.world.referrer, home)
    assert council.budget.spent == 0 and len(council.spending) == 2
    trail = await migrator.fetch("SELECT action, details::text AS details FROM audit_entry WHERE subject_id = $1",
                                 home.direct_payment_id)  # fmt: skip
    assert {row["action"] for row in trail} == {
        "direct_payment.recorded", "direct_payment.spending_recorded", "direct_payment.spending_taken_back"
    }  # fmt: skip
    assert not any(name in row["details"] for row in trail for name in ("Maya", "Holiday", "wrong month"))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"pence": 0}, "pence"),
        ({"pence": 10_000_001}, "pence"),
        ({"minutes": -1}, "minutes"),
        ({"says": "  "}, "says"),
        ({"says": "x" * 201}, "says"),
        ({"day": FIRST_DAY - timedelta(days=1)}, "day"),
    ],
    ids=["nothing", "too much", "no time", "blank", "long", "before it began"],
)
async def test_wrong_spending_names_its_field(home, wrong, field):
    values = {"day": TODAY, "pence": 100, "says": "Club"} | wrong
    with pytest.raises(InvalidInput) as refused:
        await spending.record_spending(home.mother, home.direct_payment_id, **values)
    assert set(refused.value.fields) == {field}


async def test_other_terms_begin_with_a_period_and_the_earlier_ones_stay_on_record(home):
    referrer, payment = home.world.referrer, home.direct_payment_id
    more = terms(units=15_000, lots=("A", "C"), top_up_allowed=False)
    with pytest.raises(InvalidInput) as refused:
        await direct_payments.change_terms(referrer, payment, more, applies_from=TODAY + timedelta(days=1), reason="")
    assert set(refused.value.fields) == {"applies_from", "reason"}
    await direct_payments.change_terms(
        referrer, payment, more, applies_from=TODAY + timedelta(days=7), reason="More support in the holidays"
    )
    now = await view_for(home.mother, home)
    assert now.now.units == WEEKLY and [each.units for each in now.versions] == [15_000, WEEKLY]
    await direct_payments.change_terms(referrer, payment, more, applies_from=TODAY, reason="At once after all")
    now = await view_for(home.mother, home)
    assert (now.now.units, now.now.top_up_allowed, list(now.now.lots)) == (15_000, False, ["A", "C"])
    assert now.budget.given == 15_000 and len(now.versions) == 3


async def test_it_ends_once_with_its_reason_and_another_may_follow(home):
    referrer, payment, world = home.world.referrer, home.direct_payment_id, home.world
    with pytest.raises(InvalidInput) as refused:
        await direct_payments.record_direct_payment(
            referrer, home.child_id, world.framework_id, terms(), starts_on=TODAY
        )
    assert set(refused.value.fields) == {"starts_on"}
    with pytest.raises(InvalidInput) as refused:
        await direct_payments.end_direct_payment(referrer, payment, last_day=FIRST_DAY - timedelta(days=1), reason=" ")
    assert set(refused.value.fields) == {"last_day", "reason"}
    await direct_payments.end_direct_payment(referrer, payment, last_day=TODAY, reason="A package begins")
    for again in (
        direct_payments.end_direct_payment(referrer, payment, last_day=TODAY, reason="Again"),
        direct_payments.change_terms(referrer, payment, terms(), applies_from=TODAY, reason="More"),
    ):
        with pytest.raises(Conflict):
            await again
    with pytest.raises(InvalidInput):
        await spending.record_spending(
            home.mother, payment, day=TODAY + timedelta(days=1), pence=100, says="After its end"
        )
    await direct_payments.record_direct_payment(
        referrer, home.child_id, world.framework_id, terms(), starts_on=TODAY + timedelta(days=1)
    )
    found = await ask(home.mother, queries.of_child, home.child_id)
    assert [each.state for each in found] == ["to come", "running"]


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (date(9999, 12, 31), date(9999, 12, 31), "starts_on"),
        (date(1, 1, 1), None, "starts_on"),
        (TODAY, TODAY - timedelta(days=1), "ends_on"),
        (TODAY, date(9999, 12, 31), "ends_on"),
    ],
    ids=["the end of time", "its beginning", "before the first", "for ever"],
)
async def test_days_that_cannot_be_name_their_field(home, first, last, field):
    child = await referrals.add_child(home.world.referrer, "Ola Reyes")
    with pytest.raises(InvalidInput) as refused:
        await direct_payments.record_direct_payment(
            home.world.referrer, child, home.world.framework_id, terms(), starts_on=first, ends_on=last
        )
    assert set(refused.value.fields) == {field}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"units": 0}, "units"),
        ({"lots": ()}, "lots"),
        ({"lots": ("Z",)}, "lots"),
        ({"period": "daily"}, "period"),
        ({"account": "never"}, "account"),
        ({"kind": "vouchers"}, "kind"),
    ],
    ids=["nothing", "no lot", "unknown lot", "period", "account", "kind"],
)
async def test_wrong_terms_name_their_field(home, wrong, field):
    child = await referrals.add_child(home.world.referrer, "Ola Reyes")
    with pytest.raises(InvalidInput) as refused:
        await direct_payments.record_direct_payment(
            home.world.referrer, child, home.world.framework_id, terms(**wrong), starts_on=TODAY
        )
    assert set(refused.value.fields) == {field}


async def test_nobody_else_finds_it(home, database, migrator):
    """A relative without the right, a provider, another council, another family, one whose access has ended."""
    world, payment = home.world, home.direct_payment_id
    southmere = await people.council(database, "Southmere Council")
    elsewhere = await people.person_in(southmere, "referrer")
    stranger = await people.family_member(elsewhere, "Olu Strange")
    for nobody in (home.uncle, world.providers[0], elsewhere, stranger):
        with pytest.raises(NotFound):
            await ask(nobody, queries.direct_payment, payment)
        assert await ask(nobody, queries.direct_payments, everybody=True) == []
    for nobody in (home.uncle, stranger):
        with pytest.raises(NotFound):
            await spending.record_spending(nobody, payment, day=TODAY, pence=1, says="Mine")
    with pytest.raises(NotFound):
        await direct_payments.end_direct_payment(elsewhere, payment, last_day=TODAY, reason="Ours")
    with pytest.raises(NotPermitted):
        await direct_payments.end_direct_payment(home.mother, payment, last_day=TODAY, reason="Mine")
    colleague = await people.person_in(world.admin, "referrer")
    with pytest.raises(NotPermitted, match="colleague's case"):
        await direct_payments.open_direct_payment(colleague, payment)
    assert [each.child for each in await ask(colleague, queries.direct_payments, everybody=True)] != ["Maya Okonkwo"]
    other_framework = await frameworks.open_framework(southmere)
    with pytest.raises(InvalidInput) as refused:
        await direct_payments.record_direct_payment(
            world.referrer, home.child_id, other_framework, terms(), starts_on=TODAY
        )
    assert "framework_id" in refused.value.fields
    grant = await migrator.fetchval("SELECT id FROM family_grant WHERE person_id = $1", home.mother.person_id)
    await granting.revoke_access(world.referrer, grant, reason="A court order")
    with pytest.raises(NotFound):
        await view_for(home.mother, home)


async def test_a_referrers_look_is_logged_and_the_family_is_told(home, migrator):
    await direct_payments.open_direct_payment(home.world.referrer, home.direct_payment_id)
    await direct_payments.open_direct_payment(home.mother, home.direct_payment_id)
    looks = await migrator.fetch("SELECT person_id, why FROM look WHERE subject_id = $1", home.child_id)
    assert [(row["person_id"], row["why"]) for row in looks] == [
        (home.world.referrer.person_id, "own case, direct payment")
    ]
    told = await migrator.fetch("SELECT person_id FROM notice WHERE sentence LIKE '%direct payment%'")
    assert [row["person_id"] for row in told] == [home.mother.person_id]


async def test_a_second_child_of_another_household_stays_apart(home):
    other = await with_budget_of(home, "Ola Reyes")
    mine = await ask(home.mother, queries.direct_payments)
    assert [each.id for each in mine] == [home.direct_payment_id]
    assert len(await ask(home.world.referrer, queries.direct_payments)) == 2
    with pytest.raises(NotFound):
        await spending.record_spending(home.mother, other, day=TODAY, pence=1, says="Theirs")


async def with_budget_of(home, name):
    child = await referrals.add_child(home.world.referrer, name, date(2017, 1, 2), other_names="")
    return await direct_payments.record_direct_payment(
        home.world.referrer, child, home.world.framework_id, terms(), starts_on=FIRST_DAY
    )

"""What goes back to a family and on to the provider for each way a bought visit can end; never doubled, never more."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.billing.visit_outcomes import correct_outcome
from marketplace.obligations.queries import my_news
from marketplace.packages import visit_actions
from marketplace.packages.cancelling import call_off
from marketplace.packages.ending import end_packages
from marketplace.packages.outcomes import Given
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.purchases.settling import settle_visit
from marketplace.purchases.verify import verify_purchases
from tests.laid import Start, the_richest
from tests.world import packages, providers, purchases
from tests.world.bought import Bought, accounts, buy, settled
from tests.world.referrals import borough

CHARGED = {
    "settings.charging.cancelled_on_arrival_percent": 100, "settings.charging.cancelled_late_percent": 50,
    "settings.billing.payment_four_eyes_pence": 4_000,
}  # fmt: skip
WEEKDAY = 4_800  # two hours at £24
HOUR = timedelta(hours=1)


async def charging(settings):
    """A running package that a direct payment pays for, where the pack charges what the family cancels late."""
    world = await borough(settings, provider_names=("Alder Care",), answers=CHARGED)
    bought = await purchases.agreed(await purchases.with_budget(world, purchases.BUYER))
    await purchases.sign_for_family(bought)
    return bought.case


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=charging)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


async def visits(case: packages.Case, *ahead: int) -> list[UUID]:
    today = await ask(case.manager, providers.today)
    return [await packages.a_visit(case, today + timedelta(days=each)) for each in ahead]


async def money(bought: Bought, visit_id: UUID) -> tuple[dict[str, int], list[int]]:
    """What goes back by cause, and what goes on to the provider, of one visit."""

    async def asked(work):
        back = await work.fetch("SELECT cause, pence FROM refund WHERE visit_id = $1 ORDER BY owed_at, cause", visit_id)
        on = await work.fetch("SELECT pence FROM payout WHERE visit_id = $1 ORDER BY owed_at, pence DESC", visit_id)
        return {row["cause"]: row["pence"] for row in back}, [row["pence"] for row in on]

    return await ask(bought.council, asked)


async def test_every_way_a_visit_can_end(case, clock, migrator):
    late, early, provider, missed, arrival, short, whole, coming = await visits(case, 2, 3, 4, 7, 8, 9, 10, 11)
    prices = [late, early, provider, missed, arrival, short, whole, coming]
    bought = await buy(migrator, case, prices, WEEKDAY, top_up=1_000)
    await call_off(case.family, early, version=1, reason="Grandma is here")
    clock.move_to((await case.visit(late)).planned_start - HOUR)
    await call_off(case.family, late, version=1, reason="A cold", charge_pence=WEEKDAY // 2)
    await visit_actions.cancel_visit(
        case.manager, provider, version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    clock.move_to((await case.visit(missed)).planned_end + HOUR)
    await visit_actions.record_missed(case.manager, missed, version=1, reason="The car broke down")
    clock.move_to((await case.visit(arrival)).planned_start + HOUR / 4)
    await visit_actions.cancel_visit(
        case.manager, arrival, version=1, outcome="cancelled_on_arrival", reason="Nobody at home"
    )
    clock.move_to((await case.visit(short)).planned_end + HOUR)
    fingerprint = await packages.delivered(case, short, end=(await case.visit(short)).planned_end - HOUR)
    await settled(bought)
    assert not await migrator.fetchval("SELECT count(*) FROM visit_request")  # money goes back: nothing is made up
    assert await money(bought, short) == ({}, [])  # the family has not confirmed it yet
    clock.move_to((await case.visit(whole)).planned_end + HOUR)
    await packages.confirmed(case, whole)
    await packages.signing.family_confirms(case.family, short, text_hash=fingerprint)
    for _ in range(3):  # whatever is put down again changes nothing
        await settled(bought)
        async with unit_of_work(bought.council) as work:
            for each in prices:
                await settle_visit(work, each, bought.purchase_id)
    assert [await money(bought, each) for each in prices] == [
        ({"cancelled_by_family": WEEKDAY // 2}, [WEEKDAY // 2]),
        ({"cancelled_by_family": WEEKDAY}, []),
        ({"cancelled_by_provider": WEEKDAY}, []),
        ({"missed": WEEKDAY}, []),
        ({}, [WEEKDAY]),
        ({"shorter": WEEKDAY // 2}, [WEEKDAY // 2]),
        ({}, [WEEKDAY]),
        ({}, []),
    ]
    stands = await ask(bought.council, accounts)
    assert stands == {
        "card_money": 8 * WEEKDAY, "held_for_families": -WEEKDAY, "refunds_payable": -4 * WEEKDAY,
        "payouts_payable": -3 * WEEKDAY,
    }  # fmt: skip
    assert (await ask(bought.council, verify_purchases)).differences == []
    told = await migrator.fetch(
        "SELECT sentence FROM notice WHERE person_id = $1 AND sentence LIKE '%goes back%' ORDER BY sentence",
        case.family.person_id,
    )
    assert len(told) == 5 and told[0]["sentence"].startswith("£24.00 goes back to you for the visit on ")
    assert "Maya" not in str(told) and await migrator.fetchval("SELECT count(*) FROM purchase_settling") == 0


async def test_corrected_afterwards_it_goes_back_and_is_taken_back_from_the_provider(case, clock, migrator):
    (visit_id,) = await visits(case, 2)
    bought = await buy(migrator, case, [visit_id], WEEKDAY)
    planned = (await case.visit(visit_id)).planned_start
    clock.move_to(planned + HOUR / 4)
    await visit_actions.cancel_visit(
        case.manager, visit_id, version=1, outcome="cancelled_on_arrival", reason="Nobody at home"
    )
    await settled(bought)
    assert await money(bought, visit_id) == ({}, [WEEKDAY])
    late = Given("cancelled_by_family", planned - 3 * HOUR)
    await correct_outcome(case.manager, visit_id, late, version=2, reason="They had called", charge_pence=WEEKDAY // 2)
    await settled(bought)
    await correct_outcome(
        case.manager, visit_id, Given("cancelled_by_family", planned - 30 * HOUR), version=3, reason="The day before"
    )
    await settled(bought)
    assert await money(bought, visit_id) == (
        {"cancelled_by_family": WEEKDAY // 2, "cancelled_by_family 2": WEEKDAY // 2},
        [WEEKDAY, -WEEKDAY // 2, -WEEKDAY // 2],
    )
    assert await ask(bought.council, accounts) == {"card_money": WEEKDAY, "refunds_payable": -WEEKDAY}


async def test_cancelled_before_its_money_came_and_what_a_package_leaves_unused(case, clock, migrator):
    cancelled, unused = await visits(case, 3, 4)
    await call_off(case.family, cancelled, version=1, reason="Grandma is here")
    bought = await buy(migrator, case, [cancelled, unused], WEEKDAY, intent=None)
    await settled(bought)
    assert await money(bought, cancelled) == ({"cancelled_by_family": WEEKDAY}, [])
    assert await money(bought, unused) == ({}, [])
    await migrator.execute(
        "UPDATE package SET state = 'ended', ended_at = $2, ended_reason = 'Over' WHERE id = $1",
        case.package_id, clock.at,
    )  # fmt: skip
    await settled(bought)
    assert await money(bought, unused) == ({"unused": WEEKDAY}, [])
    assert await ask(bought.council, accounts) == {"client_bank": 2 * WEEKDAY, "refunds_payable": -2 * WEEKDAY}
    with pytest.raises(asyncpg.CheckViolationError, match="more would go back"):
        await migrator.execute(
            "INSERT INTO refund (commissioner_id, purchase_id, framework_id, provider_id, child_id, cause, pence, way,"
            " owed_at) SELECT commissioner_id, id, framework_id, provider_id, child_id, 'x', 1, 'transfer', made_at"
            " FROM purchase"
        )


async def test_a_correction_after_the_packages_last_day_still_gives_back(case, clock, migrator):
    (whole,) = await visits(case, 3)
    bought, provider = await buy(migrator, case, [whole], WEEKDAY), case.manager.provider_id
    assert provider is not None
    visit = await case.visit(whole)
    await migrator.execute("UPDATE package SET ends_on = $2 WHERE id = $1", case.package_id, visit.planned_start.date())
    clock.move_to(visit.planned_end + HOUR)
    await packages.confirmed(case, whole)
    clock.move_to(visit.planned_end + 24 * HOUR)
    assert await end_packages(provider) == 1
    await settled(bought)
    assert await money(bought, whole) == ({}, [WEEKDAY])
    assert sum("has ended" in row["sentence"] for row in await ask(case.family, my_news)) == 1
    given, version = Given("cancelled_by_provider", why="Nobody came"), (await case.visit(whole)).version
    await correct_outcome(case.manager, whole, given, version=version, reason="It was another child's visit")
    await settled(bought)
    assert await money(bought, whole) == ({"cancelled_by_provider": WEEKDAY}, [WEEKDAY, -WEEKDAY])
    assert await end_packages(provider) == 1
    await settled(bought)
    assert await money(bought, whole) == ({"cancelled_by_provider": WEEKDAY}, [WEEKDAY, -WEEKDAY])


async def test_nobody_else_reads_or_writes_what_is_put_down(case, clock, migrator):
    (visit_id,) = await visits(case, 3)
    bought = await buy(migrator, case, [visit_id], WEEKDAY)
    await visit_actions.cancel_visit(
        case.manager, visit_id, version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    assert await migrator.fetchval("SELECT count(*) FROM purchase_settling") == 1

    async def seen(work) -> int:
        return await work.fetchval("SELECT count(*) FROM purchase_settling")

    assert await ask(case.family, seen) == 1 and await ask(case.manager, seen) == 0
    assert await ask(case.worker, seen) == 0 and await ask(system_for(UUID(int=5), "commissioner"), seen) == 0
    assert await settle_of(system_for(UUID(int=5), "commissioner"), visit_id, bought) == ({}, [])
    assert await settle_of(bought.council, visit_id, bought) == ({"cancelled_by_provider": WEEKDAY}, [])


async def settle_of(actor, visit_id: UUID, bought: Bought):
    async with unit_of_work(actor) as work:
        await settle_visit(work, visit_id, bought.purchase_id)
    return await money(bought, visit_id)

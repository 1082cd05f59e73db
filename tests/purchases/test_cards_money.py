"""Cards' money that was paid by bank is followed until Stripe has paid it out to the council's client account."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, NotFound, NotPermitted
from marketplace.purchases import bank, by_hand
from marketplace.purchases.cards_money import cards_money, tick
from marketplace.purchases.verify import verify_purchases
from tests.billing.test_pages import text_of
from tests.laid import Start, the_richest
from tests.purchases.test_money_back import HOUR, WEEKDAY, charging, visits
from tests.structure.inhabited import bearer
from tests.world import packages, people, providers
from tests.world.apps import create_console, create_marketplace
from tests.world.bought import buy, settled
from tests.world.buying import transfers
from tests.world.door import at

DAY = date(2026, 5, 14)


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=charging)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


async def test_what_stripe_pays_out_is_ticked_in_the_statement(database, settings, case, clock, migrator):
    (visit_id,) = await visits(case, 2)
    bought = await buy(migrator, case, [visit_id], WEEKDAY)
    clock.move_to((await case.visit(visit_id)).planned_end + HOUR)
    await packages.confirmed(case, visit_id)
    await settled(bought)
    one = await people.person_in(case.world.admin, "finance", "Finn Ance")
    two = await people.person_in(case.world.admin, "finance", "Fay Ance")
    assert (await ask(one, cards_money)).booked == ()
    given = by_hand.ByBank(await ask(case.manager, providers.today), "BACS 9")
    provider_id = case.manager.organisation_id
    assert provider_id is not None
    await by_hand.record_payout(one, case.world.framework_id, provider_id, given, pence=WEEKDAY)
    await by_hand.confirm_payout(two, case.world.framework_id, provider_id)
    found = await ask(one, cards_money)
    assert (found.booked_pence, found.to_come_pence) == (WEEKDAY, WEEKDAY)
    assert [(each.reference, each.pence) for each in found.booked] == [("DPTEST01", WEEKDAY)]
    await transfers(one, (DAY, 3_000, "STRIPE PAYOUT A"), (DAY, 2_500, "STRIPE PAYOUT B"), (DAY, 100, "STRIPE C"))
    lines = {each.says[-1]: each.id for each in (await ask(one, bank.receipts))[0]}
    stranger = await people.council(settings, "Elsewhere Council")
    theirs = await people.person_in(stranger, "finance", "Stella Elsewhere")
    with pytest.raises(NotFound):
        await tick(theirs, lines["A"])
    with pytest.raises(NotPermitted):
        await tick(case.referrer, lines["A"])
    # two officers at once: together they would bring more than is to come
    done = await asyncio.gather(tick(one, lines["A"]), tick(two, lines["B"]), return_exceptions=True)
    assert [type(each) for each in done if not isinstance(each, int)] == [Conflict]
    first, other = ("A", "B") if isinstance(done[0], int) else ("B", "A")
    with pytest.raises(Conflict, match="down as cards"):
        await tick(two, lines[first])
    console = create_console(database, clock)
    async with at(console, settings, one) as door:
        shown = text_of(await door.get("/purchase-money"))
        assert "£48.00 that families paid by card was paid on or back" in shown and "DPTEST01" in shown
        assert f"STRIPE PAYOUT {first}" in shown
        assert "It is from Stripe" not in (await door.get(f"/bank-receipts/{lines[other]}")).text
        where = f"/bank-receipts/{lines[other]}"
        refused = await door.post(f"{where}/from-cards", page=where)
        assert refused.status_code == 409 and "of cards’ money is still to come, and this line brings" in refused.text
        # ticked wrongly: it is set aside, and the other one fits
        await door.post(
            f"/bank-receipts/{lines[first]}/set-aside",
            {"reason": "Another council’s"},
            page=f"/bank-receipts/{lines[first]}",
        )
        assert "It is from Stripe" in (await door.get(where)).text
        assert (await door.post(f"{where}/from-cards", page=where)).status_code == 303
        listed = text_of(await door.get("/bank-receipts?state=from_cards"))
        assert f"STRIPE PAYOUT {other}" in listed and f"STRIPE PAYOUT {first}" not in listed
    async with at(create_marketplace(database, clock), settings) as door:
        mine = await bearer(settings, one)
        last = f"/api/v1/bank-receipts/{lines['C']}/from-cards"
        left = (await door.client.post(last, headers=mine)).json()["to_come_pence"]
        assert left == WEEKDAY - {"A": 3_000, "B": 2_500}[other] - 100
        money = (await door.client.get("/api/v1/cards-money", headers=mine)).json()
        assert money["to_come_pence"] == left and len(money["arrived"]) == 2
        assert (await door.client.post(last, headers=mine)).status_code == 409
    assert (await ask(bought.council, verify_purchases)).differences == []

"""What the family's pages say when something has changed meanwhile: a visit called off, another tab, another holder."""

from __future__ import annotations

import pytest

from marketplace.packages import visit_actions
from marketplace.platform.errors import InvalidInput, WrongState
from marketplace.purchases import buying, cards
from tests.billing.test_pages import text_of
from tests.world import referrals
from tests.world.apps import create_marketplace
from tests.world.bought import with_cards
from tests.world.buying import buys, officers, seen, transfers
from tests.world.door import at


async def provider_cancels(bought, visit_id) -> None:
    await visit_actions.cancel_visit(
        bought.case.manager, visit_id, version=1, outcome="cancelled_by_provider", reason="No worker"
    )


async def test_an_unpaid_purchase_asks_for_nothing_once_a_visit_of_it_is_called_off(bought, database, clock, migrator):
    finance, _ = await officers(bought)
    taking, mother = with_cards(database), bought.home.mother
    card = await buys(bought, taking, bought.visits[:2], method="card")
    transfer = await buys(bought, taking, bought.visits[2:])
    app = create_marketplace(taking, clock)
    async with at(app, taking, mother) as door:
        where, other = f"/purchases/{card.id}", f"/purchases/{transfer.id}"
        before = text_of(await door.get(where))
        assert "Pay by card" in before and "Cancelled" not in before
        for visit_id in bought.visits[1:]:
            await provider_cancels(bought, visit_id)
        for path, made in ((where, card), (other, transfer)):
            shown = text_of(await door.get(path))
            assert "takes place no more. Cancelled by the provider." in shown and "Choose the visits again" in shown
            for asks in ("Pay by card", "Sort code", f"Pay {made.pence / 100:.2f}", "kept for you", "Do not buy these"):
                assert asks not in shown, (path, asks)
        assert (await door.get(f"{where}/card")).headers["location"] == where
        with pytest.raises(WrongState, match="takes place no more"):
            await cards.open_payment(mother, taking, card.id)
        again = await door.post(f"{where}/withdraw")
        assert again.headers["location"] == f"/packages/{bought.case.package_id}/buy"
        shown = text_of(await door.get(again.headers["location"]))
        assert shown.count("£") > 0 and (await seen(bought, card.id)).state == "given_up"
        # the other sum was on its way: it is counted, and its one visit is not said to be bought
        await transfers(finance, (clock.at.date(), transfer.pence, transfer.reference))
        shown = text_of(await door.get(other))
        assert "None of these visits takes place any more" in shown and "The visits are bought" not in shown
    # nobody agrees to one either
    third = await buys(bought, database, bought.visits[:1])
    await migrator.execute("UPDATE purchase SET state = 'drafted' WHERE id = $1", third.id)
    await provider_cancels(bought, bought.visits[0])
    with pytest.raises(WrongState, match="takes place no more"):
        await buying.agree(mother, third.id)


async def test_a_second_tab_is_shown_what_the_first_one_bought(bought, database, clock):
    await officers(bought)
    where = f"/packages/{bought.case.package_id}/buy"
    visits = [str(each) for each in bought.visits]
    async with at(create_marketplace(database, clock), database, bought.home.mother) as door:
        made = await buys(bought, database, bought.visits[:2])
        for step in ("", "buy"):
            second = await door.post(
                where, {"visits": visits[:2], "step": step, "shown": made.pence, "shown_top_up": 0}
            )
            assert second.headers["location"] == f"/purchases/{made.id}", second.text
        assert "These visits are bought already" in text_of(await door.get(second.headers["location"]))
        for some in (visits, visits[:1]):
            answer = await door.post(where, {"visits": some, "step": "buy"})
            assert "Select at least one" not in answer.text
            assert answer.status_code == 303 or "Some of these visits are bought already" in answer.text
        assert "Select at least one visit" in (await door.post(where, {})).text


async def test_the_second_holder_says_yes_to_the_top_up_as_well(bought, database, clock, migrator):
    await officers(bought)
    home = bought.home
    father = await referrals.family_of(
        home.world.referrer, home.child_id, "Femi Okonkwo", rights=("spend",), relation="Father"
    )
    await migrator.execute("UPDATE family_grant SET jointly = true WHERE 'spend' = ANY (rights)")
    await migrator.execute("ALTER TABLE direct_payment_terms DISABLE TRIGGER USER")
    await migrator.execute("UPDATE direct_payment_terms SET units = 100, top_up_allowed = true")
    made = await buys(bought, database)
    assert made.state == "drafted" and made.top_up_pence > 0
    with pytest.raises(InvalidInput):
        await buying.agree(father, made.id)
    async with at(create_marketplace(database, clock), database, father) as door:
        where = f"/purchases/{made.id}"
        assert "of our own money beyond the budget" in text_of(await door.get(where))
        unsaid = await door.post(f"{where}/agree", page=where)
        assert unsaid.status_code == 400 and "Confirm that you pay" in unsaid.text
        assert (await seen(bought, made.id)).state == "drafted"
        assert (await door.post(f"{where}/agree", {"top_up": "yes"}, page=where)).status_code == 303
    assert (await seen(bought, made.id)).state == "waiting"


async def test_amounts_are_said_once_and_as_numbers_in_a_file(bought, database, clock, migrator):
    await officers(bought)
    made = await buys(bought, database)
    await migrator.execute("ALTER TABLE direct_payment_terms DISABLE TRIGGER USER")
    await migrator.execute("UPDATE direct_payment_terms SET units = 100")
    app = create_marketplace(with_cards(database), clock)
    where = f"/budget/{bought.home.direct_payment_id}"
    async with at(app, database, bought.home.mother) as door:
        for path in (where, f"{where}/find", f"/packages/{bought.case.package_id}/buy"):
            shown = text_of(await door.get(path))
            assert "overspent" in shown and "−£" not in shown.split("How the terms")[0], path
        sheet = (await door.get("/purchases?format=csv")).text
        assert f",{made.pence // 100}.{made.pence % 100:02d}," in sheet and "£" not in sheet
    await migrator.execute(
        "INSERT INTO provider_account (provider_id, stripe_id, state, asked_at, asked_by)"
        " VALUES ($1, 'acct_1', 'active', $2, $3)",
        bought.case.manager.provider_id, clock.at, bought.case.manager.person_id,
    )  # fmt: skip
    async with at(app, database, bought.case.manager) as door:
        shown = text_of(await door.get("/bought-visits/account"))
        assert "Nothing is asked of you" in shown and "Look at the account at Stripe" in shown

"""Refunds and payouts on their way: sent once whatever is lost on the way, followed, refused, taken back.

Cards and refunds against localstripe, accounts and transfers against recorded shapes (localstripe has none).
"""

from __future__ import annotations

import random
from uuid import UUID, uuid4

import pytest

from marketplace.billing.visit_outcomes import correct_outcome
from marketplace.packages import visit_actions
from marketplace.packages.cancelling import call_off
from marketplace.packages.outcomes import Given
from marketplace.platform import stripe_api
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, NotPermitted, Unavailable
from marketplace.platform.stripe_api import key_of
from marketplace.purchases import accounts as provider_accounts
from marketplace.purchases import by_hand, sending, settling, stripe_events
from marketplace.purchases.sending import send_money
from marketplace.purchases.verify import verify_purchases
from marketplace.settings import Settings
from tests.purchases.connected import cards, case, connect, local, start
from tests.purchases.test_money_back import HOUR, WEEKDAY, money, visits
from tests.purchases.test_stripe import an_event, signed
from tests.world import packages, people, providers
from tests.world.bought import Bought, accounts, buy, settled, with_cards
from tests.world.localstripe import LocalStripe
from tests.world.recorded_connect import RecordedConnect

__all__ = ["cards", "case", "connect", "local", "start"]


async def paid_at_stripe(cards: Settings, local: LocalStripe, pence: int) -> str:
    """A payment the family has made."""
    made = await stripe_api.create_intent(cards, key=key_of("pay", uuid4()), pence=pence, reference=uuid4())
    local.paid(made.id)
    return made.id


async def an_account(cards: Settings, connect: RecordedConnect, case: packages.Case, state: str = "active") -> str:
    """The provider's account at Stripe, asked for by its manager and looked at once it stands so."""
    await provider_accounts.begin(cards, case.manager)
    account = next(iter(connect.accounts))
    connect.stands(account, state)
    await provider_accounts.follow_account(cards, account)
    return account


async def stands(bought: Bought, table: str) -> list[tuple[str, int]]:
    async def asked(work):
        return await work.fetch(f"SELECT state, pence FROM {table} ORDER BY owed_at, pence DESC")

    return [(row["state"], row["pence"]) for row in await ask(bought.council, asked)]


async def ends(case: packages.Case, clock, visit_id: UUID, how: str) -> None:
    """A visit ends in one of five ways, by the actions people use."""
    planned = (await case.visit(visit_id)).planned_start
    if how == "late":
        clock.move_to(planned - HOUR)
        await call_off(case.family, visit_id, version=1, reason="A cold", charge_pence=WEEKDAY // 2)
    elif how in ("provider", "arrival"):
        clock.move_to(planned + HOUR / 4)
        outcome = "cancelled_by_provider" if how == "provider" else "cancelled_on_arrival"
        await visit_actions.cancel_visit(case.manager, visit_id, version=1, outcome=outcome, reason="So it was")
    else:
        clock.move_to(planned + 3 * HOUR)
        await packages.confirmed(case, visit_id, end=planned + (HOUR if how == "short" else 2 * HOUR))


async def test_sent_once_whatever_is_lost_and_the_books_are_even_at_the_end(
    cards, connect, local, case, clock, migrator
):
    """Eight visits end at random, answers get lost at random: received = back + onwards, to the penny."""
    chance = random.Random(7)
    account = await an_account(cards, connect, case)
    ahead = [2, 3, 4, 7, 8, 9, 10, 11]
    chosen = await visits(case, *ahead)
    intent = await paid_at_stripe(cards, local, 8 * WEEKDAY)
    bought = await buy(migrator, case, chosen, WEEKDAY, intent=intent)
    for visit_id in chosen:
        await ends(case, clock, visit_id, chance.choice(["late", "provider", "arrival", "delivered", "short"]))
        await settled(bought)
        connect.lose = chance.choice([0, 0, 1, 3])
        await send_money(cards, bought.council)
    connect.lose = 0
    for _ in range(2):
        await send_money(cards, bought.council)
    back = [each for state, each in await stands(bought, "refund") if state == "arrived"]
    on = [each for state, each in await stands(bought, "payout") if state == "paid"]
    assert sum(back) + sum(on) == 8 * WEEKDAY
    assert sum(each.pence for each in await stripe_api.refunds_of(cards, intent)) == sum(back)
    assert connect.moved(account) == sum(on) and len(connect.transfers) == len(on)
    assert await ask(bought.council, accounts) == {}
    assert (await ask(bought.council, verify_purchases)).differences == []
    assert await send_money(cards, bought.council) == 0


async def test_a_refund_after_the_payout_is_taken_back_from_the_account(cards, connect, local, case, clock, migrator):
    account = await an_account(cards, connect, case)
    (visit_id,) = await visits(case, 2)
    bought = await buy(migrator, case, [visit_id], WEEKDAY, intent=await paid_at_stripe(cards, local, WEEKDAY))
    planned = (await case.visit(visit_id)).planned_start
    clock.move_to(planned + HOUR / 4)
    await visit_actions.cancel_visit(
        case.manager, visit_id, version=1, outcome="cancelled_on_arrival", reason="Nobody at home"
    )
    await settled(bought)
    connect.balance = 100  # the card's money has not become available at Stripe yet
    assert await send_money(cards, bought.council) == 0
    assert await stands(bought, "payout") == [("owed", WEEKDAY)]
    connect.balance = None
    await send_money(cards, bought.council)
    assert connect.moved(account) == WEEKDAY
    early = Given("cancelled_by_family", planned - 30 * HOUR)
    await correct_outcome(case.manager, visit_id, early, version=2, reason="They had called")
    await settled(bought)
    connect.lose = 1
    for _ in range(3):
        await send_money(cards, bought.council)
    assert connect.moved(account) == 0 and len(connect.reversals) == 1
    assert await stands(bought, "payout") == [("paid", WEEKDAY), ("paid", -WEEKDAY)]
    assert await ask(bought.council, accounts) == {}


async def test_a_refused_refund_is_owed_as_before_and_told(cards, connect, local, case, clock, migrator):
    (visit_id,) = await visits(case, 3)
    intent = await paid_at_stripe(cards, local, WEEKDAY)
    bought = await buy(migrator, case, [visit_id], WEEKDAY, intent=intent)
    await visit_actions.cancel_visit(
        case.manager, visit_id, version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    await settled(bought)
    connect.refuses_refunds = "charge_disputed"
    for _ in range(2):  # told once; nobody tries again by itself
        await send_money(cards, bought.council)
    row = await migrator.fetchrow("SELECT * FROM refund")
    assert (row["state"], row["failure"], row["tries"]) == ("failed", "charge_disputed", 1)
    told = await migrator.fetch("SELECT role FROM notice WHERE sentence LIKE 'A refund to a family%' ORDER BY role")
    assert [each["role"] for each in told][:1] == ["finance"]
    assert await ask(bought.council, accounts) == {"card_money": WEEKDAY, "refunds_payable": -WEEKDAY}
    assert await money(bought, visit_id) == ({"cancelled_by_provider": WEEKDAY}, [])


async def test_a_refund_that_arrived_and_came_back_is_owed_again_and_paid_in_the_end(
    cards, connect, local, case, clock, migrator
):
    (visit_id,) = await visits(case, 3)
    intent = await paid_at_stripe(cards, local, WEEKDAY)
    bought = await buy(migrator, case, [visit_id], WEEKDAY, intent=intent)
    await visit_actions.cancel_visit(
        case.manager, visit_id, version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    await settled(bought)
    finance = await people.person_in(case.world.admin, "finance", "Finn Ance")
    second = await people.person_in(case.world.admin, "finance", "Fay Ance")
    for time in (1, 2):
        await send_money(cards, bought.council)
        assert await stands(bought, "refund") == [("arrived", WEEKDAY)] and await ask(bought.council, accounts) == {}
        refund = await migrator.fetchrow("SELECT * FROM refund")
        connect.sent_back.add(refund["stripe_id"])
        for kind in ("refund.updated", "refund.failed", "charge.refund.updated"):  # (recorded shape)
            about = {"object": {"id": refund["stripe_id"], "object": "refund", "status": "failed"}}
            body = an_event(event_id=f"evt_{kind.replace('.', '')}{time}", type=kind, data=about)
            await stripe_events.receive(cards, body, signed(body))
            await stripe_events.follow(cards, f"evt_{kind.replace('.', '')}{time}")
        assert await stands(bought, "refund") == [("failed", WEEKDAY)]
        assert await ask(bought.council, accounts) == {"card_money": WEEKDAY, "refunds_payable": -WEEKDAY}
        assert (await ask(bought.council, verify_purchases)).differences == []
        told = "SELECT count(*) FROM notice WHERE role = 'finance' AND sentence LIKE 'A refund to a family%'"
        assert await migrator.fetchval(told) == time
        if time == 1:
            await by_hand.send_again(finance, refund["id"])
    given = by_hand.ByBank(await ask(case.manager, providers.today), "BACS 9")
    assert not await by_hand.record_refund(finance, refund["id"], given)
    await by_hand.confirm_refund(second, refund["id"])
    await stripe_events.FOLLOWERS["refund"](cards, refund["stripe_id"])
    assert await stands(bought, "refund") == [("arrived", WEEKDAY)]
    # what the client account paid of a card's money is its own from then on
    assert await ask(bought.council, accounts) == {}
    assert (await ask(bought.council, verify_purchases)).differences == []
    rows = await migrator.fetch(
        "SELECT kind, count(*)::int AS times FROM ledger_entry WHERE purchase_id IS NOT NULL GROUP BY 1"
    )
    assert {row["kind"]: row["times"] for row in rows} == {
        "purchase_card_received": 1, "purchase_refund_owed": 1, "purchase_refund_paid": 3,
        "purchase_refund_returned": 2, "purchase_money_fetched": 1,
    }  # fmt: skip


async def test_a_payout_whose_answer_was_lost_ends_though_its_account_is_closed_and_none_keeps_others_waiting(
    cards, connect, local, case, clock, migrator, monkeypatch
):
    account = await an_account(cards, connect, case)
    whole, short, lost = chosen = await visits(case, 2, 3, 4)
    bought = await buy(migrator, case, chosen, WEEKDAY, intent=await paid_at_stripe(cards, local, 3 * WEEKDAY))
    for visit_id, how in ((whole, "delivered"), (short, "short")):
        await ends(case, clock, visit_id, how)
    settle = settling.settle_visit

    async def unpriceable(work, visit_id, purchase_id):
        if visit_id == whole and waits:
            raise ValueError("no price")
        await settle(work, visit_id, purchase_id)

    waits = True
    with monkeypatch.context() as patch:
        patch.setattr(settling, "settle_visit", unpriceable)
        patch.setattr(settling, "AT_ONCE", 1)
        for _ in range(2):  # the one without a price is looked at once, and lets the other past
            await settling.settle_waiting(bought.council)
    assert await money(bought, short) == ({"shorter": WEEKDAY // 2}, [WEEKDAY // 2])
    assert await money(bought, whole) == ({}, [])
    waits = False
    await settled(bought)
    await migrator.execute("UPDATE refund SET state = 'failed', failure = 'for this test'")
    with monkeypatch.context() as patch:
        patch.setattr(sending, "AT_ONCE", 1)
        connect.balance = WEEKDAY // 2  # the dearer one is refused whenever it is tried
        for _ in range(4):
            await send_money(cards, bought.council)
    assert sorted(await stands(bought, "payout")) == [("owed", WEEKDAY), ("paid", WEEKDAY // 2)]
    connect.balance, connect.lose = None, 3  # made at Stripe, and we never hear of it
    await send_money(cards, bought.council)
    assert sorted(await stands(bought, "payout")) == [("paid", WEEKDAY // 2), ("sent", WEEKDAY)]
    connect.stands(account, "restricted")
    await provider_accounts.follow_account(cards, account)
    await send_money(cards, bought.council)
    assert sorted(await stands(bought, "payout")) == [("paid", WEEKDAY // 2), ("paid", WEEKDAY)]
    assert connect.moved(account) == WEEKDAY + WEEKDAY // 2
    connect.stands(account, "active")
    await provider_accounts.follow_account(cards, account)
    await ends(case, clock, lost, "delivered")
    await settled(bought)
    connect.lose = 3
    await send_money(cards, bought.council)
    for made in [each for each in connect.transfers if len(connect.transfers) == 3][2:]:
        del connect.transfers[made]  # Stripe never made this one
    connect.answered.clear()
    connect.stands(account, "rejected")
    await provider_accounts.follow_account(cards, account)
    await send_money(cards, bought.council)
    assert ("owed", WEEKDAY) in await stands(bought, "payout")
    # paid by bank instead, and what it paid of the card's money is the client account's
    finance = await people.person_in(case.world.admin, "finance", "Finn Ance")
    second = await people.person_in(case.world.admin, "finance", "Fay Ance")
    given = by_hand.ByBank(await ask(case.manager, providers.today), "BACS 9")
    provider_id = case.manager.organisation_id
    await by_hand.record_payout(finance, case.world.framework_id, provider_id, given, pence=WEEKDAY)
    await by_hand.confirm_payout(second, case.world.framework_id, provider_id)
    assert await ask(bought.council, accounts) == {"card_money": WEEKDAY // 2, "refunds_payable": -WEEKDAY // 2}
    assert (await ask(bought.council, verify_purchases)).differences == []


async def test_the_account_is_the_managers_to_ask_for(cards, connect, case, clock, database, migrator):
    with pytest.raises(Conflict, match="off here"):
        await provider_accounts.begin(database, case.manager)
    for stranger in (case.family, case.worker, case.referrer):
        with pytest.raises(NotPermitted):
            await provider_accounts.begin(cards, stranger)
    with pytest.raises(Unavailable):
        await provider_accounts.begin(with_cards(database), case.manager)
    # asked for and not made: there are no questions of Stripe's to finish
    assert (
        provider_accounts.state_of(await ask(case.manager, provider_accounts.account_of, case.manager.provider_id))
        == "none"
    )
    link = await provider_accounts.begin(cards, case.manager)
    assert link.startswith("https://connect.stripe.test/") and len(connect.accounts) == 1
    account = next(iter(connect.accounts))
    states = []
    for shape in ("new", "looked at", "restricted", "active", "rejected"):
        connect.stands(account, shape)
        await provider_accounts.look_again(cards, case.manager)
        states.append(await migrator.fetchval("SELECT state FROM provider_account"))
    assert states == ["pending", "pending", "restricted", "active", "rejected"]
    with pytest.raises(Conflict, match="rejected"):
        await provider_accounts.begin(cards, case.manager)
    told = await migrator.fetchval("SELECT count(*) FROM notice WHERE link = '/bought-visits'")
    assert told == 3
    await provider_accounts.follow_account(cards, "acct_of_somebody_else")
    assert isinstance(UUID(connect.accounts[account]["metadata"]["reference"]), UUID)

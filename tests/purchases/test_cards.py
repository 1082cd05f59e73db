"""Paying by card against localstripe: received, declined, asked by the bank, twice, lost; every request read."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from marketplace.platform import stripe_api
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, Unavailable, WrongState
from marketplace.platform.stripe_api import StripeUnreachable
from marketplace.purchases import buying, buying_sweeps, cards, stripe_events
from marketplace.purchases.verify import verify_purchases
from marketplace.settings import Settings
from tests.purchases.test_stripe import with_cards
from tests.world.buying import books_of, buys, officers, seen, transfers
from tests.world.localstripe import SECRET_KEY, LocalStripe, localstripe
from tests.world.purchases import Bought

PRIVATE = (
    "maya", "okonkwo", "grace", "larkspur", "se13", "4242", "0341", "3155", "exp_month", "cvc", "email", "name=",
)  # fmt: skip
GOOD, DECLINED, ASKS = "4242424242424242", "4000000000000341", "4000002500003155"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalStripe]:
    with localstripe() as there:
        yield there


@pytest.fixture
def local(running: LocalStripe) -> LocalStripe:
    running.sent.clear()
    running.events.clear()
    running.lose = 0
    return running


@pytest.fixture
def taking(database: Settings, local: LocalStripe) -> Settings:
    return with_cards(database, local.url)


def token(local: LocalStripe, number: str = GOOD) -> str:
    """What Stripe's field in the browser makes of a card."""
    card = {"card[number]": number, "card[exp_month]": 12, "card[exp_year]": 2030, "card[cvc]": "123"}
    return local.call("/v1/tokens", **card)["id"]


def bank_says(local: LocalStripe, secret: str, yes: bool) -> None:
    """What the family answers its bank, through Stripe's script."""
    intent = secret.split("_secret_")[0]
    said = "true" if yes else "false"
    local.call(f"/v1/payment_intents/{intent}/_authenticate?success={said}", client_secret=secret)


async def pays(bought: Bought, taking: Settings, made: UUID, tok: str) -> cards.Answer:
    asked = await cards.open_payment(bought.home.mother, taking, made)
    return await cards.pay(bought.home.mother, taking, made, asked.payment_id, tok)


async def stands(bought: Bought) -> dict[str, int]:
    council = system_for(bought.home.world.admin.commissioner_id, "commissioner")  # type: ignore[arg-type]
    assert (await ask(council, verify_purchases)).differences == []
    return await ask(council, books_of)


async def follow_up(bought: Bought, taking: Settings, migrator: Any) -> None:
    """What the worker does with the jobs that wait."""
    for row in await migrator.fetch("SELECT entrypoint, payload FROM jobs.pgqueuer"):
        payload = json.loads(row["payload"])
        if row["entrypoint"] == buying.STOP:
            await buying_sweeps.stop_card_payment(taking, payload)
        elif row["entrypoint"] == buying.SETTLE:
            await buying_sweeps.settle_purchase(taking, payload)


async def test_declined_asked_by_the_bank_and_received_each_in_one_state(bought, taking, local, migrator):
    mother = bought.home.mother
    made = await buys(bought, taking, method="card")
    with pytest.raises(InvalidInput):
        await pays(bought, taking, made.id, "4242424242424242")
    answer = await pays(bought, taking, made.id, token(local, DECLINED))
    assert answer.outcome == "declined" and (await seen(bought, made.id)).status == "declined"
    # the next try is a payment of its own; the bank asks, and is told no
    answer = await pays(bought, taking, made.id, token(local, ASKS))
    assert answer.outcome == "confirm" and (await seen(bought, made.id)).status == "confirming"
    with pytest.raises(Conflict):
        await pays(bought, taking, made.id, token(local))
    bank_says(local, answer.client_secret, yes=False)
    await cards.look_at(mother, taking, made.id)
    assert (await seen(bought, made.id)).status == "declined"
    # given up while the bank asks, then another card
    answer = await pays(bought, taking, made.id, token(local, ASKS))
    await cards.begin_again(mother, taking, made.id)
    assert (await seen(bought, made.id)).status == "to_pay"
    answer = await pays(bought, taking, made.id, token(local, ASKS))
    bank_says(local, answer.client_secret, yes=True)
    assert (await seen(bought, made.id)).status == "confirming"
    for _ in range(2):
        await cards.look_at(mother, taking, made.id)
    paid = await seen(bought, made.id)
    assert (paid.status, paid.came_pence) == ("paid", made.pence)
    with pytest.raises(WrongState):
        await cards.open_payment(mother, taking, made.id)
    await follow_up(bought, taking, migrator)
    assert await stands(bought) == {"card_money": made.pence, "held_for_families": -made.pence}
    open_ones = "SELECT count(*) FROM card_payment WHERE state NOT IN ('received', 'given_up') OR stop_at IS NOT NULL"
    assert await migrator.fetchval(open_ones) == 0
    # nothing that left for Stripe says who it is for, or holds a card; every change has a key of ours
    for each in local.sent:
        everything = f"{each.path} {each.body} {json.dumps(each.headers)}".casefold()
        for word in (*PRIVATE, made.reference.casefold(), str(made.id), str(bought.home.child_id)):
            assert word not in everything, (word, everything)
        if each.method == "POST":
            assert stripe_api.KEY.fullmatch({k.lower(): v for k, v in each.headers.items()}["idempotency-key"])


async def test_two_tabs_share_one_payment_and_what_is_paid_twice_goes_back(bought, taking, local, migrator):
    finance, _ = await officers(bought)
    mother = bought.home.mother
    made = await buys(bought, taking, bought.visits[:1], method="card")
    one, two = await asyncio.gather(*(cards.open_payment(mother, taking, made.id) for _ in range(2)))
    assert one.payment_id == two.payment_id
    answers = await asyncio.gather(
        *(cards.pay(mother, taking, made.id, one.payment_id, token(local)) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in answers)[0] in ("Answer", "Conflict")
    assert sum(isinstance(each, cards.Answer) and each.outcome == "received" for each in answers) == 1
    assert (await seen(bought, made.id)).status == "paid"
    # a transfer for what the card has paid goes back in full
    await transfers(finance, (made.made_at.date(), made.pence, made.reference))
    assert (await seen(bought, made.id)).sent_back_pence == made.pence
    # a card page left open while the family turned to a transfer: its money comes all the same, and goes back
    other = await buys(bought, taking, bought.visits[1:2], method="card")
    left_open = await cards.open_payment(mother, taking, other.id)
    await buying.pay_otherwise(mother, taking, other.id, "transfer")
    with pytest.raises(WrongState):
        await cards.open_payment(mother, taking, other.id)
    await transfers(finance, (other.made_at.date(), other.pence, other.reference))
    local.paid(left_open.client_secret.split("_secret_")[0])
    await follow_up(bought, taking, migrator)
    view = await seen(bought, other.id)
    assert (view.status, view.came_pence, view.sent_back_pence) == ("paid", 2 * other.pence, other.pence)
    # a purchase given up whose card goes through in the very moment
    third = await buys(bought, taking, bought.visits[2:], method="card")
    asked = await cards.open_payment(mother, taking, third.id)
    local.paid(asked.client_secret.split("_secret_")[0])
    await buying.withdraw(mother, third.id)
    await follow_up(bought, taking, migrator)
    view = await seen(bought, third.id)
    assert (view.status, view.sent_back_pence) == ("withdrawn", third.pence)
    books = await stands(bought)
    assert books["held_for_families"] == -(made.pence + other.pence)
    assert books["refunds_payable"] == -(made.pence + other.pence + third.pence)


async def test_a_lost_answer_or_page_is_found_out_at_stripe(bought, taking, local, migrator, clock):
    mother = bought.home.mother
    council = bought.home.world.admin.commissioner_id
    made = await buys(bought, taking, bought.visits[:1], method="card")
    asked = await cards.open_payment(mother, taking, made.id)

    async def lost(*_: Any, **__: Any) -> Any:
        raise StripeUnreachable("timeout")

    # the payment goes through at Stripe, and its answer never comes
    real = stripe_api.confirm
    with pytest.MonkeyPatch.context() as patch:

        async def then_lost(settings: Settings, **asked: Any) -> Any:
            await real(settings, **asked)
            raise StripeUnreachable("timeout")

        patch.setattr(stripe_api, "confirm", then_lost)
        answer = await cards.pay(mother, taking, made.id, asked.payment_id, token(local))
    assert answer.outcome == "waiting" and (await seen(bought, made.id)).status == "confirming"
    clock.at += buying_sweeps.LOOKS_AGAIN * 2
    assert await buying_sweeps.look_again(taking, council) == 1
    assert (await seen(bought, made.id)).status == "paid"
    # nobody answers: said so, and nothing is kept that could be paid twice
    other = await buys(bought, taking, bought.visits[1:2], method="card")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe_api, "create_intent", lost)
        with pytest.raises(Unavailable):
            await cards.open_payment(mother, taking, other.id)
    again = await cards.open_payment(mother, taking, other.id)
    assert again.state == "asked"
    assert await migrator.fetchval("SELECT count(*) FROM card_payment WHERE purchase_id = $1", other.id) == 1
    # never paid: given up here, and at Stripe
    clock.at = other.due_at
    assert await buying_sweeps.give_up_unpaid(council) == 1
    await follow_up(bought, taking, migrator)
    intent = await stripe_api.find_intent(taking, again.client_secret.split("_secret_")[0])
    assert intent.status == "canceled" and (await seen(bought, other.id)).status == "unpaid"
    assert await stands(bought) == {"card_money": made.pence, "held_for_families": -made.pence}


@pytest.mark.parametrize("seed", [3, 8])
async def test_events_in_any_order_any_number_lost_or_forged_end_in_the_same_books(
    bought, taking, local, migrator, seed
):
    chance = random.Random(seed)
    mother = bought.home.mother
    total = 0
    for visit in bought.visits:
        made = await buys(bought, taking, [visit], method="card")
        asked = await cards.open_payment(mother, taking, made.id)
        local.paid(asked.client_secret.split("_secret_")[0])
        total += made.pence
    local.wait_for_events(len(bought.visits))
    arriving = [event for event in local.events if chance.random() > 0.3]
    arriving += chance.choices(local.events, k=5)
    chance.shuffle(arriving)
    forged = 0
    for body, signature in arriving:
        if chance.random() < 0.05 or not forged:
            forged += 1
            with pytest.raises(InvalidInput):
                await stripe_events.receive(taking, body.replace(b"pi_", b"pi_x"), signature)
        await stripe_events.receive(taking, body, signature)
    known = [row["id"] for row in await migrator.fetch("SELECT id FROM stripe_event")]
    followed = chance.sample([*known, *known], 2 * len(known))
    await asyncio.gather(*(stripe_events.follow(taking, each) for each in followed[: len(known)]))
    await stripe_events.reconcile(taking)  # what never came is asked for
    for each in await migrator.fetch("SELECT id FROM stripe_event"):
        await stripe_events.follow(taking, each["id"])
    assert await stands(bought) == {"card_money": total, "held_for_families": -total}
    assert await migrator.fetchval("SELECT count(*) FROM purchase WHERE state = 'paid'") == len(bought.visits)
    assert SECRET_KEY not in json.dumps(
        [dict(row) for row in await migrator.fetch("SELECT * FROM audit_entry")], default=str
    )

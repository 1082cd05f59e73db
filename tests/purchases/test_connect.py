"""Stripe Connect as we ask it, against recorded shapes: localstripe has no accounts and no transfers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from marketplace.platform import stripe_api, stripe_connect
from marketplace.platform.stripe_api import StripeRefused, key_of
from marketplace.settings import Settings
from tests.world.localstripe import SECRET_KEY, WEBHOOK_SECRET
from tests.world.recorded_connect import RecordedConnect, recorded_connect


@pytest.fixture
def connect() -> Iterator[RecordedConnect]:
    with recorded_connect() as running:
        yield running


@pytest.fixture
def cards(connect: RecordedConnect) -> Settings:
    return replace(
        Settings.from_environment({"DATABASE_URL": "postgresql://a@b/c", "MARKETPLACE_SECRET": "x" * 32}),
        stripe_secret_key=SECRET_KEY, stripe_publishable_key="pk_test_0", stripe_webhook_secret=WEBHOOK_SECRET,
        stripe_api_url=connect.url,
    )  # fmt: skip


async def an_account(cards: Settings, connect: RecordedConnect, state: str = "active") -> str:
    made = await stripe_connect.create_account(cards, key=key_of("account", uuid4()), reference=uuid4())
    connect.stands(made.id, state)
    return made.id


async def test_an_account_goes_through_its_states(cards, connect):
    reference = uuid4()
    for _ in range(2):  # asked twice, made once
        made = await stripe_connect.create_account(cards, key=key_of("account", reference), reference=reference)
    assert len(connect.accounts) == 1
    assert (made.state, made.due, made.reference) == ("pending", ("business_type",), str(reference))
    states = {
        "new": "pending", "looked at": "pending", "active": "active", "restricted": "restricted",
        "rejected": "rejected",
    }  # fmt: skip
    for shape, state in states.items():
        connect.stands(made.id, shape)
        assert (await stripe_connect.find_account(cards, made.id)).state == state
    for _ in range(2):
        link = await stripe_connect.onboarding_link(
            cards, account_id=made.id, return_url="https://a.test/b", refresh_url="https://a.test/c"
        )
        assert link.endswith(made.id)
    assert len({headers["idempotency-key"] for method, _, headers, _ in connect.sent if method == "POST"}) == 3


async def test_a_transfer_is_made_once_also_when_its_answer_was_lost_and_its_key_forgotten(cards, connect):
    account, payout = await an_account(cards, connect), uuid4()
    connect.lose = 1
    for _ in range(2):
        moved = await stripe_connect.transfer(
            cards, key=key_of("payout", payout), account_id=account, pence=3900, reference=payout
        )
        connect.answered.clear()  # Stripe keeps a key for a day
    assert (moved.pence, moved.account_id, moved.reference) == (3900, account, str(payout))
    assert len(connect.transfers) == 1 and connect.moved(account) == 3900
    refund = uuid4()
    for _ in range(2):
        await stripe_connect.take_back(
            cards, key=key_of("reverse", refund), transfer_id=moved.id, pence=1200, reference=refund
        )
        connect.answered.clear()
    assert connect.moved(account) == 2700
    assert (await stripe_connect.find_transfer(cards, moved.id)).reversed_pence == 1200


async def test_what_stripe_refuses_is_said_by_its_code(cards, connect):
    account, rejected = await an_account(cards, connect), await an_account(cards, connect, "rejected")
    connect.balance = 100
    for to, code in ((account, "balance_insufficient"), (rejected, "insufficient_capabilities_for_transfer")):
        with pytest.raises(StripeRefused) as refused:
            await stripe_connect.transfer(
                cards, key=key_of("payout", uuid4()), account_id=to, pence=3900, reference=uuid4()
            )
        assert refused.value.code == code
    with pytest.raises(StripeRefused, match="resource_missing"):
        await stripe_connect.find_account(cards, "acct_none")
    for wrong in ("../x", "acct"):
        with pytest.raises(ValueError):
            await stripe_connect.find_account(cards, wrong)


async def test_no_name_leaves_and_every_change_has_its_key(cards, connect):
    account, payout = await an_account(cards, connect), uuid4()
    moved = await stripe_connect.transfer(
        cards, key=key_of("payout", payout), account_id=account, pence=3900, reference=payout
    )
    await stripe_connect.take_back(
        cards, key=key_of("reverse", payout), transfer_id=moved.id, pence=1, reference=payout
    )
    for method, path, headers, body in connect.sent:
        assert not {"name", "email", "description", "business_profile"} & set(body.replace("%5B", "=").split("=")), path
        if method == "POST":
            assert stripe_api.KEY.fullmatch(headers["idempotency-key"])

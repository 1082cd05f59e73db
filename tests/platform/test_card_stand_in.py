"""The demo's stand-in for Stripe, as `marketplace up` starts it: what it adds of Connect, and what it remembers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from marketplace.demo import cards
from marketplace.platform import stripe_connect
from marketplace.platform.card_stand_in import CardStandIn, wanted, with_stand_in
from marketplace.platform.stripe_api import StripeRefused, key_of
from marketplace.settings import Settings

BACK = "http://127.0.0.1:8000/bought-visits/account/back?a=1&b=2"


def started(settings: Settings) -> CardStandIn:
    child = CardStandIn(settings, settings.data / "cards.log", dict(os.environ))
    child.start()
    transport = httpx.HTTPTransport(retries=10)  # it backs off longer each time: some seconds in all
    with httpx.Client(transport=transport, auth=(settings.stripe_secret_key, "")) as asking:
        assert asking.get(f"{settings.stripe_api_url}/v1/customers").status_code == 200
    return child


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Settings]:
    settings = with_stand_in(Settings(database_url="postgres://nowhere", secret="s" * 32, demo=True, data=tmp_path))
    child = started(settings)
    yield settings
    child.stop()


async def test_a_provider_sets_its_account_up_and_is_paid_and_all_of_it_outlives_a_restart(stand_in: Settings) -> None:
    settings, provider, visit = stand_in, uuid4(), uuid4()
    made = await stripe_connect.create_account(settings, key=key_of("account", provider), reference=provider)
    again = await stripe_connect.create_account(settings, key=key_of("account", provider), reference=provider)
    assert made.state == "pending" and again.id == made.id  # asked twice, made once
    with pytest.raises(StripeRefused, match="insufficient_capabilities"):
        await stripe_connect.transfer(
            settings, key=key_of("payout", visit), account_id=made.id, pence=4_760, reference=visit
        )
    link = await stripe_connect.onboarding_link(settings, account_id=made.id, return_url=BACK, refresh_url=BACK)
    async with httpx.AsyncClient() as browser:
        shown = await browser.get(link)
        assert "Stand-in for Stripe" in shown.text and BACK.replace("&", "&amp;") in shown.text
        gone_back = await browser.post(link.split("?")[0], data={"back": BACK})
        assert gone_back.status_code == 303 and gone_back.headers["location"] == BACK
    assert (await stripe_connect.find_account(settings, made.id)).state == "active"
    for _ in range(2):
        moved = await stripe_connect.transfer(
            settings, key=key_of("payout", visit, 1), account_id=made.id, pence=4_760, reference=visit
        )
        assert (moved.account_id, moved.pence, moved.reversed_pence) == (made.id, 4_760, 0)
    back = await stripe_connect.take_back(
        settings, key=key_of("payback", visit), transfer_id=moved.id, pence=760, reference=visit
    )
    with pytest.raises(StripeRefused):  # no more than was moved
        await stripe_connect.take_back(
            settings, key=key_of("payback", provider), transfer_id=moved.id, pence=4_001, reference=provider
        )
    other = replace(with_stand_in(replace(settings, stripe_secret_key="")), data=settings.data)
    child = started(other)
    try:
        assert (await stripe_connect.find_account(other, made.id)).state == "active"
        assert (await stripe_connect.find_transfer(other, moved.id)).reversed_pence == 760
        assert back == await stripe_connect.take_back(
            other, key=key_of("payback", visit), transfer_id=moved.id, pence=760, reference=visit
        )
    finally:
        child.stop()
    with pytest.raises(StripeRefused, match="resource_missing"):
        await stripe_connect.find_account(settings, "acct_nobody")


def test_the_demo_pays_by_card_at_its_own_stand_in_alone(tmp_path: Path) -> None:
    demo = Settings(database_url="postgres://nowhere", secret="s" * 32, demo=True, data=tmp_path)
    assert wanted(demo) and cards.taken(with_stand_in(demo))
    for own in ("sk_test_of_somebody", "sk_live_of_somebody", ""):
        assert not cards.taken(replace(demo, stripe_secret_key=own))
        assert not cards.taken(replace(with_stand_in(demo), stripe_secret_key=own))
    assert not wanted(replace(demo, stripe_secret_key="sk_test_of_somebody"))
    assert not wanted(replace(demo, host="192.0.2.1"))

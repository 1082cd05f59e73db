"""Stripe as we ask it and as it tells us: against localstripe on loopback, every request read, every event proven."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
import stripe as package
from httpx import ASGITransport, AsyncClient

from marketplace.platform import stripe_api
from marketplace.platform.stripe_api import StripeRefused, StripeUnreachable, key_of
from marketplace.purchases import stripe_events
from marketplace.settings import Settings, SettingsError
from tests.world.apps import create_marketplace
from tests.world.localstripe import SECRET_KEY, WEBHOOK_SECRET, LocalStripe, localstripe

WHERE = "/api/v1/stripe/events"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalStripe]:
    with localstripe() as there:
        yield there


@pytest.fixture
def local(running: LocalStripe) -> LocalStripe:
    running.sent.clear()
    running.events.clear()
    return running


@pytest.fixture
def cards(database: Settings, local: LocalStripe) -> Settings:
    return with_cards(database, local.url)


def with_cards(settings: Settings, url: str = "http://127.0.0.1:9") -> Settings:
    return replace(
        settings, stripe_secret_key=SECRET_KEY, stripe_publishable_key="pk_test_0",
        stripe_webhook_secret=WEBHOOK_SECRET, stripe_api_url=url,
    )  # fmt: skip


async def a_payment(cards: Settings, pence: int = 3900):
    reference = uuid4()
    return await stripe_api.create_intent(cards, key=key_of("pay", reference), pence=pence, reference=reference)


async def test_paid_refunded_and_given_up(cards, local):
    made = await a_payment(cards)
    assert made.status == "requires_payment_method" and made.received_pence == 0 and made.client_secret
    assert made.client_secret not in repr(made)
    local.paid(made.id)
    paid = await stripe_api.find_intent(cards, made.id)
    assert (paid.status, paid.received_pence, paid.reference) == ("succeeded", 3900, made.reference)
    visit = uuid4()
    given = await stripe_api.refund(cards, key=key_of("refund", visit), intent_id=made.id, pence=1200, reference=visit)
    assert [(each.id, each.pence) for each in await stripe_api.refunds_of(cards, made.id)] == [(given.id, 1200)]
    with pytest.raises(StripeRefused):
        await stripe_api.cancel_intent(cards, key=key_of("cancel", visit), intent_id=made.id)
    other = await a_payment(cards)
    given_up = await stripe_api.cancel_intent(cards, key=key_of("cancel", uuid4()), intent_id=other.id)
    assert given_up.status == "canceled"
    with pytest.raises(StripeRefused):
        await stripe_api.find_intent(cards, "pi_none")
    for wrong in ({"key": "pay again", "pence": 1}, {"key": key_of("pay", visit), "pence": 0}):
        with pytest.raises(ValueError):
            await stripe_api.create_intent(cards, reference=visit, **wrong)
    with pytest.raises(ValueError):
        await stripe_api.find_intent(cards, "../customers")


async def test_nothing_that_leaves_names_a_child_or_a_card_and_every_change_has_its_key(cards, local):
    made = await a_payment(cards)
    local.paid(made.id)
    await stripe_api.refund(cards, key=key_of("refund", uuid4()), intent_id=made.id, pence=100, reference=uuid4())
    await stripe_api.refunds_of(cards, made.id)
    await stripe_api.events_between(cards, stripe_api.wall_clock(), stripe_api.wall_clock())
    assert {each.method for each in local.sent} == {"GET", "POST"}
    for each in local.sent:
        everything = f"{each.path} {each.body} {json.dumps(each.headers)}".casefold()
        for word in ("maya", "okonkwo", "grace", "larkspur", "se13", "4242", "exp_month", "cvc", "email", "name="):
            assert word not in everything, (word, everything)
        if each.method == "POST":
            assert stripe_api.KEY.fullmatch({k.lower(): v for k, v in each.headers.items()}["idempotency-key"])


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(cards, local):
    local.lose = 1
    await a_payment(cards)
    keys = [{k.lower(): v for k, v in each.headers.items()}["idempotency-key"] for each in local.sent]
    assert len(keys) == 2 and len(set(keys)) == 1


async def test_no_answer_is_said_without_what_was_asked(cards, local, monkeypatch):
    with pytest.raises(StripeUnreachable) as refused:
        await a_payment(replace(cards, stripe_api_url="http://127.0.0.1:9"))
    assert SECRET_KEY not in str(refused.value) and refused.value.__cause__ is None
    monkeypatch.setattr(stripe_api, "WHOLE_SECONDS", 0.5)
    local.hangs = threading.Event()
    try:
        with pytest.raises(StripeUnreachable):
            await stripe_api.find_intent(cards, "pi_slow")
    finally:
        local.hangs.set()
        local.hangs = None


def an_event(object_id: str = "pi_1", event_id: str | None = None, **changed: object) -> bytes:
    """An event in the shape Stripe documents (recorded shape)."""
    event = {
        "id": event_id or f"evt_{uuid4().hex}", "object": "event", "type": "payment_intent.succeeded",
        "livemode": False, "created": 1_778_497_200, "data": {"object": {"id": object_id, "object": "payment_intent"}},
    } | changed  # fmt: skip
    return json.dumps(event).encode()


def signed(body: bytes, *, secret: str = WEBHOOK_SECRET, ago: int = 0) -> str:
    at = int(time.time()) - ago
    return package.WebhookSignature.generate_signature_header(body.decode(), secret, at)


@pytest.fixture
async def post(database):
    settings = with_cards(database)
    async with AsyncClient(
        transport=ASGITransport(app=create_marketplace(settings)), base_url="https://site.test"
    ) as client:

        async def send(body: bytes, signature: str | None) -> int:
            headers = {"content-type": "application/json; charset=utf-8"}
            if signature is not None:
                headers["stripe-signature"] = signature
            return (await client.post(WHERE, content=body, headers=headers)).status_code

        yield send


async def kept(migrator) -> list[str]:
    return [row["id"] for row in await migrator.fetch("SELECT id FROM stripe_event ORDER BY received_at, id")]


async def test_an_event_is_kept_once_and_followed_once(post, migrator):
    body = an_event(event_id="evt_once")
    for _ in range(3):
        assert await post(body, signed(body)) == 204
    assert await kept(migrator) == ["evt_once"]
    jobs = await migrator.fetch("SELECT payload FROM jobs.pgqueuer WHERE entrypoint = $1", stripe_events.FOLLOW)
    assert [json.loads(row["payload"]) for row in jobs] == [{"event": "evt_once"}]


async def test_what_is_not_stripes_is_refused(post, migrator):
    body = an_event()
    forged = [
        (body, None),
        (body, ""),
        (body, "t=now,v1=abc"),
        (body, signed(body, secret="whsec_of_somebody_else")),
        (body.replace(b"pi_1", b"pi_2"), signed(body)),
        (body, signed(body, ago=301)),
        (body, signed(body, ago=-301)),  # from the future
        (b"[]", signed(b"[]")),
        (b"not json", signed(b"not json")),
        (an_event(object="charge"), None),
        (b'{"object": "event", "x": "' + b"y" * 300_000 + b'"}', None),
    ]
    for each, signature in forged:
        assert await post(each, signature) == 400, signature
    own = b'{"object": "event"}'
    for ours in (an_event(livemode=True), own, an_event(created="soon"), an_event("../../etc")):
        assert await post(ours, signed(ours)) == 204  # proven, and no business of ours
    assert await kept(migrator) == []
    assert await post(body, signed(body, ago=250)) == 204
    assert await post(an := an_event(), signed(an, ago=-250)) == 204


async def test_two_secrets_while_one_replaces_the_other(database):
    settings = replace(with_cards(database), stripe_webhook_secret=f"whsec_new, {WEBHOOK_SECRET}")
    body = an_event()
    for secret in ("whsec_new", WEBHOOK_SECRET):
        assert stripe_api.read_event(body, signed(body, secret=secret), settings) is not None


async def test_cards_are_off_without_keys(database):
    assert not stripe_api.on(database) and await stripe_events.reconcile(database) == 0
    body = an_event()
    async with AsyncClient(
        transport=ASGITransport(app=create_marketplace(database)), base_url="https://site.test"
    ) as client:
        answer = await client.post(WHERE, content=body, headers={"stripe-signature": signed(body)})
        assert answer.status_code == 404
    given = {"DATABASE_URL": "postgresql://a@b/c", "MARKETPLACE_SECRET": "x" * 32}
    with pytest.raises(SettingsError, match="all three or none"):
        Settings.from_environment(given | {"STRIPE_SECRET_KEY": "sk_test_1"})
    with pytest.raises(SettingsError, match="not a secret key"):
        Settings.from_environment(given | {"STRIPE_SECRET_KEY": "pk_live_1"})


@pytest.mark.parametrize("seed", range(3))
async def test_in_any_order_doubled_forged_or_lost_it_ends_the_same(cards, local, migrator, monkeypatch, seed):
    """Real events of localstripe, shuffled and doubled, some lost, some forged: followers end where Stripe is."""
    books: dict[str, str] = {}

    async def follow(settings: Settings, intent_id: str) -> None:
        books[intent_id] = (await stripe_api.find_intent(settings, intent_id)).status

    monkeypatch.setitem(stripe_events.FOLLOWERS, "payment_intent", follow)
    chance = random.Random(seed)
    intents = [(await a_payment(cards, 100 + n)).id for n in range(3)]
    for intent_id in intents:
        local.paid(intent_id)
    local.wait_for_events(len(intents))
    arriving = [event for event in local.events if chance.random() > 0.2]
    arriving += chance.sample(arriving, len(arriving) // 2)
    chance.shuffle(arriving)
    for body, signature in arriving:
        await stripe_events.receive(cards, body, signature)
    for body, signature in local.events[:1]:
        with pytest.raises(Exception, match="not signed"):
            await stripe_events.receive(cards, body.replace(b"pi_", b"pi_x"), signature)
    assert await stripe_events.reconcile(cards) >= 0
    assert await stripe_events.reconcile(cards) == 0
    known = await kept(migrator)
    for event_id in chance.sample([*known, *known], 2 * len(known)):
        await stripe_events.follow(cards, event_id)
    assert {intent_id: books[intent_id] for intent_id in intents} == dict.fromkeys(intents, "succeeded")
    assert await migrator.fetchval("SELECT count(*) FROM stripe_event WHERE done_at IS NULL") == 0


async def test_what_was_lost_is_asked_for_though_a_later_event_has_come(cards, local, migrator, monkeypatch):
    monkeypatch.setattr(stripe_api, "EVENTS_AT_ONCE", 1)
    await stripe_events.reconcile(cards)
    known = await migrator.fetchval("SELECT known_until FROM stripe_events_asked")
    lost = [(await a_payment(cards, 100 + n)).id for n in range(2)]
    for intent_id in lost:
        local.paid(intent_id)
    live = an_event("pi_live", created=int(time.time()) + 3 * 3600)  # the first to come through after an outage
    await stripe_events.receive(cards, live, signed(live))
    with pytest.raises(StripeUnreachable):
        await stripe_events.reconcile(replace(cards, stripe_api_url="http://127.0.0.1:9"))
    assert await migrator.fetchval("SELECT known_until FROM stripe_events_asked") == known
    assert await stripe_events.reconcile(cards) >= len(lost)
    objects = {row["object_id"] for row in await migrator.fetch("SELECT object_id FROM stripe_event")}
    assert {*lost, "pi_live"} <= objects
    assert await migrator.fetchval("SELECT known_until FROM stripe_events_asked") > known


async def test_a_follower_that_fails_leaves_the_event_waiting(database, post, migrator, monkeypatch):
    tried: list[str] = []

    async def follow(settings: Settings, intent_id: str) -> None:
        tried.append(intent_id)
        if len(tried) == 1:
            raise StripeUnreachable("timeout")

    monkeypatch.setitem(stripe_events.FOLLOWERS, "payment_intent", follow)
    body = an_event("pi_9", "evt_9")
    await post(body, signed(body))
    with pytest.raises(StripeUnreachable):
        await stripe_events.follow(database, "evt_9")
    for _ in range(2):
        await stripe_events.follow(database, "evt_9")
    assert tried == ["pi_9", "pi_9"]
    assert await migrator.fetchval("SELECT outcome FROM stripe_event WHERE id = 'evt_9'") == "followed"

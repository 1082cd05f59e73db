"""Stripe, thin: what we ask of it, in our own types, and the proof that an event came from it.

* Whatever changes something there carries an idempotency key of ours, so that asking again after a lost answer does
  nothing twice; the package tries again by itself with that very key.
* What is sent is an amount and a random id of ours. There is no parameter for a name, a note or a card.
* No reason of Stripe's is shown or logged as it came: an error says its kind, and at most a code.

Without a secret key it is off, and families pay by bank transfer. The only file that imports `stripe`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe

from marketplace.settings import Settings

SECONDS = 10.0  # for one answer
WHOLE_SECONDS = 25.0  # for all tries together
TRIES_AGAIN = 2
TOLERANCE = 300  # seconds an event's time may lie back, or ahead: clocks differ
LARGEST_EVENT = 256 * 1024
EVENTS_AT_ONCE = 100
ID = re.compile(r"[a-z]{2,10}_[A-Za-z0-9_]{1,200}")
KEY = re.compile(r"[a-z_]{1,30}:[0-9a-f-]{36}(:[0-9]{1,9})?")

stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)  # its own lines would hold what was asked


class StripeError(Exception):
    """Stripe did not do what was asked."""


class StripeUnreachable(StripeError):
    """No answer in time, or Stripe cannot at the moment: ask again later with the same key, nothing is doubled."""


class StripeRefused(StripeError):
    """Stripe answered no; `code` is its word for why, such as card_declined, or empty."""

    def __init__(self, code: str = "") -> None:
        super().__init__(code or "refused")
        self.code = code


class NotFromStripe(StripeError):
    """An event whose signature does not fit, whose time is too far off, or that is none."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment as Stripe has it. `received_pence` is what has come in, before refunds; `failure` a code or empty."""

    id: str
    status: str
    pence: int
    received_pence: int
    failure: str
    reference: str
    client_secret: str = ""

    def __repr__(self) -> str:
        """Without the secret that lets a browser pay."""
        return f"Intent({self.id}, {self.status}, {self.received_pence} of {self.pence})"


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, or on its way."""

    id: str
    status: str
    pence: int
    reference: str


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """Something happened to an object; what is the case now is asked, since events come late and in any order."""

    id: str
    type: str
    object_type: str
    object_id: str
    created_at: datetime


def wall_clock() -> datetime:
    """Stripe's time is the wall's, whatever the demo's clock says."""
    return datetime.now(UTC)


def on(settings: Settings) -> bool:
    """Whether cards can be taken."""
    return bool(settings.stripe_secret_key)


def key_of(what: str, subject: UUID, attempt: int | None = None) -> str:
    """The idempotency key of something done once for a row of ours: "refund:5f0c...", or of its n-th attempt."""
    return f"{what}:{subject}" + ("" if attempt is None else f":{attempt}")


async def create_intent(settings: Settings, *, key: str, pence: int, reference: UUID) -> Intent:
    """A payment to be confirmed in the family's browser. Raises `StripeUnreachable`, `StripeRefused`."""
    asked: Any = {"amount": positive(pence), "currency": "gbp", "metadata": {"reference": str(reference)}}
    if not settings.stripe_api_url:
        # the interface's present word for it, which the stand-in refuses; the payment page offers cards alone anyway
        asked["allowed_payment_method_types"] = ["card"]
    async with asking(settings) as client:
        made = await client.v1.payment_intents.create_async(asked, once(key))
        return _intent(made)


async def find_intent(settings: Settings, intent_id: str) -> Intent:
    """The payment as it stands. Raises `StripeUnreachable`, `StripeRefused` (resource_missing where there is none)."""
    async with asking(settings) as client:
        return _intent(await client.v1.payment_intents.retrieve_async(checked_id(intent_id)))


async def confirm(settings: Settings, *, key: str, use_key: str, intent_id: str, token: str) -> Intent:
    """Take the payment with a card, known to us only as what Stripe's field in the browser made of it (`tok_...`).

    The bank may ask the family to confirm: `requires_action`. Raises `StripeUnreachable`, `StripeRefused` with the code
    where the card was declined.
    """
    async with asking(settings) as client:
        if settings.stripe_api_url:
            # the stand-in makes no payment method of a token: it is given the card the token stands for
            card = (await client.v1.tokens.retrieve_async(checked_id(token))).to_dict()["card"]["id"]
            await client.v1.payment_intents.update_async(checked_id(intent_id), {"payment_method": card}, once(use_key))
            return _intent(await client.v1.payment_intents.confirm_async(checked_id(intent_id), {}, once(key)))
        asked: Any = {
            "payment_method_data": {"type": "card", "card": {"token": checked_id(token)}},
            "use_stripe_sdk": True,
        }
        return _intent(await client.v1.payment_intents.confirm_async(checked_id(intent_id), asked, once(key)))


async def cancel_intent(settings: Settings, *, key: str, intent_id: str) -> Intent:
    """Give up a payment nobody made. Refused where money has come in meanwhile."""
    async with asking(settings) as client:
        return _intent(await client.v1.payment_intents.cancel_async(checked_id(intent_id), {}, once(key)))


async def refund(settings: Settings, *, key: str, intent_id: str, pence: int, reference: UUID) -> Refund:
    """Give money back to the card it came from. What may be given back is for the caller to know: not every stand-in
    for Stripe refuses too much. Raises `StripeUnreachable`, `StripeRefused`."""
    async with asking(settings) as client:
        made = await client.v1.refunds.create_async(
            {
                "payment_intent": checked_id(intent_id),
                "amount": positive(pence),
                "metadata": {"reference": str(reference)},
            },
            once(key),
        )
        return _refund(made)


async def refunds_of(settings: Settings, intent_id: str) -> list[Refund]:
    """Every refund of a payment."""
    async with asking(settings) as client:
        page = await client.v1.refunds.list_async({"payment_intent": checked_id(intent_id), "limit": EVENTS_AT_ONCE})
        return [_refund(each) async for each in page.auto_paging_iter()]


async def events_between(settings: Settings, since: datetime, until: datetime) -> list[StripeEvent]:
    """Everything that happened from one moment to another (both within it), oldest first: closes the gaps of events
    that never arrived. All of it or nothing: raises `StripeUnreachable` where not everything is answered in time."""
    created: Any = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    async with asking(settings, whole=WHOLE_SECONDS * 4) as client:
        page = await client.v1.events.list_async({"created": created, "limit": EVENTS_AT_ONCE})
        found = [_event(each.to_dict()) async for each in page.auto_paging_iter()]
        return [event for event in found if event is not None][::-1]


def read_event(body: bytes, signature: str | None, settings: Settings) -> StripeEvent | None:
    """The event a webhook brought; None where it is about nothing that has an id, or of another mode than our key.

    Raises `NotFromStripe`. Two secrets may stand in the setting, parted by a comma, while one replaces the other.
    """
    if len(body) > LARGEST_EVENT:
        raise NotFromStripe("too long")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotFromStripe("no text") from None
    _check_signature(text, signature, [each.strip() for each in settings.stripe_webhook_secret.split(",")])
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise NotFromStripe("no JSON") from None
    if not isinstance(found, dict) or found.get("object") != "event":
        raise NotFromStripe("no event")
    if bool(found.get("livemode")) != settings.stripe_secret_key.startswith(("sk_live_", "rk_live_")):
        return None
    return _event(found)


def _check_signature(text: str, signature: str | None, secrets: Sequence[str]) -> None:
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE)
        except stripe.SignatureVerificationError:
            continue
        # the package refuses what is old and takes what is ahead: a header kept for later is not taken either
        sent_at = re.search(r"(?:^|,)t=([0-9]{1,12})(?:,|$)", signature or "")
        if sent_at is None or int(sent_at[1]) > wall_clock().timestamp() + TOLERANCE:
            break
        return
    raise NotFromStripe("signature")


def _event(found: dict[str, Any]) -> StripeEvent | None:
    about = (found.get("data") or {}).get("object") or {}
    ids = (found.get("id"), about.get("id"))
    created, kind = found.get("created"), found.get("type")
    if not all(isinstance(each, str) and ID.fullmatch(each) for each in ids) or not isinstance(created, int):
        return None
    if not isinstance(kind, str) or not isinstance(about.get("object"), str):
        return None
    try:
        created_at = datetime.fromtimestamp(created, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return StripeEvent(str(ids[0]), kind[:100], about["object"][:100], str(ids[1]), created_at)


@asynccontextmanager
async def asking(settings: Settings, whole: float = WHOLE_SECONDS) -> AsyncIterator[stripe.StripeClient]:
    """A client for a few questions; its errors come out as ours. Raises `StripeUnreachable`, `StripeRefused`."""
    transport = stripe.HTTPXClient(timeout=SECONDS)
    client = stripe.StripeClient(
        settings.required("stripe_secret_key").stripe_secret_key,
        base_addresses={"api": settings.stripe_api_url} if settings.stripe_api_url else {},
        http_client=transport,
        max_network_retries=TRIES_AGAIN,
    )
    try:
        async with asyncio.timeout(whole):
            yield client
    # causes are not chained: their messages may hold what was asked, or the key
    except (stripe.APIConnectionError, stripe.RateLimitError, TimeoutError) as error:
        raise StripeUnreachable(type(error).__name__) from None
    except stripe.StripeError as error:
        if error.http_status is None or error.http_status >= 500 or error.http_status == 409:
            raise StripeUnreachable(f"status {error.http_status}") from None
        raise StripeRefused(error.code or "") from None
    finally:
        await transport.close_async()


def once(key: str) -> Any:
    """The option that makes a change happen once."""
    if not KEY.fullmatch(key):
        raise ValueError("an idempotency key is made by key_of")
    return {"idempotency_key": key}


def positive(pence: int) -> int:
    """The sum itself; nothing and less never leaves. Raises `ValueError`."""
    if pence <= 0:
        raise ValueError("money that moves is more than nothing")
    return pence


def checked_id(given: str) -> str:
    """An id that stands in an address. Raises `ValueError` for what is none of Stripe's."""
    if not ID.fullmatch(given):
        raise ValueError("this is no id of Stripe's")
    return given


def _intent(made: Any) -> Intent:
    found = made.to_dict()
    pence = int(found["amount"])
    # an answer without the sum that came in (an older version's) has received all of it or nothing
    received = found.get("amount_received")
    if received is None:
        received = pence if found["status"] == "succeeded" else 0
    failure = found.get("last_payment_error") or {}
    return Intent(
        found["id"],
        found["status"],
        pence,
        int(received),
        str(failure.get("decline_code") or failure.get("code") or ""),
        str((found.get("metadata") or {}).get("reference", "")),
        found.get("client_secret") or "",
    )


def _refund(made: Any) -> Refund:
    found = made.to_dict()
    reference = str((found.get("metadata") or {}).get("reference", ""))
    return Refund(found["id"], found["status"], int(found["amount"]), reference)

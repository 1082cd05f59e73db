"""Stripe Connect, thin: a provider's account with Stripe, and transfers to it for visits that were delivered.

What is sent is an amount, ids of Stripe's and a random id of ours: who the provider is it tells Stripe itself, on
Stripe's own pages. A transfer carries our row's id as its group, so that one whose answer was lost is found again even
after its idempotency key is forgotten (Stripe keeps keys for a day).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

from marketplace.platform.stripe_api import EVENTS_AT_ONCE, asking, checked_id, key_of, once, positive
from marketplace.settings import Settings

AccountState = Literal["pending", "active", "restricted", "rejected"]
BEING_LOOKED_AT = ("", "requirements.pending_verification", "under_review")


@dataclass(frozen=True, slots=True)
class Account:
    """A connected account. `due` are Stripe's names of what it still asks; which ones it is its own pages say."""

    id: str
    state: AccountState
    due: tuple[str, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money moved to a connected account, and how much of it was taken back."""

    id: str
    account_id: str
    pence: int
    reversed_pence: int
    reference: str


async def create_account(settings: Settings, *, key: str, reference: UUID) -> Account:
    """An account the provider finishes on Stripe's pages. Raises `StripeUnreachable`, `StripeRefused`."""
    asked: Any = {
        "country": "GB",
        "controller": {
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},
            "stripe_dashboard": {"type": "express"},
        },
        "capabilities": {"transfers": {"requested": True}},
        "metadata": {"reference": str(reference)},
    }
    async with asking(settings) as client:
        return account_of((await client.v1.accounts.create_async(asked, once(key))).to_dict())


async def find_account(settings: Settings, account_id: str) -> Account:
    """How an account stands. Raises `StripeUnreachable`, `StripeRefused`."""
    async with asking(settings) as client:
        return account_of((await client.v1.accounts.retrieve_async(checked_id(account_id))).to_dict())


async def onboarding_link(settings: Settings, *, account_id: str, return_url: str, refresh_url: str) -> str:
    """Where the provider answers Stripe's questions: an address for a few minutes and one visit, kept nowhere; each
    time a new one. Raises `StripeUnreachable`, `StripeRefused`."""
    asked: Any = {
        "account": checked_id(account_id), "type": "account_onboarding",
        "return_url": return_url, "refresh_url": refresh_url,
    }  # fmt: skip
    async with asking(settings) as client:
        return (await client.v1.account_links.create_async(asked, once(key_of("link", uuid4())))).url


async def transfer(settings: Settings, *, key: str, account_id: str, pence: int, reference: UUID) -> Transfer:
    """Move money to a connected account: one transfer a `reference`, found again where it was made already.

    Raises `StripeUnreachable`, `StripeRefused` (balance_insufficient where too little has become available yet).
    """
    asked: Any = {
        "amount": positive(pence), "currency": "gbp", "destination": checked_id(account_id),
        "transfer_group": str(reference), "metadata": {"reference": str(reference)},
    }  # fmt: skip
    async with asking(settings) as client:
        made = await client.v1.transfers.list_async({"transfer_group": str(reference), "limit": EVENTS_AT_ONCE})
        for each in made.data:
            return transfer_of(each.to_dict())
        return transfer_of((await client.v1.transfers.create_async(asked, once(key))).to_dict())


async def find_transfer(settings: Settings, transfer_id: str) -> Transfer:
    """A transfer as it stands. Raises `StripeUnreachable`, `StripeRefused`."""
    async with asking(settings) as client:
        return transfer_of((await client.v1.transfers.retrieve_async(checked_id(transfer_id))).to_dict())


async def take_back(settings: Settings, *, key: str, transfer_id: str, pence: int, reference: UUID) -> str:
    """Reverse a part of a transfer, once a `reference`; answers the reversal's id. Raises as `transfer`."""
    asked: Any = {"amount": positive(pence), "metadata": {"reference": str(reference)}}
    async with asking(settings) as client:
        known = await client.v1.transfers.reversals.list_async(checked_id(transfer_id), {"limit": EVENTS_AT_ONCE})
        async for each in known.auto_paging_iter():
            if ((each.to_dict()).get("metadata") or {}).get("reference") == str(reference):
                return each.id
        made = await client.v1.transfers.reversals.create_async(checked_id(transfer_id), asked, once(key))
        return made.id


def account_of(found: dict[str, Any]) -> Account:
    """An account's state in one word: rejected by Stripe, active (may be paid), restricted (answers are missing after
    it was handed in), or pending (not handed in, or being looked at)."""
    requirements = found.get("requirements") or {}
    disabled = str(requirements.get("disabled_reason") or "")
    due = {*(requirements.get("currently_due") or ()), *(requirements.get("past_due") or ())}
    may_be_paid = (found.get("capabilities") or {}).get("transfers") == "active" and bool(found.get("payouts_enabled"))
    state: AccountState
    if disabled.startswith("rejected"):
        state = "rejected"
    elif may_be_paid:
        state = "active"
    elif found.get("details_submitted") and (due or disabled not in BEING_LOOKED_AT):
        state = "restricted"
    else:
        state = "pending"
    return Account(found["id"], state, tuple(sorted(due)), str((found.get("metadata") or {}).get("reference", "")))


def transfer_of(found: dict[str, Any]) -> Transfer:
    """A transfer in our types."""
    reference = str((found.get("metadata") or {}).get("reference", ""))
    return Transfer(
        found["id"], str(found["destination"]), int(found["amount"]), int(found.get("amount_reversed") or 0), reference
    )

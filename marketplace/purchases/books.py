"""The books of purchases: each movement of a family's money is one balanced entry, never edited (domain 5).

They stand in the same ledger as a council's invoices, by council, framework, provider and purchase, in accounts of
their own. Until it has gone back or onwards a family's money is held for it: what is held for all families together,
and owed to families and providers, is what lies at Stripe and in the client accounts.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.billing.ledger import post
from marketplace.platform.database import Work

# Debits are positive.
CARD_MONEY = "card_money"  # what lies at Stripe
CLIENT_BANK = "client_bank"  # what lies in the council's client account
HELD_FOR_FAMILIES = "held_for_families"  # what families have paid and is neither theirs again nor the provider's yet
REFUNDS_PAYABLE = "refunds_payable"  # what is to go back to families
PAYOUTS_PAYABLE = "payouts_payable"  # what is to go on to the provider; above nothing: the provider owes it back

MONEY = {"card": CARD_MONEY, "transfer": CLIENT_BANK, "connect": CARD_MONEY, "by_hand": CLIENT_BANK}

FETCHED = "purchase_money_fetched"

# kind of entry -> (subject_type, what is debited, what is credited); `money` is where it lies (`MONEY`)
KINDS = {
    "purchase_card_received": ("card_payment", "money", HELD_FOR_FAMILIES),
    "purchase_transfer_received": ("bank_receipt", "money", HELD_FOR_FAMILIES),
    "purchase_refund_owed": ("refund", HELD_FOR_FAMILIES, REFUNDS_PAYABLE),
    "purchase_refund_paid": ("refund", REFUNDS_PAYABLE, "money"),
    "purchase_refund_returned": ("refund", "money", REFUNDS_PAYABLE),
    FETCHED: ("purchase", CLIENT_BANK, CARD_MONEY),
    "purchase_payout_owed": ("payout", HELD_FOR_FAMILIES, PAYOUTS_PAYABLE),
    "purchase_payout_paid": ("payout", PAYOUTS_PAYABLE, "money"),
}


def postings(kind: str, pence: int, way: str) -> dict[str, int]:
    """How a movement of so many pence moves the accounts; below nothing it moves them the other way."""
    _, debit, credit = KINDS[kind]
    where = MONEY[way]
    return {where if debit == "money" else debit: pence, where if credit == "money" else credit: -pence}


def purchase_of(row: Any) -> dict[str, Any]:
    """The purchase a refund or a payout belongs to, as `enter` takes it."""
    return {
        "id": row["purchase_id"], "commissioner_id": row["commissioner_id"], "framework_id": row["framework_id"],
        "provider_id": row["provider_id"],
    }  # fmt: skip


async def fetch_from_card(work: Work, purchase: Any) -> int:
    """What was paid from the client account of money that lies at Stripe is booked over to it; answers the pence.

    Asked after each payment by hand, in its unit: a card's money that went on or back by bank is the client account's
    from then on, to be paid out to it by Stripe. `purchase` is its row.
    """
    keys = purchase["commissioner_id"], purchase["id"]
    await work.execute("SELECT FROM purchase WHERE commissioner_id = $1 AND id = $2 FOR NO KEY UPDATE", *keys)
    row = await work.fetchrow(
        """SELECT -coalesce(sum(p.pence) FILTER (WHERE p.account = $3), 0)::int AS pence,
               count(DISTINCT e.id) FILTER (WHERE e.kind = $4)::int AS before
           FROM ledger_entry e
           JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id
           WHERE e.commissioner_id = $1 AND e.purchase_id = $2""",
        *keys, CLIENT_BANK, FETCHED,
    )  # fmt: skip
    assert row is not None
    if row["pence"] > 0:
        await enter(work, FETCHED, purchase, purchase["id"], row["pence"], "card", again=row["before"])
    return max(0, row["pence"])


async def enter(
    work: Work, kind: str, purchase: Any, subject_id: UUID, pence: int, way: str, *, again: int = 0
) -> None:
    """Write a movement of a purchase's money, once per subject. `purchase` is its row; `again`: how often the same had
    happened before and was undone (a refund whose money came back).

    Written in the council's context, or the provider's: a family writes no books.
    """
    await post(
        work, kind, postings(kind, pence, way), commissioner_id=purchase["commissioner_id"],
        framework_id=purchase["framework_id"], provider_id=purchase["provider_id"], subject_type=KINDS[kind][0],
        subject_id=subject_id, purchase_id=purchase["id"], again=again,
    )  # fmt: skip

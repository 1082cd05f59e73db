"""Cards' money that was paid on or back by bank: booked over to the client account, and followed until it is there.

What a finance officer pays from the client account of money that lies at Stripe, Stripe pays out to that account. The
line of the bank's statement that brings it is ticked here; the books moved when it was paid (`books.fetch_from_card`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict
from marketplace.purchases.bank import ACCOUNT, unmatched_receipt
from marketplace.purchases.books import CLIENT_BANK, FETCHED
from marketplace.web.filters import pounds

MOST = 50


@dataclass(frozen=True, slots=True)
class Booked:
    """What was booked over of one purchase, and when."""

    at: datetime
    purchase_id: UUID
    reference: str
    pence: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A line of the statement that brought cards' money."""

    receipt_id: UUID
    received_on: date
    says: str
    pence: int


@dataclass(frozen=True, slots=True)
class CardsMoney:
    """How cards' money stands between Stripe and the client account; the newest lines of either side."""

    booked_pence: int
    arrived_pence: int
    booked: tuple[Booked, ...]
    arrived: tuple[Arrived, ...]

    @property
    def to_come_pence(self) -> int:
        """What Stripe has still to pay out."""
        return self.booked_pence - self.arrived_pence


async def cards_money(work: Work) -> CardsMoney:
    """The acting council's."""
    council = work.actor.commissioner_id
    booked = await work.fetch(
        """SELECT e.at, e.purchase_id, u.reference, p.pence FROM ledger_entry e
           JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id AND p.account = $3
           JOIN purchase u ON u.commissioner_id = e.commissioner_id AND u.id = e.purchase_id
           WHERE e.commissioner_id = $1 AND e.kind = $2 ORDER BY e.at DESC, e.id LIMIT $4""",
        council, FETCHED, CLIENT_BANK, MOST,
    )  # fmt: skip
    arrived = await work.fetch(
        "SELECT id, received_on, says, pence FROM bank_receipt WHERE commissioner_id = $1 AND state = 'from_cards'"
        " ORDER BY received_on DESC, id LIMIT $2",
        council, MOST,
    )  # fmt: skip
    sums = await _sums(work)
    return CardsMoney(
        sums["booked"], sums["arrived"], tuple(Booked(*row) for row in booked), tuple(Arrived(*row) for row in arrived)
    )


async def _sums(work: Work) -> Any:
    row = await work.fetchrow(
        """SELECT (SELECT coalesce(sum(p.pence), 0)::int FROM ledger_entry e JOIN ledger_posting p
                   ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id AND p.account = $3
               WHERE e.commissioner_id = $1 AND e.kind = $2) AS booked,
               (SELECT coalesce(sum(pence), 0)::int FROM bank_receipt
               WHERE commissioner_id = $1 AND state = 'from_cards') AS arrived""",
        work.actor.commissioner_id, FETCHED, CLIENT_BANK,
    )  # fmt: skip
    assert row is not None
    return row


async def tick(actor: Actor, receipt_id: UUID) -> int:
    """Say that a line of the statement is cards' money that Stripe has paid out; answers the pence still to come.

    A line ticked wrongly can still be matched or set aside. Raises `Conflict` where it is matched or ticked already, or
    brings more than is still to come; `NotFound`.
    """
    permit(actor, ACCOUNT)
    async with unit_of_work(actor) as work:
        # one after the other: each sees what those before it have ticked
        await work.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"cards money {actor.commissioner_id}"
        )
        row = await unmatched_receipt(work, receipt_id)
        if row["state"] == "from_cards":
            raise Conflict("This line is down as cards’ money already.")
        sums = await _sums(work)
        to_come = sums["booked"] - sums["arrived"]
        if row["pence"] > to_come:
            raise Conflict(
                f"{pounds(to_come)} of cards’ money is still to come, and this line brings {pounds(row['pence'])}."
                " Match it to a purchase, or set it aside with what it is."
            )
        await work.execute(
            "UPDATE bank_receipt SET state = 'from_cards', set_aside_reason = NULL"
            " WHERE commissioner_id = $1 AND id = $2",
            actor.commissioner_id, receipt_id,
        )  # fmt: skip
        work.audit("bank.from_cards", "bank_receipt", receipt_id, pence=row["pence"])
        return to_come - row["pence"]

"""Bank transfers of families: the council's client account, its statement taken in, each line matched or set aside.

Whoever works with it meets a reference, a day and a sum; a child is in none of them (docs/decisions/0017).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.purchases import books, receiving
from marketplace.purchases.bank_lines import BankLine
from marketplace.purchases.references import references_in

ACCOUNT = "client_account.write"
PAGE_SIZE = 50
MOST_REASON = 500


@dataclass(frozen=True, slots=True)
class Receipt:
    """A line of the statement. `reference` is the purchase it pays."""

    id: UUID
    received_on: date
    pence: int
    says: str
    state: str
    purchase_id: UUID | None
    reference: str | None
    purchase_state: str | None
    back_pence: int  # of it, what is too much or too late
    set_aside_reason: str | None


@dataclass(frozen=True, slots=True)
class AccountVersion:
    """A version of the client account; the latest confirmed one counts."""

    id: UUID
    name: str
    sort_code: str
    number: str
    entered_at: datetime
    entered_by: UUID
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of a file: lines matched, waiting to be matched, and known before."""

    matched: int
    unmatched: int
    known: int


async def take_in(actor: Actor, lines: Sequence[BankLine]) -> TakenIn:
    """Keep a statement's lines, each once, and match those that name one purchase. Raises `NotPermitted`."""
    permit(actor, ACCOUNT)
    counted = {"matched": 0, "unmatched": 0, "known": 0}
    async with unit_of_work(actor) as work:
        for line in lines:
            receipt_id = uuid4()
            new = await work.fetchval(
                """INSERT INTO bank_receipt (commissioner_id, id, line_hash, received_on, pence, says, state,
                       imported_at, imported_by) VALUES ($1, $2, $3, $4, $5, $6, 'unmatched', $7, $8)
                   ON CONFLICT DO NOTHING RETURNING true""",
                actor.commissioner_id, receipt_id, line.line_hash, line.received_on, line.pence, line.says, work.now,
                actor.person_id,
            )  # fmt: skip
            if not new:
                counted["known"] += 1
                continue
            purchase = await _named(work, line.says)
            if purchase is not None:
                await _match(work, receipt_id, line.pence, purchase)
            counted["matched" if purchase is not None else "unmatched"] += 1
        work.audit(
            "bank.taken_in", "organisation", _tenant(actor), matched=counted["matched"],
            unmatched=counted["unmatched"], known=counted["known"],
        )  # fmt: skip
    return TakenIn(**counted)


async def _named(work: Work, says: str) -> Any:
    """The one purchase of this council a text names, held; None for none, or for several."""
    names = references_in(says)
    if len(names) != 1:
        return None
    return await work.fetchrow(
        "SELECT * FROM purchase WHERE commissioner_id = $1 AND reference = $2 FOR UPDATE",
        work.actor.commissioner_id, names[0],
    )  # fmt: skip


async def _match(work: Work, receipt_id: UUID, pence: int, purchase: Any) -> None:
    await work.execute(
        """UPDATE bank_receipt SET state = 'matched', purchase_id = $3, framework_id = $4, provider_id = $5,
               child_id = $6, matched_at = $7, matched_by = $8, set_aside_reason = NULL
           WHERE commissioner_id = $1 AND id = $2""",
        purchase["commissioner_id"], receipt_id, purchase["id"], purchase["framework_id"], purchase["provider_id"],
        purchase["child_id"], work.now, work.actor.person_id,
    )  # fmt: skip
    await books.enter(work, "purchase_transfer_received", purchase, receipt_id, pence, "transfer")
    work.audit(
        "purchase.transfer_received", "purchase", purchase["id"], commissioner_id=purchase["commissioner_id"],
        receipt=receipt_id, pence=pence,
    )  # fmt: skip
    await receiving.settle(work, purchase)


async def match_by_hand(actor: Actor, receipt_id: UUID, reference: str) -> UUID:
    """Say which purchase a line pays; a line set aside can still be matched. Answers the purchase.

    Raises `InvalidInput` naming `reference`, `Conflict` where it is matched already, `NotFound`.
    """
    permit(actor, ACCOUNT)
    async with unit_of_work(actor) as work:
        row = await unmatched_receipt(work, receipt_id)
        purchase = await _named(work, reference)
        if purchase is None:
            raise InvalidInput({"reference": "Enter the reference of one purchase, like DP7K 2M9Q XT4"})
        await _match(work, receipt_id, row["pence"], purchase)
        return purchase["id"]


async def set_aside(actor: Actor, receipt_id: UUID, reason: str) -> None:
    """Say why a line pays no purchase: sent back, or something else. Raises `InvalidInput`, `Conflict`, `NotFound`."""
    permit(actor, ACCOUNT)
    async with unit_of_work(actor) as work:
        await unmatched_receipt(work, receipt_id)
        if not reason.strip() or len(reason.strip()) > MOST_REASON:
            raise InvalidInput({"reason": f"Enter what became of the money, in at most {MOST_REASON} characters"})
        await work.execute(
            "UPDATE bank_receipt SET state = 'set_aside', set_aside_reason = $3 WHERE commissioner_id = $1 AND id = $2",
            actor.commissioner_id, receipt_id, reason.strip(),
        )  # fmt: skip
        work.audit("bank.set_aside", "bank_receipt", receipt_id)


async def unmatched_receipt(work: Work, receipt_id: UUID) -> Any:
    """A line that pays no purchase yet, held for the unit. Raises `Conflict` where it does, `NotFound`."""
    row = await work.fetchrow("SELECT * FROM bank_receipt WHERE id = $1 FOR UPDATE", receipt_id)
    if row is None:
        raise NotFound("There is no such line.")
    if row["state"] == "matched":
        raise Conflict("This line is matched already.")
    return row


async def enter_account(actor: Actor, *, name: str, sort_code: str, number: str) -> UUID:
    """Enter the client account families transfer to; it counts once a colleague has confirmed it.

    Raises `InvalidInput` naming the field.
    """
    permit(actor, ACCOUNT)
    faults: dict[str, str] = {}
    code, digits = (re.sub(r"[\s-]", "", each) for each in (sort_code, number))
    if not name.strip() or len(name.strip()) > 70:
        faults["name"] = "Enter the name on the account, in at most 70 characters"
    if not (code.isascii() and code.isdecimal() and len(code) == 6):
        faults["sort_code"] = "Enter a sort code of 6 digits, like 20-00-00"
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 8):
        faults["number"] = "Enter an account number of 8 digits"
    if faults:
        raise InvalidInput(faults)
    account_id = uuid4()
    async with unit_of_work(actor) as work:
        await work.execute(
            """INSERT INTO settlement_account (commissioner_id, id, name, sort_code, number, entered_at, entered_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            actor.commissioner_id, account_id, name.strip(), code, digits, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("client_account.entered", "settlement_account", account_id)
        await tell(
            work, "A client account for families’ transfers was entered and waits for a second finance officer.",
            "/client-account", organisation_id=_tenant(actor), role="finance",
        )  # fmt: skip
    return account_id


async def confirm_account(actor: Actor, account_id: UUID) -> None:
    """Confirm what a colleague entered, seen with own eyes. Raises `Conflict` for one's own entry, or for one that is
    confirmed or replaced already; `NotFound`."""
    permit(actor, ACCOUNT)
    async with unit_of_work(actor) as work:
        row = await work.fetchrow(
            """SELECT *, in_order < (SELECT max(in_order) FROM settlement_account) AS replaced FROM settlement_account
               WHERE id = $1 FOR UPDATE""",
            account_id,
        )
        if row is None:
            raise NotFound("There is no such account.")
        if row["confirmed_at"] is not None or row["replaced"]:
            raise Conflict("This account is confirmed already, or another was entered since.")
        if row["entered_by"] == actor.person_id:
            raise Conflict("You entered this account: another finance officer confirms it.")
        await work.execute(
            "UPDATE settlement_account SET confirmed_at = $3, confirmed_by = $4 WHERE commissioner_id = $1 AND id = $2",
            actor.commissioner_id, account_id, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("client_account.confirmed", "settlement_account", account_id)


async def accounts(work: Work) -> list[AccountVersion]:
    """Every version of the council's client account, the newest first."""
    rows = await work.fetch("SELECT * FROM settlement_account ORDER BY in_order DESC LIMIT 20")
    return [
        AccountVersion(
            row["id"], row["name"], row["sort_code"], row["number"], row["entered_at"], row["entered_by"],
            row["confirmed_at"],
        )
        for row in rows
    ]  # fmt: skip


async def receipts(work: Work, state: str = "", *, page: int = 1) -> tuple[list[Receipt], dict[str, int]]:
    """Lines of the statement, the newest first, of one state or all; with how many there are of each state."""
    rows = await work.fetch(
        """SELECT b.id, b.received_on, b.pence, b.says, b.state, b.purchase_id, p.reference, p.state,
               (SELECT coalesce(sum(r.pence), 0)::int FROM refund r WHERE r.commissioner_id = b.commissioner_id
                AND r.bank_receipt_id = b.id), b.set_aside_reason
           FROM bank_receipt b LEFT JOIN purchase p ON p.commissioner_id = b.commissioner_id AND p.id = b.purchase_id
           WHERE $1 = '' OR b.state = $1 ORDER BY b.received_on DESC, b.imported_at DESC, b.id LIMIT $2 OFFSET $3""",
        state, PAGE_SIZE, PAGE_SIZE * (page - 1),
    )  # fmt: skip
    numbers = await work.fetch("SELECT state, count(*)::int AS number FROM bank_receipt GROUP BY state")
    return [Receipt(*row) for row in rows], {row["state"]: row["number"] for row in numbers}


async def receipt(work: Work, receipt_id: UUID) -> Receipt:
    """One line. Raises `NotFound`."""
    row = await work.fetchrow(
        """SELECT b.id, b.received_on, b.pence, b.says, b.state, b.purchase_id, p.reference, p.state, 0,
               b.set_aside_reason
           FROM bank_receipt b LEFT JOIN purchase p ON p.commissioner_id = b.commissioner_id AND p.id = b.purchase_id
           WHERE b.id = $1""",
        receipt_id,
    )
    if row is None:
        raise NotFound("There is no such line.")
    return Receipt(*row)


def _tenant(actor: Actor) -> UUID:
    assert actor.commissioner_id is not None
    return actor.commissioner_id

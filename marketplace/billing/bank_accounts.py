"""A provider's bank account, changed by two of its people: one proposes another account, somebody else confirms it.

Payment runs keep the account they pay into, and say where it is another than the last time (D: against fraud).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, NotFound, NotPermitted

ACCOUNT = ("account_name", "sort_code", "account_number")
LINK = "/bank-account"
NOTES = {
    "": "",
    "changed": "Changed since the last payment, or given after the invoice",
    "first": "First payment into this account",
}


@dataclass(frozen=True, slots=True)
class BankChange:
    """Another account that waits for a second person."""

    id: UUID
    account_name: str
    sort_code: str
    account_number: str
    proposed_by: UUID
    proposed_by_name: str
    proposed_at: datetime


def dashed(sort_code: str) -> str:
    """ "20-20-15"."""
    return "-".join(sort_code[at : at + 2] for at in range(0, len(sort_code), 2))


async def waiting_change(work: Work) -> BankChange | None:
    """The change of the provider's account that waits for an answer."""
    row = await work.fetchrow(
        """SELECT id, account_name, sort_code, account_number, proposed_by, proposed_by_name, proposed_at
           FROM bank_change WHERE provider_id = $1 AND state = 'open'""",
        work.actor.provider_id,
    )  # fmt: skip
    return None if row is None else BankChange(**dict(row))


async def hold_account(work: Work) -> None:
    """Within a unit: nobody else changes the acting organisation's account, its first one included, until it ends."""
    await work.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"bank account {work.actor.organisation_id}"
    )


async def propose_account(work: Work, given: Mapping[str, str]) -> None:
    """Within a unit: another account waits for a second person; one that waited before is replaced."""
    actor = work.actor
    await work.execute(
        """UPDATE bank_change SET state = 'replaced', answered_by = $2, answered_by_name = $3, answered_at = $4
           WHERE provider_id = $1 AND state = 'open'""",
        actor.provider_id, actor.person_id, actor.person_name, work.now,
    )  # fmt: skip
    change_id = await work.fetchval(
        """INSERT INTO bank_change (provider_id, account_name, sort_code, account_number, proposed_by, proposed_by_name,
           proposed_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
        actor.provider_id, given["account_name"], given["sort_code"], given["account_number"], actor.person_id,
        actor.person_name, work.now,
    )  # fmt: skip
    said = f"{actor.person_name} asks to change the bank account payments go to. Somebody else confirms or refuses it."
    await tell(work, said, LINK, organisation_id=actor.provider_id)
    work.audit("bank_account.proposed", "bank_change", change_id)


async def answer_account(actor: Actor, change_id: UUID, *, confirm: bool) -> None:
    """Confirm another account as the second person, or refuse it; whoever proposed it may take it back.

    Raises `NotFound` outside the provider, `Conflict` for the proposer's own confirmation and once it was answered.
    """
    permit(actor, "bank_account.confirm")
    if actor.provider_id is None:
        raise NotPermitted
    async with unit_of_work(actor) as work:
        await hold_account(work)
        row = await work.fetchrow(
            "SELECT * FROM bank_change WHERE provider_id = $1 AND id = $2 FOR UPDATE", actor.provider_id, change_id
        )
        if row is None:
            raise NotFound
        if row["state"] != "open":
            raise Conflict("This change was answered already.")
        if confirm and row["proposed_by"] == actor.person_id:
            raise Conflict("You asked for this change, so somebody else of your organisation confirms it.")
        await work.execute(
            """UPDATE bank_change SET state = $3, answered_by = $4, answered_by_name = $5, answered_at = $6
               WHERE provider_id = $1 AND id = $2""",
            actor.provider_id, change_id, "confirmed" if confirm else "refused", actor.person_id, actor.person_name,
            work.now,
        )  # fmt: skip
        if confirm:
            await work.execute(
                """UPDATE billing_party SET account_name = $2, sort_code = $3, account_number = $4, account_since = $5,
                   changed_at = $5, changed_by = $6 WHERE organisation_id = $1""",
                actor.provider_id, row["account_name"], row["sort_code"], row["account_number"], work.now,
                actor.person_id,
            )  # fmt: skip
        said = "is changed: payments built from now on go to the new one" if confirm else "stays as it was"
        await tell(work, f"Your bank account {said}.", LINK, organisation_id=actor.provider_id)
        work.audit(f"bank_account.{'confirmed' if confirm else 'refused'}", "bank_change", change_id)


@dataclass(frozen=True, slots=True)
class PaidInto:
    """The account a payment goes into; `note` says whether it is another than the last exported payment's."""

    account_name: str
    sort_code: str
    account_number: str
    note: str = ""

    @property
    def account(self) -> tuple[str, str, str]:
        """What must be the same for it to be the same account."""
        return self.account_name, self.sort_code, self.account_number


async def paid_into(work: Work, provider_id: UUID, received_at: datetime | None = None) -> PaidInto:
    """Where the provider's money goes today, against where the payer's last exported payment went.

    Before the first payment there is nothing to hold it against: then an account that is no older than the earliest
    invoice it pays (`received_at`) counts as changed.
    """
    row = await work.fetchrow(
        """SELECT b.account_name, b.sort_code, b.account_number, b.account_since, o.name
           FROM organisation o
           LEFT JOIN billing_party b ON b.organisation_id = o.id WHERE o.id = $1""",
        provider_id,
    )  # fmt: skip
    if row is None or not row["account_number"]:
        return PaidInto("", "", "")
    now = PaidInto(row["account_name"] or row["name"], row["sort_code"], row["account_number"])
    last: asyncpg.Record | None = await work.fetchrow(
        """SELECT l.account_name, l.sort_code, l.account_number FROM payment_line l
           JOIN payment_run r ON r.commissioner_id = l.commissioner_id AND r.id = l.run_id
           WHERE l.commissioner_id = $1 AND l.provider_id = $2 AND r.exported_at IS NOT NULL
           ORDER BY r.exported_at DESC, r.number DESC LIMIT 1""",
        work.actor.commissioner_id, provider_id,
    )  # fmt: skip
    if last is None or not last["account_number"]:
        since = row["account_since"]
        return PaidInto(*now.account, note="changed" if since and received_at and since >= received_at else "first")
    return PaidInto(*now.account, note="" if tuple(last) == now.account else "changed")

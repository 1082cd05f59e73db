"""The ledger: every movement of money is one balanced entry, never edited; corrections are new entries (domain 5).

The database refuses an entry whose postings do not sum to nothing, an edit, and the same entry written twice.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from marketplace.packages.books import one_at_a_time as one_at_a_time  # the books are billing's; visits hold them too
from marketplace.platform.database import Work
from marketplace.policy.invoicing import InvoiceResult

# Debits are positive. What the payer's books say of one provider on one framework:
CARE_COST = "care_cost"  # what care was delivered, in pence
DEDUCTION = "deduction_income"  # what late, inaccurate or incomplete invoices lost
OWED_BY_PROVIDER = "owed_by_provider"  # carried to the next invoice
PROVIDER_PAYABLE = "provider_payable"  # what is to be paid
BANK = "bank"  # what was paid, or came in
PROVIDER_DEBT = "provider_debt"  # left owing by a provider that has gone: to be invoiced


def invoice_postings(result: InvoiceResult) -> dict[str, int]:
    """How an invoice moves the accounts: gross = net + deduction + carried in - carried out."""
    return {
        CARE_COST: result.gross_pence,
        DEDUCTION: -result.deduction_pence,
        OWED_BY_PROVIDER: result.carried_out_pence - result.carried_in_pence,
        PROVIDER_PAYABLE: -result.net_pence,
    }


async def balance(work: Work, account: str, *, commissioner_id: UUID, framework_id: UUID, provider_id: UUID) -> int:
    """What one account of a payer's books on one provider and framework stands at, in pence (debits positive)."""
    return await work.fetchval(
        """SELECT coalesce(sum(p.pence), 0)::bigint FROM ledger_posting p JOIN ledger_entry e
           ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id
           WHERE e.commissioner_id = $1 AND e.framework_id = $2 AND e.provider_id = $3 AND p.account = $4""",
        commissioner_id, framework_id, provider_id, account,
    )  # fmt: skip


async def post(
    work: Work,
    kind: str,
    postings: dict[str, int],
    *,
    commissioner_id: UUID,
    framework_id: UUID,
    provider_id: UUID,
    subject_type: str,
    subject_id: UUID,
    purchase_id: UUID | None = None,
    again: int = 0,
) -> None:
    """Write one balanced entry; each kind is written once per subject. Accounts that do not move are left out.

    `purchase_id`: the family's purchase whose money moves; such entries are `purchases` own books. `again`: how often
    the same has happened to the subject before, and was undone.
    """
    moving = {account: pence for account, pence in postings.items() if pence}
    if not moving:
        return
    entry_id = uuid4()
    await work.execute(
        """INSERT INTO ledger_entry
           (commissioner_id, id, framework_id, provider_id, at, kind, subject_type, subject_id, written_by, dedupe_key,
            purchase_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        commissioner_id, entry_id, framework_id, provider_id, work.now, kind, subject_type, subject_id,
        work.actor.person_id, f"{kind}:{subject_id}" + (f":{again}" if again else ""), purchase_id,
    )  # fmt: skip
    for account, pence in moving.items():
        await work.execute(
            """INSERT INTO ledger_posting (commissioner_id, entry_id, provider_id, account, pence)
               VALUES ($1, $2, $3, $4, $5)""",
            commissioner_id, entry_id, provider_id, account, pence,
        )  # fmt: skip


async def pay_back_overcarried(
    work: Work, invoice_id: UUID, *, commissioner_id: UUID, framework_id: UUID, provider_id: UUID
) -> None:
    """A correction may leave less to be carried than a waiver has taken off already: the rest is to be paid."""
    carried = await balance(
        work, OWED_BY_PROVIDER, commissioner_id=commissioner_id, framework_id=framework_id, provider_id=provider_id
    )
    if carried < 0:
        postings = {OWED_BY_PROVIDER: -carried, PROVIDER_PAYABLE: carried}
        await post(
            work, "overcarried", postings, commissioner_id=commissioner_id, framework_id=framework_id,
            provider_id=provider_id, subject_type="invoice", subject_id=invoice_id,
        )  # fmt: skip

"""The ledger: every movement of money is one balanced entry, never edited; corrections are new entries (domain 5).

The database refuses an entry whose postings do not sum to nothing, an edit, and the same entry written twice.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from marketplace.platform.database import Work
from marketplace.policy.invoicing import InvoiceResult

# Debits are positive. What the payer's books say of one provider on one framework:
CARE_COST = "care_cost"  # what care was delivered, in pence
DEDUCTION = "deduction_income"  # what late, inaccurate or incomplete invoices lost
OWED_BY_PROVIDER = "owed_by_provider"  # carried to the next invoice
PROVIDER_PAYABLE = "provider_payable"  # what is to be paid
BANK = "bank"  # what was paid


def invoice_postings(result: InvoiceResult) -> dict[str, int]:
    """How an invoice moves the accounts: gross = net + deduction + carried in - carried out."""
    return {
        CARE_COST: result.gross_pence,
        DEDUCTION: -result.deduction_pence,
        OWED_BY_PROVIDER: result.carried_out_pence - result.carried_in_pence,
        PROVIDER_PAYABLE: -result.net_pence,
    }


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
) -> None:
    """Write one balanced entry; each kind is written once per subject. Accounts that do not move are left out."""
    moving = {account: pence for account, pence in postings.items() if pence}
    if not moving:
        return
    entry_id = uuid4()
    await work.execute(
        """INSERT INTO ledger_entry
           (commissioner_id, id, framework_id, provider_id, at, kind, subject_type, subject_id, written_by, dedupe_key)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        commissioner_id, entry_id, framework_id, provider_id, work.now, kind, subject_type, subject_id,
        work.actor.person_id, f"{kind}:{subject_id}",
    )  # fmt: skip
    for account, pence in moving.items():
        await work.execute(
            """INSERT INTO ledger_posting (commissioner_id, entry_id, provider_id, account, pence)
               VALUES ($1, $2, $3, $4, $5)""",
            commissioner_id, entry_id, provider_id, account, pence,
        )  # fmt: skip

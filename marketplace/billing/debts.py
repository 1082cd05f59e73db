"""What a provider that left still owes: no next invoice can bear it, so it becomes a debt that finance invoices (D).

The sweep moves it from the provider's account into a debt of its own; finance notes its own invoice, then the payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.billing.ledger import BANK, OWED_BY_PROVIDER, PROVIDER_DEBT, balance, one_at_a_time, post
from marketplace.billing.submitting import first_unsubmitted
from marketplace.frameworks.queries import billing_period, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import ONE_DAY, Period, is_before, local_day
from marketplace.policy.invoicing import invoice_due_at
from marketplace.policy.records import is_blank
from marketplace.web.filters import pounds

INVOICE_IT = "task.invoice_debt"
LONGEST = 80
STATES = {
    "to_invoice": ("To invoice", "yellow"),
    "invoiced": ("Invoiced", "light-blue"),
    "paid": ("Paid", "green"),
}


@dataclass(frozen=True, slots=True)
class DebtRow:
    """A debt as both ends read it; `reference` is the payer's own invoice for it."""

    id: UUID
    framework: str
    provider: str
    payer: str
    pence: int
    raised_at: datetime
    state: str
    reference: str | None
    invoiced_on: date | None
    paid_on: date | None


async def raise_debts(work: Work) -> int:
    """Make a debt of what each provider that left owes the acting commissioner; returns how many were made.

    It has left a framework when it has no admission and no package there, nothing is waiting to be invoiced, and the
    invoice after its last one would be late by now.
    """
    payer_id = work.actor.commissioner_id
    assert payer_id is not None
    rows = await work.fetch(
        """SELECT e.framework_id, f.name AS framework, e.provider_id, o.name AS provider,
                  coalesce((SELECT max(i.last_day) FROM invoice i
                    WHERE i.commissioner_id = $1 AND i.framework_id = e.framework_id
                      AND i.provider_id = e.provider_id AND i.replaced_at IS NULL),
                    (min(e.at) AT TIME ZONE 'Europe/London')::date) AS last_day
           FROM ledger_entry e
           JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id AND p.account = $2
           JOIN framework f ON f.id = e.framework_id JOIN organisation o ON o.id = e.provider_id
           WHERE e.commissioner_id = $1
             AND NOT EXISTS (SELECT 1 FROM admission a WHERE a.framework_id = e.framework_id
                 AND a.provider_id = e.provider_id AND (a.ends_on IS NULL OR a.ends_on >= $3))
             AND NOT EXISTS (SELECT 1 FROM package k JOIN package_funding g ON g.commissioner_id = k.commissioner_id
                 AND g.package_id = k.id AND g.payer_id = $1
                 AND (g.ends_on IS NULL OR g.ends_on >= $3) WHERE k.framework_id = e.framework_id
                 AND k.provider_id = e.provider_id AND k.state IN ('set_up', 'active')
                 AND (k.ends_on IS NULL OR k.ends_on >= $3))
           GROUP BY 1, 2, 3, 4 HAVING sum(p.pence) > 0""",
        payer_id, OWED_BY_PROVIDER, local_day(work.now),
    )  # fmt: skip
    made = 0
    for row in rows:
        pack = await pack_of(work, row["framework_id"])
        following = await billing_period(work, row["framework_id"], row["last_day"] + ONE_DAY)
        if is_before(work.now, invoice_due_at(pack, following)):
            continue
        tomorrow = local_day(work.now) + ONE_DAY
        books: dict[str, Any] = {
            "commissioner_id": payer_id, "framework_id": row["framework_id"], "provider_id": row["provider_id"],
        }  # fmt: skip
        waiting = await first_unsubmitted(
            work, row["framework_id"], row["provider_id"], payer_id, Period(tomorrow, tomorrow)
        )
        if waiting is not None:
            continue
        await one_at_a_time(work, row["framework_id"], row["provider_id"], payer_id)
        pence = await balance(work, OWED_BY_PROVIDER, **books)
        if pence <= 0:
            continue
        debt_id = uuid4()
        await work.execute(
            """INSERT INTO provider_debt (commissioner_id, id, framework_id, provider_id, pence, raised_at)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            payer_id, debt_id, row["framework_id"], row["provider_id"], pence, work.now,
        )  # fmt: skip
        await post(
            work, "debt", {OWED_BY_PROVIDER: -pence, PROVIDER_DEBT: pence}, subject_type="provider_debt",
            subject_id=debt_id, **books,
        )  # fmt: skip
        work.audit("debt.raised", "provider_debt", debt_id, pence=pence, provider=row["provider_id"])
        await owe(
            work, pack, INVOICE_IT, subject_type="provider_debt", subject_id=debt_id, reference=row["framework"],
            owed_by=Owed(organisation_id=payer_id, role="finance"), link=f"/debts/{debt_id}",
            title=f"Invoice what {row['provider']} left owing", commissioner_id=payer_id,
            framework_id=row["framework_id"],
        )  # fmt: skip
        said = f"{pounds(pence)} of deductions and charges on {row['framework']} had no next invoice to be taken from: "
        await tell(work, f"{said}you will be invoiced for it.", "/debts", organisation_id=row["provider_id"])
        made += 1
    return made


async def mark_invoiced(actor: Actor, debt_id: UUID, reference: str, invoiced_on: date) -> None:
    """Note the payer's own invoice for a debt: its reference and its day. Raises `InvalidInput`, `Conflict`."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        debt = await _own(work, debt_id, "to_invoice")
        wrong: dict[str, str] = {}
        if is_blank(reference) or len(reference) > LONGEST:
            wrong["reference"] = f"Enter your invoice’s reference, {LONGEST} characters or fewer"
        if not local_day(debt["raised_at"]) <= invoiced_on <= local_day(work.now):
            wrong["invoiced_on"] = "The day must be between the day the debt arose and today"
        if wrong:
            raise InvalidInput(wrong)
        await work.execute(
            """UPDATE provider_debt SET state = 'invoiced', reference = $3, invoiced_on = $4, invoiced_by = $5
               WHERE commissioner_id = $1 AND id = $2""",
            debt["commissioner_id"], debt_id, reference.strip(), invoiced_on, actor.person_id,
        )  # fmt: skip
        work.audit("debt.invoiced", "provider_debt", debt_id, invoiced_on=invoiced_on)
        await meet(work, INVOICE_IT, debt_id)
        said = f"{pounds(debt['pence'])} you left owing was invoiced as {reference.strip()}."
        await tell(work, said, "/debts", organisation_id=debt["provider_id"])


async def mark_paid(actor: Actor, debt_id: UUID, paid_on: date) -> None:
    """Note the day a provider paid its debt; the ledger says so."""
    permit(actor, "invoice.decide")
    async with unit_of_work(actor) as work:
        debt = await _own(work, debt_id, "invoiced")
        if not debt["invoiced_on"] <= paid_on <= local_day(work.now):
            raise InvalidInput({"paid_on": "The day must be between the invoice’s day and today"})
        await work.execute(
            """UPDATE provider_debt SET state = 'paid', paid_on = $3, paid_by = $4
               WHERE commissioner_id = $1 AND id = $2""",
            debt["commissioner_id"], debt_id, paid_on, actor.person_id,
        )  # fmt: skip
        await post(
            work, "debt_paid", {PROVIDER_DEBT: -debt["pence"], BANK: debt["pence"]},
            commissioner_id=debt["commissioner_id"], framework_id=debt["framework_id"],
            provider_id=debt["provider_id"], subject_type="provider_debt", subject_id=debt_id,
        )  # fmt: skip
        work.audit("debt.paid", "provider_debt", debt_id, pence=debt["pence"], paid_on=paid_on)
        said = f"Your payment of {pounds(debt['pence'])} was noted."
        await tell(work, said, "/debts", organisation_id=debt["provider_id"])


async def debts(work: Work, debt_id: UUID | None = None) -> list[DebtRow]:
    """Debts within reach (or the one named), those still to be invoiced first."""
    rows = await work.fetch(
        """SELECT d.id, f.name AS framework, p.name AS provider, c.name AS payer, d.pence, d.raised_at, d.state,
                  d.reference, d.invoiced_on, d.paid_on
           FROM provider_debt d JOIN framework f ON f.id = d.framework_id
           JOIN organisation p ON p.id = d.provider_id JOIN organisation c ON c.id = d.commissioner_id
           WHERE $1::uuid IS NULL OR d.id = $1
           ORDER BY d.paid_on IS NOT NULL, d.invoiced_on IS NOT NULL, d.raised_at, d.id LIMIT 500""",
        debt_id,
    )
    return [DebtRow(*row) for row in rows]


async def one_debt(work: Work, debt_id: UUID) -> DebtRow:
    """One debt. Raises `NotFound` outside the context's reach."""
    found = await debts(work, debt_id)
    if not found:
        raise NotFound
    return found[0]


async def _own(work: Work, debt_id: UUID, state: str) -> asyncpg.Record:
    row = await work.fetchrow(
        "SELECT * FROM provider_debt WHERE id = $1 AND commissioner_id = $2 FOR UPDATE",
        debt_id, work.actor.commissioner_id,
    )  # fmt: skip
    if row is None:
        raise NotFound
    if row["state"] != state:
        raise Conflict(f"This debt is {STATES[row['state']][0].lower()}: look at it again.")
    return row

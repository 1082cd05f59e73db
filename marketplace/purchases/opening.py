"""A purchase, its receipt, or what comes back, opened by one person. The family and the provider open their own.

To a council it is a look at the child's record: by the referrer whose case it is, and logged. How the family paid stays
with the family (decision 22).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from marketplace.billing.printing import Printed
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.policy.buying import Method
from marketplace.purchases import queries
from marketplace.purchases.account_statement import look_at_account
from marketplace.purchases.bought_queries import RefundRow, refunds_of_budget
from marketplace.purchases.buying_queries import PurchaseView, open_to_pay, purchase_row
from marketplace.purchases.printing import receipt_paper
from marketplace.purchases.quoting import Account
from marketplace.referrals.children import own_case
from marketplace.settings import Settings


async def open_purchase(
    actor: Actor, settings: Settings, purchase_id: UUID
) -> tuple[PurchaseView, dict[Method, datetime], Account | None]:
    """A purchase; for the family with how it can be paid, and where a transfer goes.

    Raises `NotFound`; `NotPermitted` to a council's officer whose case it is not.
    """
    permit(actor, "package.read")
    async with unit_of_work(actor) as work:
        if actor.commissioner_id is not None:
            row = await purchase_row(work, purchase_id)
            await own_case(work, actor, row["child_id"])
            await work.look(row["commissioner_id"], "child", row["child_id"], "own case, bought visits")
        return await open_to_pay(work, settings, purchase_id)


async def open_receipt(actor: Actor, purchase_id: UUID) -> Printed:
    """A receipt for what was paid; for a council part of the account its terms ask for.

    Raises `Conflict` before it was paid, `NotFound`, `NotPermitted` as the account does.
    """
    permit(actor, "direct_payment.read")
    async with unit_of_work(actor) as work:
        row = await purchase_row(work, purchase_id)
        await look_at_account(work, actor, await queries.direct_payment(work, row["direct_payment_id"]))
        return await receipt_paper(work, purchase_id)


async def open_refunds(actor: Actor, direct_payment_id: UUID) -> list[RefundRow]:
    """What goes back to those who pay from a direct payment, the newest first; for a council what visits gave back.

    Raises `NotFound`, `NotPermitted` as the account does.
    """
    permit(actor, "direct_payment.read")
    async with unit_of_work(actor) as work:
        await look_at_account(work, actor, await queries.direct_payment(work, direct_payment_id))
        rows = await refunds_of_budget(work, direct_payment_id)
        return rows if actor.role == "family" else [each for each in rows if each.visit_start is not None]

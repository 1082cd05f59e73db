"""What a family pays from its direct payment elsewhere: said by whoever may spend it, taken back openly."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.purchases import queries
from marketplace.purchases.tables import DirectPaymentSpending
from marketplace.purchases.words import MOST_REASON, MOST_SAYS

MOST_PENCE = 10_000_000
MOST_MINUTES = 60_000


async def record_spending(
    actor: Actor,
    direct_payment_id: UUID,
    *,
    day: date,
    pence: int = 0,
    minutes: int = 0,
    says: str,
    spending_id: UUID | None = None,
) -> UUID:
    """Keep what was paid, or is promised for a day to come. Sent again with the same `spending_id` it is kept once.

    Raises `InvalidInput` naming the field, `NotFound` for a direct payment that is not the actor's to spend.
    """
    permit(actor, "direct_payment.spend")
    async with unit_of_work(actor) as work:
        view = await queries.direct_payment(work, direct_payment_id)
        faults: dict[str, str] = {}
        if day < view.starts_on or (view.ends_on is not None and day > view.ends_on):
            faults["day"] = "The day must be one on which the direct payment runs"
        if not 0 <= pence <= MOST_PENCE or (view.budget.kind == "money" and pence == 0):
            faults["pence"] = "Enter what you paid, between 1p and £100,000"
        if not 0 <= minutes <= MOST_MINUTES or (view.budget.kind == "hours" and minutes == 0):
            faults["minutes"] = "Enter how many hours of support it was, up to 1,000"
        if not says.strip():
            faults["says"] = "Enter what you paid for"
        elif len(says.strip()) > MOST_SAYS:
            faults["says"] = f"What you paid for must be {MOST_SAYS} characters or fewer"
        if faults:
            raise InvalidInput(faults)
        row_id = spending_id or uuid4()
        done = await work.execute(
            """INSERT INTO direct_payment_spending (commissioner_id, id, direct_payment_id, child_id, day, pence,
                   minutes, says, recorded_at, recorded_by, recorded_by_name)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING""",
            view.commissioner_id, row_id, view.id, view.child_id, day, pence, minutes, says.strip(), work.now,
            actor.person_id, actor.person_name,
        )  # fmt: skip
        if done == "INSERT 0 1":
            work.audit(
                "direct_payment.spending_recorded", "direct_payment", view.id, commissioner_id=view.commissioner_id,
                spending=row_id, day=day, pence=pence, minutes=minutes,
            )  # fmt: skip
        return row_id


async def take_back_spending(actor: Actor, spending_id: UUID, *, reason: str) -> UUID:
    """Say that something was recorded by mistake; it stays on record and counts no more. Answers the direct payment.

    Raises `NotFound`, `Conflict` where it was taken back already, `InvalidInput` without a reason.
    """
    permit(actor, "direct_payment.spend")
    async with unit_of_work(actor) as work:
        row = (
            await DirectPaymentSpending.objects()
            .where(DirectPaymentSpending.id == spending_id)
            .first()
            .lock_rows("NO KEY UPDATE")
        )
        if row is None:
            raise NotFound("There is no such entry.")
        if row.taken_back_at is not None:
            raise Conflict("This entry has been taken back already.")
        if not reason.strip() or len(reason.strip()) > MOST_REASON:
            raise InvalidInput({"reason": f"Enter why it is taken back, in at most {MOST_REASON} characters"})
        await work.execute(
            "UPDATE direct_payment_spending SET taken_back_at = $3, taken_back_by = $4, taken_back_reason = $5"
            " WHERE commissioner_id = $1 AND id = $2",
            row.commissioner_id, row.id, work.now, actor.person_id, reason.strip(),
        )  # fmt: skip
        work.audit(
            "direct_payment.spending_taken_back", "direct_payment", row.direct_payment_id,
            commissioner_id=row.commissioner_id, spending=row.id,
        )  # fmt: skip
        return row.direct_payment_id

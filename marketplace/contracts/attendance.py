"""The provider's duty to take part in a planned meeting or monitoring visit: one for each (L 7.7; P 13.4)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from marketplace.contracts.dates import due_day
from marketplace.contracts.steps import Place, open_until
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.platform.database import Work
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.policy.contracts import REPEATING
from marketplace.web.filters import moment


async def expect(work: Work, where: Place, occasion_id: UUID, kind: str, starts_at: datetime) -> None:
    """The pack's duty to take part in this one, until the day one is due by the pack, or its own where that is later.

    Planned again for another time it is the same duty, unless that takes longer. A pack without the duty asks for none.
    """
    on = local_day(work.now)
    if kind not in REPEATING or REPEATING[kind] not in where.pack.on(on).duties:
        return
    due = await due_day(work, where, kind)
    due_at = end_of_day(max(local_day(starts_at), due or on))
    reference = f"{where.framework.name}, {moment(starts_at)}"
    owed_until = await open_until(work, REPEATING[kind], occasion_id)
    if owed_until is not None and owed_until >= due_at:
        await work.execute(
            "UPDATE obligation SET reference = $3 WHERE rule_key = $1 AND subject_id = $2 AND met_at IS NULL"
            " AND cancelled_at IS NULL",
            REPEATING[kind], occasion_id, reference,
        )  # fmt: skip
        return
    await end(work, occasion_id, kind)
    await owe(
        work, where.pack, REPEATING[kind], subject_type="contract_occasion", subject_id=occasion_id,
        reference=reference, owed_by=Owed(where.provider_id, "provider_manager"),
        owed_to=where.commissioner_id, link=f"/contract-occasions/{occasion_id}", due_at=due_at,
        framework_id=where.framework.id, commissioner_id=where.commissioner_id,
    )  # fmt: skip


async def end(work: Work, occasion_id: UUID, kind: str) -> None:
    """It does not take place then: nobody owes to take part in it, whatever else is planned."""
    if kind in REPEATING:
        await cancel(work, occasion_id, REPEATING[kind])


async def seen(work: Work, occasion_id: UUID, kind: str, at: datetime, *, there: bool) -> None:
    """It was held: the duty is met as of its time, or missed for good where nobody of the provider came."""
    if there:
        await meet(work, REPEATING[kind], occasion_id, at=at)
        return
    await work.execute(
        "UPDATE obligation SET cancelled_at = $1, missed_at = $2, next_check_at = NULL WHERE rule_key = $3"
        " AND subject_id = $4 AND met_at IS NULL AND cancelled_at IS NULL",
        work.now, at, REPEATING[kind], occasion_id,
    )  # fmt: skip

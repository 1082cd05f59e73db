"""A child's allocation: set and changed by its referrer with a reason, worked out daily and at changes, warned of."""

from __future__ import annotations

from datetime import date
from typing import Any, cast
from uuid import UUID, uuid4

from marketplace.billing.spending import Spending, spending
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages.allocations import ROWS, AllocationRow, allocations_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.budgets import Unit, must_warn
from marketplace.policy.calendar import local_day
from marketplace.policy.records import is_blank
from marketplace.referrals.children import own_case
from marketplace.web.filters import day

REVIEW = "task.review_budget"
MOST_REASON = 1000
MOST = 2_000_000_000  # what the database's whole numbers hold; no allocation comes near it
LONGEST_DAYS = 731
LAST_YEAR = 2200  # as forms take dates
PAGE_SIZE = 20


async def set_allocation(
    actor: Actor,
    child_id: UUID,
    *,
    starts_on: date,
    ends_on: date,
    unit: str,
    amount: int,
    reason: str,
    replaces: UUID | None = None,
) -> UUID:
    """Set what one's own child may have from a day to a day, in minutes or pence; returns the allocation's id.

    `replaces` is the standing one that this changes: it is kept, with its reason. Raises `InvalidInput` for `unit`,
    `amount`, `starts_on`, `ends_on`, `reason`; `Conflict` where what is to be changed was changed by somebody else.
    """
    permit(actor, "budget.write")
    async with unit_of_work(actor) as work:
        child = await own_case(work, actor, child_id)
        # One at a time for each child: two people at once would overlap.
        await work.execute(
            "SELECT 1 FROM child WHERE commissioner_id = $1 AND id = $2 FOR UPDATE", child.commissioner_id, child_id
        )
        await _check(work, child_id, starts_on, ends_on, unit, amount, reason, replaces)
        allocation_id = uuid4()
        if replaces is not None:
            changed = await work.execute(
                """UPDATE allocation SET replaced_at = $4
                   WHERE commissioner_id = $1 AND id = $2 AND child_id = $3 AND replaced_at IS NULL""",
                child.commissioner_id, replaces, child_id, work.now,
            )  # fmt: skip
            if changed != "UPDATE 1":
                raise Conflict("This allocation was changed meanwhile: look at it again.")
            await meet(work, REVIEW, replaces)
            await cancel(work, replaces)
        await work.execute(
            """INSERT INTO allocation (commissioner_id, id, child_id, starts_on, ends_on, unit, amount, reason, set_by,
               set_by_name, set_at, replaces_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
            child.commissioner_id, allocation_id, child_id, starts_on, ends_on, unit, amount, reason.strip(),
            actor.person_id, actor.person_name, work.now, replaces,
        )  # fmt: skip
        work.audit(
            "allocation.set", "child", child_id, allocation=allocation_id, starts_on=starts_on, ends_on=ends_on,
            unit=unit, amount=amount, replaces=replaces,
        )  # fmt: skip
        await work_out(work, await one_allocation(work, allocation_id))
        return allocation_id


async def work_out(work: Work, row: AllocationRow) -> Spending:
    """Work an allocation out, keep its figures, and warn the referrer once if it runs out within the pack's days."""
    found = await spending(
        work, row.commissioner_id, row.child_id, cast(Unit, row.unit), row.amount, row.starts_on, row.ends_on
    )
    numbers = found.figures
    await work.execute(
        """UPDATE allocation SET spent = $3, committed = $4, forecast = $5, runs_out_on = $6, figured_at = $7
           WHERE commissioner_id = $1 AND id = $2""",
        row.commissioner_id, row.id, numbers.spent, numbers.committed, numbers.forecast, numbers.runs_out_on, work.now,
    )  # fmt: skip
    if found.pack is not None and must_warn(found.pack, numbers, local_day(work.now)):
        await _warn(work, row, found)
    return found


async def work_out_all(work: Work, most: int = 50) -> int:
    """Work out the acting commissioner's standing allocations not yet looked at today; returns how many it were."""
    today = local_day(work.now)
    rows = await work.fetch(
        f"""{ROWS} WHERE a.commissioner_id = $1 AND a.replaced_at IS NULL AND a.ends_on >= $2
            AND (a.figured_at IS NULL OR (a.figured_at AT TIME ZONE 'Europe/London')::date < $2)
            ORDER BY a.figured_at NULLS FIRST, a.id LIMIT $3""",
        work.actor.commissioner_id, today, most,
    )  # fmt: skip
    for row in rows:
        await work_out(work, AllocationRow(*row.values()))
    return len(rows)


async def work_out_child(work: Work, child_id: UUID) -> int:
    """Work out one child's standing allocations that are not over, whenever they were last; returns how many."""
    today = local_day(work.now)
    rows = [each for each in await allocations_of(work, child_id) if each.replaced_at is None and each.ends_on >= today]
    for row in rows:
        await work_out(work, row)
    return len(rows)


async def one_allocation(work: Work, allocation_id: UUID) -> AllocationRow:
    """One allocation within reach. Raises `NotFound`."""
    row = await work.fetchrow(f"{ROWS} WHERE a.id = $1", allocation_id)
    if row is None:
        raise NotFound
    return AllocationRow(*row.values())


async def budget_of(work: Work, child_id: UUID) -> tuple[list[AllocationRow], AllocationRow | None, Spending | None]:
    """A child's allocations, the one that stands today (or the next, or the last), and that one worked out now."""
    rows = await allocations_of(work, child_id)
    today = local_day(work.now)
    standing = sorted((each for each in rows if each.replaced_at is None), key=lambda each: each.starts_on)
    chosen = next((each for each in standing if each.ends_on >= today), standing[-1] if standing else None)
    if chosen is None:
        return rows, None, None
    unit = cast(Unit, chosen.unit)
    found = await spending(
        work, chosen.commissioner_id, child_id, unit, chosen.amount, chosen.starts_on, chosen.ends_on
    )
    return rows, chosen, found


async def budgets(
    work: Work, *, mine: bool = False, limit: int | None = PAGE_SIZE, offset: int = 0
) -> tuple[list[AllocationRow], int]:
    """Allocations that stand today, those running out first, and how many there are; `mine`: of my own cases."""
    where = """WHERE a.commissioner_id = app_commissioner() AND a.replaced_at IS NULL
               AND $1 BETWEEN a.starts_on AND a.ends_on AND ($2::uuid IS NULL OR c.referrer_id = $2)"""
    who = work.actor.person_id if mine else None
    today = local_day(work.now)
    rows = await work.fetch(
        f"""{ROWS} {where} ORDER BY a.runs_out_on NULLS LAST,
            (coalesce(a.spent, 0) + coalesce(a.committed, 0))::float / a.amount DESC, c.reference LIMIT $3 OFFSET $4""",
        today, who, limit, offset,
    )  # fmt: skip
    total = await work.fetchval(f"SELECT count(*) FROM ({ROWS} {where}) found", today, who)  # noqa: S608 - our own fragments
    return [AllocationRow(*row.values()) for row in rows], total


async def _check(
    work: Work, child_id: UUID, starts_on: date, ends_on: date, unit: str, amount: int, reason: str,
    replaces: UUID | None,
) -> None:  # fmt: skip
    wrong: dict[str, str] = {}
    if unit not in ("minutes", "pence"):
        wrong["unit"] = "Select hours or pounds"
    if not 0 < amount <= MOST:
        wrong["amount"] = "The allocation must be more than nothing"
    if max(starts_on, ends_on).year > LAST_YEAR:
        wrong["starts_on"] = f"The days must be before the year {LAST_YEAR + 1}"
    if ends_on < starts_on:
        wrong["ends_on"] = "The last day must be the first day or later"
    elif (ends_on - starts_on).days >= LONGEST_DAYS:
        wrong["ends_on"] = "An allocation is for two years at most"
    if is_blank(reason):
        wrong["reason"] = "Enter why the child has this allocation"
    elif len(reason) > MOST_REASON:
        wrong["reason"] = f"The reason must be {MOST_REASON:,} characters or fewer"
    for other in await allocations_of(work, child_id):
        if other.replaced_at is not None or other.id == replaces:
            continue
        if other.starts_on <= ends_on and starts_on <= other.ends_on:
            said = f"{day(other.starts_on)} to {day(other.ends_on)}"
            wrong["starts_on"] = f"The child has an allocation from {said}: change that one, or choose other days"
    if wrong:
        raise InvalidInput(wrong)


async def _warn(work: Work, row: AllocationRow, found: Spending) -> None:
    first = await work.execute(
        "UPDATE allocation SET warned_at = $3 WHERE commissioner_id = $1 AND id = $2 AND warned_at IS NULL",
        row.commissioner_id, row.id, work.now,
    )  # fmt: skip
    if first != "UPDATE 1" or found.pack is None or found.figures.runs_out_on is None:
        return
    referrer: Any = await work.fetchval(
        "SELECT referrer_id FROM child WHERE commissioner_id = $1 AND id = $2", row.commissioner_id, row.child_id
    )
    link = f"/children/{row.child_id}/budget"
    await owe(
        work, found.pack, REVIEW, title="Look at a budget that runs out", subject_type="allocation", subject_id=row.id,
        reference=row.child_reference, owed_by=Owed(row.commissioner_id, "referrer", referrer), link=link,
        commissioner_id=row.commissioner_id,
    )  # fmt: skip
    work.audit("allocation.warned", "child", row.child_id, allocation=row.id, runs_out_on=found.figures.runs_out_on)
    said = f"The budget of {row.child_reference} runs out on {day(found.figures.runs_out_on)}, before its last day."
    await tell(work, said, link, organisation_id=row.commissioner_id, person_id=referrer)

"""What a child may have and how it stands, as last worked out: for the package's page, the family and the lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.web.filters import duration, pounds

WORK_OUT = "work_out_budget"  # the job, run where prices are reached (billing/sweeps.py)


async def budget_changes(work: Work, commissioner_id: UUID, child_id: UUID) -> None:
    """What a child's visits take has changed: its budget is worked out anew once this unit is done."""
    await work.enqueue(WORK_OUT, {"commissioner": commissioner_id, "child": child_id})


@dataclass(frozen=True, slots=True)
class AllocationRow:
    """A child's allocation in minutes or pence, with the figures last worked out (None: never yet)."""

    id: UUID
    commissioner_id: UUID
    child_id: UUID
    child_reference: str
    starts_on: date
    ends_on: date
    unit: str
    amount: int
    reason: str
    set_by_name: str
    set_at: datetime
    replaced_at: datetime | None
    spent: int | None
    committed: int | None
    forecast: int | None
    runs_out_on: date | None
    figured_at: datetime | None

    @property
    def left(self) -> int:
        """What is neither spent nor planned."""
        return self.amount - (self.spent or 0) - (self.committed or 0)

    def say(self, amount: int | None) -> str:
        """An amount of it for people: money, or hours."""
        return in_words(self.unit, amount)


def in_words(unit: str, amount: int | None) -> str:
    """ "£1,200.00" or "40 hours"; below nothing: "£20.00 too much"."""
    if amount is None:
        return "not known"
    said = pounds(abs(amount)) if unit == "pence" else duration(abs(amount)) if amount else "0 hours"
    return f"{said} too much" if amount < 0 else said


ROWS = """SELECT a.id, a.commissioner_id, a.child_id, c.reference AS child_reference, a.starts_on, a.ends_on, a.unit,
    a.amount, a.reason, a.set_by_name, a.set_at, a.replaced_at, a.spent, a.committed, a.forecast, a.runs_out_on,
    a.figured_at
    FROM allocation a JOIN child c ON c.commissioner_id = a.commissioner_id AND c.id = a.child_id"""


async def allocations_of(work: Work, child_id: UUID) -> list[AllocationRow]:
    """A child's allocations within reach: those that stand first, then what was replaced; the newest first."""
    rows = await work.fetch(
        f"{ROWS} WHERE a.child_id = $1 ORDER BY a.replaced_at IS NOT NULL, a.starts_on DESC, a.set_at DESC, a.id",
        child_id,
    )
    return [AllocationRow(*row.values()) for row in rows]


async def allocation_now(work: Work, child_id: UUID) -> AllocationRow | None:
    """The allocation that stands today, or the next one."""
    today = local_day(work.now)
    standing = [each for each in await allocations_of(work, child_id) if each.replaced_at is None]
    coming = sorted((each for each in standing if each.ends_on >= today), key=lambda each: each.starts_on)
    return next(iter(coming), None)

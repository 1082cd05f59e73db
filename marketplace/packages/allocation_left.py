"""What is left of a child's allocation before and after a visit is cancelled, from the figures last worked out.

For those who may read the allocation: the referrer's council and the family. A provider learns the share that is taken,
not what a family has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from marketplace.packages.allocations import allocations_of, in_words
from marketplace.packages.tables import Visit
from marketplace.platform.database import Work
from marketplace.policy.budgets import Unit
from marketplace.policy.calendar import local_day
from marketplace.policy.cancelling import CancellationTerms, draws_around


@dataclass(frozen=True, slots=True)
class LeftAround:
    """What is neither spent nor planned, in minutes or pence: as it is planned, and once it is cancelled."""

    unit: str
    before: int
    after: int
    as_of: datetime

    @property
    def before_words(self) -> str:
        """ "£952.00", or "40 hours"."""
        return in_words(self.unit, self.before)

    @property
    def after_words(self) -> str:
        """The same, after it is cancelled."""
        return in_words(self.unit, self.after)


async def left_around(work: Work, visit: Visit, terms: CancellationTerms) -> LeftAround | None:
    """What is left of the allocation that holds the visit's day, before and after it is cancelled on these terms.

    None where no allocation within reach holds the day, it was never worked out, or the visit has no price.
    """
    day = local_day(visit.planned_start)
    rows = await allocations_of(work, visit.child_id)
    row = next((each for each in rows if each.replaced_at is None and each.starts_on <= day <= each.ends_on), None)
    if row is None or row.figured_at is None:
        return None
    around = draws_around(terms, cast(Unit, row.unit))
    if around is None:
        return None
    whole, taken = around
    # A visit planned since the figures were worked out is not among them yet.
    before = row.left if visit.created_at <= row.figured_at else row.left - whole
    return LeftAround(row.unit, before, before + whole - taken, row.figured_at)

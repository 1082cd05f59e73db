"""A child's allocation: what has been drawn, what is planned, what is to be expected, and when it runs out (C 7.4).

An allocation is minutes of care or pence. A charged cancellation draws the same share of it as of its price (P 5.2).
"""

from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from marketplace.policy.pack import Pack
from marketplace.policy.pricing import VisitPrice, half_up

Unit = Literal["minutes", "pence"]
Kind = Literal["spent", "committed", "expected"]


class Draw(msgspec.Struct, frozen=True):
    """What one visit takes off an allocation on its day: spent, committed (planned), or expected by the pattern."""

    day: date
    kind: Kind
    amount: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How an allocation stands, in its unit. `left` is what neither visits nor plans have taken; it may be below 0.

    `forecast` is what is spent by the last day if the weekly pattern goes on (None: it cannot be priced);
    `runs_out_on` the first day whose visits go beyond the allocation.
    """

    allowed: int
    spent: int
    committed: int
    expected: int | None
    runs_out_on: date | None

    @property
    def left(self) -> int:
        """What is not spent and not planned."""
        return self.allowed - self.spent - self.committed

    @property
    def forecast(self) -> int | None:
        """What will have been drawn on the last day."""
        return None if self.expected is None else self.spent + self.committed + self.expected


def drawn(unit: Unit, price: VisitPrice, planned_minutes: int) -> int:
    """What a visit takes off: its price, or its minutes at the share it is charged at, rounded half up.

    Time that is billed on a brother's or sister's visit is taken once, there. Of a visit whose record allows no price
    yet its planned length counts.
    """
    if unit == "pence":
        return price.pence or 0
    if price.pence == 0:
        return 0
    minutes = planned_minutes if price.pence is None else price.minutes
    return half_up(minutes * price.percent, 100)


def figures(allowed: int, draws: Iterable[Draw], *, forecast: bool = True) -> Figures:
    """How an allocation stands after these draws, in whatever order they come."""
    totals: dict[Kind, int] = {"spent": 0, "committed": 0, "expected": 0}
    runs_out_on: date | None = None
    for draw in sorted(draws, key=lambda each: each.day):
        totals[draw.kind] += draw.amount
        if runs_out_on is None and sum(totals.values()) > allowed:
            runs_out_on = draw.day
    return Figures(
        allowed=allowed,
        spent=totals["spent"],
        committed=totals["committed"],
        expected=totals["expected"] if forecast else None,
        runs_out_on=runs_out_on,
    )


def must_warn(pack: Pack, found: Figures, today: date) -> bool:
    """Whether the referrer is warned today: the allocation runs out within the pack's days, or has run out."""
    days = pack.on(today).budget.warn_days
    return found.runs_out_on is not None and (found.runs_out_on - today).days <= days

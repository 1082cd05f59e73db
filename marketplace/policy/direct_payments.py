"""What a direct payment gives, what is used of it and what is left, period by period (domain 5).

Amounts are whole pence, or whole minutes where the council gives hours; both are called units here.
"""

from datetime import date
from typing import Literal

import msgspec

from marketplace.policy.ages import age_on
from marketplace.policy.calendar import ONE_DAY, Period, PeriodLength, period_containing, periods_between
from marketplace.policy.pack import Pack

Kind = Literal["money", "hours"]


class Terms(msgspec.Struct, frozen=True):
    """What a direct payment gives from a day on: so many units at the start of each period."""

    from_: date
    kind: Kind
    units: int
    period: PeriodLength


class Use(msgspec.Struct, frozen=True):
    """Something paid from the budget on a day; one that lies ahead is committed."""

    day: date
    pence: int
    minutes: int


class PeriodSum(msgspec.Struct, frozen=True):
    """One period of the budget."""

    period: Period
    given: int
    spent: int
    committed: int


class Budget(msgspec.Struct, frozen=True):
    """How a direct payment stands on a day. `carried` is what earlier periods left, below zero where they overspent.

    `later` is committed beyond the present period.
    """

    kind: Kind
    period: Period
    given: int
    carried: int
    spent: int
    committed: int
    later: int
    periods: tuple[PeriodSum, ...]

    @property
    def left(self) -> int:
        """What may still be spent in the present period; below zero where more was spent than there was."""
        return self.given + self.carried - self.spent - self.committed


def in_force(versions: tuple[Terms, ...]) -> tuple[Terms, ...]:
    """The terms that count, oldest first, from versions in the order they were written: a later one counts from its
    day on, whatever earlier ones had said of the days after."""
    kept: list[Terms] = []
    for version in versions:
        kept = [*(each for each in kept if each.from_ < version.from_), version]
    return tuple(kept)


def periods_of(terms: tuple[Terms, ...], last_day: date | None, until: date) -> list[tuple[Period, Terms]]:
    """Every period that has begun by `until`, cut where other terms or the end come first. `terms` are in force.

    A period that has begun gives its whole amount (D).
    """
    end = until if last_day is None else min(until, last_day)
    found: list[tuple[Period, Terms]] = []
    for place, each in enumerate(terms):
        stop = end if place + 1 == len(terms) else min(end, terms[place + 1].from_ - ONE_DAY)
        for period in periods_between(each.from_, stop, each.from_, each.period):
            cut = period.last_day
            if place + 1 < len(terms):
                cut = min(cut, terms[place + 1].from_ - ONE_DAY)
            if last_day is not None:
                cut = min(cut, last_day)
            found.append((Period(period.first_day, cut), each))
    return found


def period_starts(terms: tuple[Terms, ...], on: date, count: int) -> tuple[date, ...]:
    """The first day of the period a day lies in, and of those after it: when other terms may begin."""
    day = max(on, terms[0].from_)
    starts: list[date] = []
    while len(starts) < count:
        now = max((each for each in terms if each.from_ <= day), key=lambda each: each.from_)
        period = period_containing(day, now.from_, now.period)
        following = [each.from_ for each in terms if each.from_ > day]
        starts.append(period.first_day)
        day = min([period.last_day + ONE_DAY, *following])
    return tuple(starts)


def budget_on(
    pack: Pack, terms: tuple[Terms, ...], uses: tuple[Use, ...], on: date, last_day: date | None = None
) -> Budget:
    """How the budget stands on a day; before its first day as on that day, after its last day as on that one.

    Unspent money is carried into the next period where the pack says so, as long as the kind stays the same.
    """
    moment = max(on, terms[0].from_)
    if last_day is not None:
        moment = min(moment, last_day)
    spans = periods_of(terms, last_day, moment)
    kind = spans[-1][1].kind
    sums: list[PeriodSum] = []
    for period, each in spans:
        here = [use for use in uses if period.holds(use.day)]
        spent = sum(_units(use, each.kind) for use in here if use.day <= on)
        committed = sum(_units(use, each.kind) for use in here if use.day > on)
        sums.append(PeriodSum(period, each.units, spent, committed))
    present = sums[-1]
    carried = 0
    if pack.on(present.period.first_day).purchases.unspent_carries_over:
        for (_, each), done in zip(spans[-2::-1], sums[-2::-1], strict=True):
            if each.kind != kind:
                break
            carried += done.given - done.spent - done.committed
    later = sum(_units(use, kind) for use in uses if use.day > present.period.last_day)
    same = [done for (_, each), done in zip(spans, sums, strict=True) if each.kind == kind]
    return Budget(
        kind, present.period, present.given, carried, present.spent, present.committed, later, tuple(same)
    )  # fmt: skip


def _units(use: Use, kind: Kind) -> int:
    return use.pence if kind == "money" else use.minutes


Reason = Literal["too_old", "no_direct_payment", "outside_dates", "lot_not_allowed", "closed_to_new_families"]


def purchase_refusals(
    pack: Pack, born: date, visit_days: tuple[date, ...], lot: str, *,
    lots: tuple[str, ...] | None, starts_on: date | None, ends_on: date | None, takes_new_families: bool,
) -> tuple[Reason, ...]:  # fmt: skip
    """Why a family may not buy these visits at the framework's price (L 2.4, domain 6); none where it may.

    `lots` and `starts_on` are the direct payment's, None where there is none; `takes_new_families` is the provider's
    standing on the lot. Too old is decided on each visit's date.
    """
    found: list[Reason] = []
    if any(age_on(born, day) >= pack.on(day).ages.purchase_under for day in visit_days):
        found.append("too_old")
    if lots is None or starts_on is None:
        found.append("no_direct_payment")
    else:
        if any(day < starts_on or (ends_on is not None and day > ends_on) for day in visit_days):
            found.append("outside_dates")
        if lot not in lots:
            found.append("lot_not_allowed")
    if not takes_new_families:
        found.append("closed_to_new_families")
    return tuple(found)

"""Buying visits from a direct payment: until when to pay, and what of each price the budget still holds.

The prices themselves are `pricing`'s: what the commissioner would pay (L 2.4).
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from marketplace.policy.calendar import Period, end_of_day, is_before, local_day
from marketplace.policy.direct_payments import Terms, Use, periods_of
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import half_up

Method = Literal["card", "transfer"]


class ToBuy(msgspec.Struct, frozen=True):
    """A visit to be bought, by its local day."""

    day: date
    pence: int
    minutes: int


class Share(msgspec.Struct, frozen=True):
    """A price parted: from the budget, and beyond it the family's own. `budget_minutes` come off a budget of hours."""

    budget_pence: int
    top_up_pence: int
    budget_minutes: int


def pay_by(pack: Pack, method: Method, now: datetime, first_start: datetime) -> datetime | None:
    """Until when a block is to be paid; None where it is too late for this method.

    A transfer is to be there by the end of a day before the first visit's, a card payment to be made within some hours
    and before the first visit begins.
    """
    rules = pack.on(local_day(now)).purchases
    if method == "transfer":
        until = end_of_day(local_day(first_start) - timedelta(days=rules.transfer_days_before))
    else:
        until = min(now + timedelta(hours=rules.card_hours), first_start, key=datetime.timestamp)
    return until if is_before(now, until) else None


def shares(
    pack: Pack, terms: tuple[Terms, ...], uses: Sequence[Use], last_day: date | None, visits: Sequence[ToBuy]
) -> tuple[Share, ...]:
    """What the budget pays of each visit, the earliest first served; answered in the order given.

    What is spent in a period is missing in the later ones it would have been carried into, so a visit takes no more
    than all of them still hold. `terms` are in force; `uses` what is spent or promised already. A day outside the
    budget's days takes nothing from it.
    """
    horizon = max([each.day for each in [*uses, *visits]], default=None)
    if horizon is None:
        return ()
    spans = periods_of(terms, last_day, horizon)
    left = [_left(pack, spans, place, uses) for place in range(len(spans))]
    found: dict[int, Share] = {}
    for number, visit in sorted(enumerate(visits), key=lambda each: each[1].day):
        at = next((place for place, (period, _) in enumerate(spans) if period.holds(visit.day)), None)
        if at is None:
            found[number] = Share(0, visit.pence, 0)
            continue
        money = spans[at][1].kind == "money"
        reached = [place for place in range(at, len(spans)) if place == at or _carries(pack, spans, at, place)]
        units = visit.pence if money else visit.minutes
        taken = max(0, min([units, *(left[place] for place in reached)]))
        for place in reached:
            left[place] -= taken
        if money:
            found[number] = Share(taken, visit.pence - taken, half_up(visit.minutes * taken, visit.pence))
        else:
            pence = half_up(visit.pence * taken, visit.minutes)
            found[number] = Share(pence, visit.pence - pence, taken)
    return tuple(found[number] for number in range(len(visits)))


def _left(pack: Pack, spans: list[tuple[Period, Terms]], place: int, uses: Sequence[Use]) -> int:
    """What a period holds: what it gives and what earlier ones carried into it, less what is used of them."""
    counted = [each for each in range(place + 1) if each == place or _carries(pack, spans, each, place)]
    given = sum(spans[each][1].units for each in counted)
    kind = spans[place][1].kind
    used = sum(
        (use.pence if kind == "money" else use.minutes)
        for use in uses
        if any(spans[each][0].holds(use.day) for each in counted)
    )
    return given - used


def _carries(pack: Pack, spans: list[tuple[Period, Terms]], earlier: int, later: int) -> bool:
    """Whether what one period leaves is carried as far as a later one: as `budget_on` counts it."""
    if not pack.on(spans[later][0].first_day).purchases.unspent_carries_over:
        return False
    return all(spans[place][1].kind == spans[later][1].kind for place in range(earlier, later))


def budget_kept(pack: Pack, day: date, share: Share, back_pence: int) -> tuple[int, int]:
    """What of the budget's part of a price stays used where some of the price went back: pence and minutes (pack)."""
    if pack.on(day).purchases.own_money_back_first:
        back = max(0, back_pence - share.top_up_pence)
    else:
        back = min(back_pence, share.budget_pence)
    kept = share.budget_pence - back
    return kept, half_up(share.budget_minutes * kept, share.budget_pence) if share.budget_pence else 0

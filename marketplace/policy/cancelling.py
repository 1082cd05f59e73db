"""What a cancellation costs and takes off the child's allocation, and what follows it (P 5.1 to 5.4; pack)."""

from datetime import datetime, timedelta

import msgspec

from marketplace.policy.budgets import Unit
from marketplace.policy.calendar import local, local_day, whole_minutes
from marketplace.policy.facts import Outcome, RateCard, Visit
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import RateMissing, charged_percent, half_up, price_visit

# P 5.4: what the provider cancels, or misses, is booked again; P 5.2: what is cancelled on arrival is not.
MADE_UP: frozenset[Outcome] = frozenset({"cancelled_by_provider", "missed"})
ASKED_AGAIN: frozenset[Outcome] = frozenset({"cancelled_by_family"})


class CancellationTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What not taking place means for one visit.

    `charged_pence` of `whole_pence` is charged, None where the rate card cannot price the visit; `taken_minutes` of
    `minutes` come off the child's allocation, by the same share. Nothing is, where the workers' time is billed on a
    brother's or sister's visit; `waits` where that is not known yet, and this is the most it can be.
    """

    percent: int
    charged_pence: int | None
    whole_pence: int | None
    minutes: int
    taken_minutes: int
    made_up: bool
    may_be_asked_again: bool
    waits: bool = False

    @property
    def elsewhere(self) -> bool:
        """Whether the time is billed on a brother's or sister's visit, which it is shared with (L 6.5)."""
        return self.whole_pence == 0


def earliest_on_arrival(pack: Pack, planned_start: datetime) -> datetime:
    """From when a worker may have arrived: before it, what the family says is notice and no cancellation on arrival.

    P 5.2 charges those on arrival in full, and says not from when: the pack's decision, in minutes before the start.
    """
    return planned_start - timedelta(minutes=pack.on(local_day(planned_start)).charging.on_arrival_minutes)


def cancellation_terms(pack: Pack, card: RateCard, visit: Visit) -> CancellationTerms:
    """What it means that a visit does not take place: its `outcome`, and the family's `notice_at`, say how it came."""
    percent = charged_percent(pack, visit)
    minutes = whole_minutes(visit.planned_start, visit.planned_end)
    as_planned = msgspec.structs.replace(
        visit, outcome="delivered", actual_start=local(visit.planned_start), actual_end=local(visit.planned_end),
        notice_at=None,
    )  # fmt: skip
    try:
        whole = price_visit(pack, card, as_planned).pence
        charged = price_visit(pack, card, visit).pence
    except RateMissing:
        whole, charged = None, None if percent else 0
    elsewhere = bool(visit.workers) and all(worker.billed == "elsewhere" for worker in visit.workers)
    return CancellationTerms(
        percent=percent,
        charged_pence=charged,
        whole_pence=whole,
        minutes=minutes,
        taken_minutes=0 if elsewhere else half_up(minutes * percent, 100),
        made_up=visit.outcome in MADE_UP,
        may_be_asked_again=visit.outcome in ASKED_AGAIN,
        waits=any(worker.billed == "waits" for worker in visit.workers),
    )


def draws_around(terms: CancellationTerms, unit: Unit) -> tuple[int, int] | None:
    """What the visit takes off an allocation in this unit as it is planned, and once it is cancelled (P 5.2).

    None where it has no price in pence. Time that is billed on a brother's or sister's visit is taken there.
    """
    if unit == "minutes":
        return (0, 0) if terms.elsewhere else (terms.minutes, terms.taken_minutes)
    if terms.whole_pence is None or terms.charged_pence is None:
        return None
    return terms.whole_pence, terms.charged_pence

"""What of a provider's own cover lapses: registration for regulated care, insurance; and what the pack makes of it.

The codes are those of `standing`; the rules are the pack's `suspensions` of the same names (domain 6).
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from marketplace.policy.calendar import add_months, local_day
from marketplace.policy.facts import ProviderFacts
from marketplace.policy.pack import Pack
from marketplace.policy.rules import SuspensionRule
from marketplace.policy.standing import provider_standing

# The pack's rule, and the reason in a provider's standing that is its ground.
GROUNDS = {"cqc_lapsed": "cqc_not_registered", "insurance_lapsed": "insurance_lapsed"}


class Ground(msgspec.Struct, frozen=True):
    """One cover of a provider on a day: whether it holds, and the lots of the provider it is asked for.

    `flags_visits` says that without it care on those lots may not lawfully go on (N).
    """

    rule: SuspensionRule
    code: str
    lots: tuple[str, ...]
    holds: bool

    @property
    def suspends(self) -> bool:
        """Whether a lapse suspends by itself; otherwise it is proposed to a contract manager."""
        return self.rule.effect == "automatic"

    @property
    def flags_visits(self) -> bool:
        """Whether coming visits on the lots may not go on without a decision."""
        return self.rule.flags_visits

    @property
    def every_lot(self) -> bool:
        """Whether a suspension is for all lots at once, rather than lot by lot."""
        return self.rule.lots == "all"


def emergency_hours(pack: Pack, on: date, asked: int | None = None) -> int | None:
    """How many hours providers have to answer in an emergency: those asked for, or the pack's own (P 4.3).

    None where fewer than one, or more than the pack's longest, are asked for.
    """
    pathway = pack.on(on).pathway
    hours = pathway.emergency_answer_hours if asked is None else asked
    return hours if 1 <= hours <= pathway.emergency_most_hours else None


def grounds(pack: Pack, on: date, provider: ProviderFacts) -> tuple[Ground, ...]:
    """Each cover the pack has a suspension rule for, asked on a lot the provider is admitted to on the day."""
    pack = pack.on(on)
    admitted = tuple(
        code
        for code in pack.lots
        if any(
            each.lot == code and each.from_ <= on and (each.to is None or on <= each.to) for each in provider.admissions
        )
    )
    found: list[Ground] = []
    for rule in pack.content.suspensions:
        code = GROUNDS.get(rule.key)
        lots = tuple(lot for lot in admitted if rule.lots == "all" or pack.lot(lot).regulated)
        if code is None or not lots:
            continue
        lapsed = any(code in provider_standing(pack, lot, on, provider).reasons for lot in lots)
        found.append(Ground(rule, code, lots, not lapsed))
    return tuple(found)


def latest_insurance_day(pack: Pack, on: date) -> date:
    """The farthest last day of an insurance that is declared on a day: what lies beyond is taken for a slip (D)."""
    return add_months(on, pack.on(on).providers.insurance_most_months)


class InsuranceEntry(msgspec.Struct, frozen=True):
    """What the records said of a provider's insurance from a moment on: its last day, None for none."""

    at: datetime
    until: date | None

    @property
    def holds(self) -> bool:
        """Whether the entry is one of cover on the day it was made."""
        return self.until is not None and self.until >= local_day(self.at)


def slip_put_right(pack: Pack, entries: Sequence[InsuranceEntry], suspended_at: datetime) -> bool:
    """Whether a suspension stood on a mistaken last day alone, which has been put right in the pack's time (D).

    So it is where the entry before it runs on still, on the day it is put right: without the slip nothing would have
    lapsed. Cover that had run out by then is another matter, and only a person lifts what followed. `entries` in order.
    """
    stood = [each for each in entries if each.at <= suspended_at]
    mended = next((each for each in entries if each.at > suspended_at and each.holds), None)
    slip: InsuranceEntry | None = None
    while stood and not stood[-1].holds:
        slip = stood.pop()
    if mended is None or slip is None or not stood:
        return False
    day, until = local_day(mended.at), stood[-1].until
    days = pack.on(day).providers.cover_slip_days
    return until is not None and until >= day and 0 < days >= (day - local_day(slip.at)).days

"""Whom a broadcast reaches and whom not, each with the reason in words (domain 4.1): preview and broadcast alike."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import msgspec

from marketplace.frameworks.queries import likely_pack, pack_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack, UnknownCode
from marketplace.policy.standing import explain
from marketplace.providers.lots import OtherPack
from marketplace.providers.readiness import lot_reach
from marketplace.providers.standing import Standing
from marketplace.referrals import needs
from marketplace.referrals.tables import Referral
from marketplace.web.filters import count, listing

# One to come and one to stand in: below that a provider can hardly serve (domain 4.3, a back-up is named).
WORKERS_TO_SERVE = 2
SEVERAL = {"is": "are", "has": "have"}


class Reach(msgspec.Struct, frozen=True):
    """One provider of the lot: reached, or left out with codes and sentences; how many workers are ready that day."""

    provider_id: UUID
    provider_name: str
    codes: tuple[str, ...]
    sentences: tuple[str, ...]
    ready_workers: int | None

    @property
    def reached(self) -> bool:
        return not self.codes

    @property
    def can_serve(self) -> bool:
        """At least a worker and a back-up ready on the start date."""
        return self.reached and (self.ready_workers or 0) >= WORKERS_TO_SERVE


async def reach_of(work: Work, referral: Referral, pack: Pack | None = None) -> list[Reach]:
    """Every provider ever admitted to the lot, by name. The referral needs its lot; with no start date today counts."""
    if pack is None:  # most likely the one this process saw last, which the question checks
        pack = likely_pack(referral.framework_id) or await pack_of(work, referral.framework_id)
    try:
        return await _reached(work, referral, pack)
    except (OtherPack, UnknownCode):
        return await _reached(work, referral, await pack_of(work, referral.framework_id))


async def _reached(work: Work, referral: Referral, pack: Pack) -> list[Reach]:
    assert referral.lot_code is not None
    asked = needs.competencies_needed(pack, referral.lot_code, referral.needs, referral.interventions)
    day = referral.starts_on or local_day(work.now)
    return [
        Reach(each.provider_id, each.provider_name, (), (), each.ready)
        if each.standing is None
        else _left_out(each.standing)
        for each in await lot_reach(work, referral.framework_id, pack, referral.lot_code, asked, day)
    ]


def _left_out(stands: Standing) -> Reach:
    sentences = tuple(reason.sentence for reason in stands.reasons)
    return Reach(stands.provider_id, stands.provider_name, stands.codes, sentences, None)


def summary(found: list[Reach], lot_title: str) -> str:
    """How many it reaches, how many are left out for which reason, how many have two workers ready."""
    reached = [each for each in found if each.reached]
    reasons = Counter(code for each in found for code in each.codes)
    left_out = [f"{number} {_of_several(explain(code), number)}" for code, number in sorted(reasons.items())]
    able = sum(each.can_serve for each in found)
    parts = [f"It reaches {len(reached)} of {count(len(found), 'provider')} on {lot_title}."]
    if left_out:
        parts.append(f"Left out: {listing(left_out)}.")
    verb = "has" if able == 1 else "have"
    parts.append(f"{count(able, 'provider')} {verb} at least two workers ready on the start date.")
    return " ".join(parts)


def _of_several(words: str, number: int) -> str:
    # The words are said of one provider: "is suspended ...", "has paused new referrals by its own wish".
    if number == 1:
        return words
    verb, _, rest = words.partition(" ")
    rest = rest.replace("its own", "their own").replace("it may while it is", "they may while they are")
    return f"{SEVERAL.get(verb, verb)} {rest}"

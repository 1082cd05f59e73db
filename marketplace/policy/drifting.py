"""Which providers drift: do worse over the last days than over as many before them, before anything has broken (D).

Shares are compared, not numbers, so that who is asked more often is not taken for who fails more often. The pack says
over how many days, from how many cases and from what growth on (`watch.*`).
"""

from datetime import date, timedelta
from typing import Literal

import msgspec

from marketplace.policy.pack import Pack

Measure = Literal["late_duties", "declines", "missed_visits"]

# What is counted, of what: in the words of "4 of 9 duties were late".
WORDS: dict[Measure, str] = {
    "late_duties": "duties were late",
    "declines": "referrals were declined",
    "missed_visits": "visits were missed or cancelled by the provider",
}


class Cases(msgspec.Struct, frozen=True):
    """So many cases of so many."""

    counted: int
    of: int


class Drift(msgspec.Struct, frozen=True):
    """One measure in which a provider does worse than before."""

    measure: Measure
    before: Cases
    now: Cases

    @property
    def says(self) -> str:
        """ "4 of 9 duties were late, 1 of 10 before"."""
        now, before = self.now, self.before
        return f"{now.counted} of {now.of} {WORDS[self.measure]}, {before.counted} of {before.of} before"


class Spans(msgspec.Struct, frozen=True):
    """The days that are compared: from `before` up to, not including, `since`; from `since` up to today."""

    before: date
    since: date


def spans(pack: Pack, on: date) -> Spans:
    """The two spans, equally long, by the pack as it stands on a day; that day counts as the last."""
    days = timedelta(days=pack.on(on).watch.drift_days)
    since = on - days + timedelta(days=1)
    return Spans(since - days, since)


def drift(pack: Pack, on: date, measure: Measure, before: Cases, now: Cases) -> Drift | None:
    """The drift in one measure, or None. Where there is nothing to compare with, nothing is said."""
    rule = pack.on(on).watch
    if not before.of or not now.of or now.counted < rule.drift_least:
        return None
    # now/of - before/of >= points/100 and above nothing, in whole numbers
    grown = now.counted * before.of - before.counted * now.of
    if grown <= 0 or 100 * grown < rule.drift_points * now.of * before.of:
        return None
    return Drift(measure, before, now)

"""The terms of pricing written out day by day, for whoever prices many visits in one statement.

`pricing.price_visit` judges one visit; a statement over a million wants a small table to join with: for each local day
when it begins, which band it is, and at what share each outcome is charged. Every number here is asked of the rules
themselves (`pricing.band_of`, `pricing.charged_percent`), none is written again, and a test holds `percent_by_terms`
against `charged_percent`. What an interval, a signature or a rate card means is
said in `billing/preparing_sql.py`, which a test compares with `invoicing.assess_invoice` to the penny.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import msgspec

from marketplace.policy.calendar import MINUTE, ONE_DAY, elapsed, midnight, wall_time
from marketplace.policy.facts import Outcome, Visit
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import band_of, charged_percent


class DayTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say about one London day; percents are shares of a visit's price, by the visit's planned start.

    `notice` is how much a family gives to be in time; `notice_may_equal`: exactly that much is enough.
    """

    day: date
    starts_at: datetime
    band: str
    on_arrival: int
    by_provider: int
    missed: int
    in_time: int
    late: int
    without_notice: int
    notice: timedelta
    notice_may_equal: bool
    every_worker_billed: bool
    overrun_needs_approval: bool


@lru_cache(maxsize=200)
def day_terms(pack: Pack, first_day: date, last_day: date) -> tuple[DayTerms, ...]:
    """The terms of every day from one to the other, in order. Raises `CalendarError` past the bank holidays."""
    days = (last_day - first_day).days + 1
    return tuple(_terms(pack, first_day + ONE_DAY * number) for number in range(days))


def percent_by_terms(terms: DayTerms, outcome: Outcome, planned_start: datetime, notice_at: datetime | None) -> int:
    """The share a visit planned on the day is charged at, read off its terms: what the statement does, in Python."""
    if outcome == "cancelled_by_family":
        if notice_at is None:
            return terms.without_notice
        given = elapsed(notice_at, planned_start)
        return (
            terms.in_time if given > terms.notice or (given == terms.notice and terms.notice_may_equal) else terms.late
        )
    shares = {"cancelled_on_arrival": terms.on_arrival, "cancelled_by_provider": terms.by_provider}
    return 100 if outcome == "delivered" else shares.get(outcome, terms.missed)


def _terms(pack: Pack, day: date) -> DayTerms:
    charging = pack.on(day).charging
    noon = wall_time(day, time(12))
    needed = timedelta(hours=charging.notice_hours)

    def percent(outcome: Outcome, notice: timedelta | None = None) -> int:
        asked = Visit(
            id="", lot="", activity="", planned_start=noon, planned_end=noon + MINUTE, outcome=outcome,
            notice_at=None if notice is None else noon.astimezone(UTC) - notice,
        )  # fmt: skip
        return charged_percent(pack, asked)

    return DayTerms(
        day=day,
        starts_at=midnight(day).astimezone(UTC),
        band=band_of(pack, day),
        on_arrival=percent("cancelled_on_arrival"),
        by_provider=percent("cancelled_by_provider"),
        missed=percent("missed"),
        in_time=percent("cancelled_by_family", needed + MINUTE),
        late=percent("cancelled_by_family", needed - MINUTE),
        without_notice=percent("cancelled_by_family"),
        notice=needed,
        notice_may_equal=charging.exact_notice_is_enough,
        every_worker_billed=charging.every_worker_billed,
        overrun_needs_approval=charging.overrun_needs_approval,
    )

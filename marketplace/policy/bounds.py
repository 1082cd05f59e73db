"""Readiness turned round: which recorded days would count on a day, so that a search can compare days alone.

`worker_readiness` goes from the day something was done to the day it runs out. Adding months has no inverse (31 August
and 29 August both meet 28 February), but it never goes backwards, so that the days that still count are exactly those
from an earliest one on. Whoever searches many workers compares recorded days with these bounds; what a fact means is
still decided by `standing.last_good_day`, and a test holds `within` against `worker_readiness`.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from marketplace.policy.calendar import add_months
from marketplace.policy.pack import Pack
from marketplace.policy.standing import last_good_day, required_competencies

LONGEST_MONTH_END = timedelta(days=4)  # a month's last day moves by at most three when months are added


def earliest_believable(packs: Iterable[Pack], on: date) -> date:
    """The farthest day back that something about a worker is taken for: what lies before is a slip of typing (D).

    Of several packs the farthest, since one evidence serves them all. `packs` are never none.
    """
    return min(add_months(on, -12 * pack.on(on).readiness.longest_years) for pack in packs)


class DayBound(msgspec.Struct, frozen=True):
    """Something that must have been done: by its code, on `since` or later (None: ever), up to the day asked about."""

    code: str
    since: date | None
    drivers_only: bool = False


class ReadinessBounds(msgspec.Struct, frozen=True):
    """What makes a worker ready for a lot and a child's needs on a day, in days that can be compared.

    `roles` empty: any. `dbs_since` None: no DBS check is asked. `registered_roles`: whose registration must last to the
    day. A competency counts when a method of `signing_methods` and somebody else established it
    (`own_sign_off_counts`: or the worker). A check counts while its own end, where it has one, has not passed.
    """

    on: date
    roles: tuple[str, ...]
    registered_roles: tuple[str, ...]
    dbs_since: date | None
    competencies: tuple[DayBound, ...]
    checks: tuple[DayBound, ...]
    signing_methods: tuple[str, ...]
    own_sign_off_counts: bool


@lru_cache(maxsize=1_000)
def readiness_bounds(pack: Pack, lot: str, on: date, needs: tuple[str, ...] = ()) -> ReadinessBounds:
    """The bounds for a lot and the starred competencies a child needs. Raises `UnknownCode` for an unknown lot."""
    return _worked_out(pack, lot, on, needs)


def _worked_out(pack: Pack, lot: str, on: date, needs: tuple[str, ...]) -> ReadinessBounds:
    pack = pack.on(on)
    rule = pack.lot(lot)
    required = [check for check in pack.content.worker_checks if check.required]
    registered: set[str] = set()
    for check in required:
        if check.evidence == "registration" and check.when == "registered_lot":
            registered |= set(rule.registered_roles)
        elif check.evidence == "registration" and check.when == "registered_role":
            registered |= {role.key for role in pack.roles.values() if role.registration is not None}
    dbs_asked = any(check.evidence == "dbs" for check in required)
    return ReadinessBounds(
        on=on,
        roles=rule.roles,
        registered_roles=tuple(sorted(registered)),
        dbs_since=earliest_day_that_counts(pack, on, pack.readiness.dbs_months) if dbs_asked else None,
        competencies=tuple(
            DayBound(code, _since(pack, on, pack.competencies[code].months))
            for code in required_competencies(pack, lot, needs)
        ),
        checks=tuple(
            DayBound(check.key, _since(pack, on, check.months), check.when == "driving")
            for check in required
            if check.evidence == "record"
        ),
        signing_methods=tuple(sorted(method for method, signs in pack.methods.items() if signs)),
        own_sign_off_counts=pack.readiness.own_sign_off_counts,
    )


def earliest_day_that_counts(pack: Pack, on: date, months: int) -> date:
    """The earliest day on which something done, repeated every so many months, still counts on a day.

    The first day there is, where it reaches back beyond the calendar.
    """
    if (on.year - 1) * 12 + on.month <= months:
        return date.min
    day = add_months(on, -months) + LONGEST_MONTH_END
    while day > date.min and last_good_day(pack, day - timedelta(days=1), months) >= on:
        day -= timedelta(days=1)
    return day


def _since(pack: Pack, on: date, months: int | None) -> date | None:
    return None if months is None else earliest_day_that_counts(pack, on, months)


def days_that_end(pack: Pack, end: date, months: int) -> tuple[date, ...]:
    """`last_good_day` turned round: the days on which something repeated every so many months counts up to `end`.

    None for the days that no month's length leads to, several around the ends of months.
    """
    if (end.year - 1) * 12 + end.month <= months:
        return ()
    middle = add_months(end, -months)
    near = (middle + timedelta(days=number) for number in range(-LONGEST_MONTH_END.days, LONGEST_MONTH_END.days + 2))
    return tuple(day for day in near if last_good_day(pack, day, months) == end)

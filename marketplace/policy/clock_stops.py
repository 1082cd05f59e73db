"""Clocks that stand: on which grounds a duty's clock may, for how long, and when the duty then falls due (domain 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.policy.calendar import ONE_DAY, after, elapsed, end_of_day, is_before, local, local_day
from marketplace.policy.pack import Pack
from marketplace.policy.rules import ClockStop

INSTANT = timedelta(microseconds=1)
BY_THE_CLOCK = ("elapsed_hours", "immediately")


@dataclass(frozen=True, slots=True)
class Stood:
    """A time for which the clock of a duty stood, or will: from an instant up to another."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if is_before(self.ends_at, self.starts_at):
            raise ValueError("a stop ends before it begins")


def grounds(pack: Pack, duty: str, starts_at: datetime) -> tuple[ClockStop, ...]:
    """The grounds on which the clock of a duty that began at `starts_at` may stand; none where it never does."""
    return tuple(rule for rule in pack.on(local_day(starts_at)).content.clock_stops if duty in rule.duties)


def latest_end(ground: ClockStop, starts_at: datetime, before: Sequence[Stood] = ()) -> datetime:
    """Until when a stop from `starts_at` may last at most on this ground, after what the clock stood `before`."""
    left = timedelta(days=ground.most_days) - sum(
        (elapsed(each.starts_at, each.ends_at) for each in before), timedelta()
    )
    return after(starts_at, max(left, timedelta()))


def due_after_stops(
    pack: Pack, duty: str, starts_at: datetime, first_due: datetime, stops: Sequence[Stood]
) -> datetime:
    """When a duty falls due whose clock stood: `first_due` moved by the time it stood, all stops together.

    A duty counted in hours moves by elapsed time. One counted in days still ends with a whole local day, so that part
    of a day counts as one; one counted in working days then ends with the next working day. A stop that begins when
    the duty is due already, because one before it ended early, stops nothing any more.
    """
    due, counted = first_due, list[Stood]()
    for each in sorted(stops, key=lambda stop: stop.starts_at):
        if not is_before(each.starts_at, due):
            break
        counted.append(each)
        due = _moved(pack, duty, starts_at, first_due, counted)
    return due


def standing_or_next(stops: Sequence[Stood], now: datetime) -> Stood | None:
    """The stop a clock stands in, or else the one it will stand in next; the last one where all are over."""
    ahead = [each for each in stops if is_before(each.starts_at, each.ends_at) and is_before(now, each.ends_at)]
    if ahead:
        return min(ahead, key=lambda stop: stop.starts_at)
    return max(stops, key=lambda stop: stop.ends_at, default=None)


def _moved(pack: Pack, duty: str, starts_at: datetime, first_due: datetime, stops: Sequence[Stood]) -> datetime:
    if not any(is_before(each.starts_at, each.ends_at) for each in stops):
        return first_due
    rules = pack.on(local_day(starts_at))
    rule = rules.duties.get(duty)
    if rule is not None and rule.unit in BY_THE_CLOCK:
        return after(first_due, sum((elapsed(each.starts_at, each.ends_at) for each in stops), timedelta()))
    on_the_wall = sum((_wall(each.ends_at) - _wall(each.starts_at) for each in stops), timedelta())
    last_day = local_day(after(first_due, -INSTANT)) + timedelta(days=max(0, -(-on_the_wall // ONE_DAY)))
    if rule is not None and rule.unit == "working_days":
        last_day = rules.holidays.working_day_on_or_after(last_day)
    return end_of_day(last_day)


def _wall(instant: datetime) -> datetime:
    return local(instant).replace(tzinfo=None)

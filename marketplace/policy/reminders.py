"""When people are reminded of a duty, by when a task is done that no contract gives a clock, and on which days people
are warned of evidence that lapses."""

from datetime import date, datetime, timedelta

from marketplace.policy.calendar import after, elapsed, end_of_day, is_before, local_day
from marketplace.policy.clock_stops import Stood
from marketplace.policy.pack import Pack


def remind_at(pack: Pack, starts_at: datetime, due_at: datetime) -> datetime:
    """When to remind of a duty before it falls due: the pack's hours before, never in the first half of its time."""
    half = elapsed(starts_at, due_at) / 2
    ahead = timedelta(hours=pack.on(local_day(starts_at)).reminders.before_hours)
    return after(due_at, -min(half, ahead)) if half > timedelta() else due_at


def check_after_stop(pack: Pack, starts_at: datetime, due_at: datetime, stop: Stood | None, now: datetime) -> datetime:
    """When to look at a duty again whose clock stands, or will: nobody is reminded while it stands."""
    reminder = remind_at(pack, starts_at, due_at)
    waits = stop is not None and is_before(now, stop.ends_at) and not is_before(reminder, stop.starts_at)
    return max(stop.ends_at if stop is not None and waits else reminder, now)


def remind_again_at(pack: Pack, due_at: datetime) -> datetime:
    """The moment of the reminder about a duty that has been missed."""
    return after(due_at, timedelta(hours=pack.on(local_day(due_at)).reminders.after_hours))


def task_due_at(pack: Pack, since: datetime) -> datetime:
    """By when a task is expected that has no clock in the contract: the end of so many local days after it arose."""
    day = local_day(since)
    return end_of_day(day + timedelta(days=pack.on(day).reminders.task_days))


def warning_days(pack: Pack, until: date) -> tuple[tuple[int, date], ...]:
    """The warnings about evidence that counts up to and including `until`: (days ahead, on which day), first to last.

    0 days ahead is the last good day itself; the day after it the evidence counts no more.
    """
    ahead = sorted(set(pack.on(until).reminders.lapse_days), reverse=True)
    return tuple((days, until - timedelta(days=days)) for days in ahead)


def newest_warning(pack: Pack, until: date, after: date | None, on: date) -> int | None:
    """The newest warning whose day has come by `on` and lies after `after` (None: whenever), as its days ahead.

    None where there is none. What was said up to `after`, or passed before the evidence was known, is not said again.
    """
    come = [ahead for ahead, day in warning_days(pack, until) if day <= on and (after is None or day > after)]
    return min(come, default=None)


def ends_warned_of(pack: Pack, after: date, on: date) -> tuple[date, ...]:
    """`newest_warning` turned round: every last good day that has a warning after `after` and up to `on`."""
    pack = pack.on(on)
    days = [after + timedelta(days=number) for number in range(1, (on - after).days + 1)]
    ends = {day + timedelta(days=ahead) for day in days for ahead in pack.reminders.lapse_days}
    return tuple(sorted(end for end in ends if newest_warning(pack, end, after, on) is not None))


def farthest_warning(pack: Pack) -> int:
    """How many days ahead the first warning is: nothing later than that needs to be looked at."""
    return max(pack.reminders.lapse_days)

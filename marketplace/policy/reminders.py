"""When people are reminded of a duty, and by when a task is done that no contract gives a clock."""

from datetime import datetime, timedelta

from marketplace.policy.calendar import after, elapsed, end_of_day, local_day
from marketplace.policy.pack import Pack


def remind_at(pack: Pack, starts_at: datetime, due_at: datetime) -> datetime:
    """When to remind of a duty before it falls due: the pack's hours before, never in the first half of its time."""
    half = elapsed(starts_at, due_at) / 2
    ahead = timedelta(hours=pack.on(local_day(starts_at)).reminders.before_hours)
    return after(due_at, -min(half, ahead)) if half > timedelta() else due_at


def remind_again_at(pack: Pack, due_at: datetime) -> datetime:
    """The moment of the reminder about a duty that has been missed."""
    return after(due_at, timedelta(hours=pack.on(local_day(due_at)).reminders.after_hours))


def task_due_at(pack: Pack, since: datetime) -> datetime:
    """By when a task is expected that has no clock in the contract: the end of so many local days after it arose."""
    day = local_day(since)
    return end_of_day(day + timedelta(days=pack.on(day).reminders.task_days))

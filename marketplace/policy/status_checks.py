"""When a DBS status is looked up by itself: as soon as the check it renews would be warned about."""

from datetime import date, timedelta

from marketplace.policy.pack import Pack
from marketplace.policy.reminders import farthest_warning
from marketplace.policy.standing import dbs_current_until


def status_check_due(pack: Pack, checked_on: date | None, on: date) -> bool:
    """Whether a worker who agreed to status checks is looked up on this day: never checked, or the last check's first
    warning (`reminders.lapse_days`) has come, so that people are warned only of what the service could not settle."""
    if checked_on is None:
        return True
    until = dbs_current_until(pack.on(on), checked_on)
    return on >= until - timedelta(days=farthest_warning(pack.on(on)))

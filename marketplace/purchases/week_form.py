"""A week typed on a page: rows of days with the same times, as many as there are and one to spare."""

from __future__ import annotations

import re
from collections.abc import Iterable

from marketplace.policy.facts import WeeklySlot
from marketplace.web.forms import Form
from marketplace.web.svg import DAYS

WEEKDAYS = [(str(n), name) for n, name in enumerate(DAYS)]
MOST_ROWS = 12
FIELDS = ("days", "begin", "end", "activity")
ROW = re.compile(r"(?:days|begin|end|activity)-([0-9]{1,2})")


def rows(form: Form) -> list[int]:
    """The rows to show: those typed in and an empty one."""
    typed = _typed(form)
    return sorted({*typed, *[n for n in range(1, MOST_ROWS + 1) if n not in typed][:1]})


def read(form: Form, activities: dict[str, str]) -> tuple[WeeklySlot, ...]:
    """The visits typed in. Look at `form.errors` before using them."""
    found: list[WeeklySlot] = []
    for n in _typed(form):
        days = form.choices(f"days-{n}", "at least one day", [value for value, _ in WEEKDAYS], least=1)
        begin = form.time(f"begin-{n}", "the time the visit starts")
        end = form.time(f"end-{n}", "the time the visit ends")
        if len(activities) == 1:
            form.set(f"activity-{n}", next(iter(activities)))
        activity = form.choice(f"activity-{n}", "what is done at the visit", activities)
        found += [WeeklySlot(int(day), f"{begin:%H:%M}", f"{end:%H:%M}", activity) for day in days]
    return tuple(found)


def fill(form: Form, pattern: Iterable[WeeklySlot]) -> None:
    """Show a week: days with the same times and activity in one row."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for each in pattern:
        groups.setdefault((each.start, each.end, each.activity), []).append(str(each.weekday))
    for n, ((begin, end, activity), days) in enumerate(groups.items(), start=1):
        for name, value in zip(FIELDS, (days, begin, end, activity), strict=True):
            form.set(f"{name}-{n}", value)


def names(form: Form) -> list[str]:
    """The fields of the week that were sent, to be carried to the next page."""
    return [name for name in form.typed if ROW.fullmatch(name)]


def _typed(form: Form) -> list[int]:
    # a day may be ticked in a row with no times, but what is done there is always chosen: it counts for nothing
    found = {int(match[1]) for name in form.typed if (match := ROW.fullmatch(name)) and not name.startswith("activity")}
    return [
        n
        for n in sorted(found)
        if n <= MOST_ROWS and (form.values(f"days-{n}") or form.value(f"begin-{n}") or form.value(f"end-{n}"))
    ]

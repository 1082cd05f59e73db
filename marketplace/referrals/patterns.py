"""The weekly pattern of a referral or an offer, between JSON in a row, the rules' typed slots and words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import time
from typing import Any

import msgspec

from marketplace.platform.errors import InvalidInput
from marketplace.policy.facts import WeeklySlot
from marketplace.web.filters import clock, listing
from marketplace.web.svg import DAYS, Slot, slot

MOST_SLOTS = 42
DAY_MINUTES, WEEK_MINUTES = 24 * 60, 7 * 24 * 60
Pattern = list[dict[str, Any]]


def slots(pattern: Iterable[dict[str, Any]]) -> tuple[WeeklySlot, ...]:
    """A row's pattern as the rules take it."""
    return tuple(msgspec.convert(entry, WeeklySlot) for entry in pattern)


def stored(pattern: Iterable[WeeklySlot]) -> Pattern:
    """Typed slots as they are kept, in the order of the week."""
    return [
        msgspec.to_builtins(each) for each in sorted(pattern, key=lambda s: (s.weekday, s.start, s.end, s.activity))
    ]


def checked(pattern: Sequence[WeeklySlot], activities: Collection[str], field: str = "pattern") -> Pattern:
    """The pattern for storing. Raises `InvalidInput` where a visit is not one of the lot's, or meets another."""
    if len(pattern) > MOST_SLOTS:
        raise InvalidInput({field: f"A week holds at most {MOST_SLOTS} visits"})
    spans: list[tuple[int, int, WeeklySlot]] = []
    for each in pattern:
        if each.weekday not in range(7):
            raise InvalidInput({field: "Choose the days of the week from the list"})
        if activities and each.activity not in activities:
            raise InvalidInput({field: "Choose an activity of this lot for each visit"})
        start, end = minute_of(each.start, field), minute_of(each.end, field)
        if start == end:
            raise InvalidInput({field: f"The visit on {DAYS[each.weekday]} starts and ends at the same time"})
        begin = each.weekday * DAY_MINUTES + start
        spans.append((begin, begin + (end - start) % DAY_MINUTES, each))
    spans.sort(key=lambda span: span[:2])
    for n, (_, end, each) in enumerate(spans):
        after = spans[(n + 1) % len(spans)]
        begin = after[0] + (WEEK_MINUTES if n + 1 == len(spans) else 0)
        if len(spans) > 1 and begin < end:
            raise InvalidInput({field: f"The visits {words(each)} and {words(after[2])} overlap"})
    return stored(pattern)


def minute_of(text: str, field: str = "pattern") -> int:
    """Minutes since midnight of "HH:MM". Raises `InvalidInput`."""
    try:
        value = time.fromisoformat(text)
    except ValueError:
        raise InvalidInput({field: "Enter times like 16:00"}) from None
    if value.second or value.microsecond or value.tzinfo or len(text) != 5:
        raise InvalidInput({field: "Enter times like 16:00"})
    return value.hour * 60 + value.minute


def words(each: WeeklySlot) -> str:
    """ "Monday 4pm to 6pm"."""
    start, end = time.fromisoformat(each.start), time.fromisoformat(each.end)
    tail = " the next day" if each.end <= each.start else ""
    return f"{DAYS[each.weekday]} {clock(start)} to {clock(end)}{tail}"


def summary(pattern: Iterable[dict[str, Any]], activities: dict[str, str]) -> list[str]:
    """Lines for a page: days with the same times and activity together."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for each in slots(pattern):
        lines.setdefault((each.start, each.end, each.activity), []).append(DAYS[each.weekday])
    said: list[str] = []
    for (start, end, activity), days in lines.items():
        tail = " the next day" if end <= start else ""
        begin, finish = clock(time.fromisoformat(start)), clock(time.fromisoformat(end))
        said.append(f"{listing(days)}, {begin} to {finish}{tail}: {activities.get(activity, activity).lower()}")
    return said


def weekly_minutes(pattern: Iterable[dict[str, Any]]) -> int:
    """Minutes of visits in a week without a clock change."""
    return sum((minute_of(each.end) - minute_of(each.start)) % DAY_MINUTES for each in slots(pattern))


def drawn(pattern: Iterable[dict[str, Any]], activities: dict[str, str], kind: str = "planned") -> list[Slot]:
    """Slots for `svg.week`."""
    return [
        slot(each.weekday, time.fromisoformat(each.start), time.fromisoformat(each.end),
             activities.get(each.activity, each.activity), kind)
        for each in slots(pattern)
    ]  # fmt: skip


def fit(asked: Iterable[dict[str, Any]], offered: Iterable[dict[str, Any]], activities: dict[str, str]) -> list[Slot]:
    """What is asked (outlined), what is offered (filled), and what is asked and not offered ("missing")."""
    wanted, given = slots(asked), set(slots(offered))
    met = [each for each in wanted if each in given]
    missed = [each for each in wanted if each not in given]
    return [
        *drawn(stored(met), activities, "asked"),
        *drawn(stored(missed), activities, "missing"),
        *drawn(stored(given), activities, "offered"),
    ]

"""How values read on a page: money, days, moments, spans of time. Pure functions; templates use them as filters.

Style: the GOV.UK content style ("11 May 2026, 9am", "£1,234.56"). Every moment shown is Europe/London time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from marketplace.policy.calendar import local


def pounds(pence: int) -> str:
    """Integer pence as £1,234.56; what is owed the other way as −£1,234.56."""
    sign = "−" if pence < 0 else ""
    whole, part = divmod(abs(pence), 100)
    return f"{sign}£{whole:,}.{part:02d}"


def day(value: date | datetime) -> str:
    """11 May 2026."""
    if isinstance(value, datetime):
        value = local(value).date()
    return f"{value.day} {value:%B %Y}"


def written_day(value: str) -> str:
    """11 May 2026, of a day kept as text (2026-05-11), as frozen papers have it."""
    return day(date.fromisoformat(value))


def weekday(value: date | datetime) -> str:
    """Monday 11 May 2026: where people plan by the day of the week."""
    if isinstance(value, datetime):
        value = local(value).date()
    return f"{value:%A} {day(value)}"


def clock(value: time | datetime) -> str:
    """9am, 9:05pm, midday, midnight."""
    if isinstance(value, datetime):
        value = local(value).time()
    if value.minute == 0 and value.hour in (0, 12):
        return "midday" if value.hour == 12 else "midnight"
    minutes = f":{value.minute:02d}" if value.minute else ""
    return f"{value.hour % 12 or 12}{minutes}{'am' if value.hour < 12 else 'pm'}"


def moment(value: datetime) -> str:
    """11 May 2026, 9am."""
    return f"{day(value)}, {clock(value)}"


def last_moment(first_late: datetime) -> str:
    """A due moment (the first instant that is late) as people say it: "the end of 12 October 2026"."""
    day_before = day(local(first_late) - timedelta(microseconds=1))
    whole_day = local(first_late).time() == time()
    return f"the end of {day_before}" if whole_day else moment(first_late)


def day_after(value: date) -> date:
    """The next day."""
    return value + timedelta(days=1)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """1 offer, 2 offers, 1,200 visits."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(minutes: int | timedelta) -> str:
    """Minutes (or a timedelta) as "2 hours 30 minutes"."""
    if isinstance(minutes, timedelta):
        minutes = int(minutes.total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    parts = [count(hours, "hour")] if hours else []
    if rest or not hours:
        parts.append(count(rest, "minute"))
    return " ".join(parts)


def time_left(due: datetime, now: datetime) -> str:
    """How long until `due`, or how late it is, in one unit: "3 hours left", "2 days late", "due now"."""
    gap = due - now
    suffix = "left" if gap >= timedelta() else "late"
    minutes = int(abs(gap).total_seconds() // 60)
    if minutes == 0:
        return "due now"
    if minutes < 60:
        return f"{count(minutes, 'minute')} {suffix}"
    if minutes < 48 * 60:
        return f"{count(minutes // 60, 'hour')} {suffix}"
    return f"{count(minutes // (24 * 60), 'day')} {suffix}"


def words(code: str) -> str:
    """A code as words: contract_manager -> contract manager."""
    return code.replace("_", " ").replace("-", " ")


def code(value: str) -> str:
    """A code as the start of a sentence or a label: contract_manager -> Contract manager."""
    text = words(value)
    return text[:1].upper() + text[1:]


def listing(items: Sequence[str], joiner: str = "and") -> str:
    """a, b and c."""
    parts = [str(item) for item in items]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joiner} {parts[-1]}"


def cited(clause: str | None) -> str:
    """A pack's clause as people read it: its sources, without the marks of decisions and practice.

    "D (after L 10.1)" is "after L 10.1"; what rests on a decision alone, or on no clause, cites nothing.
    """
    if clause is None:
        return ""
    alone = re.fullmatch(r"[DN](?: \((.+)\))?", clause)
    if alone is not None:
        return alone[1] or ""
    return re.sub(r" \((?:names?|bands|wording|frequency) D\)$", "", clause)


def bracketed(clause: str | None) -> str:
    """ " (P 13.7)" to follow a sentence; nothing where there is no source to cite."""
    words = cited(clause)
    return f" ({words})" if words else ""


def machine(value: datetime | date) -> str:
    """For `<time datetime="...">`."""
    return value.isoformat()


def share(basis_points: int) -> str:
    """A share as people say it: 4000 is "40%", 3333 is "33.33%"."""
    return f"{basis_points / 100:.2f}".rstrip("0").rstrip(".") + "%"


FILTERS = {
    "pounds": pounds,
    "day": day,
    "weekday": weekday,
    "written_day": written_day,
    "clock": clock,
    "moment": moment,
    "last_moment": last_moment,
    "day_after": day_after,
    "count": count,
    "duration": duration,
    "time_left": time_left,
    "words": words,
    "code": code,
    "listing": listing,
    "cited": cited,
    "bracketed": bracketed,
    "machine": machine,
    "share": share,
}

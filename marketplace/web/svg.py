"""Small pictures drawn by the server: no script, no library, readable without them.

Each function gives a <figure>: the drawing for the eye (one name for a screen reader), and the same facts as a table
behind "Show as a table". Colours come from the style sheet's classes; no fact is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from markupsafe import Markup

from marketplace.web.filters import clock, code, count, listing, moment, pounds, time_left

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = 24 * 60
WIDTH = 360  # drawn for a phone's width and scaled up
LETTER = 15  # in the style sheet; on a screen 320 px wide 290 px are left of the width, and letters are 12 px high
LINE = 18


@dataclass(frozen=True, slots=True)
class Slot:
    """A visit in the weekly pattern. `weekday` 0 is Monday; an end at or before the start is on the next day.

    `kind`: "asked" (outlined), "offered" or "planned" (filled), "missing" (hatched by a dashed line).
    """

    weekday: int
    starts_at: time
    ends_at: time
    label: str = ""
    kind: str = "planned"


def slot(weekday: int, starts_at: time, ends_at: time, label: str = "", kind: str = "planned") -> Slot:
    """A Slot, for templates."""
    return Slot(weekday, starts_at, ends_at, label, kind)


def week(slots: Iterable[Slot], caption: str = "The week") -> Markup:
    """The weekly pattern: a row a day, hours from left to right, what is asked outlined and what is offered filled."""
    placed = sorted(slots, key=lambda s: (s.weekday, s.starts_at, s.kind))
    pieces = [piece for s in placed for piece in _pieces(s)]
    first = min([start for _, start, _, _ in pieces], default=8 * 60) // 60
    last = -(-max([end for _, _, end, _ in pieces], default=20 * 60) // 60)
    first, last = min(first, 8), max(last, 20)
    left, top, row = 42, 18, 22
    scale = (WIDTH - left - 20) / ((last - first) * 60)  # room for the last hour's letters
    parts: list[Markup] = []
    step = 2 if last - first <= 14 else 4
    for hour in range(first, last + 1, step):
        x = left + (hour - first) * 60 * scale
        parts.append(_tag("line", "", cls="app-svg-grid", x1=x, y1=top, x2=x, y2=top + 7 * row))
        parts.append(
            _tag("text", f"{hour % 12 or 12}{'am' if hour % 24 < 12 else 'pm'}", x=x, y=13, cls="app-svg-hour")
        )
    for number, name in enumerate(DAYS):
        parts.append(_tag("text", name[:3], x=0, y=top + number * row + 15, cls="app-svg-label"))
    for weekday, start, end, kind in pieces:
        x = left + (start - first * 60) * scale
        inset = 2 if kind in ("asked", "missing") else 5
        parts.append(
            _tag(
                "rect",
                "",
                x=x,
                y=top + weekday * row + inset,
                width=max((end - start) * scale, 2),
                height=row - 2 * inset,
                rx=2,
                cls=f"app-svg-slot app-svg-slot--{kind}",
            )
        )
    rows = [(DAYS[s.weekday % 7], f"{clock(s.starts_at)} to {clock(s.ends_at)}", code(s.kind), s.label) for s in placed]
    name = f"{caption}: {count(len(placed), 'visit')} on {listing(list(dict.fromkeys(r[0] for r in rows))) or 'no day'}"
    return _figure(parts, top + 7 * row + 4, name, caption, ("Day", "Time", "", "Note"), rows)


def responses(offers: int, declined: int, silent: int, caption: str = "Answers so far") -> Markup:
    """Who was reached and what they answered, as one bar."""
    return shares(
        [("Offers", offers, "good"), ("Declined", declined, "bad"), ("No answer yet", silent, "none")],
        caption,
        "provider",
    )


def shares(parts_of: Sequence[tuple[str, int, str]], caption: str, noun: str) -> Markup:
    """One bar divided: (label, number, tone), tone "good", "bad", "warn", "plain" or "none"."""
    total = sum(number for _, number, _ in parts_of)
    parts: list[Markup] = [_tag("rect", "", x=0, y=0, width=WIDTH, height=24, cls="app-svg-tone--none")]
    x = 0.0
    y = 42
    for label, number, tone in parts_of:
        width = WIDTH * number / total if total else 0
        if number:
            parts.append(_tag("rect", "", x=x, y=0, width=width, height=24, cls=f"app-svg-tone--{tone} app-svg-part"))
        parts.append(_tag("rect", "", x=0, y=y - 10, width=12, height=12, cls=f"app-svg-tone--{tone} app-svg-part"))
        parts.append(_tag("text", f"{label}: {number:,}", x=18, y=y, cls="app-svg-label"))
        x += width
        y += 18
    name = (
        f"{caption}: {listing([f'{label.lower()} {number}' for label, number, _ in parts_of])}, of {count(total, noun)}"
    )
    rows = [(label, f"{number:,}") for label, number, _ in parts_of]
    return _figure(parts, y - 10, name, caption, ("Answer", "Number"), rows)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a bar, said in words of its own; `number` is its length."""

    label: str
    number: int
    says: str
    tone: str


def worded_shares(parts_of: Sequence[Share], caption: str) -> Markup:
    """One bar divided, like `shares`, where the numbers are money or time and say so."""
    total = sum(part.number for part in parts_of)
    parts: list[Markup] = [_tag("rect", "", x=0, y=0, width=WIDTH, height=24, cls="app-svg-tone--none")]
    x, y = 0.0, 42
    for part in parts_of:
        width = WIDTH * part.number / total if total else 0
        if part.number:
            cls = f"app-svg-tone--{part.tone} app-svg-part"
            parts.append(_tag("rect", "", x=x, y=0, width=width, height=24, cls=cls))
        parts.append(
            _tag("rect", "", x=0, y=y - 10, width=12, height=12, cls=f"app-svg-tone--{part.tone} app-svg-part")
        )
        parts.append(_tag("text", f"{part.label}: {part.says}", x=18, y=y, cls="app-svg-label"))
        x, y = x + width, y + 18
    name = f"{caption}: {listing([f'{part.label.lower()} {part.says}' for part in parts_of])}"
    rows = [(part.label, part.says) for part in parts_of]
    return _figure(parts, y - 10, name, caption, ("What", "How much"), rows)


def worded_bars(rows: Sequence[tuple[str, int, int, str]], caption: str, heads: tuple[str, str]) -> Markup:
    """A bar a row within its allowance, like `spend`: (label, used, allowed, both in words)."""
    longest = max([max(used, allowed) for _, used, allowed, _ in rows], default=0) or 1
    parts: list[Markup] = []
    y = 0
    for label, used, allowed, says in rows:
        tone = "bad" if used > allowed else "plain"
        texts, y = _words(label, says, y)
        parts += [
            *texts,
            _tag("rect", "", x=0, y=y + 18, width=WIDTH * allowed / longest, height=12, cls="app-svg-tone--none"),
            _tag("rect", "", x=0, y=y + 20, width=WIDTH * used / longest, height=8, cls=f"app-svg-tone--{tone}"),
        ]
        y += 42
    said = [(label, f"{says}{', over' if used > allowed else ''}") for label, used, allowed, says in rows]
    return _figure(parts, max(y, 1), f"{caption}: {count(len(rows), 'period')}", caption, heads, said)


def stacks(rows: Sequence[tuple[str, Sequence[tuple[str, int, str]]]], caption: str) -> Markup:
    """A bar a row, divided: (label, [(part, number, tone)]); bars are as long as their numbers, words say each part."""
    longest = max([sum(number for _, number, _ in divided) for _, divided in rows], default=0) or 1
    parts: list[Markup] = []
    y = 0
    for label, divided in rows:
        said = listing([f"{number} {part}" for part, number, _ in divided if number]) or "none"
        texts, y = _words(label, said, y)
        parts += texts
        x = 0.0
        for _, number, tone in divided:
            width = WIDTH * number / longest
            if number:
                cls = f"app-svg-tone--{tone} app-svg-part"
                parts.append(_tag("rect", "", x=x, y=y + 18, width=width, height=12, cls=cls))
            x += width
        y += 42
    heads = ["From", *(code(part) for part, _, _ in rows[0][1])] if rows else []
    table = [(label, *(f"{number:,}" for _, number, _ in divided)) for label, divided in rows]
    return _figure(parts, max(y, 1), f"{caption}: {count(len(rows), 'period')}", caption, heads, table)


def countdown(opened: datetime, due: datetime, now: datetime, caption: str = "Time to answer") -> Markup:
    """How much of the time between two moments has gone; the words stand beside it, so there is no table."""
    whole = (due - opened).total_seconds()
    gone = min(max((now - opened).total_seconds() / whole, 0.0), 1.0) if whole > 0 else 1.0
    tone = "bad" if now >= due else "warn" if gone >= 0.8 else "good"
    parts = [
        _tag("rect", "", x=0, y=0, width=WIDTH, height=10, rx=5, cls="app-svg-tone--none"),
        _tag("rect", "", x=0, y=0, width=WIDTH * gone, height=10, rx=5, cls=f"app-svg-tone--{tone}"),
    ]
    name = f"{caption}: {time_left(due, now)}, until {moment(due)}"
    return _figure(parts, 10, name, "", (), ())


def spend(
    rows: Sequence[tuple[str, int, int | None]],
    caption: str = "Spend against budget",
    say: Callable[[int], str] = pounds,
) -> Markup:
    """Bars of money: (label, pence spent, pence allowed or None). What goes past the allowance says so in words.

    `say` puts an amount into words, for budgets in hours.
    """
    longest = max([max(spent, allowed or 0) for _, spent, allowed in rows], default=0) or 1
    parts: list[Markup] = []
    table: list[tuple[str, ...]] = []
    y = 0
    for label, spent, allowed in rows:
        over = allowed is not None and spent > allowed
        words = say(spent) if allowed is None else f"{say(spent)} of {say(allowed)}{', over' if over else ''}"
        texts, y = _words(label, words, y)
        parts += texts
        if allowed is not None:
            parts.append(
                _tag("rect", "", x=0, y=y + 18, width=WIDTH * allowed / longest, height=12, cls="app-svg-tone--none")
            )
        tone = "bad" if over else "plain"
        parts.append(
            _tag(
                "rect", "", x=0, y=y + 20, width=WIDTH * max(spent, 0) / longest, height=8, cls=f"app-svg-tone--{tone}"
            )
        )
        table.append((label, say(spent), say(allowed) if allowed is not None else "No limit"))
        y += 42
    return _figure(parts, max(y, 1), f"{caption}: {count(len(rows), 'line')}", caption, ("", "Spent", "Allowed"), table)


def _words(label: str, says: str, y: int) -> tuple[list[Markup], int]:
    """What stands over a bar, and from where on the bar is drawn: on two lines where one is too short for both."""
    second = y if (len(label) + len(says) + 2) * LETTER * 0.52 <= WIDTH else y + LINE
    return [
        _tag("text", label, x=0, y=y + 13, cls="app-svg-label"),
        _tag("text", says, x=WIDTH, y=second + 13, cls="app-svg-number"),
    ], second


def _pieces(s: Slot) -> list[tuple[int, int, int, str]]:
    """A slot as (weekday, first minute, last minute, kind); one that runs past midnight is two."""
    start, end = s.starts_at.hour * 60 + s.starts_at.minute, s.ends_at.hour * 60 + s.ends_at.minute
    if end > start:
        return [(s.weekday % 7, start, end, s.kind)]
    first = [(s.weekday % 7, start, MIDNIGHT, s.kind)]
    return first if end == 0 else [*first, ((s.weekday + 1) % 7, 0, end, s.kind)]


def _tag(name: str, text: str, *, cls: str, **numbers: float) -> Markup:
    attributes = Markup(" ").join(Markup('{}="{}"').format(key, f"{value:g}") for key, value in numbers.items())
    return Markup('<{} class="{}" {}>{}</{}>').format(name, cls, attributes, text, name)


def _figure(
    parts: Sequence[Markup], height: float, name: str, caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> Markup:
    drawing = Markup(
        '<svg class="app-svg" viewBox="0 0 {} {}" role="img" aria-label="{}" focusable="false">{}</svg>'
    ).format(WIDTH, f"{height:g}", name, Markup("").join(parts))
    if not heads:
        return Markup('<div class="app-drawing">{}</div>').format(drawing)
    return Markup(
        '<figure class="app-drawing"><figcaption class="govuk-heading-s">{}</figcaption>{}'
        '<details class="govuk-details"><summary class="govuk-details__summary">'
        '<span class="govuk-details__summary-text">Show as a table'
        '<span class="govuk-visually-hidden">: {}</span></span>'
        '</summary><div class="govuk-details__text">{}</div></details></figure>'
    ).format(caption, drawing, caption, _table(caption, heads, rows))


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    kept = [at for at, head in enumerate(heads) if head or any(row[at] for row in rows)]
    head = Markup("").join(
        Markup('<th scope="col" class="govuk-table__header">{}</th>').format(heads[at] or "What") for at in kept
    )
    body = Markup("").join(
        Markup('<tr class="govuk-table__row">{}</tr>').format(
            Markup("").join(Markup('<td class="govuk-table__cell">{}</td>').format(row[at]) for at in kept)
        )
        for row in rows
    )
    return Markup(
        '<div class="app-scroll" role="region" aria-label="{}, as a table" tabindex="0">'
        '<table class="govuk-table"><caption class="govuk-visually-hidden">{}</caption>'
        '<thead class="govuk-table__head"><tr class="govuk-table__row">{}</tr></thead>'
        '<tbody class="govuk-table__body">{}</tbody></table></div>'
    ).format(caption, caption, head, body)

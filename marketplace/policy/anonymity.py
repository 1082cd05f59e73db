"""What in a free text could tell who a child is, before award (L 8.9, R 6.8.1; D).

Two sources: what the system itself knows of that child and family, and patterns. The result is for a person to read: it
warns, it does not rewrite.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

Kind = Literal[
    "known_name", "known_address", "known_date", "initials", "postcode", "phone", "email", "nhs_number", "date", "name"
]

SENTENCES: dict[Kind, str] = {
    "known_name": "names the child or someone of the family",
    "known_address": "gives part of the family's address",
    "known_date": "gives a date of birth",
    "initials": "gives initials of the child or family",
    "postcode": "looks like a postcode",
    "phone": "looks like a telephone number",
    "email": "looks like an e-mail address",
    "nhs_number": "looks like an NHS number",
    "date": "looks like a full date, perhaps of birth",
    "name": "looks like a person's full name",
}

MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
MONTHS = "|".join([*MONTH_NAMES, *(name[:3] for name in MONTH_NAMES), "sept"])
# Bounded, as the part before an @ is: a text of one endless word must not cost its length squared.
CAPITALISED = r"[A-ZÀ-ÖØ-Þ][\w'’-]{0,60}\w"
PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("email", re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")),
    ("postcode", re.compile(r"\b[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2}\b", re.IGNORECASE)),
    ("nhs_number", re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")),
    ("phone", re.compile(r"(?<![\d+])(?:\+44\s?(?:\(0\)\s?)?|\(?0)\d(?:[\d\s()-]{7,12})\d(?!\d)")),
    ("date", re.compile(r"(?<!\d)\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})(?!\d)")),
    ("date", re.compile(r"(?<!\d)\d{4}-\d{1,2}-\d{1,2}(?!\d)")),
    ("date", re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{MONTHS})\.?,?\s+\d{{4}}\b", re.IGNORECASE)),
    ("date", re.compile(rf"\b(?:{MONTHS})\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b", re.IGNORECASE)),
    ("name", re.compile(rf"\b{CAPITALISED}(?:[ \t]+{CAPITALISED})+")),
)
# Capitalised words that stand side by side without being anybody's name.
NO_NAMES = """
a an the he she they his her their we i it on in at of to for and or but with no not is are was this that
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
september october november december christmas easter english british sign language makaton pecs teacch autism
autistic spectrum disorder down syndrome adhd nhs ehcp council borough county city london school primary
secondary special nursery college hospital health education care plan social worker bank holiday day night
waking support short breaks needs child young person parents parent mum dad family likes enjoys requires can
"""
COMMON_CAPITALS = frozenset(NO_NAMES.split())


class KnownFacts(msgspec.Struct, frozen=True):
    """What the system knows of the child and family the text is about."""

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()


class Warning(msgspec.Struct, frozen=True):
    """A place in the text that could tell who the child is: `text[start:end]` is `words`."""

    kind: Kind
    words: str
    start: int
    end: int

    @property
    def sentence(self) -> str:
        """The warning for people."""
        return f"“{self.words}” {SENTENCES[self.kind]}"


def check_text(text: str, known: KnownFacts | None = None) -> tuple[Warning, ...]:
    """Every place in a free text that could tell who the child is, in order; of overlapping ones the surest."""
    known = known or KnownFacts()
    found = [*_known_words(text, known), *_patterns(text)]
    kept: list[Warning] = []
    taken = bytearray(len(text))
    for warning in found:
        if not any(taken[warning.start : warning.end]):
            kept.append(warning)
            taken[warning.start : warning.end] = b"\1" * (warning.end - warning.start)
    return tuple(sorted(kept, key=lambda warning: warning.start))


def _known_words(text: str, known: KnownFacts) -> Iterable[Warning]:
    for name in known.names:
        words = [word for word in re.split(r"[\s,]+", name) if len(word) > 1]
        yield from _all("known_name", text, [name, *words])
        initials = [word[0] for word in words if word[0].isalpha()]
        if len(initials) > 1:
            yield from _matches("initials", text, r"(?<!\w)" + r"\.?\s?".join(map(re.escape, initials)) + r"(?!\w)", 0)
    for address in known.addresses:
        parts = [part.strip() for part in re.split(r"[,\n]", address) if len(part.strip()) > 2]
        streets = [re.sub(r"^\d+\w?\s+", "", part) for part in parts if not part.isdigit()]
        yield from _all("known_address", text, [*parts, *streets])
    for day in known.dates:
        yield from _all("known_date", text, _spellings(day))


def _spellings(day: date) -> list[str]:
    month = MONTH_NAMES[day.month - 1]
    numbers = [f"{day.day}{sign}{day.month}{sign}{day.year}" for sign in "/.-"]
    padded = [f"{day.day:02}{sign}{day.month:02}{sign}{day.year}" for sign in "/.-"]
    short = [f"{day.day:02}/{day.month:02}/{day.year % 100:02}", f"{day.day}/{day.month}/{day.year % 100:02}"]
    words = [f"{day.day}{th} {name}" for th in ("", "st", "nd", "rd", "th") for name in (month, month[:3])]
    return [day.isoformat(), *padded, *numbers, *short, *[f"{word} {day.year}" for word in words], *words]


def _all(kind: Kind, text: str, wanted: list[str]) -> Iterable[Warning]:
    # The longest first, so that a whole name is shown rather than its first part.
    for words in sorted({word for word in wanted if word.strip()}, key=lambda word: (-len(word), word)):
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words.split())) + r"(?!\w)"
        yield from _matches(kind, text, pattern, re.IGNORECASE)


def _matches(kind: Kind, text: str, pattern: str, flags: int) -> Iterable[Warning]:
    for match in re.finditer(pattern, text, flags):
        yield Warning(kind, match[0], match.start(), match.end())


def _patterns(text: str) -> Iterable[Warning]:
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(text):
            if kind == "name" and not _is_name(match[0]):
                continue
            if kind == "nhs_number" and not _is_nhs_number(match[0]):
                continue
            yield Warning(kind, match[0], match.start(), match.end())


def _is_name(words: str) -> bool:
    # Abbreviations in capitals and words of the trade are no names; two others side by side may be one.
    return sum(not word.isupper() and word.lower() not in COMMON_CAPITALS for word in re.split(r"[ \t]+", words)) > 1


def _is_nhs_number(words: str) -> bool:
    digits = [int(character) for character in words if character.isdigit()]
    check = 11 - sum(digit * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return check % 11 == digits[9] and check != 10

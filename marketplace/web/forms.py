"""Forms without magic: each question is read by one call, which returns its value or records why it cannot.

    form = Form(await read_form(request))
    title = form.text("title", "a title for the referral", most=120)
    starts_on = form.date("starts_on", "the start date")
    if not form.errors:
        try:
            await write_draft(actor, title=title, starts_on=starts_on)
            return see_other(request, "/referrals", flash="Draft saved.")
        except InvalidInput as error:
            form.merge(error)
    return page(request, "referrals/draft.html", title="New referral", form=form)

The second argument is the question's name inside a sentence, in the user's words: "Enter a title for the referral",
"The start date must be a real date". What was typed stays in the form and is shown again. A required question that was
not answered returns a placeholder of its type ("", 0, date.min): look at `form.errors` before using any value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any, Literal, overload
from uuid import UUID

from marketplace.platform.errors import InvalidInput
from marketplace.web.filters import day as written_day
from marketplace.web.filters import pounds

# The form's own methods are called `date` and `time`; inside the class the types go by these names.
Day = date
TimeOfDay = time

MONTHS = {
    name: number
    for number, names in enumerate(
        ["jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"],
        start=1,
    )
    for name in names.split()
}  # fmt: skip
WHOLE = re.compile(r"-?[0-9]{1,15}")
POUNDS = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
CLOCK = re.compile(r"([0-9]{1,2})(?:[:.]?([0-9]{2}))?\s*(am|pm)?")
HOURS = re.compile(r"([0-9]{1,3})(?::([0-9]{2})|\.([0-9]{1,2}))?")
EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,180}\.[^@\s.,;<>\"]{2,}")
NIL = UUID(int=0)
UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def unstorable(text: str) -> bool:
    """NUL, other control characters and lone surrogates: no person types them, and the database takes none."""
    return UNSTORABLE.search(text) is not None


def storable(text: str) -> str:
    """The text without such characters."""
    return UNSTORABLE.sub("", text)


def begin(sentence: str) -> str:
    """The sentence with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def the(noun: str) -> str:
    """A question's name as the subject of a sentence: "a title" -> "The title"."""
    first, _, rest = noun.partition(" ")
    return f"The {rest}" if first in ("a", "an") and rest else begin(noun)


class Form:
    """What was typed, and what is wrong with it. Built from a submission, or from values to start with."""

    def __init__(self, submitted: Mapping[str, list[str]] | None = None) -> None:
        self.typed: dict[str, list[str]] = {}
        self.errors: dict[str, str] = {}
        self._anchors: dict[str, str] = {}
        self._spoilt: set[str] = set()
        for name, values in (submitted or {}).items():
            self.typed[name] = [storable(value) for value in values]
            if any(unstorable(value) for value in values):
                self._spoilt.add(name)

    @classmethod
    def starting_with(cls, **values: Any) -> Form:
        """A form for a first showing, filled with what is known: dates, times, pence (as `Pence`), lists, text."""
        form = cls()
        for name, value in values.items():
            form.set(name, value)
        return form

    def set(self, name: str, value: Any) -> None:
        """Show `value` in the field `name`, written as a person would type it."""
        if value is None:
            return
        if isinstance(value, date):
            for part, number in (("day", value.day), ("month", value.month), ("year", value.year)):
                self.typed[f"{name}-{part}"] = [str(number)]
        elif isinstance(value, time):
            self.typed[name] = [f"{value:%H:%M}"]
        elif isinstance(value, bool):
            self.typed[name] = ["yes"] if value else ["no"]
        elif isinstance(value, list | tuple | set | frozenset):
            self.typed[name] = [str(item) for item in value]
        else:
            self.typed[name] = [str(value)]

    def set_pence(self, name: str, pence: int | None) -> None:
        """Show integer pence in a field of pounds."""
        if pence is not None:
            self.typed[name] = [f"{pence // 100}.{pence % 100:02d}"]

    # What a page shows again

    def value(self, name: str) -> str:
        """What was typed into the field, as typed."""
        values = self.typed.get(name)
        return values[-1] if values else ""

    def values(self, name: str) -> list[str]:
        """Everything ticked or typed under one name."""
        return list(self.typed.get(name, ()))

    def error(self, name: str, sentence: str, anchor: str | None = None) -> None:
        """Record what is wrong with a field; the first thing said about it stays."""
        self.errors.setdefault(name, sentence)
        if anchor is not None:
            self._anchors.setdefault(name, anchor)

    def merge(self, error: InvalidInput, names: Mapping[str, str] | None = None) -> None:
        """Put an action's complaints beside the fields; `names` maps its names onto this form's where they differ."""
        for name, sentence in error.fields.items():
            self.error((names or {}).get(name, name), sentence)
        if not error.fields:
            self.error("", error.sentence)

    def error_list(self) -> list[dict[str, str]]:
        """The error summary's entries, each leading to its field."""
        entries: list[dict[str, str]] = []
        for name, sentence in self.errors.items():
            entry = {"text": sentence}
            if name:
                anchor = self._anchors.get(name) or (f"{name}-day" if f"{name}-day" in self.typed else name)
                entry["href"] = f"#{anchor}"
            entries.append(entry)
        return entries

    # The kinds of question

    def text(
        self, name: str, noun: str, *, required: bool = True, most: int = 200, least: int = 0, lines: bool = False
    ) -> str:
        """Text without spaces around it; `most` and `least` characters; several lines only where asked for."""
        raw = self.value(name)
        text = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n"))
        text = text.strip() if lines else " ".join(text.split())
        if name in self._spoilt:
            self.error(name, f"{the(noun)} contains a character that cannot be stored. Check it and send it again")
        elif not text and required:
            self.error(name, f"Enter {noun}")
        elif len(text) > most:
            self.error(name, f"{the(noun)} must be {most:,} characters or fewer")
        elif text and len(text) < least:
            self.error(name, f"{the(noun)} must be {least} characters or more")
        return text if name not in self.errors else ""

    def password(self, name: str, noun: str = "your password", *, most: int = 1000) -> str:
        """A secret exactly as typed: nothing is trimmed, and it is never shown again."""
        raw = self.value(name)
        if name in self._spoilt or len(raw) > most:
            self.error(name, f"{the(noun)} contains a character that cannot be used, or is too long")
        elif not raw:
            self.error(name, f"Enter {noun}")
        return raw if name not in self.errors else ""

    def email(self, name: str, noun: str = "an email address", *, required: bool = True) -> str:
        """An e-mail address, lower-cased; whether it arrives is found out by sending to it."""
        text = self.text(name, noun, required=required, most=254).lower()
        if text and not EMAIL.fullmatch(text):
            self.error(name, f"Enter {noun} in the correct format, like name@example.com")
            return ""
        return text

    @overload
    def integer(self, name: str, noun: str, *, least: int = 0, most: int = 1_000_000) -> int: ...
    @overload
    def integer(
        self, name: str, noun: str, *, required: Literal[False], least: int = 0, most: int = 1_000_000
    ) -> int | None: ...
    def integer(
        self, name: str, noun: str, *, required: bool = True, least: int = 0, most: int = 1_000_000
    ) -> int | None:
        """A whole number from `least` to `most`."""
        raw = self.value(name).strip().replace(",", "").replace("−", "-")
        if not raw:
            return self._unanswered(name, noun, required, 0)
        if not WHOLE.fullmatch(raw):
            return self._wrong(name, f"{the(noun)} must be a whole number, like 12", required, 0)
        number = int(raw)
        if not least <= number <= most:
            return self._wrong(name, f"{the(noun)} must be between {least:,} and {most:,}", required, 0)
        return number

    @overload
    def pence(self, name: str, noun: str, *, least: int = 0, most: int = 100_000_000) -> int: ...
    @overload
    def pence(
        self, name: str, noun: str, *, required: Literal[False], least: int = 0, most: int = 100_000_000
    ) -> int | None: ...
    def pence(
        self, name: str, noun: str, *, required: bool = True, least: int = 0, most: int = 100_000_000
    ) -> int | None:
        """An amount typed in pounds ("12", "£12.50", "1,200.5"), as integer pence; `least`, `most` in pence."""
        raw = re.sub(r"[£,\s]", "", self.value(name))
        if not raw:
            return self._unanswered(name, noun, required, 0)
        match = POUNDS.fullmatch(raw)
        if not match:
            return self._wrong(name, f"{the(noun)} must be an amount in pounds, like 12.50", required, 0)
        pence = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
        if not least <= pence <= most:
            sentence = f"{the(noun)} must be between {pounds(least)} and {pounds(most)}"
            return self._wrong(name, sentence, required, 0)
        return pence

    @overload
    def minutes(self, name: str, noun: str, *, least: int = 1, most: int = 10_080) -> int: ...
    @overload
    def minutes(
        self, name: str, noun: str, *, required: Literal[False], least: int = 1, most: int = 10_080
    ) -> int | None: ...
    def minutes(self, name: str, noun: str, *, required: bool = True, least: int = 1, most: int = 10_080) -> int | None:
        """A span typed in hours ("2", "2.5", "2:30"), as minutes."""
        raw = re.sub(r"\s*(hours?|hrs?|h)$", "", self.value(name).strip().lower())
        if not raw:
            return self._unanswered(name, noun, required, 0)
        match = HOURS.fullmatch(raw)
        part = 0
        if match and match[2]:
            part = int(match[2])
        elif match and match[3]:
            hundredths = int(match[3].ljust(2, "0")) * 60
            match, part = (None, 0) if hundredths % 100 else (match, hundredths // 100)
        if not match or part > 59:
            return self._wrong(name, f"{the(noun)} must be a number of hours, like 2.5 or 2:30", required, 0)
        minutes = int(match[1]) * 60 + part
        if not least <= minutes <= most:
            sentence = f"{the(noun)} must be between {least} minutes and {most // 60} hours"
            return self._wrong(name, sentence, required, 0)
        return minutes

    @overload
    def date(self, name: str, noun: str, *, earliest: Day | None = None, latest: Day | None = None) -> Day: ...
    @overload
    def date(
        self, name: str, noun: str, *, required: Literal[False], earliest: Day | None = None, latest: Day | None = None
    ) -> Day | None: ...
    def date(
        self, name: str, noun: str, *, required: bool = True, earliest: Day | None = None, latest: Day | None = None
    ) -> Day | None:
        """A day typed as day, month and year in three fields (`name-day`, `name-month`, `name-year`)."""
        typed = {part: self.value(f"{name}-{part}").strip().lower() for part in ("day", "month", "year")}
        if not any(typed.values()):
            return self._unanswered(name, noun, required, date.min, anchor=f"{name}-day")
        missing = [part for part, text in typed.items() if not text]
        if missing:
            sentence = f"{the(noun)} must include a {' and a '.join(missing)}"
            return self._wrong(name, sentence, required, date.min, anchor=f"{name}-{missing[0]}")
        month = MONTHS.get(typed["month"], typed["month"])
        try:
            if not re.fullmatch(r"[0-9]{4}", typed["year"]):
                raise ValueError
            if not re.fullmatch(r"[0-9]{1,2}", typed["day"]) or not re.fullmatch(r"[0-9]{1,2}", str(month)):
                raise ValueError
            day = date(int(typed["year"]), int(month), int(typed["day"]))
        except ValueError:
            sentence = f"{the(noun)} must be a real date, like 11 5 2026"
            return self._wrong(name, sentence, required, date.min, anchor=f"{name}-day")
        if earliest is not None and day < earliest:
            sentence = f"{the(noun)} must be {written_day(earliest)} or later"
            return self._wrong(name, sentence, required, date.min, anchor=f"{name}-day")
        if (latest is not None and day > latest) or not 1900 <= day.year <= 2200:
            end = latest or date(2200, 12, 31)
            sentence = f"{the(noun)} must be between 1 January 1900 and {written_day(end)}"
            return self._wrong(name, sentence, required, date.min, anchor=f"{name}-day")
        return day

    @overload
    def time(self, name: str, noun: str) -> TimeOfDay: ...
    @overload
    def time(self, name: str, noun: str, *, required: Literal[False]) -> TimeOfDay | None: ...
    def time(self, name: str, noun: str, *, required: bool = True) -> TimeOfDay | None:
        """A time of the day: "9am", "9:30pm", "14:00", "midday", "midnight"."""
        raw = self.value(name).strip().lower().replace("noon", "midday")
        if not raw:
            return self._unanswered(name, noun, required, time.min)
        if raw in ("midday", "midnight"):
            return time(12 if raw == "midday" else 0)
        match = CLOCK.fullmatch(raw)
        hour, minute = (int(match[1]), int(match[2] or 0)) if match else (99, 0)
        if match and match[3]:
            hour = hour % 12 + (12 if match[3] == "pm" else 0) if 1 <= hour <= 12 else 99
        elif match and match[2] is None:
            hour = 99  # "9" alone could be morning or evening
        if hour > 23 or minute > 59:
            return self._wrong(name, f"{the(noun)} must be a time, like 9:30am or 14:00", required, time.min)
        return time(hour, minute)

    @overload
    def choice(self, name: str, noun: str, options: Iterable[str]) -> str: ...
    @overload
    def choice(self, name: str, noun: str, options: Iterable[str], *, required: Literal[False]) -> str | None: ...
    def choice(self, name: str, noun: str, options: Iterable[str], *, required: bool = True) -> str | None:
        """One of `options` (codes); anything else counts as no choice."""
        raw = self.value(name)
        if raw and raw in set(options):
            return raw
        if raw or required:
            self.error(name, f"Select {noun}")
        return "" if required else None

    def choices(self, name: str, noun: str, options: Iterable[str], *, least: int = 0) -> list[str]:
        """Any number of `options`, in the order they are offered; at least `least` of them."""
        offered = list(options)
        ticked = set(self.values(name))
        if ticked - set(offered) - {""}:
            self.error(name, f"Choose {noun} from the list")
        chosen = [option for option in offered if option in ticked]
        if len(chosen) < least:
            self.error(name, f"Select {noun}" if least < 2 else f"Select at least {least} for {noun}")
        return chosen

    def boolean(self, name: str) -> bool:
        """Whether a single box is ticked."""
        return self.value(name) == "yes"

    def agreed(self, name: str, sentence: str) -> bool:
        """A box that must be ticked; `sentence` says what to do when it is not."""
        if not self.boolean(name):
            self.error(name, sentence)
        return self.boolean(name)

    @overload
    def uuid(self, name: str, noun: str) -> UUID: ...
    @overload
    def uuid(self, name: str, noun: str, *, required: Literal[False]) -> UUID | None: ...
    def uuid(self, name: str, noun: str, *, required: bool = True) -> UUID | None:
        """The id behind a choice or a hidden field."""
        raw = self.value(name)
        if not raw:
            return self._unanswered(name, noun, required, NIL, verb="Select")
        try:
            return UUID(raw)
        except ValueError:
            return self._wrong(name, f"Select {noun}", required, NIL)

    def uuids(self, name: str, noun: str, *, least: int = 0) -> list[UUID]:
        """The ids behind ticked boxes, each once, in the order sent."""
        chosen: dict[UUID, None] = {}
        for raw in self.values(name):
            try:
                chosen[UUID(raw)] = None
            except ValueError:
                self.error(name, f"Choose {noun} from the list")
        if len(chosen) < least:
            self.error(name, f"Select {noun}" if least < 2 else f"Select at least {least} for {noun}")
        return list(chosen)

    # What happens when there is no answer

    def _unanswered(
        self, name: str, noun: str, required: bool, placeholder: Any, *, verb: str = "Enter", anchor: str | None = None
    ) -> Any:
        if name in self._spoilt:
            return self._wrong(name, f"{the(noun)} contains a character that cannot be stored", required, placeholder)
        if required:
            self.error(name, f"{verb} {noun}", anchor)
            return placeholder
        return None

    def _wrong(self, name: str, sentence: str, required: bool, placeholder: Any, *, anchor: str | None = None) -> Any:
        self.error(name, sentence, anchor)
        return placeholder if required else None

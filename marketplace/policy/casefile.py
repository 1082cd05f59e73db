"""Reading a case file strictly: every fault is one line that names the field by its path and says why.

A `Field` is a value with its path. Reading it as something it is not records a fault and gives back a harmless value,
so that one pass finds every fault; nothing is computed while there are any.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime
from typing import Any, TypeVar, cast

from marketplace.policy.calendar import LONDON

Value = TypeVar("Value")

LARGEST_AMOUNT = 2**53 - 1  # the largest whole number every JSON reader keeps exactly
FIRST_YEAR, LAST_YEAR = 1900, 9990
SOME_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
INSTANT = re.compile(
    r"(?P<clock>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)(?P<offset>Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII
)


class CaseFaults(ValueError):
    """A case that cannot be computed; `lines` says what is wrong, one line per fault."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class _Absent:
    """Stands for a field that is not there; its absence has been reported where it was looked for."""


class _Repeating(dict[str, Any]):
    """An object of a case file that gives a key twice."""

    repeated: tuple[str, ...] = ()


class Field:
    """A value of a case file with its path."""

    def __init__(self, value: object, path: str, faults: list[str]) -> None:
        self.value = value
        self.path = path
        self.faults = faults

    def fault(self, reason: str) -> None:
        """Record what is wrong with this field."""
        self.faults.append(f"{self.path or 'case'}: {reason}")

    @property
    def is_absent(self) -> bool:
        """Whether the field is not there at all (and has been reported)."""
        return isinstance(self.value, _Absent)

    def table(self, required: Iterable[str], optional: Iterable[str] = ()) -> "Table":
        """The field as an object that has the required keys, perhaps the optional ones, and no others."""
        content = self.content()
        if content is None:
            self._expected("an object")
            return Table(self, {})
        for key in getattr(content, "repeated", ()):
            self.fault(f"gives the key {quoted(key)} twice")
        required = tuple(required)
        known = {*required, *optional}
        for key in required:
            if key not in content:
                self._child(key, None).fault("is missing")
        for key in content:
            if key not in known:
                self._child(key, None).fault("is not a key of this object")
        return Table(self, content)

    def content(self) -> dict[str, Any] | None:
        """The raw object of the field, None where it is none."""
        value: object = self.value
        return cast(dict[str, Any], value) if isinstance(value, dict) else None

    def items(self) -> list["Field"]:
        """The field as a list."""
        value: object = self.value
        if not isinstance(value, list):
            self._expected("a list")
            return []
        content = cast(list[object], value)
        return [Field(item, f"{self.path}[{at}]", self.faults) for at, item in enumerate(content)]

    def text(self) -> str:
        """The field as text that can be shown and stored."""
        if not isinstance(self.value, str):
            self._expected("text")
            return ""
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in self.value):
            self.fault("holds a character that is no text (NUL or half of a surrogate pair)")
            return ""
        return self.value

    def one_of(self, known: Collection[str], noun: str) -> str:
        """The field as one of the known codes."""
        before = len(self.faults)
        code = self.text()
        if len(self.faults) == before and not self.is_absent and code not in known:
            listed = ", ".join(sorted(known)) or "none at all"
            self.fault(f"{quoted(code)} is not a known {noun}; known: {listed}")
        return code

    def yes_no(self) -> bool:
        """The field as true or false."""
        if not isinstance(self.value, bool):
            self._expected("true or false")
            return False
        return self.value

    def pence(self) -> int:
        """The field as a whole amount of pence, not negative."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self._expected("a whole number of pence, written without fraction or exponent")
            return 0
        if not 0 <= self.value <= LARGEST_AMOUNT:
            self.fault("must not be negative" if self.value < 0 else f"must not be above {LARGEST_AMOUNT}")
            return 0
        return self.value

    def day(self) -> date:
        """The field as a day, YYYY-MM-DD."""
        if isinstance(self.value, str) and DAY.fullmatch(self.value):
            try:
                return date.fromisoformat(self.value)
            except ValueError:
                pass
        self._expected("a day of the calendar, written YYYY-MM-DD")
        return date(2000, 1, 1)

    def instant(self, *, seconds: bool = False) -> datetime:
        """The field as an instant with its offset, in UTC; its seconds must be :00 unless `seconds` may be given."""
        found = INSTANT.fullmatch(self.value) if isinstance(self.value, str) else None
        if found is None:
            self._expected("a timestamp like 2026-09-09T15:30:00+01:00")
            return SOME_INSTANT
        if found["offset"] is None:
            self.fault("has no offset: write it like 2026-09-09T15:30:00+01:00")
            return SOME_INSTANT
        try:
            instant = datetime.fromisoformat(found[0]).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fault("is not a time of the calendar")
            return SOME_INSTANT
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            self.fault(f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
            return SOME_INSTANT
        if not seconds and (instant.second or instant.microsecond or _small(found[0])):
            self.fault("must lie on a whole minute: its seconds must be :00")
        return instant

    def nullable(self, read: Callable[["Field"], Value]) -> Value | None:
        """The field as null, or as what `read` makes of it."""
        return None if self.value is None or self.is_absent else read(self)

    def _child(self, key: str, value: object) -> "Field":
        name = key if re.fullmatch(r"\w+", key, re.ASCII) else quoted(key)
        return Field(value, f"{self.path}.{name}" if self.path else name, self.faults)

    def _expected(self, what: str) -> None:
        if not self.is_absent:
            self.fault(f"must be {what}, not {_kind(self.value)}")


class Table:
    """An object of a case file whose keys have been checked."""

    def __init__(self, field: Field, content: dict[str, Any]) -> None:
        self._field = field
        self._content = content

    def __getitem__(self, key: str) -> Field:
        """The field under a key; an absent one reads as a harmless value."""
        return self._field._child(key, self._content.get(key, _Absent()))  # pyright: ignore[reportPrivateUsage] one pair

    def __contains__(self, key: str) -> bool:
        return key in self._content


def read_case(data: bytes) -> Field:
    """The one JSON object a case file holds. Raises `CaseFaults` for anything else."""
    try:
        value: object = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
        )
    except UnicodeDecodeError:
        raise CaseFaults(["case: is not UTF-8 text"]) from None
    except RecursionError:
        raise CaseFaults(["case: is nested too deeply"]) from None
    except ValueError as error:
        raise CaseFaults([f"case: is not one JSON object: {one_line(str(error))}"]) from None
    if not isinstance(value, dict):
        raise CaseFaults([f"case: must be one JSON object, not {_kind(value)}"])
    return Field(cast(object, value), "", [])


def unique(fields: Iterable[tuple[Field, object]], what: str) -> None:
    """Record a fault at each field whose value came before in the list."""
    seen: set[object] = set()
    for field, value in fields:
        if value in seen:
            field.fault(f"{what} is used twice")
        seen.add(value)


def london(instant: datetime) -> datetime:
    """An instant on London's clock, as output shows it."""
    return instant.astimezone(LONDON)


def quoted(text: str) -> str:
    """Text from a case as it may stand in a line: in quotes, everything unusual escaped, cut when it is long."""
    return json.dumps(text if len(text) <= 80 else text[:77] + "...")


def one_line(text: str) -> str:
    """A message on one line."""
    return " ".join(text.split())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = _Repeating(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        content.repeated = tuple(key for key in content if keys.count(key) > 1)
    return content


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _small(text: str) -> bool:
    # Digits finer than a microsecond are lost on reading; on a whole minute they must be zero as well.
    fraction = re.search(r"\.(\d+)", text)
    return fraction is not None and bool(fraction[1].strip("0"))


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (int, float)):
        return "a number" if isinstance(value, int) else f"the number {value!r}"
    return "a list" if isinstance(value, list) else "an object"

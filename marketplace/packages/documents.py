"""What people sign: a text made of headed parts, shown exactly as it is hashed (data.md, Signature).

A page shows each heading and its text; the signature keeps the SHA-256 of all of them in one text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and what stands under it, with its line breaks."""

    heading: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The text line by line, for a page."""
        return self.text.split("\n")


@dataclass(frozen=True, slots=True)
class Document:
    """A text to be signed."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Everything as one text: a heading, its text, an empty line."""
        return "\n\n".join(f"{part.heading}\n{part.text}" for part in self.parts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the text in hexadecimal: what a signature keeps."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def document(parts: Sequence[tuple[str, str]]) -> Document:
    """Parts from (heading, text); a text without visible lines says so, since silence can be read in two ways."""
    return Document(tuple(Part(heading, _plain(text)) for heading, text in parts))


def _plain(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return text or "Nothing recorded"

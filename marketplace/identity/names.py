"""What a person's name must show before it is kept: one rule for pages, the API and imports.

Names differ the world over, so little is asked: letters, of whoever is named at all; a first and a last name, of
whoever answers for a fact by name alone, without a sign-in of their own.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import dropwhile

TITLES = {
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "dame", "lady", "lord", "rev", "revd",
    "reverend", "sister", "matron", "nurse", "carer",
}  # fmt: skip
# Marks one does not see: they neither make nor change a word.
UNSEEN = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# They turn what stands after them around on a page, so that one name reads as another; no name is written with them.
TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def straight(typed: str) -> str:
    """A name as it is kept: without marks that turn the direction of writing, and with single blanks."""
    return " ".join(TURNING.sub("", typed).split())


def words_of(text: str) -> list[str]:
    """The words of a name as they are compared; what a hyphen or an apostrophe joins is one."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    joined = re.sub(r"(?<=\w\w)-(?=\w\w)|(?<=\w)['’](?=\w)", "", plain.casefold())
    return "".join(sign if _is_written(sign) else " " for sign in joined).split()


def _is_written(sign: str) -> bool:
    # a vowel sign of many scripts is a mark behind its letter, and part of the word
    return sign.isalpha() or (unicodedata.category(sign) in ("Mc", "Mn") and not UNSEEN.match(sign))


def name_and_job(typed: str) -> tuple[str, str]:
    """The two parts of what was typed: people write their job behind their name."""
    name, _, job = (re.sub(r"\s*[,;(/]|\s[-–—]\s", "\n", typed, count=1)).partition("\n")
    return name, job


def without_titles(words: list[str]) -> list[str]:
    """The words that are the name itself: a title stands before it, and people are called Nurse and Lord too."""
    return list(dropwhile(TITLES.__contains__, words))


def is_name(text: str) -> bool:
    """Whether this may be somebody's name: two letters at least, titles aside; one word is enough."""
    return len("".join(without_titles(words_of(text)))) > 1


def is_full_name(text: str) -> bool:
    """Whether this names somebody by first and last name, one of them perhaps as a letter; a job may stand behind."""
    words = without_titles(words_of(name_and_job(text)[0]))
    return len(words) > 1 and any(len(word) > 1 for word in words)

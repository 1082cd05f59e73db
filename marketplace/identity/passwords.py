"""Passwords and PINs: Argon2id off the event loop, and which ones are too easy to guess."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from marketplace.platform.errors import InvalidInput

SHORTEST = 12
LONGEST = 200
_hasher = PasswordHasher()  # the library's defaults are RFC 9106's second recommendation: 64 MiB, 3 passes
# Verified against when there is no account or no password yet, so that both answers take equally long.
_NOBODYS = _hasher.hash("nobody's password, never right")
# Argon2 takes 64 MiB each: a crowd signing in at once must not take all memory.
_turns = ThreadPoolExecutor(max_workers=4, thread_name_prefix="argon2")

# The words guessers try first; a long password made of one of them and digits is still one of them.
COMMON = (
    "password", "passwort", "letmein", "welcome", "qwertyuiop", "qwerty", "administrator", "admin", "iloveyou",
    "football", "liverpool", "arsenal", "chelsea", "summer", "winter", "spring", "autumn", "monday", "sunshine",
    "princess", "changeme", "secret", "marketplace", "council", "abcdefghijkl", "asdfghjkl", "zxcvbnm", "dragon",
)  # fmt: skip


async def hash_secret(secret: str) -> str:
    """The Argon2id hash of a password or PIN, with its salt and parameters."""
    return await asyncio.get_running_loop().run_in_executor(
        _turns, _hasher.hash, secret.encode("utf-8", "surrogatepass")
    )


async def secret_fits(secret: str, stored: str | None) -> bool:
    """Whether it is the one; takes as long when there is nothing stored."""
    fits = await asyncio.get_running_loop().run_in_executor(
        _turns, _verify, secret.encode("utf-8", "surrogatepass"), stored or _NOBODYS
    )
    return fits and stored is not None


def needs_new_hash(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def check_password(password: str, *about_them: str, field: str = "password") -> None:
    """Raise `InvalidInput` naming `field` when a password is too short, too long, common, or is the person themself."""
    plain = re.sub(r"[^a-z]", "", password.lower())
    if len(password) < SHORTEST:
        problem = f"The password must be at least {SHORTEST} characters long. Three or four unrelated words work well."
    elif len(password) > LONGEST:
        problem = f"The password must be at most {LONGEST} characters long"
    elif len(set(password)) < 5 or any(plain == word * max(1, len(plain) // len(word)) for word in COMMON if plain):
        problem = "This password is among those that are guessed first. Choose one that is harder to guess"
    elif any(len(part) > 3 and part.lower() in password.lower() for text in about_them for part in _parts(text)):
        problem = "The password must not contain your name or e-mail address"
    else:
        return
    raise InvalidInput({field: problem})


def check_pin(pin: str, field: str = "pin") -> None:
    """Raise `InvalidInput` unless it is 4 to 6 digits that are not the first anybody would try."""
    steps = {int(b) - int(a) for a, b in pairwise(pin)} if pin.isascii() and pin.isdigit() else set()
    if not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 6):
        problem = "The PIN must be 4 to 6 digits"
    elif len(steps) == 1 and steps <= {0, 1, -1}:
        problem = "This PIN is too easy to guess: choose digits that are not all the same and do not count up or down"
    elif pin in ("1212", "2580", "0852", "1122", "6969", "1004", "121212", "112233", "123123", "101010"):
        problem = "This PIN is among those that are guessed first. Choose another"
    elif len(pin) == 4 and pin[:2] in ("19", "20"):
        problem = "This PIN looks like a year: choose one that nobody can guess from a birthday"
    else:
        return
    raise InvalidInput({field: problem})


def _verify(secret: bytes, stored: str) -> bool:
    try:
        return _hasher.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False


def _parts(text: str) -> list[str]:
    return re.split(r"[\s@.+_-]+", text)

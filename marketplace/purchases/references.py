"""The reference of a purchase: what a family types into its bank transfer. It says nothing about anybody.

"DP", eight random signs and a check sign: a sign mistyped, or two exchanged, give no other reference.
"""

from __future__ import annotations

import re
import secrets

SIGNS = "023456789ABCDEFGHJKMNPQRSTVWXYZ"  # none looks like another: no 1, I, L, O, U
START = "DP"
LENGTH = 8
_FOUND = re.compile(rf"{START}([{SIGNS}]{{{LENGTH + 1}}})")


def new_reference() -> str:
    """A reference nobody has had: thirty-one signs, eight places."""
    body = "".join(secrets.choice(SIGNS) for _ in range(LENGTH))
    return f"{START}{body}{_check(body)}"


def shown(reference: str) -> str:
    """In groups that can be read out: "DP7K 2M9Q XT4"."""
    return " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))


def references_in(text: str) -> list[str]:
    """Every reference a bank's text holds, however it is spaced."""
    plain = re.sub(r"[^0-9A-Z]", "", text.upper()).replace("O", "0")
    found: list[str] = []
    for at in range(len(plain)):
        match = _FOUND.match(plain, at)
        if match and _check(match[1][:-1]) == match[1][-1]:
            found.append(match[0])
    return list(dict.fromkeys(found))


def _check(body: str) -> str:
    return SIGNS[sum((place + 1) * SIGNS.index(sign) for place, sign in enumerate(body)) % len(SIGNS)]

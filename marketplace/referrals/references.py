"""References people can read to each other over the telephone: random, so that they say nothing about the case."""

from __future__ import annotations

import secrets

# Without vowels (no words, no initials that mean somebody) and without signs that look alike.
SIGNS = "23456789BCDFGHJKMNPQRTVWXZ"


def new_reference(letter: str) -> str:
    """`letter` and eight random signs: "R-7K4M-9QXD". 26^8 of them: the database refuses the one that came before."""
    signs = "".join(secrets.choice(SIGNS) for _ in range(8))
    return f"{letter}-{signs[:4]}-{signs[4:]}"

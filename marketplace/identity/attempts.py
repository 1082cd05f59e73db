"""Slowing down guessers without locking anybody else out: waits grow for one account from one network.

An attempt counts as failed from its beginning, so that a thousand at once are counted too. What is stored is an HMAC:
the table tells nobody which addresses were tried.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from marketplace.platform.database import outside_context
from marketplace.platform.errors import TooManyAttempts


@dataclass(frozen=True, slots=True)
class Patience:
    """`free` failures without a wait, then `first` seconds, doubling up to `longest`; forgotten after `span`."""

    free: int
    first: int
    longest: int
    span: timedelta


SIGN_IN = Patience(free=5, first=15, longest=900, span=timedelta(hours=1))
# Four to six digits: a worker's device gets five tries, then minutes, then a day.
PIN = Patience(free=5, first=300, longest=86_400, span=timedelta(days=1))
LINK = Patience(free=3, first=300, longest=3_600, span=timedelta(hours=6))


@dataclass(frozen=True, slots=True)
class Attempt:
    ids: list[int]

    async def worked(self) -> None:
        """It was right after all: earlier failures no longer count."""
        async with outside_context() as connection:
            await connection.execute("SELECT attempt_worked($1)", self.ids)


async def begin(key: bytes, patience: Patience, *who: str, network: str | None = None) -> Attempt:
    """Note an attempt by `who` (its parts, such as "sign-in", account) from `network`; raises `TooManyAttempts`."""
    pair = _subject(key, *who, network or "")
    whole_network = _subject(key, who[0], network) if network is not None else None
    async with outside_context() as connection:
        row = await connection.fetchrow(
            "SELECT * FROM attempt_begin($1, $2, $3, $4, $5, $6)",
            pair,
            whole_network,
            patience.free,
            patience.first,
            patience.longest,
            patience.span,
        )
    assert row is not None
    if row["wait"]:
        raise TooManyAttempts(f"Too many wrong attempts. Try again in {_in_words(row['wait'])}.", row["wait"])
    return Attempt(row["attempts"])


def network_of(host: str | None) -> str:
    """The part of an address that one household or office shares: all of IPv4, the first 64 bits of IPv6."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _subject(key: bytes, *parts: str) -> str:
    return hmac.new(key, "\0".join(parts).encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _in_words(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes < 90 else f"{-(-minutes // 60)} hours"

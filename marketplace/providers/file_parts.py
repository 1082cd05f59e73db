"""A long file read in parts from the store, each part summed before it is sent.

The whole file is fetched and summed once a process; the sums of its blocks, a few kilobytes, are kept. Whoever jumps
about in a video then costs the store the blocks they see and not the whole file, and still is shown nothing that is not
what was checked.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Any

from marketplace.platform.errors import Conflict
from marketplace.platform.storage import Storage

BLOCK = 1_048_576
MOST_KEPT = 500
Key = tuple[str, str, str]  # key, version and sum of the whole


@dataclass(frozen=True, slots=True)
class Blocks:
    """The sum of each block of a file that was found to be what was checked."""

    size: int
    sums: tuple[bytes, ...]


_KNOWN: OrderedDict[Key, Blocks] = OrderedDict()


def key_of(row: dict[str, Any]) -> Key:
    """What a file's blocks are known by."""
    return row["published_key"], row["published_version"], row["published_sha256"]


def known(row: dict[str, Any]) -> Blocks | None:
    """The blocks of a file that this process has summed before."""
    found = _KNOWN.get(key_of(row))
    if found is not None:
        _KNOWN.move_to_end(key_of(row))
    return found


def remember(row: dict[str, Any], file: IO[bytes]) -> None:
    """Sum the blocks of a file that was just found to be what was checked; leaves it at its beginning."""
    sums: list[bytes] = []
    size = 0
    while part := file.read(BLOCK):
        sums.append(hashlib.sha256(part).digest())
        size += len(part)
    file.seek(0)
    _KNOWN[key_of(row)] = Blocks(size, tuple(sums))
    while len(_KNOWN) > MOST_KEPT:
        _KNOWN.popitem(last=False)


def forget(row: dict[str, Any]) -> None:
    """The file is no longer what was summed."""
    _KNOWN.pop(key_of(row), None)


async def between(storage: Storage, row: dict[str, Any], blocks: Blocks, first: int, last: int) -> AsyncIterator[bytes]:
    """The bytes from `first` to `last` inclusive, block by block as they are taken. Raises `Conflict` at a block that
    is not what was checked; nothing of it is given."""
    key, version, _ = key_of(row)
    for number in range(first // BLOCK, last // BLOCK + 1):
        start = number * BLOCK
        end = min(start + BLOCK, blocks.size) - 1
        part = await storage.part(key, version, start, end)
        if hashlib.sha256(part).digest() != blocks.sums[number]:
            forget(row)
            raise Conflict("This file is no longer what was checked.")
        yield part[max(first - start, 0) : last - start + 1]

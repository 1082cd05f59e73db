"""The stored pack that judged a duty: immutable, so kept in memory by its hash."""

from __future__ import annotations

import json

from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.pack import Pack, pack_from_json

_PACKS: dict[str, Pack] = {}


async def pack_of_hash(work: Work, pack_hash: str) -> Pack:
    """The pack of that hash. Raises `NotFound` when none is stored under it."""
    if pack_hash not in _PACKS:
        content = await work.fetchval("SELECT content FROM pack_version WHERE hash = $1", pack_hash)
        if content is None:
            raise NotFound("The rules that judged this are not stored here.")
        _PACKS[pack_hash] = pack_from_json(json.dumps(content).encode())
    return _PACKS[pack_hash]

"""A world with everything in it, and a client of each door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from marketplace.settings import Settings
from tests.structure.inhabited import settle
from tests.structure.nasty import Api


@pytest.fixture
async def api(database: Settings, clock, migrator) -> AsyncIterator[Api]:
    found = Api(database, await settle(database, clock, migrator, "Northgate"))
    yield found
    for client in found.clients.values():
        await client.aclose()

from collections.abc import AsyncIterator

import httpx
import pytest

from marketplace.settings import Settings
from tests.world.apps import create_console, create_marketplace
from tests.world.browsing import Browser


@pytest.fixture
async def marketplace(database: Settings) -> AsyncIterator[Browser]:
    async with Browser(create_marketplace(database)) as browser:
        yield browser


@pytest.fixture
async def console(database: Settings) -> AsyncIterator[Browser]:
    async with Browser(create_console(database)) as browser:
        yield browser


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_marketplace(database))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test") as client:
        yield client

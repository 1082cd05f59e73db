from collections.abc import AsyncIterator

import httpx
import pytest

from admin.app import create_app as create_console
from marketplace.app import create_app
from marketplace.settings import Settings
from tests.world.browsing import Browser


@pytest.fixture
async def marketplace(database: Settings) -> AsyncIterator[Browser]:
    async with Browser(create_app(database)) as browser:
        yield browser


@pytest.fixture
async def console(database: Settings) -> AsyncIterator[Browser]:
    async with Browser(create_console(database)) as browser:
        yield browser


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(database))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test") as client:
        yield client

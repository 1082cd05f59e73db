"""One running demo and one browser for all journeys of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.demo_folder import LoadedDemo, Site
from tests.journeys.people import Town
from tests.web.axe import browser  # noqa: F401 - the fixture


@pytest.fixture(scope="module")
def town(browser: Browser, loaded_demo: LoadedDemo) -> Iterator[Town]:  # noqa: F811 - the fixture
    """A demo nobody else uses: what one journey does, the next module's does not see."""
    site = Site.start(loaded_demo.data)
    try:
        yield Town(site, browser)
    finally:
        if site.process.poll() is None:
            site.stop()

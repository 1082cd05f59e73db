"""One running demo and one browser for all journeys of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.journeys.people import Site, Town
from tests.web.axe import browser  # noqa: F401 - the fixture


@pytest.fixture(scope="module")
def town(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:  # noqa: F811 - the fixture
    """A demo nobody else uses: what one journey does, the next module's does not see."""
    import os, subprocess
    d = tmp_path_factory.mktemp("journey")
    if os.environ.get("JOURNEY_BASE"):
        subprocess.run(["cp", "-a", os.environ["JOURNEY_BASE"] + "/.", str(d)], check=True)
    site = Site.start(d)
    try:
        yield Town(site, browser)
    finally:
        if site.process.poll() is None:
            site.stop()

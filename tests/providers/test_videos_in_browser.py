"""The family's page of a worker's video in a real browser: from the page of visits, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.platform.object_store import ObjectStore
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.providers.test_videos import a_case, filmed
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages
from tests.world.file_servers import store, with_store
from tests.world.served import Site, serving

__all__ = ["browser", "store"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings, store: ObjectStore) -> Iterator[Site]:
    with serving(with_store(shared_settings, store), FrozenClock(NOON)) as site:
        yield site


def test_the_worker_agrees_and_the_family_watches(site: Site, browser: Browser) -> None:
    case = site.run(a_case(site.settings))
    site.run(packages.a_visit(case, date(2026, 5, 13)))
    site.run(filmed(case.worker, case.worker_id, site.settings))
    worker = site.tab(browser, case.worker)
    worker.goto(f"{site.marketplace}/my-profile")
    assert_page_is_good(worker)
    press(worker.locator("button:has-text('Families may watch this video')"))
    assert "Stop showing this video" in worker.inner_text("main")
    assert_page_is_good(worker)

    tab = site.tab(browser, case.family)
    watch = Watch(tab)
    tab.goto(f"{site.marketplace}/who-is-coming")
    assert_page_is_good(tab)
    press(tab.locator("a:has-text('Watch the video')").first)
    assert tab.locator("video[controls]").count() == 1
    assert_page_is_good(tab)
    with tab.expect_download() as saved:
        tab.click("a:has-text('Save the video')")
    assert saved.value.suggested_filename == "me.mp4"
    assert not [url for url in watch.requests if not url.startswith(site.marketplace)]

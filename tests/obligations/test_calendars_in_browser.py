"""Calendar links in a real browser, desktop and phone: made, copied, made anew, stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.packages.conftest import one_provider
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as running:
        yield running


def test_a_link_is_made_copied_and_stopped(site: Site, browser: Browser) -> None:
    world = site.run(one_provider(site.settings))
    tab = site.tab(browser, world.providers[0])
    watch = Watch(tab)
    tab.goto(f"{site.marketplace}/account")
    press(tab.locator("main a[href='/account/calendars']"))
    assert_page_is_good(tab)
    press(tab.locator("form[action='/account/calendars/own/make'] button"))
    link = tab.input_value("#link")
    assert_page_is_good(tab)
    path = "/calendars/" + link.split("/calendars/")[1]
    answer = tab.request.get(site.marketplace + path)
    assert answer.status == 200 and answer.text().startswith("BEGIN:VCALENDAR")
    tab.goto(f"{site.marketplace}/account/calendars")
    assert "We cannot show it again" in tab.inner_text("main") and not tab.locator("#link").count()
    press(tab.locator("form[action='/account/calendars/organisation/make'] button"))
    assert_page_is_good(tab)
    press(tab.locator("form[action='/account/calendars/own/stop'] button"))
    assert "The link is stopped" in tab.inner_text("main")
    assert tab.request.get(site.marketplace + path).status == 404
    watch.assert_quiet(site.marketplace)

"""Duties in a real browser: from Today to a late duty's own page and to the list, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import referrals
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_from_today_to_a_late_duty_and_the_list(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(referrals.borough(site.settings, provider_names=("Alder Care",)))
    site.run(referrals.broadcast(world))
    clock.move(timedelta(hours=25))
    provider = site.tab(browser, world.providers[0])
    watch = Watch(provider)
    provider.goto(f"{site.marketplace}/today")
    assert "Late: it counts against the measure" in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("text=About this duty").first)
    assert "What missing it leads to" in provider.inner_text("main")
    assert "Do it now" in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("text=Back to duties"))
    assert "Alder Care" in provider.inner_text("table")
    assert_page_is_good(provider)
    provider.select_option("select[name=rule]", "referral_response")
    press(provider.locator("button:has-text('Show')").first)
    assert "Alder Care" in provider.inner_text("table")
    provider.goto(f"{site.marketplace}/duties?state=met_late")
    assert "No duties like that" in provider.inner_text("main")
    assert_page_is_good(provider)
    watch.assert_quiet(site.marketplace)
    council = site.tab(browser, world.referrer)
    council.goto(f"{site.console}/duties?state=late")
    assert "Alder Care" in council.inner_text("table")
    assert_page_is_good(council)

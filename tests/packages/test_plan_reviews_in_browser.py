"""The review of a care plan in a real browser: done wrong, checked, recorded, signed off, read by the family."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_recorded_signed_off_and_read(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    case = site.run(packages.set_up(site.run(borough(site.settings, provider_names=("Alder Care",)))))
    visit = site.run(packages.a_visit(case, date(2026, 5, 12)))
    clock.move_to(site.run(case.visit(visit)).planned_end + timedelta(hours=1))
    site.run(packages.delivered(case, visit))
    clock.move(timedelta(days=100))
    office = site.tab(browser, case.manager)
    watch = Watch(office)
    office.goto(f"{site.marketplace}/packages/{case.package_id}")
    press(office.locator("text=Record a review"))
    assert_page_is_good(office)
    for part, number in (("day", 19), ("month", 8), ("year", 2026)):
        office.fill(f"#held_on-{part}", str(number))
    office.fill("#took_part", "The mother, Wren and the worker")
    press(office.locator("button:has-text('Check the review')"))
    assert "Select how it is with outcome 1" in office.inner_text(".govuk-error-summary")
    assert_page_is_good(office)
    office.locator("input[name=grade-0][value=on_the_way]").check()
    office.locator("input[name=goes_on][value=yes]").check()
    press(office.locator("button:has-text('Check the review')"))
    assert "is kept as it is" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Record the review')"))
    assert "Waits for the sign-off" in office.inner_text("main")
    review = office.url.removeprefix(site.marketplace)
    watch.assert_quiet(site.marketplace)

    referrer = site.tab(browser, case.referrer)
    referrer.goto(f"{site.marketplace}{review}")
    assert_page_is_good(referrer)
    press(referrer.locator("button:has-text('Sign the review off')"))
    assert "Signed off" in referrer.inner_text("main")
    referrer.goto(f"{site.marketplace}/packages/{case.package_id}")
    assert "Review of 19 August 2026" in referrer.inner_text("main")
    assert_page_is_good(referrer)
    family = site.tab(browser, case.family)
    family.goto(f"{site.marketplace}/who-is-coming")
    press(family.locator("text=Read the review"))
    assert "On the way" in family.inner_text("main")
    assert_page_is_good(family)

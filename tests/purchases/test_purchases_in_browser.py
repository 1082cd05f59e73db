"""A direct payment recorded, a budget read and spent, a provider found: in a real browser, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import referrals
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as running:
        yield running


def test_from_recording_a_direct_payment_to_finding_a_provider(site: Site, browser: Browser) -> None:
    world = site.run(borough(site.settings, workers_each=0))
    child_id = site.run(referrals.add_child(world.referrer))
    mother = site.run(referrals.family_of(world.referrer, child_id, rights=("see_plan", "spend")))

    office = site.tab(browser, world.providers[0])
    watch = Watch(office)
    office.goto(f"{site.marketplace}/profile/families")
    office.fill("#areas", "Hither Green\nLee")
    office.check("[name=availability][value=weekends]")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Save what families find')"))
    assert "Saved." in office.content()
    watch.assert_quiet(site.marketplace)

    desk = site.tab(browser, world.referrer)
    watch = Watch(desk)
    desk.goto(f"{site.marketplace}/direct-payments")
    assert "No direct payments here" in desk.inner_text("main")
    assert_page_is_good(desk)
    desk.goto(f"{site.marketplace}/children/{child_id}/direct-payment")
    assert_page_is_good(desk)
    press(desk.locator("text=Record a direct payment"))
    press(desk.locator("button:has-text('Continue')"))
    assert "Select whether it is money or hours" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    desk.check("[name=kind][value=money]")
    desk.fill("#amount", "120")
    desk.check("[name=period][value=week]")
    for part, value in (("day", "11"), ("month", "5"), ("year", "2026")):
        desk.fill(f"#starts_on-{part}", value)
    desk.check("[name=lots][value=C]")
    desk.check("[name=top_up][value=no]")
    desk.check("[name=account][value=receipts]")
    press(desk.locator("button:has-text('Continue')"))
    assert "Check before you record it" in desk.inner_text("h1")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Record the direct payment')"))
    assert "£120.00 left until 17 May 2026" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("text=Change the terms"))
    assert desk.input_value("#amount") == "120.00"
    assert_page_is_good(desk)
    desk.goto(f"{site.marketplace}/direct-payments")
    assert_page_is_good(desk)
    press(desk.locator("th a").first)
    press(desk.locator("text=End it"))
    assert_page_is_good(desk)
    watch.assert_quiet(site.marketplace)

    home = site.tab(browser, mother)
    watch = Watch(home)
    home.goto(f"{site.marketplace}/budget")
    assert_page_is_good(home)
    press(home.locator("text=See the budget"))
    assert_page_is_good(home)
    press(home.locator("text=Add something I paid elsewhere"))
    assert_page_is_good(home)
    home.fill("#says", "Holiday club")
    home.fill("#pence", "lots")
    press(home.locator("button:has-text('Add it')"))
    assert "must be an amount in pounds" in home.inner_text(".govuk-error-summary")
    assert_page_is_good(home)
    home.fill("#pence", "30")
    for part, value in (("day", "13"), ("month", "5"), ("year", "2026")):
        home.fill(f"#day-{part}", value)
    press(home.locator("button:has-text('Add it')"))
    assert "£90.00 left" in home.inner_text("main") and "Committed: £30.00" in home.inner_text("main")
    assert_page_is_good(home)
    press(home.locator("text=Take back"))
    assert_page_is_good(home)
    home.go_back()
    press(home.locator("text=Find support"))
    assert_page_is_good(home)
    home.check("[name=days-1][value='5']")
    home.fill("#begin-1", "10am")
    home.fill("#end-1", "midday")
    home.select_option("#activity-1", "home_support")
    home.select_option("#area", "Lee")
    press(home.locator("button:has-text('Show who could come')"))
    shown = home.inner_text("main")
    assert "1 provider of 3 could come" in shown and "£52.80 for 11 May 2026 to 17 May 2026" in shown
    assert home.input_value("#begin-1") == "10am"
    assert_page_is_good(home)
    watch.assert_quiet(site.marketplace)

    visitor = browser.new_page()
    watch = Watch(visitor)
    visitor.goto(f"{site.marketplace}/directory")
    assert_page_is_good(visitor)
    press(visitor.locator("main ul a").first)
    assert "What it costs" in visitor.inner_text("main")
    assert_page_is_good(visitor)
    press(visitor.locator("h3 a").first)
    assert "Not rated" in visitor.inner_text("main")
    assert_page_is_good(visitor)
    watch.assert_quiet(site.marketplace)

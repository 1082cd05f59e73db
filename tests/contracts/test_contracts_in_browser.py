"""Contract management in a real browser at both doors: agenda, a finding, an action, information and its charge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.contracts.conftest import two_councils_and_a_rate
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as found:
        yield found


def fill_day(page: Page, name: str, day: str) -> None:
    for part, value in (("day", day), ("month", "5"), ("year", "2026")):
        page.fill(f"#{name}-{part}", value)


def assert_within_a_phone(page: Page, what: str) -> None:
    """It is reached on a phone without scrolling a table sideways."""
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": 320, "height": 700})
    box = page.locator(what).first.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 320, (what, box)
    page.set_viewport_size(wide)


def test_a_contract_is_managed_and_answered(site: Site, browser: Browser) -> None:
    place = site.run(two_councils_and_a_rate(site.settings))
    desk = site.tab(browser, place.lead)
    desk_watch = Watch(desk)
    desk.goto(f"{site.console}/contracts")
    assert_page_is_good(desk)
    press(desk.locator("a:has-text('Kindly Care Ltd')"))
    assert_page_is_good(desk)
    home = desk.url
    press(desk.locator("a:has-text('Plan a meeting or visit')"))
    press(desk.locator("button:has-text('Continue')"))
    assert "Select what you plan" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    desk.check("input[name=kind][value=inspection]")
    fill_day(desk, "starts_on", "11")
    desk.fill("#starts_at", "11am")
    desk.fill("#place", "Its office")
    press(desk.locator("button:has-text('Continue')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Plan it')"))
    visit = desk.url
    press(desk.locator("a:has-text('Note a finding')"))
    desk.check("input[name=area] >> nth=1")
    desk.check("input[name=grade][value=partly_met]")
    desk.fill("#says", "Two of ten files lack a plan.")
    press(desk.locator("button:has-text('Note it')"))
    press(desk.locator("a:has-text('Add a file that shows it')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Add the file')"))
    assert "Select the file" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    desk.goto(visit)
    press(desk.locator("a:has-text('Share what was found')"))
    desk.fill("#attended_by", "Cora")
    desk.check("input[name=provider_there][value=yes]")
    desk.fill("#minutes", "Sound on the whole.")
    press(desk.locator("button:has-text('Continue')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Share it with the provider')"))
    press(desk.locator("a:has-text('Add an action')"))
    desk.fill("#title", "Write the two plans")
    fill_day(desk, "due_on", "20")
    desk.check("input[name=finding_id] >> nth=0")
    press(desk.locator("button:has-text('Add it')"))
    assert_page_is_good(desk)
    assert_within_a_phone(desk, "a:has-text('More time')")
    desk.goto(f"{home}/plan")
    desk.check("input[name=kind][value=meeting]")
    fill_day(desk, "starts_on", "12")
    desk.fill("#starts_at", "2pm")
    desk.fill("#place", "Town hall")
    press(desk.locator("button:has-text('Continue')"))
    press(desk.locator("button:has-text('Plan it')"))
    assert "Write the two plans (until 20 May 2026)" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("a:has-text('Edit the agenda')").first)
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Keep the agenda')"))
    desk.goto(f"{home}/ask")
    for name, value in (("title", "Training"), ("asks", "Who was trained?"), ("format", "A table")):
        desk.fill(f"#{name}", value)
    press(desk.locator("button:has-text('Continue')"))
    press(desk.locator("button:has-text('Ask for it')"))
    request = desk.url

    own = site.tab(browser, place.manager)
    own_watch = Watch(own)
    own.goto(f"{site.marketplace}/standing")
    press(own.locator("a:has-text('Contract management')"))
    assert_page_is_good(own)
    press(own.locator("a:has-text('Training')"))
    assert_page_is_good(own)
    press(own.locator("a:has-text('Give the information')"))
    press(own.locator("button:has-text('Give it')"))
    own.fill("#says", "Most of them.")
    press(own.locator("button:has-text('Give it')"))
    own.goto(visit.replace(site.console, site.marketplace))
    assert_page_is_good(own)
    press(own.locator("a:has-text('Answer')").first)
    own.fill("#says", "Both are written since.")
    press(own.locator("button:has-text('Send the answer')"))
    assert_within_a_phone(own, "a:has-text('Say it is done')")
    press(own.locator("a:has-text('Say it is done')"))
    assert_page_is_good(own)
    own.goto(f"{site.marketplace}/contract/cqc")
    own.check("input[name=kind][value=rating]")
    own.fill("#says", "Good.")
    fill_day(own, "learnt_on", "11")
    own.fill("#learnt_at", "10am")
    press(own.locator("button:has-text('Continue')"))
    press(own.locator("button:has-text('Report it')"))
    assert_page_is_good(own)

    desk.goto(f"{request}/send-back")
    fill_day(desk, "due_on", "14")
    desk.fill("#says", "No courses named.")
    press(desk.locator("button:has-text('Return it')"))
    press(desk.locator("a:has-text('Charge the time spent')"))
    desk.fill("#minutes", "1.5")
    desk.fill("#reason", "Asking each worker")
    press(desk.locator("button:has-text('Continue')"))
    assert "£90.02" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Charge it')"))
    assert_page_is_good(desk)
    own.goto(request.replace(site.console, site.marketplace))
    assert_page_is_good(own)
    press(own.locator("a:has-text('Object to the charge')"))
    desk.goto(home)
    assert_page_is_good(desk)
    own_watch.assert_quiet(site.marketplace)
    desk_watch.assert_quiet(site.console)

"""Credit notes, payments and billing details in a real browser: each page in each state, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.billing.test_credit_notes import an_accepted
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, people
from tests.world.billing import banked
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_from_the_deduction_to_the_payment(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.set_up(world))
    finance = site.run(people.person_in(world.admin, "finance", "Finn Ance"))
    provider, desk = site.tab(browser, case.manager), site.tab(browser, finance)
    quiet = Watch(provider), Watch(desk)
    for path in ("/credit-notes", "/billing-details"):
        provider.goto(f"{site.marketplace}{path}")
        assert_page_is_good(provider)
    for path in ("/payments", "/payments/clock", "/credit-notes", "/billing-details"):
        desk.goto(f"{site.console}{path}")
        assert_page_is_good(desk)

    press(provider.locator("button:has-text('Keep these details')").first)
    assert "Enter the building and street" in provider.inner_text(".govuk-error-summary")
    assert_page_is_good(provider)
    site.run(banked(case.manager))
    invoice = site.run(an_accepted(case, clock, date(2026, 5, 18), finance))

    desk.goto(f"{site.console}/invoices/{invoice}")
    press(desk.locator("text=Deduct after acceptance").first)
    press(desk.locator("button:has-text('Ask for the credit note')").first)
    assert "Select what was wrong" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    desk.check("input[value=inaccurate]")
    desk.fill("#reason", "One visit was shorter.")
    press(desk.locator("button:has-text('Ask for the credit note')").first)
    assert_page_is_good(desk)
    desk.goto(f"{site.console}/payments")
    assert "waits for a credit note" in desk.inner_text("main")
    assert_page_is_good(desk)

    provider.goto(f"{site.marketplace}/credit-notes")
    assert_page_is_good(provider)
    press(provider.locator("th a").first)
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Refuse the credit note')").first)
    assert "Enter why you do not agree" in provider.inner_text(".govuk-error-summary")
    assert_page_is_good(provider)
    provider.fill("#reason", "It was not.")
    press(provider.locator("button:has-text('Refuse the credit note')").first)
    desk.goto(f"{site.console}/credit-notes")
    press(desk.locator("th a").first)
    assert "It was not." in desk.inner_text("main")
    assert_page_is_good(desk)
    desk.fill("#reason", "The record says so.")
    press(desk.locator("button:has-text('Ask for it again')").first)
    provider.reload()
    press(provider.locator("button:has-text('Confirm the credit note')").first)
    assert "Credit note 1 is issued" in provider.content()
    assert_page_is_good(provider)

    desk.goto(f"{site.console}/payments")
    press(desk.locator("button:has-text('Build the payment run')").first)
    assert "Exporting is done once" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Export the payment run')").first)
    assert_page_is_good(desk)
    with desk.expect_download() as taken:
        desk.locator("button:has-text('Take the file')").first.click()
    assert taken.value.suggested_filename == "payment-run-1.csv"
    press(desk.locator("button:has-text('Mark as paid from the file')").first)
    assert "Select the file with the payments" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    run = desk.url.rsplit("/", 1)[0]
    desk.goto(run)
    press(desk.locator("button:has-text('Mark as paid')").first)
    assert "1 marked as paid" in desk.content()
    assert_page_is_good(desk)
    for path in ("/payments", "/payments/clock", f"/invoices/{invoice}"):
        desk.goto(f"{site.console}{path}")
        assert_page_is_good(desk)
    for watch, origin in zip(quiet, (site.marketplace, site.console), strict=True):
        watch.assert_quiet(origin)

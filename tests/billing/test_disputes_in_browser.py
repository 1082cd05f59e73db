"""Disputes, statements and deductions in a real browser at both doors: each page in each state, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, people
from tests.world.billing import deducted
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_from_the_deduction_to_the_waiver_and_its_books(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.set_up(world))
    finance = site.run(people.person_in(world.admin, "finance", "Finn Ance"))
    second = site.run(people.person_in(world.admin, "finance", "Fern Second"))
    provider = site.tab(browser, case.manager)
    watch = Watch(provider)
    for empty in ("disputes", "statements", "deductions", "debts"):
        provider.goto(f"{site.marketplace}/{empty}")
        assert_page_is_good(provider)
    invoice_id = site.run(deducted(case, clock, date(2026, 5, 18)))
    provider.goto(f"{site.marketplace}/invoices/{invoice_id}")
    press(provider.locator("text=Dispute the deduction").first)
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Continue')").first)
    provider.locator(".govuk-error-summary__list a").click()
    assert provider.evaluate("document.activeElement.id") == "says"
    assert_page_is_good(provider)
    provider.fill("#says", "Your site was down that week.")
    press(provider.locator("button:has-text('Continue')").first)
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Send the dispute')").first)
    assert "The finance officers of Northgate Council answer it" in provider.inner_text("main")
    assert_page_is_good(provider)
    watch.assert_quiet(site.marketplace)

    desk = site.tab(browser, finance)
    watch = Watch(desk)
    desk.goto(f"{site.console}/disputes")
    assert_page_is_good(desk)
    press(desk.locator("th a").first)
    assert_page_is_good(desk)
    press(desk.locator("text=Answer the dispute").first)
    press(desk.locator("button:has-text('Continue')").first)
    desk.locator(".govuk-error-summary__list a").first.click()
    assert desk.evaluate("document.activeElement.id") == "outcome"
    assert_page_is_good(desk)
    desk.check("input[value=system_fault]")
    desk.fill("#says", "It was.")
    press(desk.locator("button:has-text('Continue')").first)
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Send the proposal')").first)
    assert "Another finance officer must confirm it" in desk.inner_text("main")
    assert_page_is_good(desk)
    watch.assert_quiet(site.console)

    other = site.tab(browser, second)
    watch = Watch(other)
    other.goto(f"{site.console}/disputes?state=proposed")
    press(other.locator("th a").first)
    assert_page_is_good(other)
    press(other.locator("button:has-text('Confirm the waiver')").first)
    assert "Pay it back" in other.inner_text("main")
    assert_page_is_good(other)
    for path in ("statements", "deductions", "debts"):
        other.goto(f"{site.console}/{path}")
        assert_page_is_good(other)
    other.goto(f"{site.console}/statements")
    press(other.locator("td a").first)
    assert "Deduction waived" in other.inner_text("main")
    assert_page_is_good(other)
    watch.assert_quiet(site.console)

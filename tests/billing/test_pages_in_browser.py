"""Four weeks in a real browser, at the provider and in the console: each page in each state, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page

from marketplace.billing.preparing import prepare_drafts
from marketplace.packages import signing
from marketplace.platform.actor import system_for
from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_nothing_lies_off_a_phone, assert_page_is_good, browser, press
from tests.world import packages, people
from tests.world.billing import after, period_of, visit_done
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def summary_of(tab: Page) -> str:
    return tab.inner_text(".govuk-error-summary")


def test_from_the_growing_draft_to_the_accepted_correction(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.set_up(world))
    finance = site.run(people.person_in(world.admin, "finance", "Finn Ance"))
    provider = site.tab(browser, case.manager)
    watch = Watch(provider)
    provider.goto(f"{site.marketplace}/invoices")
    assert "No visits yet" in provider.inner_text("main")
    assert_page_is_good(provider)

    first = date(2026, 5, 18)
    site.run(visit_done(case, clock, first))
    site.run(visit_done(case, clock, first + timedelta(days=1)))
    held = site.run(visit_done(case, clock, first + timedelta(days=2), signed=False))
    late = site.run(visit_done(case, clock, first + timedelta(days=3), signed=False))
    period = site.run(period_of(case, first))
    provider.reload()
    press(provider.locator("text=See it grow").first)
    assert "This period is still running" in provider.inner_text("main")
    assert_page_is_good(provider)
    after(clock, period, hours=9)
    provider.goto(f"{site.marketplace}/invoices")
    assert "Growing" not in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("text=Invoices to come").first)
    assert "Nothing waits to be submitted" in provider.inner_text("main")
    assert_page_is_good(provider)
    site.run(prepare_drafts(system_for(case.referrer.organisation_id, "commissioner")))
    provider.reload()
    assert "1 draft comes to" in provider.inner_text("main")
    assert_page_is_good(provider)
    provider.go_back()
    press(provider.locator("text=Check and submit").first)
    assert "Lacks the family's confirmation" in provider.inner_text("main")
    provider.check(f"#bill-{held}")
    provider.fill(f"#amount-{held}", "lots")
    press(provider.locator("button:has-text('Check the invoice')").first)
    assert "must be an amount in pounds" in summary_of(provider)
    provider.locator(".govuk-error-summary__list a").click()
    assert provider.evaluate("document.activeElement.id") == f"amount-{held}"
    assert_page_is_good(provider)
    provider.uncheck(f"#bill-{held}")  # an amount beside an empty box is not dropped unsaid
    provider.fill(f"#amount-{held}", "50")
    press(provider.locator("button:has-text('Check the invoice')").first)
    assert "Tick the visit on" in summary_of(provider)
    assert_nothing_lies_off_a_phone(provider)
    provider.check(f"#bill-{held}")
    provider.fill(f"#amount-{held}", "48")
    press(provider.locator("button:has-text('Check the invoice')").first)
    assert "loses £100.00 once" in provider.inner_text("main") and "Not billed now" in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Change something first')").first)
    assert provider.is_checked(f"#bill-{held}") and provider.input_value(f"#amount-{held}") == "48.00"
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Check the invoice')").first)
    record = site.run(case.visit(late)).record_hash
    assert record is not None
    site.run(signing.family_confirms(case.family, late, text_hash=record))
    press(provider.locator("button:has-text('Submit the invoice')").first)
    assert "has changed since you looked" in summary_of(provider) and provider.is_checked(f"#bill-{held}")
    provider.locator(".govuk-error-summary__list a").click()
    assert provider.evaluate("document.activeElement.id") == f"bill-{late}"
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Check the invoice')").first)
    press(provider.locator("button:has-text('Submit the invoice')").first)
    provider.wait_for_url("**/invoices/*-*-*-*-*")
    shown = provider.inner_text("main")
    assert "Why £100.00 was deducted" in shown and "Who signed what" in shown
    assert_page_is_good(provider)
    watch.assert_quiet(site.marketplace)

    desk = site.tab(browser, finance)
    watch = Watch(desk)
    desk.goto(f"{site.console}/invoices")
    assert_page_is_good(desk)
    press(desk.locator("th a").first)
    assert "Accepting means" in desk.inner_text("main") and "Maya" not in desk.content()
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Return the invoice')").first)
    assert "Enter what the provider must mend" in summary_of(desk)
    desk.locator(".govuk-error-summary__list a").click()
    assert desk.evaluate("document.activeElement.id") == "reason"
    assert_page_is_good(desk)
    desk.fill("#reason", "One visit is not signed: leave it off.")
    press(desk.locator("button:has-text('Return the invoice')").first)
    assert "Returned. The provider is told what to mend." in desk.content()
    assert_page_is_good(desk)

    provider.goto(f"{site.marketplace}/invoices")
    assert_page_is_good(provider)
    press(provider.locator("text=Correct and submit").first)
    assert "Invoice 1 was returned" in provider.inner_text("main") and not provider.is_checked(f"#bill-{held}")
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Check the invoice')").first)
    press(provider.locator("button:has-text('Submit the invoice')").first)
    assert "Invoice 2" in provider.inner_text("h1")
    desk.goto(f"{site.console}/invoices?state=submitted")
    press(desk.locator("th a").first)
    press(desk.locator("button:has-text('Accept the invoice')").first)
    assert "To be paid by" in desk.inner_text("main")
    assert_page_is_good(desk)
    desk.goto(f"{site.console}/invoices?state=paid")
    assert "No invoices here" in desk.inner_text("main")
    assert_page_is_good(desk)
    provider.emulate_media(media="print")
    provider.reload()
    assert not provider.locator("text=Print this invoice").is_visible()
    watch.assert_quiet(site.console)

"""Visits bought in a real browser, desktop and phone: a card through localstripe's own script, the bank's question,
a transfer without JavaScript, and the statement taken in by a finance officer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.purchases.test_stripe import with_cards
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import people, purchases
from tests.world.buying import statement
from tests.world.localstripe import localstripe
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with localstripe() as stripe:
        settings = replace(with_cards(shared_settings, stripe.behind), secure_cookies=False)
        with serving(settings, FrozenClock(NOON)) as running:
            yield running


def type_card(page: Page, number: str) -> None:
    for place, value in {"number": number, "exp_month": "12", "exp_year": "30", "cvc": "123"}.items():
        page.fill(f"[data-app-card-field] input[placeholder={place}]", value)


def test_from_choosing_visits_to_paid_visits(site: Site, browser: Browser) -> None:
    bought = site.run(purchases.bought(site.settings))
    admin = bought.home.world.admin
    first, second = (site.run(people.person_in(admin, "finance")) for _ in range(2))

    office = site.tab(browser, first)
    watch = Watch(office)
    office.goto(f"{site.console}/client-account")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Enter it')"))
    assert "Enter a sort code" in office.inner_text(".govuk-error-summary")
    for name, value in {"name": "Client account", "sort_code": "20-00-00", "number": "12345678"}.items():
        office.fill(f"#{name}", value)
    press(office.locator("button:has-text('Enter it')"))
    assert "another finance officer" in office.inner_text("main")
    colleague = site.tab(browser, second)
    colleague.goto(f"{site.console}/client-account")
    assert_page_is_good(colleague)
    press(colleague.locator("button:has-text('Confirm this account')"))
    watch.assert_quiet(site.console)

    home = site.tab(browser, bought.home.mother)
    watch = Watch(home)
    home.goto(f"{site.marketplace}/budget/{bought.home.direct_payment_id}")
    assert_page_is_good(home)
    press(home.locator("a:has-text('Buy visits of')"))
    assert_page_is_good(home)
    for box in home.locator("[name=visits]").all():
        box.uncheck()
    press(home.locator("button:has-text('Continue')"))
    assert "Select at least one visit" in home.inner_text(".govuk-error-summary")
    home.locator("[name=visits]").first.check()
    press(home.locator("button:has-text('Continue')"))
    assert "Check what you buy" in home.inner_text("h1")
    assert_page_is_good(home)
    press(home.locator("button:has-text('Buy and pay')"))
    assert "how you pay" in home.inner_text(".govuk-error-summary")
    home.check("[name=method][value=card]")
    if home.locator("[name=top_up]").count():
        home.check("[name=top_up]")
    press(home.locator("button:has-text('Buy and pay')"))
    assert "by card" in home.inner_text("h1")
    policy = home.request.get(home.url).headers["content-security-policy"]
    assert "https://" not in policy and "'unsafe" not in policy and "script-src" in policy
    type_card(home, "4000000000000341")
    press(home.locator("form[data-app-card] button"))
    assert "declined" in home.inner_text(".govuk-error-summary")
    type_card(home, "4000002500003155")
    press(home.locator("form[data-app-card] button"))
    assert "asks you to confirm" in home.inner_text("main")
    assert_page_is_good(home)
    home.click("button:has-text('Answer your bank')")
    press(home.locator("button:has-text('Complete authentication')"))
    assert "The visits are bought" in home.inner_text("main")
    assert_page_is_good(home)
    here = home.url
    home.goto(f"{here}/card")
    assert home.url == here
    home.goto(f"{site.marketplace}/purchases")
    assert_page_is_good(home)

    # without JavaScript: a transfer
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(home.context.cookies())  # type: ignore[arg-type] - as they came
    plain = context.new_page()
    plain.goto(f"{site.marketplace}/packages/{bought.case.package_id}/buy")
    plain.click("button:has-text('Continue')")
    plain.check("[name=method][value=card]")
    if plain.locator("[name=top_up]").count():
        plain.check("[name=top_up]")
    plain.click("button:has-text('Buy and pay')")
    assert "needs JavaScript" in plain.inner_text("main")
    assert not plain.locator("form[data-app-card]").is_visible()
    plain.click("button:has-text('Pay by bank transfer instead')")
    said = plain.inner_text("main")
    assert "20-00-00" in said and "12345678" in said
    home.goto(plain.url)
    assert_page_is_good(home)
    reference = home.inner_text("dd >> nth=0").replace(" ", "")
    watch.assert_quiet(site.marketplace, site.settings.stripe_api_url)

    office.goto(f"{site.console}/bank-receipts")
    assert_page_is_good(office)
    lines = statement((NOON.date(), 100, reference), (NOON.date(), 5, "RENT"))
    office.set_input_files("[name=file]", {"name": "bank.csv", "mimeType": "text/csv", "buffer": lines})
    press(office.locator("button:has-text('Take it in')"))
    assert "1 line matched, 1 to be matched" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("a:has-text('RENT')"))
    assert_page_is_good(office)
    press(office.locator("button:has-text('Match it')"))
    assert "reference" in office.inner_text(".govuk-error-summary")
    office.fill("#reason", "Sent back")
    press(office.locator("button:has-text('Set it aside')"))
    home.reload()
    assert "Partly paid" in home.inner_text("main")

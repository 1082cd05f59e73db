"""Families' money in a real browser: called off, account, bought visits, paid by bank, watched; desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.purchases.test_money_back import HOUR, WEEKDAY, charging, visits
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, people
from tests.world.bought import Bought, buy, migrating, settled
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


async def laid(settings: Settings, clock: FrozenClock) -> tuple[Bought, list]:
    """Three visits bought by transfer: one delivered, two to come."""
    case = await charging(settings)
    chosen = await visits(case, 2, 4, 6)
    async with migrating(settings) as connection:
        bought = await buy(connection, case, chosen, WEEKDAY, intent=None, top_up=800)
    clock.move_to((await case.visit(chosen[0])).planned_end + HOUR)
    await packages.confirmed(case, chosen[0])
    clock.move_to((await case.visit(chosen[1])).planned_start - HOUR)
    return bought, chosen


def test_from_calling_off_to_the_bank(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    bought, (_, late, _) = site.run(laid(site.settings, clock))
    case = bought.case
    finance = site.run(people.person_in(case.world.admin, "finance", "Finn Ance"))
    second = site.run(people.person_in(case.world.admin, "finance", "Fay Ance"))

    family = site.tab(browser, case.family)
    watch = Watch(family)
    family.goto(f"{site.marketplace}/visits/{late}/cancel")
    assert "£24.00 goes back to you, £8.00 of it your own money" in family.inner_text("main")
    assert_page_is_good(family)
    family.fill("#reason", "A cold")
    press(family.locator("button:has-text('Continue')"))
    assert "£24.00 is kept for the provider" in family.inner_text("main")
    assert_page_is_good(family)
    press(family.locator("button:has-text('Cancel the visit')"))
    site.run(settled(bought))
    family.goto(f"{site.marketplace}/budget/{bought.direct_payment_id}")
    press(family.locator("text=Account, receipts, and money that comes back"))
    shown = family.inner_text("main")
    assert "£24.00 is going back to your bank account" in shown and "Receipt for DPTEST01" in shown
    assert_page_is_good(family)
    watch.assert_quiet(site.marketplace, site.console)

    provider = site.tab(browser, case.manager)
    watch = Watch(provider)
    provider.goto(f"{site.marketplace}/invoices")
    press(provider.locator("text=Visits families bought"))
    assert "£72.00" in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("text=Statement of these days"))
    assert "Balance after" in provider.inner_text("main")
    assert_page_is_good(provider)
    provider.goto(f"{site.marketplace}/bought-visits/account")
    assert "Payments by card are off here" in provider.inner_text("main")
    assert_page_is_good(provider)
    watch.assert_quiet(site.marketplace, site.console)

    officer = site.tab(browser, finance)
    watch = Watch(officer)
    officer.goto(f"{site.console}/payments")
    press(officer.locator("text=Families’ money"))
    assert "£72.00" in officer.inner_text("main")
    assert_page_is_good(officer)
    press(officer.locator("text=Write down a payment by bank").last)
    press(officer.locator("button:has-text('Write it down')"))
    assert "Enter the bank’s reference" in officer.inner_text(".govuk-error-summary")
    assert_page_is_good(officer)
    for part, value in zip(("day", "month", "year"), clock.at.strftime("%d %m %Y").split(), strict=True):
        officer.fill(f"#paid_on-{part}", value)
    officer.fill("#reference", "BACS 7")
    press(officer.locator("button:has-text('Write it down')"))
    assert "Somebody else confirms it" in officer.inner_text("main")
    assert_page_is_good(officer)
    watch.assert_quiet(site.marketplace, site.console)
    other = site.tab(browser, second)
    other.goto(f"{site.console}/purchase-money")
    press(other.locator("button:has-text('Confirm')"))
    assert "Confirmed" in other.inner_text("main") and "No provider is paid by bank now" in other.inner_text("main")
    assert_page_is_good(other)
    other.goto(f"{site.console}/watch/direct_payments")
    assert "Alder Care" in other.inner_text("main")
    assert_page_is_good(other)

"""Cancelling, asking for another time and the agreements in a real browser, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

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
TUESDAY = date(2026, 5, 12)


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as found:
        yield found


def test_a_family_cancels_and_asks_and_both_sides_agree(site: Site, browser: Browser) -> None:
    case = site.run(packages.set_up(site.run(borough(site.settings, provider_names=("Alder Care",)))))
    visit_id = site.run(packages.a_visit(case, TUESDAY))
    family = site.tab(browser, case.family)
    watch = Watch(family)
    family.goto(f"{site.marketplace}/who-is-coming")
    assert_page_is_good(family)
    family.locator("text=Change or cancel").first.click()
    assert_page_is_good(family)
    family.goto(f"{site.marketplace}/visits/{visit_id}/cancel")
    press(family.locator("text=Continue"))
    assert "Enter why" in family.inner_text(".govuk-error-summary")
    assert_page_is_good(family)
    family.fill("textarea[name=reason]", "Grandma is here")
    press(family.locator("text=Continue"))
    assert "What is charged" in family.inner_text("main")
    assert_page_is_good(family)
    press(family.locator("button:has-text('Cancel the visit')"))
    assert "The visit is cancelled" in family.inner_text("body")
    assert_page_is_good(family)
    family.locator("text=Ask for a visit instead").click()
    family.fill("input[name='day-day']", "14")
    family.fill("textarea[name=reason]", "Better by then")
    assert_page_is_good(family)
    press(family.locator("text=Ask the provider"))
    assert "Waits for the provider" in family.inner_text("main")
    assert_page_is_good(family)
    assert not watch.noise

    office = site.tab(browser, case.manager)
    noise = Watch(office)
    office.goto(f"{site.marketplace}/visits/{visit_id}")
    assert_page_is_good(office)
    office.locator("text=Answer it").click()
    assert_page_is_good(office)
    office.check("input[name=decision][value=agree]")
    office.check(f"input[name=workers][value='{case.worker_id}']")
    press(office.locator("text=Save the answer"))
    assert "14 May 2026" in office.inner_text("main")

    office.goto(f"{site.marketplace}/packages/{case.package_id}/agreement")
    assert_page_is_good(office)
    office.check("input[name=kind][value=mileage]")
    office.fill("textarea[name=says]", "The school is far out")
    for name, value in (
        ("unit", "0.45"), ("most", "100"), ("valid_from-day", "1"), ("valid_from-month", "5"),
        ("valid_from-year", "2026"), ("valid_to-day", "31"), ("valid_to-month", "12"), ("valid_to-year", "2026"),
    ):  # fmt: skip
        office.fill(f"input[name='{name}']", value)
    press(office.locator("text=Continue"))
    assert_page_is_good(office)
    press(office.locator("button:has-text('Propose it')"))
    agreement = office.url
    assert_page_is_good(office)
    referrer = site.tab(browser, case.referrer)
    referrer.goto(agreement)
    assert_page_is_good(referrer)
    referrer.check("input[name=decision][value=agree]")
    press(referrer.locator("text=Save the answer"))
    assert "Agreed" in referrer.inner_text("main")
    office.goto(f"{agreement}/line")
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/agreements")
    assert_page_is_good(office)
    assert not noise.noise

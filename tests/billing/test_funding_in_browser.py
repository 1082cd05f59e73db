"""Shared funding and budgets in a real browser, at both doors: each page in its states, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from marketplace.billing.budgets import work_out_all
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import unit_of_work
from marketplace.settings import Settings
from tests.billing.test_funding import WHY, joint
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world.billing import visit_done
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def type_day(tab: Page, name: str, on: object) -> None:
    for part in ("day", "month", "year"):
        tab.fill(f"#{name}-{part}", str(getattr(on, part)))


async def worked_out(actor: Actor) -> None:
    assert actor.organisation_id is not None
    async with unit_of_work(system_for(actor.organisation_id, "commissioner")) as work:
        await work_out_all(work)


def test_sharing_a_package_and_setting_its_childs_budget(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    both = site.run(joint(site.settings))
    case = both.case
    first = site.run(case.package()).starts_on
    desk = site.tab(browser, case.referrer)
    watch = Watch(desk)
    desk.goto(f"{site.marketplace}/packages/{case.package_id}")
    assert "None is set" in desk.inner_text("main")
    press(desk.locator("a:has-text('Who pays')"))
    assert_page_is_good(desk)
    press(desk.locator("a:has-text('Propose other shares')"))
    press(desk.locator("button:has-text('Check the proposal')"))
    desk.locator(".govuk-error-summary__list a").first.click()
    assert desk.evaluate("document.activeElement.id") == "starts_on-day"
    assert_page_is_good(desk)
    desk.fill(f"#share-{both.partner.organisation_id}", "40")
    type_day(desk, "starts_on", first)
    desk.fill("#reason", WHY)
    press(desk.locator("button:has-text('Check the proposal')"))
    assert "60%" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Send the proposal')"))
    assert "Waits for answers" in desk.inner_text("main")
    assert_page_is_good(desk)

    partner = site.tab(browser, both.partner)
    partner.goto(f"{site.console}/funding")
    assert_page_is_good(partner)
    press(partner.locator("th a").first)
    assert "Maya" not in partner.content()
    assert_page_is_good(partner)
    partner.check("input[value=agree]")
    press(partner.locator("button:has-text('Check the answer')"))
    assert_page_is_good(partner)
    press(partner.locator("button:has-text('Send the answer')"))
    own = site.tab(browser, both.own)
    own.goto(f"{site.console}/funding")
    press(own.locator("th a").first)
    assert_page_is_good(own)
    press(own.locator("button:has-text('Put the shares into force')"))
    assert "In force" in own.inner_text("main")
    assert_page_is_good(own)
    site.run(visit_done(case, clock, first))

    desk.goto(f"{site.marketplace}/children/{case.child_id}/budget")
    assert_page_is_good(desk)
    press(desk.locator("a:has-text('Set a budget')"))
    assert_page_is_good(desk)
    desk.check("input[value=minutes]")
    desk.fill("#amount", "12")
    type_day(desk, "starts_on", first)
    type_day(desk, "ends_on", first + timedelta(days=55))
    desk.fill("#reason", "The panel of 5 May")
    press(desk.locator("button:has-text('Check it')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Set the allocation')"))
    assert "The budget runs out on" in desk.inner_text("main")
    assert_page_is_good(desk)
    for path in ("/budgets", f"/packages/{case.package_id}", f"/packages/{case.package_id}/funding"):
        desk.goto(f"{site.marketplace}{path}")
        assert_page_is_good(desk)
    watch.assert_quiet(site.marketplace)
    site.run(worked_out(case.referrer))
    home = site.tab(browser, case.family)
    for path in ("/who-is-coming", f"/support-budget/{case.child_id}"):
        home.goto(f"{site.marketplace}{path}")
        assert "12 hours" in home.inner_text("main")
        assert_page_is_good(home)
    own.goto(f"{site.console}/budgets")
    assert_page_is_good(own)

"""Asking, answering, comparing, agreeing and signing in a real browser, the family on a phone's width too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.packages import plan_actions
from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, purchases
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as running:
        yield running


def test_from_asking_to_a_signed_plan(site: Site, browser: Browser) -> None:
    home = site.run(purchases.buyers(site.settings))
    alder, birch, _ = home.world.providers

    family = site.tab(browser, home.mother)
    watch = Watch(family)
    family.goto(f"{site.marketplace}/requests")
    assert_page_is_good(family)
    family.goto(f"{site.marketplace}/budget/{home.direct_payment_id}/find")
    family.check("[name=days-1][value='0']")
    family.fill("#begin-1", "4pm")
    family.fill("#end-1", "6pm")
    family.select_option("#activity-1", "home_support")
    press(family.locator("button:has-text('Show who could come')"))
    assert_page_is_good(family)
    press(family.locator("a:has-text('Ask for support')").first)
    assert family.is_checked(f"[name=providers][value='{alder.provider_id}']")
    assert family.input_value("#begin-1") == "4pm" and "£48.00 for the first week" in family.inner_text("main")
    assert_page_is_good(family)
    family.check(f"[name=providers][value='{birch.provider_id}']")
    family.fill("#says", "Grace says: somebody patient")
    press(family.locator("button:has-text('Continue')"))
    assert "Enter the first day" in family.inner_text(".govuk-error-summary")
    assert_page_is_good(family)
    for part, value in (("day", "18"), ("month", "5"), ("year", "2026")):
        family.fill(f"#starts_on-{part}", value)
    press(family.locator("button:has-text('Continue')"))
    assert "Grace" in family.inner_text(".govuk-error-summary")
    assert_page_is_good(family)
    family.fill("#says", "Somebody patient who likes water")
    press(family.locator("button:has-text('Continue')"))
    assert family.inner_text("h1") == "Check before you send it"
    assert_page_is_good(family)
    press(family.locator("button:has-text('Send the request')"))
    assert "No answers yet" in family.inner_text("main")
    assert_page_is_good(family)
    address = family.url

    office = site.tab(browser, alder)
    quiet = Watch(office)
    office.goto(f"{site.marketplace}/enquiries")
    assert_page_is_good(office)
    press(office.locator("th a").first)
    assert_page_is_good(office)
    press(office.locator("text=Propose workers"))
    press(office.locator("button:has-text('Continue to the price')"))
    assert "who will come" in office.inner_text(".govuk-error-summary").lower()
    assert_page_is_good(office)
    office.locator("[name=workers]").first.check()
    office.locator("[name=backups]").last.check()
    press(office.locator("button:has-text('Continue to the price')"))
    assert "£48.00" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Send the answer')"))
    assert "You have answered" in office.inner_text("main")
    press(office.locator("text=Withdraw this answer"))
    assert_page_is_good(office)
    press(office.locator("text=Keep it"))

    rival = site.tab(browser, birch)
    rival.goto(address.replace("/requests/", "/enquiries/"))
    press(rival.locator("text=Say no"))
    press(rival.locator("button:has-text('Say no to the family')"))
    assert "Select why you say no" in rival.inner_text(".govuk-error-summary")
    assert_page_is_good(rival)

    family.reload()
    assert_page_is_good(family)
    press(family.locator("text=Take the request back"))
    assert_page_is_good(family)
    press(family.locator("text=Keep it"))
    press(family.locator("text=Ask to meet them first"))
    press(family.locator("button:has-text('Ask to meet')"))
    assert_page_is_good(family)
    for part, value in (("day", "13"), ("month", "5"), ("year", "2026")):
        family.fill(f"#on-1-{part}", value)
    family.fill("#at-1", "4pm")
    press(family.locator("button:has-text('Ask to meet')"))
    assert "They have not answered yet" in family.inner_text("main")
    office.reload()
    office.check("[name=agreed_at][value='0']")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Answer the family')"))
    press(office.locator("text=Call the meeting off"))
    assert_page_is_good(office)
    press(office.locator("text=Keep it"))
    quiet.assert_quiet(site.marketplace)

    family.reload()
    assert "Ask to meet at another time" in family.inner_text("main")
    press(family.locator("text=Call the meeting off"))
    family.fill("#says", "Maya Okonkwo is ill")
    press(family.locator("button:has-text('Call it off')"))
    assert "Take it out" in family.inner_text(".govuk-error-summary")
    assert_page_is_good(family)
    family.fill("#says", "We are ill")
    press(family.locator("button:has-text('Call it off')"))
    assert "You called it off" in family.inner_text("main")
    assert_page_is_good(family)
    press(family.locator("text=Agree with Alder Care"))
    assert_page_is_good(family)
    press(family.locator("button:has-text('Agree')"))
    assert "This has been agreed as package P-" in family.inner_text("main")
    assert_page_is_good(family)

    press(office.locator("text=Requests").first)
    office.goto(address.replace("/requests/", "/enquiries/"))
    press(office.locator("text=Open the package"))
    assert "Direct payment" in office.inner_text("main")
    assert_page_is_good(office)
    package_id = office.url.rsplit("/", 1)[-1]
    plan_id = site.run(_shared_plan(home, alder, package_id))
    family.goto(f"{site.marketplace}/who-is-coming")
    press(family.locator("text=Read and sign the plan"))
    press(family.locator("text=Sign this plan"))
    family.check("#read")
    press(family.locator("button:has-text('Sign as')"))
    assert "place of the council" in family.inner_text(".govuk-error-summary")
    assert_page_is_good(family)
    family.check("#in_referrers_place")
    press(family.locator("button:has-text('Sign as')"))
    assert "In force" in family.inner_text("main") and family.url.endswith(str(plan_id))
    watch.assert_quiet(site.marketplace)


async def _shared_plan(home, manager, package_id):
    one, two = home.world.workers[manager.organisation_id]
    case = packages.Case(
        home.world, manager, home.world.referrer, home.mother, home.child_id, package_id, one, two, manager, manager
    )  # fmt: skip
    plan_id = await packages.written_plan(case)
    await plan_actions.share_plan(manager, plan_id)
    return plan_id

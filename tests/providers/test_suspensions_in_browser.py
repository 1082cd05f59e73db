"""A suspension in a real browser, on both front doors: proposed, decided, planned, answered, done, lifted in part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import frameworks, people, providers
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as found:
        yield found


async def laid(settings: Settings):  # type: ignore[no-untyped-def]
    admin = await people.council(settings, "Northgate Council")
    manager = await people.provider_org(settings, "Kindly Care Ltd")
    framework_id = await frameworks.open_framework(admin)
    await providers.in_good_order(manager)
    await frameworks.admitted(admin, manager, framework_id, ["A", "C"])
    decider = await people.person_in(admin, "contract_manager", "Cora Manager")
    return admin, decider, await people.person_in(admin, "referrer", "Rea Ferrer"), manager


def test_from_the_proposal_to_the_first_lot_back(site: Site, browser: Browser) -> None:
    admin, decider, referrer, manager = site.run(laid(site.settings))
    office = site.tab(browser, referrer)
    office_watch = Watch(office)
    office.goto(f"{site.marketplace}/providers/{manager.provider_id}")
    assert_page_is_good(office)
    press(office.locator("text=Our offers and packages with it"))
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/providers/{manager.provider_id}")
    press(office.locator("text=Propose a suspension"))
    press(office.locator("button:has-text('Continue')"))
    assert "Select the ground" in office.inner_text(".govuk-error-summary")
    assert_page_is_good(office)
    office.check("input[name=rule_key][value=quality_failing]")
    office.fill("#facts", "Visits V-1 and V-2 were missed in one week.")
    press(office.locator("button:has-text('Continue')"))
    assert_page_is_good(office)
    press(office.locator("button:has-text('Send to the contract managers')"))
    office_watch.assert_quiet(site.marketplace)

    desk = site.tab(browser, decider)
    desk_watch = Watch(desk)
    desk.goto(f"{site.console}/today")
    press(desk.locator("text=Decide on a suspension of Kindly Care Ltd").first)
    assert_page_is_good(desk)
    desk.check("input[name=outcome][value=suspend]")
    desk.fill("#reason", "The rota does not hold.")
    press(desk.locator("button:has-text('Continue')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Suspend from new referrals')"))
    assert "No action has been asked for yet" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("a:has-text('Ask for an action')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Ask for it')"))
    assert_page_is_good(desk)
    desk.fill("#title", "A rota with a stand-in for each visit")
    desk.fill("#evidence_asked", "The rota of two weeks")
    for part, value in (("day", "20"), ("month", "5"), ("year", "2026")):
        desk.fill(f"#due_on-{part}", value)
    press(desk.locator("button:has-text('Ask for it')"))
    story = desk.url

    own = site.tab(browser, manager)
    own_watch = Watch(own)
    own.goto(f"{site.marketplace}/standing")
    assert_page_is_good(own)
    press(own.locator("text=What to do about the suspension").first)
    assert_page_is_good(own)
    press(own.locator("a:has-text('Answer')").first)
    assert_page_is_good(own)
    own.fill("#says", "Two people left in one week.")
    press(own.locator("button:has-text('Send the answer')"))
    press(own.locator("text=Say it is done").first)
    press(own.locator("button:has-text('Say that it is done')"))
    assert_page_is_good(own)
    own.fill("#says", "In use since Monday.")
    press(own.locator("button:has-text('Say that it is done')"))
    assert "Said to be done" in own.inner_text("main")
    press(own.locator("text=Ask that somebody else looks at it again"))
    own.fill("#says", "One visit was called off by the family.")
    press(own.locator("button:has-text('Ask for the review')"))
    assert_page_is_good(own)
    own_watch.assert_quiet(site.marketplace)

    desk.goto(story)
    assert_page_is_good(desk)
    press(desk.locator("a:has-text('Sign off')").first)
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Sign it off')"))
    press(desk.locator("a:has-text('Lift the suspension')").first)
    assert_page_is_good(desk)
    desk.check("input[name=lots][value=C]")
    desk.fill("#new_packages", "2")
    desk.fill("#reason", "Lot C is sound.")
    press(desk.locator("button:has-text('Continue')"))
    assert "It stays suspended for lot A" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Lift the suspension')"))
    shown = desk.inner_text("main")
    assert "may take on 2 new packages" in shown and "Suspended" in shown
    assert_page_is_good(desk)
    press(desk.locator("text=Its standing on a past day"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Show the standing')"))
    assert "Enter" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)

    head = site.tab(browser, admin)
    head.goto(f"{story}/review")
    assert_page_is_good(head)
    head.check("input[name=outcome][value=stands]")
    head.fill("#says", "Two others remain.")
    press(head.locator("button:has-text('Decide')"))
    assert "Reviewed: the suspension stands" in head.inner_text("main")
    assert_page_is_good(head)
    desk_watch.assert_quiet(site.console)

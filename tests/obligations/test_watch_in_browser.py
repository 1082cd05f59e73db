"""From Watch to the deed in a real browser: stopped visits, emergency cover, the provider's story, a list narrowed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from marketplace.packages.lapsed_cover import look_as_commissioner
from marketplace.platform.clock import FrozenClock
from marketplace.providers.coverage import look_as_lead
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, people, providers
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey

LAST = date(2026, 5, 12)


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_from_the_figure_to_cover_by_another_provider(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(borough(site.settings, provider_names=("Alder Care", "Birch Support")))
    case = site.run(packages.set_up(world))
    for days in (2, 3):
        site.run(packages.a_visit(case, LAST + timedelta(days=days)))
    council = case.referrer.commissioner_id
    assert council is not None
    site.run(providers.in_good_order(case.manager, insurance_until=LAST))
    site.run(look_as_lead(council))
    clock.move_to(datetime(2026, 5, 13, 8, tzinfo=UTC))
    site.run(look_as_lead(council))
    site.run(look_as_commissioner(council))

    desk = site.tab(browser, site.run(people.person_in(world.admin, "contract_manager", "Cora Manager")))
    watch = Watch(desk)
    desk.goto(f"{site.console}/watch")
    assert "visits that may not go on" in desk.inner_text("main") and "1 child" in desk.inner_text("main")
    seen(desk)
    press(desk.locator("a:has-text('visits that may not go on')"))
    desk.fill("#q", "alder")
    press(desk.locator("button:has-text('Show')"))
    assert desk.input_value("#q") == "alder"
    seen(desk)
    desk.goto(f"{site.console}/watch/flagged?q=Mars")
    assert "Nothing in this list matches" in desk.inner_text("main")
    seen(desk)
    press(desk.locator("a:has-text('Show the whole list')"))
    press(desk.locator("tbody a").first)
    desk.check("input[name=goes_on][value=cover]")
    desk.fill("#answer_hours", "0")
    desk.fill("#reason", "There is no letter of cover.")
    press(desk.locator("button:has-text('Check the decision')"))
    assert "hours providers have to answer" in desk.inner_text(".govuk-error-summary")
    seen(desk)
    desk.fill("#answer_hours", "3")
    press(desk.locator("button:has-text('Check the decision')"))
    seen(desk)
    press(desk.locator("button:has-text('Stop the visits')"))
    assert "Cover is being looked for" in desk.content() and "0 offers so far" in desk.inner_text("main")
    seen(desk)

    desk.goto(f"{site.console}/providers/{case.manager.provider_id}/story")
    assert "Emergency cover of package" in desk.inner_text("main") and "May 2026" in desk.inner_text("main")
    seen(desk)
    for part, value in (("day", "12"), ("month", "5"), ("year", "2026")):
        desk.fill(f"#day-{part}", value)
    press(desk.locator("button:has-text('Show')"))
    assert "As it stood on" in desk.inner_text("main") and "Active" in desk.inner_text("main")
    assert "Emergency cover" not in desk.inner_text("main")
    seen(desk)
    watch.assert_quiet(site.console)

    office = site.tab(browser, world.providers[1])
    office.goto(f"{site.marketplace}/opportunities")
    press(office.locator("tbody a").first)
    assert "Emergency" in office.inner_text("main") and "Cora Manager" in office.inner_text("main")
    seen(office)
    own = site.tab(browser, case.manager)
    own.goto(f"{site.marketplace}/standing/story")
    assert "It was suspended" in own.inner_text("main") and "Emergency cover" not in own.inner_text("main")
    seen(own)


def seen(page: Page) -> None:
    """Good at both widths."""
    assert_page_is_good(page)

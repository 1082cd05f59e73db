"""What lapses, in a real browser: the office's list, a visit that may not go on, the contract manager's decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from marketplace.packages.lapsed_cover import look_as_commissioner
from marketplace.packages.lapsed_visits import look_at_visits
from marketplace.platform.clock import FrozenClock
from marketplace.providers import evidence
from marketplace.providers.coverage import look_as_lead
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, people, providers
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey

TUESDAY = date(2026, 5, 12)


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_from_the_list_to_the_flag_to_the_decision(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.set_up(world))
    visit_id = site.run(packages.a_visit(case, TUESDAY + timedelta(days=2)))
    provider, council = case.manager.provider_id, case.referrer.commissioner_id
    assert provider is not None and council is not None

    office = site.tab(browser, case.manager)
    watch = Watch(office)
    office.goto(f"{site.marketplace}/lapses")
    assert "Within 84 days" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("text=Within 28 days"))
    assert "Nothing lapses so soon" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("text=See everything that has a last good day"))
    assert_page_is_good(office)

    site.run(evidence.send_back_to_training(case.manager, case.worker_id, "first_aid", "A mistake with the drill"))
    site.run(look_at_visits(provider))
    office.goto(f"{site.marketplace}/visits/{visit_id}")
    assert "may not go on as it is planned: Alder Worker 1" in office.inner_text("main")
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/packages/{case.package_id}/visits?when=look")
    assert "May not go on" in office.inner_text("main")
    assert_page_is_good(office)
    door = site.tab(browser, case.worker)
    door.goto(f"{site.marketplace}/visits/{visit_id}")
    assert "Call your office before you set off" in door.inner_text("main")
    assert_page_is_good(door)
    door.goto(f"{site.marketplace}/lapses?days=all")
    assert_page_is_good(door)

    site.run(providers.in_good_order(case.manager, insurance_until=TUESDAY))
    site.run(look_as_lead(council))
    clock.move_to(datetime(2026, 5, 13, 8, tzinfo=UTC))
    site.run(look_as_lead(council))
    site.run(look_as_commissioner(council))
    office.goto(f"{site.marketplace}/today")
    assert "What lapses next" in office.inner_text("main") and "Our organisation: Insurance" in office.inner_text(
        "main"
    )
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/standing")
    assert "by the framework's own rule" in office.inner_text("main")
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/packages/{case.package_id}")
    assert "A contract manager decides whether this package goes on" in office.inner_text("main")
    assert_page_is_good(office)
    watch.assert_quiet(site.marketplace)

    desk = site.tab(browser, site.run(people.person_in(world.admin, "contract_manager", "Cora Manager")))
    watch = Watch(desk)
    desk.goto(f"{site.console}/today")
    press(desk.locator("text=Decide whether a package goes on").first)
    assert "Does this package go on?" in desk.inner_text("h1") and "Maya" not in desk.content()
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Check the decision')"))
    assert "Enter why" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    desk.locator("input[name=goes_on][value=no]").check()
    desk.fill("#reason", "There is no letter of cover.")
    press(desk.locator("button:has-text('Check the decision')"))
    assert "cannot start, and no new visit can be planned" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Change something')"))
    assert desk.input_value("#reason") == "There is no letter of cover."
    press(desk.locator("button:has-text('Check the decision')"))
    press(desk.locator("button:has-text('Stop the visits')"))
    assert "Decided. The provider and the referrer have been told." in desk.content()
    desk.goto(f"{site.console}/watch/flagged")
    assert "Alder Care has no insurance in date" in desk.inner_text("main")
    assert_page_is_good(desk)
    desk.goto(f"{site.console}/packages/{case.package_id}/cover")
    assert "Decided before" in desk.inner_text("main")
    assert_page_is_good(desk)
    watch.assert_quiet(site.console)

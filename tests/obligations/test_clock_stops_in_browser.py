"""A clock that stands, in a real browser: the provider asks, the contract manager accepts, the clock runs again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import assert_page_is_good, browser, press
from tests.world import packages, people, referrals
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as site:
        yield site


def test_ask_accept_and_let_it_run_again(site: Site, browser: Browser) -> None:
    world = site.run(referrals.borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.awarded(world))
    decider = site.run(people.person_in(case.referrer, "contract_manager"))
    provider = site.tab(browser, case.manager)
    provider.goto(f"{site.marketplace}/duties?rule=plan_signed")
    press(provider.locator("tbody a").first)
    press(provider.locator("text=Ask to stop the clock"))
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Send your ask')"))
    assert "Select why the clock should stand" in provider.inner_text(".govuk-error-summary")
    assert_page_is_good(provider)
    provider.check("input[value=family_cannot_yet]")
    provider.fill("textarea[name=reason]", "The young person is in hospital")
    press(provider.locator("button:has-text('Send your ask')"))
    assert "asked to stand: not decided yet" in provider.inner_text("main")
    assert_page_is_good(provider)
    council = site.tab(browser, decider)
    council.goto(f"{site.console}/today")
    press(council.locator("text=Decide whether a duty’s clock may stand").first)
    assert "If you accept, the duty falls due by" in council.inner_text("main")
    assert_page_is_good(council)
    council.check("input[value=accept]")
    council.fill("textarea[name=decision]", "Until she is home")
    press(council.locator("button:has-text('Decide')"))
    assert "The clock stands until" in council.inner_text("main")
    press(council.locator("text=Back to all stops of clocks"))
    assert_page_is_good(council)
    provider.reload()
    assert "Clock stands" in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("text=The stop of its clock"))
    press(provider.locator("button:has-text('Let the clock run again now')"))
    assert "Ended early" in provider.inner_text("main")

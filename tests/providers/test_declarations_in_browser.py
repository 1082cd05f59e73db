"""Declaring, assessing, scoring and changed terms in a real browser, on both front doors, desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.providers.test_declarations import a_file
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import frameworks, people
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
    (application,) = await frameworks.applied(manager, framework_id, ["C"])
    await frameworks.application_actions.withdraw_application(manager, application)
    (application,) = await frameworks.applied(manager, framework_id, ["C"])
    contract = await people.person_in(admin, "contract_manager", "Una First")
    return admin, contract, manager, framework_id, application


def test_from_the_declaration_to_its_acceptance_the_scores_and_changed_terms(site: Site, browser: Browser) -> None:
    admin, contract, manager, framework_id, application = site.run(laid(site.settings))
    provider = site.tab(browser, manager)
    watch = Watch(provider)
    provider.goto(f"{site.marketplace}/standing")
    press(provider.locator("text=Our declarations"))
    assert_page_is_good(provider)
    site.run(a_file(manager, "cqc_registration"))
    press(provider.locator("a:has-text('Registered with the Care Quality')"))
    assert_page_is_good(provider)
    provider.fill("#provider_identifier", "12")
    press(provider.locator("button:has-text('Check what you declare')"))
    assert "Select the rating" in provider.inner_text(".govuk-error-summary")
    assert_page_is_good(provider)
    provider.fill("#provider_identifier", "1-123")
    provider.check("#rating-5")
    provider.check("#evidence_ids")
    press(provider.locator("button:has-text('Check what you declare')"))
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Declare this')"))
    assert "Declared, not assessed yet" in provider.inner_text("main")

    desk = site.tab(browser, contract)
    desk_watch = Watch(desk)
    desk.goto(f"{site.console}/applications/{application}")
    press(desk.locator("text=Assess what it declares"))
    assert_page_is_good(desk)
    press(desk.locator("th a").first)
    press(desk.locator("button:has-text('Continue')"))
    assert "Select what you find" in desk.inner_text(".govuk-error-summary")
    assert_page_is_good(desk)
    desk.check("#verdict-2")
    desk.fill("#to_mend", "Add the certificate of registration")
    press(desk.locator("button:has-text('Continue')"))
    assert "Check before you reject" in desk.inner_text("main")
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Reject it')"))
    assert "To be mended" in desk.inner_text("main")
    desk.goto(f"{site.console}/applications/{application}")
    press(desk.locator("text=Scores of this application"))
    assert_page_is_good(desk)
    for number in range(4):
        desk.fill(f"#points-{number}", "4")
    press(desk.locator("button:has-text('Check my score')"))
    assert_page_is_good(desk)
    press(desk.locator("button:has-text('Change something')"))
    assert desk.input_value("#points-3") == "4"
    press(desk.locator("button:has-text('Check my score')"))
    press(desk.locator("button:has-text('Give my score')"))
    assert "16 of 20" in desk.inner_text("main")
    assert_page_is_good(desk)
    desk_watch.assert_quiet(site.console)

    lead = site.tab(browser, admin)
    lead.goto(f"{site.console}/frameworks/{framework_id}/decisions/settings.evaluation.scorers")
    assert_page_is_good(lead)
    press(lead.locator("text=Change the terms"))
    assert_page_is_good(lead)
    lead.fill("#value", "3")
    lead.fill("#reason", "More eyes on each application")
    press(lead.locator("button:has-text('Check the change')"))
    assert_page_is_good(lead)
    press(lead.locator("button:has-text('Change the terms')"))
    assert "Not yet" in lead.inner_text("main")
    assert_page_is_good(lead)

    lead.goto(f"{site.console}/applications/{application}/admit")
    assert_page_is_good(lead)
    press(lead.locator("button:has-text('Continue')"))
    assert_page_is_good(lead)
    press(lead.locator("button:has-text('Admit the provider')"))
    assert "The provider is admitted" in lead.inner_text("main")

    provider.goto(f"{site.marketplace}/declarations/inspection_reports")
    assert_page_is_good(provider)
    provider.goto(f"{site.marketplace}/declarations/cqc_registration")
    assert "Add the certificate of registration" in provider.inner_text("main")
    assert_page_is_good(provider)
    provider.goto(f"{site.marketplace}/frameworks/{framework_id}/changes")
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Accept these terms')"))
    assert "Confirm that you accept" in provider.inner_text(".govuk-error-summary")
    assert_page_is_good(provider)
    provider.check("#agreed")
    press(provider.locator("button:has-text('Accept these terms')"))
    assert "You have accepted the terms" in provider.content()
    watch.assert_quiet(site.marketplace)

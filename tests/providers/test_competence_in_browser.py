"""Competence and DBS in a real browser, office and worker: every page at both widths; the matrix on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from io import BytesIO

import pikepdf
import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.providers import workforce
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.providers.test_competence import a_file
from tests.providers.test_dbs_updates import with_certificate
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import packages, providers
from tests.world.referrals import borough
from tests.world.served import Site, serving
from tests.world.update_service import UpdateService, result, update_service

__all__ = ["browser"]
pytestmark = pytest.mark.journey
NUMBER = "001234567890"


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, UpdateService]]:
    with update_service() as service:
        settings = replace(shared_settings, dbs_update_service_url=service.url)
        with serving(settings, FrozenClock(NOON)) as site:
            yield site, service


def test_a_worker_is_trained_assessed_checked_and_agrees(server: tuple[Site, UpdateService], browser: Browser) -> None:
    site, service = server
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.set_up(world))
    bare = site.run(providers.worker(case.manager, "Lee Barton"))
    site.run(a_file(case.manager, bare))
    office = site.tab(browser, case.manager)
    watch = Watch(office)

    office.goto(f"{site.marketplace}/workforce/{bare}")
    assert_page_is_good(office)
    press(office.locator("text=Record training attended").first)
    assert_page_is_good(office)
    press(office.locator("button:has-text('Save')").first)
    assert "Error:" in office.title()
    assert_page_is_good(office)
    office.select_option("#code", "first_aid")
    for part, value in (("day", "1"), ("month", "5"), ("year", "2026")):
        office.fill(f"#assessed_on-{part}", value)
    press(office.locator("button:has-text('Save')").first)
    office.wait_for_url(f"**/workforce/{bare}")
    assert "Attended, not signed off" in office.inner_text("main")
    press(office.locator("text=Sign off as competent").first)
    assert_page_is_good(office)
    office.select_option("#code", "first_aid")
    for part, value in (("day", "1"), ("month", "5"), ("year", "2026")):
        office.fill(f"#assessed_on-{part}", value)
    office.check("input[name=method] >> nth=0")
    office.select_option("#assessor", "outside")
    office.fill("#assessor_name", "Lee Barton, senior carer")
    press(office.locator("button:has-text('Save')").first)
    assert "Nobody signs themselves off" in office.inner_text(".govuk-error-summary")
    assert office.input_value("#assessor_name") == "Lee Barton, senior carer"
    assert_page_is_good(office)
    office.fill("#assessor_name", "Alex Moor, nurse educator")
    press(office.locator("button:has-text('Save')").first)
    office.wait_for_url(f"**/workforce/{bare}")
    assert "Alex Moor, nurse educator" in office.inner_text("main")
    assert_page_is_good(office)

    office.goto(f"{site.marketplace}/workforce/{bare}/status-check")
    assert "Nothing can be asked yet" in office.inner_text("main")
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/workforce/{bare}/dbs")
    assert_page_is_good(office)
    site.run(with_certificate(case.manager, bare, checked_on=date(2026, 5, 1)))
    office.goto(f"{site.marketplace}/workforce/{bare}/status-check")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Check with the update service')").first)
    assert "knows no such certificate" in office.inner_text(".govuk-error-summary")
    assert_page_is_good(office)
    service.answers[NUMBER] = result("NEW_INFO")
    press(office.locator("button:has-text('Check with the update service')").first)
    office.wait_for_url(f"**/workforce/{bare}")
    assert "Stood down since" in office.inner_text("main")
    assert_page_is_good(office)
    office.goto(f"{site.marketplace}/workforce/dbs-checks")
    assert "A new certificate" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Look due statuses up in my name')").first)
    office.wait_for_url("**/workforce/dbs-checks")
    assert f"in the name of {case.manager.person_name}" in office.inner_text("main")

    office.goto(f"{site.marketplace}/workforce?lot={world.framework_id}.{world.lot}")
    assert "Lee Barton" in office.inner_text(".app-matrix")
    assert_page_is_good(office)
    with pikepdf.open(BytesIO(office.pdf(prefer_css_page_size=True))) as paper:
        left, bottom, right, top = [float(edge) for edge in paper.pages[0].mediabox]
        assert right - left > top - bottom  # landscape
    office.emulate_media(media="print")
    assert not office.is_visible(".govuk-service-navigation") and not office.is_visible("form[action='/workforce']")
    assert office.is_visible(".app-matrix table")
    office.emulate_media(media="screen")
    office.goto(f"{site.marketplace}/workforce?lot={case.package_id}")
    assert "Readiness for Package" in office.inner_text("main")
    assert_page_is_good(office)
    watch.assert_quiet(site.marketplace)

    phone = site.tab(browser, case.worker)
    watch = Watch(phone)
    phone.goto(f"{site.marketplace}/my-profile")
    assert "love being outdoors" in phone.inner_text("main")
    assert_page_is_good(phone)
    press(phone.locator("button:has-text('Stop showing my profile')").first)
    phone.wait_for_url("**/my-profile")
    assert "Not shown" in phone.inner_text("main").replace("NOT SHOWN", "Not shown")
    assert_page_is_good(phone)
    press(phone.locator("button:has-text('Families may read this')").first)
    press(phone.locator("button:has-text('Stop the status checks')").first)
    phone.wait_for_url("**/my-profile")
    assert_page_is_good(phone)
    site.run(workforce.publish_profile(case.manager, case.worker_id, "Another text", False))
    phone.goto(f"{site.marketplace}/my-profile")
    assert "Another text" in phone.inner_text("main") and phone.is_visible("button:has-text('Families may read this')")
    phone.goto(f"{site.marketplace}/my-training")
    assert_page_is_good(phone)
    watch.assert_quiet(site.marketplace)

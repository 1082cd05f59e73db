"""Timesheets, writing a visit down, a week and a file of visits, in a real browser at both doors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_nothing_lies_off_a_phone, assert_page_is_good, browser, press
from tests.world import packages, people
from tests.world.billing import visit_done
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def test_a_missing_visit_a_correction_a_week_and_a_file(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    case = site.run(packages.set_up(world))
    finance = site.run(people.person_in(world.admin, "finance", "Finn Ance"))
    first = date(2026, 5, 18)
    site.run(visit_done(case, clock, first))
    missing = [site.run(packages.a_visit(case, first + timedelta(days=n))) for n in (1, 2, 3)]
    clock.move_to(site.run(case.visit(missing[-1])).planned_end + timedelta(hours=1))
    office = site.tab(browser, case.manager)
    watch = Watch(office)
    office.goto(f"{site.marketplace}/timesheets")
    assert_page_is_good(office)
    press(office.locator("main table a").first)
    assert "3 visits should have taken place" in office.inner_text("main")
    assert_nothing_lies_off_a_phone(office)
    assert_page_is_good(office)
    press(office.locator("text=Show by worker").first)
    press(office.locator("text=Write it down").first)
    assert_page_is_good(office)
    office.fill("#end", "")
    press(office.locator("button:has-text('Continue')"))
    office.locator(".govuk-error-summary__list a").first.click()
    assert office.evaluate("document.activeElement.id") == "end"
    assert_page_is_good(office)
    office.fill("#end", "17:40")
    office.fill("#activities", "Baked a cake.")
    press(office.locator("button:has-text('Continue')"))
    assert "Who signs" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Save')"))
    assert "Recorded." in office.content()

    office.goto(f"{site.marketplace}/roster/week?from={first}")
    assert_page_is_good(office)
    office.check(f"input[name='outcome-{missing[2]}'][value='later']")
    office.fill(f"#end-{missing[1]}", "17:30")
    press(office.locator("button:has-text('Continue')"))
    assert "To be recorded" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Take 1 visit')"))
    assert "Recorded" in office.inner_text("main table")
    assert_page_is_good(office)

    office.goto(f"{site.marketplace}/roster")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Check this file')"))
    assert "Select the file" in office.inner_text(".govuk-error-summary")
    assert_page_is_good(office)
    lines = f"visit,outcome,start,end\n{missing[2]},delivered,2026-05-21 16:00,2026-05-21 18:00\n,delivered,,\n"
    office.set_input_files("input[type=file]", {"name": "v.csv", "mimeType": "text/csv", "buffer": lines.encode()})
    press(office.locator("button:has-text('Check this file')"))
    assert "Refused" in office.inner_text("main table")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Take 1 visit')"))
    office.goto(f"{site.marketplace}/roster/week?from={first}")
    assert "Nothing to write down" in office.inner_text("main")
    assert_page_is_good(office)

    office.goto(f"{site.marketplace}/visits/{missing[0]}")
    press(office.locator("text=It did not take place").first)
    assert_page_is_good(office)
    press(office.locator("button:has-text('Continue')"))
    assert "Enter why the record is corrected" in office.inner_text(".govuk-error-summary")
    assert_page_is_good(office)
    office.check("input[name='outcome'][value='missed']")
    office.fill("#reason", "The rota had the wrong day.")
    press(office.locator("button:has-text('Continue')"))
    assert "Recorded until now" in office.inner_text("main")
    assert_page_is_good(office)
    press(office.locator("button:has-text('Save the correction')"))
    assert "Corrected. Family and referrer" in office.content()
    assert_page_is_good(office)
    watch.assert_quiet(site.marketplace)

    desk = site.tab(browser, finance)
    watch = Watch(desk)
    desk.goto(f"{site.console}/timesheets")
    assert_page_is_good(desk)
    press(desk.locator("main table a").first)
    shown = desk.content()
    assert "A family member" in shown and "Maya" not in shown and "Baked" not in shown
    assert_page_is_good(desk)
    watch.assert_quiet(site.console)

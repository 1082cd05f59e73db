"""Importing a workforce in a real browser: template, faults, the question, the preview, done; desktop and phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from marketplace.platform.clock import FrozenClock
from marketplace.providers import workforce
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings) -> Iterator[Site]:
    with serving(shared_settings, FrozenClock(NOON)) as found:
        yield found


def test_from_the_template_to_the_imported_file(site: Site, browser: Browser, tmp_path: Path) -> None:
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    manager = world.providers[0]
    role = "support_worker"
    site.run(workforce.add_worker(manager, name="Ana Poe", role=role))
    tab = site.tab(browser, manager)
    watch = Watch(tab)
    tab.goto(f"{site.marketplace}/workforce")
    press(tab.locator("text=Import or export a workforce"))
    assert_page_is_good(tab)
    with tab.expect_download() as template:
        tab.locator("text=Download the template").click()
    assert template.value.suggested_filename == "workforce-template.xlsx"
    press(tab.locator("button:has-text('Check this file')"))
    assert "Select the file to import" in tab.inner_text(".govuk-error-summary")
    assert_page_is_good(tab)
    file = tmp_path / "workers.csv"
    file.write_text("Name,Role,First day\nBen Low,support_worker,31/02/2026\nAna Poe,support_worker,1/5/2026\n")
    tab.set_input_files("#file", str(file))
    press(tab.locator("button:has-text('Check this file')"))
    assert "31 February 2026 is not a date" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("text=Send the corrected file"))
    file.write_text(file.read_text().replace("31/02/2026", "28/02/2026"))
    tab.set_input_files("#file", str(file))
    press(tab.locator("button:has-text('Check this file')"))
    press(tab.locator("text=Say who is meant"))
    assert_page_is_good(tab)
    press(tab.locator("button:has-text('Go on')"))
    assert "Select who Ana Poe in row 3 is" in tab.inner_text(".govuk-error-summary")
    tab.check("#row-3")
    press(tab.locator("button:has-text('Go on')"))
    assert "1 to be added, 1 changed" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("button:has-text('Import this')"))
    assert "The file has been imported" in tab.content() and "What the file did" in tab.inner_text("h1")
    assert_page_is_good(tab)
    file.write_text("Name,Role\n" + "".join(f"Long File {n},support_worker\n" for n in range(301)))
    tab.goto(f"{site.marketplace}/workforce/import")
    tab.set_input_files("#file", str(file))
    press(tab.locator("button:has-text('Check this file')"))
    assert "0 of 301 rows done (0%)" in tab.inner_text("main")
    assert_page_is_good(tab)
    watch.assert_quiet(site.marketplace)

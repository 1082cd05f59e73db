"""Evidence in a real browser: with progress, straight to the store or through us, without JavaScript; each page at
both widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page

from marketplace.platform.clock import FrozenClock
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.postgres_server import PostgresServer
from marketplace.providers import file_checking
from marketplace.settings import Settings
from tests.conftest import NOON, SECRET, Databases
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import files as made
from tests.world import frameworks, people, providers
from tests.world.file_servers import store, with_store
from tests.world.served import Site, serving

__all__ = ["browser", "store"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module", params=["straight", "through"])
def site(
    request: pytest.FixtureRequest,
    postgres: PostgresServer,
    databases: Databases,
    migrated_template: str,
    store: ObjectStore,
) -> Iterator[Site]:
    """Once with a store that browsers reach, once without."""
    name = f"files_{request.param}"
    databases.copy(name, migrated_template)
    settings = Settings(database_url=postgres.url(name), secret=SECRET)
    more = {"s3_browser_url": store.endpoint} if request.param == "straight" else {}
    with serving(with_store(settings, store, **more), FrozenClock(NOON)) as site:
        if more:
            store.storage().let_pages_upload(site.marketplace)
        yield site


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "Employer's liability.pdf"
    path.write_bytes(made.scripted_pdf())
    return path


def choose(tab: Page, path: Path, kind: str = "insurance") -> None:
    tab.select_option("#kind", kind)
    tab.set_input_files("#file", str(path))


def number_in(tab: Page) -> UUID:
    return UUID(tab.url.rsplit("/", 1)[1])


def test_adding_opening_replacing_and_deleting(site: Site, browser: Browser, store: ObjectStore, paper: Path) -> None:
    manager = site.run(people.provider_org(site.settings, "Kindly Care Ltd"))
    site.run(frameworks.open_framework(site.run(people.council(site.settings))))
    site.run(providers.worker(manager, "Wren Ash"))
    assert manager.provider_id is not None
    tab = site.tab(browser, manager)
    watch = Watch(tab)
    tab.goto(f"{site.marketplace}/evidence")
    assert "No files yet" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("text=Add evidence").first)
    assert_page_is_good(tab)

    # wrong: nothing chosen; then a kind without a file's worker
    press(tab.locator("button:has-text('Add this file')"))
    assert "Select the file" in tab.inner_text(".govuk-error-summary")
    assert_page_is_good(tab)
    choose(tab, paper, "dbs_certificate")
    tab.fill("#title", "Kept title")
    tab.locator("button:has-text('Add this file')").click()
    tab.wait_for_selector(".govuk-error-summary:has-text('Select whom the file is about')")
    assert tab.input_value("#title") == "Kept title"
    assert_page_is_good(tab)

    choose(tab, paper)
    tab.locator("button:has-text('Add this file')").click()
    tab.wait_for_url("**/evidence/*-*")
    assert "Being checked" in tab.inner_text("main")
    assert_page_is_good(tab)
    asked = {url for url in watch.requests if url.startswith(store.endpoint)}
    assert bool(asked) == bool(site.settings.s3_browser_url), "the file went straight to the store where it can"

    # the page notices by itself that the check is done
    site.run(file_checking.check(site.settings, manager.provider_id, number_in(tab)))
    tab.wait_for_selector("button:has-text('Open the file')", timeout=30_000)
    assert "A script or link inside the PDF was left out" in tab.inner_text("main")
    assert_page_is_good(tab)
    with tab.expect_download() as coming:
        tab.locator("button:has-text('Open the file')").click()
    assert coming.value.suggested_filename == "Employer's liability.pdf"
    assert b"EVIL" not in Path(coming.value.path()).read_bytes()

    first = tab.url
    press(tab.locator("text=Add a newer one in its place"))
    assert "will stand in for" in tab.inner_text("main")
    locked = paper.with_name("locked.pdf")
    locked.write_bytes(made.locked_pdf())
    tab.set_input_files("#file", str(locked))
    tab.locator("button:has-text('Add this file')").click()
    tab.wait_for_url(lambda url: url != first and "/evidence/" in url and "new" not in url)
    site.run(file_checking.check(site.settings, manager.provider_id, number_in(tab)))
    tab.reload()
    assert "without protection" in tab.inner_text("main")
    assert_page_is_good(tab)

    tab.goto(f"{site.marketplace}/evidence")
    assert_page_is_good(tab)
    tab.set_viewport_size({"width": 320, "height": 700})
    place = tab.locator("tbody .govuk-tag", has_text="Refused").first.bounding_box()
    assert place is not None and place["x"] + place["width"] <= 320, "that it was refused is seen on a phone"
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.goto(f"{site.marketplace}/evidence/retention")
    assert_page_is_good(tab)
    tab.goto(first)
    press(tab.locator("text=Delete this file"))
    assert_page_is_good(tab)
    tab.fill("#reason", "Wrong organisation")
    press(tab.locator("button:has-text('Delete the file')"))
    tab.goto(first)
    assert "Wrong organisation" in tab.inner_text("main")
    assert_page_is_good(tab)
    tab.goto(f"{site.marketplace}/evidence/retention")
    assert_page_is_good(tab)
    watch.assert_quiet(site.marketplace, *([store.endpoint] if site.settings.s3_browser_url else []))


def test_a_broken_connection_is_tried_again_and_leaves_one_file(
    site: Site, browser: Browser, store: ObjectStore, paper: Path
) -> None:
    manager = site.run(people.provider_org(site.settings, "Patient Care Ltd"))
    tab = site.tab(browser, manager)
    tab.goto(f"{site.marketplace}/evidence/new")
    failures = {"left": 1}

    def break_once(route) -> None:
        if route.request.method == "POST" and failures["left"]:
            failures["left"] -= 1
            route.abort("connectionreset")
        else:
            route.continue_()

    tab.route(f"{store.endpoint}/**" if site.settings.s3_browser_url else "**/evidence/new", break_once)
    choose(tab, paper)
    tab.locator("button:has-text('Add this file')").click()
    tab.wait_for_url("**/evidence/*-*")
    assert failures["left"] == 0 and "Being checked" in tab.inner_text("main")
    tab.goto(f"{site.marketplace}/evidence")
    assert tab.locator("tbody tr").count() == 1


def test_without_javascript_the_form_sends_the_file_by_itself(site: Site, browser: Browser, paper: Path) -> None:
    manager = site.run(people.provider_org(site.settings, "Plain Care Ltd"))
    signed_in = site.tab(browser, manager).context
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 700})
    context.add_cookies(signed_in.cookies())  # type: ignore[arg-type]
    tab = context.new_page()
    tab.goto(f"{site.marketplace}/evidence/new")
    choose(tab, paper)
    press(tab.locator("button:has-text('Add this file')"))
    assert "Being checked" in tab.inner_text("main")

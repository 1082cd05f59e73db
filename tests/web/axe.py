"""A real browser for tests, and what every page must be in it: accessible, quiet, within 320 pixels, off nobody's site.

Journeys use it too:

    from tests.web.axe import Watch, assert_accessible, assert_fits, assert_page_is_good, press
    from tests.web.axe import browser          # noqa: F401 -- the fixture

axe-core comes with the build: its folder stays in marketplace/web/assets/node_modules of a checkout and is not shipped.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

ROOT = Path(__file__).parents[2]
AXE = ROOT / "marketplace/web/assets/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Of what passes nothing is described, and no style sheet is fetched a second time: no rule of ours asks for one.
RUN = """async rules => {
  const result = await axe.run(document, {
    runOnly: {type: 'tag', values: rules}, resultTypes: ['violations'], preload: {assets: ['media']}
  })
  return {passes: result.passes.length, violations: result.violations}
}"""
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 700}
HOW = (
    "No Chromium was found, so the browser tests DID NOT RUN. Install it (Debian: apt-get install chromium) or name it"
    " in MARKETPLACE_BROWSER. With MARKETPLACE_REQUIRE_BROWSER=1 this is a failure."
)


def chromium() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    named = os.environ.get("MARKETPLACE_BROWSER")
    if named:
        return named if Path(named).exists() else None
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    return None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless. Where there is none, tests say loudly that they did not run, or fail.

    One a module, and such a module holds no async tests: Playwright keeps an event loop running in between.
    """
    path = chromium()
    if path is None:
        if os.environ.get("MARKETPLACE_REQUIRE_BROWSER") == "1":
            pytest.fail(HOW)
        print(f"\n*** {HOW} ***", file=sys.__stderr__)
        pytest.skip(HOW)
    with open_browser(path) as running:
        yield running


@contextmanager
def open_browser(path: str) -> Iterator[Browser]:
    """The Chromium at `path`, headless, asking nothing of anybody but the pages it is shown."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        yield running
        running.close()


def press(button: Locator) -> None:
    """Press a button or follow a link, and have the page it leads to: a click alone may return before it is there."""
    with button.page.expect_navigation(wait_until="load"):
        button.click()


class Watch:
    """What a page did that a person does not see: errors in its console, requests to other sites."""

    def __init__(self, page: Page) -> None:
        self.noise: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.noise.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        # The browser notes an answer such as 400 for a form with errors; that is the page's honest status, no fault.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            self.noise.append(message.text)

    def assert_quiet(self, *allowed_origins: str) -> None:
        """No console errors, and no request to any origin but these."""
        hosts = {urlsplit(origin).netloc for origin in allowed_origins}
        outside = [url for url in self.requests if urlsplit(url).scheme != "data" and urlsplit(url).netloc not in hosts]
        assert not self.noise, f"the console said: {self.noise}"
        assert not outside, f"requests went to other sites: {outside}"


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 AA or its best practices on the page as it stands."""
    assert AXE.is_file(), "axe-core is not there: run 'uv sync --reinstall-package care-marketplace'"
    if page.evaluate("typeof axe === 'undefined'"):  # once a document: half of what a look costs is reading axe in
        page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate(RUN, RULES)
    assert result["passes"], "axe-core looked at nothing"
    found = [
        f"{violation['id']} ({violation['impact']}): {violation['help']}\n"
        + "\n".join(f"    {node['target']} {node['html'][:200]}" for node in violation["nodes"][:4])
        for violation in result["violations"]
    ]
    assert not found, f"{page.url} has accessibility faults:\n" + "\n".join(found)


def assert_fits(page: Page) -> None:
    """Nothing makes the page scroll sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        culprits = page.evaluate(
            """() => [...document.querySelectorAll('body *')].filter(e => !e.closest('.app-scroll')
               && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
               .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""
        )
        raise AssertionError(f"{page.url} is {wide} px too wide at {page.viewport_size}: {culprits}")


def assert_page_is_good(page: Page) -> None:
    """Accessible and within its width on a desktop and on a small phone; the window is left as it was."""
    before = page.viewport_size
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # pyright: ignore[reportArgumentType]
        assert_accessible(page)
        assert_fits(page)
    if before:
        page.set_viewport_size(before)


def assert_nothing_lies_off_a_phone(page: Page) -> None:
    """No table of the page has to be scrolled sideways on a phone."""
    was = page.viewport_size
    page.set_viewport_size(PHONE)
    wide = page.evaluate(
        "[...document.querySelectorAll('.app-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => `${e.ariaLabel}: ${e.scrollWidth} of ${e.clientWidth}`)"
    )
    page.set_viewport_size(was or DESKTOP)
    assert wide == [], wide

"""People at their browsers on a running demo: each with a window of their own, doing what a person does.

Every new state of a page they meet is held to the house's standard (tests/web/axe.py) at both widths, once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page, expect

from marketplace.demo.people import PASSWORD
from tests.demo_folder import Site
from tests.web.axe import DESKTOP, PHONE, Watch, assert_page_is_good, press

IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d")
PATIENCE = 20_000  # milliseconds a person waits for a page on a busy machine


@dataclass
class Someone:
    """One person signed in at one front door."""

    name: str
    site: str
    context: BrowserContext
    page: Page
    watch: Watch
    seen: set[tuple[str, ...]]
    check: bool = True

    def go(self, path: str) -> Someone:
        """Open a page by its address."""
        self.page.goto(self.site + path)
        return self.looks()

    def follow(self, text: str | re.Pattern[str], nth: int = 0) -> Someone:
        """Follow a link by its words."""
        press(self.page.locator("a").filter(has_text=text).nth(nth))
        return self.looks()

    def fill(self, **answers: str) -> Someone:
        """Answer questions by field name: text, textarea, date parts ("starts_on__day")."""
        for name, value in answers.items():
            self.page.locator(f"[name='{name.replace('__', '-')}']").first.fill(value)
        return self

    def tick(self, name: str, *values: str) -> Someone:
        """Tick boxes or choose a radio by field name and value."""
        for value in values:
            self.page.locator(f"input[name='{name}'][value='{value}']").check()
        return self

    def tick_label(self, *labels: str | re.Pattern[str]) -> Someone:
        """Tick boxes or choose a radio by their words."""
        for label in labels:
            self.page.get_by_label(label).first.check()
        return self

    def press(self, text: str | re.Pattern[str], nth: int = 0) -> Someone:
        """Press a button by its words and wait for the page it leads to."""
        press(self.page.get_by_role("button", name=text).nth(nth))
        return self.looks()

    def sees(self, *texts: str | re.Pattern[str]) -> Someone:
        """The page's main part says all of it."""
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text, timeout=PATIENCE)
        return self

    def sees_not(self, *texts: str) -> Someone:
        """The page says none of it, anywhere."""
        body = self.page.content()
        for text in texts:
            assert text not in body, f"{self.name} sees {text!r} at {self.page.url}"
        return self

    def at(self, path: str | re.Pattern[str]) -> Someone:
        """The address is this one now."""
        expect(self.page).to_have_url(re.compile(path) if isinstance(path, str) else path, timeout=PATIENCE)
        return self

    @property
    def id_in_address(self) -> str:
        """The last id in the page's address."""
        return re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", self.page.url)[-1]

    def looks(self) -> Someone:
        """Hold a state of a page not met before to the house's standard."""
        if not self.check:
            return self
        path = IDS.sub("~", self.page.url.removeprefix(self.site).split("?")[0])
        heading = self.page.locator("h1").first.inner_text() if self.page.locator("h1").count() else ""
        wrong = str(self.page.locator(".govuk-error-summary").count())
        state = (self.site, path, IDS.sub("~", re.sub(r"\b[A-Z]{1,2}-\w+", "~", heading)), wrong)
        if state not in self.seen:
            self.seen.add(state)
            try:
                assert_page_is_good(self.page)
            except AssertionError as error:
                raise AssertionError(f"{self.name} at {self.page.url}: {error}") from error
        return self


@dataclass
class Town:
    """Everybody's windows on one running site."""

    site: Site
    browser: Browser
    seen: set[tuple[str, ...]] = field(default_factory=set)
    people: list[Someone] = field(default_factory=list)

    def sign_in(
        self, name: str, email: str, *, console: bool = False, phone: bool = False, place: str | None = None,
        check: bool = True,
    ) -> Someone:  # fmt: skip
        """Open a window, sign in, and choose the place to act for where there are several."""
        door = self.site.console if console else self.site.marketplace
        context = self.browser.new_context(viewport=PHONE if phone else DESKTOP)  # pyright: ignore[reportArgumentType]
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        someone = Someone(name, door, context, page, Watch(page), self.seen, check)
        self.people.append(someone)
        someone.go("/sign-in").fill(email=email, password=PASSWORD).press("Sign in")
        if place is not None:
            someone.tick_label(re.compile(place)).press("Continue")
        return someone

    def assert_quiet(self) -> None:
        """Nobody's console said anything, and nothing was asked of any other site."""
        for someone in self.people:
            someone.watch.assert_quiet(self.site.marketplace, self.site.console)

"""The frame in a real browser: what axe-core, a phone's width, the console and the keyboard find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.web.axe import Watch, assert_accessible, assert_fits, assert_page_is_good, press

pytestmark = pytest.mark.journey


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_every_macro_and_question_is_accessible_quiet_and_narrow(tab: Page, address: str) -> None:
    watch = Watch(tab)
    tab.goto(f"{address}/sink")
    tab.wait_for_selector("html[data-started=yes]", state="attached")
    assert_page_is_good(tab)
    for summary in tab.locator("details > summary").all():
        summary.click()
    assert_page_is_good(tab)
    watch.assert_quiet(address)


def test_a_form_with_every_fault_leads_to_each_field_and_keeps_what_was_typed(tab: Page, address: str) -> None:
    watch = Watch(tab)
    tab.goto(f"{address}/sink")
    tab.fill("#title", "An overlong title that goes on and on and on and on")
    tab.fill("#starts_on-day", "31")
    tab.fill("#starts_on-month", "2")
    tab.fill("#portrait", "Likes trains")
    tab.check("#lot-2")
    press(tab.locator("text=Save and continue").first)
    tab.wait_for_selector(".govuk-error-summary")
    assert tab.title().startswith("Error: Kitchen sink")
    assert tab.evaluate("document.activeElement.className") == "govuk-error-summary"
    assert tab.input_value("#title").startswith("An overlong title")
    assert tab.input_value("#portrait") == "Likes trains"
    assert tab.is_checked("#lot-2")
    links = tab.locator(".govuk-error-summary__list a")
    assert links.count() >= 9
    for link in links.all():
        link.click()
        target = (link.get_attribute("href") or "")[1:]
        assert tab.evaluate("document.activeElement.id") == target, f"{link.inner_text()} leads nowhere"
    assert_page_is_good(tab)
    watch.assert_quiet(address)


def test_a_saved_form_says_so_once(tab: Page, address: str) -> None:
    tab.goto(f"{address}/sink")
    fill = {
        "#title": "Evenings", "#email": "b@example.org", "#hours": "12", "#rate": "£19.50", "#visit": "2:30",
        "#first_visit": "9am", "#portrait": "Likes trains", "#password": "a long secret",
    }  # fmt: skip
    for field, value in fill.items():
        tab.fill(field, value)
    tab.check("#lot")
    tab.check("#needs-2")
    tab.select_option("#band", "2")
    tab.check("#agree")
    press(tab.locator("text=Save and continue").first)
    tab.wait_for_selector(".govuk-notification-banner--success")
    assert "Saved “Evenings”." in tab.inner_text(".govuk-notification-banner")
    assert_accessible(tab)
    tab.reload()
    assert tab.locator(".govuk-notification-banner").count() == 0


def test_problem_pages_are_accessible_and_keep_what_was_typed(tab: Page, address: str) -> None:
    for path in ("/nowhere", "/broken", "/changed"):
        tab.goto(f"{address}{path}")
        assert_page_is_good(tab)
    # The token's cookie is lost while the form is open: the text comes back on a page that can be sent again.
    tab.goto(f"{address}/sink")
    tab.fill("#title", "Do not lose me")
    tab.context.clear_cookies()
    press(tab.locator("text=Save and continue").first)
    tab.wait_for_selector("text=Send it again")
    assert_page_is_good(tab)
    press(tab.locator("text=Send it again").first)
    tab.wait_for_selector(".govuk-error-summary")
    assert tab.input_value("#title") == "Do not lose me"


def test_the_header_is_legible_in_a_light_colour_and_for_nobody(tab: Page, address: str) -> None:
    tab.context.add_cookies([{"name": "nobody", "value": "1", "url": address}])
    tab.goto(f"{address}/plain")
    header = tab.locator(".govuk-generic-header")
    assert header.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 221, 0)"
    assert_page_is_good(tab)


def test_keyboard_reaches_the_content_and_the_menu(tab: Page, address: str) -> None:
    tab.set_viewport_size({"width": 320, "height": 700})
    tab.goto(f"{address}/sink")
    tab.wait_for_selector("html[data-started=yes]", state="attached")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main-content"
    menu = tab.locator(".govuk-service-navigation__toggle")
    menu.focus()
    tab.keyboard.press("Enter")
    assert menu.get_attribute("aria-expanded") == "true"
    assert tab.locator("text=Secret plans").count() == 0
    assert_accessible(tab)


def test_text_twice_as_large_still_fits(tab: Page, address: str) -> None:
    tab.set_viewport_size({"width": 640, "height": 900})  # 200 % of a 320 px layout's text on a 640 px window
    tab.goto(f"{address}/sink")
    tab.evaluate("document.documentElement.style.fontSize = '200%'")
    assert_fits(tab)


def test_without_scripts_everything_is_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}/sink")
    assert tab.locator("nav >> text=Packages").is_visible()
    tab.fill("#title", "No scripts here")
    press(tab.locator("text=Save and continue").first)
    assert tab.input_value("#title") == "No scripts here"
    assert "Enter the hours a week" in tab.inner_text(".govuk-error-summary")
    context.close()


def test_the_helpers_do_find_faults(tab: Page, address: str) -> None:
    watch = Watch(tab)
    tab.goto(f"{address}/plain")
    tab.evaluate(
        "document.querySelector('main').innerHTML +="
        " '<input><p style=\"color:red\">x</p><pre>' + 'wide'.repeat(500) + '</pre>'"
    )
    with pytest.raises(AssertionError, match="label"):
        assert_accessible(tab)
    with pytest.raises(AssertionError, match="too wide"):
        assert_fits(tab)
    with pytest.raises(AssertionError, match="console said"):
        watch.assert_quiet(address)  # the inline style was refused by the content policy

"""Pages people seldom open, in a real browser at both widths: corrections, tokens, bank account, reports, mails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from marketplace.billing.correction_settling import settle_correction
from marketplace.billing.parties import save_party
from marketplace.packages import monitoring
from marketplace.platform.clock import FrozenClock
from marketplace.settings import Settings
from tests.billing.test_bank_accounts import OTHER
from tests.billing.test_corrections import proposed
from tests.billing.test_einvoice import PROVIDER
from tests.billing.test_outcomes import HOUR, cancelled, charging
from tests.conftest import NOON
from tests.web.axe import Watch, assert_accessible, assert_page_is_good, browser, press
from tests.world import people
from tests.world.billing import after, period_of, submitted, visit_done
from tests.world.packages import Case
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey
DAY = date(2026, 5, 18)


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


def mended(tab: Page, button: str, field: str) -> None:
    """Pressed as it stands, the form says what is wrong with a field, and leads there."""
    press(tab.locator(f"button:has-text('{button}')").first)
    tab.locator(f".govuk-error-summary__list a[href='#{field}']").click()
    assert tab.evaluate("document.activeElement.id") == field
    assert_accessible(tab)


def test_the_pages_people_seldom_open(server: tuple[Site, FrozenClock], browser: Browser) -> None:
    site, clock = server
    case = site.run(charging(site.settings))
    provider = site.tab(browser, case.manager)
    watch = Watch(provider)
    a_correction_is_agreed_to(site, clock, browser, case, provider)
    the_office_keeps_its_tokens_and_its_mails(site, provider)
    another_bank_account_takes_two(site, browser, case, provider)
    invoices_and_reports_are_found(site, clock, browser, case, provider)
    watch.assert_quiet(site.marketplace)


def a_correction_is_agreed_to(site: Site, clock: FrozenClock, browser: Browser, case: Case, provider: Page) -> None:
    visit_id, _ = site.run(cancelled(case, clock, DAY, before=48 * HOUR))
    made = site.run(proposed(case, visit_id))
    path = f"{site.marketplace}/corrections/{made}"
    office = case.manager.organisation_id
    assert office is not None
    provider.goto(path)
    mended(provider, "Continue", "decision")
    provider.check("input[value=put]")
    mended(provider, "Continue", "code")

    family = site.tab(browser, case.family)
    family.goto(path)
    assert "£48.00" in family.inner_text("main")
    family.check("input[value=no]")
    mended(family, "Continue", "says")
    family.fill("#says", "We had rung two days before")
    press(family.locator("button:has-text('Continue')").first)
    assert "We had rung" in family.inner_text("main") and "Check your answer" in family.inner_text("h1")
    assert_page_is_good(family)
    press(family.locator("button:has-text('Change something')").first)
    assert family.is_checked("input[value=no]") and family.input_value("#says") == "We had rung two days before"
    press(family.locator("button:has-text('Continue')").first)
    press(family.locator("button:has-text('Send your answer')").first)
    assert "Thank you" in family.inner_text("main")
    site.run(settle_correction(office, made))

    referrer = site.tab(browser, case.referrer)
    referrer.goto(path)
    assert "We had rung" in referrer.inner_text("main")
    referrer.check("input[value=apply]")
    mended(referrer, "Continue", "says")
    referrer.fill("#says", "The worker's own log shows it")
    press(referrer.locator("button:has-text('Continue')").first)
    press(referrer.locator("button:has-text('Save')").first)
    site.run(settle_correction(office, made))
    for tab in (family, provider):
        tab.goto(path)
        assert tab.inner_text("h1").endswith("A correction of a visit's record")
        assert "own log shows it" in tab.inner_text("main") and not tab.locator("main form").count()
    assert_page_is_good(family)


def the_office_keeps_its_tokens_and_its_mails(site: Site, provider: Page) -> None:
    provider.goto(f"{site.marketplace}/machine-tokens")
    assert "No token has been issued yet" in provider.inner_text("main")
    mended(provider, "Issue the token", "name")
    provider.fill("#name", "Rota of the whole house, north and south")
    provider.locator("input[name=days]").first.check()
    press(provider.locator("button:has-text('Issue the token')").first)
    assert "not shown again" in provider.inner_text("main")
    assert_page_is_good(provider)
    press(provider.locator("button:has-text('Revoke')").first)
    assert "Revoked" in provider.inner_text("main")

    provider.goto(f"{site.marketplace}/account/mails")
    assert_page_is_good(provider)
    provider.locator("main input[type=checkbox]").first.uncheck()
    press(provider.locator("main form button").first)
    assert "Your choice of mails is kept" in provider.content()


def another_bank_account_takes_two(site: Site, browser: Browser, case: Case, provider: Page) -> None:
    site.run(save_party(case.manager, PROVIDER, {}))
    provider.goto(f"{site.marketplace}/bank-account")
    assert "No change of it waits" in provider.inner_text("main")
    site.run(save_party(case.manager, OTHER, {}))
    provider.reload()
    assert "somebody else of your organisation confirms it" in provider.inner_text("main")
    assert not provider.locator("main input[type=radio]").count()
    assert_page_is_good(provider)
    second = site.tab(browser, site.run(people.person_in(case.manager, "coordinator", "Cora Dinator")))
    second.goto(f"{site.marketplace}/bank-account")
    mended(second, "Save the answer", "decision")
    second.check("input[value=confirm]")
    press(second.locator("button:has-text('Save the answer')").first)
    assert "The bank account is changed" in second.inner_text("main") and "66666666" in second.inner_text("main")


def invoices_and_reports_are_found(
    site: Site, clock: FrozenClock, browser: Browser, case: Case, provider: Page
) -> None:
    site.run(visit_done(case, clock, DAY + timedelta(days=1)))
    period = site.run(period_of(case, DAY))
    after(clock, period, hours=9)
    site.run(submitted(case, period))
    desk = site.tab(browser, site.run(people.person_in(case.referrer, "finance", "Finn Ance")))
    watch = Watch(desk)
    desk.goto(f"{site.console}/invoices?state=submitted")
    assert "Alder Care" in desk.inner_text("main") and desk.locator("main th a").count() == 1
    assert_page_is_good(desk)
    desk.goto(f"{site.console}/invoices?state=returned")
    assert "No invoices here" in desk.inner_text("main")
    watch.assert_quiet(site.console)

    assert case.manager.provider_id is not None
    clock.move_to(datetime(2026, 7, 1, 9, tzinfo=UTC))
    assert site.run(monitoring.owe_reports(case.manager.provider_id)) == 1
    provider.goto(f"{site.marketplace}/monitoring")
    assert "No report yet" in provider.inner_text("main")
    provider.goto(f"{site.marketplace}/monitoring/{case.world.framework_id}/{case.referrer.organisation_id}/2026-04-01")
    provider.fill("#actions", "A second nurse")
    mended(provider, "Send the report", "says")
    assert provider.input_value("#actions") == "A second nurse"
    provider.fill("#says", "Most visits took place.")
    provider.check("#agreed")
    press(provider.locator("button:has-text('Send the report')").first)
    assert "The report has been sent" in provider.content()
    assert_page_is_good(provider)
    provider.goto(f"{site.marketplace}/monitoring")
    assert "Alder Care" in provider.inner_text("main")
    assert_page_is_good(provider)

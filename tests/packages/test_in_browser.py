"""Every page of packages and visits in a real browser, desktop and phone, in its states; and a visit driven by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page

from marketplace.identity.actions import set_pin
from marketplace.packages import signing, visit_actions
from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.policy.calendar import wall_time
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import PHONE, Watch, assert_page_is_good, browser, press
from tests.world import packages, people, providers
from tests.world.packages import Case
from tests.world.referrals import borough
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey
TUESDAY, WEDNESDAY, THURSDAY = date(2026, 5, 12), date(2026, 5, 13), date(2026, 5, 14)


def good_page(tab: Page, watch: Watch) -> None:
    """Accessible, within its width, and nothing in its console."""
    assert_page_is_good(tab)
    assert not watch.noise


@dataclass
class Place:
    site: Site
    clock: FrozenClock
    case: Case

    @property
    def address(self) -> str:
        return self.site.marketplace

    def good(self, browser: Browser, actor: Actor, *paths: str, address: str | None = None) -> None:
        """Each page is accessible, quiet and fits, for this reader, on a desktop and a phone."""
        tab = self.site.tab(browser, actor)
        watch = Watch(tab)
        for path in paths:
            answer = tab.goto(f"{address or self.address}{path}")
            assert answer is not None and answer.status < 400, f"{actor.role} {path}: {answer and answer.status}"
            good_page(tab, watch)
        tab.context.close()


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


@pytest.fixture
def place(server: tuple[Site, FrozenClock]) -> Place:
    """A borough of its own with one awarded package."""
    site, clock = server
    clock.move_to(NOON)
    world = site.run(borough(site.settings, provider_names=("Alder Care",)))
    return Place(site, clock, site.run(packages.awarded(world)))


def test_set_up_and_the_plan(place: Place, browser: Browser) -> None:
    case, site = place.case, place.site
    package = f"/packages/{case.package_id}"
    site.run(providers.worker(case.manager, "Nova Ice"))  # not ready, with reasons
    place.good(
        browser, case.manager, "/packages", "/packages?state=ended", package, f"{package}/risk-assessment",
        f"{package}/team",
        f"{package}/team/{case.worker_id}/remove", f"{package}/plan", f"{package}/plan-visits", "/week",
    )  # fmt: skip
    place.good(browser, case.family, "/who-is-coming", "/visits")
    place.good(browser, case.worker, "/now")
    plan = f"/plans/{site.run(packages.written_plan(case))}"
    place.good(browser, case.manager, plan, package)
    site.run(packages.plan_actions.share_plan(case.manager, UUID(plan[7:])))
    place.good(browser, case.manager, plan, f"{plan}/return")
    place.good(browser, case.family, "/who-is-coming", plan, f"{plan}/return")
    tab = site.tab(browser, case.family)
    tab.set_viewport_size(PHONE)
    tab.goto(f"{place.address}{plan}/sign")
    press(tab.locator("text=Sign as Grace Okonkwo").first)
    assert "Confirm that you have read the plan" in tab.inner_text(".govuk-error-summary")
    assert_page_is_good(tab)
    tab.check("text=I have read this plan and agree with it")
    press(tab.locator("text=Sign as Grace Okonkwo").first)
    assert "in force when the others have signed too" in tab.inner_text(".govuk-notification-banner")
    place.good(browser, case.referrer, "/packages", package, plan, f"{plan}/sign")
    colleague = site.run(people.person_in(case.world.admin, "referrer", "Cole League"))
    place.good(browser, colleague, package, plan)


def test_planning_and_changing_visits(place: Place, browser: Browser) -> None:
    case, site = place.case, place.site
    site.run(packages.signed_plan(case))
    site.run(
        visit_actions.plan_from_pattern(case.manager, case.package_id, WEDNESDAY, date(2026, 5, 20), [case.worker_id])
    )
    visit_id = site.run(packages.a_visit(case, THURSDAY))
    package, visit = f"/packages/{case.package_id}", f"/visits/{visit_id}"
    tab = site.tab(browser, case.manager)
    watch = Watch(tab)
    tab.goto(f"{place.address}{package}/plan-visits")
    tab.check("text=Alder Worker 1")
    tab.fill("#first_day-day", "1")
    press(tab.locator("text=Plan these visits").first)
    assert "The first day must be 12 May 2026 or later" in tab.inner_text(".govuk-error-summary")
    good_page(tab, watch)
    place.good(
        browser, case.manager, package, f"{package}/visits", f"{package}/visits?when=past",
        f"{package}/plan-visit?at=2026-05-18T16:00:00%2B01:00", "/week?from=2026-05-11", "/week?from=2026-05-18", visit,
        f"{visit}/move", f"{visit}/swap", f"{visit}/cancel", f"{visit}/missed",
    )  # fmt: skip
    tab.goto(f"{place.address}{visit}/cancel")
    tab.check("text=We, the provider")
    tab.fill("[name=reason]", "The worker is ill")
    press(tab.locator("text=Continue").first)
    assert "Check before you cancel" in tab.inner_text("h1")
    good_page(tab, watch)
    press(tab.locator("text=Cancel the visit").first)
    assert "Cancelled" in tab.inner_text(".govuk-notification-banner")
    good_page(tab, watch)
    place.good(browser, case.family, visit, "/who-is-coming", "/visits")
    place.good(browser, case.referrer, visit, f"{package}/visits")


def test_a_visit_on_the_workers_phone(place: Place, browser: Browser) -> None:
    case, site, clock = place.case, place.site, place.clock
    site.run(packages.signed_plan(case))
    site.run(packages.a_visit(case, TUESDAY))
    site.run(set_pin(case.family, "8305"))
    clock.move_to(wall_time(TUESDAY, time(16, 1)))
    tab = site.tab(browser, case.worker)
    tab.set_viewport_size(PHONE)
    watch = Watch(tab)

    def step(button: str) -> None:
        good_page(tab, watch)
        tab.set_viewport_size(PHONE)
        press(tab.get_by_role("button", name=button))

    tab.goto(f"{place.address}/now")
    visit = tab.get_attribute("main form", "action").removesuffix("/arrive")  # type: ignore[union-attr]
    for path in (f"{visit}/arrive", f"{visit}/turned-away"):
        tab.goto(f"{place.address}{path}")
        good_page(tab, watch)
    tab.goto(f"{place.address}/now")
    step("I have arrived")
    step("Write the record")
    tab.fill("[name=activities]", "Swimming in the lido")
    step("Save the record")
    clock.move_to(wall_time(TUESDAY, time(18, 0)))
    step("Finish the visit")
    step("Finish the visit")
    step("Sign as Alder Worker 1")
    tab.fill("[name=pin]", "9999")
    step("Confirm the visit")
    assert "This PIN is not right" in tab.inner_text(".govuk-error-summary")
    tab.fill("[name=pin]", "8305")
    step("Confirm the visit")
    assert "Confirmed. Thank you" in tab.inner_text(".govuk-notification-banner")
    good_page(tab, watch)
    place.good(browser, case.family, visit, "/visits")
    place.good(browser, case.backup, visit)


def test_unsigned_longer_and_missed_visits(place: Place, browser: Browser) -> None:
    case, site, clock = place.case, place.site, place.clock
    site.run(packages.signed_plan(case))
    first, second, third = [
        site.run(packages.a_visit(case, TUESDAY, time(hour), time(hour + 1))) for hour in (14, 16, 18)
    ]
    clock.move_to(wall_time(TUESDAY, time(19, 30)))
    fingerprint = site.run(packages.delivered(case, first))
    site.run(packages.delivered(case, second, end=wall_time(TUESDAY, time(17, 20))))
    place.good(
        browser, case.worker, "/now", f"/visits/{first}/not-signed", f"/visits/{first}/times", f"/visits/{third}"
    )
    place.good(browser, case.manager, f"/visits/{first}", f"/visits/{first}/not-signed", f"/visits/{third}", "/week")
    place.good(browser, case.family, "/who-is-coming", f"/visits/{first}/confirm", f"/visits/{third}")
    reason = signing.family_cannot_sign(
        case.worker, first, code="declined", shown_how="paper", remark="They were tired", text_hash=fingerprint
    )
    site.run(reason)
    package = f"/packages/{case.package_id}"
    place.good(
        browser, case.referrer, package, f"{package}/visits?when=look", f"/visits/{first}", f"/visits/{first}/resolve",
        f"/visits/{second}", f"/visits/{second}/longer",
    )  # fmt: skip
    manager = site.run(people.person_in(case.world.admin, "contract_manager"))
    place.good(browser, manager, "/packages", package, f"/visits/{first}", address=site.console)
    tab = site.tab(browser, manager)
    tab.goto(f"{site.console}{package}")
    tab.fill("[name=why]", "A complaint")
    press(tab.locator("text=Open it").first)
    assert_page_is_good(tab)

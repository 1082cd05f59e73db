"""A family buys for itself, on a phone: from finding a provider to the account of what came back, to the penny.

Everybody works in the pages of their own: the family on a phone, the provider at a desk, the worker at the door. The
card is taken by localstripe, a process of its own; what the worker process does by itself is run where it would run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from marketplace.billing.verify import verify_books
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask
from marketplace.policy.calendar import wall_time
from marketplace.purchases.sweeps import send_purchase_money, settle_bought_visits
from marketplace.purchases.verify import verify_purchases
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.journeys.people import IDS, Someone
from tests.purchases.test_buying_in_browser import type_card
from tests.web.axe import PHONE, Watch, assert_accessible, assert_fits, browser, press
from tests.world import packages, purchases, referrals
from tests.world.billing import period_of, the_draft
from tests.world.bought import accounts, with_cards
from tests.world.localstripe import localstripe
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey

POCKET = {"width": 375, "height": 740}
TUESDAY, WEDNESDAY, THURSDAY, SATURDAY = (date(2026, 5, day) for day in (12, 13, 14, 16))
WEEKDAY, WEEKEND = 4_800, 5_280  # two hours at £24.00; a tenth more at the weekend
HALF = {"settings.charging.cancelled_late_percent": 50}  # what the council decided a late cancellation costs
A_WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture(scope="module")
def site(shared_settings: Settings, clock: FrozenClock) -> Iterator[Site]:
    with localstripe() as stripe:
        settings = replace(
            with_cards(shared_settings, stripe.behind), secure_cookies=False, session_idle=A_WEEK,
            session_absolute=A_WEEK, marketplace_url=shared_settings.marketplace_url,
        )  # fmt: skip
        with serving(settings, clock) as running:
            yield running


class Pocket(Someone):
    """Somebody on a phone: each new state of a page is held to the standard on a small one."""

    def looks(self) -> Pocket:
        heading = self.page.locator("h1").first.inner_text()
        state = (
            IDS.sub("~", self.page.url.split("?")[0]),
            heading,
            str(self.page.locator(".govuk-error-summary").count()),
        )
        if self.check and state not in self.seen:
            self.seen.add(state)
            self.page.set_viewport_size(PHONE)  # pyright: ignore[reportArgumentType]
            assert_accessible(self.page)
            assert_fits(self.page)
            self.page.set_viewport_size(POCKET)  # pyright: ignore[reportArgumentType]
        return self


def window(site: Site, browser: Browser, name: str, actor: Actor, *, phone: bool = False) -> Someone:
    """Somebody's own window. Pages of a desk are held to the standard by the walks of their folders."""
    page = site.tab(browser, actor)
    if phone:
        page.set_viewport_size(POCKET)  # pyright: ignore[reportArgumentType]
    kind = Pocket if phone else Someone
    return kind(name, site.marketplace, page.context, page, Watch(page), set(), check=phone)


async def household(settings: Settings) -> purchases.Household:
    """A direct payment of £120 a week in a borough of one provider, and a mother who may do whatever buying needs."""
    return await purchases.with_budget(
        await referrals.borough(settings, provider_names=("Alder Care",), answers=HALF), purchases.BUYER
    )


async def afternoon_the_council_pays(home: purchases.Household) -> tuple[packages.Case, UUID]:
    """Another child's package with the same provider, and its visit on the same day at the same hour."""
    alder = home.world.providers[0]
    assert alder.organisation_id is not None
    child_id = await referrals.add_child(home.world.referrer, "Tomi Adeyemi", other_names="")
    hands = home.world.workers[alder.organisation_id][::-1]
    case = await packages.set_up(home.world, manager=alder, child_id=child_id, workers=hands)
    return case, await packages.a_visit(case, TUESDAY)


def test_from_finding_a_provider_to_the_account(site: Site, browser: Browser, clock: FrozenClock) -> None:
    home = site.run(household(site.settings))
    alder = home.world.providers[0]
    council_pays, its_visit = site.run(afternoon_the_council_pays(home))
    family = window(site, browser, "Family", home.mother, phone=True)
    office = window(site, browser, "Office", alder)
    worker = window(site, browser, "Worker", council_pays.backup, phone=True)

    # finds, and reads the price of its own week before asking anybody
    family.go("/budget").follow("See the budget").follow("Find support").tick("days-1", "1", "2", "3", "5")
    family.fill(begin__1="4pm", end__1="6pm")
    family.page.select_option("#activity-1", "home_support")
    family.press("Show who could come").sees("Alder Care", "£196.80 for")
    family.follow("Ask for support").sees("£196.80 for the first week")
    family.fill(starts_on__day="12", starts_on__month="5", starts_on__year="2026")
    family.fill(says="Somebody patient who likes water").press("Continue").press("Send the request")

    # is answered, and agrees
    office.go("/enquiries")
    press(office.page.locator("th a").first)
    office.follow("Propose workers")
    office.page.locator("[name=workers]").first.check()
    office.page.locator("[name=backups]").last.check()
    office.press("Continue to the price").sees("£196.80").press("Send the answer")
    family.go("/requests").follow("from 12 May").sees("Alder Worker 1").follow("Agree with Alder Care").press("Agree")

    # the plan is written, and signed on both sides of the council's usual paper
    office.page.reload()
    office.follow("Open the package").follow("Arrange the risk assessment")
    office.fill(on__day="11", on__month="5", on__year="2026").press("Save the day")
    package = office.id_in_address
    office.go(f"/packages/{package}").follow("Record the risk assessment").press("It was done on this day")
    office.go(f"/packages/{package}").sees("The family signs it").follow("Write the care plan")
    for name in ("outcomes", "activities_to_do", "activities_not_to_do", "health", "medication", "risks", "feedback"):
        office.fill(**{name: "As told by the family."})
    office.press("Save the draft").press("Share for signing")
    family.go("/who-is-coming").follow("Read and sign the plan").follow("Sign this plan")
    family.tick("read", "yes").tick("in_referrers_place", "yes").press("Sign as").sees("In force")
    office.go(f"/packages/{package}").follow("Plan visits")
    for name, day in (("first_day", TUESDAY), ("last_day", SATURDAY)):
        office.fill(**{f"{name}__day": str(day.day), f"{name}__month": "5", f"{name}__year": "2026"})
    office.page.locator("[name=workers]").first.check()
    office.press("Plan these visits").sees("4 visits planned")

    # buys, by card
    family.go("/who-is-coming").follow("Buy visits").press("Continue").sees("£196.80").tick("method", "card")
    family.press("Buy and pay")
    type_card(family.page, "4242424242424242")
    family.press("Pay £196.80").sees("The visits are bought", "£196.80")
    receipt = family.page.request.get(f"{family.page.url}/receipt.pdf")
    assert receipt.status == 200 and receipt.body().startswith(b"%PDF")
    bought = family.page.url.removeprefix(site.marketplace)

    # the provider cancels one visit, and all of its money comes back
    office.go(f"/packages/{package}").follow("Wednesday 13 May").follow("Cancel it").tick(
        "outcome", "cancelled_by_provider"
    )
    office.fill(reason="Nobody is free").press("Continue").press("Cancel the visit")
    site.run(the_worker_process(site.settings))
    family.go(bought).sees("£48.00 back to your card, sent 11 May")

    # the first one takes place
    clock.move_to(wall_time(TUESDAY, time(16)))
    worker.go("/now").press("I have arrived").follow("Write the record")
    worker.fill(activities="Swimming, then pasta.").press("Save the record")
    clock.move_to(wall_time(TUESDAY, time(18)))
    worker.go("/now").follow("Finish the visit").press("Finish the visit").press("Sign as")
    family.go("/who-is-coming").follow("Confirm the visit").sees("Swimming, then pasta").press("Confirm as")
    site.run(packages.confirmed(council_pays, its_visit))

    # the family cancels one an hour before, and is told what that costs; and what is left at the end
    clock.move_to(wall_time(THURSDAY, time(15)))
    family.go("/who-is-coming").follow("Change or cancel").follow("Cancel this visit")
    family.fill(reason="A cold").press("Continue").sees("£24.00 is kept for the provider")
    family.press("Cancel the visit")
    family.go(bought).follow("Call off the visits still to come").sees("£52.80 goes back to you")
    family.fill(reason="We are away").press("Call off 1 visit")
    site.run(the_worker_process(site.settings))
    family.go(bought).sees("£52.80 back to your card, sent 14 May")

    # both read the same in the end
    family.go("/budget").follow("See the budget").follow("Account, receipts").sees("£196.80", "£124.80")
    office.go("/bought-visits").sees("£72.00").follow("Statement of these days").sees("£72.00")
    council = system_for(home.world.admin.commissioner_id, "commissioner")  # type: ignore[arg-type]
    for question in (verify_books, verify_purchases):
        assert site.run(ask(council, question)).differences == []
    onwards = WEEKDAY + WEEKDAY // 2
    assert site.run(ask(council, accounts)) == {"card_money": onwards, "payouts_payable": -onwards}

    # and the council pays for the same hours what the family paid
    period = site.run(period_of(council_pays, TUESDAY))
    (line,) = site.run(the_draft(council_pays, period)).result.lines
    assert line.price_pence == WEEKDAY
    office.go("/invoices")
    press(office.page.locator("tr", has_text="Growing").get_by_role("link"))
    office.sees("£48.00")
    for someone in (family, office, worker):
        someone.watch.assert_quiet(site.marketplace, site.settings.stripe_api_url)


async def the_worker_process(settings: Settings) -> None:
    """What it does by itself with bought visits: settled, and their money sent."""
    await settle_bought_visits(settings)
    await send_purchase_money(settings)

"""The provider's and the family's pages of a search in a real browser, desktop and phone, in every state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page

from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.referrals import offering
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.web.axe import Watch, assert_page_is_good, browser, press
from tests.world import providers
from tests.world.offers import awarded, offered, proposal
from tests.world.referrals import World, add_child, borough, broadcast, family_of
from tests.world.served import Site, serving

__all__ = ["browser"]
pytestmark = pytest.mark.journey


@dataclass
class Place:
    site: Site
    clock: FrozenClock
    world: World
    family: Actor
    referral: UUID

    @property
    def address(self) -> str:
        return self.site.marketplace


@pytest.fixture(scope="module")
def server(shared_settings: Settings) -> Iterator[tuple[Site, FrozenClock]]:
    clock = FrozenClock(NOON)
    with serving(shared_settings, clock) as site:
        yield site, clock


@pytest.fixture
def place(server: tuple[Site, FrozenClock]) -> Place:
    """A borough of its own for each test, a family that may choose, and a referral just broadcast."""
    site, clock = server
    clock.move_to(NOON)
    world = site.run(borough(site.settings))
    child = site.run(add_child(world.referrer))
    family = site.run(family_of(world.referrer, child))
    return Place(site, clock, world, family, site.run(broadcast(world, child)))


def summary_of(tab: Page) -> str:
    return tab.inner_text(".govuk-error-summary")


def test_an_offer_in_three_steps_keeps_everything_back_and_forth(place: Place, browser: Browser) -> None:
    alder = place.world.providers[0]
    site, referral = place.site, place.referral
    site.run(providers.worker(alder, "Nova Ice"))
    tab = site.tab(browser, alder)
    watch = Watch(tab)
    tab.goto(f"{place.address}/opportunities")
    assert_page_is_good(tab)
    press(tab.locator("th a").first)
    assert "24 hours left" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("text=Make an offer").first)
    assert "Nova Ice" in tab.inner_text("details") or "not ready, and why" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("button:has-text('Continue')").first)
    assert "Select who will come" in summary_of(tab)
    assert_page_is_good(tab)
    tab.check("#workers")
    tab.check("#backups-2")
    press(tab.locator("button:has-text('Continue')").first)
    assert_page_is_good(tab)
    tab.fill("#starts_on-day", "31")
    tab.fill("#starts_on-month", "2")
    tab.fill("#begin-0", "nine")
    tab.fill("#remark", "We have a minibus.")
    press(tab.locator("button:has-text('Continue')").first)
    assert "must be a real date" in summary_of(tab) and "the Monday visit starts must be a time" in summary_of(tab)
    assert tab.input_value("#remark") == "We have a minibus." and tab.input_value("#begin-0") == "nine"
    for link in tab.locator(".govuk-error-summary__list a").all():
        link.click()
        assert tab.evaluate("document.activeElement.id") == (link.get_attribute("href") or "")[1:]
    assert_page_is_good(tab)
    tab.fill("#starts_on-day", "1")
    tab.fill("#starts_on-month", "6")
    tab.fill("#begin-0", "4:30pm")
    tab.fill("#end-0", "6:30pm")
    tab.select_option("#day-2", "4")
    tab.fill("#begin-2", "17:00")
    tab.fill("#end-2", "18:00")
    tab.select_option("#activity-2", index=1)
    press(tab.locator("button:has-text('Continue')").first)
    assert "Monday, 4:30pm to 6:30pm" in tab.inner_text("main") and "Friday, 5pm to 6pm" in tab.inner_text("main")
    for summary in tab.locator("details > summary").all():
        summary.click()
    assert_page_is_good(tab)
    tab.go_back()
    assert tab.input_value("#remark") == "We have a minibus." and tab.input_value("#begin-2") == "17:00"
    press(tab.locator("text=Back").first)
    assert tab.is_checked("#workers") and tab.is_checked("#backups-2")
    tab.check("#workers-2")
    tab.uncheck("#backups-2")
    press(tab.locator("button:has-text('Continue')").first)
    assert tab.input_value("#starts_on-day") == "1" and tab.input_value("#end-0") == "6:30pm"
    tab.uncheck("#serve-1")
    press(tab.locator("button:has-text('Continue')").first)
    press(tab.locator("a:has-text('Change'):has-text('remark')"))
    tab.fill("#remark", "We have two minibuses.")
    press(tab.locator("button:has-text('Continue')").first)
    press(tab.locator("button:has-text('Send the offer')").first)
    tab.wait_for_url("**/offers/*")
    shown = tab.inner_text("main")
    assert "Your offer is made" in tab.content() and "Alder Worker 1 and Alder Worker 2" in shown
    assert "Wednesday" not in tab.inner_text(".govuk-summary-list >> nth=0") and "two minibuses" in shown
    assert_page_is_good(tab)
    tab.goto(f"{place.address}/opportunities/{referral}/offer")
    assert "You have made an offer for this referral" in tab.content()
    tab.goto(f"{place.address}/offers")
    assert_page_is_good(tab)
    tab.goto(f"{place.address}/opportunities?show=answered")
    assert "Offer made" in tab.inner_text("main")
    assert_page_is_good(tab)
    watch.assert_quiet(place.address)


def test_what_went_wrong_on_sending_is_told_at_its_step_with_all_kept(place: Place, browser: Browser) -> None:
    alder = place.world.providers[0]
    tab = place.site.tab(browser, alder)
    tab.goto(f"{place.address}/opportunities/{place.referral}/offer")
    tab.check("#workers")
    press(tab.locator("button:has-text('Continue')").first)
    tab.fill("#remark", "Twice a week is fine.")
    tab.uncheck("#serve-0")
    tab.uncheck("#serve-1")
    press(tab.locator("button:has-text('Continue')").first)
    assert "Select at least one visit" in summary_of(tab)
    assert_page_is_good(tab)
    tab.check("#serve-0")
    press(tab.locator("button:has-text('Continue')").first)
    worker = place.world.workers[alder.organisation_id][0]  # type: ignore[index]
    place.site.run(stand_down(alder, worker))
    press(tab.locator("button:has-text('Send the offer')").first)
    assert "Only workers who are ready" in summary_of(tab) and "step 1 of 3" in tab.inner_text("h1")
    assert_page_is_good(tab)
    tab.check("#workers")
    press(tab.locator("button:has-text('Continue')").first)
    assert tab.input_value("#remark") == "Twice a week is fine." and not tab.is_checked("#serve-1")
    press(tab.locator("button:has-text('Continue')").first)
    place.site.run(pause(alder, place.world.framework_id))
    press(tab.locator("button:has-text('Send the offer')").first)
    assert "You cannot make offers on this lot now" in summary_of(tab)
    assert_page_is_good(tab)
    tab.goto(f"{place.address}/opportunities/{place.referral}")
    assert "No offer of yours is taken on this lot now" in tab.inner_text("main")
    assert_page_is_good(tab)


def test_changing_withdrawing_and_the_deadline(place: Place, browser: Browser) -> None:
    alder = place.world.providers[0]
    site = place.site
    offer_id = site.run(offered(place.world, alder, place.referral, remark="As asked."))
    tab = site.tab(browser, alder)
    tab.goto(f"{place.address}/offers/{offer_id}")
    press(tab.locator("text=Change the offer").first)
    assert tab.is_checked("#workers") and tab.is_checked("#backups-2")
    press(tab.locator("button:has-text('Continue')").first)
    assert tab.input_value("#remark") == "As asked." and tab.is_checked("#serve-0") and tab.is_checked("#serve-1")
    tab.fill("#end-1", "7pm")
    press(tab.locator("button:has-text('Continue')").first)
    made = site.run(proposal(place.world, alder, place.referral, remark="A colleague's words."))
    site.run(offering.amend_offer(alder, offer_id, made))
    press(tab.locator("button:has-text('Send the changed offer')").first)
    assert "A colleague has changed this offer" in summary_of(tab) and "4pm to 7pm" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("button:has-text('Send the changed offer')").first)
    tab.wait_for_url(f"**/offers/{offer_id}")
    assert "Your offer is changed" in tab.content() and "4pm to 7pm" in tab.inner_text("main")
    place.clock.move(timedelta(hours=24))
    tab.goto(f"{place.address}/offers/{offer_id}/change")
    assert "Offers could be changed until 12 May 2026, midday" in tab.inner_text("main")
    tab.goto(f"{place.address}/offers/{offer_id}")
    assert_page_is_good(tab)
    press(tab.locator("text=Withdraw the offer").first)
    assert_page_is_good(tab)
    press(tab.locator("button:has-text('Withdraw the offer')").first)
    assert "Your offer is withdrawn" in tab.content()
    assert_page_is_good(tab)
    tab.goto(f"{place.address}/opportunities/{place.referral}/offer")
    tab.check("#workers")
    press(tab.locator("button:has-text('Continue')").first)
    press(tab.locator("button:has-text('Continue')").first)
    assert "once sent you cannot change it" in tab.inner_text("main")
    press(tab.locator("button:has-text('Send the offer')").first)
    assert "Your offer is made" in tab.content()


def test_a_question_and_a_decline(place: Place, browser: Browser) -> None:
    birch = place.world.providers[1]
    tab = place.site.tab(browser, birch)
    tab.goto(f"{place.address}/opportunities/{place.referral}")
    press(tab.locator("button:has-text('Ask the question')").first)
    assert "Enter your question" in summary_of(tab)
    assert_page_is_good(tab)
    tab.fill("#question", "Is there a lift?\nAnd a garden?")
    press(tab.locator("button:has-text('Ask the question')").first)
    assert "Your question was sent" in tab.content() and "Not answered yet" in tab.inner_text("main")
    press(tab.locator("text=Decline with a reason").first)
    assert_page_is_good(tab)
    tab.fill("#remark", "Our last word")
    press(tab.locator("button:has-text('Decline the referral')").first)
    assert "Select why you decline" in summary_of(tab) and tab.input_value("#remark") == "Our last word"
    assert_page_is_good(tab)
    tab.check("#reason_code")
    press(tab.locator("button:has-text('Decline the referral')").first)
    assert "You declined referral" in tab.content()
    tab.goto(f"{place.address}/opportunities/{place.referral}")
    assert "You declined on 11 May 2026" in tab.inner_text("main")
    assert_page_is_good(tab)
    tab.goto(f"{place.address}/offers")
    assert "No offers yet" in tab.inner_text("main")
    assert_page_is_good(tab)


def test_a_family_reads_meets_chooses_and_changes_its_mind(place: Place, browser: Browser) -> None:
    site = place.site
    alder, birch, _ = place.world.providers
    tab = site.tab(browser, place.family)
    tab.set_viewport_size({"width": 320, "height": 700})
    watch = Watch(tab)
    tab.goto(f"{place.address}/choices")
    assert "Waiting for offers" in tab.inner_text("main")
    assert_page_is_good(tab)
    press(tab.locator("main a").first)
    assert "No offers yet" in tab.inner_text("main")
    assert_page_is_good(tab)
    first = site.run(offered(place.world, alder, place.referral, remark="We live round the corner."))
    second = site.run(offered(place.world, birch, place.referral))
    tab.goto(f"{place.address}/choices")
    assert "2 offers" in tab.inner_text("main")
    press(tab.locator("main section a").first)
    shown = tab.inner_text("main")
    assert "Alder Worker 1" in shown and "love being outdoors" in shown and "Speaks English" in shown
    assert "First week" in shown and "We live round the corner." in shown
    for summary in tab.locator("details > summary").all():
        summary.click()
    assert_page_is_good(tab)
    press(tab.locator("a:has-text('Ask to meet them first')").first)
    assert_page_is_good(tab)
    tab.fill("#message", "x" * 1001)
    press(tab.locator("button:has-text('Ask to meet')").first)
    assert "1,000 characters or fewer" in summary_of(tab)
    assert_page_is_good(tab)
    tab.fill("#message", "Saturday morning suits us")
    press(tab.locator("button:has-text('Ask to meet')").first)
    assert "They have not answered yet" in tab.inner_text("main")
    provider = site.tab(browser, alder)
    provider.goto(f"{place.address}/offers/{first}")
    assert "Saturday morning suits us" in provider.inner_text("main")
    press(provider.locator("button:has-text('Answer')").first)
    assert "Enter when and how the family can meet your workers" in summary_of(provider)
    provider.locator(".govuk-error-summary__list a").click()
    assert provider.evaluate("document.activeElement.id").startswith("answer-")
    assert_page_is_good(provider)
    provider.fill("textarea", "Saturday at 10, at the library")
    press(provider.locator("button:has-text('Answer')").first)
    assert "The family can read your answer now" in provider.content()
    tab.reload()
    assert "Saturday at 10, at the library" in tab.inner_text("main")
    press(tab.locator("button:has-text('Choose this offer')").first)
    assert "Your choice" in tab.inner_text("main") and "Thank you" in tab.content()
    assert_page_is_good(tab)
    press(tab.locator("button:has-text('Take my choice back')").first)
    assert "Your choice is taken back" in tab.content()
    made = site.run(proposal(place.world, birch, place.referral, remark="An hour later"))
    site.run(offering.amend_offer(birch, second, made))
    press(tab.locator("section", has_text="Birch Support").locator("button:has-text('Choose this offer')"))
    assert "has changed this offer since you read it" in summary_of(tab) and "An hour later" in tab.inner_text("main")
    assert_page_is_good(tab)
    site.run(offering.withdraw_offer(birch, second))
    press(tab.locator("section", has_text="Birch Support").locator("button:has-text('Choose this offer')"))
    assert "has withdrawn this offer" in summary_of(tab) and "Birch Support" not in tab.inner_text("section")
    assert_page_is_good(tab)
    site.run(awarded(place.world, first, place.family))
    tab.goto(f"{place.address}/choices/{place.referral}")
    assert "This has been agreed" in tab.inner_text("main")
    assert_page_is_good(tab)
    provider.goto(f"{place.address}/offers/{first}")
    assert "Awarded to you" in provider.inner_text("main")
    assert_page_is_good(provider)
    loser = site.tab(browser, birch)
    for path in ("/offers", f"/offers/{second}", f"/opportunities/{place.referral}", "/opportunities?show=over"):
        loser.goto(place.address + path)
        assert "Alder" not in loser.content() and loser.locator("h1").count() == 1
        assert_page_is_good(loser)
    watch.assert_quiet(place.address)


async def stand_down(manager: Actor, worker_id: UUID) -> None:
    await providers.workforce.stand_down(manager, worker_id, "Complaint being looked into")


async def pause(manager: Actor, framework_id: UUID) -> None:
    await providers.actions.pause(manager, framework_id, reason="Moving office")

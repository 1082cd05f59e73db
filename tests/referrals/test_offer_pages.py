"""The provider's and the family's pages of offers over HTTP: other councils' packs, several workers, secrets, twice."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import load_pack
from marketplace.providers.actions import pause, suspend
from marketplace.providers.workforce import stand_down
from marketplace.referrals import offering, opportunities, queries
from marketplace.referrals.award import choose_offer
from marketplace.referrals.choosing import choose_as_family
from marketplace.referrals.offer_standing import CLOSED
from tests.whole.councils import HARROWDALE
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.door import at
from tests.world.offers import awarded, offered, proposal
from tests.world.referrals import add_child, add_provider, borough, broadcast, family_of


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
async def child(world):
    return await add_child(world.referrer)


@pytest.fixture
async def family(world, child):
    return await family_of(world.referrer, child)


@pytest.fixture
async def referral(world, child, family):
    return await broadcast(world, child)


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


async def steps(view, workers, **changes):
    """The address of the last step, as the first two pages would have made it."""
    sent = {"workers": workers, "filled": "yes", "serve": []}
    day = view.on
    sent |= {"starts_on-day": day.day, "starts_on-month": day.month, "starts_on-year": day.year}
    for n, slot in enumerate(view.referral.pattern):
        sent |= {f"day-{n}": slot["weekday"], f"begin-{n}": slot["start"], f"end-{n}": slot["end"]}
        sent[f"activity-{n}"] = slot["activity"]
        sent["serve"].append(n)
    return sent | changes


async def test_each_of_two_workers_is_priced_and_said(app, world, child, settings):
    alder = world.providers[0]
    referral = await broadcast(world, child, workers_per_visit=2)
    view = await ask(alder, opportunities.opportunity, referral)
    workers = world.workers[alder.organisation_id]
    async with at(app, settings, alder) as door:
        one = await door.get(f"/opportunities/{referral}/offer/when?{urlencode({'workers': workers[0]})}")
        assert one.status_code == 400 and "Select at least 2 workers who come" in one.text
        sent = await steps(view, workers)
        page = await door.get(f"/opportunities/{referral}/offer/check?{urlencode(sent, doseq=True)}")
        shown = text_of(page)
        assert page.status_code == 200, shown
        assert "First week £220.80 25 May 2026 to 31 May 2026" in shown
        assert "First 4 weeks £796.80 25 May 2026 to 21 June 2026" in shown
        assert "Monday to Friday: 14 hours at £24.00 an hour for each of 2 workers: £672.00" in shown
        assert "Bank holiday or its substitute day: 2 hours at £31.20 an hour for each of 2 workers: £124.80" in shown


async def test_another_councils_pack_from_the_referral_to_the_award(app, database, settings, clock):
    """No nurses, calendar months, other roles, a second worker free: words and sums come from the pack."""
    pack = load_pack(HARROWDALE)
    world = await borough(settings, name="Harrowdale Council", lot="april-outings", provider_names=(), pack=pack)
    for name in ("Alder Care", "Birch Support"):
        await add_provider(world, name, needs=("water_safety",))
    child = await add_child(world.referrer)
    family = await family_of(world.referrer, child)
    week = [WeeklySlot(day, "10:00", "12:00", "sailing") for day in (0, 5)]
    referral = await broadcast(
        world, child, pattern=week, workers_per_visit=2, needs=("water_safety",), interventions=("life_jacket",)
    )
    alder = world.providers[0]
    workers = world.workers[alder.organisation_id]
    view = await ask(alder, opportunities.opportunity, referral)
    async with at(app, settings, alder) as door:
        listed = text_of(await door.get("/opportunities"))
        assert "April: outings" in listed and "Harrowdale Council" in listed
        shown = text_of(await door.get(f"/opportunities/{referral}"))
        assert "Water safety" in shown and "Fitting a life jacket" in shown and "sailing" in shown
        assert "Play lead" in text_of(await door.get(f"/opportunities/{referral}/offer"))
        sent = await steps(view, workers)
        address = f"/opportunities/{referral}/offer/check"
        shown = text_of(await door.get(f"{address}?{urlencode(sent, doseq=True)}"))
        # Mondays 2 hours at 24.00, Saturdays at 26.40; in the month 5 Mondays and 4 Saturdays
        assert "First week £100.80 25 May 2026 to 31 May 2026" in shown
        assert "First month £451.20 25 May 2026 to 24 June 2026" in shown
        assert "Sailing, Monday to Thursday: 10 hours at £24.00 an hour: £240.00" in shown
        assert "2 workers come to each visit, and one of them is paid for." in shown
        made = await door.post(address, sent, page=f"{address}?{urlencode(sent, doseq=True)}")
        assert made.status_code == 303, text_of(made)
        offer_id = made.headers["location"].rsplit("/", 1)[-1]
    async with at(app, settings, family) as door:
        shown = text_of(await door.get(f"/choices/{referral}"))
        assert "Alder Worker 1 , play lead" in shown and "sailing" in shown and "£451.20" in shown
    async with at(app, settings, world.providers[1]) as door:
        shown = text_of(await door.get(f"/opportunities/{referral}/decline"))
        assert "The tide is wrong" in shown
        done = await door.post(f"/opportunities/{referral}/decline", {"reason_code": "tide"})
        assert done.status_code == 303
    assert await awarded(world, (await ask(alder, queries.offer, offer_id)).id, family)
    async with at(app, settings, alder) as door:
        assert "Awarded to you" in text_of(await door.get(f"/offers/{offer_id}"))


async def test_pressing_the_button_twice_makes_one_offer_and_shows_it(app, world, referral, settings):
    alder = world.providers[0]
    view = await ask(alder, opportunities.opportunity, referral)
    sent = await steps(view, world.workers[alder.organisation_id][:1])
    address = f"/opportunities/{referral}/offer/check"
    page = f"{address}?{urlencode(sent, doseq=True)}"
    async with at(app, settings, alder) as door:
        first = await door.post(address, sent, page=page)
        again = await door.post(address, sent, page=f"/opportunities/{referral}/decline")
        assert (first.status_code, again.status_code) == (303, 303)
        assert first.headers["location"] == again.headers["location"]
        assert "It stands as shown here" in (await door.get(again.headers["location"])).text
        assert (await ask(alder, opportunities.my_offers))[1] == 1


async def test_a_week_of_other_days_is_kept_when_the_offer_is_changed(app, world, referral, settings):
    alder = world.providers[0]
    pattern = [WeeklySlot(0, "15:30", "17:30", "home_support"), WeeklySlot(5, "22:00", "07:00", "waking_night")]
    activities = (await ask(alder, pack_of, world.framework_id)).lot(world.lot).activities
    pattern = [slot for slot in pattern if slot.activity in activities]
    offer_id = await offered(
        world, alder, referral, pattern=[*pattern, WeeklySlot(6, "09:00", "10:00", "home_support")]
    )
    before = (await ask(alder, queries.offer_view, offer_id)).pattern
    async with at(app, settings, alder) as door:
        first = await door.get(f"/offers/{offer_id}/change")
        sent: dict[str, list[str]] = {}
        for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', first.text):
            sent.setdefault(name, []).append(value)
        sent["workers"] = re.findall(r'name="workers" type="checkbox" value="([^"]+)" checked', first.text)
        assert len(sent["workers"]) == 1
        second = await door.get(f"/offers/{offer_id}/change/when?{urlencode(sent, doseq=True)}")
        assert "Another visit" in second.text and 'value="15:30"' in second.text and 'value="09:00"' in second.text
        address = f"/offers/{offer_id}/change/check"
        changed = await door.post(address, sent, page=f"{address}?{urlencode(sent, doseq=True)}")
        assert changed.status_code == 303, text_of(changed)
    assert (await ask(alder, queries.offer_view, offer_id)).pattern == before


async def test_the_pages_hold_the_deadline_to_the_second(app, world, referral, settings, clock):
    alder = world.providers[0]
    offer_id = await offered(world, alder, referral)
    respond_by = (await ask(alder, queries.referral, referral)).respond_by
    clock.move_to(respond_by - timedelta(seconds=1))
    async with at(app, settings, alder) as door:
        assert (await door.get(f"/offers/{offer_id}/change")).status_code == 200
        asked = await door.post(
            f"/opportunities/{referral}/question", {"question": "Lift?"}, page=f"/opportunities/{referral}"
        )
        assert asked.status_code == 303
        clock.move_to(respond_by)
        late = await door.get(f"/offers/{offer_id}/change")
        assert late.status_code == 409 and "Offers could be changed until" in late.text
        asked = await door.post(
            f"/opportunities/{referral}/question", {"question": "And a\ngarden?"}, page=f"/offers/{offer_id}/withdraw"
        )
        assert asked.status_code == 400 and "Questions could be asked until" in asked.text
        assert "And a\ngarden?" in asked.text  # not lost


async def test_a_rate_the_card_lacks_is_told_in_words(app, world, referral, settings, migrator):
    alder = world.providers[0]
    await migrator.execute("DELETE FROM rate WHERE activity = 'home_support' AND band = 'bank_holiday'")
    view = await ask(alder, opportunities.opportunity, referral)
    sent = await steps(view, world.workers[alder.organisation_id][:1])
    async with at(app, settings, alder) as door:
        page = await door.get(f"/opportunities/{referral}/offer/check?{urlencode(sent, doseq=True)}")
        assert page.status_code == 400
        assert "Your agreed rate card has no rate for" in page.text and "25 May 2026. Propose a variation" in page.text


async def test_whose_it_is_not_finds_nothing(app, world, referral, family, settings):
    alder, birch, _ = world.providers
    offer_id = await offered(world, alder, referral)
    stranger = await people.provider_org(settings, "Elm Assist")
    other = await family_of(world.referrer, await add_child(world.referrer, "Tom Reed"), "Rita Reed")
    offer = f"/offers/{offer_id}"
    search = f"/opportunities/{referral}"
    for actor, status, paths in (
        (birch, 404, (offer, f"{offer}/change", f"{offer}/change/when", f"{offer}/change/check", f"{offer}/withdraw")),
        (
            stranger,
            404,
            (search, f"{search}/decline", f"{search}/offer", f"{search}/offer/when", f"{search}/offer/check"),
        ),
        (other, 404, (f"/choices/{referral}", f"/choices/{referral}/meet/{offer_id}")),
        (family, 403, (search, offer, "/offers", "/opportunities")),
        (alder, 403, ("/choices", f"/choices/{referral}")),
    ):
        async with at(app, settings, actor) as door:
            for path in paths:
                answer = await door.get(path)
                assert answer.status_code == status, (actor.role, path, answer.status_code)
                assert "Alder Worker" not in answer.text and "Hither Green" not in answer.text
    async with at(app, settings, birch) as door:
        for path in ("/opportunities?show=all", search, "/offers"):
            assert "Alder" not in (await door.get(path)).text
        assert (await door.get("/opportunities?show=none&page=x")).status_code == 200


async def test_who_may_no_longer_choose_finds_the_offers_gone(app, world, child, referral, family, settings, migrator):
    offer_id = await offered(world, world.providers[0], referral)
    async with at(app, settings, family) as door:
        assert (await door.get(f"/choices/{referral}")).status_code == 200
        await migrator.execute("UPDATE family_grant SET revoked_at = now() WHERE person_id = $1", family.person_id)
        assert (await door.get(f"/choices/{referral}")).status_code in (303, 403, 404)
        assert (await door.get(f"/choices/{referral}/meet/{offer_id}")).status_code in (303, 403, 404)


async def test_the_answer_to_a_wish_to_meet_leads_the_family_to_the_offers(app, world, referral, family, settings):
    alder = world.providers[0]
    offer_id = await offered(world, alder, referral)
    async with at(app, settings, family) as door:
        page = f"/choices/{referral}/meet/{offer_id}"
        assert (await door.post(page, {"message": "Saturday?\nOr Sunday?"})).status_code == 303
        again = await door.post(page, {"message": "Hello"})
        assert again.status_code == 400 and "asked already" in again.text and "Hello" in again.text
    _, _, meetings = await ask(alder, opportunities.my_offer, offer_id)
    assert meetings[0]["message"] == "Saturday?\nOr Sunday?"
    async with at(app, settings, alder) as door:
        field = f"answer-{meetings[0]['id']}"
        sent = {"meeting": meetings[0]["id"], field: "Saturday at 10"}
        assert (await door.post(f"/offers/{offer_id}/meeting", sent, page=f"/offers/{offer_id}")).status_code == 303
        twice = await door.post(f"/offers/{offer_id}/meeting", sent, page=f"/offers/{offer_id}/withdraw")
        assert twice.status_code == 409 and "answered already" in twice.text
    async with at(app, settings, family) as door:
        today = await door.get("/today")
        assert f"/choices/{referral}" in today.text and "answered your request" in today.text


async def test_a_withdrawn_offer_says_so_to_the_family_and_to_its_maker(app, world, referral, family, settings):
    alder = world.providers[0]
    offer_id = await offered(world, alder, referral)
    made = await proposal(world, alder, referral)
    async with at(app, settings, family) as door:
        page = f"/choices/{referral}"
        await offering.withdraw_offer(alder, offer_id)
        await offering.make_offer(alder, referral, made)
        answer = await door.post(f"{page}/choose", {"offer_id": str(offer_id), "version": "1"}, page=page)
        assert answer.status_code == 409 and "has withdrawn this offer" in answer.text
        gone = await door.get(f"{page}/meet/{offer_id}")
        assert gone.status_code == 409 and "has withdrawn this offer" in gone.text
    async with at(app, settings, alder) as door:
        for path in (f"/offers/{offer_id}/change", f"/offers/{offer_id}/withdraw"):
            answer = await door.get(path)
            assert answer.status_code == 409 and "withdrawn" in answer.text


async def test_an_offer_of_a_suspended_provider_is_not_shown_as_open_nor_chosen(app, world, referral, family, settings):
    alder, birch = world.providers[:2]
    first, second = [await offered(world, each, referral) for each in (alder, birch)]
    await pause(birch, world.framework_id)  # its own wish: the offer it has made stands
    await choose_as_family(family, first, version=1)
    manager = await people.person_in(world.admin, "contract_manager")
    await suspend(manager, world.framework_id, alder.organisation_id, reason="Safeguarding concern")
    cedar = world.providers[2]
    await suspend(manager, world.framework_id, cedar.organisation_id, reason="Two visits were missed.")
    async with at(app, settings, cedar) as door:
        shown = (await door.get(f"/opportunities/{referral}")).text
        assert "Two visits were missed." in shown and "missed.." not in shown, "its own full stop is enough"
    with pytest.raises(Conflict, match="Alder Care is suspended"):
        await choose_offer(world.referrer, first, version=1)
    await choose_offer(world.referrer, second, version=1)
    choice = {"offer_id": str(first), "version": "1"}
    page = f"/choices/{referral}"
    async with at(app, settings, family) as door:
        shown = (await door.get(page)).text
        assert shown.count("It takes no new families at the moment") == 1 and "uspended" not in shown
        assert "Take my choice back" in shown and shown.count("Choose this offer") == 1
        told = {each["id"]: each["barred"] for each in (await door.get(f"/api/v1{page}")).json()["offers"]}
        assert told == {str(first): CLOSED, str(second): ""}
        assert (await door.post(f"{page}/choose", choice | {"offer_id": str(second)}, page=page)).status_code == 303
        shown = (await door.get(page)).text
        assert "Choose this offer" not in shown
        refused = await door.post(f"{page}/choose", choice, page=page)
        assert (
            refused.status_code == 409 and "Safeguarding concern" not in refused.text and "uspended" not in refused.text
        )
    async with at(app, settings, world.referrer) as door:
        shown = (await door.get(f"/referrals/{referral}/offers")).text
        assert "Alder Care is suspended from new referrals since" in shown and "Safeguarding concern" in shown
        assert "Choose this offer" not in shown and shown.count("Award this offer") == 1
        offers = f"/referrals/{referral}/offers"
        told = {each["id"]: each["barred"] for each in (await door.get(f"/api/v1{offers}")).json()}
        assert "Safeguarding concern" in told[str(first)] and told[str(second)] == ""
        assert (await door.post(f"/referrals/{referral}/choose", choice, page=offers)).status_code == 409
        before = (await door.get(f"/referrals/{referral}/award/{first}")).text
        assert "Safeguarding concern" in before and "Award to" not in before
        assert "Award to" in (await door.get(f"/referrals/{referral}/award/{second}")).text


async def test_a_worker_stood_down_after_the_offer_is_not_ready_on_both_pages_of_those_who_choose(
    app, world, referral, family, settings
):
    alder = world.providers[0]
    offer = await offered(world, alder, referral)
    view = await ask(world.referrer, queries.offer_view, offer)
    worker = view.workers[0]
    choice, offers = f"/choices/{referral}", f"/referrals/{referral}/offers"

    async def shown(actor, path):
        async with at(app, settings, actor) as door:
            told = (await door.get(f"/api/v1{path}")).json()
            return text_of(await door.get(path)), (told if actor is world.referrer else told.get("offers", [told]))[0][
                "workers"
            ][0]

    text, told = await shown(world.referrer, offers)
    assert f"{worker['name']}, comes: ✓ matches" in text and told["not_ready_now"] == ""
    assert re.search(r"valid until [0-9]+ [A-Z][a-z]+ 20[0-9]{2}", text) and not re.search(r"valid until 20", text)
    text, told = await shown(family, choice)
    assert "not ready to come" not in text and told["ready_now"] is True
    mine, before = f"/offers/{offer}", f"/referrals/{referral}/award/{offer}"
    text, told = await shown(alder, mine)
    assert "Not everybody you named is ready" not in text and told["not_ready_now"] == ""
    await stand_down(alder, worker["worker_id"], "A concern about money is looked into")
    text, told = await shown(world.referrer, offers)
    assert f"{worker['name']}, comes: ✗ not ready now" in text and "money" not in text
    assert f"Not ready now: {worker['name']} is stood down. Matched on 11 May 2026" in text
    assert told["not_ready_now"] == "is stood down"
    text, told = await shown(family, choice)
    assert f"{worker['name']} is not ready to come at the moment" in text and "stood down" not in text
    assert told["ready_now"] is False
    # the provider reads the same of its own offer, where it can do something about it
    text, told = await shown(alder, mine)
    assert f"{worker['name']} is stood down" in text and "cannot be awarded like this" in text
    assert "change the offer and name somebody else" in text and told["not_ready_now"] == "is stood down"
    async with at(app, settings, alder) as door:
        today = text_of(await door.get("/today"))
        assert "Offers with somebody who is not ready" in today and f"{worker['name']} is stood down" in today
    async with at(app, settings, world.providers[1]) as door:  # a rival is shown nothing of it
        assert "Offers with somebody" not in (await door.get("/today")).text
    async with at(app, settings, world.referrer) as door:
        text = text_of(await door.get(before))
        assert f"{worker['name']}: not ready now, is stood down" in text and "Award to" not in text
        assert "not every worker who comes is ready" in text
    await offering.withdraw_offer(alder, offer)
    async with at(app, settings, alder) as door:
        assert "Not everybody you named" not in (await door.get(mine)).text
        assert "Offers with somebody" not in (await door.get("/today")).text


async def test_who_has_chosen_already_is_said_when_the_referrer_chooses(app, world, referral, family, settings):
    offer = await offered(world, world.providers[0], referral)
    offers, choice = f"/referrals/{referral}/offers", {"offer_id": str(offer), "version": "1"}
    async with at(app, settings, world.referrer) as door:
        await door.post(f"/referrals/{referral}/choose", choice, page=offers)
        assert "The award follows when the family has chosen the same offer" in (await door.get(offers)).text
        await choose_as_family(family, offer, version=1)
        await door.post(f"/referrals/{referral}/choose", choice, page=offers)
        said = (await door.get(offers)).text
        assert "The family has chosen the same offer: you can award it now" in said and "award follows" not in said

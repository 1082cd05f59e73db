"""Families find who is open to them, at the very price the council pays; the public sees a range and no card."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from marketplace.frameworks import application_actions
from marketplace.frameworks.areas import set_areas
from marketplace.frameworks.queries import admissions, pack_of
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted
from marketplace.policy.facts import WeeklySlot
from marketplace.providers import actions
from marketplace.providers.listing import Listing, own_listing, save_listing
from marketplace.purchases import directory
from marketplace.purchases.direct_payments import TermsGiven, record_direct_payment
from marketplace.purchases.directory import VISITOR, Criteria
from marketplace.purchases.finding import search
from marketplace.referrals.offer_price import price_of
from tests.structure.inhabited import bearer
from tests.world import people, providers, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

# Monday 25 May 2026 is the spring bank holiday
PATTERN = (WeeklySlot(0, "16:00", "18:00", "home_support"), WeeklySlot(5, "22:00", "01:30", "home_support"))
STARTS = date(2026, 5, 23)


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").replace("&#34;", '"').split())


async def found(home, criteria=Criteria(), **asked):  # noqa: B008 - frozen
    return await ask(home.mother, search, home.direct_payment_id, criteria, **asked)


async def names(home) -> list[str]:
    return [each.entry.name for each in (await found(home)).found]


async def publicly(home) -> list[str]:
    return [
        each.name
        for each in (await ask(VISITOR, directory.public_directory, home.world.framework_id, Criteria())).found
    ]


async def test_the_price_is_the_councils_to_the_penny_weekend_and_bank_holiday_included(home):
    result = await found(home, pattern=PATTERN, starts_on=STARTS)
    assert [each.entry.name for each in result.found] == ["Alder Care", "Birch Support", "Cedar Families"]
    mine = result.found[0]
    pack = await ask(home.world.referrer, pack_of, home.world.framework_id)
    theirs = await ask(
        home.world.referrer, price_of, pack, home.world.framework_id, home.world.providers[0].organisation_id, "C",
        PATTERN, STARTS, 1,
    )  # fmt: skip
    assert (mine.pence_per_week, mine.pence_per_period) == (theirs.pence_per_week, theirs.pence_per_period)
    # Saturday 23rd 10pm to midnight at 26.40, Sunday to 1:30am at 28.80, bank holiday Monday two hours at 31.20
    assert mine.pence_per_week == 2 * 2640 + 4320 + 2 * 3120
    assert any("Bank holiday" in line or "bank holiday" in line for line in mine.price.lines)
    assert result.refusals == ()
    two = await found(home, pattern=PATTERN, starts_on=STARTS, workers=2)
    assert two.found[0].pence_per_week == 2 * mine.pence_per_week


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"pattern": (WeeklySlot(0, "16:00", "16:00", "home_support"),)}, "pattern"),
        ({"pattern": (WeeklySlot(0, "16:00", "18:00", "skydiving"),)}, "pattern"),
        ({"pattern": PATTERN, "starts_on": date(2029, 1, 1)}, "starts_on"),
        ({"starts_on": date(2026, 5, 10)}, "starts_on"),
        ({"starts_on": date(9999, 12, 31)}, "starts_on"),
        ({"workers": 0}, "workers"),
        ({"criteria": Criteria(lot="Z")}, "lot"),
    ],
    ids=["no length", "activity", "beyond the holidays", "past", "the end of time", "nobody", "lot"],
)
async def test_a_week_that_cannot_be_priced_names_its_field(home, asked, field):
    with pytest.raises(InvalidInput) as refused:
        await found(home, **asked)
    assert set(refused.value.fields) == {field}


async def test_what_could_not_be_bought_is_said_before_anything_else(home):
    other_lot = await found(home, Criteria(lot="A"))
    assert other_lot.refusals == ("Your direct payment is not for this kind of support.",)
    late = await found(home, pattern=PATTERN, starts_on=date(2028, 3, 20))  # Maya is eighteen on 14 March 2034
    assert late.refusals == ()
    grown = await referrals.add_child(home.world.referrer, "Ola Reyes", date(2008, 5, 20), other_names="")
    from_now = {"kind": "money", "units": 100, "period": "week", "top_up_allowed": False, "account": "none"}
    payment = await direct(home, grown, from_now)
    sister = await referrals.family_of(home.world.referrer, grown, "Pia Reyes", rights=("spend",))
    result = await ask(sister, search, payment, Criteria(), pattern=PATTERN, starts_on=date(2026, 5, 18))
    assert result.refusals == ("The framework’s price is for children younger than 18 on the day of the visit.",)


async def direct(home, child_id, given):
    return await record_direct_payment(
        home.world.referrer, child_id, home.world.framework_id, TermsGiven(lots=("C",), **given),
        starts_on=date(2026, 5, 11),
    )  # fmt: skip


async def test_filters_go_by_what_providers_say_of_themselves(home):
    alder, birch, _ = home.world.providers
    with pytest.raises(InvalidInput) as refused:
        await save_listing(alder, Listing(areas=("x" * 61,), needs=("juggling",), availability=("never",)))
    assert set(refused.value.fields) == {"areas", "needs", "availability"}
    _, needs = await ask(alder, own_listing)
    need = next(iter(needs))
    await save_listing(
        alder,
        Listing(
            (" Hither  Green", "hither green", "Lee"), ("Polish",), (need,), ("nights", "weekends"), "We like mud."
        ),
    )
    await save_listing(birch, Listing(areas=("Lee",), languages=("polish", "Turkish")))
    kept, _ = await ask(alder, own_listing)
    assert kept.areas == ("Hither Green", "Lee") and kept.availability == ("weekends", "nights")

    async def of(**asked) -> list[str]:
        return [each.entry.name for each in (await found(home, Criteria(**asked))).found]

    assert await of(area="lee") == ["Alder Care", "Birch Support"]
    assert await of(area="Hither Green", language="polish", when="nights", need=need) == ["Alder Care"]
    assert await of(text="mud") == ["Alder Care"] and await of(area="Mars") == []
    choices = (await found(home)).choices
    assert choices.areas == ("Hither Green", "Lee") and list(choices.needs) == [need]
    assert (await found(home)).found[0].entry.rating is None


async def test_who_takes_no_new_families_is_not_offered(home, clock):
    world = home.world
    alder, birch, cedar = world.providers
    dogwood = await referrals.add_provider(world, "Dogwood Trust", workers=0)
    elm = await referrals.add_provider(world, "Elm House", workers=0)
    assert len(await names(home)) == 5
    manager = await people.person_in(world.admin, "contract_manager")
    await actions.suspend(manager, world.framework_id, alder.organisation_id, reason="Missed visits", with_plan=False)
    await actions.suspend(
        manager, world.framework_id, birch.organisation_id, "C", reason="No rota", until_on=date(2026, 5, 12),
        with_plan=False,
    )  # fmt: skip
    await actions.pause(cedar, world.framework_id, reason="Full")
    await providers.in_good_order(dogwood, insurance_until=date(2026, 5, 10))
    assert await names(home) == ["Elm House"] == await publicly(home)
    clock.move_to(clock.at + timedelta(days=2))
    assert await names(home) == ["Birch Support", "Elm House"]
    (admission,) = await ask(world.admin, admissions, provider_id=elm.organisation_id)
    await application_actions.end_admission(world.admin, admission.id, date(2026, 5, 13), "Agreed")
    assert await names(home) == ["Birch Support", "Elm House"]
    clock.move_to(clock.at + timedelta(days=1))
    assert await names(home) == ["Birch Support"]
    with pytest.raises(NotFound):
        await ask(VISITOR, directory.public_entry, world.framework_id, elm.organisation_id)


async def test_the_public_sees_a_range_never_one_card(home, database):
    world = home.world
    await referrals.add_provider(world, "Dogwood Trust", workers=0, pence_per_hour=3000)
    shown = await ask(VISITOR, directory.public_directory, world.framework_id, Criteria())
    (bands,) = shown.bands
    row = next(each for each in bands.rows if each.activity == "Support to the family in the home")
    assert row.ranges == ((2400, 3000), (2640, 3300), (2880, 3600), (3120, 3900))
    for gone in world.providers[:2]:
        await actions.pause(gone, world.framework_id)
    shown = await ask(VISITOR, directory.public_directory, world.framework_id, Criteria(lot="C"))
    assert len(shown.found) == 2 and shown.bands == []
    ids = [each.organisation_id for each in world.providers]
    cards = "SELECT * FROM directory_cards($1, 'C')"
    one = "SELECT * FROM directory_bands($1, 'C', $2, 1)"

    async def rows(work, sql, *args):
        return await work.fetch(sql, *args)

    stranger = await people.family_member(world.referrer, "Olu Strange")
    for nobody in (VISITOR, home.uncle, stranger, world.providers[3]):
        assert await ask(nobody, rows, cards, world.framework_id) == []
        assert await ask(nobody, rows, one, world.framework_id, ids[3:]) == []
    assert len(await ask(home.mother, rows, cards, world.framework_id)) > 0


async def test_pages_and_api_of_the_directory_and_the_search(app, settings, home):
    world = home.world
    alder = world.providers[0]
    async with at(app, settings, alder) as door:
        typed = {"areas": "Hither Green, Lee\nCatford", "languages": "Polish", "availability": ["nights"],
                 "for_families": "We like mud."}  # fmt: skip
        assert (await door.post("/profile/families", typed)).status_code == 303
        shown = await door.get("/profile/families")
        assert "Catford" in shown.text and "We like mud." in shown.text
        wrong = await door.post("/profile/families", {"areas": "x" * 80})
        assert wrong.status_code == 400 and "x" * 80 in wrong.text
    where = f"/directory/{world.framework_id}"
    async with at(app, settings) as door:  # nobody signed in
        assert "Care and support framework" in (await door.get("/directory")).text
        shown = text_of(await door.get(where))
        assert "3 providers open to new families" in shown and "£24.00" in shown and "not rated" in shown
        assert "1 provider fit" in text_of(await door.get(f"{where}?area=Lee&language=polish"))
        assert "Nobody fits" in text_of(await door.get(f"{where}?area=Mars"))
        assert "3 providers fit" in text_of(await door.get(f"{where}?activity=mentoring&lot=C"))
        assert "Nobody fits" in text_of(await door.get(f"{where}?activity=mentoring&lot=A"))
        assert "Nobody fits" in text_of(await door.get(f"{where}?activity=skydiving"))
        one = text_of(await door.get(f"{where}/{alder.organisation_id}"))
        assert "We like mud." in one and "Not rated" in one and "£" not in one
        for nothing in (f"{where}/{world.framework_id}", f"/directory/{alder.organisation_id}"):
            assert (await door.get(nothing)).status_code == 404
        lines = (await door.client.get("/api/v1/directory")).json()
        assert [each["id"] for each in lines] == [str(world.framework_id)]
        listed = (await door.client.get(f"/api/v1/directory/{world.framework_id}?lot=C&when=nights")).json()
        assert [each["name"] for each in listed["providers"]] == ["Alder Care"] and listed["total"] == 3
        price = {"lot": "C", "activity": "Day care", "day": "Monday to Friday", "lowest": 2400, "highest": 2400}
        assert price in listed["prices"]
        query = {"pattern": [{"weekday": 5, "start": "10:00", "end": "12:00", "activity": "home_support"}]}
        find = f"/api/v1/direct-payments/{home.direct_payment_id}/find"
        mother = await bearer(settings, home.mother)
        answer = (await door.client.post(find, json=query, headers=mother)).json()
        assert [each["pence_first_week"] for each in answer["found"]] == [5280] * 3 and answer["refusals"] == []
        other = await bearer(settings, home.uncle)
        assert (await door.client.post(find, json=query, headers=other)).status_code == 404
        assert (await door.client.post(find, json=query)).status_code == 401
    async with at(app, settings, home.mother) as door:
        find = f"/budget/{home.direct_payment_id}/find"
        assert "3 providers of 3 could come" in text_of(await door.get(find))
        week = "days-1=5&days-1=0&begin-1=10am&end-1=midday&activity-1=home_support"
        priced = await door.get(f"{find}?{week}&starts_on-day=23&starts_on-month=5&starts_on-year=2026")
        assert "£115.20 for 23 May 2026 to 29 May 2026" in text_of(priced)
        assert "How the price comes about" in text_of(priced) and 'value="10am"' in priced.text
        wrong = await door.get(f"{find}?days-1=5&begin-1=ten&end-1=midday")
        assert wrong.status_code == 400 and 'value="ten"' in wrong.text
    async with at(app, settings, home.uncle) as door:
        assert (await door.get(f"/budget/{home.direct_payment_id}/find")).status_code == 404


async def test_families_are_offered_areas_of_their_own_council(app, settings, home, database, clock):
    alder, birch, _ = home.world.providers
    await save_listing(alder, Listing(areas=("Hither Green", "The eastern villages")))
    await save_listing(birch, Listing(areas=("catford", "The southern villages")))
    everything = ("catford", "Hither Green", "The eastern villages", "The southern villages")
    assert (await found(home)).choices.areas == everything
    admin, framework_id = home.world.admin, home.world.framework_id
    stranger = await people.council(settings, "Elsewhere Council")
    for other in (home.world.referrer, stranger, alder):
        with pytest.raises(NotPermitted):
            await set_areas(other, framework_id, ["Elsewhere"])
    path = f"/frameworks/{framework_id}/areas"
    async with at(create_console(database, clock), settings, admin) as door:
        assert path in (await door.get(f"/frameworks/{framework_id}")).text
        wrong = await door.post(path, {"areas": "Lee\n" + "x" * 61})
        assert wrong.status_code == 400 and "Enter at most 60 areas" in wrong.text and "x" * 61 in wrong.text
        given = {"areas": "Hither Green\n  hither  green \n\nCatford\nLee"}
        for _ in range(2):
            assert (await door.post(path, given)).status_code == 303
        assert "Hither Green\nCatford\nLee" in (await door.get(path)).text.replace("\r", "")
    # what a provider named outside, and what nobody named, is neither offered nor shown
    assert (await found(home)).choices.areas == ("catford", "Hither Green")
    public = await ask(VISITOR, directory.public_directory, framework_id, Criteria())
    assert public.choices.areas == ("catford", "Hither Green")  # the one council of this framework has written its own
    where = f"/directory/{framework_id}"
    async with at(app, settings) as door:
        for path in (where, f"{where}/{alder.organisation_id}"):
            said = text_of(await door.get(path))
            assert "Hither Green" in said and "eastern villages" not in said, path
    async with at(app, settings, home.mother) as door:
        shown = (await door.get(f"/budget/{home.direct_payment_id}/find")).text
        assert '<option value="Hither Green"' in shown and "eastern villages" not in shown
        api, mine = f"/api/v1/frameworks/{framework_id}/areas", await bearer(settings, admin)
        assert (await door.client.get(api, headers=mine)).json() == {"areas": ["Hither Green", "Catford", "Lee"]}
        assert (await door.client.put(api, json={"areas": []}, headers=mine)).json() == {"areas": []}
    assert (await found(home)).choices.areas == everything

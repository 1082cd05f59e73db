"""Meetings before an agreement: in both sides' calendars, moved, called off by either; the list of requests as CSV."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from marketplace.obligations import calendars
from marketplace.obligations.calendar_writing import as_icalendar
from marketplace.obligations.queries import my_news
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.purchases import answering, calendar_entries, meeting  # noqa: F401 - the entries register themselves
from tests.structure.inhabited import bearer
from tests.world import purchases
from tests.world.apps import create_marketplace
from tests.world.door import at

SITES = {"marketplace": "https://site.example", "console": "https://desk.example"}


async def meetings(token: str) -> list[Any]:
    written = as_icalendar(await calendars.feed_of(token, "marketplace"), SITES)
    assert b"Okonkwo" not in written and b"Worker 1" not in written
    events: list[Any] = Calendar.from_ical(written).walk("VEVENT")
    return [event for event in events if event["uid"].startswith("meeting-")]


async def news(actor: Actor) -> str:
    return "\n".join(row["sentence"] for row in await ask(actor, my_news))


async def test_a_meeting_is_in_both_calendars_until_it_is_moved_or_called_off(buyers, clock):
    home = buyers
    alder, birch, _ = home.world.providers
    enquiry_id = await purchases.asked(home, alder, birch)
    answer_id = await purchases.answered(home, enquiry_id, alder)
    now = await ask(home.mother, purchases.moment)
    first, second = now + timedelta(days=2), now + timedelta(days=3)
    mine, theirs, rivals, uncles = [
        await calendars.make_feed(actor, "own") for actor in (home.mother, alder, birch, home.uncle)
    ]
    one = await meeting.ask_to_meet(home.mother, answer_id, [first])
    assert await meetings(mine) == await meetings(theirs) == []  # a wish is no appointment
    await meeting.answer_meeting(alder, one, agreed_at=first, answer="Alder Worker 1 comes to the park")
    [ours], [provider] = await meetings(mine), await meetings(theirs)
    assert str(ours["summary"]) == "Meeting with Alder Care" and ours["dtstart"].dt == first
    assert ours["url"] == f"https://site.example/requests/{enquiry_id}" and ours["uid"] == provider["uid"]
    assert str(provider["summary"]).startswith("Meeting a family: request E-") and provider["status"] == "CONFIRMED"
    assert provider["url"] == f"https://site.example/enquiries/{enquiry_id}"
    assert await meetings(rivals) == await meetings(uncles) == []
    for stranger in (birch, home.uncle):
        with pytest.raises((NotFound, NotPermitted)):
            await meeting.call_off_meeting(stranger, one)
    # the database too keeps each side to its own
    for actor, change in (
        (home.mother, "agreed_at = NULL, called_off_at = now(), called_off_by = 'family'"),
        (home.mother, "called_off_at = now(), called_off_by = 'provider'"),
        (alder, "called_off_at = now(), called_off_by = 'family'"),
        (alder, "answer = 'Somewhere else'"),
    ):
        with pytest.raises(Exception, match=r"kept as it was asked|row-level security"):
            async with unit_of_work(actor) as work:
                await work.execute(f"UPDATE enquiry_meeting SET {change} WHERE id = $1", one)
    # the family moves it by proposing other times
    two = await meeting.ask_to_meet(home.mother, answer_id, [second])
    assert "asks to meet at another time" in await news(alder)
    [moved] = await meetings(theirs)
    assert moved["status"] == "CANCELLED" and moved["sequence"] == 1
    assert str(moved["summary"]).startswith("Cancelled: Meeting a family")
    await meeting.answer_meeting(alder, two, agreed_at=second)
    assert [each["status"] for each in await meetings(mine)] == ["CANCELLED", "CONFIRMED"]
    # the provider calls it off; twice, or answered afterwards, is said
    await meeting.call_off_meeting(alder, two, "Ill. Friday would do.")
    assert "is called off" in await news(home.mother)
    for again in (home.mother, alder):
        with pytest.raises(Conflict, match="called off already"):
            await meeting.call_off_meeting(again, two)
    assert [each["status"] for each in await meetings(mine)] == ["CANCELLED"] * 2
    # a wish taken back cannot be answered, and another may be sent
    three = await meeting.ask_to_meet(home.mother, answer_id, [second])
    with pytest.raises(InvalidInput):
        await meeting.call_off_meeting(home.mother, three, "Maya Okonkwo is ill")
    await meeting.call_off_meeting(home.mother, three, "We are ill")
    with pytest.raises(Conflict, match="called this off"):
        await meeting.answer_meeting(alder, three, agreed_at=second)
    four = await meeting.ask_to_meet(home.mother, answer_id, [first, second])
    await meeting.answer_meeting(alder, four, agreed_at=first)
    assert sorted(each["status"] for each in await meetings(theirs)) == ["CANCELLED", "CANCELLED", "CONFIRMED"]
    # an answer that is taken back takes its meeting with it
    await answering.withdraw_answer(alder, answer_id)
    assert {each["status"] for each in await meetings(mine)} == {"CANCELLED"}
    clock.move(timedelta(days=2, hours=1))
    with pytest.raises(Conflict, match="has come"):
        await meeting.call_off_meeting(home.mother, four)


async def test_called_off_in_pages_and_by_machine(database, clock, settings, buyers):
    home = buyers
    alder, birch, _ = home.world.providers
    enquiry_id = await purchases.asked(home, alder, birch)
    answer_id = await purchases.answered(home, enquiry_id, alder)
    at_two = await ask(home.mother, purchases.moment) + timedelta(days=2)
    meeting_id = await meeting.ask_to_meet(home.mother, answer_id, [at_two])
    await meeting.answer_meeting(alder, meeting_id, agreed_at=at_two)
    app = create_marketplace(database, clock)
    mine = f"/requests/{enquiry_id}"
    theirs = f"/enquiries/{enquiry_id}"
    async with at(app, settings, home.mother) as door:
        path = f"{mine}/meetings/{meeting_id}/call-off"
        assert path in (await door.get(mine)).text
        assert "If you propose other times, it is called off" in (await door.get(f"{mine}/meet/{answer_id}")).text
        wrong = await door.post(path, {"says": "Maya Okonkwo is ill"})
        assert wrong.status_code == 400 and "Maya Okonkwo is ill" in wrong.text and "Take it out" in wrong.text
        assert (await door.post(path, {"says": "We are ill"})).headers["location"] == mine
        again = await door.post(path, {"says": "We are ill"})
        assert again.status_code == 409 and "called off already" in again.text
        assert "Call it off" not in (await door.get(path)).text
        shown = (await door.get(mine)).text
        assert "You called it off." in shown and "call-off" not in shown
        # another request's address leads nowhere
        assert (await door.get(f"/requests/{answer_id}/meetings/{meeting_id}/call-off")).status_code == 404
    async with at(app, settings, alder) as door:
        shown = (await door.get(theirs)).text
        assert "The family called it off. “We are ill”" in shown
    later = await meeting.ask_to_meet(home.mother, answer_id, [at_two])
    async with at(app, settings, alder) as door:
        path = re.search(rf'href="({theirs}/meetings/{later}/call-off)"', (await door.get(theirs)).text)
        assert path is not None and "Say when you could meet instead" in (await door.get(path[1])).text
        provider, rival = [await bearer(settings, each) for each in (alder, birch)]
        api = f"/api/v1/enquiry-meetings/{later}/call-off"
        assert (await door.client.post(api, json={}, headers=rival)).status_code == 404
        assert (await door.client.post(api, json={"says": "Friday?"}, headers=provider)).status_code == 204
        assert (await door.client.post(api, json={}, headers=provider)).status_code == 409
        seen = (await door.client.get(f"/api/v1/enquiries/{enquiry_id}", headers=provider)).json()
        assert {each["called_off_by"] for each in seen["answers"][0]["meetings"]} == {"family", "provider"}
        # the list as a file
        listed = await door.get("/enquiries?show=answered&format=csv")
        assert (
            listed.headers["content-type"].startswith("text/csv")
            and "Download this list as CSV" in (await door.get("/enquiries?show=answered")).text
        )
        head, line = listed.text.lstrip("\ufeff").splitlines()
        assert (
            head.startswith("Request,Council,Kind of support") and "You have answered" in line and "Okonkwo" not in line
        )
        assert len((await door.get("/enquiries?format=csv")).text.splitlines()) == 1
    async with at(app, settings, birch) as door:
        assert "To answer" in (await door.get("/enquiries?format=csv")).text.splitlines()[1]

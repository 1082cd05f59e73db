"""Visits in calendars: the worker's and the family's own, without names, as they are moved and called off."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from marketplace.obligations import calendars
from marketplace.obligations.calendar_writing import as_icalendar
from marketplace.packages import calendar_entries, visit_actions  # noqa: F401 - the entries register themselves
from marketplace.packages.cancelling import call_off
from marketplace.platform.actor import Actor
from marketplace.platform.errors import NotFound, NotPermitted
from marketplace.policy.calendar import wall_time
from marketplace.referrals.granting import revoke_access
from tests.world.packages import a_visit
from tests.world.people import family_member

SITES = {"marketplace": "https://site.example", "console": "https://desk.example"}
TUESDAY = date(2026, 5, 12)


async def visits_of(token: str) -> list[Any]:
    written = as_icalendar(await calendars.feed_of(token, "marketplace"), SITES)
    events: list[Any] = Calendar.from_ical(written).walk("VEVENT")
    return [event for event in events if event["uid"].startswith("visit-")]


async def token_of(actor: Actor) -> str:
    return await calendars.make_feed(actor, "own")


async def test_workers_and_families_have_their_visits_without_a_name(ready, migrator):
    visit_id = await a_visit(ready, TUESDAY)
    worker, backup, family = [await token_of(each) for each in (ready.worker, ready.backup, ready.family)]
    reference = (await ready.package()).reference
    [mine], [ours] = await visits_of(worker), await visits_of(family)
    assert str(mine["summary"]) == f"Visit {reference}" and str(ours["summary"]).startswith("Visit: ")
    for event in (mine, ours):
        assert event["uid"] == f"visit-{visit_id}@care-marketplace"
        assert event["url"] == f"https://site.example/visits/{visit_id}"
        assert event["dtstart"].dt == wall_time(TUESDAY, time(16)) and event["dtend"].dt == wall_time(TUESDAY, time(18))
        assert event["sequence"] == 0 and event["status"] == "CONFIRMED"
    assert await visits_of(backup) == []
    names = await migrator.fetch("SELECT name FROM child_identity UNION SELECT name FROM worker")
    for token in (worker, family):
        written = as_icalendar(await calendars.feed_of(token, "marketplace"), SITES).decode()
        unfolded = written.replace("\r\n ", "")
        assert names and not [row["name"] for row in names if row["name"] in unfolded]

    # moved: the same entry at another time; given to another worker: it changes calendars; called off: it says so
    await visit_actions.move_visit(
        ready.manager, visit_id, version=1,
        starts_at=wall_time(TUESDAY, time(17)), ends_at=wall_time(TUESDAY, time(19)),
    )  # fmt: skip
    [moved] = await visits_of(worker)
    assert moved["uid"] == mine["uid"] and moved["dtstart"].dt - mine["dtstart"].dt == timedelta(hours=1)
    assert moved["sequence"] == 1
    version = (await ready.visit(visit_id)).version
    await visit_actions.swap_worker(
        ready.manager, visit_id, version=version, leaves=ready.worker_id, comes=ready.backup_id
    )
    assert await visits_of(worker) == [] and len(await visits_of(backup)) == 1
    version = (await ready.visit(visit_id)).version
    await call_off(ready.family, visit_id, version=version, reason="Grandma is here")
    [off] = await visits_of(family)
    assert off["status"] == "CANCELLED" and str(off["summary"]).startswith("Cancelled: ")
    assert off["sequence"] > moved["sequence"]


async def test_another_family_has_none_and_a_family_without_access_no_calendar(ready, migrator):
    await a_visit(ready, TUESDAY)
    token = await token_of(ready.family)
    assert len(await visits_of(token)) == 1
    other = await family_member(ready.referrer, "Olga Ther")
    with pytest.raises(NotPermitted):
        await token_of(other)  # no grant: no place to read from
    grant_id = await migrator.fetchval(
        "SELECT id FROM family_grant WHERE person_id = $1 AND revoked_at IS NULL", ready.family.person_id
    )
    await revoke_access(ready.referrer, grant_id, reason="Moved away")
    with pytest.raises(NotFound):
        await calendars.feed_of(token, "marketplace")

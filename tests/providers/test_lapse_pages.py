"""What lapses next as people see it: the page with its spans and its file, under Today, by API; each their own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.providers.test_lapses import nurse
from tests.world import providers
from tests.world.apps import create_marketplace
from tests.world.door import at


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


async def test_the_page_filters_and_is_one_step_from_acting_and_a_file(app, database, place, clock):
    worker_id = await nurse(place, clock)
    clock.move_to(datetime(2026, 7, 20, 8, tzinfo=UTC))
    async with at(app, database, place.coordinator) as door:
        page = (await door.get("/lapses")).text
        assert "Within 28 days (1)" in page and "Within 84 days (1)" in page and "22 days left" in page
        assert f'href="/workforce/{worker_id}/check"' in page and "Not ready from the day after" in page
        everything = (await door.get("/lapses?days=all")).text
        assert f'href="/workforce/{worker_id}/dbs"' in everything and 'href="/declarations/insurance"' in everything
        file = await door.get("/lapses?days=28&format=csv")
        assert file.headers["content-type"].startswith("text/csv") and "Nia Nurse" in file.text
        assert len(file.text.strip().splitlines()) == 2
        today = (await door.get("/today")).text
        assert "What lapses next" in today and "Nia Nurse" in today and f"/workforce/{worker_id}/check" in today
        for act in ("check", "dbs", "registration", "competency"):
            assert (await door.get(f"/workforce/{worker_id}/{act}")).status_code == 200
        found = (await door.client.get("/api/v1/lapses?within_days=28")).json()
        assert [(each["worker"], each["days_left"], each["until"]) for each in found] == [
            ("Nia Nurse", 22, "2026-08-11")
        ]
        assert (await door.client.get("/api/v1/lapses?within_days=-1")).json() == []
        assert (await door.get(f"/api/v1/lapses?within_days={10**12}")).status_code in (200, 400)
        assert (await door.get("/lapses?days=soon")).status_code == 200


async def test_a_worker_sees_their_own_and_others_do_not_come_in(app, database, place, clock):
    worker_id = await nurse(place, clock)
    await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    themself = await providers.with_sign_in(place.manager, worker_id, "Nia Nurse", "nia.nurse@example.org")
    clock.move_to(datetime(2026, 8, 12, 8, tzinfo=UTC))
    async with at(app, database, themself) as door:
        page = (await door.get("/lapses?days=all")).text
        assert "Lapsed 1 day ago" in page and "Wren Ashby" not in page and "/workforce/" not in page
        assert "Wren Ashby" not in (await door.get("/today")).text
        assert all(each["worker"] == "Nia Nurse" for each in (await door.client.get("/api/v1/lapses")).json())
    async with at(app, database, place.rival) as door:
        assert "Nia Nurse" not in (await door.get("/lapses?days=all")).text

"""The pages of cancelling and of asking for another time, and the same through the API."""

from __future__ import annotations

import re
from datetime import date

from tests.world import packages
from tests.world.apps import create_marketplace
from tests.world.door import at

TUESDAY = date(2026, 5, 12)


def text_of(answer) -> str:
    """What is read on the page, on one line."""
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


async def test_the_family_sees_the_cost_before_it_cancels_and_asks_for_a_visit_instead(ready, settings, migrator):
    visit_id = await packages.a_visit(ready, TUESDAY)
    app = create_marketplace(settings)
    async with at(app, settings, ready.family) as door:
        coming = await door.get("/who-is-coming")
        assert f'href="/visits/{visit_id}"' in coming.text and "Change or cancel" in text_of(coming)
        assert "Cancel this visit" in text_of(await door.get(f"/visits/{visit_id}"))
        first = await door.get(f"/visits/{visit_id}/cancel")
        assert "If it is cancelled now: nothing is charged" in text_of(first)
        empty = await door.post(f"/visits/{visit_id}/cancel", {"version": "1", "reason": ""})
        assert "Error" in text_of(empty) and "visit is not needed" in text_of(empty)
        check = await door.post(f"/visits/{visit_id}/cancel", {"version": "1", "reason": "Grandma is here"})
        assert "What is charged Nothing" in text_of(check) and 'name="charge" value="0"' in check.text
        assert "Look at the reason again" not in text_of(check)
        named = await door.post(f"/visits/{visit_id}/cancel", {"version": "1", "reason": "Maya Okonkwo is ill"})
        assert "Look at the reason again" in text_of(named) and 'value="Maya Okonkwo is ill"' in named.text
        # the price shown was another one: shown again, nothing done
        typed = {"version": "1", "reason": "Grandma is here", "step": "check", "charge": "2400"}
        stale = await door.post(f"/visits/{visit_id}/cancel", typed)
        assert "you were shown" in text_of(stale) and 'name="charge" value="0"' in stale.text
        done = await door.post(f"/visits/{visit_id}/cancel", typed | {"charge": "0"})
        assert done.status_code == 303
        assert "Success The visit is cancelled" in text_of(await door.get(done.headers["location"]))
        other_tab = await door.post(f"/visits/{visit_id}/cancel", typed | {"charge": "0"}, page="/profile")
        told = text_of(await door.get(other_tab.headers["location"]))
        assert "Important This visit is cancelled, so it cannot be cancelled now" in told and "Success" not in told
        shown = await door.get(f"/visits/{visit_id}")
        assert "Ask for a visit instead" in text_of(shown) and "Charged: Nothing" in text_of(shown)
        asked = await door.post(
            f"/visits/{visit_id}/another-time",
            {"day-day": "14", "day-month": "5", "day-year": "2026", "start": "16:00", "end": "18:00", "reason": "Well"},
        )
        assert asked.status_code == 303
        assert "Waits for the provider" in text_of(await door.get(f"/visits/{visit_id}"))
        wrong = await door.post(f"/visits/{visit_id}/another-time", {"reason": ""})
        assert "Error" in text_of(wrong)
    request_id = await migrator.fetchval("SELECT id FROM visit_request")
    async with at(app, settings, ready.manager) as door:
        page = await door.get(f"/visit-requests/{request_id}")
        assert "A visit instead is asked for" in text_of(page) and "Well" in text_of(page)
        nobody = await door.post(f"/visit-requests/{request_id}", {"decision": "agree"})
        assert "Select who comes" in text_of(nobody)
        placed = await door.post(
            f"/visit-requests/{request_id}", {"decision": "agree", "workers": str(ready.worker_id)}
        )
        assert placed.status_code == 303


async def test_office_and_referrer_cancel_by_page_and_by_api(ready, settings, migrator):
    first = await packages.a_visit(ready, TUESDAY)
    second = await packages.a_visit(ready, date(2026, 5, 13))
    app = create_marketplace(settings)
    async with at(app, settings, ready.manager) as door:
        typed = {"version": "1", "outcome": "cancelled_by_provider", "reason": "The worker is ill"}
        check = await door.post(f"/visits/{first}/cancel", typed)
        assert "You owe the family another visit" in text_of(check) and "The budget" in text_of(check)
        stale = await door.post(f"/visits/{first}/cancel", typed | {"step": "check", "charge": "100"})
        assert "you were shown" in text_of(stale)
        assert (await door.post(f"/visits/{first}/cancel", typed | {"step": "check", "charge": "0"})).status_code == 303
        waiting = (await door.client.get("/api/v1/visit-requests")).json()
        assert [row["kind"] for row in waiting] == ["make_up"]
        assert "To be made up" in text_of(await door.get(f"/visits/{first}"))
        assert "Make up a visit" in text_of(await door.get(f"/visit-requests/{waiting[0]['id']}"))
        assert (await door.client.get(f"/api/v1/visits/{second}/cancellation")).status_code == 400
    async with at(app, settings, ready.referrer) as door:
        assert "cancel it for the family" in text_of(await door.get(f"/visits/{second}"))
        terms = (await door.client.get(f"/api/v1/visits/{second}/cancellation")).json()
        assert (terms["charged_pence"], terms["whole_pence"]) == (0, 4800)
        page = await door.get(f"/visit-requests/{waiting[0]['id']}/withdraw")
        assert "It is not needed any more" in text_of(page)
        assert (await door.post(f"/visit-requests/{waiting[0]['id']}/withdraw", {})).status_code == 303

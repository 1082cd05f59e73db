"""Direct payments over HTTP: the referrer's pages with their check, the family's budget, the same through the API."""

from __future__ import annotations

import re

import pytest

from tests.structure.inhabited import bearer
from tests.world.apps import create_marketplace
from tests.world.door import at

GIVEN = {
    "kind": "money", "amount": "200", "period": "week", "lots": "C", "top_up": "no", "account": "receipts",
    "starts_on-day": "11", "starts_on-month": "5", "starts_on-year": "2026",
}  # fmt: skip


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


async def test_recorded_after_a_check_changed_and_ended(app, settings, home):
    world = home.world
    async with at(app, settings, world.referrer) as door:
        listed = text_of(await door.get("/direct-payments"))
        assert "Maya Okonkwo" in listed and "£720.00" in listed
        sheet = (await door.get("/direct-payments?format=csv")).text
        assert "£120.00 each week" in sheet and "Maya" not in sheet
        where = f"/direct-payments/{home.direct_payment_id}"
        shown = await door.get(where)
        assert "£720.00 left until 17 May 2026" in text_of(shown) and "<svg" in shown.text
        wrong = await door.post(f"{where}/end", {"last_day-day": "31"})
        assert wrong.status_code == 400 and "Enter why it ends" in wrong.text
        more = GIVEN | {"applies_from": "2026-05-18", "reason": "More in the holidays"}
        check = await door.post(f"{where}/change", more | {"step": "check"})
        assert "Check before you record it" in check.text and "£200.00 each week" in check.text
        back = await door.post(f"{where}/change", more | {"step": "edit"})
        assert 'value="200"' in back.text and "More in the holidays" in back.text
        assert (await door.post(f"{where}/change", more | {"step": "record"})).status_code == 303
        assert "How the terms changed" in text_of(await door.get(where))
        ended = await door.post(
            f"{where}/end",
            {"last_day-day": "10", "last_day-month": "5", "last_day-year": "2026", "reason": "A package begins"},
        )
        assert ended.status_code == 303 and "It ended on 10 May 2026" in text_of(await door.get(where))
        new = f"/children/{home.child_id}/direct-payment/new"
        given = GIVEN | {"framework_id": str(world.framework_id)}
        empty = await door.post(new, {"framework_id": str(world.framework_id), "step": "check"})
        assert empty.status_code == 400 and "Select whether it is money or hours" in empty.text
        check = await door.post(new, given | {"step": "check"})
        assert "Nothing beyond the budget" in check.text
        made = await door.post(new, given | {"step": "record"})
        assert made.status_code == 303
        twice = await door.post(new, given | {"step": "record"})
        assert twice.status_code == 400 and "has a direct payment on some of these days already" in twice.text
        assert "£200.00 left until 17 May 2026" in text_of(await door.get(made.headers["location"]))
    async with at(app, settings, home.mother) as door:
        assert "£200.00" in (await door.get("/budget")).text


async def test_the_familys_budget(app, settings, home):
    where = f"/budget/{home.direct_payment_id}"
    async with at(app, settings, home.mother) as door:
        shown = await door.get(where)
        assert "Direct payment for Maya Okonkwo" in text_of(shown) and "Period by period" in shown.text
        wrong = await door.post(f"{where}/spending/new", {"pence": "free", "says": "Club"})
        assert wrong.status_code == 400 and 'value="Club"' in wrong.text
        typed = {"says": "Club", "pence": "30", "day-day": "11", "day-month": "5", "day-year": "2026",
                 "entry": "6f1c1f0e-8f0b-4c5e-9f43-3c7b1f6c2a56"}  # fmt: skip
        for _ in range(2):
            assert (await door.post(f"{where}/spending/new", typed)).status_code == 303
        page = await door.get(where)
        assert "£690.00 left" in text_of(page)
        link = re.search(r'/budget/spending/[^"]+', page.text)
        assert link and (await door.post(link.group(), {"reason": ""})).status_code == 400
        assert (await door.post(link.group(), {"reason": "Wrong"})).status_code == 303
        assert "£720.00 left" in text_of(await door.get(where))
        assert (await door.get(f"/direct-payments/{home.direct_payment_id}")).status_code == 403
    async with at(app, settings, home.uncle) as door:
        assert "No budget to spend" in text_of(await door.get("/budget"))
        assert (await door.get(where)).status_code == 404


async def test_the_same_through_the_api(app, settings, home):
    async with at(app, settings) as door:
        api = door.client
        mother, referrer = await bearer(settings, home.mother), await bearer(settings, home.world.referrer)
        one = f"/api/v1/direct-payments/{home.direct_payment_id}"
        given = {"kind": "hours", "units": 600, "period": "month", "lots": ["C"], "top_up_allowed": True,
                 "account": "none"}  # fmt: skip
        late = given | {"applies_from": "2026-05-12", "reason": "Hours from now on"}
        refused = await api.post(f"{one}/terms", json=late, headers=referrer)
        assert refused.status_code == 400 and "applies_from" in refused.json()["fields"]
        changed = await api.post(f"{one}/terms", json=late | {"applies_from": "2026-05-11"}, headers=referrer)
        assert changed.status_code == 204, changed.text
        spent = {"day": "2026-05-11", "minutes": 90, "says": "Club"}
        assert (await api.post(f"{one}/spending", json=spent, headers=referrer)).status_code == 403
        made = await api.post(f"{one}/spending", json=spent, headers=mother)
        assert made.status_code == 201
        found = (await api.get(one, headers=mother)).json()
        assert (found["budget"]["kind"], found["budget"]["left"], found["state"]) == ("hours", 510, "running")
        back = f"/api/v1/direct-payments/spending/{made.json()['id']}/take-back"
        assert (await api.post(back, json={"reason": "Wrong"}, headers=mother)).status_code == 204
        ended = await api.post(f"{one}/end", json={"last_day": "2026-05-31", "reason": "Over"}, headers=referrer)
        assert ended.status_code == 204
        lines = (await api.get("/api/v1/direct-payments", headers=referrer)).json()
        assert [(each["ends_on"], each["budget"]["left"]) for each in lines] == [("2026-05-31", 600)]
        new = given | {"framework_id": str(home.world.framework_id), "starts_on": "2026-06-01"}
        again = await api.post(f"/api/v1/children/{home.child_id}/direct-payments", json=new, headers=referrer)
        assert again.status_code == 201, again.text

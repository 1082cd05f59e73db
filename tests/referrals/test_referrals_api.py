"""The referrer's API: the same actions and refusals as the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from marketplace.platform.actor import Actor
from tests.referrals import laid
from tests.world import people, referrals
from tests.world.apps import create_marketplace


@pytest.fixture
async def api(database) -> AsyncIterator[httpx.AsyncClient]:  # type: ignore[no-untyped-def]
    transport = httpx.ASGITransport(app=create_marketplace(database))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as client:
        yield client


async def token(api: httpx.AsyncClient, world: referrals.World, actor: Actor) -> dict[str, str]:
    email = await people.with_password(actor, world.settings)
    answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_the_whole_way_by_api(api, world):
    mine = await token(api, world, world.referrer)
    child = {"name": "Maya Okonkwo", "date_of_birth": "2016-03-14", "postcode": "SE13 6LT"}
    child_id = (await api.post("/children", json=child, headers=mine)).json()["id"]
    opened = await api.post(f"/children/{child_id}/open", json={}, headers=mine)
    assert opened.json()["name"] == "Maya Okonkwo"
    begun = await api.post(
        "/referrals", json={"child_id": child_id, "framework_id": str(world.framework_id)}, headers=mine
    )
    referral = f"/referrals/{begun.json()['id']}"
    refused = await api.post(f"{referral}/broadcast", headers=mine)
    assert refused.status_code == 400 and "pen_portrait" in refused.json()["fields"]
    wrong = await api.patch(referral, json={"lot_code": "C", "interventions": ["deep_suctioning"]}, headers=mine)
    assert wrong.status_code == 400 and "L 6.7" in wrong.json()["fields"]["interventions"]
    unknown = await api.patch(referral, json={"price": 5}, headers=mine)
    assert unknown.status_code == 400
    draft = {
        "lot_code": "C", "area": "Lee", "outcomes": "Time outdoors", "pen_portrait": "Loves water.",
        "pattern": [{"weekday": 0, "start": "16:00", "end": "18:00", "activity": "home_support"}],
        "starts_on": "2026-06-01",
    }  # fmt: skip
    saved = await api.patch(referral, json=draft, headers=mine)
    assert saved.status_code == 200, saved.text
    assert (await api.get(referral, headers=mine)).json()["missing"] == {}
    reach = (await api.get(f"{referral}/reach", headers=mine)).json()
    assert [each["provider"] for each in reach["providers"]] == ["Alder Care", "Birch Support", "Cedar Families"]
    sent = await api.post(f"{referral}/broadcast", headers=mine)
    assert (sent.status_code, sent.json()["state"], sent.json()["age_band"]) == (200, "broadcast", "5 to 10")
    assert (await api.post(f"{referral}/broadcast", headers=mine)).status_code == 409
    listed = (await api.get("/referrals", headers=mine)).json()
    assert (listed["total"], listed["rows"][0]["silent"]) == (1, 3)

    provider = world.providers[0]
    offer_id = await laid.offer(provider, begun.json()["id"], world.workers[provider.organisation_id])
    offers = (await api.get(f"{referral}/offers", headers=mine)).json()
    assert [each["provider"] for each in offers] == ["Alder Care"]
    assert (await api.put(f"/offers/{offer_id}/referrer-choice", json={"version": 2}, headers=mine)).status_code == 409
    assert (await api.put(f"/offers/{offer_id}/referrer-choice", json={"version": 1}, headers=mine)).status_code == 204
    no_reason = await api.post(f"/offers/{offer_id}/award", json={"version": 1}, headers=mine)
    assert "no_family_reason" in no_reason.json()["fields"]
    awarded = await api.post(
        f"/offers/{offer_id}/award", json={"version": 1, "no_family_reason": "Carer away"}, headers=mine
    )
    assert awarded.status_code == 201
    undone = await api.post(f"/packages/{awarded.json()['id']}/undo-award", json={"reason": "Worker ill"}, headers=mine)
    assert undone.json()["id"] == begun.json()["id"]


async def test_others_get_404_and_roles_without_the_right_403(api, world, database):
    child_id = await referrals.add_child(world.referrer)
    referral_id = await referrals.broadcast(world, child_id)
    other = await people.person_in(await people.council(database, "Southmere Council"), "referrer")
    theirs = await token(api, world, other)
    for method, path in (
        ("POST", f"/children/{child_id}/open"), ("GET", f"/children/{child_id}/grants"), ("GET",
        f"/referrals/{referral_id}"),
        ("GET", f"/referrals/{referral_id}/answers"), ("GET", f"/referrals/{referral_id}/questions"),
        ("GET", f"/referrals/{referral_id}/offers"), ("GET", f"/referrals/{referral_id}/reach"),
        ("DELETE", f"/referrals/{referral_id}"),
    ):  # fmt: skip
        answer = await api.request(method, path, headers=theirs, json={} if method == "POST" else None)
        assert answer.status_code == 404, (path, answer.text)
        assert "Maya" not in answer.text and "R-" not in answer.text
    provider = await token(api, world, world.providers[0])
    assert (await api.get(f"/referrals/{referral_id}", headers=provider)).status_code == 403
    assert (await api.get("/children", headers=provider)).status_code == 403
    assert (await api.get("/children")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A\x00B", "date_of_birth": "2016-03-14"},
        {"name": "Maya", "date_of_birth": "14.3.2016"},
        {"name": "Maya", "date_of_birth": "2016-03-14", "surname": "O"},
        {"date_of_birth": "2016-03-14"},
        {"name": 5, "date_of_birth": "2016-03-14"},
        [],
    ],
)
async def test_nasty_bodies_are_refused_naming_the_field(api, world, body):
    mine = await token(api, world, world.referrer)
    answer = await api.post("/children", json=body, headers=mine)
    assert answer.status_code == 400, answer.text
    assert "sentence" in answer.json()

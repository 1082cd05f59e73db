"""The API of answering a referral and of the family's choice: the same actions and refusals as the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.referrals import offering
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.offers import proposal
from tests.world.referrals import World, add_child, broadcast, family_of


@pytest.fixture
async def api(database) -> AsyncIterator[httpx.AsyncClient]:  # type: ignore[no-untyped-def]
    transport = httpx.ASGITransport(app=create_marketplace(database))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as client:
        yield client


async def token(api: httpx.AsyncClient, world: World, actor: Actor) -> dict[str, str]:
    email = await people.with_password(actor, world.settings)
    answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def child(world):
    return await add_child(world.referrer)


@pytest.fixture
async def family(world, child):
    return await family_of(world.referrer, child)


@pytest.fixture
async def referral(world, child, family):
    return await broadcast(world, child)


async def offer_body(api, referral, mine, **changes: Any) -> dict[str, Any]:
    """What a program would send after reading the opportunity."""
    found = (await api.get(f"/opportunities/{referral}", headers=mine)).json()
    ready = [worker["id"] for worker in found["workers"] if worker["ready"]]
    body = {"workers": ready[:1], "backups": ready[1:2], "starts_on": found["starts_on"], "pattern": found["pattern"]}
    return body | changes


async def test_an_offer_from_the_list_to_the_familys_choice(api, world, referral, family):
    alder = world.providers[0]
    mine = await token(api, world, alder)
    listed = (await api.get("/opportunities", headers=mine)).json()
    assert [(row["id"], row["answer"], row["ready_workers"]) for row in listed["rows"]] == [(str(referral), "none", 2)]
    assert listed["counts"] == {"to_answer": 1, "answered": 0, "over": 0, "all": 1}
    body = await offer_body(api, referral, mine)
    priced = await api.post(f"/opportunities/{referral}/offer-preview", json=body, headers=mine)
    checked = await ask(alder, offering.check_proposal, referral, await proposal(world, alder, referral))
    assert priced.status_code == 200 and priced.json()["pence_per_period"] == checked.price.pence_per_period > 0
    assert (await api.get("/offers", headers=mine)).json() == {"rows": [], "total": 0}
    made = await api.post(f"/opportunities/{referral}/offer", json=body, headers=mine)
    assert made.status_code == 201, made.text
    offer = f"/offers/{made.json()['id']}"
    again = await api.post(f"/opportunities/{referral}/offer", json=body, headers=mine)
    assert again.status_code == 409 and "already made an offer" in again.json()["sentence"]
    shown = (await api.get(offer, headers=mine)).json()
    assert shown["price"] == priced.json() and [worker["part"] for worker in shown["workers"]] == ["main", "backup"]
    changed = await api.put(offer, json=body | {"remark": "We have a minibus", "version": 1}, headers=mine)
    assert changed.json() == {"version": 2}
    stale = await api.put(offer, json=body | {"version": 1}, headers=mine)
    assert stale.status_code == 409 and "colleague" in stale.json()["sentence"]

    theirs = await token(api, world, family)
    (choice,) = (await api.get("/choices", headers=theirs)).json()
    assert [(each["provider"], each["remark"], each["chosen"]) for each in choice["offers"]] == [
        ("Alder Care", "We have a minibus", False)
    ]
    assert "love being outdoors" in choice["offers"][0]["workers"][0]["profile"]
    met = await api.post(f"{offer}/meetings", json={"message": "Saturday?"}, headers=theirs)
    assert met.status_code == 201
    answered = await api.post(f"/meetings/{met.json()['id']}/answer", json={"answer": "At 10"}, headers=mine)
    assert answered.status_code == 204
    old = await api.put(f"{offer}/family-choice", json={"version": 1}, headers=theirs)
    assert old.status_code == 409
    assert (await api.put(f"{offer}/family-choice", json={"version": 2}, headers=theirs)).status_code == 204
    one = (await api.get(f"/choices/{referral}", headers=theirs)).json()
    assert one["offers"][0]["chosen"] and one["offers"][0]["meetings"] == ["At 10"]
    assert (await api.delete(f"/choices/{referral}/choice", headers=theirs)).status_code == 204
    assert (await api.delete(f"/choices/{referral}/choice", headers=theirs)).status_code == 409
    assert (await api.post(f"{offer}/withdraw", headers=mine)).status_code == 204
    assert (await api.post(f"{offer}/withdraw", headers=mine)).status_code == 409
    assert (await api.get("/offers", headers=mine)).json()["rows"][0]["state"] == "withdrawn"


async def test_a_question_and_a_decline(api, world, referral):
    mine = await token(api, world, world.providers[1])
    asked = await api.post(f"/opportunities/{referral}/questions", json={"question": "Is there a lift?"}, headers=mine)
    assert asked.status_code == 201
    found = (await api.get(f"/opportunities/{referral}", headers=mine)).json()
    assert [each["question"] for each in found["my_questions"]] == ["Is there a lift?"]
    codes = [reason["code"] for reason in found["decline_reasons"]]
    wrong = await api.post(f"/opportunities/{referral}/decline", json={"reason_code": "too_far"}, headers=mine)
    assert wrong.status_code == 400 and wrong.json()["fields"] == {"reason_code": "Select why you decline"}
    done = await api.post(f"/opportunities/{referral}/decline", json={"reason_code": codes[0]}, headers=mine)
    assert done.status_code == 204
    found = (await api.get(f"/opportunities/{referral}", headers=mine)).json()
    assert found["decline"]["reason_code"] == codes[0]


async def test_who_is_not_meant_finds_nothing_and_the_wrong_role_is_refused(api, world, referral, family, database):
    mine = await token(api, world, world.providers[0])
    body = await offer_body(api, referral, mine)
    offer = (await api.post(f"/opportunities/{referral}/offer", json=body, headers=mine)).json()["id"]
    rival = await token(api, world, world.providers[1])
    stranger = await token(api, world, await people.provider_org(database, "Elm Assist"))
    other = await family_of(world.referrer, await add_child(world.referrer, "Tom Reed"), "Rita Reed")
    change = ("PUT", f"/offers/{offer}", body)
    for who, calls in (
        (rival, [("GET", f"/offers/{offer}", None), change, ("POST", f"/offers/{offer}/withdraw", None)]),
        (
            stranger,
            [
                ("GET", f"/opportunities/{referral}", None),
                ("POST", f"/opportunities/{referral}/offer-preview", body),
                ("POST", f"/opportunities/{referral}/offer", body),
                ("POST", f"/opportunities/{referral}/questions", {"question": "Where?"}),
                ("POST", f"/opportunities/{referral}/decline", {"reason_code": "no_capacity"}),
                change,
            ],
        ),
        (
            await token(api, world, other),
            [
                ("GET", f"/choices/{referral}", None),
                ("PUT", f"/offers/{offer}/family-choice", {"version": 1}),
                ("POST", f"/offers/{offer}/meetings", {}),
                ("DELETE", f"/choices/{referral}/choice", None),
            ],
        ),
    ):
        for method, path, sent in calls:
            answer = await api.request(method, path, json=sent, headers=who)
            assert answer.status_code == 404, (method, path, answer.text)
            assert "Alder" not in answer.text and "R-" not in answer.text
    theirs = await token(api, world, family)
    assert (await api.get("/opportunities", headers=theirs)).status_code == 403
    assert (await api.get("/choices", headers=mine)).status_code == 403
    assert (await api.get("/opportunities")).status_code == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"workers": []}, "workers"),
        ({"workers": ["00000000-0000-0000-0000-000000000001"]}, "workers"),
        ({"starts_on": "2026-05-10"}, "starts_on"),
        ({"starts_on": "9999-12-31"}, "workers"),
        ({"starts_on": "2031-01-01"}, "workers"),
        ({"pattern": []}, "pattern"),
        ({"pattern": [{"weekday": 9, "start": "16:00", "end": "18:00", "activity": "home_support"}]}, "pattern"),
        ({"pattern": [{"weekday": 1, "start": "16:00", "end": "16:00", "activity": "home_support"}]}, "pattern"),
        ({"pattern": [{"weekday": 1, "start": "4pm", "end": "18:00", "activity": "home_support"}]}, "pattern"),
        ({"pattern": [{"weekday": 1, "start": "16:00", "end": "18:00", "activity": "surgery"}]}, "pattern"),
        ({"remark": "x" * 2001}, "remark"),
        ({"price": 5}, None),
        ({"workers": "all"}, None),
    ],
)
async def test_what_is_wrong_with_an_offer_is_told_by_field(api, world, referral, changes, field):
    mine = await token(api, world, world.providers[0])
    body = await offer_body(api, referral, mine, **changes)
    for path in ("offer-preview", "offer"):
        answer = await api.post(f"/opportunities/{referral}/{path}", json=body, headers=mine)
        assert answer.status_code == 400, answer.text
        assert field is None or field in answer.json()["fields"], answer.text

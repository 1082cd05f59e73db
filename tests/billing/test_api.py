"""The API of invoices: periods, drafts judged, submitting, deciding; what is wrong is told, what is not mine hidden."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from marketplace.billing.words import WHY
from marketplace.platform.actor import Actor
from marketplace.policy.calculators import invoice as calculate
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, visit_done


@pytest.fixture
async def api(database, clock) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_marketplace(database, clock))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as client:
        yield client


async def token(api: httpx.AsyncClient, settings, actor: Actor) -> dict[str, str]:
    email = await people.with_password(actor, settings)
    answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def period(case, clock, first_day):
    """A finished period with a clean visit and one the family has not signed."""
    await visit_done(case, clock, first_day)
    await visit_done(case, clock, first_day + timedelta(days=2), signed=False)
    found = await period_of(case, first_day)
    after(clock, found, hours=9)
    return found


def key(case, period) -> dict[str, str]:
    return {
        "framework_id": str(case.world.framework_id),
        "payer_id": str(case.referrer.organisation_id),
        "first_day": period.first_day.isoformat(),
    }


def draft_path(case, period) -> str:
    return "/invoice-drafts/" + "/".join(key(case, period).values())


async def test_from_the_period_to_the_decision(api, settings, case, period, finance, clock):
    mine = await token(api, settings, case.manager)
    (row,) = (await api.get("/invoice-periods", headers=mine)).json()
    assert {name: row[name] for name in key(case, period)} == key(case, period) and row["state"] == "to_submit"
    draft = (await api.get(draft_path(case, period), headers=mine)).json()
    assert draft["closed"] and draft["defects"] == [] and draft["money"]["net_pence"] == 4800
    assert [line["held"] for line in draft["lines"]] == [False, True]
    kept = await api.get(f"{draft_path(case, period)}/case", headers=mine)
    assert calculate(json.dumps(kept.json()).encode())["net_pence"] == 4800
    visits = [line["visit"] for line in draft["lines"]]
    greedy = {"lines": [{"visit": visit, "pence": 4800} for visit in visits], "total_pence": 9601}
    judged = (await api.post(draft_path(case, period), json=greedy, headers=mine)).json()
    assert judged["money"]["deduction_pence"] == 10_000
    assert {defect["kind"] for defect in judged["defects"]} == {"inaccurate", "incomplete"}
    assert any("family's confirmation" in defect["sentence"] for defect in judged["defects"])
    stale = await api.post("/invoices", json=key(case, period) | {"fingerprint": "0" * 32}, headers=mine)
    assert stale.status_code == 409 and stale.json()["error"] == "records_changed"
    strange = {"visit": str(case.child_id), "pence": 500}
    greedy["lines"].append(strange)
    sent = key(case, period) | {"fingerprint": draft["fingerprint"], "claim": greedy}
    refused = await api.post("/invoices", json=sent, headers=mine)
    assert refused.status_code == 400 and set(refused.json()["fields"]) == {"lines"}
    assert f"line 3 ({case.child_id}, £5.00)" in refused.json()["fields"]["lines"]
    assert (await api.get("/invoices", headers=mine)).json() == []
    done = await api.post("/invoices", json=key(case, period) | {"fingerprint": draft["fingerprint"]}, headers=mine)
    assert done.status_code == 201, done.text
    again = await api.post("/invoices", json=key(case, period) | {"fingerprint": draft["fingerprint"]}, headers=mine)
    assert again.status_code == 409 and "submitted already, as number 1" in again.json()["sentence"]
    path = f"/invoices/{done.json()['id']}"
    theirs = await token(api, settings, finance)
    assert [row["state"] for row in (await api.get("/invoices?in_state=submitted", headers=theirs)).json()] == [
        "submitted"
    ]
    shown = await api.get(path, headers=theirs)
    assert shown.json()["money"]["net_pence"] == 4800 and "Maya" not in shown.text and "pasta" not in shown.text
    empty = await api.post(f"{path}/return", json={"reason": " "}, headers=theirs)
    assert empty.status_code == 400 and "reason" in empty.json()["fields"]
    assert (await api.post(f"{path}/return", json={"reason": "Sign the second"}, headers=theirs)).status_code == 204
    assert (await api.post(f"{path}/accept", headers=theirs)).status_code == 409
    draft = (await api.get(draft_path(case, period), headers=mine)).json()
    sent = key(case, period) | {"fingerprint": draft["fingerprint"]}
    second = f"/invoices/{(await api.post('/invoices', json=sent, headers=mine)).json()['id']}"
    assert (await api.get(second, headers=mine)).json()["replaces_id"] == done.json()["id"]
    assert (await api.post(f"{second}/accept", headers=theirs)).status_code == 204
    assert (await api.get(second, headers=mine)).json()["state"] == "accepted"


async def test_whose_it_is_not_and_which_role_may_not(api, settings, case, period, finance):
    mine = await token(api, settings, case.manager)
    draft = (await api.get(draft_path(case, period), headers=mine)).json()
    sent = key(case, period) | {"fingerprint": draft["fingerprint"], "claim": {"lines": [], "total_pence": 0}}
    path = f"/invoices/{(await api.post('/invoices', json=sent, headers=mine)).json()['id']}"
    frozen = (await api.get(path, headers=mine)).json()
    assert [each["sentence"].split(": ")[1] for each in frozen["defects"]] == [WHY["left_off"]]
    assert frozen["clause"] and frozen["dispute_until"] and frozen["credit_notes"] == []
    rival = await token(api, settings, await people.provider_org(settings, "Rowan Rivals"))
    elsewhere = await people.person_in(await people.council(settings, "Southmere Council"), "finance")
    other = await token(api, settings, elsewhere)
    for who in (rival, other):
        assert (await api.get(path, headers=who)).status_code == 404
        assert (await api.get("/invoices", headers=who)).json() == []
    assert (await api.post(f"{path}/accept", headers=other)).status_code == 404
    assert (await api.post(f"{path}/return", json={"reason": "x"}, headers=other)).status_code == 404
    assert (await api.get("/invoice-periods", headers=rival)).json() == []
    assert (await api.post(f"{path}/accept", headers=mine)).status_code == 403
    assert (await api.post("/invoices", json=sent, headers=other)).status_code == 403
    referrer = await token(api, settings, case.referrer)
    assert (await api.post(f"{path}/accept", headers=referrer)).status_code == 403
    assert (await api.get(path)).status_code == 401


@pytest.mark.parametrize(
    "claim",
    [
        {"lines": [{"visit": "x", "pence": 1}], "total_pence": 1},
        {"lines": [{"visit": "00000000-0000-0000-0000-000000000001", "pence": 1.5}], "total_pence": 1},
        {"lines": [{"visit": "00000000-0000-0000-0000-000000000001", "pence": 1, "note": ""}], "total_pence": 1},
        {"lines": [], "total_pence": 10**30},
        {"lines": [{"visit": "00000000-0000-0000-0000-000000000001", "pence": 3_000_000_000}], "total_pence": 0},
        {"lines": [{"visit": "00000000-0000-0000-0000-000000000001", "pence": 10**8}] * 22, "total_pence": 0},
        {"lines": [], "total_pence": -1},
        {"lines": [{"visit": "00000000-0000-0000-0000-000000000001", "pence": -5}], "total_pence": 0},
        {"lines": [{"visit": "00000000-0000-0000-0000-000000000001", "pence": 10**18}], "total_pence": 0},
        {"lines": []},
        [],
    ],
)
async def test_a_claim_that_is_none_is_refused_by_field(api, settings, case, period, claim):
    mine = await token(api, settings, case.manager)
    for path, body in (
        (draft_path(case, period), claim),
        ("/invoices", key(case, period) | {"fingerprint": "", "claim": claim}),
    ):
        answer = await api.post(path, json=body, headers=mine)
        assert answer.status_code == 400, answer.text
        assert answer.json()["fields"], answer.text


@pytest.mark.parametrize("day", ["2026-05-05", "2099-01-01", "0001-01-01", "9999-12-31", "2026-13-01"])
async def test_a_period_that_is_none_is_not_found(api, settings, case, day):
    mine = await token(api, settings, case.manager)
    path = f"/invoice-drafts/{case.world.framework_id}/{case.referrer.organisation_id}/{day}"
    assert (await api.get(path, headers=mine)).status_code == 404
    body = {"framework_id": str(case.world.framework_id), "payer_id": str(case.referrer.organisation_id)}
    answer = await api.post("/invoices", json=body | {"first_day": day, "fingerprint": ""}, headers=mine)
    assert answer.status_code in (400, 404)

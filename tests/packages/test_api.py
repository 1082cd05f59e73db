"""The API does what the pages do: a package from award to a confirmed visit, and its refusals by field."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import date, time
from typing import Any

import httpx
import msgspec
import pytest

from marketplace.identity.actions import set_pin
from marketplace.platform.actor import Actor
from marketplace.policy.calendar import wall_time
from marketplace.policy.facts import WeeklySlot
from tests.world import packages, people, referrals
from tests.world.apps import create_marketplace

TUESDAY = date(2026, 5, 12)
WEEK = [WeeklySlot(1, "16:00", "18:00", "home_support")]


@pytest.fixture
async def api(database) -> AsyncIterator[httpx.AsyncClient]:  # type: ignore[no-untyped-def]
    transport = httpx.ASGITransport(app=create_marketplace(database))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as client:
        yield client


class Caller:
    """Somebody with a token."""

    def __init__(self, api: httpx.AsyncClient, token: str) -> None:
        self.api, self.headers = api, {"Authorization": f"Bearer {token}"}

    async def post(self, path: str, status: int = 200, /, method: str = "POST", **body: Any) -> Any:
        answer = await self.api.request(method, path, json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.api.get(path, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()


async def caller(api: httpx.AsyncClient, case: packages.Case, actor: Actor) -> Caller:
    email = await people.with_password(actor, case.world.settings)
    answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
    return Caller(api, answer.json()["access_token"])


async def test_a_package_from_award_to_a_confirmed_visit(api, case, clock):
    office, referrer, family, worker = [
        await caller(api, case, actor) for actor in (case.manager, case.referrer, case.family, case.worker)
    ]
    package = f"/packages/{case.package_id}"
    opened = await office.post(f"{package}/open")
    assert (opened["child"], opened["state"]) == ("Maya Okonkwo", "set_up")
    assert len(opened["before_visits"]) == 1  # the offer named a back-up
    await office.post(f"{package}/risk-assessment", 204, on="2026-05-11")
    await office.post(f"{package}/risk-assessment", 204, on="2026-05-11", done=True)
    content = msgspec.to_builtins(packages.plan_content(WEEK))
    refused = await office.post(f"{package}/plan", 400, method="PUT", **(content | {"outcomes": " "}))
    assert list(refused["fields"]) == ["outcomes"]
    plan = (await office.post(f"{package}/plan", method="PUT", **content))["id"]
    fingerprint = (await office.post(f"/plans/{plan}/share"))["text_hash"]
    read = await family.post(f"/plans/{plan}/open")
    assert hashlib.sha256(read["text"].encode()).hexdigest() == fingerprint == read["text_hash"]
    assert not (await family.post(f"/plans/{plan}/sign", text_hash=fingerprint))["complete"]
    assert (await referrer.post(f"/plans/{plan}/sign", text_hash=fingerprint))["complete"]

    planned = await office.post(
        f"{package}/visits/from-pattern",
        first_day="2026-05-12",
        last_day="2026-05-24",
        worker_ids=[str(case.worker_id)],
    )
    assert len(planned["made"]) == 2
    visit = f"/visits/{planned['made'][0]}"
    assert (await worker.get("/now"))["next"] == planned["made"][0]
    assert (await family.get("/who-is-coming"))["coming"][0]["workers"] == ["Alder Worker 1"]
    board = await office.get("/week?first_day=2026-05-11")
    assert list(board["workers"]) == ["Alder Worker 1"]
    clock.move_to(wall_time(TUESDAY, time(16, 1)))
    await worker.post(f"{visit}/start", 204)
    clock.move_to(wall_time(TUESDAY, time(18, 0)))
    await worker.post(f"{visit}/record", 204, method="PUT", activities="Swimming", money_spent_pence=0)
    await worker.post(f"{visit}/finish", 204)
    at_door = await worker.post(f"{visit}/open")
    assert at_door["address"] == "12 Larkspur Gardens, SE13 6LT" and at_door["missing"]
    assert hashlib.sha256(at_door["text"].encode()).hexdigest() == at_door["text_hash"]
    await worker.post(f"{visit}/sign", 204, text_hash=at_door["text_hash"])
    await set_pin(case.family, "8305")
    body = {"person_id": str(case.family.person_id), "text_hash": at_door["text_hash"]}
    wrong = await worker.post(f"{visit}/confirm-with-pin", 400, pin="1111", **body)
    assert list(wrong["fields"]) == ["pin"]
    assert (await worker.post(f"{visit}/confirm-with-pin", pin="8305", **body))["complete"]
    seen = await referrer.post(f"{visit}/open")
    assert seen["state"] == "confirmed" and seen["record"]["activities"] == "Swimming" and not seen["missing"]


async def test_refusals_name_the_field_and_give_nothing_away(api, ready, clock):
    office, family, worker = [await caller(api, ready, actor) for actor in (ready.manager, ready.family, ready.worker)]
    path = f"/packages/{ready.package_id}/visits"
    visit = {
        "activity": "home_support", "starts_at": "2026-05-12T16:00:00+01:00", "ends_at": "2026-05-12T18:00:00+01:00",
        "worker_ids": [str(ready.worker_id)],
    }  # fmt: skip
    assert (await office.post(path, 400, **(visit | {"starts_at": "2026-05-12T16:00:00"})))["fields"]
    assert (await office.post(path, 400, **(visit | {"colour": "red"})))["fields"]
    visit_id = (await office.post(path, 201, **visit))["id"]
    taken = await office.post(path, 409, **visit)
    assert "already has a visit then" in taken["sentence"]
    await family.post(f"/visits/{visit_id}/missed", 403, version=1, reason="x")
    await worker.post(f"/visits/{visit_id}/cancel", 403, version=1, outcome="cancelled_by_provider", reason="x")
    rival = await referrals.add_provider(ready.world, "Birch Support")
    other = await caller(api, ready, rival)
    for path in (f"/packages/{ready.package_id}/open", f"/visits/{visit_id}/open"):
        await other.post(path, 404)
    assert (await other.get("/packages"))["total"] == 0
    colleague = await caller(api, ready, await people.person_in(ready.world.admin, "referrer", "Cole League"))
    assert list((await colleague.post(f"/visits/{visit_id}/open", 400))["fields"]) == ["why"]
    await office.post(
        f"/visits/{visit_id}/cancel", 204, version=1, outcome="cancelled_by_provider", reason="Worker ill"
    )
    assert (await office.post(f"/visits/{visit_id}/open"))["outcome"] == "cancelled_by_provider"

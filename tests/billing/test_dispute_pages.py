"""Disputes over HTTP: from the invoice's page to the finance officers' answer, the API, and the file that shows it."""

from __future__ import annotations

import re

import httpx
import pytest

from marketplace.billing.disputes import propose_waiver, raise_dispute
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from tests.providers.test_files import checked
from tests.world import files, people, providers
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import deducted
from tests.world.door import at
from tests.world.file_servers import store, with_store

__all__ = ["store"]
WHY = "Both visits were signed that evening."


@pytest.fixture
def stored(database, store):
    return with_store(database, store)


@pytest.fixture
def app(stored, clock):
    return create_marketplace(stored, clock)


@pytest.fixture
def console(stored, clock):
    return create_console(stored, clock)


@pytest.fixture
async def second(world):
    return await people.person_in(world.admin, "finance", "Fern Second")


@pytest.fixture
async def invoice_id(case, clock, first_day):
    return await deducted(case, clock, first_day)


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


async def test_from_the_invoice_to_the_waiver_paid_back(
    app, console, stored, case, world, finance, second, invoice_id, clock, store
):
    sheet = await checked(case.manager, stored, files.plain_pdf("Timesheet"), kind="other", name="sheet.pdf")
    async with at(app, stored, case.manager) as door:
        shown = await door.get(f"/invoices/{invoice_id}")
        assert "Dispute the deduction" in shown.text and "may dispute it until the end of" in text_of(shown)
        assert "No disputes here" in (await door.get("/disputes")).text
        where = f"/invoices/{invoice_id}/dispute"
        empty = await door.post(where, {"step": "check", "evidence_id": str(sheet["id"])})
        assert "Enter why you dispute the deduction" in empty.text and " checked>" in empty.text  # the tick is kept
        typed = {"says": WHY, "evidence_id": str(sheet["id"])}
        check = await door.post(where, typed | {"step": "check"})
        assert "Check before you send it" in check.text and "sheet.pdf, added" in text_of(check)
        named = await door.post(where, {"says": "Maya Okonkwo was there", "step": "send"})
        assert "Take it out" in named.text and "Maya Okonkwo was there" in named.text
        sent = await door.post(where, typed | {"step": "send"})
        assert sent.status_code == 303
        here = sent.headers["location"]
        assert "of Northgate Council answer it" in text_of(await door.get(here))
        again = await door.get(where)
        assert again.status_code == 303 and again.headers["location"] == here
        assert "It is disputed and waits for an answer" in (await door.get(f"/invoices/{invoice_id}")).text
        assert "To answer (1)" in text_of(await door.get("/disputes"))
        saved = await door.get("/disputes?format=csv")
        assert saved.headers["content-type"].startswith("text/csv") and "100.00,To answer" in saved.text

    async with at(console, stored, finance) as desk:
        assert WHY in (await desk.get(here)).text
        opened = await desk.get(f"{here}/files/{sheet['id']}")
        assert opened.content.startswith(b"%PDF") and opened.headers["content-disposition"].startswith("attachment")
        wrong = await desk.post(f"{here}/decide", {"outcome": "", "says": "", "step": "check"})
        assert "Select what becomes of the deduction" in wrong.text and "Enter why" in wrong.text
        answer = {"outcome": "family_fault", "says": "The family was away."}
        check = await desk.post(f"{here}/decide", answer | {"step": "check"})
        assert "until a second finance officer confirms it" in text_of(check)
        edit = await desk.post(f"{here}/decide", answer | {"step": "edit"})
        assert "The family was away." in edit.text
        assert (await desk.post(f"{here}/decide", answer | {"step": "send"})).status_code == 303
        mine = await desk.get(here)
        assert "Another finance officer must confirm it" in text_of(mine) and "Confirm the waiver" not in mine.text
        refused = await desk.post(f"{here}/confirm", page=here)
        assert refused.status_code == 409 and "another finance officer" in refused.text
    async with at(console, stored, second) as desk:
        assert "Enter why: your colleague reads it" in (await desk.post(f"{here}/not-confirm", page=here)).text
        assert (await desk.post(f"{here}/confirm", page=here)).status_code == 303
        shown = await desk.get(here)
        assert "Pay it back" in shown.text and "not paid yet" in shown.text
        today = local_day(clock.at)
        early = {"paid_on-day": "1", "paid_on-month": "1", "paid_on-year": "2026"}
        assert "when it was waived, and today" in (await desk.post(f"{here}/paid", early, page=here)).text
        paid = {"paid_on-day": str(today.day), "paid_on-month": str(today.month), "paid_on-year": str(today.year)}
        assert (await desk.post(f"{here}/paid", paid, page=here)).status_code == 303
        assert "Pay it back" not in (await desk.get(here)).text
    async with at(app, stored, case.manager) as door:
        said = text_of(await door.get(here))
        assert "The deduction was waived: the family was the cause" in said and "proposed" not in said
        assert "It was disputed, and waived" in (await door.get(f"/invoices/{invoice_id}")).text
    contract = await people.person_in(world.admin, "contract_manager")
    async with at(console, stored, contract) as desk:
        assert (await desk.get(here)).status_code == 200
        assert (await desk.get(f"{here}/files/{sheet['id']}")).status_code == 403
        assert (await desk.get(f"{here}/decide")).status_code == 403


async def test_a_file_is_opened_through_its_own_dispute_alone(console, stored, case, world, finance, invoice_id, store):
    sheet = await checked(case.manager, stored, files.plain_pdf(), kind="other")
    apart = await checked(case.manager, stored, files.plain_pdf(), kind="other")
    worker = await providers.ready_worker(case.manager, world.framework_id, world.lot, "Wren Worker")
    scan = await checked(case.manager, stored, files.plain_pdf(), kind="dbs_certificate", worker_id=worker)
    with pytest.raises(InvalidInput) as wrong:
        await raise_dispute(case.manager, invoice_id, WHY, [scan["id"]])
    assert "shown to nobody" in wrong.value.fields["evidence_id"]
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY, [sheet["id"], sheet["id"]])
    elsewhere = await people.person_in(await people.council(stored, "Southmere"), "finance")
    async with at(console, stored, finance) as desk:
        assert (await desk.get(f"/disputes/{dispute_id}/files/{sheet['id']}")).status_code == 200
        assert (await desk.get(f"/disputes/{dispute_id}/files/{apart['id']}")).status_code == 404
    async with at(console, stored, elsewhere) as desk:
        for path in (f"/disputes/{dispute_id}", f"/disputes/{dispute_id}/files/{sheet['id']}"):
            assert (await desk.get(path)).status_code == 404
        assert "No disputes here" in (await desk.get("/disputes?state=open")).text


async def test_the_api_does_all_of_it(app, stored, case, finance, second, invoice_id, clock):
    async def token(actor) -> dict[str, str]:
        email = await people.with_password(actor, stored)
        answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as api:
        mine, one, two = [await token(each) for each in (case.manager, finance, second)]
        path = f"/invoices/{invoice_id}/dispute"
        assert (await api.post(path, json={"says": WHY}, headers=one)).status_code == 403
        assert (await api.post(path, json={"says": WHY, "more": 1}, headers=mine)).status_code == 400
        raised = await api.post(path, json={"says": WHY}, headers=mine)
        assert raised.status_code == 201
        here = f"/disputes/{raised.json()['id']}"
        assert (await api.post(path, json={"says": WHY}, headers=mine)).status_code == 409
        assert [row["state"] for row in (await api.get("/disputes?in_state=open", headers=one)).json()] == ["open"]
        waiver = {"reason_code": "goodwill", "says": "First time."}
        bad = await api.post(f"{here}/waive", json=waiver | {"reason_code": "x"}, headers=one)
        assert bad.status_code == 400 and "reason_code" in bad.text
        assert (await api.post(f"{here}/waive", json=waiver, headers=one)).json() == {"waived": False}
        assert (await api.post(f"{here}/confirm", headers=one)).status_code == 409
        assert (await api.post(f"{here}/not-confirm", json={"says": "Wait"}, headers=two)).status_code == 204
        assert (await api.post(f"{here}/waive", json=waiver, headers=one)).json() == {"waived": False}
        assert (await api.post(f"{here}/confirm", headers=two)).status_code == 204
        assert (await api.post(f"{here}/uphold", json={"says": "No"}, headers=two)).status_code == 409
        day = local_day(clock.at).isoformat()
        assert (await api.post(f"{here}/paid", json={"paid_on": day}, headers=one)).status_code == 204
        whole = (await api.get(here, headers=mine)).json()
        assert (whole["dispute"]["state"], whole["payable_pence"], whole["paid_on"]) == ("waived", 10_000, day)
        assert [step["what"] for step in whole["steps"]] == ["raised", "waived"]


async def test_a_waiver_the_pack_lets_one_officer_grant(console, stored, case, finance, invoice_id, migrator):
    """The same dispute where its sum is one that an officer may waive alone: decided at once."""
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    await migrator.execute("ALTER TABLE deduction_dispute DISABLE TRIGGER dispute_kept")
    await migrator.execute("UPDATE deduction_dispute SET second_needed = false")
    await migrator.execute("ALTER TABLE deduction_dispute ENABLE TRIGGER dispute_kept")
    async with at(console, stored, finance) as desk:
        answer = {"outcome": "system_fault", "says": "The site was down."}
        check = await desk.post(f"/disputes/{dispute_id}/decide", answer | {"step": "check"})
        assert "is waived at once" in text_of(check)
        done = await desk.post(f"/disputes/{dispute_id}/decide", answer | {"step": "send"})
        assert done.status_code == 303
        assert "Waived" in (await desk.get(f"/disputes/{dispute_id}")).text
    with pytest.raises(Exception, match="waived"):
        await propose_waiver(finance, dispute_id, "goodwill", "Again")

"""What people meet in pages and API: their own, never another's; what is typed is kept; what binds is checked first."""

from __future__ import annotations

import re

import pytest

from marketplace.platform.database import ask
from marketplace.providers import actions, queries, workforce
from tests.providers.test_declarations import a_file
from tests.world import people, providers
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


async def test_the_matrix_shows_ready_and_not_in_words_and_as_a_file(app, database, place):
    await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await providers.worker(place.manager, "=Lee Barton")
    lot = f"{place.framework_id}.C"
    async with at(app, database, place.manager) as door:
        page = (await door.get(f"/workforce?lot={lot}")).text
        assert "1 of 2 shown are ready" in page and "Until 11 October 2026" in page and "Missing" in page
        only = (await door.get(f"/workforce?lot={lot}&show=ready")).text
        assert "Wren Ashby" in only and "Lee Barton" not in only
        starred = next(r.competency for r in place.pack.requirements("C") if r.kind == "where_needed")
        needy = (await door.get(f"/workforce?lot={lot}&needs={starred}")).text
        assert "0 of 2 shown are ready" in needy
        lapsing = (await door.get(f"/workforce?lot={lot}&lapsing=28")).text
        assert "Nobody matches" in lapsing
        file = await door.get(f"/workforce?lot={lot}&format=csv")
        assert file.headers["content-type"] == "text/csv; charset=utf-8"
        assert "'=Lee Barton" in file.text and "has no DBS check" in file.text


async def test_a_coordinator_adds_a_worker_and_records_evidence_page_by_page(app, database, place):
    async with at(app, database, place.coordinator) as door:
        answer = await door.post("/workforce/new", {"name": "", "role": "support_worker", "engagement": "employed",
                                                    "languages": "English, Polish"})  # fmt: skip
        assert answer.status_code == 400
        assert "Enter the worker&#39;s full name" in answer.text and "English, Polish" in answer.text
        answer = await door.post(
            "/workforce/new", {"name": "Kit Lowe", "role": "support_worker", "engagement": "agency"}
        )
        where = answer.headers["location"]
        assert "has no DBS check" in (await door.get(where)).text
        day = {"checked_on-day": "11", "checked_on-month": "5", "checked_on-year": "2026"}
        answer = await door.post(f"{where}/dbs", {**day, "checked_by_name": "Ada Brook", "outcome": "clear",
                                                  "certificate_number": "123"})  # fmt: skip
        assert answer.status_code == 400 and "A DBS certificate number has 12 digits" in answer.text
        sent = {**day, "checked_by_name": "Ada Brook", "outcome": "clear", "certificate_number": "0012 3456 7890"}
        issued = {"issued_on-day": "2", "issued_on-month": "5", "issued_on-year": "2026", "workforce": "child"}
        for more, asked in (
            ({}, "date of issue"), (issued, "barred list was checked with it"),
            ({"certificate_number": ""}, "a check is of one"),
        ):  # fmt: skip
            answer = await door.post(f"{where}/dbs", {**sent, **more})
            assert answer.status_code == 400 and asked in answer.text and 'value="Ada Brook"' in answer.text
        unchecked = {**sent, **issued, "barred_list_checked": "no"}
        answer = await door.post(f"{where}/dbs", unchecked)
        assert answer.status_code == 400 and "barred list was checked with it" in answer.text
        assert 'value="no" checked' in answer.text, "what was answered is shown again"
        assert "barred list not recorded" in (await door.get(where)).text
        answer = await door.post(f"{where}/dbs", {**sent, **issued, "barred_list_checked": "yes"})
        assert answer.status_code == 303
        page = (await door.get(where)).text
        assert "001234567890" in page and "has no DBS check" not in page and "barred list checked" in page
        answer = await door.post(f"{where}/dbs", {**unchecked, "outcome": "new_information"})
        assert answer.status_code == 303 and "barred list not checked" in (await door.get(where)).text


async def test_every_page_about_a_worker_opens_and_self_sign_off_is_refused_in_the_form(app, database, place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse")
    other = await providers.worker(place.manager, "Lee Barton")
    async with at(app, database, place.manager) as door:
        for fact in ("details", "dbs", "registration", "competency", "back-to-training", "check", "profile",
                     "stand-down", "stand-up", "leave", "stay", "invite"):  # fmt: skip
            assert (await door.get(f"/workforce/{worker}/{fact}")).status_code == 200, fact
        page = (await door.get(f"/workforce/{worker}")).text
        assert "No file about Nia Nurse is kept." in page and f"/evidence/new?worker={worker}" in page
        file = await a_file(place.manager, "reference", worker)
        page = (await door.get(f"/workforce/{worker}")).text
        assert f'href="/evidence/{file}">Reference: policy.pdf, added ' in page
        assert (await door.get(f"/workforce/{worker}/nothing")).status_code == 404
        form = (await door.get(f"/workforce/{worker}/competency")).text
        assert f'href="/evidence/new?worker={worker}&amp;kind=assessment"' in form
        assert str(other) in form and f'value="{worker}"' not in form
        sent = {"code": "first_aid", "method": "observed", "assessor": "outside", "assessor_name": "nia nurse",
                "assessed_on-day": "11", "assessed_on-month": "5", "assessed_on-year": "2026"}  # fmt: skip
        answer = await door.post(f"/workforce/{worker}/competency", sent)
        assert answer.status_code == 400 and "Nobody signs themselves off" in answer.text


async def test_a_last_day_is_taken_back_and_who_has_left_is_offered_nothing_that_is_refused(
    app, database, place, clock, migrator
):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    roles = "SELECT count(*) FROM membership WHERE role = 'worker' AND ended_at IS NULL"
    here = f"/workforce/{worker}"
    sign_off = f'href="{here}/competency"'
    async with at(app, database, place.manager) as door:

        async def leaves(day: str) -> str:
            sent = {"left_on-day": day, "left_on-month": "5", "left_on-year": "2026", "go": "leave"}
            assert (await door.post(f"{here}/leave", sent)).status_code == 303
            return (await door.get(here)).text

        page = await leaves("20")
        assert sign_off in page and f"{here}/stand-down" in page and f"{here}/stay" in page
        page = await leaves("10")
        assert await migrator.fetchval(roles) == 0
        for fact in ("competency", "training", "dbs", "check", "profile", "details", "stand-down", "invite"):
            assert f"{here}/{fact}" not in page, fact
        assert "Change the last day" in page and "Take the last day back" in page
        assert (await door.post(f"{here}/stay", {})).status_code == 303
        page = (await door.get(here)).text
        assert sign_off in page and "Take the last day back" not in page and "Record the last day" in page
        assert await migrator.fetchval(roles) == 1
        answer = await door.post(f"{here}/stay", {})
        assert answer.status_code == 400 and "no last day to take back" in answer.text
    async with at(app, database, place.rival) as door:
        assert (await door.post(f"{here}/stay", {})).status_code == 404


async def test_a_rival_a_worker_and_a_commissioner_find_no_worker_of_ours(app, database, place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    async with at(app, database, place.rival) as door:
        for path in (f"/workforce/{worker}", f"/workforce/{worker}/dbs", f"/api/v1/workers/{worker}"):
            assert (await door.get(path)).status_code == 404
        assert "Wren Ashby" not in (await door.get("/workforce")).text
        assert (await door.get(f"/providers/{place.provider_id}")).status_code == 404
        assert (await door.get("/api/v1/workers")).json() == []
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren.ashby@example.org")
    async with at(app, database, themself) as door:
        assert (await door.get(f"/workforce/{worker}")).status_code == 403
        mine = await door.get("/my-training")
        assert mine.status_code == 200 and "First aid" in mine.text and "Until 11 April 2029" in mine.text
        assert providers.certificate_of(worker) not in mine.text and "waits for your agreement" not in mine.text
    await workforce.publish_profile(place.manager, worker, "I like the sea", False)
    async with at(app, database, themself) as door:
        mine = (await door.get("/my-training")).text
        assert "waits for your agreement" in mine and 'href="/my-profile"' in mine


async def test_my_standing_tells_what_and_why_and_lets_a_manager_pause_and_go_on(app, database, place):
    await actions.suspend(place.lead, place.framework_id, place.provider_id, "A", reason="No nurse on the rota")
    async with at(app, database, place.manager) as door:
        page = (await door.get("/standing")).text
        assert "is suspended from new referrals on this lot since 11 May 2026 by" in page
        assert "No nurse on the rota" in page and "What this framework still misses" in page
        asked = f"/standing/{place.framework_id}/pause"
        check = await door.post(asked, {"lot_code": "C"})
        assert "Check before you pause" in check.text and "Lot C" in check.text
        assert "You have paused" not in (await door.get("/standing")).text, "nothing is done yet"
        answer = await door.post(asked, {"lot_code": "C", "go": "pause"})
        assert answer.status_code == 303
        assert "You have paused new referrals on lot C" in (await door.get("/standing")).text
        (found,) = await ask(place.manager, queries.on_frameworks, place.provider_id)
        (pause,) = [hold for hold in found.open_holds if hold.kind == "pause"]
        answer = await door.post(f"/standing/pauses/{pause.id}/resume", page="/standing")
        assert answer.status_code == 303
        assert "You have paused" not in (await door.get("/standing")).text
    async with at(app, database, place.coordinator) as door:
        assert (await door.get("/standing")).status_code == 200
        assert (await door.get(f"/standing/{place.framework_id}/pause")).status_code == 403


async def test_the_profile_is_kept_and_a_mistake_loses_nothing(app, database, place):
    async with at(app, database, place.manager) as door:
        answer = await door.post("/profile", {"legal_name": "Kindly Care Limited", "about": "We play outside",
                                              "company_number": "12"})  # fmt: skip
        assert answer.status_code == 400
        assert "A company number has 8 digits" in answer.text and "We play outside" in answer.text
        sent = {"legal_name": "Kindly Care Limited", "about": "We play outside", "company_number": "12345678"}
        assert (await door.post("/profile", sent)).status_code == 303
        assert "We play outside" in (await door.get("/profile")).text
        assert (await door.post("/standing/declare", {"keys": ["living_wage", "making_it_real"], "declared_on-day": "1",
                "declared_on-month": "5", "declared_on-year": "2026"})).status_code == 303  # fmt: skip


async def test_a_suspension_in_the_console_lists_its_effects_first_and_is_lifted_there(console, database, place):
    start = f"/providers/{place.provider_id}/suspend/{place.framework_id}"
    sent = {"lot_code": "all", "rule_key": "quality_failing", "reason": "Six missed visits in April", "go": "check",
            "until_on-day": "30", "until_on-month": "5", "until_on-year": "2026"}  # fmt: skip
    async with at(console, database, place.lead) as door:
        assert "Kindly Care Ltd" in (await door.get("/providers")).text
        shown = await door.post(start, {**sent, "reason": ""})
        grounds = {rule.clause for rule in place.pack.content.suspensions if rule.clause.startswith("D")}
        assert grounds and not [clause for clause in grounds if re.search(rf">\s*{re.escape(clause)}\s*<", shown.text)]
        assert shown.status_code == 400 and "Enter why, as the provider will read it" in shown.text
        past = await door.post(start, {**sent, "until_on-year": "2025"})
        assert past.status_code == 400 and "must be 11 May 2026 or later" in past.text
        check = await door.post(start, sent)
        assert check.status_code == 200
        assert "What it will do" in check.text and "It has no running package with you" in check.text
        page = (await door.get(f"/providers/{place.provider_id}")).text
        assert "Reached by broadcasts" in page
        done = await door.post(start, {**sent, "go": "suspend"})
        assert done.status_code == 303
        page = (await door.get(f"/providers/{place.provider_id}")).text
        assert "is suspended from new referrals since 11 May 2026 until 30 May 2026 by" in page
        assert "Six missed visits in April" in page and "001234567890" not in page
        (found,) = await ask(place.lead, queries.one_provider, place.provider_id)
        again = await door.post(start, {**sent, "go": "suspend"})
        assert again.status_code == 400 and "already suspended here" in again.text
        lift = f"/providers/{place.provider_id}/reinstate/{found.open_holds[0].id}"
        assert (await door.post(lift, {"reason": "The plan is done", "go": "lift"})).status_code == 303
        assert (await door.get(lift)).status_code == 404


async def test_commissioners_apart_and_other_roles_are_kept_out_of_the_console_pages(console, database, place):
    start = f"/providers/{place.provider_id}/suspend/{place.framework_id}"
    async with at(console, database, place.apart) as door:
        assert "Kindly Care" not in (await door.get("/providers")).text
        for path in (f"/providers/{place.provider_id}", start):
            assert (await door.get(path)).status_code == 404
        assert (await door.get("/api/v1/providers")).json() == []


async def test_the_api_does_what_pages_do(app, console, database, place):
    async with at(app, database) as door:
        token = await _bearer(door, place.manager, database)
        client = door.client
        made = await client.post("/api/v1/workers", json={"name": "Kit Lowe", "role": "support_worker"}, headers=token)
        assert made.status_code == 201, made.text
        worker = made.json()["id"]
        bad = await client.post(
            f"/api/v1/workers/{worker}/competencies",
            json={"code": "first_aid", "assessed_on": "2026-05-01", "method": "observed", "assessor_worker_id": worker},
            headers=token,
        )
        assert bad.status_code == 400 and "Nobody signs themselves off" in bad.json()["fields"]["assessor_worker_id"]
        unknown = await client.post("/api/v1/workers", json={"name": "K", "role": "x", "boss": True}, headers=token)
        assert unknown.status_code == 400
        nul = await client.post("/api/v1/workers", json={"name": "K\x00", "role": "support_worker"}, headers=token)
        assert nul.status_code == 400
        ready = await client.get(f"/api/v1/readiness?framework_id={place.framework_id}&lot=C", headers=token)
        assert ready.json()[0]["ready"] is False
        wrong = await client.get(f"/api/v1/readiness?framework_id={place.framework_id}&lot=Z", headers=token)
        assert wrong.status_code == 400 and "lot" in wrong.json()["fields"]
        standing = (await client.get("/api/v1/standing", headers=token)).json()
        assert {lot["lot"]: lot["state"] for lot in standing[0]["lots"]} == {"A": "active", "C": "active"}
    async with at(console, database) as door:
        token = await _bearer(door, place.lead, database)
        effects = f"/api/v1/providers/{place.provider_id}/suspension-effects?framework_id={place.framework_id}"
        assert (await door.client.get(effects, headers=token)).json()["open_offers"] == 0
        made = await door.client.post(
            f"/api/v1/providers/{place.provider_id}/suspensions",
            json={"framework_id": str(place.framework_id), "reason": "Missed visits", "lot_code": "C"},
            headers=token,
        )
        assert made.status_code == 201, made.text
        ended = await door.client.post(
            f"/api/v1/suspensions/{made.json()['id']}/end", json={"reason": "Mended"}, headers=token
        )
        assert ended.status_code == 204


async def _bearer(door, actor, settings) -> dict[str, str]:  # type: ignore[no-untyped-def]
    email = await people.with_password(actor, settings)
    got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {got.json()['access_token']}"}

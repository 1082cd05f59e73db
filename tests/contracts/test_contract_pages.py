"""Contract management as people meet it at both doors and in the API."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.structure.inhabited import bearer
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at
from tests.world.pdfs import assert_printable, words_of

TODAY = date(2026, 5, 11)


def on(name: str, day: date) -> dict[str, str]:
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


async def test_a_meeting_and_a_visit_at_both_doors(app, console, database, place, clock):
    home = f"/contracts/{place.framework_id}/{place.provider_id}"
    async with at(console, database, place.lead) as door:
        listed = (await door.get("/contracts")).text
        assert home in listed and "by 11 November 2026" in listed
        assert "Kindly Care Ltd,Care and support framework" in (await door.get("/contracts?format=csv")).text
        assert "None is planned yet" in (await door.get(home)).text
        given = {"kind": "meeting", "announced": "yes", **on("starts_on", TODAY), "starts_at": "2pm", "place": "Room 4"}
        wrong = await door.post(f"{home}/plan", {**given, "kind": "", "about": "Typed already"})
        assert wrong.status_code == 400 and "Typed already" in wrong.text
        check = await door.post(f"{home}/plan", given)
        assert "Check what you plan" in check.text and "11 May 2026" in check.text
        back = await door.post(f"{home}/plan", {**given, "go": "change"})
        assert 'value="Room 4"' in back.text
        past = await door.post(f"{home}/plan", {**given, **on("starts_on", TODAY - timedelta(days=1)), "go": "send"})
        assert past.status_code == 400 and "today or later" in past.text
        once = {**given, "go": "send", "made": check.text.split('name="made" value="')[1].split('"')[0]}
        meeting = (await door.post(f"{home}/plan", once)).headers["location"]
        assert (await door.post(f"{home}/plan", once)).headers["location"] == meeting, "sent twice it is planned once"
        assert (await door.get(home)).text.count("Room 4") == 1
        shown = (await door.get(meeting)).text
        assert "Duties with a clock" in shown and "The business continuity plan" in shown
        agenda = await door.post(f"{meeting}/agenda", {"title_0": "", "text_0": "No title"})
        assert agenda.status_code == 400 and "No title" in agenda.text
        assert (await door.post(f"{meeting}/agenda", {"title_0": "The rota", "text_0": "Holds"})).status_code == 303
        shown = (await door.get(meeting)).text
        assert "The rota" in shown and "Duties with a clock" not in shown
        typed = {"title_0": "The rota", "title_1": "The van", "seen": "1", "items": "3", "go": "again"}
        assert (await door.post(f"{meeting}/agenda", typed)).status_code == 303
        shown = (await door.get(meeting)).text
        assert "The van" in shown and "Duties with a clock" in shown, "what was typed stays below the record's"
        # another tab still has the agenda as it was: it loses nothing it typed, and overwrites nothing unseen
        other = await door.post(f"{meeting}/agenda", {**typed, "title_2": "The keys", "go": ""})
        assert other.status_code == 409 and "The keys" in other.text and "changed since you opened it" in other.text
        assert "The keys" not in (await door.get(meeting)).text and 'name="seen" value="2"' in other.text
        kept = {"title_0": "How it stands", "key_0": "standing", "seen": "2", "items": "1"}
        assert (await door.post(f"{meeting}/agenda", kept)).status_code == 303
        assert f'/providers/{place.provider_id}"' in (await door.get(meeting)).text, "known by its part of the record"
        assert (await door.get(f"{meeting}/finding")).status_code == 404
        visit = {**given, "kind": "inspection", "announced": "no", "place": "Its office", "go": "send"}
        inspection = (await door.post(f"{home}/plan", visit)).headers["location"]
        assert "sees nothing of it" in (await door.get(inspection)).text
        moved = {**on("starts_on", TODAY), "starts_at": "3pm", "place": "Room 5", "reason": ""}
        assert (await door.post(f"{meeting}/move", moved)).status_code == 400
        assert (await door.post(f"{meeting}/move", {**moved, "reason": "Works"})).status_code == 303
        minutes = {"attended_by": "Cora", "provider_there": "yes", "minutes": "All talked over.", "go": "send"}
        early = await door.post(f"{meeting}/minutes", minutes)
        assert early.status_code == 409 and "All talked over." in early.text
    async with at(app, database, place.manager) as door:
        assert "/contract" in (await door.get("/standing")).text
        own = (await door.get("/contract")).text
        assert meeting in own and inspection not in own
        assert (await door.get(inspection)).status_code == 404
        assert "Room 5" in (await door.get(meeting)).text
        assert (await door.get(f"{meeting}/answer")).status_code == 404
    clock.move(timedelta(hours=5))
    async with at(console, database, place.lead) as door:
        assert "Check before you share it" in (await door.post(f"{meeting}/minutes", {**minutes, "go": "check"})).text
        assert (await door.post(f"{meeting}/minutes", minutes)).status_code == 303
        assert (await door.post(f"{meeting}/minutes", minutes)).status_code == 409
        action = {"title": "A stand-in for each visit", "for_provider": "yes", "owner_name": "Robin"}
        bad = await door.post(f"{meeting}/action", action)
        assert bad.status_code == 400 and "A stand-in" in bad.text
        asked = await door.post(f"{meeting}/action", {**action, **on("due_on", TODAY + timedelta(days=9))})
        assert asked.status_code == 303
        found = {"area": "Safeguarding", "grade": "not_met", "says": "No named lead on site"}
        assert (await door.post(f"{inspection}/finding", {**found, "grade": ""})).status_code == 400
        assert (await door.post(f"{inspection}/finding", found)).status_code == 303
        assert (await door.post(f"{inspection}/minutes", minutes)).status_code == 303
        following = f"{inspection}/action"
        shown = (await door.get(following)).text
        assert "Safeguarding (not met)" in shown
        finding = next(p for p in shown.split('"') if p.count("-") == 4 and len(p) == 36 and p not in inspection)
        given = {**action, "title": "Name a lead", **on("due_on", TODAY + timedelta(days=4)), "finding_id": finding}
        assert (await door.post(following, given)).status_code == 303
    async with at(app, database, place.rival) as door:
        for path in (meeting, inspection, f"/contract-findings/{finding}/answer"):
            assert (await door.get(path)).status_code == 404, path
    async with at(app, database, place.coordinator) as door:
        assert (await door.get(meeting)).status_code == 200
        assert (await door.get(f"{meeting}/answer")).status_code == 403
    async with at(app, database, place.manager) as door:
        assert "Agree the minutes of the contract meeting" in (await door.get("/today")).text
        sent = {"outcome": "comment", "says": ""}
        assert (await door.post(f"{meeting}/answer", sent)).status_code == 400
        assert (await door.post(f"{meeting}/answer", {**sent, "says": "Two visits, not three"})).status_code == 303
        assert (await door.post(f"{meeting}/answer", {"outcome": "agree"})).status_code == 303
        again = await door.post(f"{meeting}/answer", {"outcome": "agree"})
        assert again.status_code == 409 and "agreed already" in again.text
        assert "Two visits, not three" in (await door.get(meeting)).text
        answer = f"/contract-findings/{finding}/answer"
        assert (await door.post(answer, {"says": "Named today"})).status_code == 303
        done = next(p for p in (await door.get(meeting)).text.split('"') if p.endswith("/done"))
        assert (await door.post(done, {"says": ""})).status_code == 400
        assert (await door.post(done, {"says": "In use"})).status_code == 303
        assert (await door.post(done, {"says": "In use"})).status_code == 409
    deeds = done.removesuffix("/done")
    async with at(console, database, place.lead) as door:
        assert "Said to be done" in (await door.get(home)).text
        assert (await door.post(f"{deeds}/send-back", {"says": "Evenings"})).status_code == 303
        late = {"says": "Leave", **on("due_on", TODAY + timedelta(days=20))}
        assert (await door.post(f"{deeds}/move", late)).status_code == 303
        assert (await door.post(f"{deeds}/accept", {"says": ""})).status_code == 409
        assert (await door.post(f"{deeds}/withdraw", {"says": "Not needed"})).status_code == 303
        assert (await door.get(f"{deeds}/dance")).status_code == 404
        soon = {"kind": "meeting", **on("due_on", TODAY + timedelta(days=30)), "reason": "Serious concerns"}
        assert (await door.post(f"{home}/next", soon)).status_code == 303
        assert "Serious concerns" in (await door.get(home)).text
    for stranger in (place.partner, place.apart):
        async with at(console, database, stranger) as door:
            for path in (meeting, inspection, f"{meeting}/move"):
                assert (await door.get(path)).status_code == 404, path
    async with at(console, database, place.admin) as door:
        assert (await door.get(home)).status_code == 200
        assert (await door.get(f"{home}/plan")).status_code == 403


async def test_information_charges_and_the_commission_at_both_doors(app, console, database, place, clock):
    home = f"/contracts/{place.framework_id}/{place.provider_id}"
    async with at(console, database, place.lead) as door:
        given = {"title": "Training of spring", "asks": "Who was trained?", "format": "A table", "go": "check"}
        assert "18 May 2026, where you set no other" in (await door.get(f"{home}/ask")).text
        assert (await door.post(f"{home}/ask", {**given, "format": ""})).status_code == 400
        assert "Check what you ask for" in (await door.post(f"{home}/ask", given)).text
        asked = (await door.post(f"{home}/ask", {**given, "go": "send"})).headers["location"]
        assert (await door.get(f"{asked}/charge")).status_code == 200
        assert (
            "neither returned as poor nor late"
            in (await door.post(f"{asked}/charge", {"minutes": "1", "reason": "x", "go": "send"})).text
        )
    async with at(app, database, place.rival) as door:
        assert (await door.get(asked)).status_code == 404
        assert asked not in (await door.get("/information-requests")).text
    async with at(app, database, place.manager) as door:
        assert asked in (await door.get("/contract")).text
        assert (await door.get(f"{asked}/object")).status_code == 404
        assert (await door.post(f"{asked}/give", {"says": ""})).status_code == 400
        assert (await door.post(f"{asked}/give", {"says": "Most of them"})).status_code == 303
        twice = await door.post(f"{asked}/give", {"says": "Kept in the form"})
        assert twice.status_code == 409 and "Kept in the form" in twice.text
        assert "Training of spring" in (await door.get("/information-requests?format=csv")).text
    async with at(console, database, place.lead) as door:
        back = {"says": "No courses named", **on("due_on", TODAY + timedelta(days=3))}
        assert (await door.post(f"{asked}/send-back", {**back, "says": ""})).status_code == 400
        assert (await door.post(f"{asked}/send-back", back)).status_code == 303
        cost = {"minutes": "1.5", "reason": "Asking each worker"}
        assert "£90.02" in (await door.post(f"{asked}/charge", {**cost, "go": "check"})).text
        assert (await door.post(f"{asked}/charge", {**cost, "go": "send"})).status_code == 303
        assert "£90.02" in (await door.get(asked)).text
    async with at(app, database, place.rival) as door:
        assert (await door.get(f"{asked}/charge.pdf")).status_code == 404
    async with at(app, database, place.manager) as door:
        assert "Object to the charge" in (await door.get(asked)).text
        letter = (await door.get(f"{asked}/charge.pdf")).content
        assert_printable(letter, "Charge for time spent on information: Training of spring")
        words = words_of(letter)
        for word in ("£90.02", "1 hour 30 minutes", "Asking each worker", "No courses named", "You can object"):
            assert word in words, (word, words)
        assert "stands" not in words
        assert (await door.post(f"{asked}/object", {"says": "The form was wrong"})).status_code == 303
        assert (await door.post(f"{asked}/object", {"says": "Again"})).status_code == 409
        letter = words_of((await door.get(f"{asked}/charge.pdf")).content)
        assert "The form was wrong" in letter and "You can object" not in letter
    async with at(console, database, place.lead) as door:
        assert "somebody else decides" in (await door.get(asked)).text
        mine = await door.post(f"{asked}/decide", {"outcome": "stands", "says": "No"})
        assert mine.status_code == 409 and "somebody else must decide" in mine.text
    async with at(console, database, place.admin) as door:
        assert "The form was wrong" in (await door.get(f"{asked}/decide")).text
        assert (await door.post(f"{asked}/decide", {"outcome": "stands", "says": "As agreed"})).status_code == 303
        assert (await door.post(f"{asked}/accept", {"says": ""})).status_code == 403
    async with at(app, database, place.manager) as door:
        assert "Stands: taken from the next invoice" in (await door.get(asked)).text
        letter = words_of((await door.client.get(f"/api/v1{asked}/charge/pdf")).content)
        for word in ("This charge stands", "Objected to the charge", "The form was wrong", "As agreed"):
            assert word in letter, (word, letter)
        assert "You can object" not in letter
        books = f"/statements/{place.framework_id}/{place.lead.organisation_id}/{place.provider_id}"
        assert "Charge for time spent on information" in (await door.get(books)).text
        change = {"kind": "non_compliance", "says": "Records", **on("learnt_on", TODAY), "learnt_at": "11am"}
        assert (await door.post("/contract/cqc", {**change, "learnt_at": "11"})).status_code == 400
        future = await door.post("/contract/cqc", {**change, "learnt_at": "11pm", "go": "send"})
        assert future.status_code == 400 and "must be in the past" in future.text
        assert "Check what you report" in (await door.post("/contract/cqc", change)).text
        assert (await door.post("/contract/cqc", {**change, "go": "send"})).status_code == 303
        assert "In time" in (await door.get("/contract")).text
    async with at(console, database, place.lead) as door:
        assert "reports a change by the Care Quality Commission" in (await door.get("/today")).text
        shown = (await door.get(home)).text
        propose = next(part for part in shown.split('"') if "/propose/" in part)
        page = (await door.get(propose)).text
        assert "It found us non-compliant" in page and "Records" in page
        sent = {"rule_key": "quality_failing", "lot_code": "all", "facts": "Non-compliant", "go": "send"}
        assert (await door.post(propose, sent)).status_code == 303
        assert "Non-compliant" in (await door.get(f"/providers/{place.provider_id}")).text
    async with at(console, database, place.apart) as door:
        for path in (asked, home, propose):
            assert (await door.get(path)).status_code == 404, path


async def test_the_api_does_what_the_pages_do(app, console, database, place, clock):
    async with at(console, database) as lead_door, at(app, database) as door:
        desk, client = lead_door.client, door.client
        lead = await bearer(database, place.lead)
        admin = await bearer(database, place.admin)
        own, rival = await bearer(database, place.manager), await bearer(database, place.rival)
        home = f"/api/v1/contracts/{place.framework_id}/{place.provider_id}"

        async def posted(client, path, who, expected=204, **data) -> dict[str, str]:  # type: ignore[no-untyped-def]
            answer = await client.post(path, json=data, headers=who)
            assert answer.status_code == expected, (path, answer.text)
            return answer.json() if expected == 201 else {}

        when = (clock.at + timedelta(hours=1)).isoformat()
        plan = {"kind": "inspection", "starts_at": when, "place": "Its office", "announced": False}
        await posted(desk, f"{home}/occasions", lead, 400, **{**plan, "starts_at": "2026-05-12T10:00:00"})
        await posted(desk, f"{home}/occasions", lead, 400, **plan, more=1)
        visit = (await posted(desk, f"{home}/occasions", lead, 201, **plan))["id"]
        meeting = await posted(desk, f"{home}/occasions", lead, 201, **{**plan, "kind": "meeting", "announced": True})
        meeting = f"/api/v1/contract-occasions/{meeting['id']}"
        visit = f"/api/v1/contract-occasions/{visit}"
        assert (await client.get(visit, headers=own)).status_code == 404
        assert (await client.get(meeting, headers=own)).json()["agenda"][0]["key"] == "standing"
        seen = (await client.get(meeting, headers=own)).json()["changes"]
        items = [{"title": "Standing"}, {"title": "Rota"}]
        for expected in (204, 409):  # the second has not read what the first one kept
            kept = await desk.put(f"{meeting}/agenda", json={"items": items, "changes": seen}, headers=lead)
            assert kept.status_code == expected
        await posted(desk, f"{meeting}/agenda", lead, 409, changes=seen)
        await posted(desk, f"{meeting}/agenda", lead, changes=seen + 1)
        agenda = (await client.get(meeting, headers=own)).json()["agenda"]
        assert len([item for item in agenda if item["key"] == "standing"]) == 1 and agenda[-1]["title"] == "Rota"
        await posted(desk, f"{meeting}/move", lead, starts_at=when, place="Room 2", reason="Works")
        await posted(desk, f"{visit}/findings", lead, 409, area="Safeguarding", grade="met", says="Sound")
        clock.move(timedelta(hours=2))
        finding = await posted(desk, f"{visit}/findings", lead, 201, area="Safeguarding", grade="met", says="Sound")
        for each in (visit, meeting):
            await posted(desk, f"{each}/share", lead, attended_by="Cora", provider_there=True, minutes="Sound.")
        await posted(client, f"/api/v1/contract-findings/{finding['id']}/answer", rival, 404, says="Ours")
        await posted(client, f"/api/v1/contract-findings/{finding['id']}/answer", own, says="Thank you")
        await posted(client, f"{meeting}/answer", own, agrees=True)
        action = await posted(desk, f"{meeting}/actions", lead, 201, title="A rota", due_on="2026-05-20")
        action = f"/api/v1/contract-actions/{action['id']}"
        await posted(client, f"{action}/done", rival, 404, says="Ours")
        await posted(client, f"{action}/done", own, says="In use")
        await posted(desk, f"{action}/send-back", lead, says="Evenings")
        await posted(desk, f"{action}/move", lead, due_on="2026-05-25", says="Leave")
        await posted(client, f"{action}/done", own, says="All week")
        await posted(desk, f"{action}/accept", lead)
        await posted(desk, f"{action}/withdraw", lead, 409, says="No")
        off = await posted(desk, f"{home}/occasions", lead, 201, **{**plan, "starts_at": clock.at.isoformat()})
        await posted(desk, f"/api/v1/contract-occasions/{off['id']}/call-off", lead, reason="Snow")
        await posted(desk, f"{home}/next", lead, kind="meeting", due_on="2026-07-01", reason="Concerns")
        asked = await posted(desk, f"{home}/requests", lead, 201, title="Rota", asks="Which?", format="Words")
        asked = f"/api/v1/information-requests/{asked['id']}"
        await posted(desk, f"{asked}/move", lead, due_on="2026-05-20", says="Leave")
        await posted(client, f"{asked}/give", rival, 404, says="Ours")
        await posted(client, f"{asked}/give", own, says="This one")
        await posted(desk, f"{asked}/send-back", lead, due_on="2026-05-21", says="Poor")
        await posted(client, f"{asked}/give", own, says="That one")
        await posted(desk, f"{asked}/accept", lead)
        await posted(desk, f"{asked}/charge", lead, 201, minutes=30, reason="Asked families")
        await posted(client, f"{asked}/object", own, says="Why")
        await posted(desk, f"{asked}/decide", lead, 409, stands=True, says="So")
        await posted(desk, f"{asked}/decide", admin, stands=False, says="Right")
        seen = (await client.get(asked, headers=own)).json()
        assert (seen["state"], seen["charge"]["pence"], seen["charge"]["state"]) == ("accepted", 3001, "dropped")
        gone = await posted(desk, f"{home}/requests", lead, 201, title="Rota", asks="Which?", format="Words")
        await posted(desk, f"/api/v1/information-requests/{gone['id']}/withdraw", lead, says="Known")
        change = {"kind": "rating", "says": "Good", "learnt_at": clock.at.isoformat()}
        await posted(client, "/api/v1/cqc-changes", own, 400, **{**change, "learnt_at": "2026-05-11T10:00:00"})
        await posted(client, "/api/v1/cqc-changes", own, 201, **change)
        assert [row["kind"] for row in (await desk.get("/api/v1/cqc-changes", headers=lead)).json()] == ["rating"]
        assert len((await client.get("/api/v1/information-requests", headers=own)).json()) == 2
        [line] = (await client.get("/api/v1/contracts", headers=own)).json()
        assert (line["next_meeting"], line["open_actions"], line["open_requests"]) == ("2026-07-01", 0, 0)
        assert len((await desk.get("/api/v1/contracts", headers=lead)).json()) == 2
        params = {"commissioner_id": line["commissioner_id"]}
        whole = (await client.get(home, params=params, headers=own)).json()
        assert len(whole["occasions"]) == 2 and whole["actions"][0]["state"] == "accepted"
        assert (await client.get(home, params=params, headers=rival)).status_code == 404
        assert len((await desk.get(home, headers=lead)).json()["occasions"]) == 3
        step = seen["steps"][1]["id"]
        nowhere = f"/api/v1/contract-steps/{step}/files/{step}"
        assert (await desk.get(nowhere, headers=lead)).status_code == 404

"""Suspensions as people meet them at both doors and in the API: proposed, decided, answered, done, reviewed, lifted."""

from __future__ import annotations

import html
from datetime import date, timedelta

import pytest

from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.providers import actions, causes, queries
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

TODAY = date(2026, 5, 11)


def on(name: str, day: date) -> dict[str, str]:
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


async def test_from_brokerages_proposal_to_the_way_back_at_both_doors(app, console, database, place, clock):
    referrer = await people.person_in(place.lead, "referrer")
    other = await people.person_in(place.lead, "contract_manager", "Other Manager")
    propose = f"/providers/{place.provider_id}/propose/{place.framework_id}"
    async with at(app, database, referrer) as door:
        assert propose in (await door.get(f"/providers/{place.provider_id}")).text
        given = {"lot_code": "all", "rule_key": "quality_failing", "facts": "Missed: V-1, V-2", "go": "check"}
        wrong = await door.post(propose, {**given, "rule_key": "", "go": "send"})
        assert wrong.status_code == 400 and "Missed: V-1, V-2" in wrong.text
        check = await door.post(propose, given)
        assert check.status_code == 303 or "Check what you propose" in check.text
        assert (await door.post(propose, {**given, "go": "send"})).status_code == 303
        assert "already" in (await door.post(propose, {**given, "go": "send"})).text
        seen = (await door.get(f"/providers/{place.provider_id}")).text
        assert "Proposed, not decided yet" in seen and "/causes/" not in seen
        met = await door.get(f"/providers/{place.provider_id}/met/{place.framework_id}")
        assert "no open offer of this provider" in met.text
    async with at(console, database, place.lead) as door:
        today = (await door.get("/today")).text
        assert "Decide on a suspension of Kindly Care Ltd" in today
        where = next(part for part in today.split('"') if "/causes/" in part)
        page = (await door.get(where)).text
        assert "Missed: V-1, V-2" in page and "It has no running package with you" in page
        assert where in (await door.get(f"/providers/{place.provider_id}")).text
        sent = {"outcome": "suspend", "lot_code": "all", "reason": "The rota does not hold"}
        assert "Enter why you decide so" in (await door.post(where, {**sent, "reason": ""})).text
        check = html.unescape((await door.post(where, {**sent, "lot_code": "C"})).text)
        assert "Check before you suspend" in check and "Lot C" in check and f"{place.framework_id}?lot=C" in check
        check = (await door.post(where, {**sent, "outcome": "not"})).text
        assert "Do not suspend on this ground" in check and "What stays as it is" not in check
        assert "Proposed" in (await door.get(f"/providers/{place.provider_id}")).text, "nothing is done yet"
        sent["go"] = "decide"
        suspension = (await door.post(where, sent)).headers["location"]
        assert "decided this already" in (await door.post(where, sent, page=suspension)).text
        start = f"{suspension}/actions/new"
        bad = await door.post(start, {"title": "A rota", **on("due_on", TODAY - timedelta(days=1))})
        assert bad.status_code == 400 and "A rota" in bad.text
        asked = {"title": "A rota with stand-ins", "evidence_asked": "Two weeks", **on("due_on", TODAY)}
        assert (await door.post(start, asked)).status_code == 303
        page = (await door.get(suspension)).text
        assert "A rota with stand-ins" in page and "To do" in page
        assert "Its standing on a past day" in (await door.get(f"/providers/{place.provider_id}")).text
    own = suspension.replace("/suspensions", "/standing/suspensions")
    async with at(app, database, place.rival) as door:
        assert (await door.get(own)).status_code == 404
        assert (await door.get(propose)).status_code == 403
    async with at(app, database, place.coordinator) as door:
        assert (await door.get(own)).status_code == 200
        assert (await door.get(f"{own}/answer")).status_code == 403
    async with at(app, database, place.manager) as door:
        page = (await door.get("/standing")).text
        assert own in page
        page = (await door.get(own)).text
        assert "The rota does not hold" in page and "Packages and families you have now go on" in page
        done = next(part for part in page.split('"') if part.endswith("/done"))
        assert (await door.post(f"{own}/answer", {"says": ""})).status_code == 400
        assert (await door.post(f"{own}/answer", {"says": "Two people left"})).status_code == 303
        assert (await door.post(done.replace("/done", "/owner"), {"owner_name": "Robin Vale"})).status_code == 303
        assert (await door.post(done, {"says": "In use since Monday"})).status_code == 303
        again = await door.post(done, {"says": "Twice"})
        assert again.status_code == 400 and "Twice" in again.text
        assert (await door.post(f"{own}/review", {"says": "Look again"})).status_code == 303
        assert (await door.get(f"{own}/elsewhere")).status_code == 404
        action = done.split("/")[-2]
    async with at(console, database, place.lead) as door:
        page = (await door.get(suspension)).text
        assert "Said to be done" in page and "Robin Vale" in page and "somebody else decides" in page
        back = f"/plan-actions/{action}/send-back"
        assert (await door.post(back, {"says": ""})).status_code == 400
        assert (await door.post(back, {"says": "Evenings are missing"})).status_code == 303
        more = {"says": "Leave", **on("due_on", TODAY + timedelta(days=5))}
        assert (await door.post(f"/plan-actions/{action}/move", more)).status_code == 303
        lift = f"/providers/{place.provider_id}/reinstate/{suspension.split('/')[-1]}"
        refused = await door.post(lift, {"reason": "Enough", "new_packages": "2"})
        assert refused.status_code == 400 and "1 action of the plan" in refused.text
        given = {"reason": "C holds", "lots": ["C"], "new_packages": "2"}
        check = html.unescape((await door.post(lift, given)).text)
        assert "2 at most" in check and "It stays suspended for lot A, and the plan goes on" in check
        assert "Suspended" in (await door.get(f"/providers/{place.provider_id}")).text, "nothing is done yet"
        assert "C holds" in (await door.post(lift, {**given, "go": "change"})).text
        done = await door.post(lift, {**given, "go": "lift"})
        assert "has been lifted for lot C" in (await door.get(done.headers["location"])).text
        async with at(app, database, place.manager) as own_door:
            page = (await own_door.get("/standing")).text
            assert "While you are suspended on lot A you get no new referrals there" in page
            assert "It stands for lot A:" in (await own_door.get(own)).text
        # a second tab, opened before that: nothing typed is lost, and it says what goes on
        late = await door.post(lift, {"reason": "All is well now", "go": "lift"})
        assert late.status_code == 400 and "All is well now" in late.text
        assert "lifted it for other lots" in late.text and "it goes on for lot A." in late.text
        rest = next(part for part in late.text.split('name="part" value="')[1].split('"'))
        refused = await door.post(lift, {"reason": "All is well now", "go": "lift", "part": rest})
        assert refused.status_code == 400 and "1 action of the plan" in refused.text
        page = (await door.get(f"/providers/{place.provider_id}")).text
        assert "may take on 2 new packages and has been given 0" in page and "Restricted" in page
        end = next(part for part in page.split('"') if part.startswith("/restrictions/"))
        assert (await door.post(end, {"reason": ""})).status_code == 400
        assert (await door.post(end, {"reason": "Steady"})).status_code == 303
        assert (await door.get(end)).status_code == 404
        assert (await door.get("/plan-actions/" + action + "/dance")).status_code == 404
    clock.move(timedelta(days=1))
    async with at(console, database, other) as door:
        sent = {"outcome": "lifted", "says": "The letters settle it"}
        assert (await door.post(f"{suspension}/review", sent)).status_code == 303
        assert "This suspension has ended" in (await door.get(suspension)).text
        as_of = f"/providers/{place.provider_id}/standing"
        now = (await door.get(as_of)).text
        assert "Suspended" not in now.split("<h2")[1]
        then = (await door.client.get(as_of, params={**on("day", TODAY), "time": "2pm"})).text
        assert "Suspended" in then.split("<h2")[1] and "The rota does not hold" in then
        future = await door.client.get(as_of, params=on("day", TODAY + timedelta(days=9)))
        assert future.status_code == 400 and "12 May 2026" in future.text
    async with at(console, database, place.apart) as door:
        for path in (suspension, where, as_of):
            assert (await door.get(path)).status_code == 404


async def test_the_api_does_what_the_pages_do(app, console, database, place):
    suspension = await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Missed visits")
    async with at(console, database) as lead_door, at(app, database) as door:
        lead = await bearer_of(lead_door, place.lead, database)
        own = await bearer_of(door, place.manager, database)
        rival = await bearer_of(door, place.rival, database)
        desk, client, base = lead_door.client, door.client, f"/api/v1/suspensions/{suspension}"
        made = await desk.post(f"{base}/actions", json={"title": "A rota", "due_on": "2026-05-20"}, headers=lead)
        assert made.status_code == 201, made.text
        action = f"/api/v1/plan-actions/{made.json()['id']}"
        assert (await client.get(base, headers=rival)).status_code == 404
        assert (await client.post(f"{action}/done", json={"says": "x"}, headers=rival)).status_code == 404
        assert (await client.post(f"{base}/answer", json={"says": "We mend it"}, headers=own)).status_code == 204
        assert (await client.post(f"{action}/owner", json={"owner_name": "Robin"}, headers=own)).status_code == 204
        assert (await client.post(f"{action}/done", json={"says": "Done"}, headers=own)).status_code == 204
        assert (await desk.post(f"{action}/send-back", json={"says": "No"}, headers=lead)).status_code == 204
        moved = {"due_on": "2026-05-25", "says": "Leave"}
        assert (await desk.post(f"{action}/move", json=moved, headers=lead)).status_code == 204
        assert (await client.post(f"{action}/done", json={"says": "Done now"}, headers=own)).status_code == 204
        assert (await desk.post(f"{action}/sign-off", json={}, headers=lead)).status_code == 204
        assert (await desk.post(f"{action}/withdraw", json={"says": "x"}, headers=lead)).status_code == 409
        assert (await client.post(f"{base}/review", json={"says": "Again"}, headers=own)).status_code == 204
        mine = await desk.post(f"{base}/review/decide", json={"lifts": True, "says": "x"}, headers=lead)
        assert mine.status_code == 409 and "somebody else" in mine.text
        lifted = {"reason": "C first", "lots": ["C"], "new_packages": 1}
        assert (await desk.post(f"{base}/lift", json=lifted, headers=lead)).status_code == 204
        brokerage = await bearer_of(lead_door, await people.person_in(place.lead, "referrer"), database)
        assert (await desk.get(base, headers=brokerage)).status_code == 403, "it has no page of it either"
        seen = (await client.get(base, headers=own)).json()
        assert [part[1] for part in seen["parts"]] == ["A"] and seen["actions"][0]["state"] == "signed_off"
        lines = (await desk.get(f"/api/v1/providers/{place.provider_id}/standing", headers=lead)).json()
        assert {line["standing"]["lot"]: line["standing"]["state"] for line in lines} == {
            "A": "suspended", "C": "restricted",
        }  # fmt: skip
        early = {"at": "2026-05-01T10:00:00Z"}
        past = await client.get(f"/api/v1/providers/{place.provider_id}/standing", params=early, headers=own)
        assert past.status_code == 200 and all("suspended" not in line["standing"]["line"] for line in past.json())
        assert (await client.get(f"/api/v1/providers/{place.provider_id}/standing", headers=rival)).status_code == 404
        found = (await ask(place.lead, queries.one_provider, place.provider_id))[0].open_holds
        limit = next(hold for hold in found if hold.kind == "restriction")
        ended = await desk.post(f"/api/v1/restrictions/{limit.id}/end", json={"reason": "Steady"}, headers=lead)
        assert ended.status_code == 204
        cause = {"framework_id": str(place.framework_id), "rule_key": "repeated_incidents", "facts": "I-1"}
        raised = await desk.post(f"/api/v1/providers/{place.provider_id}/causes", json=cause, headers=lead)
        decided = await desk.post(
            f"/api/v1/causes/{raised.json()['id']}/decide", json={"suspend": False, "reason": "One only"}, headers=lead
        )
        assert decided.json() == {"suspension_id": None}
        only_c = {**cause, "facts": "I-2", "lot_code": "C"}
        raised = await desk.post(f"/api/v1/providers/{place.provider_id}/causes", json=only_c, headers=lead)
        decide, yes = f"/api/v1/causes/{raised.json()['id']}/decide", {"suspend": True, "reason": "A pattern"}
        both = await desk.post(decide, json={**yes, "lot_code": "A", "all_lots": True}, headers=lead)
        assert both.status_code == 400 and "lot_code" in both.json()["fields"]
        made = (await desk.post(decide, json=yes, headers=lead)).json()["suspension_id"]
        assert (await client.get(f"/api/v1/suspensions/{made}", headers=own)).json()["lot"] == "C", "as proposed"
        met = await desk.get(
            f"/api/v1/providers/{place.provider_id}/met", params={"framework_id": str(place.framework_id)}, headers=lead
        )
        assert met.json() == []


async def bearer_of(door, actor, settings) -> dict[str, str]:  # type: ignore[no-untyped-def]
    email = await people.with_password(actor, settings)
    got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {got.json()['access_token']}"}


async def test_a_lapse_of_cover_is_no_ground_by_hand_while_none_is_on_record(app, console, database, place):
    referrer = await people.person_in(place.lead, "referrer")
    suspend = f"/providers/{place.provider_id}/suspend/{place.framework_id}"
    propose = suspend.replace("/suspend/", "/propose/")
    for front, actor, path in ((console, place.lead, suspend), (app, referrer, propose)):
        async with at(front, database, actor) as door:
            shown = await door.get(path)
            assert 'value="insurance_lapsed"' not in shown.text and 'value="quality_failing"' in shown.text
            assert "comes by itself once it is on record" in shown.text
    rule = "insurance_lapsed"
    with pytest.raises(InvalidInput) as refused:
        await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="No cover", rule_key=rule)
    assert "by itself" in refused.value.fields["rule_key"]
    with pytest.raises(InvalidInput):
        await causes.propose(referrer, place.framework_id, place.provider_id, facts="A call", rule_key=rule)

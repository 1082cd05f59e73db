"""The pages of both front doors, as people use them: from a new framework to agreed new rates, and what rivals meet."""

import io
import re
import zipfile
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from marketplace.frameworks import queries, rates
from marketplace.platform.database import ask
from marketplace.policy.pack import load_pack
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at
from tests.world.frameworks import admitted, applied, confirm_decisions, draft_framework, flat_rates, open_framework
from tests.world.people import PASSWORD, with_password

TODAY = date(2026, 5, 11)
OWN_PACK = Path(__file__).parents[1] / "packs" / "harrowdale_2026"


@pytest.fixture
async def doors(database, clock):
    """`async with doors(actor) as door`: the actor signed in at the front door of its role."""

    def door(actor):
        admin = actor.organisation_kind == "commissioner"
        return at((create_console if admin else create_marketplace)(database, clock), database, actor)

    return door


def typed(pack, lot: str, pence: int = 2400) -> dict[str, str]:
    """A full card as it is typed, in pounds."""
    return {
        rates.field_name(lot, activity, band): f"{rate / 100:.2f}"
        for (activity, band), rate in flat_rates(pack, lot, TODAY, pence).items()
    }


def day(name: str, value: date) -> dict[str, str]:
    return {f"{name}-day": str(value.day), f"{name}-month": str(value.month), f"{name}-year": str(value.year)}


ANSWERS = {
    "settings.charging.notice_hours": {"value": 48},
    "settings.evaluation.agreed_before_admission": {"value": False},
}
NEW = {
    "pack": "lewisham-2017",
    "name": "Care at home 2026",
    "regime": "Procurement Act 2023: light touch",
    **day("anchor_day", date(2026, 4, 6)),
}


async def test_a_framework_is_made_step_by_step_and_nothing_typed_is_lost(doors, person):
    admin, partner = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    async with doors(admin) as door:
        assert "No framework yet" in (await door.get("/frameworks")).text
        shown = await door.post("/frameworks/new", {"go": "details"})
        assert shown.status_code == 400 and "Select the rules" in shown.text
        shown = await door.post("/frameworks/new", {"pack": "lewisham-2017", "go": "details"})
        assert "First day of a billing period" in shown.text
        shown = await door.post("/frameworks/new", {**NEW, "anchor_day-month": "13", "go": "partners"})
        assert shown.status_code == 400
        assert "must be a real date" in shown.text and 'value="Care at home 2026"' in shown.text
        shown = await door.post("/frameworks/new", {**NEW, "go": "partners"})
        assert "Southmere" in shown.text
        chosen = {**NEW, "partners": str(partner.organisation_id)}
        shown = await door.post("/frameworks/new", {**chosen, "go": "check"})
        assert all(text in shown.text for text in ("Check your answers", "6 April 2026", "Southmere"))
        assert await ask(admin, queries.my_frameworks) == []  # nothing is made before the last button
        made = await door.post("/frameworks/new", {**chosen, "go": "create"})
        assert made.status_code == 303
        shown = await door.get(made.headers["location"])
        assert "Confirm the decisions, one by one" in shown.text and "1 partner" in shown.text


async def test_decisions_are_confirmed_one_by_one_and_then_it_opens(doors, person):
    admin = await person("Northgate", "commissioner_admin")
    framework_id = await draft_framework(admin)
    address = f"/frameworks/{framework_id}"
    keys = [decision.key for decision in await ask(admin, queries.decisions, framework_id)]
    async with doors(admin) as door:
        shown = await door.get(f"{address}/open")
        assert (
            "still to be confirmed" in shown.text and "<button" not in shown.text.split("</main>")[0].split("<main")[1]
        )
        for key in keys:  # every decision of the pack can be read and confirmed as its page proposes it
            path = f"{address}/decisions/{quote(key)}"
            shown = await door.get(path)
            assert shown.status_code == 200, key
            answer = await door.post(path, {"value": proposed_on(shown.text)})
            assert answer.status_code == 303, (key, answer.text)
        assert answer.headers["location"] == address
        pack = await ask(admin, queries.pack_of, framework_id)
        assert {each.changed for each in await ask(admin, queries.decisions, framework_id)} == {False}
        opened = await door.post(f"{address}/open", {})
        assert opened.status_code == 303
        assert "the framework is open" in (await door.get(opened.headers["location"])).text.lower()
    assert (await ask(admin, queries.pack_of, framework_id)).content_hash == pack.content_hash


def proposed_on(html: str) -> str:
    """What a browser would send for `value` as the page shows it."""
    checked = re.search(r'name="value" type="radio" value="([^"]*)" checked', html)
    if checked:
        return checked[1]
    typed = re.search(r'<input[^>]*id="value"[^>]*value="([^"]*)"', html)
    if typed:
        return typed[1]
    area = re.search(r'<textarea[^>]*id="value"[^>]*>(.*?)</textarea>', html, re.S)
    if area:
        return area[1].replace("&#39;", "'").replace("&amp;", "&")
    return ""


async def test_a_decision_of_the_wrong_kind_keeps_what_was_typed(doors, person):
    admin = await person("Northgate", "commissioner_admin")
    framework_id = await draft_framework(admin)
    async with doors(admin) as door:
        path = f"/frameworks/{framework_id}/decisions/settings.charging.notice_hours"
        shown = await door.post(path, {"value": "two days", "remark": "As the old contract says"})
        assert shown.status_code == 400
        assert "must be a whole number" in shown.text
        assert 'value="two days"' in shown.text and "As the old contract says" in shown.text
        await door.post(path, {"value": "48", "remark": "As the old contract says"})
        shown = await door.get(f"/frameworks/{framework_id}/decisions")
        assert "48 hours" in shown.text and admin.person_name in shown.text
        assert "No target" in shown.text and ">None<" not in shown.text
        target = await door.get(f"/frameworks/{framework_id}/decisions/kpis.satisfaction")
        assert "Leave empty for no target" in target.text and ">None<" not in target.text
        assert (await door.get(f"/frameworks/{framework_id}/decisions/no.such.thing")).status_code == 404


async def test_a_provider_applies_and_is_admitted(doors, person):
    admin, manager = await person("Northgate", "commissioner_admin"), await person("Kind Hands", "provider_manager")
    framework_id = await open_framework(admin)
    pack = load_pack("lewisham-2017")
    apply = f"/frameworks/{framework_id}/apply"
    async with doors(manager) as door:
        assert "Care and support framework" in (await door.get("/frameworks")).text
        terms = (await door.get(f"/frameworks/{framework_id}/terms")).text
        assert "L 7.11" in terms and f"Decided by {admin.person_name}" in terms
        shown = await door.post(apply, {"go": "rates"})
        assert "Select at least one lot" in shown.text and "Enter how you would deliver" in shown.text
        answers = {"lots": ["C", "D"], "statement": "Twelve years in the borough.\nThirty staff."}
        shown = await door.post(apply, {**answers, "go": "rates"})
        assert "Lot C" in shown.text and "Lot D" in shown.text
        card = typed(pack, "C") | typed(pack, "D")
        broken = card | {"rate.C.day_care.weekday": "cheap"}
        shown = await door.post(apply, {**answers, **broken, "go": "check"})
        assert shown.status_code == 400 and 'value="cheap"' in shown.text and "like 12.50" in shown.text
        shown = await door.post(apply, {**answers, **card, "go": "check"})
        assert "Check your application" in shown.text and "£24.00" in shown.text
        assert await ask(manager, queries.applications) == []
        sent = await door.post(apply, {**answers, **card, "go": "send"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/applications")
        twice = await door.post(apply, {**answers, **card, "go": "send"})
        assert twice.status_code == 400  # a second click finds the lots taken
        assert (await door.get("/applications")).text.count(">Waiting<") == 2
    first, second = await ask(admin, queries.applications, framework_id)
    async with doors(admin) as door:
        assert "Kind Hands" in (await door.get(f"/frameworks/{framework_id}/applications?state=submitted")).text
        shown = await door.get(f"/applications/{first.id}")
        assert "Twelve years in the borough." in shown.text and "£24.00" in shown.text
        shown = await door.post(f"/applications/{first.id}/admit", day("starts_on", date(2026, 5, 1)))
        assert shown.status_code == 400 and "when the framework opened" in shown.text
        typed_day = day("starts_on", TODAY) | {"reason": "Welcome\n<all>"}
        shown = await door.post(f"/applications/{first.id}/admit", typed_day)
        assert "Check before you admit" in shown.text and "Welcome\n&lt;all&gt;" in shown.text
        assert "£24.00" in shown.text and "Making it Real" in shown.text and "<strong>Missing</strong>" in shown.text
        assert (await ask(admin, queries.application, first.id)).state == "submitted"
        shown = await door.post(f"/applications/{first.id}/admit", typed_day | {"go": "change"})
        assert "Check before" not in shown.text and 'value="2026"' in shown.text and "&lt;all&gt;" in shown.text
        done = await door.post(f"/applications/{first.id}/admit", day("starts_on", TODAY) | {"go": "admit"})
        assert done.status_code == 303
        shown = await door.post(f"/applications/{second.id}/refuse", {"reason": ""})
        assert shown.status_code == 400 and "Enter the reasons" in shown.text
        await door.post(f"/applications/{second.id}/refuse", {"reason": "No autism training yet"})
        again = await door.post(f"/applications/{second.id}/refuse", {"reason": "Twice"})
        assert again.status_code == 400 and "cannot be refused now" in again.text
        listed = (await door.get(f"/frameworks/{framework_id}/providers")).text
        assert "Kind Hands" in listed
        assert "£24.00" in (await door.get(f"/frameworks/{framework_id}/rates")).text
        download = await door.get(f"/frameworks/{framework_id}/applications?format=csv")
        assert download.headers["content-type"].startswith("text/csv") and "No autism training yet" in download.text
    async with doors(manager) as door:
        shown = (await door.get(f"/applications/{second.id}")).text
        assert "No autism training yet" in shown
        shown = (await door.get(f"/frameworks/{framework_id}")).text
        assert "Admitted from 11 May 2026" in shown and "£24.00" in shown


async def test_new_rates_are_proposed_checked_and_agreed(doors, person):
    admin, manager = await person("Northgate", "commissioner_admin"), await person("Kind Hands", "provider_manager")
    framework_id = await open_framework(admin)
    await admitted(admin, manager, framework_id, ["C"])
    path = f"/frameworks/{framework_id}/lots/C/new-rates"
    answers = {**typed(load_pack("lewisham-2017"), "C", 2600), "reason": "Wages rose in April"}
    async with doors(manager) as door:
        assert 'value="24.00"' in (await door.get(path)).text  # starts from the present rates
        shown = await door.post(path, {**answers, **day("applies_from", TODAY), "go": "check"})
        assert shown.status_code == 400 and "must be after today" in shown.text and 'value="26.00"' in shown.text
        ready = {**answers, **day("applies_from", date(2026, 6, 1))}
        shown = await door.post(path, {**ready, "go": "check"})
        assert "£26.00" in shown.text and "was&nbsp;£24.00" in shown.text
        sent = await door.post(path, {**ready, "go": "send"})
        assert sent.status_code == 303
        card = sent.headers["location"]
        assert ">Waiting<" in (await door.get(card)).text
        assert (await door.get(f"/frameworks/{framework_id}/lots/D/new-rates")).status_code == 404
        refused = await door.post(f"/frameworks/{framework_id}/lots/Z/new-rates", ready, page=path)
        assert refused.status_code == 404
    async with doors(admin) as door:
        shown = await door.post(card, {"answer": "refuse", "reason": ""})
        assert shown.status_code == 400 and "Enter the reason" in shown.text
        done = await door.post(card, {"answer": "agree"})
        assert done.status_code == 303
        assert "Agreed" in (await door.get(card)).text


async def test_what_rivals_partners_and_strangers_meet(doors, person):
    admin, partner = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    stranger, finance = await person("Eastham", "commissioner_admin"), await person("Northgate", "finance")
    manager, rival = await person("Kind Hands", "provider_manager"), await person("Rival Care", "provider_manager")
    coordinator = await person("Kind Hands", "coordinator")
    framework_id = await open_framework(admin, partners=[partner])
    await admitted(admin, manager, framework_id, ["C"])
    await admitted(admin, rival, framework_id, ["C"])
    (application_id,) = await applied(manager, framework_id, ["D"])
    (card,) = await ask(manager, queries.rate_cards, state="agreed")
    secret = (f"/applications/{application_id}", f"/rate-cards/{card.id}")
    async with doors(rival) as door:
        for path in (*secret, *(f"/api/v1{path}" for path in secret)):
            assert (await door.get(path)).status_code == 404
        for path in (
            "/frameworks",
            f"/frameworks/{framework_id}",
            f"/frameworks/{framework_id}/terms",
            "/applications",
        ):
            shown = await door.get(path)
            assert shown.status_code == 200 and "Kind Hands" not in shown.text
        assert (await door.client.post(f"/applications/{application_id}/withdraw")).status_code in (403, 404)
        for path in ("applications", "admissions", "rate-cards"):
            listed = await door.get(f"/api/v1/frameworks/{framework_id}/{path}")
            assert {each["provider"] for each in listed.json()} == {"Rival Care"}
    async with doors(stranger) as door:
        for path in (*secret, f"/applications/{application_id}/admit"):
            assert (await door.get(path)).status_code == 404
        for path in ("applications", "providers", "rates"):
            assert "Kind Hands" not in (await door.get(f"/frameworks/{framework_id}/{path}")).text
    async with doors(partner) as door:
        shown = await door.get(f"/applications/{application_id}")
        assert "which leads the framework, decides" in shown.text
        done = await door.post(f"/applications/{application_id}/admit", day("starts_on", TODAY))
        assert done.status_code == 403 and "Only Northgate" in done.text
    async with doors(finance) as door:
        assert (await door.get(f"/applications/{application_id}")).status_code == 403
        assert (await door.get(f"/rate-cards/{card.id}")).status_code == 200
    async with doors(coordinator) as door:  # rates are the manager's
        assert (await door.get(f"/rate-cards/{card.id}")).status_code == 403
        assert "£24.00" not in (await door.get(f"/frameworks/{framework_id}")).text
        assert (await door.get(f"/frameworks/{framework_id}/apply")).status_code == 403


async def test_a_draft_is_unseen_by_providers(doors, person):
    admin, manager = await person("Northgate", "commissioner_admin"), await person("Kind Hands", "provider_manager")
    framework_id = await draft_framework(admin, name="Not yet public")
    async with doors(manager) as door:
        assert "Not yet public" not in (await door.get("/frameworks")).text
        for path in ("", "/terms", "/apply"):
            assert (await door.get(f"/frameworks/{framework_id}{path}")).status_code == 404


def zip_of(folder: Path) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path in folder.glob("*.toml"):
            archive.write(path, path.name)
    return made.getvalue()


async def test_a_quite_different_councils_pack_opens_and_admits(doors, person, database):
    """The third pack (five lots, other activities, roles and deduction) goes the whole way without a line of code."""
    admin, manager = await person("Eastham", "commissioner_admin"), await person("Kind Hands", "provider_manager")
    pack = load_pack(OWN_PACK)
    async with doors(admin) as door:
        token = re.search(r'name="_csrf" value="([^"]+)"', (await door.get("/frameworks/new/own-pack")).text)[1]

        async def bring(data: bytes):
            return await door.client.post(
                "/frameworks/new/own-pack",
                data={"_csrf": token},
                files={"file": ("pack.zip", data, "application/zip")},
                headers={"origin": "https://testserver"},
            )

        refused = await bring(b"no zip at all")
        assert refused.status_code == 400 and "must be a zip file" in refused.text
        brought = await bring(zip_of(OWN_PACK))
        assert brought.status_code == 303, brought.text
        shown = await door.get(brought.headers["location"])
        assert pack.title in shown.text
        answers = NEW | {"pack": f"stored:{pack.content_hash}", "name": "Harrowdale short breaks"}
        made = await door.post("/frameworks/new", {**answers, "go": "create"})
        assert made.status_code == 303
    (found,) = await ask(admin, queries.my_frameworks)
    assert made.headers["location"] == f"/frameworks/{found.id}"
    await confirm_decisions(admin, found.id)
    async with doors(admin) as door:
        assert (await door.post(f"/frameworks/{found.id}/open", {})).status_code == 303
    lots = [lot.code for lot in await ask(manager, queries.lots, found.id)]
    assert lots == list(pack.lots) and len(lots) == 5
    async with doors(manager) as door:
        card = {name: text for lot in lots for name, text in typed(pack, lot).items()}
        sent = await door.post(
            f"/frameworks/{found.id}/apply", {"lots": lots, "statement": "All of it", **card, "go": "send"}
        )
        assert sent.status_code == 303, sent.text
    async with doors(admin) as door:
        for application in await ask(admin, queries.applications, found.id):
            done = await door.post(f"/applications/{application.id}/admit", day("starts_on", TODAY) | {"go": "admit"})
            assert done.status_code == 303
        listed = (await door.get(f"/frameworks/{found.id}/providers")).text
        assert all(lot.title in listed for lot in pack.lots.values())
    rows = await ask(manager, queries.rate_card_rows, found.id, manager.provider_id)
    assert {row.lot for row in rows} == set(lots)


async def test_the_api_does_what_the_pages_do(person, database, clock):
    admin, manager = await person("Northgate", "commissioner_admin"), await person("Kind Hands", "provider_manager")
    async with (
        at(create_console(database, clock), database) as office,
        at(create_marketplace(database, clock), database) as provider,
    ):
        for door, actor in ((office, admin), (provider, manager)):
            sent = {"email": await with_password(actor, database), "password": PASSWORD}
            token = (await door.client.post("/api/v1/token", json=sent)).json()["access_token"]
            door.client.headers["authorization"] = f"Bearer {token}"

        async def call(door, method: str, path: str, body=None):
            return await door.client.request(method, f"/api/v1{path}", json=body)

        assert [each["id"] for each in (await call(office, "GET", "/packs")).json()] == [
            "cambridgeshire-peterborough-pdps", "lewisham-2017",
        ]  # fmt: skip
        body = {"pack": "lewisham-2017", "name": "By API", "anchor_day": "2026-04-06", "regime": "PA 2023"}
        wrong = await call(office, "POST", "/frameworks", body | {"colour": "red"})
        assert wrong.status_code == 400
        wrong = await call(office, "POST", "/frameworks", body | {"name": ""})
        assert wrong.status_code == 400 and "name" in wrong.json()["fields"]
        made = (await call(office, "POST", "/frameworks", body)).json()
        one = f"/frameworks/{made['id']}"
        early = await call(office, "POST", f"{one}/open")
        assert early.status_code == 409 and "still to be confirmed" in early.json()["sentence"]
        for decision in (await call(office, "GET", f"{one}/decisions")).json():
            answer = ANSWERS.get(decision["key"], {})
            done = await call(office, "PUT", f"{one}/decisions/{quote(decision['key'])}", answer)
            assert done.status_code == 200 and done.json()["confirmed_by"] == admin.person_name
        opened = await call(office, "POST", f"{one}/open")
        assert opened.json()["state"] == "open" and opened.json()["pack_hash"] != made["pack_hash"]
        terms = (await call(provider, "GET", f"{one}/terms")).json()
        assert any(term["value"] == "48 hours" for section in terms for term in section["terms"])
        card = [
            {"activity": activity, "band": band, "pence_per_hour": pence}
            for (activity, band), pence in flat_rates(load_pack("lewisham-2017"), "C", TODAY).items()
        ]
        bid = {"lots": [{"lot": "C", "rates": card}], "statement": "Ready"}
        short = await call(provider, "POST", f"{one}/applications", {**bid, "lots": [{"lot": "C", "rates": card[1:]}]})
        assert short.status_code == 400 and list(short.json()["fields"]) == ["rate.C.day_care.weekday"]
        (application,) = (await call(provider, "POST", f"{one}/applications", bid)).json()["ids"]
        again = await call(provider, "POST", f"{one}/applications", bid)
        assert again.status_code == 409
        forbidden = await call(provider, "POST", f"/applications/{application}/admit", {"starts_on": "2026-05-11"})
        assert forbidden.status_code == 403
        granted = await call(office, "POST", f"/applications/{application}/admit", {"starts_on": "2026-05-11"})
        assert granted.json()["lot"] == "C"
        varied = {"lot": "C", "applies_from": "2026-06-01", "reason": "Wages", "rates": card}
        proposed = (await call(provider, "POST", f"{one}/rate-cards", varied)).json()
        agreed = await call(office, "POST", f"/rate-cards/{proposed['id']}/agree")
        assert agreed.json()["state"] == "agreed"
        ended = await call(
            office, "POST", f"/admissions/{granted.json()['id']}/end", {"ends_on": "2026-12-31", "reason": "Moves away"}
        )
        assert ended.json()["ends_on"] == "2026-12-31"

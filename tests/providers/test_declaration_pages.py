"""Declaring, assessing, scoring and changing terms as people and programs meet them, on both front doors."""

from __future__ import annotations

import pytest

from marketplace.frameworks import queries as framework_queries
from marketplace.platform.database import ask
from marketplace.providers.declaration_queries import declared_by
from marketplace.providers.declarations import assess
from tests.providers.test_declarations import TODAY, a_file
from tests.world import frameworks, people
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

GO = {"go": "declare"}
DAY = {"declared_on-day": "11", "declared_on-month": "5", "declared_on-year": "2026"}


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


async def bearer(door, actor, settings) -> dict[str, str]:  # type: ignore[no-untyped-def]
    email = await people.with_password(actor, settings)
    got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
    return {"Authorization": f"Bearer {got.json()['access_token']}"}


async def test_only_a_declaration_with_its_certificate_sets_the_insurance_and_pages_say_who_saw_it(
    app, console, database, place
):
    said = {"legal_name": "Kindly Care Ltd"}
    typed = {"insurance_until-day": "1", "insurance_until-month": "1", "insurance_until-year": "2199"}
    until = {"until-day": "31", "until-month": "1", "until-year": "2027"}
    async with at(app, database, place.manager) as door:
        headers = await bearer(door, place.manager, database)
        sent = await door.client.put("/api/v1/profile", json={**said, "insurance_until": "2199-01-01"}, headers=headers)
        assert sent.status_code == 400
    async with at(app, database, place.manager) as door:
        assert (await door.post("/profile", {**said, **typed})).status_code == 303
        shown = (await door.get("/profile")).text
        assert "Until 7 March 2027 (no commissioner has seen proof of it)" in shown and "2199" not in shown
        assert 'href="/declarations/insurance"' in shown and 'name="cqc_registered"' not in shown
        bad = await door.post("/declarations/insurance", {**DAY, **until})
        assert bad.status_code == 400 and "Select the file that shows it" in bad.text and 'value="2027"' in bad.text
        policy, file = await a_file(place.manager), await a_file(place.manager, "insurance")
        full = {**DAY, **until, "evidence_ids": str(file), "remark": "By post"}
        shown = (await door.get("/declarations/insurance")).text
        assert str(file) in shown and str(policy) not in shown and "/evidence/new?kind=insurance" in shown
        bad = await door.post("/declarations/insurance", {**full, "evidence_ids": str(policy)})
        assert bad.status_code == 400 and "Select a file that was added as “Insurance”" in bad.text
        bad = await door.post("/declarations/insurance", {**full, "until-year": "2199"})
        assert bad.status_code == 400 and "must be 11 May 2028 or before" in bad.text
        assert 'value="2199"' in bad.text and "By post" in bad.text
        check = await door.post("/declarations/insurance", full)  # an earlier day than the one on record
        assert check.status_code == 200 and "until 31 January 2027" in check.text and "By post" in check.text
        assert "insured until 7 March 2027: the earlier day counts from now on" in check.text
        past = await door.post("/declarations/insurance", {**full, "until-year": "2026"})
        for said in ("31 January 2026 is in the past", "suspends you from new referrals", "Coming visits under "):
            assert said in past.text, said
        assert "Until 7 March 2027" in (await door.get("/profile")).text, "looking declares nothing"
        back = await door.post("/declarations/insurance", {**full, "go": "change"})
        assert "Insured until" in back.text and 'value="31"' in back.text and "By post" in back.text
        done = await door.post("/declarations/insurance", {**full, **GO})
        assert done.status_code == 303
        again = (await door.get("/declarations/insurance")).text
        assert "declared last: until 31 January 2027" in again and "checked" not in again
        assert "By post</textarea>" not in again and 'value="31"' not in again
        assert "Until 31 January 2027 (declared on 11 May 2026, not assessed yet)" in (await door.get("/profile")).text
    (made, *_) = await ask(place.lead, declared_by, place.provider_id, "insurance")
    await assess(place.lead, made.id, place.framework_id, verdict="accepted")
    async with at(console, database, place.lead) as door:
        shown = (await door.get(f"/providers/{place.provider_id}")).text
        assert "Until 31 January 2027 (accepted by " in shown and "(no commissioner has seen proof of it)" in shown


async def test_declared_rejected_mended_and_accepted_page_by_page(app, console, database, place):
    file = await a_file(place.manager)
    async with at(app, database, place.manager) as door:
        page = (await door.get("/declarations")).text
        assert "Still missed:" in page and "Declare it" in page
        assert "Our declarations" in (await door.get("/standing")).text
        bad = await door.post("/declarations/safeguarding", {"remark": "All staff trained", "evidence_ids": str(file)})
        assert bad.status_code == 400 and "Enter the date" in bad.text and "All staff trained" in bad.text
        done = await door.post("/declarations/safeguarding", {**DAY, **GO, "evidence_ids": str(file)})
        assert done.status_code == 303
        assert "Declared, not assessed yet" in (await door.get("/declarations")).text
        assert (await door.get("/declarations/nothing")).status_code == 404
        bad = await door.post("/declarations/cqc_registration", {**DAY, "provider_identifier": "12", "rating": "good"})
        assert "A CQC identifier looks like 1-123456789" in bad.text and "day of the last inspection" in bad.text
        empty = await door.post("/declarations/cqc_registration", {**DAY, "declared_on-year": "2030"})
        for said in ("Enter the CQC provider identifier", "Select the rating", "must be today or in the past"):
            assert said in empty.text, said
        half = await door.post("/declarations/cqc_registration", {"provider_identifier": "12", "rating": "good"})
        for said in ("Enter the date", "A CQC identifier looks like", "Enter the day of the last inspection"):
            assert said in half.text, said
        table = await door.get("/declarations?format=csv")
        assert table.headers["content-type"].startswith("text/csv") and "safeguarding" in table.text.lower()
    async with at(console, database, place.lead) as door:
        page = (await door.get(f"/providers/{place.provider_id}/declarations")).text
        assert "Declared, not assessed yet" in page and f"/declared-files/{file}" in page
        link = next(part for part in page.split('"') if part.startswith("/declarations/") and "/assess/" in part)
        bad = await door.post(link, {"verdict": "rejected"})
        assert bad.status_code == 400 and "Enter what is to be mended" in bad.text
        finds = {"verdict": "rejected", "to_mend": "Name <the> lead"}
        first = await door.post(link, finds)
        assert first.status_code == 200 and "Check before you reject" in first.text
        assert (await door.post(link, {**finds, "go": "keep"})).status_code == 303
    async with at(app, database, place.manager) as door:
        page = (await door.get("/declarations/safeguarding")).text
        assert "Name &lt;the&gt; lead" in page
        assert "Mend what was rejected" in (await door.get("/today")).text
        assert (
            await door.post("/declarations/safeguarding", {**DAY, **GO, "evidence_ids": str(file)})
        ).status_code == 303
    async with at(console, database, place.lead) as door:
        assert "has declared this again since the page you came from" in (await door.get(link)).text
        page = (await door.get(f"/providers/{place.provider_id}/declarations")).text
        link = next(part for part in page.split('"') if part.startswith("/declarations/") and "/assess/" in part)
        assert (await door.post(link, {"verdict": "accepted"})).status_code == 303
    async with at(console, database, place.apart) as door:
        for path in (f"/providers/{place.provider_id}/declarations", link, f"/declared-files/{file}"):
            assert (await door.get(path)).status_code == 404
    async with at(app, database, place.rival) as door:
        assert "Declared, not assessed yet" not in (await door.get("/declarations")).text
    async with at(app, database, place.manager) as door:
        reports = "/declarations/inspection_reports"
        page = (await door.get(reports)).text
        assert "Enter each inspection of the last 3 years" in page and "Inspection 2: its day" in page
        bad = await door.post(reports, {**DAY, "rating_2": "good"})
        assert bad.status_code == 400 and 'href="#inspected_on_2' in bad.text
        one = {"inspected_on_1-day": "1", "inspected_on_1-month": "3", "inspected_on_1-year": "2025"}
        done = await door.post(reports, {**DAY, **GO, **one, "rating_1": "good"})
        assert done.status_code == 303 and "1 March 2025: good" in (await door.get(reports)).text


async def test_scores_are_given_alone_and_agreed_on_one_page(console, database):
    admin = await people.council(database, "Northgate Council")
    manager = await people.provider_org(database, "Kindly Care Ltd")
    framework_id = await frameworks.open_framework(admin)
    (application,) = await frameworks.applied(manager, framework_id, ["C"])
    rule = (await ask(admin, framework_queries.pack_of, framework_id)).evaluation
    page = f"/applications/{application}/scores"
    good = {f"points-{number}": "4" for number in range(len(rule.criteria))}
    first = await people.person_in(admin, "contract_manager", "Una First")
    second = await people.person_in(admin, "contract_manager", "Duo Second")
    async with at(console, database, first) as door:
        assert "Scores of this application" in (await door.get(f"/applications/{application}")).text
        bad = await door.post(page, {**good, "points-0": "9", "remark": "Kept", "go": "give"})
        assert bad.status_code == 400 and "must be between 0 and 5" in bad.text and "Kept" in bad.text
        bad = await door.post(page, {**good, "points-0": "9", "remark": "Kept", "go": "check-give"})
        assert bad.status_code == 400 and "must be between 0 and 5" in bad.text and "Kept" in bad.text
        check = await door.post(page, {**good, "remark": "Strong rota", "go": "check-give"})
        assert check.status_code == 200 and "16 of 20" in check.text and "Strong rota" in check.text
        again = await door.post(page, {**good, "remark": "Strong rota", "go": "edit"})
        assert 'value="4"' in again.text and "Strong rota" in again.text
        assert "0 people have scored so far" in again.text, "looking keeps nothing"
        assert (await door.post(page, {**good, "remark": "Strong rota", "go": "give"})).status_code == 303
    async with at(console, database, second) as door:
        shown = (await door.get(page)).text
        assert "1 person has scored so far" in shown and "Una First" not in shown and "Strong rota" not in shown
        assert (await door.post(page, {**good, "go": "give"})).status_code == 303
        shown = (await door.get(page)).text
        assert "Una First" in shown and "Check what we agreed" in shown
        assert (await door.post(page, {**good, "go": "agree"})).status_code == 303
        assert "Agreed: 16 of 20 points" in (await door.get(page)).text


async def test_changed_terms_are_checked_first_and_accepted_by_the_manager(app, console, database):
    admin = await people.council(database, "Northgate Council")
    manager = await people.provider_org(database, "Kindly Care Ltd")
    framework_id = await frameworks.open_framework(admin)
    await frameworks.applied(manager, framework_id, ["C"])
    one = f"/frameworks/{framework_id}/decisions/settings.evaluation.scorers"
    async with at(console, database, admin) as door:
        assert "Change the terms" in (await door.get(one)).text
        shown = await door.post(one + "/change", {"value": "3", "go": "check"})
        assert shown.status_code == 400 and "Enter why the terms change" in shown.text
        shown = await door.post(one + "/change", {"value": "3", "reason": "More eyes", "go": "check"})
        assert shown.status_code == 200 and "Every provider on it is told" in shown.text
        done = await door.post(one + "/change", {"value": "3", "reason": "More eyes", "go": "change"})
        assert done.status_code == 303
        page = (await door.get(f"/frameworks/{framework_id}/changes")).text
        assert "More eyes" in page and "Not yet" in page
    path = f"/frameworks/{framework_id}/changes"
    async with at(app, database, manager) as door:
        assert "Accept changed terms" in (await door.get("/today")).text
        page = (await door.get(path)).text
        assert "More eyes" in page and "Accept these terms" in page
        pack = page.split('name="pack" value="')[1].split('"')[0]
        assert "Confirm that you accept" in (await door.post(path, {"pack": pack})).text
        assert (await door.post(path, {"pack": pack, "agreed": "yes"})).status_code == 303
        assert "There is nothing to accept" in (await door.get(path)).text
    rival = await people.provider_org(database, "Rival Care Ltd")
    async with at(app, database, rival) as door:
        assert (await door.get(path)).status_code == 404


async def test_the_api_declares_assesses_scores_and_changes(app, console, database, place):
    async with at(app, database) as door:
        token = await bearer(door, place.manager, database)
        client = door.client
        file = await a_file(place.manager)
        body = {"declared_on": TODAY.isoformat(), "evidence_ids": [str(file)]}
        made = await client.post("/api/v1/declarations/complaints", json=body, headers=token)
        assert made.status_code == 201, made.text
        asked = (await client.get("/api/v1/declarations", headers=token)).json()
        (found,) = [piece for piece in asked[0]["pieces"] if piece["key"] == "complaints"]
        assert found["state"] == "waiting" and found["declared"]["files"][0]["id"] == str(file)
        bad = await client.post(
            "/api/v1/declarations/cqc_registration",
            json={"declared_on": TODAY.isoformat(), "details": {"provider_identifier": "x", "rating": "good"}},
            headers=token,
        )
        assert bad.status_code == 400 and {"provider_identifier", "inspected_on"} <= set(bad.json()["fields"])
    async with at(console, database) as door:
        lead = await bearer(door, place.lead, database)
        seen = (await door.client.get(f"/api/v1/providers/{place.provider_id}/declarations", headers=lead)).json()
        assert [piece["state"] for piece in seen[0]["pieces"] if piece["key"] == "complaints"] == ["waiting"]
        body = {
            "declaration_id": made.json()["id"], "framework_id": str(place.framework_id), "verdict": "rejected",
            "to_mend": "Say who answers",
        }  # fmt: skip
        assert (await door.client.post("/api/v1/declaration-assessments", json=body, headers=lead)).status_code == 201
        apart = await bearer(door, place.apart, database)
        assert (await door.client.post("/api/v1/declaration-assessments", json=body, headers=apart)).status_code == 404
        changes = await door.client.get(f"/api/v1/frameworks/{place.framework_id}/changes", headers=lead)
        assert changes.json() == []
    async with at(app, database) as door:
        story = (await door.client.get("/api/v1/declarations/complaints", headers=token)).json()
        assert story[0]["findings"][0]["to_mend"] == "Say who answers"

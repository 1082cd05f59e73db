"""Status checks in pages and API: the button, the list, the switch; the certificate shown to nobody outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from marketplace.platform.database import ask
from marketplace.providers import dbs_checks, queries
from marketplace.settings import Settings
from tests.providers.test_competence import a_file
from tests.structure.inhabited import bearer
from tests.world import offers, packages, people, providers, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at
from tests.world.referrals import borough
from tests.world.update_service import UpdateService, result, update_service

TODAY = date(2026, 5, 11)
NUMBER = "001234567890"
DAY = {"checked_on-day": "1", "checked_on-month": "5", "checked_on-year": "2026"}
BIRTHDAY = {"date_of_birth-day": "7", "date_of_birth-month": "3", "date_of_birth-year": "1990"}
PAPER = {
    **DAY, **BIRTHDAY, "checked_by_name": "Ada Brook", "outcome": "clear", "certificate_number": "0012 3456 7890",
    "certificate_forename": "Wren", "certificate_surname": "Ashby", "update_service_consent": "yes",
    "issued_on-day": "20", "issued_on-month": "4", "issued_on-year": "2026", "workforce": "child",
    "barred_list_checked": "yes",
}  # fmt: skip


@pytest.fixture
def service() -> Iterator[UpdateService]:
    with update_service() as running:
        yield running


@pytest.fixture
def connected(database: Settings, service: UpdateService) -> Settings:
    return replace(database, dbs_update_service_url=service.url)


async def test_from_the_paper_to_the_button_to_the_answer(connected, database, clock, place, service):
    worker = await providers.worker(place.manager, "Wren Ashby")
    here = f"/workforce/{worker}"
    async with at(create_marketplace(connected, clock), database, place.coordinator) as door:
        assert "Nothing can be asked yet" in (await door.get(f"{here}/status-check")).text
        answer = await door.post(f"{here}/dbs", {**PAPER, "date_of_birth-year": "2027"})
        assert answer.status_code == 400 and "The date of birth must be today or in the past" in answer.text
        assert 'value="Ashby"' in answer.text
        answer = await door.post(f"{here}/dbs", {**PAPER, "checked_by_name": "x"})
        assert answer.status_code == 400 and "first and last name of who made the check" in answer.text
        assert 'value="x"' in answer.text and 'value="Ashby"' in answer.text
        assert (await door.post(f"{here}/dbs", PAPER)).status_code == 303
        shown = (await door.get(f"{here}/status-check")).text
        assert NUMBER in shown and "7 March 1990" in shown and "Kindly Care Ltd" in shown and service.asked == []
        answer = await door.post(f"{here}/status-check")
        assert answer.status_code == 400 and "The service knows no such certificate" in answer.text
        service.answers[NUMBER] = result("BLANK_NO_NEW_INFO")
        assert (await door.post(f"{here}/status-check")).status_code == 303
        shown = (await door.get(here)).text
        assert "Nothing new since the certificate" in shown and "with the update service" in shown
        listed = (await door.get("/workforce/dbs-checks")).text
        assert "Wren Ashby" in listed and NUMBER not in listed
        file = (await door.get("/workforce/dbs-checks?format=csv")).text
        assert "Wren Ashby,2026-05-11,clear,No,Yes" in file
        service.answers[NUMBER] = result("NEW_INFO")
        assert (await door.post(f"{here}/status-check")).status_code == 303
        assert "Stood down since" in (await door.get(here)).text
        answer = await door.post(f"{here}/dbs", PAPER)
        assert answer.status_code == 400 and "enter the new one" in answer.text


async def test_the_switch_says_in_whose_name_and_is_the_offices(connected, database, clock, place):
    app = create_marketplace(connected, clock)
    async with at(app, database, place.coordinator) as door:
        assert "Look due statuses up in my name" in (await door.get("/workforce/dbs-checks")).text
        answer = await door.post("/workforce/dbs-checks/automatic", {"wanted": "yes"}, page="/workforce/dbs-checks")
        assert answer.status_code == 303
        assert f"in the name of {place.coordinator.person_name}" in (await door.get("/workforce/dbs-checks")).text
    async with at(app, database, place.manager) as door:
        answer = await door.post("/workforce/dbs-checks/automatic", {"wanted": "no"}, page="/workforce/dbs-checks")
        assert answer.status_code == 303
    async with at(app, database, place.rival) as door:
        assert "in the name of" not in (await door.get("/workforce/dbs-checks")).text


async def test_after_new_information_the_form_offers_nothing_of_the_old_certificate(database, clock, place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=TODAY, checked_by_name="Ada Brook", outcome="new_information"
    )
    here = f"/workforce/{worker}/dbs"
    issued = {"issued_on-day": "1", "issued_on-month": "5", "issued_on-year": "2026"}
    fresh = {**PAPER, **issued, "checked_on-day": "11", "certificate_number": "999999999999", "workforce": "child"}
    async with at(create_marketplace(database, clock), database, place.coordinator) as door:
        shown = (await door.get(here)).text
        assert "A clear check counts only with its certificate.</p>" in shown  # nothing is filled in
        assert NUMBER not in shown and 'value="child" checked' not in shown and 'name="barred_list_checked"' in shown
        assert 'value="2026"' not in shown
        answer = await door.post(here, fresh)
        assert answer.status_code == 400 and "New information was found on 11 May 2026" in answer.text
        assert 'value="999999999999"' in answer.text
        assert (await door.post(here, {**fresh, "issued_on-day": "11"})).status_code == 303


async def test_where_no_service_is_connected_the_pages_say_what_to_do_instead(database, clock, place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    async with at(create_marketplace(database, clock), database, place.manager) as door:
        assert "is not connected" in (await door.get(f"/workforce/{worker}/status-check")).text
        shown = (await door.get("/workforce/dbs-checks")).text
        assert "is not connected" in shown and "/status-check" not in shown


async def test_the_api_does_what_the_pages_do(connected, database, clock, place, service):
    worker = await providers.worker(place.manager, "Wren Ashby")
    app = create_marketplace(connected, clock)
    async with at(app, database, place.manager) as door:
        headers = await bearer(database, place.manager)
        paper = {
            "checked_on": "2026-05-01", "checked_by_name": "Ada Brook", "certificate_number": NUMBER,
            "certificate_forename": "Wren", "certificate_surname": "Ashby", "date_of_birth": "1990-03-07",
            "update_service_consent": True, "issued_on": "2026-04-20", "workforce": "child",
        }  # fmt: skip
        api = f"/api/v1/workers/{worker}"
        nobody = await door.client.post(f"{api}/dbs-checks", json={**paper, "checked_by_name": "12"}, headers=headers)
        assert nobody.status_code == 400 and "first and last name of who made the check" in nobody.text
        unasked = await door.client.post(f"{api}/dbs-checks", json=paper, headers=headers)
        assert unasked.status_code == 400 and "barred list was checked with it" in unasked.text
        paper["barred_list_checked"] = True
        assert (await door.client.post(f"{api}/dbs-checks", json=paper, headers=headers)).status_code == 201
        service.answers[NUMBER] = result("NON_BLANK_NO_NEW_INFO")
        made = await door.client.post(f"{api}/status-checks", headers=headers)
        assert made.status_code == 201 and made.json()["answer"] == "NON_BLANK_NO_NEW_INFO"
        (kept,) = (await door.get(f"{api}/status-checks")).json()
        assert kept["check_id"] == made.json()["check_id"] and not kept["automatic"]
        told = (await door.get(api)).json()
        assert told["dbs_source"] == "update_service" and NUMBER not in str(told)
        assert (await door.client.put("/api/v1/status-checks/automatic", headers=headers)).status_code == 204
        told = (await door.get("/api/v1/status-checks")).json()
        assert told["automatic"] == place.manager.person_name and told["connected"]
        assert (await door.client.delete("/api/v1/status-checks/automatic", headers=headers)).status_code == 204
        assert (await door.client.delete("/api/v1/status-checks/automatic", headers=headers)).status_code == 409
    async with at(app, database, place.rival) as door:
        headers = await bearer(database, place.rival)
        assert (await door.client.post(f"{api}/status-checks", headers=headers)).status_code == 404
        assert (await door.get(f"{api}/status-checks")).status_code == 404


async def test_over_http_neither_commissioner_nor_family_nor_rival_finds_certificate_or_answer(
    connected, database, clock, service
):
    world = await borough(database, provider_names=("Alder Care", "Birch Support"))
    case = await packages.set_up(world)
    await dbs_checks.record_dbs_check(
        case.manager, case.worker_id, checked_on=TODAY - timedelta(days=20), checked_by_name="Ada Brook",
        certificate_number=NUMBER, certificate_forename="Wren", certificate_surname="Ashby",
        date_of_birth=date(1990, 3, 7), issued_on=date(2026, 1, 17),
        workforce="child", barred_list_checked=True,
    )  # fmt: skip
    service.answers[NUMBER] = result("NON_BLANK_NO_NEW_INFO")
    app, console = create_marketplace(connected, clock), create_console(connected, clock)
    async with at(app, database, case.manager) as door:
        assert (await door.post(f"/workforce/{case.worker_id}/status-check")).status_code == 303
    referral_id = await referrals.broadcast(world, case.child_id)
    await offers.offered(world, case.manager, referral_id)
    manager = await people.person_in(world.admin, "contract_manager")
    seen: list[str] = []
    async with at(app, database, world.referrer) as door:
        for path in (
            f"/referrals/{referral_id}/offers", f"/packages/{case.package_id}",
            f"/api/v1/referrals/{referral_id}/offers", f"/providers/{case.manager.provider_id}",
        ):  # fmt: skip
            seen.append((await door.get(path)).text)
        for path in (f"/workforce/{case.worker_id}", f"/workforce/{case.worker_id}/status-check"):
            assert (await door.get(path)).status_code in (403, 404)
    assert "with the update service" in seen[0]  # the check itself: when and by whom
    async with at(console, database, manager) as door:
        seen.append((await door.get(f"/providers/{case.manager.provider_id}")).text)
    async with at(app, database, case.family) as door:
        for path in (f"/choices/{referral_id}", "/who-is-coming", f"/packages/{case.package_id}"):
            seen.append((await door.get(path)).text)
        assert (await door.get(f"/workforce/{case.worker_id}")).status_code in (403, 404)
    async with at(app, database, world.providers[1]) as door:
        seen.append((await door.get("/workforce/dbs-checks")).text)
        assert (await door.get(f"/workforce/{case.worker_id}/status-check")).status_code == 404
    for text in seen:
        assert NUMBER not in text and "1990" not in text and "17 January 2026" not in text
        assert "NON_BLANK" not in text and "holds information" not in text


async def test_training_and_sign_off_have_a_page_each_and_take_a_file(database, clock, place):
    worker = await providers.worker(place.manager, "Lee Barton")
    sheet, scan = await a_file(place.manager, worker), await a_file(place.manager, worker, "dbs_certificate")
    day = {"assessed_on-day": "1", "assessed_on-month": "5", "assessed_on-year": "2026"}
    async with at(create_marketplace(database, clock), database, place.coordinator) as door:
        here = f"/workforce/{worker}"
        form = (await door.get(f"{here}/competency")).text
        assert (
            str(sheet) in form
            and str(scan) not in form
            and "Attend" not in form.split("<form", 1)[1].split("method")[0]
        )
        assert str(scan) in (await door.get(f"{here}/dbs")).text
        sent = {"code": "first_aid", **day, "evidence_id": str(sheet)}
        assert (await door.post(f"{here}/training", sent)).status_code == 303
        shown = (await door.get(here)).text
        assert "Attended, not signed off" in shown and f"/evidence/{sheet}" in shown
        answer = await door.post(f"{here}/competency", {**sent, "method": "attendance", "assessor": "outside"})
        assert answer.status_code == 400
        sent |= {"method": "observed", "assessor": "outside", "assessor_name": "Alex Moor, nurse educator"}
        assert (await door.post(f"{here}/competency", {**sent, "evidence_id": str(scan)})).status_code == 400
        assert (await door.post(f"{here}/competency", sent)).status_code == 303
    record = await ask(place.manager, queries.worker, worker)
    assert sorted((each.assessor or "", each.method) for each in record.competencies) == [
        ("", "attendance"), ("Alex Moor, nurse educator", "observed"),
    ]  # fmt: skip

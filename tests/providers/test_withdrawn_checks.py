"""A check recorded by mistake is withdrawn: whoever looks judges without it, and its reason stays."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.providers import dbs_checks, evidence, lapses
from marketplace.providers.assessors import assessor
from marketplace.providers.readiness import readiness, ready_counts
from marketplace.providers.withdrawing import RecordedCheck, recorded_checks, withdraw_check
from marketplace.providers.workforce import own_worker
from tests.providers.conftest import Place
from tests.providers.test_imports import book, sent
from tests.world import people, providers
from tests.world.apps import create_marketplace
from tests.world.door import at

TODAY = date(2026, 5, 11)
TOMORROW = TODAY + timedelta(days=1)
RIGHT = "Right to work in the United Kingdom"
WRONG = "The passport says another day"


async def why_not(place: Place, worker: UUID, on: date) -> tuple[str, ...]:
    """What keeps the worker off lot C, by the facts; the rows of days are held against it."""
    (entry,) = await ask(place.manager, readiness, place.provider_id, place.pack, "C", (), on)
    counts = await ask(place.manager, ready_counts, [place.provider_id], place.pack, "C", (), on)
    assert counts == {place.provider_id: int(entry.ready)} and entry.worker.id == worker
    return entry.reasons


async def recorded(place: Place, worker: UUID, starts: str) -> RecordedCheck:
    return next(each for each in await ask(place.manager, recorded_checks, worker) if each.says.startswith(starts))


async def test_a_check_recorded_too_long_is_withdrawn_and_the_right_one_counts(place, migrator):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    given = {"kind": "right_to_work", "done_on": TODAY}
    await evidence.record_check(place.manager, worker, valid_until=TODAY, **given)
    assert await why_not(place, worker, TOMORROW) == ()  # the longer one still says otherwise
    longer = await recorded(place, worker, f"{RIGHT}, 11 April 2026")
    for actor, reason, refusal in (
        (place.manager, "  ", InvalidInput), (place.rival, WRONG, NotFound), (place.lead, WRONG, NotPermitted),
    ):  # fmt: skip
        with pytest.raises(refusal):
            await withdraw_check(actor, worker, "check", longer.id, reason)
    with pytest.raises(NotFound):
        await withdraw_check(place.manager, worker, "check", uuid4(), WRONG)
    await withdraw_check(place.coordinator, worker, "check", longer.id, WRONG)
    with pytest.raises(Conflict, match="has withdrawn this check already"):
        await withdraw_check(place.manager, worker, "check", longer.id, WRONG)
    assert await why_not(place, worker, TODAY) == ()
    (why,) = await why_not(place, worker, TOMORROW)
    assert why.startswith("has a check that is due again: Right to work")
    ends = {each.code: each.until for each in await ask(place.manager, lapses.lapses)}
    assert ends["right_to_work"] == TODAY
    told = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1", place.provider_id)
    assert any("A check of a worker was withdrawn" in row["sentence"] for row in told)
    # a file that says it again does not bring it back, nor does an export leave anything to do
    sheet: list[list[object]] = [
        ["Name", "What was checked", "Date", "Valid until"],
        ["Wren Ashby", RIGHT, TODAY, TODAY],
    ]
    sheet.append(["Wren Ashby", RIGHT, longer.done_on, TODAY + timedelta(days=300)])
    people_in: list[list[object]] = [["Name", "Role"], ["Wren Ashby", "Support worker"]]
    found = await sent(place.manager, book({"Workers": people_in, "Checks": sheet}), "w.xlsx")
    assert found.plan is not None and not found.plan.faults
    said = [item.text.rpartition(": ")[2] for item in found.plan.items if RIGHT in item.text]
    assert said == ["kept already", "kept already, withdrawn since"]


async def test_a_dbs_check_is_withdrawn_but_neither_news_nor_what_the_service_said(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    check = await recorded(place, worker, "DBS check of 11 April 2026")
    await withdraw_check(place.manager, worker, "dbs", check.id, "It was another worker's")
    assert await why_not(place, worker, TODAY) == ("has no DBS check",)
    # the same said again is another record, and counts
    seen = {"checked_on": TODAY, "checked_by_name": "Ada Brook"}
    first = await dbs_checks.record_dbs_check(place.manager, worker, **seen)
    await withdraw_check(place.manager, worker, "dbs", first, "Nobody looked that day")
    assert await why_not(place, worker, TODAY) == ("has no DBS check",)
    assert await dbs_checks.record_dbs_check(place.manager, worker, **seen) != first
    assert await why_not(place, worker, TODAY) == ()
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=TODAY, checked_by_name="Mo Hale", outcome="new_information"
    )
    news = await recorded(place, worker, "DBS check of 11 May 2026, by Mo Hale")
    assert not news.may_be_withdrawn
    with pytest.raises(Conflict, match="New information"):
        await withdraw_check(place.manager, worker, "dbs", news.id, "I mistyped")
    with pytest.raises(asyncpg.CheckViolationError):
        async with unit_of_work(place.manager) as work:
            await work.execute(
                "UPDATE worker_dbs_check SET withdrawn_at = $2, withdrawn_by_name = 'A', withdrawn_reason = 'B'"
                " WHERE id = $1",
                news.id, work.now,
            )  # fmt: skip


async def test_a_number_typed_with_the_wrong_worker_goes_to_its_owner_once_that_check_is_withdrawn(place):
    owner, other = [await providers.worker(place.manager, name) for name in ("Wren Ashby", "Lee Barton")]
    seen: dict[str, Any] = {
        "checked_on": TODAY, "checked_by_name": "Ada Brook", "certificate_number": "001234567890",
        "issued_on": TODAY, "workforce": "child", "barred_list_checked": True,
    }  # fmt: skip
    mistyped = await dbs_checks.record_dbs_check(place.manager, other, **seen)
    with pytest.raises(InvalidInput) as refused:
        await dbs_checks.record_dbs_check(place.manager, owner, **seen)
    assert "recorded with Lee Barton" in refused.value.fields["certificate_number"]
    await withdraw_check(place.manager, other, "dbs", mistyped, "It was another worker's")
    assert await dbs_checks.record_dbs_check(place.manager, owner, **seen)
    # nor are the two one person, whose assessments of each other would count for nothing
    async with unit_of_work(place.manager) as work:
        wrong: dict[str, str] = {}
        worker = await own_worker(work, owner)
        assert await assessor(work, worker, other, "", wrong) == ("Lee Barton", other) and not wrong
    with pytest.raises(InvalidInput):
        await dbs_checks.record_dbs_check(place.manager, other, **seen)


async def test_withdrawing_by_page_and_by_program(database, clock, place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    here, api = f"/workforce/{worker}", f"/api/v1/workers/{worker}"
    check = await recorded(place, worker, "Right to work")
    app = create_marketplace(database, clock)
    email = await people.with_password(place.manager, database)
    async with at(app, database, place.coordinator) as door:
        assert f'href="{here}/withdraw-check"' in (await door.get(here)).text
        bad = await door.post(f"{here}/withdraw-check", {"record": check.key, "reason": ""})
        assert bad.status_code == 400 and f'value="{check.key}" selected' in bad.text
        bad = await door.post(f"{here}/withdraw-check", {"record": "dbs.nothing", "reason": WRONG})
        assert bad.status_code == 400 and "Select the check that is wrong" in bad.text
        assert (await door.post(f"{here}/withdraw-check", {"record": check.key, "reason": WRONG})).status_code == 303
        shown = (await door.get(here)).text
        assert f"withdrawn on 11 May 2026 by {place.coordinator.person_name}. {WRONG}" in shown
        assert "lacks a check: Right to work" in shown
        got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
        headers = {"Authorization": f"Bearer {got.json()['access_token']}"}
        rows = (await door.client.get(f"{api}/recorded-checks", headers=headers)).json()
        assert [row["reason"] for row in rows if row["id"] == str(check.id)] == [WRONG]
        dbs = next(row for row in rows if row["kind"] == "dbs")
        sent_in = {"kind": "dbs", "check_id": dbs["id"], "reason": WRONG}
        assert (await door.client.post(f"{api}/withdrawn-checks", json=sent_in, headers=headers)).status_code == 204
        assert (await door.client.post(f"{api}/withdrawn-checks", json=sent_in, headers=headers)).status_code == 409
    async with at(app, database, place.rival) as door:
        assert (await door.get(f"{api}/recorded-checks")).status_code == 404
        assert (await door.get(f"{here}/withdraw-check")).status_code == 404

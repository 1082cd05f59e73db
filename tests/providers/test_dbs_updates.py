"""Status checks with the update service: what counts, what stands down, what is a mistake to mend, who sees what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.platform import update_service as client
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask, close_database, open_database, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.providers import dbs_checks, dbs_updates, queries, sweeps, workforce
from marketplace.providers.readiness import Ready, match_statement, readiness
from marketplace.settings import Settings
from tests.providers.conftest import Place
from tests.world import packages, people, providers
from tests.world.referrals import borough
from tests.world.update_service import UpdateService, result, update_service

TODAY = date(2026, 5, 11)
NUMBER = "001234567890"


@pytest.fixture
def service() -> Iterator[UpdateService]:
    with update_service() as running:
        yield running


@pytest.fixture
def connected(database: Settings, service: UpdateService) -> Settings:
    return replace(database, dbs_update_service_url=service.url)


async def with_certificate(manager: Actor, worker_id: UUID, number: str = NUMBER, **given: object) -> None:
    """The certificate's details as the office copies them from the paper; the last check is five months old."""
    details = {
        "checked_on": TODAY - timedelta(days=150), "checked_by_name": "Ada Brook", "certificate_number": number,
        "certificate_forename": "Wren", "certificate_surname": "Ashby", "date_of_birth": date(1990, 3, 7),
        "update_service_consent": True, "issued_on": TODAY - timedelta(days=300), "workforce": "child",
        "barred_list_checked": True,
    }  # fmt: skip
    await dbs_checks.record_dbs_check(manager, worker_id, **{**details, **given})  # type: ignore[arg-type]


async def a_worker(place: Place, name: str = "Wren Ashby", number: str = NUMBER, **given: object) -> UUID:
    worker = await providers.worker(place.manager, name)
    await with_certificate(place.manager, worker, number, **given)
    return worker


async def dbs_of(manager: Actor, worker_id: UUID) -> tuple[date | None, str | None, str]:
    record = await ask(manager, queries.worker, worker_id)
    assert record.dbs is not None
    return record.dbs.checked_on, record.dbs.outcome, record.dbs.source


async def judged(place: Place, worker_id: UUID) -> Ready:
    found = await ask(place.manager, readiness, place.provider_id, place.pack, "C", (), TODAY)
    return next(entry for entry in found if entry.worker.id == worker_id)


# --- asked by somebody ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["BLANK_NO_NEW_INFO", "NON_BLANK_NO_NEW_INFO"])
async def test_no_new_information_counts_as_todays_check_by_who_asked(place, connected, service, answer):
    worker = await a_worker(place)
    service.answers[NUMBER] = result(answer)
    found = await dbs_updates.check_status(place.coordinator, connected, worker)
    assert found.answer == answer and found.check_id is not None
    assert await dbs_of(place.manager, worker) == (TODAY, "clear", "update_service")
    record = await ask(place.manager, queries.worker, worker)
    assert record.dbs is not None and record.dbs.checked_by.startswith(place.coordinator.person_name)
    (question,) = service.asked
    assert question["organisationName"] == "Kindly Care Ltd" and question["dateOfBirth"] == "07/03/1990"
    forename, _, surname = place.coordinator.person_name.rpartition(" ")
    assert (question["employeeForename"], question["employeeSurname"]) == (forename, surname)


async def test_new_information_stands_down_at_once_and_tells_those_who_plan_visits(
    database, connected, service, migrator
):
    case = await packages.set_up(await borough(database, provider_names=("Alder Care",)))
    name = await ask(case.manager, queries.worker, case.worker_id)
    await with_certificate(case.manager, case.worker_id, checked_on=TODAY)
    service.answers[NUMBER] = result("NEW_INFO")
    found = await dbs_updates.check_status(case.manager, connected, case.worker_id)
    assert found.answer == "NEW_INFO"
    record = await ask(case.manager, queries.worker, case.worker_id)
    assert record.stood_down_at is not None and record.dbs is not None and record.dbs.outcome == "new_information"
    told = await migrator.fetch("SELECT organisation_id, person_id, sentence FROM notice")
    office = [r["sentence"] for r in told if r["organisation_id"] == case.manager.provider_id]
    referrer = [r["sentence"] for r in told if r["person_id"] == case.referrer.person_id]
    assert any("stood down" in said for said in office)
    assert any("not ready at the moment" in said for said in referrer)
    assert not any(name.name in said or "DBS" in said or NUMBER in said for said in referrer)
    # the same certificate is asked about no more, and no word of the office makes it clear again
    with pytest.raises(Conflict, match="new certificate first"):
        await dbs_updates.check_status(case.manager, connected, case.worker_id)
    for number in (None, NUMBER):
        with pytest.raises(InvalidInput) as refused:
            await dbs_checks.record_dbs_check(
                case.manager, case.worker_id, checked_on=TODAY, checked_by_name="Ada Brook", certificate_number=number
            )
        assert set(refused.value.fields) == {"certificate_number"}


async def test_a_certificate_the_service_does_not_know_is_a_mistake_to_mend_and_no_check(
    place, connected, service, migrator
):
    worker = await a_worker(place)
    before = await dbs_of(place.manager, worker)
    for _ in range(2):
        found = await dbs_updates.check_status(place.manager, connected, worker)
        assert found.answer == "NO_MATCH_FOUND" and found.check_id is None
    assert await dbs_of(place.manager, worker) == before
    duties = (
        "SELECT count(*) FILTER (WHERE met_at IS NULL) AS open, count(*) AS all FROM obligation WHERE rule_key = $1"
    )
    assert tuple(await migrator.fetchrow(duties, dbs_checks.MEND_DBS)) == (1, 1)
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO")
    await dbs_updates.check_status(place.manager, connected, worker)
    assert tuple(await migrator.fetchrow(duties, dbs_checks.MEND_DBS)) == (0, 1)


@pytest.mark.parametrize("named", [("Robin", "Ashby"), ("Wren", "Ashbee"), ("", "")])
async def test_another_persons_certificate_is_no_pass_however_clear(place, connected, service, named):
    worker = await a_worker(place)
    before = await dbs_of(place.manager, worker)
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO", *named)
    found = await dbs_updates.check_status(place.manager, connected, worker)
    assert found.answer == "other_name" and found.check_id is None
    assert await dbs_of(place.manager, worker) == before


async def test_capitals_and_hyphens_are_no_other_name(place, connected, service):
    worker = await a_worker(place, certificate_surname="Ashby-Smith")
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO", "WREN", "ASHBY SMITH")
    assert (await dbs_updates.check_status(place.manager, connected, worker)).answer == "BLANK_NO_NEW_INFO"


@pytest.mark.parametrize(("document", "answer"), [(b"<html>", "unreadable"), (500, "unreachable")])
async def test_no_usable_answer_is_kept_as_such_and_passes_nobody(place, connected, service, document, answer):
    worker = await a_worker(place)
    before = await dbs_of(place.manager, worker)
    service.answers[NUMBER] = document
    found = await dbs_updates.check_status(place.manager, connected, worker)
    assert (found.answer, found.check_id) == (answer, None)
    assert await dbs_of(place.manager, worker) == before
    (kept,) = await ask(place.manager, dbs_updates.requests_about, worker)
    assert kept["answer"] == answer


async def test_a_service_that_hangs_holds_no_row_still(place, connected, service, monkeypatch):
    worker = await a_worker(place)
    service.hangs = threading.Event()
    monkeypatch.setattr(client.ask_status, "__kwdefaults__", {"seconds": 0.3})
    assert (await dbs_updates.check_status(place.manager, connected, worker)).answer == "unreachable"


async def test_nothing_is_asked_without_consent_and_details_or_of_oneself_or_where_no_service_is_set(
    place, connected, database, service
):
    bare = await providers.worker(place.manager, "Lee Barton")
    with pytest.raises(InvalidInput) as refused:
        await dbs_updates.check_status(place.manager, connected, bare)
    assert set(refused.value.fields) == {
        "update_service_consent", "certificate_number", "certificate_forename", "certificate_surname", "date_of_birth",
        "issued_on", "workforce", "barred_list_checked",
    }  # fmt: skip
    worker = await a_worker(place)
    with pytest.raises(Conflict, match="not connected"):
        await dbs_updates.check_status(place.manager, database, worker)
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    hat = await people.person_in(place.manager, "coordinator", "Wren Ashby", "wren@example.org")
    with pytest.raises(InvalidInput):
        await dbs_updates.check_status(hat, connected, worker)
    with pytest.raises(NotPermitted):
        await dbs_updates.check_status(themself, connected, worker)
    with pytest.raises(NotPermitted):
        await dbs_updates.check_status(place.lead, connected, worker)
    with pytest.raises(NotFound):
        await dbs_updates.check_status(place.rival, connected, worker)
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=TODAY, checked_by_name="Ada Brook", update_service_consent=False
    )
    with pytest.raises(InvalidInput) as refused:
        await dbs_updates.check_status(place.manager, connected, worker)
    assert set(refused.value.fields) == {"update_service_consent"}
    assert service.asked == []


async def test_consent_taken_back_while_the_service_is_asked_leaves_nothing(place, connected, service, monkeypatch):
    worker = await a_worker(place)
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO")
    really = dbs_updates.ask_status

    async def meanwhile(url, question):  # type: ignore[no-untyped-def]
        answer = await really(url, question)
        await dbs_checks.record_dbs_check(
            place.manager, worker, checked_on=TODAY - timedelta(days=140), checked_by_name="Ada Brook",
            update_service_consent=False,
        )  # fmt: skip
        return answer

    monkeypatch.setattr(dbs_updates, "ask_status", meanwhile)
    with pytest.raises(InvalidInput):
        await dbs_updates.check_status(place.manager, connected, worker)
    assert (await dbs_of(place.manager, worker))[2] == "seen"
    assert await ask(place.manager, dbs_updates.requests_about, worker) == []


# --- by itself --------------------------------------------------------------------------------------------------------


async def test_due_statuses_are_looked_up_once_a_day_in_the_name_of_who_answers_for_it(
    place, connected, service, clock
):
    due = await a_worker(place, "Wren Ashby", NUMBER)
    fresh = await a_worker(place, "Wren Ashby", "001234567891", checked_on=TODAY)
    refuses = await a_worker(place, "Wren Ashby", "001234567892", update_service_consent=False)
    for number in (NUMBER, "001234567891", "001234567892"):
        service.answers[number] = result("BLANK_NO_NEW_INFO")
    assert await dbs_updates.check_due(place.provider_id, connected) == 0
    assert service.asked == []  # nobody answers for it yet
    await dbs_updates.start_automatic(place.coordinator)
    await dbs_updates.start_automatic(place.coordinator)
    assert await ask(place.manager, dbs_updates.automatic) == place.coordinator.person_name
    assert [await dbs_updates.check_due(place.provider_id, connected) for _ in range(2)] == [1, 0]
    assert [question["number"] for question in service.asked] == [NUMBER]
    assert await dbs_of(place.manager, due) == (TODAY, "clear", "update_service")
    record = await ask(place.manager, queries.worker, due)
    assert record.dbs is not None
    assert record.dbs.checked_by == f"{place.coordinator.person_name}, by itself, with the update service"
    assert (await dbs_of(place.manager, refuses))[2] == "seen" == (await dbs_of(place.manager, fresh))[2]
    # the pack's first warning of the fresh one: 84 days before the same day six months on
    clock.move(timedelta(days=99))
    assert await dbs_updates.check_due(place.provider_id, connected) == 0
    clock.move(timedelta(days=1))
    assert await dbs_updates.check_due(place.provider_id, connected) == 2
    assert sorted(question["number"] for question in service.asked[1:]) == [NUMBER, "001234567891"]


async def test_the_worker_process_sweeps_every_provider_that_wants_it_and_none_without_a_service(
    place, connected, database, service, clock
):
    worker = await a_worker(place)
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO")
    await dbs_updates.start_automatic(place.manager)
    await close_database()
    await open_database(database.dsn("worker"), clock=clock)
    await sweeps.look_up_due_dbs_statuses(database)
    assert service.asked == []
    for _ in range(2):
        await sweeps.look_up_due_dbs_statuses(connected)
    assert len(service.asked) == 1
    assert await dbs_of(place.manager, worker) == (TODAY, "clear", "update_service")


async def test_a_silent_service_is_tried_again_later_and_a_mistake_waits_until_it_is_mended(
    place, connected, service, clock
):
    one = await a_worker(place, "Wren Ashby", NUMBER)
    two = await a_worker(place, "Wren Ashby", "001234567891")
    await dbs_updates.start_automatic(place.manager)
    service.answers = {NUMBER: 503, "001234567891": 503}
    assert await dbs_updates.check_due(place.provider_id, connected) == 1  # gives up for now after the first
    clock.move(timedelta(days=1))
    service.answers = {NUMBER: result("BLANK_NO_NEW_INFO")}
    assert await dbs_updates.check_due(place.provider_id, connected) == 2
    assert (await dbs_of(place.manager, one))[2] == "update_service"
    clock.move(timedelta(days=1))
    assert await dbs_updates.check_due(place.provider_id, connected) == 0
    lines = await ask(place.manager, dbs_updates.status_lines)
    assert [(line.worker_id, line.to_mend) for line in lines] == [(two, True), (one, False)]


async def test_who_answers_for_it_leaves_the_office_and_it_stops_and_says_so(place, connected, service, migrator):
    await a_worker(place)
    await dbs_updates.start_automatic(place.coordinator)
    await migrator.execute(
        "UPDATE membership SET ended_at = now() - interval '1 year' WHERE person_id = $1", place.coordinator.person_id
    )
    for _ in range(2):
        assert await dbs_updates.check_due(place.provider_id, connected) == 0
    assert service.asked == [] and await ask(place.manager, dbs_updates.automatic) is None
    said = "SELECT count(*) FROM notice WHERE sentence LIKE '%no longer looked up%' AND organisation_id = $1"
    assert await migrator.fetchval(said, place.provider_id) == 1
    with pytest.raises(Conflict):
        await dbs_updates.stop_automatic(place.manager)
    await dbs_updates.start_automatic(place.manager)
    await dbs_updates.stop_automatic(place.manager)
    assert await ask(place.manager, dbs_updates.automatic) is None


# --- who sees what ----------------------------------------------------------------------------------------------------


async def _automatic_rows(work: Work) -> int:
    return await work.fetchval("SELECT count(*) FROM dbs_automatic")


SECRETS = "SELECT worker_id FROM worker_private UNION ALL SELECT worker_id FROM dbs_status_request"


async def test_in_sql_the_certificate_and_the_answers_are_the_providers_and_the_workers_own(place, connected, service):
    worker = await a_worker(place)
    other = await a_worker(place, "Lee Barton", "001234567899")
    service.answers[NUMBER] = result("NON_BLANK_NO_NEW_INFO")
    await dbs_updates.check_status(place.manager, connected, worker)
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    family = await people.family_member(place.manager)

    async def seen(actor: Actor, sql: str) -> set[UUID]:
        async with unit_of_work(actor, read_only=True) as work:
            return {row["worker_id"] for row in await work.fetch(sql)}

    assert await seen(place.manager, SECRETS) == {worker, other}
    assert await seen(themself, SECRETS) == {worker}
    for actor in (place.lead, place.partner, place.apart, place.rival, family):
        assert await seen(actor, SECRETS) == set()
    # the check itself, with its day and who made it, is what a commissioner of the framework may weigh
    checks = "SELECT worker_id FROM worker_dbs_check"
    assert await seen(place.lead, checks) == {worker, other}
    assert await seen(place.apart, checks) == await seen(family, checks) == await seen(place.rival, checks) == set()
    await dbs_updates.start_automatic(place.manager)
    for actor in (place.lead, place.rival, themself, family):
        assert await ask(actor, _automatic_rows) == 0
    for actor in (place.lead, themself, place.rival):
        with pytest.raises(asyncpg.PostgresError):
            async with unit_of_work(actor) as work:
                await work.execute(
                    "INSERT INTO dbs_status_request (provider_id, worker_id, asked_at, asked_by, asked_by_name,"
                    " automatic, answer) VALUES ($1, $2, now(), $3, 'x', false, 'unreachable')",
                    place.provider_id, worker, actor.person_id,
                )  # fmt: skip


async def test_what_a_check_answered_is_in_no_statement_audit_entry_mail_or_log(
    place, connected, service, migrator, caplog
):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await with_certificate(place.manager, worker)
    service.answers[NUMBER] = result("NON_BLANK_NO_NEW_INFO")
    await dbs_updates.check_status(place.manager, connected, worker)
    statement = str(match_statement(await judged(place, worker)))
    assert "with the update service" in statement and "NON_BLANK" not in statement and "holds" not in statement
    kept = await migrator.fetchval("SELECT string_agg(details::text, ' ') FROM audit_entry")
    mails = await migrator.fetchval("SELECT coalesce(string_agg(body, ' '), '') FROM mail_message")
    for text in (statement, kept, mails, caplog.text):
        assert NUMBER not in text and "1990" not in text


async def test_standing_up_again_after_new_information_takes_a_new_certificate(place, connected, service, clock):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await with_certificate(place.manager, worker, checked_on=TODAY)
    service.answers = {NUMBER: result("NEW_INFO"), "002222222222": result("BLANK_NO_NEW_INFO")}
    await dbs_updates.check_status(place.manager, connected, worker)
    await workforce.stand_up(place.manager, worker, "Discussed")
    assert (await judged(place, worker)).reasons == (
        "has new information on the DBS certificate, so a new certificate is needed",
    )
    clock.move(timedelta(hours=1))
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=TODAY, checked_by_name="Ada Brook", certificate_number="002222222222",
        issued_on=TODAY, workforce="child", barred_list_checked=True,
    )  # fmt: skip
    assert (await judged(place, worker)).ready
    assert (await dbs_updates.check_status(place.manager, connected, worker)).answer == "BLANK_NO_NEW_INFO"

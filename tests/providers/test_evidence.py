"""What makes a worker ready, what takes it away, and what can never make one ready."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.providers import dbs_checks, evidence, leaving, queries, sweeps, withdrawing, workforce
from marketplace.providers.readiness import Ready, match_statement, readiness, ready_counts
from tests.providers.conftest import Place
from tests.world import providers

TODAY = date(2026, 5, 11)


async def judged(place: Place, worker_id: UUID, lot: str = "C", needs=(), on: date = TODAY, by=None) -> Ready:  # type: ignore[no-untyped-def]
    found = await ask(by or place.manager, readiness, place.provider_id, place.pack, lot, needs, on)
    return next(entry for entry in found if entry.worker.id == worker_id)


async def test_a_worker_with_everything_the_pack_asks_is_ready_and_a_bare_one_says_why_not(place):
    ready = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    bare = await providers.worker(place.manager, "Lee Barton")
    found = await ask(place.manager, readiness, place.provider_id, place.pack, "C", (), TODAY)
    assert [(entry.worker.id, entry.ready) for entry in found] == [(ready, True), (bare, False)]
    assert "has no DBS check" in found[1].reasons
    assert "has not been assessed in First aid" in found[1].reasons
    assert found[1].sentence.startswith("Lee Barton has ")


async def test_the_same_evidence_is_judged_lot_by_lot(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    entry = await judged(place, worker, "A")
    assert "has a role this lot does not take" in entry.reasons


async def test_a_starred_competency_is_asked_only_where_the_child_needs_it(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    starred = next(r.competency for r in place.pack.requirements("C") if r.kind == "where_needed")
    assert (await judged(place, worker)).ready
    assert (await judged(place, worker, needs=(starred,))).codes[0].item == starred


@pytest.mark.parametrize(
    ("checked_on", "last_day"),
    [
        (date(2026, 4, 11), date(2026, 10, 11)),
        (date(2025, 8, 31), date(2026, 2, 28)),  # a month without a 31st
        (date(2027, 8, 31), date(2028, 2, 29)),
    ],
)
async def test_a_dbs_check_counts_to_the_same_day_six_months_on(place, clock, checked_on, last_day):
    clock.move_to(datetime(checked_on.year, checked_on.month, checked_on.day, 12, tzinfo=UTC))
    worker = await providers.worker(place.manager, "Wren Ashby")
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=checked_on, checked_by_name="Ada Brook", **providers.paper(worker)
    )
    overdue = "has a DBS check that is due again"
    assert overdue not in (await judged(place, worker, on=last_day)).reasons
    assert overdue in (await judged(place, worker, on=last_day + timedelta(days=1))).reasons


async def test_new_information_on_a_dbs_stands_the_worker_down_at_once_and_tells_the_office(place, migrator, clock):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=TODAY, checked_by_name="Ada Brook", outcome="new_information"
    )
    entry = await judged(place, worker)
    assert set(entry.reasons) == {
        "is stood down",
        "has new information on the DBS certificate, so a new certificate is needed",
    }
    rows = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1", place.provider_id)
    (told,) = [row["sentence"] for row in rows if "stood down" in row["sentence"]]
    assert "Wren" not in told
    clock.move(timedelta(days=2))
    # nothing of the old certificate speaks for the new one, and what was issued before cannot settle it
    told = {
        "checked_on": TODAY + timedelta(days=2),
        "checked_by_name": "Ada Brook",
        "certificate_number": "009876543210",
    }
    for given, field in (
        ({"workforce": "child", "barred_list_checked": True}, "issued_on"),
        ({"issued_on": TODAY, "barred_list_checked": True}, "workforce"),
        ({"issued_on": TODAY, "workforce": "child"}, "barred_list_checked"),
        ({"issued_on": TODAY - timedelta(days=1), "workforce": "child", "barred_list_checked": True}, "issued_on"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await dbs_checks.record_dbs_check(place.manager, worker, **told, **given)
        assert set(refused.value.fields) == {field}
    await dbs_checks.record_dbs_check(
        place.manager, worker, **told, issued_on=TODAY, workforce="child", barred_list_checked=True
    )
    # recorded with a wrong day and withdrawn, the true certificate is recorded again, though issued on the news's day
    wrong = (await recorded_of(place, worker))[0]
    await withdrawing.withdraw_check(place.manager, worker, "dbs", wrong, "The day was wrong")
    assert not (await judged(place, worker, on=TODAY + timedelta(days=2))).ready
    again = {"issued_on": TODAY, "workforce": "child", "barred_list_checked": True}
    with pytest.raises(InvalidInput) as refused:
        await dbs_checks.record_dbs_check(place.manager, worker, **told, **{**again, "barred_list_checked": False})
    assert set(refused.value.fields) == {"barred_list_checked"}
    await dbs_checks.record_dbs_check(place.manager, worker, **told, **again)
    await workforce.stand_up(place.manager, worker, "New certificate seen and discussed")
    assert (await judged(place, worker, on=TODAY + timedelta(days=2))).ready


async def recorded_of(place, worker):  # type: ignore[no-untyped-def]
    async with unit_of_work(place.manager, read_only=True) as work:
        return [each.id for each in await withdrawing.recorded_checks(work, worker) if each.may_be_withdrawn]


async def test_what_is_sent_twice_is_kept_once_and_what_is_new_in_it_is_kept(place, migrator):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ash")
    check = {"checked_on": date(2026, 5, 11), "checked_by_name": "Mo Rahman"}
    first = await dbs_checks.record_dbs_check(place.manager, worker, **check)
    assert await dbs_checks.record_dbs_check(place.manager, worker, **check) == first
    assert await dbs_checks.record_dbs_check(place.manager, worker, **check, workforce="child_and_adult") != first
    for _ in range(2):
        await dbs_checks.record_dbs_check(place.manager, worker, **check, outcome="new_information")
    await workforce.stand_up(place.manager, worker, "It was about somebody else")
    await dbs_checks.record_dbs_check(place.manager, worker, **check, outcome="new_information")
    assert (await ask(place.manager, queries.worker, worker)).stood_down_at is not None
    done = {
        "code": "first_aid",
        "assessed_on": date(2026, 5, 10),
        "method": "observed",
        "assessor_name": "Alex Moor, nurse",
    }
    signed = await evidence.record_competency(place.manager, worker, **done)
    assert await evidence.record_competency(place.manager, worker, **done) == signed
    await evidence.record_competency(place.manager, worker, **{**done, "assessor_name": "Kim Low, nurse"})
    assert await migrator.fetchval("SELECT count(*) FROM worker_dbs_check WHERE checked_on = '2026-05-11'") == 4
    assert await migrator.fetchval("SELECT count(*) FROM worker_competency WHERE assessed_on = '2026-05-10'") == 2


async def test_training_attended_signs_nobody_off(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    await evidence.record_competency(
        place.manager,
        worker,
        code="first_aid",
        assessed_on=TODAY,
        method="attendance",
        assessor_name="Alex Moor, nurse educator",
    )
    record = await ask(place.manager, queries.worker, worker)
    assert record.competencies[0].assessor is None
    assert "is not signed off in First aid" in (await judged(place, worker)).reasons


async def test_nobody_signs_themselves_off_by_id_by_name_or_past_the_action(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    given = {"code": "first_aid", "assessed_on": TODAY, "method": "observed"}
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(place.manager, worker, assessor_worker_id=worker, **given)
    assert "Nobody signs themselves off" in refused.value.fields["assessor_worker_id"]
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(place.manager, worker, assessor_name="  lee   BARTON ", **given)
    assert "Nobody signs themselves off" in refused.value.fields["assessor_name"]
    with pytest.raises(asyncpg.CheckViolationError):
        async with unit_of_work(place.manager) as work:
            await work.execute(
                "INSERT INTO worker_competency (provider_id, worker_id, code, assessed_on, method, assessor_worker_id,"
                " recorded_at, recorded_by) VALUES ($1, $2, 'first_aid', $3, 'observed', $2, $4, $5)",
                place.provider_id, worker, TODAY, work.now, place.manager.person_id,
            )  # fmt: skip


async def test_an_assessor_is_named_and_a_colleague_of_ones_own(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    theirs = await providers.worker(place.rival, "Sol Rival")
    given = {"code": "first_aid", "assessed_on": TODAY, "method": "observed"}
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(place.manager, worker, **given)
    assert "assessor_name" in refused.value.fields
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(place.manager, worker, assessor_worker_id=theirs, **given)
    assert "assessor_worker_id" in refused.value.fields


async def test_sending_back_to_training_takes_every_record_of_it_until_a_new_assessment(place, clock):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    given = {"code": "first_aid", "method": "observed", "assessor_name": "Alex Moor, nurse educator"}
    await evidence.record_competency(place.manager, worker, assessed_on=TODAY - timedelta(days=200), **given)
    assert await evidence.send_back_to_training(place.manager, worker, "first_aid", "Unsure at the last drill") == 2
    assert "has not been assessed in First aid" in (await judged(place, worker)).reasons
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(place.manager, worker, assessed_on=TODAY - timedelta(days=1), **given)
    assert "sent back to training" in refused.value.fields["assessed_on"]
    with pytest.raises(Conflict):
        await evidence.send_back_to_training(place.manager, worker, "first_aid", "Again")
    clock.move(timedelta(days=2))
    await evidence.record_competency(place.manager, worker, assessed_on=TODAY + timedelta(days=1), **given)
    assert (await judged(place, worker, on=TODAY + timedelta(days=2))).ready


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("certificate_number", {"certificate_number": "12345"}),
        ("checked_on", {"checked_on": date(2026, 5, 12)}),
        ("checked_by_name", {"checked_by_name": "  "}),
        ("outcome", {"outcome": "fine"}),
        ("issued_on", {"issued_on": date(2026, 5, 12)}),
        ("workforce", {"workforce": "adult"}),
    ],
)
async def test_what_cannot_be_true_of_a_dbs_check_is_refused_by_its_field(place, field, given):
    worker = await providers.worker(place.manager, "Lee Barton")
    with pytest.raises(InvalidInput) as refused:
        await dbs_checks.record_dbs_check(
            place.manager,
            worker,
            **(providers.paper(worker) | {"checked_on": TODAY, "checked_by_name": "Ada Brook"} | given),
        )
    assert set(refused.value.fields) == {field}


async def test_a_registration_is_written_as_the_register_writes_it_and_lapses(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse")
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_registration(place.manager, worker, pin="1234", valid_until=TODAY)
    assert set(refused.value.fields) == {"pin"}
    await evidence.record_registration(place.manager, worker, pin="18a 1234e", valid_until=TODAY)
    assert (await judged(place, worker, "A")).ready
    lapsed = "has a lapsed registration with the Nursing and Midwifery Council"
    assert lapsed in (await judged(place, worker, "A", on=TODAY + timedelta(days=1))).reasons
    await evidence.record_registration(
        place.manager, worker, pin="18A1234E", valid_until=TODAY + timedelta(days=90), fit_to_practise=False
    )
    assert lapsed in (await judged(place, worker, "A")).reasons


async def test_supervision_and_a_profile_are_part_of_readiness(place, clock):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await workforce.publish_profile(place.manager, worker, "Another text", False)
    assert [code.item for code in (await judged(place, worker)).codes] == ["profile"]
    await workforce.publish_profile(place.manager, worker, "Another text", True)
    entry = await judged(place, worker, on=TODAY + timedelta(days=80))
    assert [code.item for code in entry.codes] == ["supervision"]


async def test_standing_down_and_up_and_leaving(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    with pytest.raises(InvalidInput):
        await workforce.stand_down(place.manager, worker, " ")
    await workforce.stand_down(place.manager, worker, "A concern is looked into")
    with pytest.raises(WrongState):
        await workforce.stand_down(place.manager, worker, "Again")
    assert (await judged(place, worker)).reasons == ("is stood down",)
    await workforce.stand_up(place.manager, worker, "Nothing was found")
    with pytest.raises(WrongState):
        await workforce.stand_up(place.manager, worker, "Again")
    await leaving.leave(place.manager, worker, TODAY)
    assert (await judged(place, worker)).ready  # the last day counts
    assert "has left the provider" in (await judged(place, worker, on=TODAY + timedelta(days=1))).reasons


async def test_after_the_last_day_the_workers_sign_in_ends_by_itself_once(place, clock, migrator):
    worker = await providers.worker(place.manager, "Wren Ashby")
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren.ashby@example.org")
    await leaving.leave(place.manager, worker, TODAY)
    assert await sweeps.end_roles(place.provider_id) == 0
    clock.move(timedelta(days=1))
    assert [await sweeps.end_roles(place.provider_id), await sweeps.end_roles(place.provider_id)] == [1, 0]
    ended = await migrator.fetchval("SELECT ended_at FROM membership WHERE person_id = $1", themself.person_id)
    assert ended is not None


async def test_the_match_statement_says_who_what_until_when_and_by_whom_and_no_number(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse")
    statement = match_statement(await judged(place, worker, "A"))
    by = {item["what"]: item for item in statement["items"]}
    assert by["First aid"]["signed_off_by"] == "Alex Moor, nurse educator"
    assert by["First aid"]["valid_until"] == "2029-04-11"
    assert any("DBS" in what for what in by)
    assert providers.certificate_of(worker) not in str(statement) and providers.pin_of(worker) not in str(statement)


async def test_a_commissioner_of_the_framework_judges_readiness_alike_and_one_apart_sees_nobody(place):
    await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    for commissioner, count in ((place.lead, 1), (place.partner, 1), (place.apart, 0)):
        counts = await ask(commissioner, ready_counts, [place.provider_id], place.pack, "C", (), TODAY)
        assert counts == {place.provider_id: count}


async def test_certificate_numbers_and_contacts_are_the_providers_and_the_workers_own(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    other = await providers.ready_worker(place.manager, place.framework_id, "C", "Lee Barton")
    details = await ask(place.manager, queries.private_details, worker)
    assert details["dbs_certificate_number"] == providers.certificate_of(worker)
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren.ashby@example.org")
    assert (await ask(themself, queries.private_details, worker))["worker_id"] == worker
    for actor, asked in ((place.lead, worker), (place.rival, worker), (place.apart, worker), (themself, other)):
        with pytest.raises(NotFound):
            await ask(actor, queries.private_details, asked)


async def test_a_worker_sees_their_own_training_lot_by_lot_and_nobody_elses(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await providers.ready_worker(place.manager, place.framework_id, "C", "Lee Barton")
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren.ashby@example.org")
    (training,) = await ask(themself, queries.my_training)
    assert training.record.name == "Wren Ashby"
    assert {lot.lot: lot.entry.ready for lot in training.lots} == {"A": False, "C": True}
    async with unit_of_work(themself, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM worker") == 1
        assert await work.fetchval("SELECT count(*) FROM worker_competency WHERE worker_id <> $1", worker) == 0


async def test_a_rival_reaches_no_worker_of_ours_by_query_or_action(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    with pytest.raises(NotFound):
        await ask(place.rival, queries.worker, worker)
    with pytest.raises(NotFound):
        await workforce.stand_down(place.rival, worker, "Not mine to stand down")
    with pytest.raises(NotFound):
        await evidence.record_check(place.rival, worker, kind="references", done_on=TODAY)
    with pytest.raises(NotPermitted):
        await workforce.stand_down(place.lead, worker, "A commissioner does not")


async def test_one_sign_in_belongs_to_one_worker(place):
    one = await providers.worker(place.manager, "Wren Ashby")
    two = await providers.worker(place.manager, "Lee Barton")
    await workforce.invite_worker(place.manager, one, "wren.ashby@example.org")
    with pytest.raises(Conflict, match="has a sign-in already"):
        await workforce.invite_worker(place.manager, one, "else@example.org")
    with pytest.raises(Conflict, match="Wren Ashby's sign-in"):
        await workforce.invite_worker(place.manager, two, "Wren.Ashby@example.org")


async def test_a_workers_role_is_one_the_packs_know(place):
    with pytest.raises(InvalidInput) as refused:
        await workforce.add_worker(place.manager, name=" ", role="wizard", engagement="friend")
    assert set(refused.value.fields) == {"name", "role", "engagement"}

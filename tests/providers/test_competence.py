"""Trained is one fact, assessed another: who may sign off, for which child, with what attached, and what ends it."""

from __future__ import annotations

from datetime import date, time, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.packages import boards, record_actions
from marketplace.packages.placing import judge_for
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import attachments, dbs_checks, evidence, queries, workforce
from marketplace.providers.readiness import Ready, match_statement, readiness
from marketplace.providers.vocabulary import words_of
from tests.providers.conftest import Place
from tests.world import packages, people, providers, referrals
from tests.world.evidence import a_file_of
from tests.world.referrals import borough

TODAY = date(2026, 5, 11)
OBSERVED = {"code": "first_aid", "assessed_on": TODAY, "method": "observed"}


async def judged(place: Place, worker_id: UUID) -> Ready:
    found = await ask(place.manager, readiness, place.provider_id, place.pack, "C", (), TODAY)
    return next(entry for entry in found if entry.worker.id == worker_id)


async def a_file(manager: Actor, worker_id: UUID | None, kind: str = "assessment", state: str = "checking") -> UUID:
    """A file as it stands after an upload, without the store."""
    return await a_file_of(manager, kind, worker_id, state=state, title="The sheet")


async def refused_on(field: str, manager: Actor, worker_id: UUID, **given: object) -> str:
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(manager, worker_id, **{**OBSERVED, **given})  # type: ignore[arg-type]
    assert set(refused.value.fields) == {field}
    return refused.value.fields[field]


# --- never by oneself -------------------------------------------------------------------------------------------------


OWN_NAMES = (
    "Lee Barton, senior carer", "lee barton (nurse)", "Lee  Barton - team lead", "Ms Lée Barton, carer", "Barton, Lee",
    "L. Barton, nurse", "Lee B (nurse)", "Nurse: Lee Barton", "Nurse: L Barton", "Lee, carer", "Mr Barton, carer",
)  # fmt: skip


async def test_ones_own_name_however_written_is_still_oneself(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    for typed in OWN_NAMES:
        said = await refused_on("assessor_name", place.manager, worker, assessor_name=typed)
        assert "Nobody signs themselves off" in said, typed
        with pytest.raises(InvalidInput) as refused:
            await dbs_checks.record_dbs_check(place.manager, worker, checked_on=TODAY, checked_by_name=typed)
        assert "Nobody checks themselves" in refused.value.fields["checked_by_name"], typed
    for typed in ("x", "Alex", "Alex Moor", "Dr Moor, GP"):
        assert "full name and job" in await refused_on("assessor_name", place.manager, worker, assessor_name=typed)
    for typed in ("x", "7", "x y, z", "1 2, nurse", "Alex Moor, x", " - "):
        assert "full name and job" in await refused_on("assessor_name", place.manager, worker, assessor_name=typed)
    for typed in ("Lena Barton, lead nurse", "Lee Moor (GP)", "Anna Lee-Barton, nurse", "Alex Moor - L&D nurse"):
        await evidence.record_competency(place.manager, worker, assessor_name=typed, **OBSERVED)


async def test_who_made_a_check_has_a_first_and_a_last_name(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    seen = {"checked_on": TODAY, **providers.paper(worker)}
    for typed in ("x", "12 34", " . ", "Ada", "A B", "Ms Brook"):
        with pytest.raises(InvalidInput) as refused:
            await dbs_checks.record_dbs_check(place.manager, worker, checked_by_name=typed, **seen)
        said = {"checked_by_name": "Enter the first and last name of who made the check, like Ada Brook"}
        assert refused.value.fields == said, typed
    assert (await ask(place.manager, queries.worker, worker)).dbs is None
    await dbs_checks.record_dbs_check(place.manager, worker, checked_by_name="A. Brook", **seen)
    for name in ("", "x", "7"):
        with pytest.raises(InvalidInput) as refused:
            await providers.worker(place.manager, name)
        assert refused.value.fields == {"name": "Enter the worker's full name"}


@pytest.mark.parametrize("tie", ["email", "pin", "certificate", "name"])
async def test_a_second_row_of_the_same_person_signs_nobody_off(place, tie, migrator):
    async def row(name: str) -> UUID:
        worker = await workforce.add_worker(
            place.manager, name=name, role="support_worker", email="lee@example.org" if tie == "email" else ""
        )
        if tie == "pin":
            await evidence.record_registration(place.manager, worker, pin="18A1234E", valid_until=TODAY)
        if tie == "certificate":  # rows from before a certificate was one person's
            await migrator.execute(
                "UPDATE worker_private SET dbs_certificate_number = '001234567890' WHERE worker_id = $1", worker
            )
        return worker

    worker = await row("Lee Barton")
    twin = await row("Barton, Ms Lee" if tie == "name" else "Elle Bee")
    assert "Nobody signs themselves off" in await refused_on(
        "assessor_worker_id", place.manager, worker, assessor_worker_id=twin
    )


async def test_two_namesakes_with_sign_ins_of_their_own_are_two_people(place):
    one, two = [await providers.worker(place.manager, "Sam Jones") for _ in range(2)]
    await providers.with_sign_in(place.manager, one, "Sam Jones", "sam.one@example.org")
    await providers.with_sign_in(place.manager, two, "Sam Jones", "sam.two@example.org")
    await evidence.record_competency(place.manager, one, assessor_worker_id=two, **OBSERVED)
    assert (await ask(place.manager, queries.worker, one)).competencies[0].assessor_worker_id == two


async def test_a_coordinator_who_also_cares_records_no_proof_about_themselves(place, migrator):
    worker = await providers.worker(place.manager, "Lee Barton")
    themself = await providers.with_sign_in(place.manager, worker, "Lee Barton", "lee@example.org")
    hat = await people.person_in(place.manager, "coordinator", "Lee Barton", "lee@example.org")
    assert hat.person_id == themself.person_id
    told = await refused_on("method", hat, worker, assessor_name="Alex Moor, nurse educator")
    assert "somebody else in your office" in told
    with pytest.raises(InvalidInput) as refused:
        await dbs_checks.record_dbs_check(
            hat, worker, checked_on=TODAY, checked_by_name="Alex Moor", **providers.paper(worker)
        )
    assert set(refused.value.fields) == {"checked_by_name"}
    with pytest.raises(InvalidInput):
        await evidence.record_check(hat, worker, kind="references", done_on=TODAY)
    with pytest.raises(InvalidInput):
        await evidence.record_registration(hat, worker, pin="18A1234E", valid_until=TODAY)
    await workforce.stand_down(place.manager, worker, "A concern")
    with pytest.raises(InvalidInput):
        await workforce.stand_up(hat, worker, "I am fine")
    # the training they attended they may note down: it signs nobody off
    await evidence.record_competency(hat, worker, code="first_aid", assessed_on=TODAY, method="attendance")
    # and past the action the database refuses it too
    with pytest.raises(asyncpg.CheckViolationError):
        async with unit_of_work(hat) as work:
            await work.execute(
                "INSERT INTO worker_competency (provider_id, worker_id, code, assessed_on, method, assessor_name,"
                " recorded_at, recorded_by) VALUES ($1, $2, 'first_aid', $3, 'observed', 'Alex', $4, $5)",
                place.provider_id, worker, TODAY, work.now, hat.person_id,
            )  # fmt: skip
    assert await migrator.fetchval("SELECT count(*) FROM worker_competency WHERE assessor_name IS NOT NULL") == 0


# --- attended and assessed are two facts ------------------------------------------------------------------------------


async def test_training_and_assessment_stand_side_by_side_and_only_the_second_makes_ready(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    await evidence.send_back_to_training(place.manager, worker, "first_aid", "Unsure at the drill")
    await evidence.record_competency(
        place.manager,
        worker,
        code="first_aid",
        assessed_on=TODAY,
        method="attendance",
        assessor_name="Alex Moor, nurse educator",
    )
    assert "is not signed off in First aid" in (await judged(place, worker)).reasons
    await evidence.record_competency(place.manager, worker, assessor_name="Alex Moor, nurse educator", **OBSERVED)
    assert (await judged(place, worker)).ready
    record = await ask(place.manager, queries.worker, worker)
    counting = [(r.method, r.assessor) for r in record.competencies if r.code == "first_aid" and not r.withdrawn_at]
    assert sorted(counting) == [("attendance", None), ("observed", "Alex Moor, nurse educator")]


# --- evidence attached ------------------------------------------------------------------------------------------------


async def test_a_file_about_the_worker_is_attached_and_found_again(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    sheet = await a_file(place.manager, worker)
    await evidence.record_competency(
        place.manager, worker, assessor_name="Alex Moor, nurse educator", evidence_id=sheet, **OBSERVED
    )
    # a framework may take no sign-off without its file, and that found clean
    clean = await a_file(place.manager, worker, state="clean")
    strict = place.pack.with_decisions({"settings.readiness.sign_off_needs_file": True})
    async with unit_of_work(place.manager) as work:
        row = await workforce.own_worker(work, worker)
        signing = {**OBSERVED, "assessor_name": "Kim Low, nurse educator"}
        spoken = words_of([(place.framework_id, "Strict", strict)])
        with pytest.raises(InvalidInput) as refused:
            await evidence.keep_competency(work, row, spoken, **signing)
        assert set(refused.value.fields) == {"evidence_id"}
        with pytest.raises(InvalidInput) as refused:
            await evidence.keep_competency(work, row, spoken, evidence_id=sheet, **signing)
        assert "still being checked" in refused.value.fields["evidence_id"]
        await evidence.keep_competency(work, row, spoken, evidence_id=clean, **signing)
    scan = await a_file(place.manager, worker, "dbs_certificate")
    await dbs_checks.record_dbs_check(
        place.manager, worker, checked_on=TODAY, checked_by_name="Ada Brook", evidence_id=scan,
        **providers.paper(worker),
    )  # fmt: skip
    await evidence.record_check(place.manager, worker, kind="references", done_on=TODAY, evidence_id=sheet)
    record = await ask(place.manager, queries.worker, worker)
    assert record.competencies[0].evidence_id == sheet
    assert record.dbs is not None and record.dbs.evidence_id == scan
    about = await ask(place.manager, attachments.files_about, worker)
    assert {key for key, _, _ in about} == {sheet, scan, clean}


async def test_no_file_of_another_worker_no_refused_one_no_dbs_scan_and_none_of_a_rivals(place):
    worker = await providers.worker(place.manager, "Lee Barton")
    other = await providers.worker(place.manager, "Wren Ashby")
    given = {"assessor_name": "Alex Moor, nurse educator"}
    for file, says in (
        (await a_file(place.manager, other), "another worker"),
        (await a_file(place.manager, None), "another worker"),
        (await a_file(place.manager, worker, state="refused"), "refused"),
        (await a_file(place.manager, worker, "dbs_certificate"), "belongs to the DBS check"),
    ):
        assert says in await refused_on("evidence_id", place.manager, worker, evidence_id=file, **given)
    theirs = await providers.worker(place.rival, "Sol Rival")
    for file in (await a_file(place.rival, theirs), uuid4()):
        with pytest.raises(NotFound):
            await evidence.record_competency(place.manager, worker, evidence_id=file, **given, **OBSERVED)


# --- child-specific, and back to training -----------------------------------------------------------------------------


@pytest.fixture
async def case(database):
    world = await borough(database, provider_names=("Alder Care",))
    return await packages.set_up(world)


async def test_a_sign_off_with_one_child_counts_for_that_package_and_no_other(case):
    package = await case.package()
    child = await referrals.add_child(case.world.referrer, name="Tom Fielding")
    other = await packages.set_up(
        case.world, child_id=child, workers=(case.worker_id, case.backup_id), worker_people=(case.worker, case.backup)
    )
    code = next(r.code for r in (await ask(case.manager, queries.worker, case.worker_id)).competencies)
    await evidence.send_back_to_training(case.manager, case.worker_id, code, "To be seen with this child")
    await evidence.record_competency(
        case.manager, case.worker_id, code=code, assessed_on=TODAY, method="observed", assessor_name="Alex Moor, nurse",
        for_package_id=case.package_id,
    )  # fmt: skip
    there = {}
    for each in (case, other):
        row = await each.package()
        judge = await ask(case.manager, judge_for, row, [case.worker_id])
        there[row.id] = [reason.item for reason in judge.on(case.worker_id, row.starts_on).codes]
    assert there[package.id] == [] and there[other.package_id] == [code]
    # nor does an offer's statement claim it
    pack = await ask(case.manager, pack_of, case.world.framework_id)
    found = await ask(case.manager, readiness, case.manager.provider_id, pack, case.world.lot, (), TODAY)
    statement = match_statement(next(entry for entry in found if entry.worker.id == case.worker_id))
    assert not statement["ready"] and len(statement["missing"]) == 1


async def test_a_package_of_a_rival_is_no_place_to_sign_off_for(case, database):
    rival = await people.provider_org(database, "Rival Care")
    await providers.in_good_order(rival)
    worker = await workforce.add_worker(rival, name="Sol Rival", role=(await _role(case)))
    code = next(r.code for r in (await ask(case.manager, queries.worker, case.worker_id)).competencies)
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_competency(
            rival, worker, code=code, assessed_on=TODAY, method="observed", assessor_name="Alex Moor, nurse",
            for_package_id=case.package_id,
        )  # fmt: skip
    assert refused.value.fields["for_package_id"] == "Select one of your packages"


async def _role(case: packages.Case) -> str:
    return (await ask(case.manager, queries.worker, case.worker_id)).role


async def test_back_to_training_flags_planned_visits_to_both_sides_and_they_cannot_start(case, clock, migrator):
    day = TODAY + timedelta(days=2)
    visit_id = await packages.a_visit(case, day, time(16), time(18))
    code = next(r.code for r in (await ask(case.manager, queries.worker, case.worker_id)).competencies)
    assert (await ask(case.manager, boards.week, TODAY)).conflicts == 0
    await evidence.send_back_to_training(case.manager, case.worker_id, code, "Unsure at the drill")
    week = await ask(case.manager, boards.week, TODAY)
    assert week.conflicts == 1
    told = await migrator.fetch("SELECT organisation_id, person_id, sentence, link FROM notice")
    office = [row for row in told if row["organisation_id"] == case.manager.provider_id and not row["person_id"]]
    assert any("goes back to training" in row["sentence"] for row in office)
    referrer = [row["sentence"] for row in told if row["person_id"] == case.referrer.person_id]
    reference = (await case.package()).reference
    assert any(reference in said and "not ready" in said for said in referrer)
    assert all("Wren" not in row["sentence"] and "drill" not in row["sentence"] for row in told)
    visit = await case.visit(visit_id)
    clock.move_to(visit.planned_start)
    with pytest.raises(Conflict, match="not cleared for this visit"):
        await record_actions.start_visit(case.worker, visit_id)


async def test_an_offers_statement_holds_who_what_until_when_by_whom_and_nothing_else(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse")
    found = await ask(place.manager, readiness, place.provider_id, place.pack, "A", (), TODAY)
    statement = match_statement(next(entry for entry in found if entry.worker.id == worker))
    assert set(statement) == {"worker", "role", "lot", "on", "ready", "items", "missing"}
    assert {key for item in statement["items"] for key in item} == {"what", "since", "valid_until", "signed_off_by"}
    assert not any(item["what"].startswith("Car insurance") for item in statement["items"]), "she drives no children"
    checks = [rule.title for rule in place.pack.content.worker_checks if rule.evidence == "record" and rule.required]
    checked = [item for item in statement["items"] if item["what"] in checks]
    for start in ("References", "Right to work", "English"):
        assert any(item["what"].startswith(start) and item["since"] for item in checked), start
    others = [item for item in statement["items"] if item not in checked]
    assert all(item["valid_until"] for item in others)
    assert all(item["signed_off_by"] for item in others if not item["what"].startswith("Registration"))
    await workforce.change_worker(
        place.manager, worker, name="Nia Nurse", role="childrens_nurse", engagement="employed", drives_children=True
    )
    found = await ask(place.manager, readiness, place.provider_id, place.pack, "A", (), TODAY)
    statement = match_statement(next(entry for entry in found if entry.worker.id == worker))
    assert any(item["what"].startswith("Car insurance") and item["valid_until"] for item in statement["items"])

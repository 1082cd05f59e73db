"""The record of a visit, from arriving to the last signature: what is kept, who may, and what counts as signed."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date, time, timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.identity.actions import set_pin
from marketplace.identity.permissions import may
from marketplace.obligations.queries import my_duties
from marketplace.packages import overrun_decisions, queries, record_actions, signing
from marketplace.packages.records import RecordText, missing_words
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    TooManyAttempts,
    WrongState,
)
from marketplace.policy.calendar import wall_time
from marketplace.providers.workforce import stand_down
from tests.world import packages, people, referrals

TUESDAY = date(2026, 5, 12)


def at(hour: int, minute: int = 0):  # type: ignore[no-untyped-def]
    return wall_time(TUESDAY, time(hour, minute))


@pytest.fixture
async def visit_id(ready: packages.Case) -> UUID:
    """A visit on Tuesday from four to six."""
    return await packages.a_visit(ready, TUESDAY)


@pytest.fixture
async def finished(ready: packages.Case, visit_id: UUID, clock) -> str:  # type: ignore[no-untyped-def]
    """It is five past six, the visit is written up and signed by the worker; the record's hash."""
    clock.move_to(at(18, 5))
    return await packages.delivered(ready, visit_id)


async def missing(case: packages.Case, visit_id: UUID) -> list[str]:
    visit = await case.visit(visit_id)
    workers = await ask(case.manager, queries.visit_workers, visit)
    pack = await ask(case.manager, queries.pack_for, visit)
    return missing_words(pack, visit, [(row["printed_name"], row["signed_at"] is not None) for row in workers])


async def test_a_visit_at_the_door_now_and_in_whole_minutes(ready, visit_id, clock):
    clock.move_to(at(16, 3) + timedelta(seconds=42))
    await record_actions.start_visit(ready.worker, visit_id)
    assert (await ready.package()).state == "active"
    with pytest.raises(WrongState):
        await record_actions.start_visit(ready.worker, visit_id)
    clock.move_to(at(17, 58) + timedelta(seconds=59))
    await record_actions.write_record(ready.worker, visit_id, RecordText(activities="Swimming"))
    await record_actions.finish_visit(ready.worker, visit_id)
    visit = await ready.visit(visit_id)
    assert (visit.actual_start, visit.actual_end, visit.outcome) == (at(16, 3), at(17, 58), "delivered")
    assert await missing(ready, visit_id) == ["a worker has not signed", "the family has not confirmed it"]
    await record_actions.sign_as_worker(ready.worker, visit_id, text_hash=visit.record_hash)
    await signing.family_confirms(ready.family, visit_id, text_hash=visit.record_hash)
    assert await missing(ready, visit_id) == []


async def test_another_time_than_now_needs_its_reason_and_must_be_possible(ready, visit_id, clock):
    clock.move_to(at(16, 30))

    async def start(**given):  # type: ignore[no-untyped-def]
        with pytest.raises(InvalidInput) as fault:
            await record_actions.start_visit(ready.worker, visit_id, **given)
        return set(fault.value.fields)

    assert await start(at=at(16, 2)) == {"reason"}
    assert await start(at=at(16, 31), reason="x") == {"start"}
    assert await start(at=at(12, 0), reason="x") == {"start"}
    await record_actions.start_visit(ready.worker, visit_id, at=at(16, 2), reason="No signal in the hall")
    with pytest.raises(InvalidInput) as fault:
        await record_actions.finish_visit(ready.worker, visit_id, at=at(16, 2), reason="x")
    assert "end" in fault.value.fields
    await record_actions.finish_visit(ready.worker, visit_id)
    text = await ask(ready.worker, queries.record_text, await ready.visit(visit_id))
    assert "No signal in the hall" in text.text


async def test_who_is_not_cleared_any_more_does_not_begin(ready, visit_id, clock):
    await stand_down(ready.manager, ready.worker_id, "An allegation is looked into")
    clock.move_to(at(16))
    with pytest.raises(Conflict, match=r"not cleared for this visit: .*stood down"):
        await record_actions.start_visit(ready.worker, visit_id)


async def test_a_colleague_reads_a_visit_of_the_package_and_writes_nothing(ready, visit_id, finished):
    note = await ask(ready.backup, queries.visit_note, await ask(ready.backup, queries.visit, visit_id))
    assert note["activities"].startswith("Went swimming")
    for attempt in (
        record_actions.write_record(ready.backup, visit_id, RecordText(activities="Something else")),
        record_actions.sign_as_worker(ready.backup, visit_id, text_hash=finished),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await record_actions.start_visit(ready.backup, visit_id)


async def test_signatures_are_under_exactly_the_text_shown(ready, visit_id, finished, migrator):
    await signing.family_confirms(ready.family, visit_id, text_hash=finished, device="a phone")
    for reader in (ready.family, ready.worker, ready.manager, ready.referrer):
        text = (await ask(reader, queries.record_text, await ask(reader, queries.visit, visit_id))).text
        assert hashlib.sha256(text.encode()).hexdigest() == finished
    for line in (
        "Tuesday 12 May 2026, 16:00",
        "Went swimming, then cooked pasta",
        "Alder Worker 1",
        "Calm and cheerful",
    ):
        assert line in text
    rows = await migrator.fetch(
        "SELECT side, method, text_hash, printed_name FROM signature WHERE subject_id = $1", visit_id
    )
    assert {(row["side"], row["method"], row["text_hash"]) for row in rows} == {
        ("worker", "own_sign_in", finished), ("family", "own_sign_in", finished)
    }  # fmt: skip
    with pytest.raises(WrongState, match="confirmed already"):
        await signing.family_confirms(ready.family, visit_id, text_hash=finished)
    with pytest.raises(asyncpg.CheckViolationError):
        await migrator.execute("UPDATE signature SET printed_name = 'x' WHERE subject_id = $1", visit_id)


async def test_a_changed_record_asks_for_signatures_again_and_is_fixed_once_the_family_answered(
    ready, visit_id, finished
):
    await record_actions.write_record(ready.worker, visit_id, RecordText(activities="Went swimming only."))
    assert "a worker has not signed" in await missing(ready, visit_id)
    with pytest.raises(Conflict, match="changed since you opened it"):
        await signing.family_confirms(ready.family, visit_id, text_hash=finished)
    now = (await ready.visit(visit_id)).record_hash
    await signing.family_confirms(ready.family, visit_id, text_hash=now)
    await record_actions.sign_as_worker(ready.worker, visit_id, text_hash=now)
    with pytest.raises(WrongState, match="family has answered"):
        await record_actions.write_record(ready.worker, visit_id, RecordText(activities="Other"))
    with pytest.raises(WrongState, match="family has answered"):
        await record_actions.correct_times(ready.worker, visit_id, start=at(16), end=at(17), reason="x")
    assert (await ready.visit(visit_id)).record_hash == now


async def test_writing_and_confirming_at_once_never_leaves_a_signature_under_another_text(
    ready, visit_id, finished, migrator
):
    await asyncio.gather(
        signing.family_confirms(ready.family, visit_id, text_hash=finished),
        record_actions.write_record(ready.worker, visit_id, RecordText(activities="Changed at that moment")),
        return_exceptions=True,
    )
    visit = await ready.visit(visit_id)
    signed = await migrator.fetchval(
        "SELECT text_hash FROM signature WHERE subject_id = $1 AND side = 'family'", visit_id
    )
    assert signed == visit.record_hash if visit.family_signed else signed is None


async def test_nothing_is_signed_before_activities_are_written_down(ready, visit_id, clock):
    clock.move_to(at(18))
    await record_actions.start_visit(ready.worker, visit_id, at=at(16), reason="r")
    await record_actions.finish_visit(ready.worker, visit_id)
    await record_actions.write_record(ready.worker, visit_id, RecordText(activities="​ ", emotions="Fine"))
    fingerprint = (await ready.visit(visit_id)).record_hash
    for attempt in (
        record_actions.sign_as_worker(ready.worker, visit_id, text_hash=fingerprint),
        signing.family_confirms(ready.family, visit_id, text_hash=fingerprint),
    ):
        with pytest.raises(InvalidInput) as fault:
            await attempt
        assert "activities" in fault.value.fields
    with pytest.raises(InvalidInput) as money:
        await record_actions.write_record(ready.worker, visit_id, RecordText(activities="x", money_spent_pence=350))
    assert "money_remark" in money.value.fields


async def test_only_with_the_right_to_confirm(ready, visit_id, finished):
    uncle = await referrals.family_of(ready.referrer, ready.child_id, "Uncle Tom", ("see_plan", "see_visits"))
    with pytest.raises(NotPermitted, match="confirming visits is for others"):
        await signing.family_confirms(uncle, visit_id, text_hash=finished)
    other = await packages.awarded(
        ready.world, child_id=await referrals.add_child(ready.referrer, "Leo Hart", other_names=""),
        worker_people=(ready.worker, ready.backup),
    )  # fmt: skip
    with pytest.raises(NotFound):
        await signing.family_confirms(other.family, visit_id, text_hash=finished)


async def test_the_pin_of_the_family_counts_on_the_workers_device(ready, visit_id, finished, migrator):
    async def confirm(pin: str, person: UUID = ready.family.person_id) -> bool:
        return await signing.family_confirms_with_pin(
            ready.worker, ready.world.settings, visit_id, person_id=person, pin=pin, text_hash=finished
        )

    with pytest.raises(InvalidInput) as none_yet:
        await confirm("8305")
    assert "has not set a PIN" in none_yet.value.fields["pin"]
    await set_pin(ready.family, "8305")
    for other in (ready.referrer.person_id, ready.worker.person_id):
        with pytest.raises(NotFound):
            await confirm("8305", other)
    assert await confirm("8305")
    row = await migrator.fetchrow("SELECT * FROM signature WHERE subject_id = $1 AND side = 'family'", visit_id)
    assert (row["method"], row["person_id"], row["printed_name"]) == (
        "own_pin",
        ready.family.person_id,
        "Grace Okonkwo",
    )
    assert (await ready.visit(visit_id)).family_signed


async def test_five_wrong_pins_close_this_device_to_this_person_for_a_while(ready, visit_id, finished):
    await set_pin(ready.family, "8305")
    father = await referrals.family_of(ready.referrer, ready.child_id, "Obi Okonkwo", ("confirm_visits",))
    await set_pin(father, "7214")

    async def confirm(person: UUID, pin: str) -> bool:
        return await signing.family_confirms_with_pin(
            ready.worker, ready.world.settings, visit_id, person_id=person, pin=pin, text_hash=finished
        )

    for _ in range(5):
        with pytest.raises(InvalidInput):
            await confirm(ready.family.person_id, "0001")
    with pytest.raises(TooManyAttempts):
        await confirm(ready.family.person_id, "8305")
    assert await confirm(father.person_id, "7214")


async def test_a_coded_reason_resolved_by_the_referrer_counts_as_signed(ready, visit_id, finished, migrator):
    with pytest.raises(InvalidInput) as fault:
        await signing.family_cannot_sign(
            ready.worker, visit_id, code="weather", shown_how="by_dove", text_hash=finished
        )
    assert set(fault.value.fields) == {"code", "shown_how"}
    await signing.family_cannot_sign(
        ready.worker,
        visit_id,
        code="not_at_home",
        shown_how="message",
        remark="Grandfather was there",
        text_hash=finished,
    )
    with pytest.raises(WrongState):
        await signing.family_cannot_sign(ready.worker, visit_id, code="unable", shown_how="paper", text_hash=finished)
    assert await missing(ready, visit_id) == ["the family has not confirmed it"]
    duty = await migrator.fetchrow("SELECT * FROM obligation WHERE rule_key = 'task.resolve_unsigned'")
    assert (duty["owed_by_person"], duty["reference"]) == (ready.referrer.person_id, (await ready.package()).reference)
    colleague = await people.person_in(ready.world.admin, "referrer", "Cole League")
    with pytest.raises(NotPermitted):
        await signing.resolve_unsigned(colleague, visit_id, resolution="Fine")
    with pytest.raises(InvalidInput):
        await signing.resolve_unsigned(ready.referrer, visit_id, resolution=" ")
    await signing.resolve_unsigned(ready.referrer, visit_id, resolution="Spoke with the mother: all was well")
    assert await missing(ready, visit_id) == []
    visit = await ready.visit(visit_id)
    assert visit.family_signed and not visit.unsigned_reason_waiting
    with pytest.raises(WrongState):
        await signing.resolve_unsigned(ready.referrer, visit_id, resolution="Again")
    assert await migrator.fetchval("SELECT met_at FROM obligation WHERE id = $1", duty["id"]) is not None


async def test_the_family_may_still_confirm_after_a_reason_was_recorded(ready, visit_id, finished, migrator):
    await signing.family_cannot_sign(
        ready.manager, visit_id, code="no_device", shown_how="read_aloud", text_hash=finished
    )
    assert await signing.family_confirms(ready.family, visit_id, text_hash=finished)
    visit = await ready.visit(visit_id)
    assert visit.family_signed and not visit.unsigned_reason_waiting
    assert await migrator.fetchval("SELECT cancelled_at FROM obligation WHERE rule_key = 'task.resolve_unsigned'")


async def test_parents_with_joint_access_confirm_together(world, clock):
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id, jointly=True)
    father = await referrals.family_of(
        world.referrer, child_id, "Obi Okonkwo", ("confirm_visits", "see_plan", "sign_plan"), jointly=True
    )
    case = await packages.awarded(world, child_id=child_id, family=mother)
    plan_id = await packages.written_plan(case)
    fingerprint = await packages.plan_actions.share_plan(case.manager, plan_id)
    for signer in (mother, father, case.referrer):
        await packages.plan_actions.sign_plan(signer, plan_id, text_hash=fingerprint)
    visit_id = await packages.a_visit(case, TUESDAY)
    clock.move_to(at(18, 5))
    fingerprint = await packages.delivered(case, visit_id)
    assert not await signing.family_confirms(mother, visit_id, text_hash=fingerprint)
    assert not (await case.visit(visit_id)).family_signed
    assert await signing.family_confirms(father, visit_id, text_hash=fingerprint)
    assert (await case.visit(visit_id)).family_signed


async def test_a_longer_visit_is_put_to_the_referrer(ready, visit_id, clock, migrator):
    clock.move_to(at(18, 40))
    await packages.delivered(ready, visit_id, end=at(18, 30))
    duties = (
        "SELECT count(*) FROM obligation WHERE rule_key = 'task.approve_overrun' AND met_at IS NULL"
        " AND cancelled_at IS NULL"
    )
    assert await migrator.fetchval(duties) == 1
    with pytest.raises(NotPermitted):
        await overrun_decisions.approve_overrun(ready.manager, visit_id)
    await overrun_decisions.approve_overrun(ready.referrer, visit_id)
    assert (await ready.visit(visit_id)).overrun_approved_at == clock.at
    assert (await ready.visit(visit_id)).overrun_approved_minutes == 150
    assert await migrator.fetchval(duties) == 0
    with pytest.raises(WrongState):
        await overrun_decisions.approve_overrun(ready.referrer, visit_id)


async def test_a_longer_visit_can_be_approved_before_it_or_refused_after(ready, visit_id, clock, migrator):
    for wrong in (None, 0, -5, 1441):
        with pytest.raises(InvalidInput) as fault:
            await overrun_decisions.approve_overrun(ready.referrer, visit_id, minutes=wrong)
        assert set(fault.value.fields) == {"minutes"}
    await overrun_decisions.approve_overrun(ready.referrer, visit_id, minutes=15)
    second = await packages.a_visit(ready, TUESDAY, time(19), time(20))
    clock.move_to(at(20, 40))
    await packages.delivered(ready, second, end=at(20, 30))
    await overrun_decisions.refuse_overrun(ready.referrer, second, reason="Nobody asked for it")
    assert (await ready.visit(second)).overrun_approved_at is None
    with pytest.raises(WrongState):
        await overrun_decisions.refuse_overrun(ready.referrer, second, reason="Again")
    # the first lasts longer than was approved beforehand, so the referrer is asked about the rest
    await packages.delivered(ready, visit_id, end=at(18, 20))
    duties = "SELECT count(*) FROM obligation WHERE rule_key = 'task.approve_overrun' AND met_at IS NULL"
    assert await migrator.fetchval(duties + " AND cancelled_at IS NULL AND subject_id = $1", visit_id) == 1
    await overrun_decisions.refuse_overrun(ready.referrer, visit_id, reason="Quarter of an hour was what we said")
    assert (await ready.visit(visit_id)).overrun_approved_minutes == 135
    await overrun_decisions.refuse_overrun(ready.referrer, visit_id, reason="It was not needed at all")
    assert (await ready.visit(visit_id)).overrun_approved_minutes is None
    with pytest.raises(WrongState):
        await overrun_decisions.refuse_overrun(ready.referrer, visit_id, reason="Once more")


async def test_finance_sees_that_and_not_what(ready, visit_id, finished):
    finance = await people.person_in(ready.world.admin, "finance")
    assert (await ask(finance, queries.visit, visit_id)).activities_recorded
    visit = await ask(finance, queries.visit, visit_id)
    # the role's permission keeps finance from the notes; another commissioner's from the row itself
    assert not may(finance, "visit_note.read") and not may(finance, "child.read")
    elsewhere = await people.person_in(await people.council(ready.world.settings, "Southmere"), "referrer")
    with pytest.raises(NotFound):
        await ask(elsewhere, queries.visit, visit_id)
    assert await ask(elsewhere, queries.visit_note, visit) is None
    rival = await referrals.add_provider(ready.world, "Birch Support")
    assert await ask(rival, queries.visit_note, visit) is None
    assert await ask(rival, queries.signatures, visit.commissioner_id, visit_id) == []


async def test_a_worker_does_not_sign_for_somebody_else_even_in_sql(ready, visit_id, finished):
    with pytest.raises(asyncpg.CheckViolationError):
        async with unit_of_work(ready.worker) as work:
            await work.execute("UPDATE visit SET record_hash = 'x' WHERE id = $1", visit_id)
            await work.execute(
                "INSERT INTO signature (commissioner_id, package_id, provider_id, subject_type, subject_id, side,"
                " person_id, printed_name, text_hash, method, signed_at) SELECT commissioner_id, package_id,"
                " provider_id, 'visit', id, 'family', $2, 'n', 'y', 'own_pin', now() FROM visit WHERE id = $1",
                visit_id, ready.family.person_id,
            )  # fmt: skip


async def test_worker_and_family_find_on_today_what_they_still_have_to_sign(ready, visit_id, clock, migrator):
    async def duties(actor) -> list[str]:  # type: ignore[no-untyped-def]
        found = await ask(actor, my_duties)
        return [row["rule_key"] for row in found if row["subject_id"] == visit_id]

    father = await referrals.family_of(ready.referrer, ready.child_id, "Obi Okonkwo", ("confirm_visits",))
    looks_on = await referrals.family_of(ready.referrer, ready.child_id, "Ada Okonkwo", ("see_visits",))
    clock.move_to(at(16))
    assert await duties(ready.worker) == []
    await record_actions.start_visit(ready.worker, visit_id)
    assert await duties(ready.worker) == ["task.sign_record"] and await duties(ready.family) == []
    clock.move_to(at(18, 5))
    await record_actions.finish_visit(ready.worker, visit_id)
    assert await duties(ready.family) == []  # there is nothing to read yet
    await record_actions.write_record(ready.worker, visit_id, RecordText(activities="Swimming"))
    fingerprint = (await ready.visit(visit_id)).record_hash
    await record_actions.sign_as_worker(ready.worker, visit_id, text_hash=fingerprint)
    assert await duties(ready.worker) == []
    for parent in (ready.family, father):
        assert await duties(parent) == ["task.confirm_visit"]
    assert await duties(looks_on) == []
    # any one of them suffices: then nobody is asked any more
    assert await signing.family_confirms(father, visit_id, text_hash=fingerprint)
    assert await duties(ready.family) == await duties(father) == []
    met = await migrator.fetch("SELECT owed_by_person, met_at FROM obligation WHERE rule_key = 'task.confirm_visit'")
    assert {row["owed_by_person"] for row in met if row["met_at"]} == {father.person_id}


async def test_a_family_that_cannot_sign_is_not_asked_to_any_more(ready, visit_id, finished):
    await signing.family_cannot_sign(ready.worker, visit_id, code="unable", shown_how="paper", text_hash=finished)
    assert "task.confirm_visit" not in [row["rule_key"] for row in await ask(ready.family, my_duties)]

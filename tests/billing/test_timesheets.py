"""Timesheets: what is missing shows and is mended, corrections keep their history and are signed again, two workers
both sign, and a finance officer sees facts and signatures, never notes."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from marketplace.billing.deciding import return_invoice
from marketplace.billing.timesheets import timesheet
from marketplace.billing.verify import verify_books
from marketplace.billing.visit_records import record_visit
from marketplace.packages import queries, record_actions, signing
from marketplace.packages.late_records import Entry
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from tests.billing.test_api import api, token
from tests.billing.test_pages import text_of
from tests.world import packages, people, providers
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at
from tests.world.referrals import borough

__all__ = ["api"]
HOUR, MINUTES = timedelta(hours=1), timedelta(minutes=10)


def key(case, period):
    return case.world.framework_id, case.referrer.organisation_id, case.manager.organisation_id, period.first_day


async def sheet_of(actor, case, period):
    return await ask(actor, timesheet, *key(case, period))


def path_of(case, period) -> str:
    return "/timesheets/" + "/".join(str(part) for part in key(case, period))


async def corrected(case, visit_id, **later):
    """The visit's end moved by so much, by the office."""
    visit = await case.visit(visit_id)
    entry = Entry(visit.actual_start, visit.actual_end - timedelta(**later))
    return await record_visit(case.manager, visit_id, entry, version=visit.version, reason="The clock was misread.")


async def test_a_missing_visit_is_written_down_signed_by_worker_and_family_and_billed(
    case, clock, first_day, finance, settings, database
):
    await visit_done(case, clock, first_day)
    missing = await packages.a_visit(case, first_day + timedelta(days=1))
    planned = await case.visit(missing)
    clock.move_to(planned.planned_end + HOUR)
    period = await period_of(case, first_day)
    async with at(create_marketplace(database, clock), settings, case.manager) as door:
        listed = await door.get("/timesheets")
        assert path_of(case, period) in listed.text
        shown = await door.get(path_of(case, period))
        assert "1 visit should have taken place" in text_of(shown) and "Write it down" in shown.text
        where = f"/visits/{missing}/write-down"
        assert where in shown.text
        typed = {"version": planned.version, "start": "16:05", "end": "17:55", "activities": "Pasta.", "reason": ""}
        wrong = await door.post(where, typed | {"end": "soon"})
        assert wrong.status_code == 400 and 'value="16:05"' in wrong.text and "Pasta." in wrong.text
        checked = await door.post(where, typed)
        assert "Who signs" in checked.text and (await case.visit(missing)).outcome is None
        saved = await door.post(where, typed | {"step": "save"})
        assert saved.status_code == 303
        twice = await door.post(where, typed | {"step": "save"})
        assert twice.status_code == 409 and "was changed while you were looking" in twice.text
    (_, row) = (await sheet_of(finance, case, period)).rows
    assert (row.state, row.signatures, row.corrections) == ("finished", (), ())
    assert set(row.lacks) == {"a worker has not signed", "the family has not confirmed it"}
    assert (await the_draft(case, period)).result.gross_pence == 4800  # the first alone: this one is held
    fingerprint = (await case.visit(missing)).record_hash
    await record_actions.sign_as_worker(case.worker, missing, text_hash=fingerprint)
    await signing.family_confirms(case.family, missing, text_hash=fingerprint)
    (_, row) = (await sheet_of(finance, case, period)).rows
    assert row.state == "confirmed" and {each.side for each in row.signatures} == {"worker", "family"}
    assert (await the_draft(case, period)).result.gross_pence == 4800 + 4400


async def test_a_correction_keeps_the_history_and_is_signed_again(case, clock, first_day, finance):
    visit_id = await visit_done(case, clock, first_day)
    old = await case.visit(visit_id)
    period = await period_of(case, first_day)
    with pytest.raises(InvalidInput, match="problem"):
        await record_visit(
            case.manager, visit_id, Entry(old.actual_start, old.actual_end - HOUR), version=old.version, reason=" "
        )
    with pytest.raises(InvalidInput) as named:
        await record_visit(
            case.manager, visit_id, Entry(old.actual_start, old.actual_end - HOUR), version=old.version,
            reason="Maya fell asleep",
        )  # fmt: skip
    assert "reason" in named.value.fields
    for who in (finance, case.referrer, case.worker, case.family):
        with pytest.raises(NotPermitted):
            await record_visit(who, visit_id, Entry(old.actual_start, old.actual_end), version=1, reason="x")
    rival = await people.provider_org(case.world.settings, "Rival Care")
    with pytest.raises(NotFound):
        await record_visit(rival, visit_id, Entry(old.actual_start, old.actual_end), version=1, reason="x")
    same = Entry(old.actual_start, old.actual_end)
    assert not await record_visit(case.manager, visit_id, same, version=old.version, reason="Nothing to change")
    assert (await case.visit(visit_id)).family_signed
    assert await corrected(case, visit_id, minutes=30)
    now = await case.visit(visit_id)
    assert not now.family_signed and now.record_hash != old.record_hash
    (row,) = (await sheet_of(finance, case, period)).rows
    assert row.state == "finished" and [each.stands for each in row.signatures] == [False, False]
    (change,) = row.corrections
    assert (change.source, change.reason, change.old_hash) == ("office", "The clock was misread.", old.record_hash)
    assert change.before["end"] == "2026-06-03T18:00:00+01:00" and change.after["end"] == "2026-06-03T17:30:00+01:00"
    assert (await the_draft(case, period)).result.gross_pence == 0  # held until signed again
    with pytest.raises(Conflict, match="has changed since"):
        await signing.family_confirms(case.family, visit_id, text_hash=old.record_hash)
    await record_actions.sign_as_worker(case.worker, visit_id, text_hash=now.record_hash)
    await signing.family_confirms(case.family, visit_id, text_hash=now.record_hash)
    (row,) = (await sheet_of(finance, case, period)).rows
    assert sorted((each.stands, each.side) for each in row.signatures) == [
        (False, "family"), (False, "worker"), (True, "family"), (True, "worker"),
    ]  # fmt: skip
    assert (await the_draft(case, period)).result.gross_pence == 3600

    # a reason why the family could not sign stands for its own text alone
    other = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    before = await case.visit(other)
    await signing.family_cannot_sign(
        case.manager, other, code="not_at_home", shown_how="paper", text_hash=before.record_hash
    )
    await corrected(case, other, minutes=10)
    waiting = await case.visit(other)
    assert not waiting.unsigned_reason_waiting and not waiting.family_signed
    with pytest.raises(WrongState):
        await signing.resolve_unsigned(case.referrer, other, resolution="Spoke to her.")
    await signing.family_cannot_sign(
        case.manager, other, code="not_at_home", shown_how="paper", text_hash=waiting.record_hash
    )
    await signing.resolve_unsigned(case.referrer, other, resolution="Spoke to her.")
    assert (await case.visit(other)).family_signed


async def test_what_is_billed_is_corrected_after_a_return_and_the_books_still_agree(case, clock, first_day, finance):
    books = system_for(case.referrer.organisation_id, "commissioner")
    visit_id = await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    clock.move(HOUR)
    with pytest.raises(Conflict, match="billed on invoice 1"):
        await corrected(case, visit_id, minutes=30)
    await return_invoice(finance, invoice_id, "That visit was shorter.")
    assert await corrected(case, visit_id, minutes=30)
    assert (await ask(books, verify_books)).differences == []
    fingerprint = (await case.visit(visit_id)).record_hash
    await record_actions.sign_as_worker(case.worker, visit_id, text_hash=fingerprint)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)
    await submitted(case, period)
    assert (await ask(books, verify_books)).differences == []
    (row,) = (await sheet_of(finance, case, period)).rows
    assert row.invoice_number == 2 and row.corrections


async def test_two_workers_on_one_visit_both_sign(database, clock):
    world = await borough(database, provider_names=("Alder Care",), workers_each=3)
    case = await packages.set_up(world, workers_per_visit=2)
    second_id = world.workers[case.manager.organisation_id][2]
    second = await providers.with_sign_in(case.manager, second_id, "Second Worker", people.an_email("worker"))
    finance = await people.person_in(world.admin, "finance", "Finn Ance")
    day = (await case.package()).starts_on + timedelta(days=30)
    visit_id = await packages.a_visit(case, day, workers=[case.worker_id, second_id])
    clock.move_to((await case.visit(visit_id)).planned_end + HOUR)
    fingerprint = await packages.delivered(case, visit_id)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)
    period = await period_of(case, day)
    (row,) = (await sheet_of(finance, case, period)).rows
    assert row.state == "confirmed" and row.lacks == ("a worker has not signed",)
    assert (await the_draft(case, period)).result.gross_pence == 0
    await record_actions.sign_as_worker(second, visit_id, text_hash=fingerprint)
    (row,) = (found := await sheet_of(finance, case, period)).rows
    assert row.lacks == () and sorted(each.side for each in row.signatures) == ["family", "worker", "worker"]
    assert len(found.by_worker) == 2 and all(rows == [row] for rows in found.by_worker.values())
    assert (await the_draft(case, period)).result.gross_pence == 2 * 4800
    # and both sign again what is corrected
    await corrected(case, visit_id, minutes=30)
    fingerprint = (await case.visit(visit_id)).record_hash
    await record_actions.sign_as_worker(second, visit_id, text_hash=fingerprint)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)
    (row,) = (await sheet_of(finance, case, period)).rows
    assert row.lacks == ("a worker has not signed",)


async def test_finance_sees_facts_and_signatures_never_notes_and_others_nothing(
    api, case, clock, first_day, finance, settings, database
):
    visit_id = await visit_done(case, clock, first_day)
    await packages.a_visit(case, first_day + timedelta(days=1))
    clock.move(timedelta(days=2))
    period = await period_of(case, first_day)
    path = path_of(case, period)
    record = (await case.visit(visit_id)).record_hash
    async with at(create_console(database, clock), settings, finance) as desk:
        page, file = await desk.get(path), await desk.get(path + "?format=csv")
        by_worker = await desk.get(path + "?by=worker")
        assert (await desk.get("/timesheets")).status_code == 200
    assert (
        f"{record[:8]}<wbr>{record[8:16]}" in page.text
        and "own sign-in" in page.text
        and "A family member" in page.text
    )
    assert "Write it down" not in page.text and by_worker.status_code == 200
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert sorted(row["signed_side"] for row in rows) == ["", "family", "worker"]
    assert rows[0]["signed_hash"] == record and rows[0]["signature_stands"] == "yes" and rows[2]["state"] == "Missing"
    theirs = await token(api, settings, finance)
    answer = await api.get(path, headers=theirs)
    (first, second) = answer.json()["visits"]
    assert "A family member" in {each["printed_name"] for each in first["signatures"]} and second["state"] == "missing"
    for text in (page.text, file.text, answer.text, by_worker.text):
        assert "pasta" not in text and "Maya" not in text and case.family.person_name not in text
    visit = await case.visit(visit_id)
    assert await ask(finance, queries.visit_note, visit) is None  # the database itself keeps them from finance
    assert await ask(case.referrer, queries.visit_note, visit) is not None
    mine = await token(api, settings, case.manager)
    own = (await api.get(path, headers=mine)).json()["visits"][0]["signatures"]
    assert case.family.person_name in {each["printed_name"] for each in own}
    assert len((await api.get("/timesheets", headers=mine)).json()) == 1
    rival = await token(api, settings, await people.provider_org(settings, "Rival Care"))
    elsewhere = await people.council(settings, "Southmere Council")
    other = await token(api, settings, await people.person_in(elsewhere, "finance", "Other Finance"))
    for stranger in (rival, other):
        assert (await api.get(path, headers=stranger)).status_code == 404
        assert (await api.get("/timesheets", headers=stranger)).json() == []
    # by the API: written down, told when it was there already
    planned = second["visit_id"]
    sent = {"version": 1, "start": second["planned_start"], "end": second["planned_end"], "activities": "Walked."}
    done = await api.post(f"/visits/{planned}/write-down", json=sent, headers=mine)
    assert (done.status_code, done.json()) == (200, {"changed": True})
    assert (await api.post(f"/visits/{planned}/write-down", json=sent | {"version": 2}, headers=mine)).json() == {
        "changed": False
    }
    refused = await api.post(f"/visits/{planned}/write-down", json=sent | {"start": "2026-06-04T16:00"}, headers=mine)
    assert refused.status_code == 400

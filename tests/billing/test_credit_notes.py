"""Credit notes: asked for at acceptance or after it, confirmed or refused by the provider, numbered without gaps."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.billing import credit_note_queries as queries
from marketplace.billing.credit_notes import (
    ask_again,
    ask_deduction,
    confirm_credit_note,
    refuse_credit_note,
    withdraw_credit_note,
)
from marketplace.billing.deciding import accept_invoice
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.owing import owed_on
from marketplace.billing.payment_queries import payables
from marketplace.billing.verify import verify_books
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.facts import Claim, ClaimLine
from tests.billing.test_api import api, token
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, deducted, period_of, submitted, the_draft, visit_done
from tests.world.door import at

__all__ = ["api"]


async def books(work: Work) -> dict[str, int]:
    rows = await work.fetch("SELECT account, sum(pence) AS pence FROM ledger_posting GROUP BY 1")
    return {row["account"]: int(row["pence"]) for row in rows}


@pytest.fixture
async def accepted(case, clock, first_day, finance):
    """An accepted invoice over five clean visits, £254.40 (the last is on a Saturday)."""
    return await an_accepted(case, clock, first_day, finance)


async def an_accepted(case, clock, first_day, finance) -> UUID:
    for n in range(5):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    await accept_invoice(finance, invoice_id)
    return invoice_id


@pytest.fixture
async def over_claimed(case, clock, first_day, finance):
    """An accepted invoice of five visits, one not signed and claimed all the same, another a penny too dear, and
    a total £2 above their sum."""
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    for n in range(2, 5):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    lines = []
    for record, line in zip(*await parts(case, period), strict=True):
        extra = 1 if not lines else 0
        lines.append(ClaimLine(str(record.id), (4800 if record.id == held else line.price_pence or 0) + extra))
    invoice_id = await submitted(case, period, Claim(tuple(lines), sum(line.pence for line in lines) + 200))
    await accept_invoice(finance, invoice_id)
    return invoice_id


async def parts(case, period):
    found = await the_draft(case, period)
    return found.records, found.result.lines


async def test_what_was_claimed_beyond_the_records_is_asked_for_at_acceptance(case, over_claimed, finance):
    (note,) = await ask(case.manager, queries.credit_notes)
    whole = await ask(case.manager, queries.credit_note, note.id)
    assert (whole.kind, whole.state, whole.number, whole.pence) == ("claim", "asked", None, 5001)
    assert sorted(line.credited_pence for line in whole.lines) == [1, 200, 4800]
    before = await ask(finance, books)
    left = await ask(finance, owed_on, case.referrer.organisation_id, over_claimed)
    assert await confirm_credit_note(case.manager, note.id) == 1
    assert await ask(finance, books) == before  # the books followed the records from the first
    assert await ask(finance, owed_on, case.referrer.organisation_id, over_claimed) == left
    with pytest.raises(WrongState, match="confirmed"):
        await confirm_credit_note(case.manager, note.id)
    with pytest.raises(WrongState):
        await refuse_credit_note(case.manager, note.id, "No")


async def test_a_claim_as_recorded_asks_for_nothing(case, accepted):
    assert await ask(case.manager, queries.credit_notes) == []


async def test_a_deduction_after_acceptance_is_booked_when_the_provider_confirms(case, accepted, finance):
    note_id = await ask_deduction(finance, accepted, "inaccurate", "The visit of the first day ended an hour early.")
    payer = case.referrer.organisation_id
    assert await ask(finance, owed_on, payer, accepted) == 25_440
    with pytest.raises(Conflict, match="stands on the invoice already"):
        await ask_deduction(finance, accepted, "incomplete", "Another thing")
    assert await confirm_credit_note(case.manager, note_id) == 1
    assert await ask(finance, owed_on, payer, accepted) == 15_440
    found = await ask(finance, books)
    assert found["deduction_income"] == -10_000 and found["provider_payable"] == -15_440 and sum(found.values()) == 0


async def test_refused_answered_and_confirmed_or_withdrawn(case, accepted, finance):
    note_id = await ask_deduction(finance, accepted, "incomplete", "The notes of one visit are empty.")
    with pytest.raises(InvalidInput):
        await refuse_credit_note(case.manager, note_id, "  ")
    await refuse_credit_note(case.manager, note_id, "They are there: see the record.")
    with pytest.raises(WrongState):
        await confirm_credit_note(case.manager, note_id)
    with pytest.raises(InvalidInput):
        await ask_again(finance, note_id, "")
    await ask_again(finance, note_id, "They were written after the invoice.")
    with pytest.raises(WrongState):
        await ask_again(finance, note_id, "Again")
    await withdraw_credit_note(finance, note_id)
    with pytest.raises(WrongState):
        await confirm_credit_note(case.manager, note_id)
    other = await ask_deduction(finance, accepted, "incomplete", "It was another visit.")
    assert await confirm_credit_note(case.manager, other) == 1  # a withdrawn one leaves no gap
    with pytest.raises(WrongState):
        await withdraw_credit_note(finance, other)


async def test_a_claim_note_cannot_be_given_up(case, over_claimed, finance):
    (note,) = await ask(finance, queries.credit_notes)
    with pytest.raises(Conflict, match="follows the records"):
        await withdraw_credit_note(finance, note.id)


async def test_a_deduction_needs_its_ground(case, over_claimed, finance, clock):
    with pytest.raises(InvalidInput) as refused:
        await ask_deduction(finance, over_claimed, "late", " ")
    assert set(refused.value.fields) == {"defect", "reason"}
    with pytest.raises(Conflict, match="made on this invoice already"):
        await ask_deduction(finance, over_claimed, "inaccurate", "A second reason")


async def test_what_the_invoice_cannot_bear_of_a_deduction_is_carried(case, clock, first_day, finance):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    with pytest.raises(Conflict, match="this one is submitted"):
        await ask_deduction(finance, invoice_id, "inaccurate", "Wrong")
    await accept_invoice(finance, invoice_id)
    payer = case.referrer.organisation_id
    left = await ask(finance, owed_on, payer, invoice_id)
    note_id = await ask_deduction(finance, invoice_id, "inaccurate", "Wrong")
    note = await ask(case.manager, queries.credit_note, note_id)
    assert 0 < left < 10_000 and (note.pence, note.taken_pence, note.carried_pence) == (10_000, left, 10_000 - left)
    following = await period_of(case, period.last_day + timedelta(days=1))
    assert (await the_draft(case, following)).facts.carried_in_pence == 0  # nothing moves before it is issued
    await confirm_credit_note(case.manager, note_id)
    assert await ask(finance, owed_on, payer, invoice_id) == 0 and await ask(finance, payables) == []
    assert (await the_draft(case, following)).facts.carried_in_pence == 10_000 - left
    found = await ask(finance, books)
    assert found["owed_by_provider"] == 10_000 - left and found["provider_payable"] == 0 and sum(found.values()) == 0
    assert (await ask(finance, verify_books)).differences == []


async def test_what_was_waived_stands_no_more_and_is_not_deducted_for_again(case, over_claimed, finance, world):
    """Deducted for an inaccurate and an incomplete line: forgiven, neither costs a second time; the books agree."""
    second = await people.person_in(world.admin, "finance", "Fern Second")
    dispute_id = await raise_dispute(case.manager, over_claimed, "The sheets were signed; the site was down.")
    with pytest.raises(Conflict, match="is disputed: decide that first"):
        await ask_deduction(finance, over_claimed, "inaccurate", "A second reason")
    await propose_waiver(finance, dispute_id, "system_fault", "The site was down.")
    await confirm_waiver(second, dispute_id)
    for defect in ("inaccurate", "incomplete"):
        with pytest.raises(Conflict, match="made on this invoice already"):
            await ask_deduction(finance, over_claimed, defect, "A second reason")


async def test_after_a_waived_lateness_a_fault_of_another_kind_is_deducted(case, clock, first_day, finance, world):
    second = await people.person_in(world.admin, "finance", "Fern Second")
    invoice_id = await deducted(case, clock, first_day)
    await accept_invoice(finance, invoice_id)
    with pytest.raises(Conflict, match="made on this invoice already"):
        await ask_deduction(finance, invoice_id, "inaccurate", "One visit was shorter.")
    dispute_id = await raise_dispute(case.manager, invoice_id, "Your own site was down.")
    await propose_waiver(finance, dispute_id, "commissioner_fault", "It was.")
    await confirm_waiver(second, dispute_id)
    await confirm_credit_note(
        case.manager, await ask_deduction(finance, invoice_id, "inaccurate", "One visit was shorter.")
    )
    found = await ask(finance, books)
    assert found["deduction_income"] == -10_000 and sum(found.values()) == 0
    assert (await ask(finance, verify_books)).differences == []


async def test_numbers_have_no_gaps_and_of_two_confirmations_at_once_one_wins(case, over_claimed, clock, finance):
    (first,) = await ask(finance, queries.credit_notes)
    outcomes = await asyncio.gather(
        *(confirm_credit_note(case.manager, first.id) for _ in range(4)), return_exceptions=True
    )
    assert [each for each in outcomes if isinstance(each, int)] == [1]
    assert sum(isinstance(each, Conflict) for each in outcomes) == 3, outcomes
    following = await period_of(case, first.period.last_day + timedelta(days=1))
    for n in range(5):
        await visit_done(case, clock, following.first_day + timedelta(days=7 + n))
    after(clock, following, hours=9)
    second = await submitted(case, following)
    await accept_invoice(finance, second)
    note_id = await ask_deduction(finance, second, "inaccurate", "One visit was shorter.")
    answers = await asyncio.gather(
        confirm_credit_note(case.manager, note_id), withdraw_credit_note(finance, note_id), return_exceptions=True
    )
    assert sum(isinstance(each, Conflict) for each in answers) == 1, answers
    if answers[0] == 2:
        assert (await ask(finance, queries.credit_note, note_id)).number == 2


async def test_it_is_kept_as_it_was_made(case, over_claimed, migrator, finance):
    (note,) = await ask(case.manager, queries.credit_notes)
    for change in ("pence = 1", "kind = 'deduction'"):
        with pytest.raises(asyncpg.CheckViolationError):
            await migrator.execute(f"UPDATE credit_note SET {change} WHERE id = $1", note.id)
    await confirm_credit_note(case.manager, note.id)
    with pytest.raises(asyncpg.CheckViolationError, match="kept as it was made"):
        await migrator.execute("UPDATE credit_note SET reason = 'x' WHERE id = $1", note.id)


async def test_who_may_and_who_sees(case, accepted, finance, settings):
    note_id = await ask_deduction(finance, accepted, "inaccurate", "One visit was shorter.")
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    for stranger in (rival, elsewhere):
        with pytest.raises(NotFound):
            await ask(stranger, queries.credit_note, note_id)
        assert await ask(stranger, queries.credit_notes) == []
    with pytest.raises(NotFound):
        await confirm_credit_note(rival, note_id)
    with pytest.raises(NotFound):
        await withdraw_credit_note(elsewhere, note_id)
    with pytest.raises(NotFound):
        await ask_deduction(elsewhere, accepted, "inaccurate", "x")
    with pytest.raises(NotPermitted):
        await confirm_credit_note(finance, note_id)
    with pytest.raises(NotPermitted):
        await ask_deduction(case.manager, accepted, "inaccurate", "x")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):  # even in SQL the provider only answers
        async with unit_of_work(case.manager) as work:
            await work.execute("UPDATE credit_note SET reason = 'mine'")


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.split("<main", 1)[-1]).replace("&#39;", "'").split())


async def test_the_pages_from_both_sides(database, settings, clock, case, accepted, finance):
    provider, console = create_marketplace(database, clock), create_console(database, clock)
    async with at(console, settings, finance) as desk:
        assert "Deduct after acceptance" in (await desk.get(f"/invoices/{accepted}")).text
        where = f"/invoices/{accepted}/credit-note"
        wrong = await desk.post(where, {"reason": "Half of it"})
        assert wrong.status_code == 400 or "Select what was wrong" in wrong.text
        assert "Half of it" in wrong.text and "£100.00 is deducted once (L 7.11)" in text_of(wrong)
        asked = await desk.post(where, {"defect": "inaccurate", "reason": "One visit was shorter."})
        note = asked.headers["location"]
        assert "Waits for the provider" in text_of(await desk.get(note))
        twice = await desk.post(where, {"defect": "inaccurate", "reason": "One visit was shorter."})
        assert twice.status_code == 409 and "stands on the invoice already" in twice.text
        async with at(provider, settings, case.manager) as door:
            assert "Waits for the provider" in text_of(await door.get("/credit-notes"))
            shown = text_of(await door.get(note))
            assert "One visit was shorter." in shown and "Confirm the credit note" in shown and "Maya" not in shown
            empty = await door.post(f"{note}/refuse", page=note)
            assert "Enter why you do not agree" in empty.text
            await door.post(f"{note}/refuse", {"reason": "It was not."}, page=note)
            assert "Confirm the credit note" not in (await door.get(note)).text
            assert "It was not." in (await desk.get(note)).text
            await desk.post(f"{note}/ask-again", {"reason": "The family says so."}, page=note)
            done = await door.post(f"{note}/confirm", page=note)
            assert "Credit note 1 is issued" in (await door.get(done.headers["location"])).text
            again = await door.client.get(f"/invoices/{accepted}")
            assert "Credit note 1 on invoice 1" in text_of(again)
        late = await desk.post(f"{note}/withdraw", page=where)
        assert late.status_code == 409 and "so it cannot be withdrawn now" in late.text


async def test_the_api(api, settings, case, accepted, finance):
    mine, theirs = await token(api, settings, case.manager), await token(api, settings, finance)
    path = f"/invoices/{accepted}/credit-notes"
    assert (await api.post(path, json={"defect": "late", "reason": "x"}, headers=theirs)).status_code == 400
    assert (await api.post(path, json={"defect": "inaccurate", "reason": "x"}, headers=mine)).status_code == 403
    made = await api.post(path, json={"defect": "inaccurate", "reason": "Shorter"}, headers=theirs)
    assert made.status_code == 201
    note = f"/credit-notes/{made.json()['id']}"
    assert (await api.post(f"{note}/refuse", json={"reason": "No"}, headers=mine)).status_code == 204
    assert [row["state"] for row in (await api.get("/credit-notes?in_state=refused", headers=theirs)).json()] == [
        "refused"
    ]
    assert (await api.post(f"{note}/ask-again", json={"reason": "Yes"}, headers=theirs)).status_code == 204
    assert (await api.post(f"{note}/confirm", headers=mine)).json() == {"number": 1}
    assert (await api.post(f"{note}/withdraw", headers=theirs)).status_code == 409
    assert (await api.get(note, headers=mine)).json()["number"] == 1
    rival = await token(api, settings, await people.provider_org(settings, "Rowan Rivals"))
    assert (await api.get(note, headers=rival)).status_code == 404

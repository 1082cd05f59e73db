"""Four weeks from visits to an accepted invoice: what is billed, what it loses, what waits, and what both sides see."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from marketplace.billing import queries
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.drafting import draft
from marketplace.billing.exports import case_of, lines_csv, safe
from marketplace.billing.submitting import RecordsChanged, submit_invoice
from marketplace.billing.sweeps import owe_closed_periods
from marketplace.packages import signing
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calculators import invoice as calculate
from marketplace.policy.facts import Claim, ClaimLine
from marketplace.policy.invoicing import invoice_due_at
from tests.world import people
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.packages import a_visit

pytestmark = pytest.mark.usefixtures("database")


async def balances(work: Work) -> dict[str, int]:
    rows = await work.fetch("SELECT account, sum(pence)::int AS pence FROM ledger_posting GROUP BY account")
    return {row["account"]: row["pence"] for row in rows if row["pence"]}


async def test_signed_visits_become_the_invoice_by_themselves(case, clock, first_day, finance):
    await visit_done(case, clock, first_day)
    await visit_done(case, clock, first_day + timedelta(days=2))
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    found = await the_draft(case, period)
    assert found.result.defects == () and found.result.net_pence == found.result.gross_pence > 0
    invoice_id = await submitted(case, period)
    view = await ask(finance, queries.invoice, invoice_id)
    assert (view.number, view.state, len(view.lines)) == (1, "submitted", 2)
    assert view.result.net_pence == found.result.net_pence
    assert {row.side for line in view.lines for row in line.signatures} == {"worker", "family"}
    await accept_invoice(finance, invoice_id)
    accepted = await ask(case.manager, queries.invoice, invoice_id)
    assert accepted.state == "accepted" and accepted.pay_by == period.last_day + timedelta(days=31)
    assert await ask(finance, balances) == {
        "care_cost": found.result.gross_pence,
        "provider_payable": -found.result.gross_pence,
    }


async def test_the_draft_is_what_the_policy_calculator_gives(case, clock, first_day):
    await visit_done(case, clock, first_day)
    await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    found = await the_draft(case, period)
    output = calculate(json.dumps(case_of(found)).encode())
    assert [line["payable_pence"] for line in output["lines"]] == [line.payable_pence for line in found.result.lines]
    assert [(each["kind"], each["visit"]) for each in output["defects"]] == [
        (each.kind, each.visit) for each in found.result.defects
    ]
    for key in ("gross_pence", "deduction_pence", "carried_in_pence", "net_pence", "carried_out_pence"):
        assert output[key] == getattr(found.result, key)


async def test_a_second_too_late_costs_the_deduction_with_its_reason(case, clock, first_day):
    await visit_done(case, clock, first_day)
    await visit_done(case, clock, first_day + timedelta(days=1))
    await visit_done(case, clock, first_day + timedelta(days=2))
    period = await period_of(case, first_day)
    pack = (await the_draft(case, period)).pack
    due = invoice_due_at(pack, period)
    clock.move_to(due - timedelta(seconds=1))
    assert (await the_draft(case, period)).result.deduction_pence == 0
    clock.move_to(due)
    view = await ask(case.manager, queries.invoice, await submitted(case, period))
    assert [each.kind for each in view.result.defects] == ["late"]
    assert view.result.deduction_pence == pack.billing.deduction_pence
    assert view.deduction_clause and view.dispute_until is not None


async def test_an_unsigned_visit_claimed_loses_once_however_many_reasons(case, clock, first_day):
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    other = await visit_done(case, clock, first_day + timedelta(days=2), signed=False)
    period = await period_of(case, first_day)
    after(clock, period, days=20)  # late as well
    found = await the_draft(case, period)
    prices = {line.visit: line.price_pence for line in found.result.lines}
    claim = Claim(tuple(ClaimLine(visit, pence) for visit, pence in prices.items()), sum(prices.values()))
    view = await ask(case.manager, queries.invoice, await submitted(case, period, claim))
    assert [(each.kind, each.visit) for each in view.result.defects] == [
        *(("incomplete", visit) for visit in sorted((str(held), str(other)))),
        ("late", None),
    ]
    assert view.result.deduction_pence == found.pack.billing.deduction_pence


async def test_a_held_visit_waits_and_is_paid_once_it_is_signed(case, clock, first_day, finance):
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    first = await ask(case.manager, queries.invoice, await submitted(case, period))
    assert first.result.defects == () and [line.held for line in first.lines] == [False, True]
    following = await period_of(case, period.last_day + timedelta(days=1))
    clock.move(timedelta(days=3))
    record = (await case.visit(held)).record_hash
    await signing.family_confirms(case.family, held, text_hash=record)
    after(clock, following, days=1)
    found = await the_draft(case, following)
    assert [(record.id, record.held_over) for record in found.records] == [(held, True)]
    second = await ask(case.manager, queries.invoice, await submitted(case, following))
    assert second.number == 2 and second.result.gross_pence == first.lines[1].price_pence
    third = await period_of(case, following.last_day + timedelta(days=1))
    after(clock, third, days=1)
    assert (await the_draft(case, third)).records == ()


async def test_what_a_small_invoice_cannot_bear_is_carried_to_the_next(case, clock, first_day):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    following = await period_of(case, period.last_day + timedelta(days=1))
    for n in range(4):
        await visit_done(case, clock, following.first_day + timedelta(days=1 + n))
    after(clock, period, days=12)  # late
    first = await ask(case.manager, queries.invoice, await submitted(case, period))
    assert first.result.net_pence == 0
    owing = first.result.deduction_pence - first.result.gross_pence
    assert first.result.carried_out_pence == owing > 0
    after(clock, following, days=1)
    second = await ask(case.manager, queries.invoice, await submitted(case, following))
    assert second.result.carried_in_pence == owing
    assert second.result.net_pence == second.result.gross_pence - owing
    books = await ask(case.manager, balances)
    assert sum(books.values()) == 0
    assert books["provider_payable"] == -second.result.net_pence and "owed_by_provider" not in books


async def test_two_submissions_at_once_exactly_one_wins_and_the_other_is_told(case, clock, first_day):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    outcomes = await asyncio.gather(*(submitted(case, period) for _ in range(4)), return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Conflict)]
    assert len(refused) == 3 and all("submitted already, as number 1" in each.sentence for each in refused)


async def test_a_page_that_went_stale_is_not_submitted(case, clock, first_day):
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    shown = (await the_draft(case, period)).fingerprint
    await signing.family_confirms(case.family, held, text_hash=(await case.visit(held)).record_hash)
    with pytest.raises(RecordsChanged):
        await submit_invoice(case.manager, case.world.framework_id, case.referrer.organisation_id, period, None, shown)


async def test_a_running_period_and_a_later_one_before_it_are_refused(case, clock, first_day):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    with pytest.raises(Conflict, match="not over yet"):
        await submitted(case, period)
    following = await period_of(case, period.last_day + timedelta(days=1))
    await visit_done(case, clock, following.first_day + timedelta(days=3))
    after(clock, following, days=1)
    with pytest.raises(Conflict, match="comes first"):
        await submitted(case, following)


async def test_a_returned_invoice_is_corrected_and_keeps_its_first_submission(case, clock, first_day, finance):
    await visit_done(case, clock, first_day)
    other = await visit_done(case, clock, first_day + timedelta(days=1))
    await visit_done(case, clock, first_day + timedelta(days=2))
    period = await period_of(case, first_day)
    after(clock, period, hours=10)
    found = await the_draft(case, period)
    kept = tuple(line for line in found.facts.claim.lines if line.visit != str(other))
    first_id = await submitted(case, period, Claim(kept, sum(line.pence for line in kept)))  # one visit left off
    first = await ask(finance, queries.invoice, first_id)
    assert first.result.deduction_pence > 0
    with pytest.raises(InvalidInput):
        await return_invoice(finance, first_id, " ")
    await return_invoice(finance, first_id, "One visit is missing.")
    with pytest.raises(WrongState):
        await accept_invoice(finance, first_id)
    clock.move(timedelta(days=30))
    second_id = await submitted(case, period)
    second = await ask(finance, queries.invoice, second_id)
    assert (second.number, second.replaces_id, second.submitted_at) == (2, first_id, first.submitted_at)
    assert second.result.defects == first.result.defects
    assert second.result.deduction_pence == first.result.deduction_pence
    assert second.result.gross_pence == found.result.gross_pence
    assert (await ask(finance, queries.invoice, first_id)).replaced_by_id == second_id
    books = await ask(finance, balances)
    assert books["provider_payable"] == -second.result.net_pence and sum(books.values()) == 0
    await accept_invoice(finance, second_id)


async def test_a_submitted_invoice_is_frozen_and_the_ledger_is_never_edited(case, clock, first_day, migrator):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    invoice_id = await submitted(case, period)
    with pytest.raises(asyncpg.CheckViolationError, match="frozen"):
        await migrator.execute(
            "UPDATE invoice SET deduction_pence = 0, net_pence = net_pence + 0, number = 9 WHERE id = $1", invoice_id
        )
    for statement in ("UPDATE ledger_posting SET pence = 1", "DELETE FROM ledger_entry"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await migrator.execute(statement)


async def test_who_may_and_who_sees(case, clock, first_day, finance, settings):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    invoice_id = await submitted(case, period)
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    for stranger in (rival, elsewhere):
        with pytest.raises(NotFound):
            await ask(stranger, queries.invoice, invoice_id)
    with pytest.raises(NotFound):
        await accept_invoice(elsewhere, invoice_id)
    with pytest.raises(NotPermitted):
        await accept_invoice(case.referrer, invoice_id)
    with pytest.raises(NotPermitted):
        await submit_invoice(finance, case.world.framework_id, uuid4(), period, None, "")
    said = lines_csv(await ask(finance, queries.invoice, invoice_id))
    assert "pasta" not in said and "Maya" not in said  # facts of visits, never notes or names of children
    for reader, known in ((finance, False), (case.referrer, False), (case.manager, True)):
        view = await ask(reader, queries.invoice, invoice_id)
        signers = {signature.printed_name for line in view.lines for signature in line.signatures}
        assert (case.family.person_name in signers) is known, reader.role
        assert case.worker.person_name in signers


async def test_a_provider_without_visits_submits_nothing_to_anybody(case, clock, first_day, settings):
    """Not a rival that was never admitted, and not the provider itself for four weeks in which nothing happened."""
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    payer = case.referrer.organisation_id
    rival = await people.provider_org(settings, "Rowan Rivals")
    nothing = await ask(rival, draft, case.world.framework_id, rival.organisation_id, payer, period)
    with pytest.raises(Conflict, match="nothing to bill"):
        await submit_invoice(rival, case.world.framework_id, payer, period, None, nothing.fingerprint)
    await submitted(case, period)
    following = await period_of(case, period.last_day + timedelta(days=1))
    after(clock, following, days=1)
    with pytest.raises(Conflict, match="nothing to bill"):
        await submitted(case, following)


def test_an_empty_cell_stays_empty_and_a_formula_becomes_text():
    assert [safe(cell) for cell in ("", "=1+1", "@x", "-2", "plain", 7)] == ["", "'=1+1", "'@x", "'-2", "plain", 7]


async def test_a_closed_period_is_owed_once_and_met_by_its_invoice(case, clock, first_day):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, hours=2)
    payer = system_for(case.referrer.organisation_id, "commissioner")

    async def look() -> int:
        async with unit_of_work(payer) as work:
            return await owe_closed_periods(work)

    async def duty(work: Work):
        return await work.fetchrow("SELECT due_at, met_at FROM obligation WHERE rule_key = 'task.submit_invoice'")

    assert [await look(), await look()] == [1, 0]
    owed = await ask(case.manager, duty)
    assert owed["due_at"] == invoice_due_at((await the_draft(case, period)).pack, period) and owed["met_at"] is None
    await submitted(case, period)
    assert (await ask(case.manager, duty))["met_at"] is not None


async def test_a_visit_nobody_recorded_shows_as_missing_and_loses_nothing(case, clock, first_day):
    await visit_done(case, clock, first_day)
    forgotten = await a_visit(case, first_day + timedelta(days=1))
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    found = await the_draft(case, period)
    assert [(record.id, record.recorded) for record in found.records][1] == (forgotten, False)
    assert found.result.defects == ()

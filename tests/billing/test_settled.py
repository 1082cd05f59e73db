"""An invoice that credit notes have eaten whole is settled: late for nobody, and counted as deducted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from marketplace.billing import queries
from marketplace.billing.credit_note_queries import credit_notes
from marketplace.billing.credit_notes import (
    ask_again,
    ask_deduction,
    confirm_credit_note,
    decide_credit_note,
    refuse_credit_note,
)
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.deductions import deductions
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.payment_queries import payables, payment_clock
from marketplace.billing.verify import verify_books
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound, NotPermitted
from tests.billing.test_api import api, token
from tests.billing.test_credit_notes import over_claimed
from tests.world import people
from tests.world.apps import create_console
from tests.world.billing import after, deducted, period_of, submitted, visit_done
from tests.world.door import at

__all__ = ["api", "over_claimed"]


async def to_pay(work: Work) -> list[str]:
    """How each duty to pay an invoice stands."""
    return [
        row["how"]
        for row in await work.fetch(
            """SELECT CASE WHEN met_at IS NOT NULL THEN 'met' WHEN cancelled_at IS NOT NULL THEN 'cancelled'
                      ELSE 'open' END AS how FROM obligation WHERE rule_key = 'invoice_payment' ORDER BY starts_at"""
        )
    ]


async def test_nothing_left_to_pay_is_settled_and_never_late(database, settings, case, clock, first_day, finance):
    for n in range(2):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    await accept_invoice(finance, invoice_id)
    assert await ask(finance, to_pay) == ["open"]
    note_id = await ask_deduction(finance, invoice_id, "inaccurate", "Both visits were shorter.")
    assert (await ask(finance, deductions)).periods[0].pence == 0  # asked for, not taken yet
    await confirm_credit_note(case.manager, note_id)
    assert await ask(finance, payables) == []
    assert "open" not in await ask(finance, to_pay)

    clock.move(timedelta(days=40))
    (row,) = await ask(finance, payment_clock)
    assert (row.state, row.pence, row.days) == ("settled", 0, 0)
    assert (await ask(finance, queries.count_to_look_at))["overdue"] == 0
    assert await ask(finance, queries.invoices, state="overdue") == []
    (listed,) = await ask(case.manager, queries.invoices)
    assert listed.settled and not listed.overdue
    async with at(create_console(database, clock), settings, finance) as door:
        for path in ("/invoices", f"/invoices/{invoice_id}", "/payments/clock"):
            shown = (await door.get(path)).text
            assert "Nothing left to pay" in shown and "govuk-tag--red" not in shown, path

    for reader in (case.manager, finance):
        found = await ask(reader, deductions)
        (told,) = found.periods
        assert (told.deducted, told.pence, told.kinds["inaccurate"]) == (1, 10_000, 1)
        assert dict(found.reasons) == {"inaccurate_after_acceptance": 1}
    assert [name for _, name in (await ask(finance, deductions)).providers] == ["Alder Care"]
    async with at(create_console(database, clock), settings, finance) as door:
        assert "found to be inaccurate after it was accepted" in (await door.get("/deductions")).text


async def waiting(migrator, task: asyncio.Task) -> None:
    """Until the task waits for the books; its own answer where it did not wait at all."""
    while not await migrator.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
        assert not task.done(), "it did not wait"
        await asyncio.sleep(0.01)


async def test_a_return_and_a_waiver_wait_for_an_invoice_on_its_way(case, clock, first_day, finance, migrator):
    """Both ask where the period's invoices stand: the books are held before that, as a submission holds them."""
    invoice_id = await deducted(case, clock, first_day)
    dispute_id = await raise_dispute(case.manager, invoice_id, "The family was away.")
    books = f"invoice {case.world.framework_id} {case.manager.organisation_id} {case.referrer.organisation_id}"
    second = await people.person_in(case.world.admin, "finance", "Fay Second")
    assert not await propose_waiver(finance, dispute_id, "family_fault", "It was.")
    decisions = (
        (return_invoice(finance, invoice_id, "Look again"), "accepted"),
        (confirm_waiver(second, dispute_id), "returned"),
    )
    for decide, meanwhile in decisions:
        async with migrator.transaction():
            await migrator.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", books)
            task = asyncio.create_task(decide)
            await waiting(migrator, task)
            held = "SELECT 1 FROM invoice WHERE id = $1 FOR UPDATE NOWAIT"  # nothing is held before the books are
            assert await migrator.fetchval(held, invoice_id) == 1
            # what is found is what stands once the books are free
            await migrator.execute("UPDATE invoice SET state = $2 WHERE id = $1", invoice_id, meanwhile)
        with pytest.raises(Conflict):
            await task


async def test_the_clock_stands_while_the_provider_has_it_and_a_second_refusal_is_decided(
    api, database, settings, case, clock, over_claimed, finance
):
    """Beyond the records £50.01 are claimed: the council cannot pay before the provider has answered."""
    (note,) = await ask(finance, credit_notes)
    (before,) = await ask(finance, payment_clock)
    assert before.state == "with_provider" and await ask(finance, to_pay) == []
    clock.move(timedelta(days=40))
    (row,) = await ask(finance, payment_clock)
    assert row.state == "with_provider" and await ask(finance, queries.invoices, state="overdue") == []
    assert (await ask(finance, queries.count_to_look_at))["overdue"] == 0
    async with at(create_console(database, clock), settings, finance) as door:
        for path in ("/invoices", "/payments/clock"):
            shown = (await door.get(path)).text
            assert "Waits for the provider’s confirmation" in shown and "govuk-tag--red" not in shown, path

    await refuse_credit_note(case.manager, note.id, "We claim it.")
    with pytest.raises(Conflict, match="ask for the credit note again"):
        await decide_credit_note(finance, note.id, "The records say so.")
    clock.move(timedelta(days=3))  # the council's own days
    await ask_again(finance, note.id, "The records say so.")
    clock.move(timedelta(days=5))
    for sql in ("reason = 'x'", "asked_times = 1", "waits = '[1]'", "decided_reason = 'x', asked_at = app_now()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with unit_of_work(case.manager) as work:
                await work.execute(f"UPDATE credit_note SET state = 'refused', {sql}")
    await refuse_credit_note(case.manager, note.id, "Never.")
    with pytest.raises(Conflict, match="refused it twice"):
        await ask_again(finance, note.id, "The records say so.")
    with pytest.raises(NotPermitted):
        await decide_credit_note(case.manager, note.id, "Mine.")
    elsewhere = await people.person_in(await people.council(settings, "Southmere Council"), "finance")
    with pytest.raises(NotFound):
        await decide_credit_note(elsewhere, note.id, "Mine.")
    async with at(create_console(database, clock), settings, finance) as door:
        where = f"/credit-notes/{note.id}"
        shown = (await door.get(where)).text
        assert "Decide that it stands" in shown and "Ask for it again" not in shown
        wrong = await door.post(f"{where}/decide", {"reason": " "}, page=where)
        assert "Enter why the credit note stands" in wrong.text
        done = await door.post(f"{where}/decide", {"reason": "The records say so."}, page=where)
        assert done.status_code == 303
        assert "Decided by the payer" in (await door.get(where)).text
        assert (await door.post(f"{where}/decide", {"reason": "Again"}, page=where)).status_code == 409
    (after_it,) = await ask(case.manager, credit_notes)
    assert (after_it.state, after_it.number, after_it.decided_reason) == ("confirmed", 1, "The records say so.")
    mine = await token(api, settings, finance)
    again = await api.post(f"/credit-notes/{note.id}/decide", json={"reason": "x"}, headers=mine)
    assert again.status_code == 409
    # 40 and 5 days it was the provider's to answer: the last day moves by them, and the duty to pay is there again
    (row,) = await ask(finance, payment_clock)
    assert (row.state, row.pay_by) == ("waiting", before.pay_by + timedelta(days=45))
    assert await ask(finance, to_pay) == ["open"]
    assert (await ask(finance, verify_books)).differences == []
    clock.move(timedelta(days=31))
    assert [row.state for row in await ask(finance, payment_clock)] == ["late"]
    assert len(await ask(finance, queries.invoices, state="overdue")) == 1

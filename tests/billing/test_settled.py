"""An invoice that credit notes have eaten whole is settled: late for nobody, and counted as deducted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from marketplace.billing import queries
from marketplace.billing.credit_notes import ask_deduction, confirm_credit_note
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.deductions import deductions
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.payment_queries import payables, payment_clock
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict
from tests.world import people
from tests.world.apps import create_console
from tests.world.billing import after, deducted, period_of, submitted, visit_done
from tests.world.door import at


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

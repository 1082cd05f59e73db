"""A waived deduction is paid back by the payment run: listed, built, exported and paid like an invoice, and once."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta
from uuid import UUID

import pytest

from marketplace.billing.deciding import accept_invoice
from marketplace.billing.dispute_queries import dispute
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.payment_files import Paid
from marketplace.billing.payment_queries import payables, payment_run
from marketplace.billing.payment_runs import build_run, cancel_run, export_run, mark_paid, take_file
from marketplace.billing.verify import verify_books
from marketplace.billing.waivers import pay_back
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, NotFound
from marketplace.policy.calendar import local_day
from tests.billing.test_api import api, token
from tests.world import people
from tests.world.apps import create_console
from tests.world.billing import balances, banked, deducted
from tests.world.door import at

__all__ = ["api"]
NET, WAIVED = 15_440, 10_000


@pytest.fixture
async def invoice_id(case, clock, first_day, finance):
    await banked(case.manager)
    invoice_id = await deducted(case, clock, first_day)
    await accept_invoice(finance, invoice_id)
    return invoice_id


@pytest.fixture
async def waived(case, world, finance, invoice_id) -> UUID:
    second = await people.person_in(world.admin, "finance", "Fern Second")
    dispute_id = await raise_dispute(case.manager, invoice_id, "It came in time; your site was down.")
    await propose_waiver(finance, dispute_id, "commissioner_fault", "It was.")
    await confirm_waiver(second, dispute_id)
    return dispute_id


async def test_with_its_invoice_it_goes_to_the_bank_once(case, finance, waived, invoice_id, clock, settings, migrator):
    due = await ask(finance, payables)
    assert {(row.id, row.pence, row.held) for row in due} == {(invoice_id, NET, False), (waived, WAIVED, False)}
    first = await build_run(finance, [invoice_id, waived])
    assert await ask(finance, payables) == []
    with pytest.raises(Conflict, match="cannot be paid now"):
        await build_run(finance, [waived])
    with pytest.raises(Conflict, match="lies in payment run 1"):
        await pay_back(finance, waived, local_day(clock.at))
    await cancel_run(finance, first)
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    with pytest.raises(NotFound):
        await build_run(elsewhere, [waived])
    run_id = await build_run(finance, [waived, invoice_id])
    await export_run(finance, run_id)
    rows = list(csv.DictReader(io.StringIO((await take_file(finance, run_id)).text)))
    assert sorted((row["invoice"], row["amount_pounds"]) for row in rows[:2]) == [
        ("1", "154.40"), ("1 waived deduction", "100.00"),
    ]  # fmt: skip
    clock.move(timedelta(days=1))
    today = local_day(clock.at)
    told = [Paid(1, today), Paid(2, today)]
    assert [await mark_paid(finance, run_id, told), await mark_paid(finance, run_id, told)] == [2, 0]
    assert (await ask(case.manager, dispute, waived)).paid_on == today
    with pytest.raises(Conflict, match="paid back"):
        await pay_back(finance, waived, today)
    assert await ask(finance, payables) == []
    assert await ask(finance, balances) == {"care_cost": NET + WAIVED, "bank": -NET - WAIVED}
    assert (await ask(finance, verify_books)).differences == []
    open_duties = await migrator.fetchval(
        "SELECT count(*) FROM obligation WHERE rule_key = 'invoice_payment' AND met_at IS NULL AND cancelled_at IS NULL"
    )
    assert open_duties == 0


async def test_of_a_run_and_a_payment_by_hand_at_once_one_wins(finance, waived, clock, migrator):
    today = local_day(clock.at)
    done = await asyncio.gather(
        build_run(finance, [waived]), pay_back(finance, waived, today), return_exceptions=True
    )  # fmt: skip
    lost = [each for each in done if isinstance(each, Conflict)]
    assert len(lost) == 1 and lost[0].sentence.endswith("."), done
    if isinstance(done[0], UUID):
        await export_run(finance, done[0])
        await mark_paid(finance, done[0], [Paid(1, today)])
    assert (await ask(finance, balances))["bank"] == -WAIVED
    assert await migrator.fetchval("SELECT count(*) FROM ledger_entry WHERE kind = 'waiver_paid'") == 1


async def test_on_the_page_and_through_the_api(settings, database, clock, case, finance, waived, invoice_id, api):
    mine = await token(api, settings, finance)
    listed = (await api.get("/payables", headers=mine)).json()
    assert [row["dispute_id"] for row in listed if row["pence"] == WAIVED] == [str(waived)]
    built = await api.post("/payment-runs", json={"disputes": [str(waived)]}, headers=mine)
    run = (await api.get(f"/payment-runs/{built.json()['id']}", headers=mine)).json()
    assert [(line["dispute_id"], line["pence"]) for line in run["lines"]] == [(str(waived), WAIVED)]
    await cancel_run(finance, UUID(run["id"]))
    async with at(create_console(database, clock), settings, finance) as desk:
        shown = (await desk.get("/payments")).text
        assert "waived deduction, paid back" in shown and f"/disputes/{waived}" in shown
        sent = await desk.post("/payments", {"pay": [str(waived), str(invoice_id)]}, page="/payments")
        assert sent.status_code == 303
        here = sent.headers["location"]
        assert "waived deduction, paid back" in (await desk.get(here)).text
        await desk.post(f"{here}/export", {}, page=here)
        assert "the waived deduction of invoice 1 of" in (await desk.get(here)).text
    run = await ask(finance, payment_run, UUID(here.rsplit("/", 1)[1]))
    assert run.total_pence == NET + WAIVED

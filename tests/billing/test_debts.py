"""A provider that left owing something: one debt, once nothing else can come, invoiced and paid, in the books."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from marketplace.billing import queries
from marketplace.billing.debts import debts, mark_invoiced, mark_paid, raise_debts
from marketplace.billing.deciding import accept_invoice
from marketplace.billing.payment_files import Paid
from marketplace.billing.payment_runs import build_run, export_run
from marketplace.billing.payment_runs import mark_paid as mark_run_paid
from marketplace.billing.verify import verify_books
from marketplace.frameworks.application_actions import end_admission
from marketplace.packages import signing
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.policy.invoicing import invoice_due_at
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, balances, banked, period_of, submitted, the_draft, visit_done
from tests.world.door import at


async def test_what_a_leaver_owes_becomes_one_debt(
    database, settings, world, case, finance, clock, first_day, migrator
):
    payer = system_for(case.referrer.organisation_id, "commissioner", "Northgate Council")

    async def look() -> int:
        async with unit_of_work(payer) as work:
            return await raise_debts(work)

    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, days=12)
    invoice_id = await submitted(case, period)
    owing = (await ask(finance, queries.invoice, invoice_id)).result.carried_out_pence
    assert owing > 0 and await look() == 0
    for row in await migrator.fetch("SELECT id FROM admission WHERE provider_id = $1", case.manager.organisation_id):
        await end_admission(world.admin, row["id"], local_day(clock.at), "It leaves.")
    following = await period_of(case, period.last_day + timedelta(days=1))
    due = invoice_due_at((await the_draft(case, following)).pack, following)
    clock.move_to(due - timedelta(seconds=1))
    assert await look() == 0  # its package goes on, and the next invoice may still come
    await migrator.execute("UPDATE package SET ends_on = starts_on WHERE id = $1", case.package_id)
    assert await look() == 0
    clock.move_to(due)
    assert [await look(), await look()] == [1, 0]
    (debt,) = await ask(case.manager, debts)
    assert (debt.state, debt.pence) == ("to_invoice", owing)
    books = await ask(finance, balances)
    assert books["provider_debt"] == owing and "owed_by_provider" not in books and sum(books.values()) == 0
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    for stranger in (rival, elsewhere, case.family):
        assert await ask(stranger, debts) == []
    today = local_day(clock.at)
    with pytest.raises(NotFound):
        await mark_invoiced(elsewhere, debt.id, "X", today)
    with pytest.raises(NotPermitted):
        await mark_invoiced(case.manager, debt.id, "X", today)
    with pytest.raises(InvalidInput):
        await mark_invoiced(finance, debt.id, " ", today)
    with pytest.raises(Conflict, match="is to invoice"):
        await mark_paid(finance, debt.id, today)

    typed = {"day": str(today.day), "month": str(today.month), "year": str(today.year)}
    async with at(create_marketplace(database, clock), settings, case.manager) as door:
        shown = await door.get("/debts")
        assert "To invoice" in shown.text and f"/debts/{debt.id}" not in shown.text
        assert "To invoice" in (await door.get("/debts?format=csv")).text
    async with at(create_console(database, clock), settings, finance) as desk:
        here = f"/debts/{debt.id}"
        assert here in (await desk.get("/debts")).text
        wrong = await desk.post(f"{here}/invoiced", {"reference": ""}, page=here)
        assert "Enter your invoice’s reference" in wrong.text and "Enter the day" in wrong.text
        sent = {"reference": "INV-77"} | {f"invoiced_on-{part}": value for part, value in typed.items()}
        assert (await desk.post(f"{here}/invoiced", sent, page=here)).status_code == 303
        assert "INV-77" in (await desk.get(here)).text
        late = {"paid_on-day": "1", "paid_on-month": "1", "paid_on-year": "2026"}
        assert "between the invoice’s day and today" in (await desk.post(f"{here}/paid", late, page=here)).text
        assert (await desk.get(f"/debts/{uuid4()}")).status_code == 404
    transport = httpx.ASGITransport(app=create_marketplace(database, clock))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as api:
        email = await people.with_password(finance, settings)
        answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert [row["state"] for row in (await api.get("/debts", headers=headers)).json()] == ["invoiced"]
        done = await api.post(f"/debts/{debt.id}/paid", json={"paid_on": today.isoformat()}, headers=headers)
        assert done.status_code == 204
        again = await api.post(f"/debts/{debt.id}/paid", json={"paid_on": today.isoformat()}, headers=headers)
        assert again.status_code == 409
    books = await ask(finance, balances)
    assert books["bank"] == owing and "provider_debt" not in books
    assert (await ask(payer, verify_books)).differences == []


async def test_a_held_visit_finished_after_the_debt_is_paid_in_full(
    database, world, case, finance, clock, first_day, migrator
):
    """The debt took what was owing, so the next invoice bears nothing; the days between had no visits of their own."""
    payer = system_for(case.referrer.organisation_id, "commissioner", "Northgate Council")
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    period = await period_of(case, first_day)
    after(clock, period, days=12)
    found = await the_draft(case, period)
    price = next(line.price_pence for line in found.result.lines if line.visit == str(held))
    await accept_invoice(finance, await submitted(case, period))
    for row in await migrator.fetch("SELECT id FROM admission WHERE provider_id = $1", case.manager.organisation_id):
        await end_admission(world.admin, row["id"], local_day(clock.at), "It leaves.")
    await migrator.execute("UPDATE package SET ends_on = starts_on WHERE id = $1", case.package_id)
    following = await period_of(case, period.last_day + timedelta(days=1))
    clock.move_to(invoice_due_at(found.pack, following))
    async with unit_of_work(payer) as work:
        assert await raise_debts(work) == 1
    (debt,) = await ask(finance, debts)
    await mark_invoiced(finance, debt.id, "INV-78", local_day(clock.at))

    await signing.family_confirms(case.family, held, text_hash=(await case.visit(held)).record_hash)
    latest = await period_of(case, local_day(clock.at))
    await banked(case.manager)
    after(clock, latest, hours=9)
    now = await the_draft(case, latest)
    assert (now.result.net_pence, now.result.deduction_pence, now.facts.carried_in_pence) == (price, 0, 0)
    offered = await ask(case.manager, queries.periods_of, case.manager.organisation_id)
    assert latest in [row.period for row in offered]  # the provider finds it among its periods
    invoice_id = await submitted(case, latest)
    await accept_invoice(finance, invoice_id)
    run_id = await build_run(finance, [invoice_id])
    await export_run(finance, run_id)
    await mark_run_paid(finance, run_id, [Paid(1, local_day(clock.at), price)])
    async with unit_of_work(payer) as work:
        assert await raise_debts(work) == 0
    await mark_paid(finance, debt.id, local_day(clock.at))
    books = await ask(finance, balances)
    assert books["bank"] == debt.pence - price and not {"provider_debt", "owed_by_provider"} & set(books)
    assert (await ask(payer, verify_books)).differences == []

"""A provider's account takes two to change; the payment file says where money goes, and finance where that is new."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta

import asyncpg
import pytest

from marketplace.billing.bank_accounts import answer_account, waiting_change
from marketplace.billing.deciding import accept_invoice
from marketplace.billing.parties import party, save_party
from marketplace.billing.payment_queries import payment_run
from marketplace.billing.payment_runs import approve_run, build_run, cancel_run, export_run, take_file
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.billing.test_api import api, token
from tests.billing.test_credit_notes import an_accepted
from tests.billing.test_einvoice import PROVIDER
from tests.billing.test_pages import text_of
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, visit_done
from tests.world.door import at

__all__ = ["api"]
WAITING = """SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND datname = current_database()"""
OTHER = PROVIDER | {"sort_code": "30-30-25", "account_number": "66666666"}


async def test_another_account_takes_two_people_and_finance_sees_it(api, case, clock, first_day, finance, settings):
    manager, provider_id = case.manager, case.manager.organisation_id
    coordinator = await people.person_in(manager, "coordinator", "Cora Dinator")
    rival = await people.provider_org(settings)
    assert not await save_party(manager, PROVIDER, {})  # the first account is kept at once
    first = await an_accepted(case, clock, first_day, finance)
    run_id = await build_run(finance, [first])
    (line,) = (await ask(finance, payment_run, run_id)).lines
    assert (line.sort_code, line.account_number, line.account_note) == ("202015", "55555555", "first")
    await export_run(finance, run_id)
    (row, *_) = csv.DictReader(io.StringIO((await take_file(finance, run_id)).text))
    assert (row["sort_code"], row["account_number"], row["account_name"]) == ("20-20-15", "55555555", "Alder Care")

    with pytest.raises(InvalidInput) as fault:
        await save_party(manager, OTHER | {"sort_code": "", "account_number": ""}, {})
    assert "account_number" in fault.value.fields
    async with at(create_marketplace(settings), settings, manager) as door:
        wrong = await door.post("/billing-details", OTHER | {"sort_code": "3030"})
        assert "must be 6 digits" in wrong.text and 'value="3030"' in wrong.text
        asked = await door.post("/billing-details", OTHER)
        assert asked.headers["location"] == "/bank-account"
        shown = text_of(await door.get("/bank-account"))
        assert "55555555" in shown and "66666666" in shown and "somebody else" in shown
        assert "Yes, payments go to the new account" not in shown
    change = await ask(manager, waiting_change)
    assert change is not None and (await ask(manager, party, provider_id)).account_number == "55555555"
    with pytest.raises(Conflict, match="somebody else"):
        await answer_account(manager, change.id, confirm=True)
    for stranger in (rival, finance, case.worker):
        with pytest.raises((NotFound, NotPermitted)):
            await answer_account(stranger, change.id, confirm=True)
    # past the service: the database lets no one person change it, nor confirm their own
    for statement in (
        "UPDATE billing_party SET account_number = '77777777', account_since = now()",
        "UPDATE bank_change SET state = 'confirmed', answered_by = proposed_by, answered_at = now()",
        "UPDATE bank_change SET account_number = '77777777'",
    ):
        with pytest.raises(asyncpg.PostgresError):
            async with unit_of_work(manager) as work:
                await work.execute(statement)
    async with at(create_marketplace(settings), settings, coordinator) as door:
        assert "Check it with" in text_of(await door.get("/bank-account"))
        assert "Error" in text_of(await door.post("/bank-account", {"change": str(change.id)}))
        done = await door.post("/bank-account", {"change": str(change.id), "decision": "confirm"})
        assert done.status_code == 303 and "66666666" in text_of(await door.get("/bank-account"))
    with pytest.raises(Conflict, match="answered already"):
        await answer_account(coordinator, change.id, confirm=False)

    # the next run says so, takes a second finance officer, and is not exported if it changes again meanwhile
    following = await period_of(case, (await period_of(case, first_day)).last_day + timedelta(days=1))
    await visit_done(case, clock, following.first_day)
    after(clock, following, days=1)
    second = await submitted(case, following)
    await accept_invoice(finance, second)
    run_id = await build_run(finance, [second])
    run = await ask(finance, payment_run, run_id)
    assert run.four_eyes and [line.account_note for line in run.lines] == ["changed"]
    async with at(create_console(settings, clock), settings, finance) as desk:
        shown = text_of(await desk.get(f"/payments/{run_id}"))
        assert "Changed since the last payment" in shown and "30-30-25" in shown
    with pytest.raises(Conflict, match="second finance officer"):
        await export_run(finance, run_id)
    mine, theirs = await token(api, settings, manager), await token(api, settings, coordinator)
    back = PROVIDER | {"vat_number": "", "buyer_reference": "", "grounds": []}
    assert (await api.put("/billing-details", json=back, headers=mine)).status_code == 204
    waiting = (await api.get("/bank-account", headers=theirs)).json()["waiting"]
    body = {"change_id": waiting["id"], "confirm": True}
    assert (await api.post("/bank-account/answer", json=body, headers=mine)).status_code == 409
    assert (await api.post("/bank-account/answer", json=body, headers=theirs)).status_code == 204
    colleague = await people.person_in(finance, "finance", "Fay Nance")
    await approve_run(colleague, run_id)
    with pytest.raises(Conflict, match="bank account of Alder Care has changed"):
        await export_run(finance, run_id)
    await cancel_run(finance, run_id)
    again = await build_run(finance, [second])
    assert [line.account_note for line in (await ask(finance, payment_run, again)).lines] == [""]
    await export_run(finance, again)


async def test_an_account_replaced_meanwhile_is_not_undone_and_finance_sees_it(
    case, clock, first_day, finance, settings, migrator
):
    manager, provider_id = case.manager, case.manager.organisation_id
    coordinator = await people.person_in(manager, "coordinator", "Cora Dinator")
    assert not await save_party(manager, PROVIDER, {})
    invoice_id = await an_accepted(case, clock, first_day, finance)
    assert await save_party(manager, OTHER, {})
    change = await ask(manager, waiting_change)
    assert change is not None
    async with at(create_marketplace(settings), settings, manager) as door:
        assert "Alder Care|202015|55555555" in (await door.get("/billing-details")).text
        typed = PROVIDER | {"street": "9 New Street", "account_shown": "Alder Care|202015|55555555"}
        async with migrator.transaction():  # both are under way before either can write
            await migrator.execute("SELECT FROM billing_party FOR UPDATE")
            confirming = asyncio.create_task(answer_account(coordinator, change.id, confirm=True))
            await waiting(migrator, 1)
            saving = asyncio.create_task(door.post("/billing-details", typed))
            await waiting(migrator, 2)
        await confirming
        refused = await saving
        shown = text_of(refused)
        assert refused.status_code == 400 and 'value="9 New Street"' in refused.text
        assert "The account was changed since you looked, to 30-30-25 66666666" in shown
        # nothing is proposed, nothing undone; the new account entered, the rest is kept
        assert await ask(manager, waiting_change) is None
        assert (await ask(manager, party, provider_id)).account_number == "66666666"
        typed |= {"sort_code": "30-30-25", "account_number": "66666666", "account_shown": "Alder Care|303025|66666666"}
        assert (await door.post("/billing-details", typed)).headers["location"] == "/billing-details"
    kept = await ask(manager, party, provider_id)
    assert (kept.street, kept.account_number) == ("9 New Street", "66666666")
    # no payment to hold it against, but it is younger than the invoice
    run = await ask(finance, payment_run, await build_run(finance, [invoice_id]))
    assert run.four_eyes and [line.account_note for line in run.lines] == ["changed"]


async def waiting(migrator: asyncpg.Connection, count: int) -> None:
    """Until so many others wait for a lock."""
    async with asyncio.timeout(20):
        while (await migrator.fetchval(WAITING) or 0) < count:
            await migrator.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)

"""Statements: every movement with the balances around it, at either door, as CSV and through the API."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import httpx
import pytest

from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.statements import all_books, statement
from marketplace.billing.waivers import pay_back
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import deducted
from tests.world.door import at


async def test_each_movement_with_the_balances_around_it(database, settings, world, case, finance, clock, first_day):
    for actor in (case.manager, finance):
        assert await ask(actor, all_books) == []
    invoice_id = await deducted(case, clock, first_day)
    submitted_on = local_day(clock.at)
    clock.move(timedelta(days=2))
    dispute_id = await raise_dispute(case.manager, invoice_id, "The site was down that week.")
    await propose_waiver(finance, dispute_id, "system_fault", "It was.")
    await confirm_waiver(await people.person_in(world.admin, "finance", "Fern Second"), dispute_id)
    await pay_back(finance, dispute_id, local_day(clock.at))
    (books,) = await ask(case.manager, all_books)
    key = books.framework_id, books.payer_id, books.provider_id
    for reader in (case.manager, finance):
        found = await ask(reader, statement, *key, submitted_on, local_day(clock.at))
        assert sorted((row.kind, row.number) for row in found.rows) == [
            ("invoice", 1), ("waiver", 1), ("waiver_paid", 1)
        ]  # fmt: skip
        assert not any(found.opening.values())
        gross = found.closing["care_cost"]
        assert found.closing | {} == {
            "care_cost": gross, "deduction_income": 0, "owed_by_provider": 0, "provider_debt": 0, "bank": 10_000,
            "provider_payable": gross - 10_000,
        }  # fmt: skip
        for account, pence in found.closing.items():
            assert found.opening[account] + sum(row.moves.get(account, 0) for row in found.rows) == pence
    later = await ask(finance, statement, *key, local_day(clock.at), local_day(clock.at))
    assert later.opening["provider_payable"] == gross - 10_000 and len(later.rows) == 2
    with pytest.raises(InvalidInput):
        await ask(finance, statement, *key, submitted_on, submitted_on - timedelta(days=1))
    for days in ((date.min, None), (date.max, None), (None, date.max)):
        with pytest.raises(InvalidInput) as beyond:
            await ask(finance, statement, *key, *days)
        assert "hundred years" in str(beyond.value.fields)
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    for stranger in (rival, elsewhere, case.family, case.worker):
        assert await ask(stranger, all_books) == []
        with pytest.raises(NotFound):
            await ask(stranger, statement, *key)

    where = "/statements/" + "/".join(str(part) for part in key)
    days = f"first_day={submitted_on}&last_day={local_day(clock.at)}"
    for app, reader in (
        (create_marketplace(database, clock), case.manager),
        (create_console(database, clock), finance),
    ):
        async with at(app, settings, reader) as door:
            assert where in (await door.get("/statements")).text
            shown = await door.get(f"{where}?{days}")
            assert "Deduction waived" in shown.text and "invoice 1" in shown.text and "Balance after" in shown.text
            assert (
                "Nothing moved in these days"
                in (await door.get(f"{where}?first_day=2026-01-01&last_day=2026-01-02")).text
            )
            wrong = await door.get(f"{where}?first_day=soon&last_day=2026-01-02")
            assert wrong.status_code == 400 and "must be a real date" in wrong.text
            typed = "first_day-day=31&first_day-month=2&first_day-year=2026"
            wrong = await door.get(f"{where}?{typed}")
            assert wrong.status_code == 400 and "must be a real date" in wrong.text and 'value="31"' in wrong.text
            three = f"{where}?{typed.replace('=31', '=1')}&last_day-day=2&last_day-month=Feb&last_day-year=2026"
            assert "1 February 2026 to 2 February 2026" in (await door.get(three)).text
            back = await door.get(f"{where}?first_day=2026-02-02&last_day=2026-01-02")
            assert "on or after the first" in back.text
            saved = await door.get(f"{where}?{days}&format=csv")
            assert saved.headers["content-type"].startswith("text/csv") and "Balance after" in saved.text
            assert (await door.get(f"/statements/{uuid4()}/{key[1]}/{key[2]}")).status_code == 404

    transport = httpx.ASGITransport(app=create_marketplace(database, clock))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as api:
        email = await people.with_password(case.manager, settings)
        answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert len((await api.get("/ledger/books", headers=headers)).json()) == 1
        whole = (await api.get(f"/ledger{where}?{days}", headers=headers)).json()
        assert whole["closing"] == found.closing and len(whole["entries"]) == 3

"""Deductions by reason over time: counted once, drawn with a table behind, within one's reach alone."""

from __future__ import annotations

from datetime import timedelta

import httpx

from marketplace.billing.deciding import return_invoice
from marketplace.billing.deductions import deductions
from marketplace.platform.database import ask
from marketplace.policy.facts import Claim
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at


async def test_what_was_lost_and_why(database, settings, case, finance, clock, first_day):
    async with at(create_marketplace(database, clock), settings, case.manager) as door:
        assert "Nothing was deducted" in (await door.get("/deductions")).text
    for n in range(2):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, days=12)
    line = (await the_draft(case, period)).facts.claim.lines[0]
    first = await submitted(case, period, Claim((line,), line.pence))  # late, and one visit left off
    await return_invoice(finance, first, "One visit is missing.")
    await submitted(case, period)
    for reader in (case.manager, finance):
        found = await ask(reader, deductions)
        (row,) = found.periods
        assert (row.first_day, row.invoices, row.deducted, row.pence) == (period.first_day, 1, 1, 10_000)
        assert row.kinds == {"late": 1, "inaccurate": 0, "incomplete": 1}
        assert dict(found.reasons) == {"after_the_due_moment": 1, "left_off": 1}
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    for stranger in (rival, elsewhere, case.family):
        assert (await ask(stranger, deductions)).periods == ()
    assert (await ask(finance, deductions, rival.organisation_id)).periods == ()

    for app, reader in (
        (create_marketplace(database, clock), case.manager),
        (create_console(database, clock), finance),
    ):
        async with at(app, settings, reader) as door:
            shown = (await door.get("/deductions")).text
            assert "<svg" in shown and "Show as a table" in shown and "It is submitted after the due moment" in shown
            assert ("Alder Care" in shown.split("<main", 1)[1]) is (reader is finance)
            saved = await door.get("/deductions?format=csv")
            assert f"{period.first_day},1,1,100.00,0.00,1,0,1" in saved.text
            narrowed = (await door.get(f"/deductions?provider={rival.organisation_id}")).text
            assert ("Nothing was deducted" in narrowed) is (reader is finance)
            assert (await door.get("/deductions?provider=x")).status_code == 200
    transport = httpx.ASGITransport(app=create_marketplace(database, clock))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as api:
        email = await people.with_password(case.manager, settings)
        answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await api.get("/deductions", headers=headers)).json()["reasons"]["left_off"] == 1

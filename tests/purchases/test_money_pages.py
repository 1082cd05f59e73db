"""What families, providers and finance officers see of the money, by pages and API; and who sees none of it."""

from __future__ import annotations

import pytest

from marketplace.packages import visit_actions
from marketplace.packages.cancelling import call_off
from marketplace.platform.database import ask
from marketplace.purchases.verify import verify_purchases
from tests.billing.test_api import api, token
from tests.billing.test_pages import text_of
from tests.laid import Start, the_richest
from tests.purchases.test_money_back import HOUR, WEEKDAY, charging, visits
from tests.world import packages, people, providers
from tests.world.apps import create_console, create_marketplace
from tests.world.bought import Bought, accounts, buy, settled
from tests.world.door import at

__all__ = ["api"]


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=charging)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


async def ended(case: packages.Case, clock, migrator, *, intent: str | None = None) -> Bought:
    """Four visits bought: one cancelled late by the family, one by the provider, one delivered, one to come."""
    late, provider, done, _ = chosen = await visits(case, 2, 3, 4, 7)
    bought = await buy(migrator, case, chosen, WEEKDAY, intent=intent, top_up=800)
    clock.move_to((await case.visit(late)).planned_start - HOUR)
    await call_off(case.family, late, version=1, reason="A cold", charge_pence=WEEKDAY // 2)
    await visit_actions.cancel_visit(
        case.manager, provider, version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    clock.move_to((await case.visit(done)).planned_end + HOUR)
    await packages.confirmed(case, done)
    await settled(bought)
    return bought


async def test_the_familys_account_receipts_and_money_back(database, settings, case, clock, migrator):
    bought = await ended(case, clock, migrator)
    app = create_marketplace(database, clock)
    where = f"/budget/{bought.direct_payment_id}"
    async with at(app, settings, case.family) as door:
        assert "Account, receipts, and money that comes back" in text_of(await door.get(where))
        shown = text_of(await door.get(f"{where}/account"))
        for said in (
            "Price of the visits bought £192.00", "Gone back, or on its way £72.00",
            "Paid from the budget in the end £104.00", "Paid with the family’s own money in the end £16.00",
            "Hours bought 4 hours", "Hours delivered 2 hours", "£48.00 is going back to your bank account",
            "Cancelled by the provider", "To come", "Receipt for DPTEST01 (PDF)",
        ):  # fmt: skip
            assert said in shown, (said, shown)
        # what comes back for a visit of other days is not listed beside sums it is no part of
        first = (await case.visit(next(iter(bought.prices)))).planned_start.date()
        shown = text_of(await door.get(f"{where}/account?first_day=2026-01-02&last_day={first}"))
        assert "£24.00 is going back" in shown and "£48.00 is going back" not in shown
        assert "£48.00 comes back for other days" in shown
        sheet = (await door.get(f"{where}/account?format=csv")).text
        assert sheet.count("Visit, package") == 4 and "Maya" not in sheet
        for path in (f"{where}/account.pdf", f"/purchases/{bought.purchase_id}/receipt.pdf"):
            paper = await door.get(path)
            assert paper.status_code == 200 and paper.content.startswith(b"%PDF"), paper.text[:300]
        wrong = await door.get(f"{where}/account?first_day=2026-05-10&last_day=2026-05-01")
        assert wrong.status_code == 400 and "on or after the first" in wrong.text
        assert (await door.get(f"{where}/account.pdf?first_day=x")).status_code == 400
    async with at(app, settings, case.referrer) as door:
        theirs = f"/direct-payments/{bought.direct_payment_id}"
        assert "The family’s account" in text_of(await door.get(theirs))
        seen = (await door.get(f"{theirs}/account")).text
        assert "Hours delivered" in seen and "pi_" not in seen
        assert (await door.get(f"{theirs}/account.pdf")).status_code == 200
    looks = await migrator.fetchval("SELECT count(*) FROM look WHERE why LIKE '%account of a direct payment'")
    assert looks == 2
    async with at(app, settings, case.manager) as door:
        for path in (f"{where}/account", f"/purchases/{bought.purchase_id}/receipt.pdf"):
            assert (await door.get(path)).status_code == 403


async def test_a_council_that_asks_for_no_account_sees_none(api, settings, case, clock, migrator):
    bought = await ended(case, clock, migrator)
    await migrator.execute("ALTER TABLE direct_payment_terms DISABLE TRIGGER USER")
    await migrator.execute("UPDATE direct_payment_terms SET account = 'none'")
    path = f"/direct-payments/{bought.direct_payment_id}/account"
    refused = await api.get(path, headers=await token(api, settings, case.referrer))
    assert refused.status_code == 403 and "ask the family for no account" in refused.json()["sentence"]
    mine = await token(api, settings, case.family)
    found = (await api.get(path, headers=mine)).json()
    assert (found["bought_pence"], found["back_pence"], found["budget_pence"]) == (19_200, 7_200, 10_400)
    assert [each["pence"] for each in found["visits"]] == [WEEKDAY] * 4
    assert (await api.get(f"{path}?last_day=1900-01-01", headers=mine)).status_code == 400
    back = (await api.get(f"/direct-payments/{bought.direct_payment_id}/refunds", headers=mine)).json()
    assert sorted(each["pence"] for each in back) == [2_400, 4_800] and {each["state"] for each in back} == {"owed"}
    rival = await people.provider_org(settings)
    for stranger, status in ((rival, 403), (case.manager, 403), (case.worker, 403)):
        headers = await token(api, settings, stranger)
        assert (await api.get(path, headers=headers)).status_code == status
    other = await people.person_in(case.world.admin, "referrer", "Otto Other")
    assert (await api.get(path, headers=await token(api, settings, other))).status_code in (403, 404)


async def test_the_provider_sees_what_is_due_as_the_ledger_has_it(api, database, settings, case, clock, migrator):
    await ended(case, clock, migrator)
    app = create_marketplace(database, clock)
    async with at(app, settings, case.manager) as door:
        assert 'href="/bought-visits"' in (await door.get("/today")).text
        shown = text_of(await door.get("/bought-visits"))
        for said in ("Due to you now £72.00", "No account", "£24.00 Due", "£48.00 Due", "Cancelled by the provider"):
            assert said in shown, (said, shown)
        assert "own money" not in shown and "Set up the account" not in shown  # cards are off here
        statement = text_of(await door.get("/bought-visits/statement"))
        assert "Balance after £72.00" in statement and statement.count("Due for a visit") == 2
        sheet = (await door.get("/bought-visits/statement?format=csv")).text
        assert "Balance after,,,72.00" in sheet
        assert "48.00" in (await door.get("/bought-visits?format=csv")).text
        asked = await door.post("/bought-visits/account", {})
        assert asked.status_code == 409 and "off here" in asked.text
        wrong = await door.get("/bought-visits?first_day=soon")
        assert wrong.status_code == 400
    coordinator = await people.person_in(case.manager, "coordinator", "Cora Office")
    async with at(app, settings, coordinator) as door:
        assert 'href="/bought-visits"' in (await door.get("/today")).text
        assert (await door.get("/bought-visits")).status_code == 200
    mine = await token(api, settings, case.manager)
    found = (await api.get("/bought-visits", headers=mine)).json()
    assert [each["kept_pence"] for each in found] == [2_400, 0, 4_800, 0]
    assert {each["budget_pence"] for each in found} == {None}
    assert (await api.get("/bought-visits/statement", headers=mine)).json()["after_pence"] == 7_200
    assert (await api.get("/payout-account", headers=mine)).json() == {"state": "none", "due": []}
    assert (await api.post("/payout-account/link", headers=mine)).status_code == 409
    rival = await token(api, settings, await people.provider_org(settings))
    assert (await api.get("/bought-visits", headers=rival)).json() == []
    for stranger in (case.family, case.worker, case.referrer):
        assert (await api.get("/bought-visits", headers=await token(api, settings, stranger))).status_code == 403


async def test_finance_pays_by_bank_and_a_second_officer_confirms(api, database, settings, case, clock, migrator):
    bought = await ended(case, clock, migrator)
    one = await people.person_in(case.world.admin, "finance", "Finn Ance")
    two = await people.person_in(case.world.admin, "finance", "Fay Ance")
    mine, theirs = await token(api, settings, one), await token(api, settings, two)
    console = create_console(database, clock)
    today = await ask(case.manager, providers.today)
    day = {"paid_on-day": today.day, "paid_on-month": today.month, "paid_on-year": today.year}
    paid = day | {"reference": "BACS 7"}
    rows = await migrator.fetch("SELECT id, pence FROM refund ORDER BY pence")
    async with at(console, settings, one) as door:
        shown = text_of(await door.get("/purchase-money"))
        assert "£24.00" in shown and "£48.00" in shown and "£72.00" in shown and "Maya" not in shown
        assert "2026-05-11 DPTEST01" in (await door.get("/purchase-money?format=csv")).text
        where = f"/purchase-money/refunds/{rows[0]['id']}/paid"
        empty = await door.post(where, {"reference": "BACS 7"})
        assert empty.status_code == 400 and "BACS 7" in empty.text
        ahead = await door.post(where, paid | {"paid_on-year": today.year + 1})
        assert ahead.status_code == 400 and "within the last year" in ahead.text
        assert (await door.post(where, paid)).status_code == 303
        again = await door.post(where, paid, page="/purchase-money")
        assert again.status_code == 409 and "written down already" in again.text
        [balance] = (await api.get("/purchase-payouts", headers=mine)).json()
        there = f"/purchase-money/providers/{balance['framework_id']}/{balance['provider_id']}/paid"
        assert "£72.00" in text_of(await door.get(there))
        stale = await door.post(there, paid | {"shown": 1}, page="/purchase-money")
        assert stale.status_code == 409 and "£72.00 is owed now" in stale.text
        assert (await door.post(there, paid | {"shown": 7_200})).status_code == 303
    refund = f"/purchase-refunds/{rows[1]['id']}"
    by_bank = {"paid_on": str(today), "reference": "BACS 8"}
    bad = await api.post(f"{refund}/paid", json=by_bank | {"reference": " "}, headers=mine)
    assert bad.status_code == 400 and "reference" in bad.json()["fields"]
    assert (await api.post(f"{refund}/paid", json=by_bank, headers=mine)).json() == {"in_books": False}
    confirm = f"/purchase-payouts/{balance['framework_id']}/{balance['provider_id']}/confirm"
    for what in (f"{refund}/confirm", confirm):
        alone = await api.post(what, headers=mine)
        assert alone.status_code == 409 and "somebody else" in alone.json()["sentence"]
    async with at(console, settings, two) as door:
        shown = text_of(await door.get("/purchase-money"))
        assert shown.count("To be confirmed") == 2 and "BACS 8" in shown
        done = await door.post(f"/purchase-money/refunds/{rows[1]['id']}/confirm", page="/purchase-money")
        assert done.status_code == 303
    assert (await api.post(confirm, headers=theirs)).status_code == 204
    assert (await api.post(confirm, headers=theirs)).status_code == 404
    assert (await api.post(f"{refund}/confirm", headers=theirs)).status_code == 409
    assert (await api.post(f"{refund}/again", headers=theirs)).status_code == 409
    assert (await ask(bought.council, verify_purchases)).differences == []
    assert await ask(bought.council, accounts) == {"client_bank": WEEKDAY, "held_for_families": -WEEKDAY}
    for stranger in (case.manager, case.family, case.referrer):
        headers = await token(api, settings, stranger)
        assert (await api.get("/purchase-refunds", headers=headers)).status_code == 403
    other = await people.council(settings, "Elsewhere Council")
    outside = await token(api, settings, await people.person_in(other, "finance", "Olga Other"))
    assert (await api.get("/purchase-refunds", headers=outside)).json() == []
    assert (await api.post(f"{refund}/paid", json=by_bank, headers=outside)).status_code == 404

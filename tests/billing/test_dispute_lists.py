"""An invoice whose deduction is disputed says so wherever invoices are listed."""

from __future__ import annotations

from marketplace.billing.disputes import raise_dispute, uphold
from tests.billing.test_api import api, token
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import deducted
from tests.world.door import at

__all__ = ["api"]


async def test_the_lists_of_both_sides_say_where_the_dispute_stands(
    api, case, clock, first_day, finance, settings, database
):
    invoice_id = await deducted(case, clock, first_day)
    mine, theirs = await token(api, settings, case.manager), await token(api, settings, finance)
    assert [row["dispute_state"] for row in (await api.get("/invoices", headers=theirs)).json()] == [None]
    dispute_id = await raise_dispute(case.manager, invoice_id, "The site was down that week.")
    async with at(create_marketplace(database, clock), settings, case.manager) as office:
        assert "Deduction disputed" in (await office.get("/invoices")).text
    async with at(create_console(database, clock), settings, finance) as desk:
        assert "Deduction disputed" in (await desk.get("/invoices")).text
        assert "Deduction disputed" in (await desk.get("/invoices?state=submitted")).text
    for who in (mine, theirs):
        assert [row["dispute_state"] for row in (await api.get("/invoices", headers=who)).json()] == ["open"]
    periods = (await api.get("/invoice-periods", headers=mine)).json()
    assert [row["dispute_state"] for row in periods if row["invoice_id"] == str(invoice_id)] == ["open"]
    await uphold(finance, dispute_id, "It was not.")
    assert (await api.get(f"/invoices/{invoice_id}", headers=mine)).json()["dispute_state"] == "upheld"

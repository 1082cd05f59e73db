"""The console's list of invoices: what is overdue, what is disputed, and the same as CSV."""

from __future__ import annotations

from datetime import timedelta

from marketplace.billing.deciding import accept_invoice
from marketplace.billing.disputes import raise_dispute
from tests.billing.test_api import api, token
from tests.billing.test_pages import text_of
from tests.world import people
from tests.world.apps import create_console
from tests.world.billing import deducted
from tests.world.door import at

__all__ = ["api"]


async def test_what_is_overdue_or_disputed_is_listed_alone(api, case, clock, first_day, settings, finance):
    invoice_id = await deducted(case, clock, first_day)
    console = create_console(settings, clock)
    async with at(console, settings, finance) as desk:
        shown = text_of(await desk.get("/invoices"))
        assert "Overdue (0)" in shown and "Disputed (0)" in shown
        none = text_of(await desk.get("/invoices?state=overdue"))
        assert "when its day for payment has passed" in none and "Providers submit one" not in none
        await raise_dispute(case.manager, invoice_id, "The site was down that week.")
        assert "Disputed (1)" in text_of(await desk.get("/invoices?state=disputed"))
        await accept_invoice(finance, invoice_id)
        clock.move(timedelta(days=30))
        assert "Overdue (0)" in text_of(await desk.get("/invoices"))  # the last day itself is in time
        clock.move(timedelta(days=1))
        late = text_of(await desk.get("/invoices?state=overdue"))
        assert "Overdue (1)" in late and "Alder Care" in late and "Accepted Overdue" in late
        lines = (await desk.get("/invoices?state=overdue&format=csv")).text.splitlines()
        assert lines[0].endswith("Deducted,Net") and len(lines) == 2 and "Alder Care" in lines[1]
        assert "Accepted" in lines[1] and "Deduction disputed" in lines[1]
        assert len((await desk.get("/invoices?state=paid&format=csv")).text.splitlines()) == 1
        assert (await desk.get("/invoices?state=nonsense")).status_code == 200
    mine = await token(api, settings, finance)
    assert [row["id"] for row in (await api.get("/invoices?in_state=overdue", headers=mine)).json()] == [
        str(invoice_id)
    ]
    other = await people.person_in(await people.council(settings, "Southmere"), "finance")
    async with at(console, settings, other) as desk:
        assert "Overdue (0)" in text_of(await desk.get("/invoices"))

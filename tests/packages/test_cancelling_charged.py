"""A cancellation that costs: shown with what it leaves of the allocation, charged, drawn and invoiced by one share."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from marketplace.billing import queries as billing_queries
from marketplace.billing.budgets import budget_of, set_allocation
from marketplace.billing.exports import lines_csv
from marketplace.platform.database import ask
from marketplace.policy.calendar import wall_time
from marketplace.policy.facts import WeeklySlot
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.packages.test_cancelling_pages import text_of
from tests.world import packages
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted
from tests.world.door import at
from tests.world.referrals import borough

TUESDAY = date(2026, 5, 12)
THURSDAY = TUESDAY + timedelta(days=2)


async def charging(settings: Settings) -> packages.Case:
    """A package on the terms of P 5.2: half of the price within 24 hours of the visit."""
    world = await borough(
        settings, name="Cambridgeshire", lot="HLFS", provider_names=("Alder Care",), role="outreach_worker",
        pack_id="cambridgeshire-peterborough-pdps",
    )  # fmt: skip
    return await packages.set_up(world, pattern=[WeeklySlot(1, "16:00", "18:00", "community_support")])


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=charging)


async def test_a_late_cancellation_is_shown_charged_drawn_and_invoiced(case, settings, clock):
    visit_id, other = await packages.a_visit(case, TUESDAY), await packages.a_visit(case, THURSDAY)
    days = {"starts_on": TUESDAY, "ends_on": TUESDAY + timedelta(days=6), "reason": "The panel agreed it."}
    pounds = await set_allocation(case.referrer, case.child_id, unit="pence", amount=100_000, **days)
    clock.move_to(wall_time(TUESDAY, time(13)))
    app = create_marketplace(settings)
    where = f"/visits/{visit_id}/cancel"
    async with at(app, settings, case.family) as door:
        # both visits of 48.00 are planned; cancelling one gives the uncharged half of it back
        assert "£904.00 of it is left now, and £928.00 afterwards" in text_of(await door.get(where))
        check = await door.post(where, {"version": "1", "reason": "Grandma is here"})
        assert "£24.00, half of the visit's price of £48.00" in text_of(check)
        assert "1 hour of this visit's 2 hours come off" in text_of(check)
        assert "Left of it now £904.00, with this visit counted Left of it afterwards £928.00" in text_of(check)
        typed = {"version": "1", "reason": "Grandma is here", "step": "check"}
        assert "you were shown" in text_of(await door.post(where, typed | {"charge": "0"}))
        assert (await case.visit(visit_id)).outcome is None
        assert (await door.post(where, typed | {"charge": "2400"})).status_code == 303
        assert "Charged: £24.00, half" in text_of(await door.get(f"/visits/{visit_id}"))
    _, _, found = await ask(case.referrer, budget_of, case.child_id)
    assert found is not None
    assert (found.figures.spent, found.figures.committed, found.figures.left) == (2400, 4800, 92_800)
    async with at(app, settings, case.manager) as door:
        # the office is shown the charge and the share, and never what the family has
        body = {"version": "1", "outcome": "cancelled_by_family", "reason": "Ill", "notice-day": "12",
                "notice-month": "5", "notice-year": "2026", "notice_time": "12:00"}  # fmt: skip
        office = text_of(await door.post(f"/visits/{other}/cancel", body))
        assert "What is charged Nothing" in office and "Left of it" not in office
    # in hours, through the interface: worked out as it was set, the first visit half taken, the second whole
    hours = await set_allocation(case.referrer, case.child_id, unit="minutes", amount=600, replaces=pounds, **days)
    assert hours != pounds
    clock.move(timedelta(minutes=1))
    third = await packages.a_visit(case, THURSDAY + timedelta(days=1))  # planned since: taken off here
    async with at(app, settings, case.referrer) as door:
        for asked, before, then in ((other, 420, 540), (third, 300, 420)):
            terms = (await door.client.get(f"/api/v1/visits/{asked}/cancellation")).json()
            left = terms["allocation"]
            assert (terms["charged_pence"], left["unit"], left["before"], left["after"]) == (0, "minutes", before, then)
    async with at(app, settings, case.manager) as door:
        terms = await door.client.get(f"/api/v1/visits/{other}/cancellation?outcome=cancelled_by_provider")
        assert terms.json()["allocation"] is None
    period = await period_of(case, TUESDAY)
    for each in (other, third):  # what else was planned does not take place, in time and at no charge
        async with at(app, settings, case.referrer) as door:
            sent = {"version": "1", "reason": "On holiday", "step": "check", "charge": "0"}
            assert (await door.post(f"/visits/{each}/cancel", sent)).status_code == 303
    after(clock, period, hours=9)
    view = await ask(case.manager, billing_queries.invoice, await submitted(case, period))
    assert [(line.visit, line.price_pence) for line in view.result.lines if line.price_pence] == [(str(visit_id), 2400)]
    assert (view.result.gross_pence, view.result.defects) == (2400, ())
    assert "24.00" in lines_csv(view)

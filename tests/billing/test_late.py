"""Late cancellations that cost: of shared time, and at once in the family's budget; and a forecast that only grows."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from marketplace.billing import sweeps
from marketplace.billing.budgets import budget_of, set_allocation
from marketplace.billing.timesheets import sheets, timesheet
from marketplace.packages.allocations import allocation_now
from marketplace.packages.cancelling import call_off
from marketplace.platform.database import ask
from marketplace.settings import Settings
from tests.billing.test_pages import text_of
from tests.laid import Start, the_richest
from tests.obligations.conftest import run_jobs
from tests.world import packages, referrals
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, the_draft
from tests.world.door import at

HALF = 50
TWO_HOURS = 4800


async def late_costs_half(settings: Settings) -> packages.Case:
    answers = {"settings.charging.cancelled_late_percent": HALF}
    return await packages.set_up(await referrals.borough(settings, provider_names=("Alder Care",), answers=answers))


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=late_costs_half)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


async def an_hour_before(case: packages.Case, clock, visit_id) -> None:
    clock.move_to((await case.visit(visit_id)).planned_start - timedelta(hours=1))


async def test_of_two_cancellations_of_shared_time_the_one_with_less_notice_is_charged(case, clock):
    """The first visit made was cancelled in time and costs nothing: the brother's, cancelled late, is still charged."""
    brother = await referrals.add_child(case.referrer, "Tobi Okonkwo", date(2014, 2, 2), sibling_of=case.child_id)
    other = await packages.set_up(
        case.world, child_id=brother, workers=[case.worker_id, case.backup_id], worker_people=(case.worker, case.backup)
    )
    day = max((await case.package()).starts_on, (await other.package()).starts_on) + timedelta(days=9)
    early, late = [await packages.a_visit(each, day) for each in (case, other)]
    await call_off(case.family, early, version=1, reason="Visiting an aunt")
    await an_hour_before(other, clock, late)
    terms = await call_off(other.family, late, version=1, reason="Unwell")
    period = await period_of(case, day)
    after(clock, period, hours=9)
    prices = {line.visit: line.price_pence for line in (await the_draft(case, period)).result.lines}
    assert terms.charged_pence == TWO_HOURS // 2
    assert (prices[str(early)], prices[str(late)]) == (0, terms.charged_pence)


async def test_a_charged_cancellation_shows_in_the_familys_budget_at_once(case, clock, database, migrator):
    assert sweeps.work_out_budget
    first = (await case.package()).starts_on
    await set_allocation(
        case.referrer, case.child_id, starts_on=first, ends_on=first + timedelta(days=27), unit="pence",
        amount=100_000, reason="The panel agreed it",
    )  # fmt: skip
    visit_id = await packages.a_visit(case, first + timedelta(days=1))
    await an_hour_before(case, clock, visit_id)
    async with at(create_marketplace(database, clock), database, case.family) as door:
        asked = text_of(await door.get(f"/visits/{visit_id}/cancel"))
        assert "come off the child's budget" in asked and "allocation" not in asked
        await call_off(case.family, visit_id, version=1, reason="Unwell")
        assert await run_jobs(database, migrator, "work_out_budget") == 1
        mine = text_of(await door.get(f"/support-budget/{case.child_id}"))
        assert "£24.00 has been used" in mine and "referrer" not in mine
    row = await ask(case.family, allocation_now, case.child_id)
    assert row is not None and (row.spent, row.committed) == (TWO_HOURS // 2, 0)


async def test_one_more_visit_never_lowers_the_forecast(case, clock):
    first = (await case.package()).starts_on
    await set_allocation(
        case.referrer, case.child_id, starts_on=first, ends_on=first + timedelta(days=55), unit="minutes",
        amount=60_000, reason="The panel agreed it",
    )  # fmt: skip

    async def forecast() -> int:
        _, _, found = await ask(case.referrer, budget_of, case.child_id)
        assert found is not None and found.figures.forecast is not None
        return found.figures.forecast

    figures = [await forecast()]
    for later, hour in ((50, 16), (3, 16), (4, 10), (20, 16), (21, 10)):
        await packages.a_visit(case, first + timedelta(days=later), time(hour), time(hour + 2))
        figures.append(await forecast())
    assert figures == sorted(figures) and figures[-1] > figures[0]


async def test_the_list_of_timesheets_and_the_sheet_count_alike(case, clock):
    first = (await case.package()).starts_on
    for later in range(3):
        await packages.a_visit(case, first + timedelta(days=later))
    clock.move_to((await case.package()).awarded_at + timedelta(days=2))
    (listed,) = await ask(case.manager, sheets)
    found = await ask(
        case.manager, timesheet, listed.framework_id, listed.payer_id, listed.provider_id, listed.period.first_day
    )
    assert listed.planned == found.sheet.planned == len(found.rows)

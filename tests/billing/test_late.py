"""Late cancellations that cost: of shared time, and at once in the family's budget; and a forecast that only grows."""

from __future__ import annotations

from datetime import date, time, timedelta
from uuid import UUID

import pytest

from marketplace.billing import sweeps
from marketplace.billing.budgets import budget_of, set_allocation
from marketplace.billing.timesheets import sheets, timesheet
from marketplace.packages.allocations import allocation_now
from marketplace.packages.cancellation import PriceChanged, cancelling
from marketplace.packages.cancelling import call_off
from marketplace.packages.overrun_decisions import approve_overrun
from marketplace.platform.database import Work, ask
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
HALF_OF_IT = TWO_HOURS // 2


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


async def siblings(case: packages.Case, clock, days: int) -> tuple[packages.Case, list[tuple[UUID, UUID]], date]:
    """A brother with the same workers; both children's visits at the same times on so many days, hers made first."""
    brother = await referrals.add_child(case.referrer, "Tobi Okonkwo", date(2014, 2, 2), sibling_of=case.child_id)
    other = await packages.set_up(
        case.world, child_id=brother, workers=[case.worker_id, case.backup_id], worker_people=(case.worker, case.backup)
    )
    day = max((await case.package()).starts_on, (await other.package()).starts_on) + timedelta(days=9)
    day += timedelta(days=(1 - day.weekday()) % 7)  # a Tuesday: weekdays cost alike
    both: list[list[UUID]] = []
    for each in (case, other):
        both.append([await packages.a_visit(each, day + timedelta(days=later)) for later in range(days)])
        clock.move_to(clock.at + timedelta(seconds=1))
    return other, list(zip(*both, strict=True)), day


async def charged(case: packages.Case, visit_id: UUID) -> int | None:
    async def question(work: Work) -> int | None:
        return (await cancelling(work, visit_id))[3].charged_pence

    return await ask(case.family, question)


async def test_shared_time_is_charged_once_and_shown_so(case, clock, database, migrator):
    """The first visit made was cancelled in time and costs nothing: the brother's, cancelled late, is still charged.

    Both cancelled late: once. One cancelled while the other takes place: nothing, and so it is shown afterwards.
    """
    other, ((early, late), (own, his), (left, taken)), day = await siblings(case, clock, 3)
    await call_off(case.family, early, version=1, reason="Visiting an aunt")
    await an_hour_before(other, clock, late)
    terms = await call_off(other.family, late, version=1, reason="Unwell")
    await an_hour_before(case, clock, own)
    first = await call_off(case.family, own, version=1, reason="Unwell", charge_pence=HALF_OF_IT, charge_required=True)
    assert (first.charged_pence, first.taken_minutes, first.waits) == (HALF_OF_IT, 60, True)
    async with at(create_marketplace(database, clock), database, other.family) as door:
        asked = text_of(await door.get(f"/visits/{his}/cancel"))
    assert "charged: nothing: its time is billed on a brother's or sister's visit" in asked, asked
    assert "Nothing comes off the child's budget" in asked
    with pytest.raises(PriceChanged):
        await call_off(other.family, his, version=1, reason="Unwell too", charge_pence=HALF_OF_IT)
    # nothing is charged, so that nothing has to be said before it is done
    second = await call_off(other.family, his, version=1, reason="Unwell too", charge_required=True)
    assert (second.charged_pence, second.taken_minutes, second.elsewhere) == (0, 0, True)
    await an_hour_before(case, clock, left)
    assert await charged(case, left) == HALF_OF_IT
    await call_off(case.family, left, version=1, reason="Unwell")
    clock.move_to((await other.visit(taken)).planned_end + timedelta(minutes=5))
    await packages.confirmed(other, taken)
    async with at(create_marketplace(database, clock), database, case.referrer) as door:
        assert "What is charged Nothing: its time is billed on a" in text_of(await door.get(f"/visits/{left}"))
    audited = await migrator.fetch("SELECT subject_id, details FROM audit_entry WHERE subject_id = ANY($1)", [own, his])
    found = {row["subject_id"]: row["details"] for row in audited if "charged_pence" in row["details"]}
    said = [(found[each]["charged_pence"], found[each]["waits"]) for each in (own, his)]
    assert said == [(HALF_OF_IT, True), (0, False)]
    period = await period_of(case, day)
    after(clock, period, hours=9)
    prices = {line.visit: line.price_pence for line in (await the_draft(case, period)).result.lines}
    assert terms.charged_pence == HALF_OF_IT
    assert (prices[str(early)], prices[str(late)]) == (0, HALF_OF_IT)
    assert (prices[str(own)], prices[str(his)]) == (HALF_OF_IT, 0)
    assert (prices[str(left)], prices[str(taken)]) == (0, TWO_HOURS)


async def test_shared_time_is_billed_on_the_longest_visit(case, clock):
    """The first made lasted an hour, the brother's two; then one for which longer time is approved; then both alike."""
    other, days, day = await siblings(case, clock, 3)
    for (own, his), minutes in zip(days, ((60, 120), (120, 150), (120, 120)), strict=True):
        planned = await case.visit(own)
        clock.move_to(planned.planned_end + timedelta(minutes=40))
        for each, visit_id, length in ((case, own, minutes[0]), (other, his, minutes[1])):
            await packages.confirmed(each, visit_id, end=planned.planned_start + timedelta(minutes=length))
    await approve_overrun(case.referrer, days[1][1])
    period = await period_of(case, day)
    after(clock, period, hours=9)
    prices = {line.visit: line.price_pence for line in (await the_draft(case, period)).result.lines}
    assert [(prices[str(own)], prices[str(his)]) for own, his in days] == [(0, 4800), (0, 6000), (4800, 0)]


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

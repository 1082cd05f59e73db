"""Visits that a family buys never stand on a council's invoice, sheet, budget or books; those beside them do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.billing import agreements, budgets, funding, timesheets
from marketplace.billing.preparing import prepare_drafts
from marketplace.billing.queries import payers_of
from marketplace.billing.spending import spending
from marketplace.billing.sweeps import owe_closed_periods
from marketplace.billing.verify import verify_books
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict
from tests.world import packages, providers
from tests.world.billing import after, period_of, submitted, the_draft, visit_done


async def test_a_council_is_never_invoiced_for_what_a_family_buys(bought, clock):
    case, referrer = bought.case, bought.home.world.referrer
    council = referrer.organisation_id
    first = await ask(case.manager, providers.today)
    for visit_id in bought.visits:
        clock.move_to((await case.visit(visit_id)).planned_end + timedelta(minutes=5))
        await packages.confirmed(case, visit_id)
    period = await period_of(case, first)

    async def nothing_billed(work: Work) -> list[object]:
        return [*await payers_of(work, case.manager.provider_id), *await timesheets.sheets(work)]

    assert await ask(case.manager, nothing_billed) == []
    after(clock, period, hours=9)
    system = system_for(council, "commissioner", "Northgate Council")
    assert await prepare_drafts(system, day=first) == []
    async with unit_of_work(system) as work:
        await owe_closed_periods(work)
        assert await work.fetchval("SELECT count(*) FROM obligation WHERE rule_key LIKE 'invoice%'") == 0
    draft = await the_draft(case, period)
    assert draft.result.lines == () and draft.result.net_pence == 0

    # the same provider's and child's council package beside it is billed as ever, and alone
    day = await ask(case.manager, providers.today) + timedelta(days=1)
    ordinary = await packages.awarded(
        bought.home.world, child_id=case.child_id, family=bought.home.mother, starts_on=day, rights=(),
        worker_people=(case.worker, case.backup),
    )  # fmt: skip
    await packages.signed_plan(ordinary)
    billed = await visit_done(ordinary, clock, day)
    later = await packages.a_visit(case, day + timedelta(days=1))
    clock.move_to((await case.visit(later)).planned_end + timedelta(minutes=5))
    await packages.confirmed(case, later)
    period = await period_of(ordinary, day)
    await budgets.set_allocation(
        referrer, case.child_id, starts_on=first, ends_on=period.last_day, unit="pence", amount=100_000, reason="Panel",
    )  # fmt: skip

    async def drawn(work: Work) -> list[object]:
        found = await spending(work, council, case.child_id, "pence", 100_000, first, period.last_day)
        return [each.visit_id for each in found.visits]

    assert await ask(system, drawn) == [billed]
    after(clock, period, hours=9)
    (made,) = await prepare_drafts(system, day=day)
    assert (made.drafts, made.lines) == (1, 1)
    assert [line.visit for line in (await the_draft(ordinary, period)).result.lines] == [str(billed)]
    await submitted(ordinary, period)
    async with unit_of_work(system) as work:
        assert (await verify_books(work)).differences == []


async def test_no_shares_and_no_lines_beside_visits(bought):
    case, referrer = bought.case, bought.home.world.referrer
    day = await ask(case.manager, providers.today)
    with pytest.raises(Conflict, match="with its direct payment"):
        await agreements.propose(case.manager, case.package_id, agreements.Terms("mileage", "Far", 45, 1000, day, day))
    with pytest.raises(Conflict, match="with its direct payment"):
        await funding.propose_funding(referrer, case.package_id, {}, day, None, "Half of it")

"""What judges a visit that is bought: the terms of its own day; and, where the money comes late, today's budget."""

from __future__ import annotations

from datetime import timedelta

from marketplace.platform.database import ask
from marketplace.purchases import buying_sweeps as sweeps
from marketplace.purchases import queries
from marketplace.purchases.direct_payments import change_terms
from marketplace.purchases.spending import record_spending, take_back_spending
from tests.world import packages, referrals
from tests.world.buying import buys, officers, quoted, seen, transfers
from tests.world.purchases import terms


async def unpaid(bought, database, clock, visit_id):
    """Bought and not paid in time."""
    made = await buys(bought, database, [visit_id])
    clock.at = made.due_at
    assert await sweeps.give_up_unpaid(bought.home.world.admin.commissioner_id) == 1
    return made


async def pays(bought, finance, clock, made):
    """Its money comes after all."""
    await transfers(finance, (clock.at.date(), made.pence, made.reference))
    return await seen(bought, made.id)


async def test_late_money_buys_nothing_the_budget_does_not_hold(bought, database, clock, migrator):
    finance, _ = await officers(bought)
    home = bought.home
    first, second, third = bought.visits

    # the budget was spent elsewhere meanwhile
    made = await unpaid(bought, database, clock, first)
    spent = await record_spending(
        home.mother, home.direct_payment_id, day=clock.at.date(), pence=80_000, says="A chair"
    )
    left = (await ask(home.mother, queries.direct_payment, home.direct_payment_id)).budget.left
    late = await pays(bought, finance, clock, made)
    assert (late.status, late.sent_back_pence) == ("unpaid", made.pence)
    assert (await ask(home.mother, queries.direct_payment, home.direct_payment_id)).budget.left == left
    await take_back_spending(home.mother, spent, reason="Not after all")

    # nobody but one of two who decide jointly had agreed
    await referrals.family_of(home.world.referrer, home.child_id, "Femi Okonkwo", rights=("spend",), relation="Father")
    await migrator.execute("UPDATE family_grant SET jointly = true WHERE 'spend' = ANY (rights)")
    made = await unpaid(bought, database, clock, second)
    late = await pays(bought, finance, clock, made)
    assert (late.status, late.sent_back_pence) == ("unpaid", made.pence)
    await migrator.execute("UPDATE family_grant SET jointly = false WHERE 'spend' = ANY (rights)")

    # the direct payment ended before the visit
    made = await unpaid(bought, database, clock, third)
    await migrator.execute("UPDATE direct_payment SET ends_on = $1", clock.at.date() - timedelta(days=1))
    late = await pays(bought, finance, clock, made)
    assert (late.status, late.sent_back_pence) == ("unpaid", made.pence)


async def test_each_visit_is_judged_by_the_terms_of_its_day(bought, database, clock):
    await officers(bought)
    home = bought.home
    view = await ask(home.mother, queries.direct_payment, home.direct_payment_id)
    changes = view.budget.period.last_day + timedelta(days=1)
    later = await packages.a_visit(bought.case, changes + timedelta(days=1))
    assert (await quoted(bought, database, [later])).refusals == ()
    less = terms([home.world.lot], units=100, top_up_allowed=False, period="week")
    await change_terms(home.world.referrer, home.direct_payment_id, less, applies_from=changes, reason="Less")
    spent = await record_spending(home.mother, home.direct_payment_id, day=view.today, pence=80_000, says="A chair")
    now = await quoted(bought, database)
    assert now.refusals == () and now.top_up_pence > 0  # this week's terms still allow it
    assert any("does not allow a top-up" in each for each in (await quoted(bought, database, [later])).refusals)
    await take_back_spending(home.mother, spent, reason="Not after all")
    other = next(each for each in ("A", "B", "D") if each != home.world.lot)
    await change_terms(
        home.world.referrer, home.direct_payment_id, terms([other]), applies_from=changes, reason="Other support"
    )
    assert (await quoted(bought, database)).refusals == ()
    assert any("not for this kind of support" in each for each in (await quoted(bought, database, [later])).refusals)

"""Brothers and sisters at one visit: the worker's time is bought once (L 6.5), whoever buys first."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from marketplace.platform.actor import system_for
from marketplace.platform.database import ask
from marketplace.purchases import buying, buying_sweeps
from marketplace.purchases.buying_queries import unpaid_starts
from marketplace.purchases.direct_payments import record_direct_payment
from marketplace.purchases.quoting import buyable
from marketplace.purchases.settling import settle_waiting
from marketplace.purchases.verify import verify_purchases
from tests.world import packages, purchases, referrals
from tests.world.buying import buys, officers, quoted, transfers

ELSEWHERE = "It is shared with a brother or sister and bought there: there is nothing to pay."


async def test_a_shared_visit_is_bought_once(bought, database, clock, migrator):
    finance, _ = await officers(bought)
    home, world = bought.home, bought.home.world
    sister = await referrals.add_child(world.referrer, "Tobi Okonkwo", date(2014, 2, 2), sibling_of=home.child_id)
    aunt = await referrals.family_of(world.referrer, sister, "Ada Okonkwo", rights=purchases.BUYER, relation="Aunt")
    payment = await record_direct_payment(
        world.referrer, sister, world.framework_id, purchases.terms([world.lot]), starts_on=purchases.FIRST_DAY
    )
    hers = purchases.Household(world, sister, aunt, aunt, payment)
    other = await purchases.agreed(hers, workers=False)
    other.case = replace(other.case, worker=bought.case.worker, backup=bought.case.backup)
    await purchases.sign_for_family(other)
    mine = await bought.case.visit(bought.visits[0])
    other.visits = [await packages.a_visit(other.case, mine.planned_start.date())]

    async def price_of(whose) -> tuple[int | None, str]:
        offer = await ask(whose.home.mother, buyable, whose.case.package_id)
        each = next(each for each in offer.visits if each.id == whose.visits[0])
        return each.pence, each.unpriced

    whole, _ = await price_of(bought)
    assert whole and await price_of(other) == (whole, "")  # whoever buys first pays
    made = await buys(bought, database, bought.visits[:1])
    assert await price_of(other) == (None, ELSEWHERE)
    assert (await quoted(other, database)).refusals
    await buying.withdraw(home.mother, made.id)
    assert await price_of(other) == (whole, "")
    theirs = await buys(other, database)
    assert theirs.pence == whole and await price_of(bought) == (None, ELSEWHERE)
    await transfers(finance, (clock.at.date(), theirs.pence, theirs.reference))

    clock.move_to(mine.planned_end + timedelta(minutes=5))
    council = system_for(world.admin.commissioner_id, "commissioner")
    unpaid = await ask(council, unpaid_starts, mine.planned_start - timedelta(hours=1), clock.at)
    assert unpaid == [] and await buying_sweeps.tell_unpaid(world.admin.commissioner_id) == 0
    await packages.confirmed(bought.case, bought.visits[0])
    await packages.confirmed(other.case, other.visits[0])
    await settle_waiting(council)
    paid = await migrator.fetch("SELECT visit_id, pence FROM payout")
    assert [(row["visit_id"], row["pence"]) for row in paid] == [(other.visits[0], whole)]
    assert await migrator.fetchval("SELECT count(*) FROM refund") == 0
    assert (await ask(council, verify_purchases)).differences == []

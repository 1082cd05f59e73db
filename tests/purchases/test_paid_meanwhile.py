"""A visit is cancelled, or its package ends, in the very moment its money comes: it goes back all the same.

Two connections under way at once, each of which must wait for the other and then see what it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import asyncpg

from marketplace.platform.actor import system_for
from marketplace.platform.database import ask
from marketplace.purchases.settling import put_down_again, settle_waiting
from marketplace.purchases.verify import verify_purchases
from tests.world.bought import migrating
from tests.world.buying import buys, officers, transfers

CANCEL = "UPDATE visit SET outcome = 'cancelled_by_provider' WHERE id = $1"
PAY = "UPDATE purchase SET state = 'paid', paid_at = made_at WHERE id = $1"
END = "UPDATE package SET state = 'ended', ended_at = awarded_at, ended_reason = 'Over' WHERE id = $1"


async def waits_or_ends(migrator: asyncpg.Connection, other: Awaitable[object]) -> asyncio.Future[object]:
    """The other side, begun: either it is done, or it waits for a lock somebody holds."""
    task = asyncio.ensure_future(other)
    while not task.done() and not await migrator.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database()"
        " AND NOT l.granted)"
    ):
        continue
    return task


async def test_what_is_cancelled_while_it_is_paid_goes_back(bought, database, clock, migrator):
    finance, _ = await officers(bought)
    council = system_for(bought.home.world.admin.commissioner_id, "commissioner")
    first, second, third = bought.visits
    made = [await buys(bought, database, [each]) for each in bought.visits]

    async def back() -> dict:
        while await settle_waiting(council):
            pass
        assert (await ask(council, verify_purchases)).differences == []
        return {row["visit_id"]: row["pence"] for row in await migrator.fetch("SELECT visit_id, pence FROM refund")}

    def pays(one):
        return transfers(finance, (clock.at.date(), one.pence, one.reference))

    async with migrating(database) as changing, migrating(database) as paying:
        # the visit is cancelled, which nobody sees yet; the money comes
        hold = changing.transaction()
        await hold.start()
        await changing.execute(CANCEL, first)
        paid = await waits_or_ends(migrator, pays(made[0]))
        await hold.commit()
        await paid
        assert await back() == {first: made[0].pence}
        # the money comes, which nobody sees yet; the visit is cancelled
        hold, later = paying.transaction(), changing.transaction()
        await hold.start()
        await paying.execute(
            "INSERT INTO bank_receipt (commissioner_id, line_hash, received_on, pence, says, state, purchase_id,"
            " framework_id, provider_id, child_id, imported_at, imported_by, matched_at, matched_by)"
            " SELECT commissioner_id, repeat('0', 64), first_day, pence, '', 'matched', id, framework_id, provider_id,"
            " child_id, made_at, $2, made_at, $2 FROM purchase WHERE id = $1",
            made[1].id, finance.person_id,
        )  # fmt: skip
        await paying.execute(PAY, made[1].id)
        await later.start()
        cancelled = await waits_or_ends(migrator, changing.execute(CANCEL, second))
        await hold.commit()
        await cancelled
        await later.commit()
        entry = await ask(council, verify_purchases)
        assert [each.split()[0] for each in entry.differences] == ["purchase_transfer_received"]  # ours has no entry
        assert await migrator.fetchval("SELECT count(*) FROM purchase_settling WHERE visit_id = $1", second) == 1
        await migrator.execute("DELETE FROM purchase_settling")
        # the package ends, which nobody sees yet; the money comes
        hold = changing.transaction()
        await hold.start()
        await changing.execute(END, bought.case.package_id)
        paid = await waits_or_ends(migrator, pays(made[2]))
        await hold.commit()
        await paid
        assert await migrator.fetchval("SELECT count(*) FROM purchase_settling WHERE visit_id = $1", third) == 1


async def test_what_was_overlooked_is_reported_and_settled(bought, database, clock, migrator):
    finance, _ = await officers(bought)
    council = system_for(bought.home.world.admin.commissioner_id, "commissioner")
    first, second, third = bought.visits
    made = await buys(bought, database)
    await transfers(finance, (clock.at.date(), made.pence, made.reference))
    await migrator.execute(CANCEL, first)
    # of a visit that took place and is not confirmed yet nothing is certain
    await migrator.execute("UPDATE visit SET outcome = 'delivered' WHERE id = $1", second)
    assert await put_down_again(council) == 0  # both are put down already
    await migrator.execute("DELETE FROM purchase_settling")
    found = (await ask(council, verify_purchases)).differences
    assert found == [f"visit {first}: has ended, and of what was paid nothing goes back or onwards"]
    for left in (1, 0):  # the second time there is nothing left
        assert await put_down_again(council) == left
        await settle_waiting(council)
    assert [row["visit_id"] for row in await migrator.fetch("SELECT visit_id FROM refund")] == [first]
    await migrator.execute(END, bought.case.package_id)
    await migrator.execute("DELETE FROM purchase_settling")
    assert [str(third) in each for each in (await ask(council, verify_purchases)).differences] == [True]
    assert await put_down_again(council) == 1
    await settle_waiting(council)
    assert (await ask(council, verify_purchases)).differences == []

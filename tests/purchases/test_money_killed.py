"""The worker killed in the middle of settling, of a refund and of a payout: started again, nothing doubled or lost.

"In the middle" without hooks: another connection holds what a transaction writes last (the audit's heads), or Stripe
has done what it was asked and its answer is held back. Then the process is killed with SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import asyncpg

from marketplace.packages import visit_actions
from marketplace.platform import stripe_api
from marketplace.platform.database import ask
from marketplace.purchases.sending import send_money
from marketplace.purchases.verify import verify_purchases
from marketplace.settings import Settings
from tests.purchases.connected import cards, case, connect, local, start
from tests.purchases.test_money_back import HOUR, WEEKDAY, visits
from tests.purchases.test_money_moves import an_account, paid_at_stripe
from tests.world import packages
from tests.world.bought import accounts, buy, settled, with_cards

__all__ = ["cards", "case", "connect", "local", "start"]

HEADS = "SELECT * FROM audit_head FOR UPDATE"  # every unit of work writes its audit last
SETTLE, SEND = "settle_bought_visits", "send_purchase_money"


def started(cards: Settings, clock, *names: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.purchases.money_process", clock.at.isoformat(), *names],
        env={**os.environ, "DATABASE_URL": cards.database_url, "STRIPE_URL": cards.stripe_api_url},
    )


@asynccontextmanager
async def held(cards: Settings):
    """Nobody's unit can be finished."""
    connection = await asyncpg.connect(cards.dsn("migrator"))
    try:
        await connection.execute("BEGIN")
        await connection.execute(HEADS)
        yield connection
    finally:
        connection.terminate()


async def until(what, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if await what():
            return
        assert process.poll() is None, "the process ended by itself"
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to the middle")


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(30)


async def test_killed_in_the_middle_nothing_is_doubled_and_nothing_lost(cards, connect, local, case, clock, migrator):
    account = await an_account(cards, connect, case)
    missed, done = await visits(case, 2, 3)
    intent = await paid_at_stripe(cards, local, 2 * WEEKDAY)
    bought = await buy(migrator, case, [missed, done], WEEKDAY, intent=intent)
    await visit_actions.cancel_visit(
        case.manager, missed, version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    clock.move_to((await case.visit(done)).planned_end + HOUR)
    await packages.confirmed(case, done)

    async def rows(table: str) -> int:
        return await migrator.fetchval(f"SELECT count(*) FROM {table}")

    # settled in full and not committed
    async with held(cards) as holding:
        process = started(cards, clock, SETTLE)

        async def waits() -> bool:
            return bool(await holding.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits, process)
        kill(process)
    assert await rows("refund") == await rows("payout") == 0 and await rows("purchase_settling") > 0
    await settled(bought)
    assert await rows("refund") == await rows("payout") == 1 and await rows("purchase_settling") == 0

    # Stripe has given the money back and nobody has heard of it
    connect.hangs = threading.Event()
    process = started(cards, clock, SEND)

    async def refunded() -> bool:
        return len(await stripe_api.refunds_of(with_cards(cards, local.url), intent)) == 1

    await until(refunded, process)
    kill(process)
    connect.hangs.set()
    connect.hangs = None
    assert await migrator.fetchval("SELECT state FROM refund") == "owed"

    # started again it finds the refund, writes it down, moves the payout, and is killed before that is written down
    await migrator.execute("UPDATE provider_account SET state = 'pending'")
    await send_money(cards, bought.council)
    assert await migrator.fetchval("SELECT state FROM refund") == "arrived"
    await migrator.execute("UPDATE provider_account SET state = 'active'")
    connect.hangs = threading.Event()
    process = started(cards, clock, SEND)

    async def transferred() -> bool:
        return len(connect.transfers) == 1

    await until(transferred, process)
    kill(process)
    connect.hangs.set()
    connect.hangs = None
    connect.answered.clear()  # a day later: Stripe has forgotten the key
    assert await migrator.fetchval("SELECT state FROM payout") == "sent"
    for _ in range(2):
        await settled(bought)
        await send_money(cards, bought.council)
    assert await migrator.fetchval("SELECT state FROM payout") == "paid"
    assert len(await stripe_api.refunds_of(with_cards(cards, local.url), intent)) == 1
    assert connect.moved(account) == WEEKDAY and len(connect.transfers) == 1
    assert await ask(bought.council, accounts) == {}
    assert (await ask(bought.council, verify_purchases)).differences == []

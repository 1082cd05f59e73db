"""The worker's sweeps of bought visits as a process of its own on a clock that stands: for tests that kill it.

`python -m tests.purchases.money_process MOMENT NAME...`; the database from DATABASE_URL, Stripe at STRIPE_URL.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database
from marketplace.platform.jobs import SWEEPS
from marketplace.purchases import sweeps as ours
from marketplace.settings import Settings
from tests.conftest import SECRET
from tests.world.bought import with_cards


async def sweeps(settings: Settings, clock: FrozenClock, names: list[str]) -> None:
    """Run sweeps once each, one after the other."""
    assert ours  # registered by being imported
    await open_database(settings.dsn("worker"), clock=clock, max_size=4)
    for name in names:
        await SWEEPS[name].run(settings)
    await close_database()


if __name__ == "__main__":
    own = with_cards(
        Settings(database_url=os.environ["DATABASE_URL"], secret=SECRET, secure_cookies=False), os.environ["STRIPE_URL"]
    )
    asyncio.run(sweeps(own, FrozenClock(datetime.fromisoformat(sys.argv[1])), sys.argv[2:]))

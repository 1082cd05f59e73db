"""The site, or the worker's sweeps, as a process of its own on a clock that stands: for tests that kill it.

`python -m tests.billing.money_process site PORT MOMENT` or `... sweeps MOMENT NAME`; the database from DATABASE_URL.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime

import uvicorn

from marketplace import worker
from marketplace.app import create_app
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database
from marketplace.platform.jobs import SWEEPS
from marketplace.settings import Settings
from tests.conftest import SECRET


async def site(settings: Settings, port: int, clock: FrozenClock) -> None:
    await open_database(settings.dsn("app"), clock=clock, max_size=8)
    app = create_app(settings, clock)
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")).serve()


async def sweeps(settings: Settings, clock: FrozenClock, name: str) -> None:
    """Run one sweep once, as the worker does, and say so."""
    worker.load_jobs()
    await open_database(settings.dsn("worker"), clock=clock, max_size=4)
    await worker.run_once(SWEEPS[name], settings)
    await close_database()


if __name__ == "__main__":
    own = Settings(database_url=os.environ["DATABASE_URL"], secret=SECRET, secure_cookies=False)
    if sys.argv[1] == "site":
        asyncio.run(site(own, int(sys.argv[2]), FrozenClock(datetime.fromisoformat(sys.argv[3]))))
    else:
        asyncio.run(sweeps(own, FrozenClock(datetime.fromisoformat(sys.argv[2])), sys.argv[3]))

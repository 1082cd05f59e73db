"""A real worker process with jobs a test needs: `python worker_process.py`, settings from the environment."""

import asyncio
import os
import signal
import sys
from typing import Any

from marketplace import worker
from marketplace.platform.database import outside_context
from marketplace.platform.jobs import job
from marketplace.settings import Settings


async def note(what: str) -> None:
    async with outside_context() as connection:
        await connection.execute("INSERT INTO effect (what) VALUES ($1) ON CONFLICT DO NOTHING", what)
        await connection.execute("INSERT INTO start (what) VALUES ($1)", what)


@job("slow")
async def slow(settings: Settings, payload: dict[str, Any]) -> None:
    """Leaves its effect, then takes for ever the first time: the test kills the worker meanwhile."""
    await note(payload["what"])
    if os.environ.get("STAY"):
        await asyncio.sleep(600)


@job("deadly")
async def deadly(settings: Settings, payload: dict[str, Any]) -> None:
    await note("deadly")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(worker.main())

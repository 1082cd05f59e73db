"""One server for the benchmarks: `python -m tests.benchmarks.serving product|console|floor PORT`, by the environment.

Both the same way: one uvicorn process, no access log, a pool of one connection so that its backend can be found.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import asyncpg
import uvicorn

from admin.app import create_app as create_console
from marketplace.app import create_app
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database
from marketplace.settings import Settings
from tests.benchmarks.floors import bare_app
from tests.benchmarks.nation import day_of, now_of


async def serve(which: str, port: int) -> None:
    settings = Settings.from_environment()
    connection = await asyncpg.connect(settings.dsn("migrator"))
    now = now_of(await day_of(connection))
    await connection.close()
    if which != "floor":
        await open_database(settings.dsn("app"), clock=FrozenClock(now), min_size=1, max_size=1)
    makers: dict[str, Any] = {"product": create_app, "console": create_console}
    app: Any = makers[which](settings) if which in makers else bare_app(settings, now)
    try:
        await uvicorn.Server(
            uvicorn.Config(
                app, host="127.0.0.1", port=port, access_log=False, log_level="warning", timeout_keep_alive=900
            )
        ).serve()
    finally:
        await close_database()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

"""What an operator sees: how the deployment is, its organisations, its jobs. No case data: row-level security gives
an operator none, and the counts come from functions that hold none."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.platform.database import Work
from marketplace.platform.jobs import HeldJob, QueueState, held_jobs, queue_state
from marketplace.platform.migrate import migration_modules


@dataclass(frozen=True, slots=True)
class Health:
    """The deployment's parts as the database and the queue tell of them; `mails` counts (waiting, troubled, sent)."""

    database_version: str
    database_bytes: int
    schema: str
    software: str
    python: str
    queue: QueueState
    mails: asyncpg.Record


async def health(work: Work) -> Health:
    """Everything the database can say. Raises `NotPermitted`."""
    permit(work.actor, "operate")
    mails = await work.fetchrow("SELECT * FROM mail_counts()")
    assert mails is not None  # counts always answer
    return Health(
        database_version=await work.fetchval("SHOW server_version"),
        database_bytes=await work.fetchval("SELECT pg_database_size(current_database())"),
        schema=max(migration_modules()),
        software=version("care-marketplace"),
        python=python_version(),
        queue=await queue_state(work.connection),
        mails=mails,
    )


async def jobs(work: Work) -> tuple[QueueState, list[HeldJob]]:
    """The queue's counts and the jobs given up, newest first. Raises `NotPermitted`."""
    permit(work.actor, "operate")
    return await queue_state(work.connection), await held_jobs(work.connection)


async def organisations(work: Work) -> list[asyncpg.Record]:
    """Every organisation of the deployment: its name, kind and since when; nothing of what it does."""
    permit(work.actor, "operate")
    return await work.fetch("SELECT id, kind, name, short_name, created_at FROM organisation ORDER BY kind, name, id")

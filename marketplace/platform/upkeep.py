"""What the platform tidies by itself."""

from __future__ import annotations

from datetime import timedelta

from marketplace.platform.database import outside_context
from marketplace.platform.jobs import sweep
from marketplace.settings import Settings

KEEP_LOG_DAYS = 30


@sweep("tidy_queue", every=timedelta(hours=1))
async def tidy_queue(settings: Settings) -> None:
    """The queue's log is kept for a month; counts of starts as long as their job."""
    async with outside_context() as connection:
        await connection.execute(
            "DELETE FROM jobs.pgqueuer_log WHERE created < now() - make_interval(days => $1)", KEEP_LOG_DAYS
        )
        await connection.execute(
            "DELETE FROM jobs.started s WHERE NOT EXISTS (SELECT FROM jobs.pgqueuer q WHERE q.id = s.job_id)"
        )

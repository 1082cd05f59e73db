"""What the platform does by itself: it tidies its queue and notes the audit's heads outside the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import structlog

from marketplace.platform.database import outside_context
from marketplace.platform.errors import NotFound
from marketplace.platform.jobs import sweep
from marketplace.platform.storage import Storage
from marketplace.settings import Settings

KEEP_LOG_DAYS = 30
HEADS = "audit-heads/{day}.json"

log = structlog.get_logger(__name__)


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


@sweep("note_audit_heads", every=timedelta(minutes=30))
async def note_audit_heads(settings: Settings) -> None:
    """Once a day, by wall time, each audit chain's newest entry goes to the bucket.

    `marketplace audit verify --heads FILE` finds any chain that was rewritten since. Whoever can change the database
    need not be able to change the bucket; one that keeps what is written (object lock, a copy elsewhere) makes it firm.
    """
    if not settings.s3_endpoint:
        return
    storage, key = Storage.from_settings(settings), HEADS.format(day=datetime.now(UTC).date())
    try:
        await storage.size(key)
    except NotFound:
        async with outside_context() as connection:
            rows = await connection.fetch(
                "SELECT organisation_id::text AS organisation, seq, encode(hash, 'hex') AS hash FROM audit_heads()"
            )
        await storage.put(key, json.dumps([dict(row) for row in rows], indent=1).encode(), "application/json")
        log.info("audit heads noted", chains=len(rows), key=key)

"""What the worker does with evidence files: checks what came, removes what goes, looks again at what waits.

And with a workforce file too long to be tried or kept while somebody waits.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from marketplace.platform.database import outside_context
from marketplace.platform.jobs import job, sweep
from marketplace.platform.scratch import empty_scratch
from marketplace.providers import file_checking, import_actions, import_keeping, retention
from marketplace.providers.file_actions import CHECK, TIDY
from marketplace.providers.retention_days import DAYS
from marketplace.settings import Settings


@job(CHECK)
async def check_evidence(settings: Settings, payload: dict[str, Any]) -> None:
    """One file from quarantine; `payload`: provider, evidence."""
    await file_checking.check(settings, UUID(payload["provider"]), UUID(payload["evidence"]))


@job(TIDY)
async def tidy_evidence(settings: Settings, payload: dict[str, Any]) -> None:
    """Removes one file's bytes from the store, as far as nobody needs them; `payload`: provider, evidence."""
    await file_checking.tidy(settings, UUID(payload["provider"]), UUID(payload["evidence"]))


@job(DAYS)
async def evidence_days(settings: Settings, payload: dict[str, Any]) -> None:
    """Works out how long the files of a provider are kept, or those about one worker; `payload`: provider, worker."""
    worker = payload.get("worker")
    await retention.days_of(UUID(payload["provider"]), UUID(worker) if worker else None)


@sweep("unfinished_evidence", every=timedelta(seconds=30))
async def look_at_unfinished(settings: Settings) -> None:
    """Files held for the scanner, and files announced whose page went away."""
    async with outside_context() as connection:
        rows = await connection.fetch("SELECT provider_id, id, state FROM evidence_unfinished()")
    for row in rows:
        await file_checking.look_again(settings, row["provider_id"], row["id"], row["state"])


@sweep("keep_evidence", every=timedelta(hours=1))
async def keep_evidence(settings: Settings) -> None:
    """Lists and deletes what has had its time, and clears what was put beside originals."""
    await asyncio.to_thread(empty_scratch)
    await retention.keep_files(settings)
    async with outside_context() as connection:
        rows = await connection.fetch("SELECT provider_id, id FROM evidence_untidy()")
    for row in rows:
        await file_checking.tidy(settings, row["provider_id"], row["id"])


@job(import_actions.JOB)
async def import_workforce(settings: Settings, payload: dict[str, Any]) -> None:
    """Try an uploaded workforce file, or keep an accepted one; run again, it finds that done."""
    await import_actions.go_on(UUID(payload["provider"]), UUID(payload["import"]))


@sweep("workforce_imports", every=timedelta(hours=1))
async def empty_workforce_imports(settings: Settings) -> None:
    """Empties what workforce files held once it has had its days."""
    await import_keeping.empty_imports()

"""What an operator changes: a job that was given up runs again."""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import Conflict
from marketplace.platform.jobs import run_again


async def run_job_again(actor: Actor, job_id: int) -> None:
    """Put a held job back into the queue. Raises `Conflict` when it is not held (any more)."""
    permit(actor, "operate")
    async with unit_of_work(actor) as work:
        # a number no database key can be is no job either
        if not 0 < job_id < 2**63 or not await run_again(work.connection, job_id):
            raise Conflict("This job is not held any more: somebody has run it again.")
        work.audit("job.run_again", "job", UUID(int=job_id), job=job_id)

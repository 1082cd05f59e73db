"""Each kept file's last day, from the packs and the worker's last day, and never sooner than it was listed for.

The system alone writes these days (the database sees to it): whoever changes what they follow from asks for a job.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.retention import LISTED_AHEAD, keep_until, listed_first, retention_of

DAYS = "evidence_days"


async def ask_for_days(work: Work, provider_id: UUID, worker_id: UUID) -> None:
    """The last days of the files about a worker are worked out anew as soon as this unit has ended."""
    await work.enqueue(DAYS, {"provider": provider_id, "worker": worker_id}, dedupe_key=f"{DAYS} {worker_id}")


async def work_out_days(
    work: Work, packs: list[Pack], *, worker_id: UUID | None = None, evidence_id: UUID | None = None
) -> None:
    """Write each kept file's last day where the packs or the worker's last day have changed it.

    As the system, of its provider: all files, one worker's, or one. A file whose day has moved far off again counts as
    not listed, so that it is listed anew before it goes.
    """
    rows = await work.fetch(
        "SELECT e.id, e.kind, e.state, e.uploaded_at, e.keep_until, e.warned_at, w.left_on FROM evidence e"
        " LEFT JOIN worker w ON w.provider_id = e.provider_id AND w.id = e.worker_id WHERE e.provider_id = $1"
        " AND e.deleted_at IS NULL AND ($2::uuid IS NULL OR e.worker_id = $2) AND ($3::uuid IS NULL OR e.id = $3)",
        work.actor.provider_id, worker_id, evidence_id,
    )  # fmt: skip
    today = local_day(work.now)
    changed: dict[UUID, date | None] = {}
    unlisted: list[UUID] = []
    for row in rows:
        uploaded_on = local_day(row["uploaded_at"])
        until = keep_until(packs, row["kind"], uploaded_on, row["left_on"])
        far = until is None or until >= today + LISTED_AHEAD
        if far and row["warned_at"] is not None:
            unlisted.append(row["id"])
        rule = retention_of(packs, row["kind"], uploaded_on)
        # a refused file is listed nowhere: there is nothing of it that anybody could miss
        if until is not None and not far and rule is not None and row["state"] != "refused":
            listed_on = local_day(row["warned_at"]) if row["warned_at"] is not None else today
            until = listed_first(rule, until, listed_on)
        if until != row["keep_until"]:
            changed[row["id"]] = until
    if changed:
        await work.execute(
            "UPDATE evidence e SET keep_until = n.keep_until FROM unnest($2::uuid[], $3::date[]) AS n (id, keep_until)"
            " WHERE e.provider_id = $1 AND e.id = n.id",
            work.actor.provider_id, list(changed), list(changed.values()),
        )  # fmt: skip
    if unlisted:
        await work.execute(
            "UPDATE evidence SET warned_at = NULL WHERE provider_id = $1 AND id = ANY ($2)",
            work.actor.provider_id, unlisted,
        )  # fmt: skip

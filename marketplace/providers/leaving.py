"""A worker's last day: recorded, taken back, and what one in the past does.

That is said before it is recorded, since most of it cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.identity.people import end_role_of, give_role
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.bounds import earliest_believable
from marketplace.policy.calendar import local_day
from marketplace.policy.retention import keep_until, retention_of
from marketplace.providers.assessors import is_oneself
from marketplace.providers.files import KINDS
from marketplace.providers.retention_days import ask_for_days
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import own_worker, tell_planners
from marketplace.web.filters import day, listing


async def may_leave(work: Work, row: Mapping[str, Any], left_on: date) -> None:
    """Refuse a last day that cannot be. Raises `InvalidInput`."""
    if row["started_on"] is not None and left_on < row["started_on"]:
        raise InvalidInput({"left_on": "The last day must not be before the first"})
    packs = [pack for _, _, pack in (await words(work)).packs]
    earliest = earliest_believable(packs, local_day(work.now)) if packs else left_on
    if left_on < earliest:
        raise InvalidInput({"left_on": f"The last day must be {day(earliest)} or later: check the year"})


async def leave(actor: Actor, worker_id: UUID, left_on: date) -> None:
    """The worker's last day. From the day after they are not ready, not listed and sign in no more (sweeps.py)."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await own_worker(work, worker_id, may_have_left=True)
        await may_leave(work, row, left_on)
        await work.execute(
            "UPDATE worker SET left_on = $3 WHERE provider_id = $1 AND id = $2", row["provider_id"], worker_id, left_on
        )
        work.audit("worker.left", "worker", worker_id, left_on=left_on)
        await ask_for_days(work, row["provider_id"], worker_id)
        if left_on < local_day(work.now) and row["person_id"] is not None:
            await end_role_of(work, row["person_id"], "worker")
        await tell_planners(
            work, row, "A worker is leaving: look at the visits planned with them after their last day."
        )


async def stay(actor: Actor, worker_id: UUID) -> None:
    """Take a recorded last day back: it was a mistake, or the worker stays after all. Raises `WrongState`.

    A sign-in that ended with the last day begins again.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await own_worker(work, worker_id, may_have_left=True)
        if row["left_on"] is None:
            raise WrongState("worker", "staying", "kept", f"{row['name']} has no last day to take back.")
        if is_oneself(work, row):
            raise Conflict("Somebody else in your office takes your last day back.")
        await work.execute(
            "UPDATE worker SET left_on = NULL WHERE provider_id = $1 AND id = $2", row["provider_id"], worker_id
        )
        work.audit("worker.stays", "worker", worker_id, left_on=row["left_on"])
        if row["person_id"] is not None and row["left_on"] < local_day(work.now):
            await give_role(work, row["person_id"], "worker")
        await ask_for_days(work, row["provider_id"], worker_id)
        said = "A worker stays after all: the last day that was recorded has been taken back."
        await tell_planners(work, row, said, again=True)


async def leaving_effects(work: Work, worker_id: UUID, left_on: date) -> list[str]:
    """What follows at once, in sentences; nothing for a last day that is still to come. Raises `InvalidInput`."""
    row = await work.fetchrow(
        "SELECT * FROM worker WHERE provider_id = $1 AND id = $2", work.actor.provider_id, worker_id
    )
    if row is None:
        raise NotFound("There is no such worker in your organisation.")
    await may_leave(work, dict(row), left_on)
    today = local_day(work.now)
    if left_on >= today:
        return []
    said = [f"{row['name']} is ready for nothing from now on, and visits planned with them are flagged."]
    if row["person_id"] is not None:
        said.append("Their sign-in for you ends at once.")
    packs = [pack for _, _, pack in (await words(work)).packs]
    gone: set[str] = set()
    for file in await work.fetch(
        "SELECT kind, uploaded_at FROM evidence WHERE provider_id = $1 AND worker_id = $2 AND deleted_at IS NULL"
        " AND state <> 'refused'",
        work.actor.provider_id, worker_id,
    ):  # fmt: skip
        added = local_day(file["uploaded_at"])
        rule, until = retention_of(packs, file["kind"], added), keep_until(packs, file["kind"], added, left_on)
        if rule is not None and rule.at_most and until is not None and until < today:
            gone.add(KINDS[file["kind"]].lower())
    if gone:
        said.append(
            f"What is kept for a limited time after a last day is deleted at once, and does not come back: their"
            f" {listing(sorted(gone))}."
        )
    return [*said, f"Taking the last day back later brings back what is not deleted. {day(left_on)} itself counts."]

"""A check recorded by mistake is withdrawn: it stays with its reason; readiness, lapses and exports go without it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import own_worker, tell_planners
from marketplace.web.filters import day

LONGEST_REASON = 1_000
Kind = Literal["dbs", "check"]
TABLES: dict[str, str] = {"dbs": "worker_dbs_check", "check": "worker_check"}


@dataclass(frozen=True, slots=True)
class RecordedCheck:
    """A check as it was recorded. `kind` is dbs or check; `withdrawn_at` is None while it counts."""

    kind: str
    id: UUID
    says: str
    done_on: date
    recorded_at: datetime
    may_be_withdrawn: bool
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    reason: str | None

    @property
    def key(self) -> str:
        """What names it in a form."""
        return f"{self.kind}.{self.id}"


async def recorded_checks(work: Work, worker_id: UUID) -> list[RecordedCheck]:
    """Every DBS check and other check of one of the actor's own workers, withdrawn ones too, the newest first."""
    rows = await work.fetch(
        "SELECT 'dbs' AS kind, id, NULL AS code, checked_on AS done_on, NULL::date AS valid_until, checked_by_name AS"
        " by, outcome, outcome = 'clear' AND source = 'seen' AS may, recorded_at, withdrawn_at, withdrawn_by_name,"
        " withdrawn_reason FROM worker_dbs_check WHERE provider_id = $1 AND worker_id = $2"
        " UNION ALL SELECT 'check', id, kind, done_on, valid_until, NULL, NULL, true, recorded_at, withdrawn_at,"
        " withdrawn_by_name, withdrawn_reason FROM worker_check WHERE provider_id = $1 AND worker_id = $2"
        " ORDER BY done_on DESC, recorded_at DESC, id",
        work.actor.provider_id, worker_id,
    )  # fmt: skip
    checks = (await words(work)).checks
    found: list[RecordedCheck] = []
    for row in rows:
        if row["kind"] == "dbs":
            found_then = "clear" if row["outcome"] == "clear" else "new information"
            says = f"DBS check of {day(row['done_on'])}, by {row['by']}: {found_then}"
        else:
            title = checks[row["code"]].title if row["code"] in checks else row["code"]
            until = f", valid until {day(row['valid_until'])}" if row["valid_until"] is not None else ""
            says = f"{title}, {day(row['done_on'])}{until}"
        found.append(
            RecordedCheck(
                row["kind"], row["id"], says, row["done_on"], row["recorded_at"],
                row["may"] and row["withdrawn_at"] is None, row["withdrawn_at"], row["withdrawn_by_name"],
                row["withdrawn_reason"],
            )
        )  # fmt: skip
    return found


async def withdraw_check(actor: Actor, worker_id: UUID, kind: str, check_id: UUID, reason: str) -> None:
    """A check that was recorded by mistake counts no more from now on; those who plan visits are told.

    New information on a DBS certificate is not withdrawn, nor what the update service answered: a new certificate
    settles the one, a new look the other. Raises `Conflict` for these and where it is withdrawn already,
    `InvalidInput`, `NotFound`.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        worker = await own_worker(work, worker_id)
        found = next((e for e in await recorded_checks(work, worker_id) if (e.kind, e.id) == (kind, check_id)), None)
        if found is None:
            raise NotFound("There is no such check of this worker.")
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise InvalidInput({"reason": f"Enter what is wrong with it, in {LONGEST_REASON:,} characters or fewer"})
        if found.withdrawn_at is not None:
            raise Conflict(f"{found.withdrawn_by} has withdrawn this check already.")
        if not found.may_be_withdrawn:
            raise Conflict("New information, and what the update service answered, stay: a new check settles them.")
        await work.execute(
            f"UPDATE {TABLES[kind]} SET withdrawn_at = $4, withdrawn_by_name = $5, withdrawn_reason = $6"  # noqa: S608 - our own two
            " WHERE provider_id = $1 AND worker_id = $2 AND id = $3",
            worker["provider_id"], worker_id, check_id, work.now, work.actor.person_name, reason.strip(),
        )  # fmt: skip
        work.audit("worker.check_withdrawn", "worker", worker_id, kind=kind, check=check_id, done_on=found.done_on)
        await tell_planners(work, worker, "A check of a worker was withdrawn: look at the visits planned with them.")

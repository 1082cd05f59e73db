"""Set-up: the risk assessment, and the few workers of the package with a back-up among them (L 6.1 stages 2 and 3)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from marketplace.obligations.duties import meet
from marketplace.packages import queries
from marketplace.packages.placing import ready_workers
from marketplace.packages.states import package_after
from marketplace.packages.tables import Package
from marketplace.packages.telling import provider_only, tell_family, tell_referrer
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import local_day
from marketplace.providers.profiles import family_profile
from marketplace.providers.readiness import Ready
from marketplace.referrals import anonymity
from marketplace.web.filters import count, day

PARTS = {"main": "Comes to the visits", "backup": "Back-up worker"}


async def own_package(work: Work, package_id: UUID, verb: str = "set up") -> Package:
    """A package of the actor's provider, held for the change. Raises `NotFound`, `WrongState`."""
    package = await queries.package(work, package_id, lock=True)
    package_after(verb, package.state)
    return package


async def arrange_risk_assessment(actor: Actor, package_id: UUID, on: date) -> None:
    """Agree the day of the risk assessment with the family; it can be arranged anew until it is done.

    Meets the duty `risk_assessment_arranged` (L appendix 2). Raises `InvalidInput` for `on`, `WrongState`.
    """
    provider_only(actor, "plan.write")
    async with unit_of_work(actor) as work:
        package = await own_package(work, package_id)
        if package.risk_assessment_done_at is not None:
            raise WrongState("risk assessment", "done", "arranged", "The risk assessment is done already.")
        if on < local_day(package.awarded_at):
            raise InvalidInput({"on": f"The day must be {day(package.awarded_at)} or later: the day of the award"})
        await work.execute(
            "UPDATE package SET risk_assessment_on = $3, risk_assessment_arranged_at ="
            " coalesce(risk_assessment_arranged_at, $4)"
            " WHERE commissioner_id = $1 AND id = $2",
            package.commissioner_id, package.id, on, work.now,
        )  # fmt: skip
        await meet(work, "risk_assessment_arranged", package.id)
        said = f"The risk assessment for package {package.reference} is on {day(on)}."
        await tell_referrer(work, package, said, f"/packages/{package.id}")
        await tell_family(work, package, said, "/who-is-coming", "see_plan")
        work.audit(
            "risk_assessment.arranged", "package", package.id, commissioner_id=package.commissioner_id, on=on,
            before=package.risk_assessment_on,
        )  # fmt: skip


async def complete_risk_assessment(actor: Actor, package_id: UUID, on: date | None = None) -> None:
    """Record that the risk assessment was made, on `on` (default: today). What it found goes into the plan's risks."""
    provider_only(actor, "plan.write")
    async with unit_of_work(actor) as work:
        package = await own_package(work, package_id)
        today = local_day(work.now)
        done_on = on or today
        if package.risk_assessment_done_at is not None:
            raise WrongState("risk assessment", "done", "completed", "The risk assessment is done already.")
        if not local_day(package.awarded_at) <= done_on <= today:
            raise InvalidInput({"on": "The day must be between the award and today"})
        await work.execute(
            "UPDATE package SET risk_assessment_done_at = $3, risk_assessment_on = $4,"
            " risk_assessment_arranged_at = coalesce(risk_assessment_arranged_at, $3) WHERE commissioner_id"
            " = $1 AND id = $2",
            package.commissioner_id, package.id, work.now, done_on,
        )  # fmt: skip
        await meet(work, "risk_assessment_arranged", package.id)
        work.audit(
            "risk_assessment.completed", "package", package.id, commissioner_id=package.commissioner_id, on=done_on
        )


async def name_backup(actor: Actor, package_id: UUID, worker_id: UUID) -> None:
    """Name a back-up worker, ready on the package's first day (or today): no visit is planned without one."""
    await add_worker(actor, package_id, worker_id, part="backup")


async def add_worker(actor: Actor, package_id: UUID, worker_id: UUID, *, part: str = "main") -> None:
    """Put a ready worker on the package's team, as one who comes or as back-up; again with the other part changes it.

    Raises `InvalidInput` for `worker_id` with the reasons where the worker is not ready, `NotFound`.
    """
    provider_only(actor, "visit.plan")
    if part not in PARTS:
        raise InvalidInput({"part": "Select what the worker does on this package"})
    async with unit_of_work(actor) as work:
        package = await own_package(work, package_id)
        on = max(package.starts_on, local_day(work.now))
        found = await ready_workers(work, package, on, [worker_id])
        if not found:
            raise NotFound("There is no such worker in your organisation.")
        if not found[0].ready:
            raise InvalidInput({"worker_id": f"Not ready on {day(on)}: {found[0].sentence}"})
        main = [row["worker_id"] for row in await queries.team(work, package) if row["part"] == "main"]
        if part == "backup" and set(main) == {worker_id}:
            raise InvalidInput(
                {"worker_id": f"{found[0].worker.name} is the only worker who comes: name somebody else"}
            )
        await put_on_team(work, package, found[0], part)


async def put_on_team(work: Work, package: Package, ready: Ready, part: str) -> None:
    """The change itself, for actions that place a worker; who was on the team before is on it again."""
    worker = ready.worker
    await work.execute(
        """INSERT INTO package_worker (commissioner_id, package_id, provider_id, worker_id, worker_person_id, name,
               role, profile, part, added_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (commissioner_id, package_id, worker_id) DO UPDATE SET part = excluded.part, removed_at = NULL,
               name = excluded.name, role = excluded.role, profile = excluded.profile,
               worker_person_id = excluded.worker_person_id""",
        package.commissioner_id, package.id, package.provider_id, worker.id, worker.person_id, worker.name, worker.role,
        family_profile(ready.pack, worker, ready.on), part, work.now,
    )  # fmt: skip
    said = f"There is a new worker for package {package.reference}." if part == "main" else ""
    if said:
        await tell_family(work, package, said, "/who-is-coming")
    work.audit(
        "package.worker_added", "package", package.id, commissioner_id=package.commissioner_id, worker=worker.id,
        part=part,
    )  # fmt: skip


async def remove_worker(actor: Actor, package_id: UUID, worker_id: UUID, *, reason: str) -> None:
    """Take a worker off the team: the package is closed to them now. Raises `Conflict` while they have visits."""
    provider_only(actor, "visit.plan")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why the worker leaves this package"})
    async with unit_of_work(actor) as work:
        package = await own_package(work, package_id)
        case = (package.commissioner_id, package.child_id)
        await anonymity.name_nobody(work, *case, "reason", reason, anonymity.KEPT)
        coming = await work.fetchval(
            "SELECT count(*) FROM visit_worker w JOIN visit v ON v.commissioner_id = w.commissioner_id AND"
            " v.id = w.visit_id"
            " WHERE v.commissioner_id = $1 AND v.package_id = $2 AND w.worker_id = $3"
            " AND (v.outcome IS NULL OR v.outcome = 'delivered' AND NOT v.family_signed)",
            package.commissioner_id, package.id, worker_id,
        )  # fmt: skip
        if coming:
            raise Conflict(f"This worker still has {count(coming, 'visit')} of this package to do or to be confirmed.")
        done = await work.execute(
            "UPDATE package_worker SET removed_at = $4 WHERE commissioner_id = $1 AND package_id = $2 AND"
            " worker_id = $3"
            " AND removed_at IS NULL",
            package.commissioner_id, package.id, worker_id, work.now,
        )  # fmt: skip
        if done == "UPDATE 0":
            raise NotFound("This worker is not on the package's team.")
        work.audit(
            "package.worker_removed", "package", package.id, commissioner_id=package.commissioner_id, worker=worker_id,
            reason=reason.strip(),
        )  # fmt: skip

"""Packages whose provider's registration or insurance has lapsed, where care may not lawfully go on (domain 6, N).

Every commissioner sees to its own: coming visits are flagged at once, and a contract manager decides package by package
whether it goes on meanwhile or its visits stop. When the cover is back, flags, questions and decisions end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.packages import queries
from marketplace.packages.emergency_cover import cover_in, covers_sought
from marketplace.packages.lapsed_visits import Cause, coming_visits, keep_flags
from marketplace.packages.tables import Package
from marketplace.packages.telling import tell_family, tell_provider, tell_referrer
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.reminders import task_due_at
from marketplace.policy.standing import explain
from marketplace.web.filters import count, listing

# what a family that pays for the package itself can do meanwhile
CALL_OFF = "You can call visits off at no charge: what you paid comes back in full. You can ask other providers."

CHANGED = "This was decided, or more has lapsed, since you opened the page. Look at it as it is now, then decide again."


@dataclass(frozen=True, slots=True)
class LapsedCover:
    """A cover of a package's provider that does not hold, since when that is known, and what was decided about it."""

    rule_key: str
    code: str
    provider_name: str
    since: datetime
    goes_on: bool | None = None  # None: nobody has decided
    reason: str = ""
    by: str = ""
    at: datetime | None = None
    decision_id: UUID | None = None

    @property
    def seen(self) -> str:
        """What somebody who decides has before them: what has lapsed, and which decision is in force about it."""
        return f"{self.rule_key}:{self.decision_id or ''}"

    @property
    def says(self) -> str:
        """The provider and what it lacks, as a sentence without its full stop."""
        return f"{self.provider_name} {explain(self.code)}"


def question(rule_key: str) -> str:
    """The contract manager's task about one package."""
    return f"task.decide_{rule_key}"


async def covers_of(work: Work, package: Package) -> list[LapsedCover]:
    """Which covers of the package's provider do not hold, with the decision in force about each."""
    rows = await work.fetch(
        "SELECT g.rule_key, g.code, o.name, g.since, d.id, d.goes_on, d.reason, d.decided_by_name, d.decided_at"
        " FROM standing_ground g JOIN organisation o ON o.id = g.provider_id LEFT JOIN cover_decision d"
        " ON d.commissioner_id = $1 AND d.package_id = $2 AND d.rule_key = g.rule_key AND d.ended_at IS NULL"
        " WHERE g.framework_id = $3 AND g.provider_id = $4 AND NOT g.holds AND g.flags_visits AND $5 = ANY (g.lots)"
        " ORDER BY g.rule_key",
        package.commissioner_id, package.id, package.framework_id, package.provider_id, package.lot_code,
    )  # fmt: skip
    return [
        LapsedCover(
            row["rule_key"], row["code"], row["name"], row["since"], row["goes_on"], row["reason"] or "",
            row["decided_by_name"] or "", row["decided_at"], row["id"],
        )
        for row in rows
    ]  # fmt: skip


async def look_as_commissioner(commissioner_id: UUID) -> int:
    """Every package of one commissioner that a lapsed cover concerns, or did; returns how many causes are new."""
    async with unit_of_work(system_for(commissioner_id, "commissioner")) as work:
        rows = await work.fetch(
            """SELECT p.id FROM package p JOIN standing_ground g ON g.framework_id = p.framework_id
                   AND g.provider_id = p.provider_id AND NOT g.holds AND g.flags_visits AND p.lot_code = ANY (g.lots)
               WHERE p.commissioner_id = $1 AND p.state IN ('set_up', 'active')
               UNION SELECT package_id FROM visit_flag
               WHERE commissioner_id = $1 AND cleared_at IS NULL AND worker_id IS NULL
               UNION SELECT package_id FROM cover_decision WHERE commissioner_id = $1 AND ended_at IS NULL
               UNION SELECT package_id FROM obligation WHERE commissioner_id = $1 AND met_at IS NULL
                   AND cancelled_at IS NULL AND rule_key LIKE 'task.decide\\_%\\_lapsed' ORDER BY 1""",
            commissioner_id,
        )
        return sum([await look_at_cover(work, await queries.package(work, row["id"])) for row in rows])


async def look_at_cover(work: Work, package: Package) -> int:
    """Flag and clear one package's coming visits as its provider's cover stands; ask for a decision, end those whose
    ground is gone. For a unit of the package's commissioner. Returns how many causes are new."""
    running = package.state in ("set_up", "active")
    covers = await covers_of(work, package) if running else []
    coming = {row["visit_id"]: row["planned_start"] for row in await coming_visits(work, package)}
    following = min((start for start in coming.values() if start > work.now), default=None)
    causes = {
        Cause(visit_id, None, cover.code, cover.rule_key): cover.says
        for cover in covers
        if not cover.goes_on
        for visit_id in coming
    }
    new = await keep_flags(work, package, causes, of_workers=False)
    await _end_what_is_over(work, package, [cover.rule_key for cover in covers])
    for cover in covers:
        if cover.goes_on is None:
            await _ask(work, package, cover, sum(cause.item == cover.rule_key for cause in new), following)
    return len(new)


async def _ask(work: Work, package: Package, cover: LapsedCover, flagged: int, following: datetime | None) -> None:
    """The contract manager decides about this package, within the pack's days and before the visit that `following`
    begins, which cannot start undecided. Asked once for each lapse; sooner, where a visit comes sooner."""
    pack = await queries.pack_for(work, package)
    due_at = task_due_at(pack, cover.since)
    due_at = due_at if following is None else min(due_at, following)
    stands = await work.fetchval(
        "SELECT due_at FROM obligation WHERE rule_key = $1 AND subject_id = $2 AND met_at IS NULL"
        " AND cancelled_at IS NULL",
        question(cover.rule_key), package.id,
    )  # fmt: skip
    if stands is not None and stands <= due_at:
        return
    if stands is not None:
        await cancel(work, package.id, question(cover.rule_key))
    asked = await owe(
        work, pack, question(cover.rule_key),
        title=f"Decide whether a package goes on: {cover.says}", subject_type="package", subject_id=package.id,
        reference=package.reference, owed_by=Owed(package.commissioner_id, "contract_manager"),
        link=f"/packages/{package.id}/cover", starts_at=cover.since if stands is None else work.now, due_at=due_at,
        commissioner_id=package.commissioner_id, framework_id=package.framework_id, child_id=package.child_id,
        package_id=package.id,
    )  # fmt: skip
    if asked is None or stands is not None:
        return
    visits = f" {count(flagged, 'coming visit')} {'is' if flagged == 1 else 'are'} flagged." if flagged else ""
    said = f"{cover.says}.{visits} A contract manager decides whether package {package.reference} goes on."
    said += " Until then none of its visits can start."
    if package.direct_payment_id is None:
        await tell_referrer(work, package, said, f"/packages/{package.id}")
    # why is not the family's to read
    asked_of = f"Your council decides whether the visits of package {package.reference} may go on. Until then none can"
    meanwhile = "Speak with your referrer." if package.direct_payment_id is None else CALL_OFF
    await tell_family(work, package, f"{asked_of} start. {meanwhile}", "/who-is-coming")
    await tell_provider(work, package, said, f"/packages/{package.id}")


async def _end_what_is_over(work: Work, package: Package, lapsed: Sequence[str]) -> None:
    """A cover that is back needs no decision, and a decision about it binds nobody any more."""
    rows = await work.fetch(
        "UPDATE cover_decision SET ended_at = $3 WHERE commissioner_id = $1 AND package_id = $2 AND ended_at IS NULL"
        " AND rule_key <> ALL ($4) RETURNING rule_key, goes_on",
        package.commissioner_id, package.id, work.now, list(lapsed),
    )  # fmt: skip
    for row in await work.fetch(
        "SELECT DISTINCT rule_key FROM obligation WHERE subject_id = $1 AND met_at IS NULL AND cancelled_at IS NULL"
        " AND rule_key LIKE 'task.decide\\_%\\_lapsed' AND rule_key <> ALL ($2)",
        package.id, [question(rule_key) for rule_key in lapsed],
    ):  # fmt: skip
        await cancel(work, package.id, row["rule_key"])
    for row in rows:
        work.audit(
            "package.cover_decision_ended", "package", package.id, commissioner_id=package.commissioner_id,
            rule=row["rule_key"],
        )  # fmt: skip
    if rows:
        await _tell_to_close(work, package, "What had lapsed is in date again.")
    if any(not row["goes_on"] for row in rows):
        said = f"The visits of package {package.reference} may take place again: what had lapsed is in date."
        await _tell_everybody(work, package, said)


async def _tell_to_close(work: Work, package: Package, why: str) -> None:
    """No visits stand still any more, so that nobody has to cover them: the referrer decides about the search."""
    for each in await covers_sought(work, package):
        if each.sought:
            said = f"{why} Close {each.reference} unless package {package.reference} needs it."
            await tell_referrer(work, package, said, f"/referrals/{each.referral_id}")


async def decide(
    actor: Actor,
    package_id: UUID,
    *,
    goes_on: bool | None,
    reason: str,
    emergency_cover: bool = False,
    answer_hours: int | None = None,
    seen: Collection[str] | None = None,
) -> str | None:
    """A contract manager decides about one package of their commissioner: it goes on meanwhile, or its visits stop.

    With `emergency_cover` another provider is looked for in the same act, who answers within `answer_hours`; returns
    why that could not be sent at once, where it could not. Deciding again replaces the decision; `seen`: each cover's
    `seen` as it was when the actor looked (None: not said). Raises `InvalidInput`, `NotFound`, `Conflict` when nothing
    has lapsed, or when that was decided, or more has lapsed, since it was seen.
    """
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        package = await queries.package(work, package_id, lock=True)
        wrong: dict[str, str] = {}
        if goes_on is None:
            wrong["goes_on"] = "Select whether the package goes on"
        if not reason.strip():
            wrong["reason"] = "Enter why; the provider reads it"
        elif len(reason) > 2000:
            wrong["reason"] = "This must be 2,000 characters or fewer"
        if emergency_cover and goes_on:
            wrong["goes_on"] = "Emergency cover is for visits that stop"
        if emergency_cover and package.direct_payment_id is not None:
            wrong["goes_on"] = "The family buys this support itself, and looks for another provider itself"
        if wrong:
            raise InvalidInput(wrong)
        covers = await covers_of(work, package) if package.state in ("set_up", "active") else []
        if not covers:
            raise Conflict("Registration and insurance of this package's provider are in date: nothing to decide.")
        if seen is not None and set(seen) != {cover.seen for cover in covers}:
            raise Conflict(CHANGED)
        stood = any(cover.goes_on is False for cover in covers)
        for cover in covers:
            await work.execute(
                "UPDATE cover_decision SET ended_at = $4 WHERE commissioner_id = $1 AND package_id = $2"
                " AND rule_key = $3 AND ended_at IS NULL",
                package.commissioner_id, package.id, cover.rule_key, work.now,
            )  # fmt: skip
            await work.execute(
                "INSERT INTO cover_decision (commissioner_id, package_id, provider_id, rule_key, goes_on, reason,"
                " decided_by, decided_by_name, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                package.commissioner_id, package.id, package.provider_id, cover.rule_key, goes_on, reason.strip(),
                actor.person_id, actor.person_name, work.now,
            )  # fmt: skip
            await meet(work, question(cover.rule_key), package.id)
        work.audit(
            "package.cover_decided", "package", package.id, commissioner_id=package.commissioner_id, goes_on=goes_on,
            rules=[cover.rule_key for cover in covers],
        )  # fmt: skip
        await look_at_cover(work, package)
        what = "goes on" if goes_on else "stops: its visits do not take place until this is decided otherwise"
        why = listing([cover.says for cover in covers])
        said = f"{why}. A contract manager has decided: package {package.reference} {what}."
        await tell_provider(work, package, said, f"/packages/{package.id}")
        if package.direct_payment_id is not None:
            await _tell_buyers(work, package, bool(goes_on))
            return None
        await tell_referrer(work, package, said, f"/packages/{package.id}")
        if goes_on and stood:
            await _tell_to_close(work, package, f"The visits of package {package.reference} take place again.")
        if not goes_on or any(not cover.goes_on for cover in covers):  # else it goes on as it did
            await _tell_family(work, package, goes_on=bool(goes_on), stood=stood)
        if not emergency_cover:
            return None
        _, unsent = await cover_in(work, package, reason=reason, answer_hours=answer_hours)
        return unsent


async def _tell_family(work: Work, package: Package, *, goes_on: bool, stood: bool) -> None:
    """A family whose package the commissioner pays for: what holds now of its visits. `stood`: they were stopped."""
    said = f"The visits of package {package.reference} go on as planned: it has been decided."
    if goes_on and stood:
        said = f"The visits of package {package.reference} are stopped no more: they take place again as planned."
    if not goes_on:
        said = f"The visits of package {package.reference} are stopped for now."
        said += " Speak with your referrer about what comes instead."
    await tell_family(work, package, said, "/who-is-coming")


async def _tell_buyers(work: Work, package: Package, goes_on: bool) -> None:
    """A family that pays for the package itself: what was decided, not why, and what it can do."""
    said = f"The visits of package {package.reference} go on as planned: your council has decided it."
    if not goes_on:
        said = f"The visits of package {package.reference} are stopped for now. {CALL_OFF}"
    await tell_family(work, package, said, "/who-is-coming")


async def _tell_everybody(work: Work, package: Package, said: str) -> None:
    await tell_referrer(work, package, said, f"/packages/{package.id}")
    await tell_provider(work, package, said, f"/packages/{package.id}")
    await tell_family(work, package, said, "/who-is-coming")


async def decisions_of(work: Work, package: Package) -> list[Any]:
    """Every decision about the package's cover, the newest first, ended ones too."""
    return await work.fetch(
        "SELECT * FROM cover_decision WHERE commissioner_id = $1 AND package_id = $2"
        " ORDER BY decided_at DESC, rule_key",
        package.commissioner_id, package.id,
    )  # fmt: skip

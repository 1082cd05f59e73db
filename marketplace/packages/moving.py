"""A package is moved to another provider, one by one: a referral that starts from what is known, a handover, an end.

The package goes on until it is ended. The new referral is a draft like any other: its texts are checked for what could
name the child before anybody reads them (L 8.9), and its dates are asked anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.plans import from_stored
from marketplace.packages.states import package_after
from marketplace.packages.tables import Package
from marketplace.packages.telling import not_the_familys, tell_family, tell_provider, tell_referrer
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.scope import needs_of
from marketplace.referrals import anonymity, patterns
from marketplace.referrals.drafting import LONGEST_TEXT, new_draft
from marketplace.referrals.queries import referral as the_referral
from marketplace.referrals.tables import Referral

HANDOVER = "task.handover"
LONGEST = 6_000
WHO_READS = "the provider reads why"


@dataclass(frozen=True, slots=True)
class Move:
    """A move as it stands: why, its referral, the package it has led to, and what was handed over (newest last)."""

    id: UUID
    package_id: UUID
    provider_id: UUID
    referral_id: UUID
    referral_reference: str | None
    referral_state: str | None
    reason: str
    asked_at: Any
    asked_by: str
    new_package_id: UUID | None
    new_reference: str | None
    new_provider: str | None
    handovers: tuple[Any, ...]


async def move_of(work: Work, package: Package) -> Move | None:
    """The move of a package that has not been called off, as far as the context reads it."""
    row = await work.fetchrow(
        "SELECT m.*, r.reference, r.state AS referral_state, p.id AS new_id, p.reference AS new_reference,"
        " o.name AS new_provider FROM package_move m LEFT JOIN referral r ON r.commissioner_id = m.commissioner_id"
        " AND r.id = m.referral_id LEFT JOIN package p ON p.commissioner_id = m.commissioner_id"
        " AND p.referral_id = m.referral_id AND p.state <> 'undone' LEFT JOIN organisation o ON o.id = p.provider_id"
        " WHERE m.commissioner_id = $1 AND m.package_id = $2 AND m.called_off_at IS NULL",
        package.commissioner_id, package.id,
    )  # fmt: skip
    if row is None:
        return None
    return Move(
        row["id"], row["package_id"], row["provider_id"], row["referral_id"], row["reference"], row["referral_state"],
        row["reason"], row["asked_at"], row["asked_by_name"], row["new_id"], row["new_reference"], row["new_provider"],
        tuple(await _handovers(work, package.commissioner_id, row["referral_id"])),
    )  # fmt: skip


async def handovers_to(work: Work, package: Package) -> list[Any]:
    """What was handed over to the provider that takes a package over: (says, written_at, written_by_name)."""
    return await _handovers(work, package.commissioner_id, package.referral_id)


async def _handovers(work: Work, commissioner_id: UUID, referral_id: UUID) -> list[Any]:
    return await work.fetch(
        "SELECT says, written_at, written_by_name FROM package_handover WHERE commissioner_id = $1 AND referral_id = $2"
        " ORDER BY in_order",
        commissioner_id, referral_id,
    )  # fmt: skip


async def begin_move(actor: Actor, package_id: UUID, *, reason: str) -> UUID:
    """Begin to move a package: a draft from what is known, the provider asked to hand over. Returns the referral's id.

    Raises `InvalidInput` without a reason or with one that names the child, `Conflict` where it is being moved, and
    where its framework is closed, `WrongState` for a package that is over, `NotFound`.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        package = await _own(work, package_id)
        package_after("planned", package.state)
        not_the_familys(package)
        if await move_of(work, package) is not None:
            raise Conflict("This package is being moved already.")
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the package is moved; its provider reads it"})
        await anonymity.name_nobody(work, package.commissioner_id, package.child_id, "reason", reason, WHO_READS)
        await work.look(package.commissioner_id, "child", package.child_id, "moved the package to another provider")
        draft = await new_draft(work, package.child_id, package.framework_id)
        await Referral.update(await _known(work, package)).where(Referral.id == draft.id)
        move_id: UUID = await work.fetchval(
            "INSERT INTO package_move (commissioner_id, package_id, provider_id, referral_id, reason, asked_at,"
            " asked_by, asked_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
            package.commissioner_id, package.id, package.provider_id, draft.id, reason.strip(), work.now,
            actor.person_id, actor.person_name,
        )  # fmt: skip
        await owe(
            work, await queries.pack_for(work, package), HANDOVER,
            title="Write the handover of a package that is moved",
            subject_type="package_move", subject_id=move_id, reference=package.reference,
            owed_by=Owed(package.provider_id), owed_to=package.commissioner_id, link=f"/packages/{package.id}/handover",
            commissioner_id=package.commissioner_id, framework_id=package.framework_id, package_id=package.id,
        )  # fmt: skip
        work.audit(
            "package.move_begun", "package", package.id, provider=package.provider_id, referral=draft.id, move=move_id
        )
        await tell_provider(
            work, package, f"Package {package.reference} is to be moved to another provider: see why, and write the"
            " handover. It goes on until then.", f"/packages/{package.id}/handover",
        )  # fmt: skip
        await tell_family(
            work, package, "Another provider is being looked for. The support you have goes on until then.", "/today"
        )
        return draft.id


async def _known(work: Work, package: Package) -> dict[Any, Any]:
    """What the draft starts from: the package's needs and week, the signed plan's aims, the first portrait."""
    assert package.referral_id is not None
    first = await the_referral(work, package.referral_id)
    plan = await queries.signed_plan(work, package.id)
    content = from_stored(plan.content) if plan is not None else None
    pack = await queries.pack_for(work, package)
    kinds = {need.code: need.kind for need in needs_of(pack, package.lot_code)}
    week = patterns.stored(list(content.pattern)) if content is not None else package.pattern
    activities = first.activities
    if content is not None:
        activities = f"{content.activities_to_do}\n\nNot: {content.activities_not_to_do}"
    return {
        "lot_code": package.lot_code,
        "needs": [code for code in package.needs if kinds.get(code) != "intervention"],
        "interventions": [code for code in package.needs if kinds.get(code) == "intervention"],
        "pattern": week,
        "workers_per_visit": package.workers_per_visit,
        "area": first.area,
        "outcomes": (content.outcomes if content is not None else first.outcomes)[:LONGEST_TEXT],
        "activities": activities[:LONGEST_TEXT],
        "pen_portrait": first.pen_portrait,
        "anonymity_confirmed": [],  # the plan was written with the name known: every doubt is asked anew
        "copied_from": first.id,
    }


async def write_handover(actor: Actor, package_id: UUID, says: str) -> None:
    """The provider that leaves writes what the next one has to know; it opens to that one with the award."""
    permit(actor, "package.write")
    async with unit_of_work(actor) as work:
        package = await queries.package(work, package_id)
        move = await move_of(work, package)
        if package.provider_id != actor.provider_id or move is None:
            raise NotFound("No handover of this package is asked of you.")
        if not says.strip() or len(says.strip()) > LONGEST:
            raise InvalidInput({"says": f"Enter what the next provider has to know, in up to {LONGEST:,} characters"})
        await work.execute(
            "INSERT INTO package_handover (commissioner_id, move_id, package_id, provider_id, referral_id, says,"
            " written_at, written_by, written_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            package.commissioner_id, move.id, package.id, package.provider_id, move.referral_id, says.strip(), work.now,
            actor.person_id, actor.person_name,
        )  # fmt: skip
        await meet(work, HANDOVER, move.id)
        work.audit("package.handed_over", "package", package.id, move=move.id, characters=len(says.strip()))
        await tell_referrer(
            work, package, f"The handover of package {package.reference} has been written.",
            f"/packages/{package.id}/move",
        )  # fmt: skip


async def call_off_move(actor: Actor, package_id: UUID, reason: str) -> None:
    """The package stays where it is; its referral is closed or thrown away like any other. Raises `Conflict` once the
    referral has been awarded."""
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        package = await _own(work, package_id)
        move = await _begun(work, package)
        if move.new_package_id is not None:
            raise Conflict(f"Package {move.new_reference} has been made: undo its award first, or finish the move.")
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the package stays; its provider reads it"})
        await anonymity.name_nobody(work, package.commissioner_id, package.child_id, "reason", reason, WHO_READS)
        await work.execute(
            "UPDATE package_move SET called_off_at = $3, called_off_reason = $4 WHERE commissioner_id = $1 AND id = $2",
            package.commissioner_id, move.id, work.now, reason.strip(),
        )  # fmt: skip
        await cancel(work, move.id, HANDOVER)
        work.audit("package.move_called_off", "package", package.id, move=move.id)
        await tell_provider(
            work, package, f"Package {package.reference} stays with you: {reason.strip()}", f"/packages/{package.id}"
        )
        await tell_family(work, package, "The support you have stays with the provider you know.", "/today")


async def finish_move(actor: Actor, package_id: UUID) -> None:
    """End the package now that another provider has taken over.

    Raises `Conflict` while nobody has, while no handover is written, or while visits are planned or unfinished here.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        package = await _own(work, package_id, lock=True)
        move = await _begun(work, package)
        ended = package_after("ended", package.state)
        if move.new_package_id is None:
            raise Conflict("No other provider has taken over yet: award the referral first.")
        if not move.handovers:
            raise Conflict("The provider has not written the handover yet.")
        unfinished = await work.fetchval(
            "SELECT count(*) FROM visit WHERE commissioner_id = $1 AND package_id = $2 AND outcome IS NULL",
            package.commissioner_id, package.id,
        )  # fmt: skip
        if unfinished:
            raise Conflict(
                f"Visits are planned or not written up here ({unfinished}). The provider cancels or finishes them"
                " first."
            )
        values: dict[Any, Any] = {
            "state": ended, "ended_at": work.now, "ended_reason": f"Moved: package {move.new_reference} goes on",
        }  # fmt: skip
        await Package.update(values).where(Package.id == package.id)
        for row in await work.fetch(
            "SELECT DISTINCT subject_id FROM obligation WHERE package_id = $1 AND met_at IS NULL"
            " AND cancelled_at IS NULL",
            package.id,
        ):
            await cancel(work, row["subject_id"])
        work.audit(
            "package.ended", "package", package.id, moved_to=move.new_package_id, move=move.id,
            provider=package.provider_id,
        )  # fmt: skip
        await tell_provider(work, package, f"Package {package.reference} has been moved and ends.", "/packages")
        await tell_family(work, package, "The provider you had has handed over to the new one.", "/today")
        await tell(
            work, f"Package {move.new_reference}: the handover is complete.",
            f"/packages/{move.new_package_id}/handover",
            organisation_id=await work.fetchval(
                "SELECT provider_id FROM package WHERE commissioner_id = $1 AND id = $2",
                package.commissioner_id, move.new_package_id,
            ),
        )  # fmt: skip


async def _own(work: Work, package_id: UUID, *, lock: bool = False) -> Package:
    package = await queries.package(work, package_id, lock=lock)
    if package.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    return package


async def _begun(work: Work, package: Package) -> Move:
    move = await move_of(work, package)
    if move is None:
        raise NotFound("This package is not being moved.")
    return move

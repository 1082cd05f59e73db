"""The family's side of a visit's record: confirmed on its own device, with its PIN on the worker's, or a coded reason
why not, resolved by the referrer: a resolved one counts as signed (L 7.3, P 14.4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from marketplace.identity.actions import check_family_pin
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import cancel, meet
from marketplace.packages import queries
from marketplace.packages.record_actions import CONFIRM_VISIT, check_record, own_part
from marketplace.packages.states import visit_after, visit_state
from marketplace.packages.tables import Package, Signature, Visit
from marketplace.packages.telling import family_with, not_the_familys, owe_referrer, tell_provider, tell_referrer
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import local_day
from marketplace.referrals.children import own_case
from marketplace.settings import Settings

RESOLVE = "task.resolve_unsigned"
CONFIRM = "confirm_visits"
# How the record was shared with a family that has not signed it (P 14.4: proof that it was).
SHOWN_HOW = {
    "read_on_screen": "They read it on the screen",
    "read_aloud": "It was read to them",
    "paper": "They were given it on paper",
    "message": "It was sent to them",
    "not_yet": "It could not be shared yet",
}


async def family_confirms(actor: Actor, visit_id: UUID, *, text_hash: str, device: str = "") -> bool:
    """Confirm on one's own device that the worker came on time and did what was agreed; True when that is enough.

    Where access is given jointly, all of them confirm. Raises `NotPermitted` without the right, `Conflict` when the
    record changed since it was read, `WrongState`.
    """
    permit(actor, "visit.confirm")
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id)
        package = await queries.package(work, visit.package_id)
        if not any(grant.person_id == actor.person_id for grant in await family_with(work, package, CONFIRM)):
            raise NotPermitted("You can see this visit, but confirming visits is for others of your family.")
        await _sign(work, visit, text_hash, actor.person_id, actor.person_name, "own_sign_in", device)
        return await _confirmed(work, visit, package, actor.person_id, "own_sign_in")


async def family_confirms_with_pin(
    actor: Actor, settings: Settings, visit_id: UUID, *, person_id: UUID, pin: str, text_hash: str, device: str = ""
) -> bool:
    """A family member confirms on the worker's device with a PIN of their own; True when that is enough.

    Raises `InvalidInput` for `pin`, `TooManyAttempts` (on this device, for this person), and as `family_confirms`.
    """
    permit(actor, "visit.record")
    async with unit_of_work(actor, read_only=True) as work:
        await _may_be_asked(work, visit_id, person_id)
    name = await check_family_pin(actor, settings, person_id, pin)
    async with unit_of_work(actor) as work:
        visit, package = await _may_be_asked(work, visit_id, person_id, lock=True)
        await _sign(work, visit, text_hash, person_id, name, "own_pin", device)
        return await _confirmed(work, visit, package, person_id, "own_pin")


async def family_cannot_sign(
    actor: Actor, visit_id: UUID, *, code: str, shown_how: str, remark: str = "", text_hash: str, device: str = ""
) -> None:
    """Record why the family has not signed, and how the record was shared with it; the referrer resolves it.

    By a worker of the visit, or by the provider's office afterwards. Raises `InvalidInput` naming the field.
    """
    permit(actor, "visit.record" if actor.role == "worker" else "visit.correct")
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id, lock=True)
        if actor.role == "worker":
            await own_part(work, visit)
        visit_after("left unsigned", visit)
        pack = await queries.pack_for(work, visit)
        reasons = {
            reason.code: reason.title for reason in pack.on(local_day(visit.planned_start)).reasons("unsigned_visit")
        }
        faults: dict[str, str] = {}
        if code not in reasons:
            faults["code"] = "Select why the family has not signed"
        if shown_how not in SHOWN_HOW:
            faults["shown_how"] = "Select how the record was shared with the family"
        if len(remark) > 2000:
            faults["remark"] = "This must be 2,000 characters or fewer"
        if faults:
            raise InvalidInput(faults)
        await check_record(work, visit, text_hash)
        package = await queries.package(work, visit.package_id)
        await Signature.insert(
            Signature(
                commissioner_id=visit.commissioner_id,
                package_id=visit.package_id,
                provider_id=visit.provider_id,
                subject_type="visit",
                subject_id=visit.id,
                side="family",
                person_id=actor.person_id,
                printed_name=actor.person_name,
                text_hash=text_hash,
                method="coded_reason",
                reason_code=code,
                reason_remark=remark.strip(),
                shown_how=shown_how,
                device=device,
                signed_at=work.now,
            )
        )
        link = f"/visits/{visit.id}"
        if package.direct_payment_id is None:  # else the family stays asked: nobody resolves it in its place
            await cancel(work, visit.id, CONFIRM_VISIT)  # nobody is asked for it any more; it may still come
            await owe_referrer(
                work, pack, package, RESOLVE, "Resolve a visit the family has not signed", "visit", visit.id, link
            )
        said = f"A visit of package {package.reference} was not signed by the family: {reasons[code].lower()}."
        await tell_referrer(work, package, said, link)
        work.audit(
            "visit.left_unsigned",
            "visit",
            visit.id,
            commissioner_id=visit.commissioner_id,
            reason=code,
            shown_how=shown_how,
        )


async def resolve_unsigned(actor: Actor, visit_id: UUID, *, resolution: str) -> None:
    """Accept the coded reason of a visit of one's own case; from then on the visit counts as signed (P 14.4).

    Raises `InvalidInput` without saying what was found, `WrongState`, `NotPermitted` for a colleague's case.
    """
    permit(actor, "visit.resolve")
    if not resolution.strip():
        raise InvalidInput({"resolution": "Enter what you found out, and with whom you spoke"})
    if len(resolution) > 2000:
        raise InvalidInput({"resolution": "This must be 2,000 characters or fewer"})
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id, lock=True)
        await own_case(work, actor, visit.child_id)
        not_the_familys(await queries.package(work, visit.package_id))
        visit_after("resolved", visit)
        values: dict[Any, Any] = {
            "resolved_at": work.now,
            "resolved_by": actor.person_id,
            "resolution": resolution.strip(),
        }
        await (
            Signature.update(values)
            .where(Signature.commissioner_id == visit.commissioner_id)
            .where(Signature.subject_id == visit.id)
            .where(Signature.method == "coded_reason")
            .where(Signature.resolved_at.is_null())
        )
        await meet(work, RESOLVE, visit.id)
        package = await queries.package(work, visit.package_id)
        said = f"The visit of package {package.reference} the family had not signed counts as signed now."
        await tell_provider(work, package, said, f"/visits/{visit.id}")
        work.audit("visit.resolved", "visit", visit.id, commissioner_id=visit.commissioner_id)


async def _may_be_asked(work: Work, visit_id: UUID, person_id: UUID, *, lock: bool = False) -> tuple[Visit, Package]:
    """The worker's own visit, and a person whose confirmation of this very child's visits counts; else `NotFound`."""
    visit = await queries.visit(work, visit_id, lock=lock)
    await own_part(work, visit)
    visit_after("confirmed", visit)
    package = await queries.package(work, visit.package_id)
    if not any(grant.person_id == person_id for grant in await family_with(work, package, CONFIRM)):
        raise NotFound("This person does not confirm the visits of this child.")
    return visit, package


async def _sign(work: Work, visit: Visit, text_hash: str, person_id: UUID, name: str, method: str, device: str) -> None:
    if visit_state(visit) == "confirmed":
        raise WrongState("visit", "confirmed", "confirmed", "This visit is confirmed already.")
    visit_after("confirmed", visit)
    await check_record(work, visit, text_hash)
    try:
        await Signature.insert(
            Signature(
                commissioner_id=visit.commissioner_id,
                package_id=visit.package_id,
                provider_id=visit.provider_id,
                subject_type="visit",
                subject_id=visit.id,
                side="family",
                person_id=person_id,
                printed_name=name,
                text_hash=text_hash,
                method=method,
                device=device,
                signed_at=work.now,
            )
        )
    except asyncpg.UniqueViolationError as error:
        raise WrongState("visit", "confirmed", "confirmed", f"{name} has confirmed this visit already.") from error
    except asyncpg.CheckViolationError as error:
        raise Conflict("The record has changed since you opened it. Read it again, then confirm.") from error


async def _confirmed(work: Work, visit: Visit, package: Package, person_id: UUID, method: str) -> bool:
    signed = await work.fetchval(
        "SELECT family_signed FROM visit WHERE commissioner_id = $1 AND id = $2", visit.commissioner_id, visit.id
    )
    await meet(work, CONFIRM_VISIT, visit.id, by_person=person_id)
    if signed:
        for rule in (RESOLVE, CONFIRM_VISIT):
            await cancel(work, visit.id, rule)
    work.audit(
        "visit.confirmed", "visit", visit.id, commissioner_id=visit.commissioner_id, method=method, enough=bool(signed)
    )
    return bool(signed)

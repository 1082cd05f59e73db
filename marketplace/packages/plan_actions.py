"""Writing, sharing, signing and returning the care plan (L 6.1 stage 2). Every change is a new version (stage 5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import cancel, meet
from marketplace.packages import queries
from marketplace.packages.plans import PlanContent, checked, stored
from marketplace.packages.reviewing import NEW_VERSION
from marketplace.packages.setup_actions import own_package
from marketplace.packages.states import plan_after
from marketplace.packages.tables import Package, PlanVersion, Signature
from marketplace.packages.telling import (
    BUYS,
    family_with,
    owe_family,
    owe_referrer,
    provider_only,
    tell_family,
    tell_provider,
    tell_referrer,
)
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted, WrongState
from marketplace.referrals.children import own_case

SIGN = "task.sign_plan"


async def write_plan(actor: Actor, package_id: UUID, content: PlanContent) -> UUID:
    """Write the plan, or write on at the draft there is; returns the draft's id.

    A plan in force stays in force until the new version is signed. Raises `InvalidInput` naming the field,
    `WrongState` while a version waits for signatures.
    """
    provider_only(actor, "plan.write")
    async with unit_of_work(actor) as work:
        package = await own_package(work, package_id)
        pack = await queries.pack_for(work, package)
        activities = tuple(pack.lot(package.lot_code).activities) if package.lot_code in pack.lots else ()
        content = checked(content, activities)
        versions = await queries.plans(work, package.id)
        waiting = [each for each in versions if each.state == "shared"]
        if waiting:
            sentence = "The plan is waiting for signatures. Take it back first if it has to change."
            raise WrongState("plan", "shared", "written", sentence)
        draft = next((each for each in versions if each.state == "draft"), None)
        if draft is not None:
            values: dict[Any, Any] = {
                "content": stored(content), "written_by": actor.person_id, "written_at": work.now
            }  # fmt: skip
            await PlanVersion.update(values).where(PlanVersion.id == draft.id).where(PlanVersion.state == "draft")
            plan_id, version = draft.id, draft.version
        else:
            version = max((each.version for each in versions), default=0) + 1
            row = PlanVersion(
                commissioner_id=package.commissioner_id,
                package_id=package.id,
                provider_id=package.provider_id,
                version=version,
                content=stored(content),
                written_by=actor.person_id,
                written_at=work.now,
            )
            await PlanVersion.insert(row)
            plan_id = row.id
        work.audit("plan.written", "package", package.id, commissioner_id=package.commissioner_id, version=version)
        return plan_id


async def share_plan(actor: Actor, plan_id: UUID) -> str:
    """Share the draft with family and referrer for signing; its text is fixed from here. Returns the text's SHA-256.

    Raises `Conflict` before the risk assessment is done, since its findings are part of the plan, and `WrongState`.
    """
    provider_only(actor, "plan.write")
    async with unit_of_work(actor) as work:
        version = await queries.plan(work, plan_id)
        package = await own_package(work, version.package_id)
        version = await queries.plan(work, plan_id, lock=True)
        state = plan_after("shared", version.state)
        if package.risk_assessment_done_at is None:
            raise Conflict("Record the risk assessment first: what it found belongs into the plan that is signed.")
        text = await queries.plan_text(work, version, package)
        values: dict[Any, Any] = {"state": state, "text_hash": text.fingerprint, "shared_at": work.now}
        await PlanVersion.update(values).where(PlanVersion.id == plan_id).where(PlanVersion.state == "draft")
        pack = await queries.pack_for(work, package)
        link, title = f"/plans/{plan_id}", "Read and sign the care plan"
        await meet(work, NEW_VERSION, package.id)  # a review asked for it
        await owe_referrer(work, pack, package, SIGN, title, "plan", plan_id, link)
        await owe_family(work, pack, package, SIGN, title, "sign_plan", "plan", plan_id, link)
        said = f"The care plan of package {package.reference} is ready to be read and signed."
        await tell_referrer(work, package, said, link)
        await tell_family(work, package, said, link, "sign_plan")
        work.audit(
            "plan.shared", "package", package.id, commissioner_id=package.commissioner_id, version=version.version,
            text_hash=text.fingerprint,
        )  # fmt: skip
        return text.fingerprint


async def sign_plan(
    actor: Actor,
    plan_id: UUID,
    *,
    text_hash: str,
    device: str = "",
    no_family_reason: str = "",
    in_referrers_place: bool = False,
) -> bool:
    """Sign the plan one has read, for the family or as the referrer whose case it is; True when it is in force now.

    `text_hash` is the fingerprint of what was shown: another raises `Conflict`. A referrer signs alone only where
    nobody of the family may sign, and says why in `no_family_reason`. Of a package that a direct payment pays for,
    whoever spends it signs in the referrer's place too, and says so by `in_referrers_place`. Raises `NotPermitted`
    without the right.
    """
    permit(actor, "plan.sign")
    async with unit_of_work(actor) as work:
        version = await queries.plan(work, plan_id)
        package = await queries.package(work, version.package_id)
        sides, remark = await _may_sign(work, actor, package, no_family_reason)
        plan_after("signed", version.state)
        if package.direct_payment_id is not None and "referrer" in sides and not in_referrers_place:
            raise InvalidInput({"in_referrers_place": "Confirm that you also sign in the place of the council"})
        text = await queries.plan_text(work, version, package)
        if text_hash != version.text_hash or text.fingerprint != version.text_hash:
            raise Conflict("The plan has changed since you opened it. Read it again, then sign.")
        try:
            for side in sides:
                await Signature.insert(
                    Signature(
                        commissioner_id=package.commissioner_id,
                        package_id=package.id,
                        provider_id=package.provider_id,
                        subject_type="plan",
                        subject_id=plan_id,
                        side=side,
                        person_id=actor.person_id,
                        printed_name=actor.person_name,
                        text_hash=text.fingerprint,
                        method="own_sign_in",
                        reason_remark=remark,
                        device=device,
                        signed_at=work.now,
                    )
                )
        except asyncpg.UniqueViolationError as error:
            raise WrongState("plan", "signed", "signed", "You have signed this plan already.") from error
        await meet(work, SIGN, plan_id, by_person=actor.person_id)
        work.audit(
            "plan.signed", "package", package.id, commissioner_id=package.commissioner_id, version=version.version,
            side=" and ".join(sides), text_hash=text.fingerprint,
        )  # fmt: skip
        in_force = await work.fetchval("SELECT plan_takes_effect($1, $2)", package.commissioner_id, plan_id)
        if in_force:
            await _in_force(work, package, version)
        return in_force


async def _may_sign(work: Work, actor: Actor, package: Package, no_family_reason: str) -> tuple[list[str], str | None]:
    """The sides a signature stands for, and the remark that goes with it; raises where the actor may not sign."""
    signers = await family_with(work, package, "sign_plan")
    bought = package.direct_payment_id is not None
    if actor.role == "family":
        in_place = await family_with(work, package, BUYS) if bought else []
        sides = [
            side
            for side, having in (("family", signers), ("referrer", in_place))
            if any(grant.person_id == actor.person_id for grant in having)
        ]
        if not sides:
            raise NotPermitted("You can read this plan, but signing it is for others. Ask the council about it.")
        return sides, None
    await own_case(work, actor, package.child_id)
    if bought:
        raise NotPermitted("The family pays for this support with its direct payment, and signs its plan itself.")
    if signers:
        return ["referrer"], None
    if not no_family_reason.strip():
        raise InvalidInput(
            {"no_family_reason": "Nobody of the family may sign. Enter why you sign for the child alone"}
        )
    return ["referrer"], no_family_reason.strip()


async def _in_force(work: Work, package: Package, version: PlanVersion) -> None:
    """Both sides have signed: the duty is met, whoever was still asked need not sign, everybody is told."""
    await meet(work, "plan_signed", package.id)
    await cancel(work, version.id, SIGN)
    said = f"The care plan of package {package.reference}, version {version.version}, is signed and in force."
    await tell_provider(work, package, said, f"/packages/{package.id}")
    await tell_referrer(work, package, said, f"/packages/{package.id}")
    await tell_family(work, package, said, f"/plans/{version.id}", "see_plan")
    work.audit("plan.in_force", "package", package.id, commissioner_id=package.commissioner_id, version=version.version)


async def return_plan(actor: Actor, plan_id: UUID, *, reason: str) -> None:
    """Send a shared plan back: by the referrer or a family member who wants it changed, or taken back by the provider.

    The next version is written from it. Raises `InvalidInput` without a reason, `WrongState`, `NotFound`.
    """
    if actor.provider_id is not None:
        permit(actor, "plan.write")
    else:
        permit(actor, "plan.sign")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter what should change"})
    if len(reason) > 4000:
        raise InvalidInput({"reason": "This must be 4,000 characters or fewer"})
    async with unit_of_work(actor) as work:
        version = await queries.plan(work, plan_id)
        package = await queries.package(work, version.package_id)
        plan_after("returned", version.state)
        if actor.role == "referrer":
            await own_case(work, actor, package.child_id)
            if package.direct_payment_id is not None:
                raise NotPermitted("The family pays for this support with its direct payment, and decides on its plan.")
        done = await work.fetchval("SELECT plan_return($1, $2, $3)", package.commissioner_id, plan_id, reason.strip())
        if not done:
            raise NotPermitted("Only those who may sign this plan can send it back.")
        await cancel(work, plan_id, SIGN)
        link = f"/plans/{plan_id}"
        if actor.provider_id is not None:
            said = f"The care plan of package {package.reference} was taken back to be changed. You need not sign it."
            await tell_family(work, package, said, link, "sign_plan")
        else:
            said = f"The care plan of package {package.reference} was sent back with a reason: write a new version."
            await tell_provider(work, package, said, link)
        if actor.role != "referrer":
            await tell_referrer(work, package, said, link)
        work.audit(
            "plan.returned", "package", package.id, commissioner_id=package.commissioner_id, version=version.version,
            by=actor.role,
        )  # fmt: skip


async def plan_to_start_from(work: Work, package_id: UUID) -> PlanVersion | None:
    """The version an editor opens with: the draft, else the newest. Raises `NotFound` for an unknown package."""
    versions = await queries.plans(work, package_id)
    if not versions:
        await queries.package(work, package_id)
        return None
    return next((each for each in versions if each.state == "draft"), versions[0])

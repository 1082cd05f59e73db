"""The award: one offer becomes a package, in a unit two people cannot both win; and its undoing before the start.

`package.needs` holds the codes picked in the referral, competencies and interventions together:
`policy.scope.sort_needs` says what they ask of a worker.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.obligations.news import tell
from marketplace.packages.emergency_cover import cover_agreed
from marketplace.packages.tables import Package, PackageFunding
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import local_day
from marketplace.policy.funding import WHOLE
from marketplace.policy.pack import Pack
from marketplace.providers.readiness import Ready
from marketplace.providers.standing import hold_standing
from marketplace.referrals import anonymity, queries
from marketplace.referrals.award import Acceptance, acceptance, check_version, record_choice
from marketplace.referrals.broadcasting import cancel_questions, reached_providers
from marketplace.referrals.offer_standing import proposed_now, refuse_barred
from marketplace.referrals.references import new_reference
from marketplace.referrals.states import offer_after, referral_after
from marketplace.referrals.tables import Offer, Referral
from marketplace.web.filters import day, listing

SET_UP_DUTIES = ("risk_assessment_arranged", "plan_signed")


async def award_offer(actor: Actor, offer_id: UUID, *, version: int, no_family_reason: str = "") -> UUID:
    """Award an offer that referrer and family have both accepted; returns the package's id.

    Standing and readiness are judged again at this moment. `no_family_reason` is asked for where nobody of the family
    may choose. Raises `Conflict` with the sentence about what stands in the way, `WrongState` for the second of two
    awards, `InvalidInput`, `NotFound`.
    """
    permit(actor, "offer.award")
    async with unit_of_work(actor) as work:
        referral_id = (await queries.offer(work, offer_id)).referral_id
        referral = await queries.referral(work, referral_id, lock=True)
        await _still_open(work, referral)
        # alone: of two awards at once to a restricted provider the second counts the first
        await hold_standing(work, referral.framework_id, (await queries.offer(work, offer_id)).provider_id, alone=True)
        offer = await queries.offer(work, offer_id, lock=True)
        offer_after("awarded", offer.state)
        check_version(offer, version)
        pack = await pack_of(work, referral.framework_id)
        await refuse_barred(work, referral, offer.id, offer.provider_id)
        ready = await _ready_workers(work, offer, referral)
        await record_choice(work, offer)
        accepted = await acceptance(work, referral, offer.id, offer.version)
        why_without = _family_accepted(pack, accepted, no_family_reason)
        case = (referral.commissioner_id, referral.child_id)
        await anonymity.name_nobody(work, *case, "no_family_reason", why_without, anonymity.KEPT)
        package = await _make_package(work, referral, offer, ready)
        await cover_agreed(work, package)
        others = await _close(work, referral, offer)
        await owe_set_up(work, pack, package)
        await _tell(work, referral, package, others)
        work.audit(
            "offer.awarded", "referral", referral.id, offer=offer.id, version=offer.version, package=package.id,
            provider=offer.provider_id, without_family=why_without or None, pack=pack.content_hash,
        )  # fmt: skip
        return package.id


async def _still_open(work: Work, referral: Referral) -> None:
    if referral.state == "awarded":
        winner = await work.fetchval(
            "SELECT n.name FROM offer o JOIN organisation n ON n.id = o.provider_id"
            " WHERE o.commissioner_id = $1 AND o.referral_id = $2 AND o.state = 'awarded'",
            referral.commissioner_id, referral.id,
        )  # fmt: skip
        sentence = f"Another award came first: {referral.reference} has been awarded to {winner or 'another provider'}."
        raise WrongState("referral", referral.state, "awarded", sentence)
    referral_after("awarded", referral.state)


async def _ready_workers(work: Work, offer: Offer, referral: Referral) -> list[tuple[str, Ready]]:
    """(part, worker) of those who are ready now for the start; a main worker who is not stops the award."""
    proposed = {
        row["worker_id"]: row
        for row in await work.fetch(
            "SELECT worker_id, part, position, name FROM offer_worker WHERE commissioner_id = $1 AND offer_id = $2",
            offer.commissioner_id,
            offer.id,
        )
    }
    on: date = max(offer.starts_on, local_day(work.now))
    found = await proposed_now(work, referral, offer.provider_id, offer.starts_on, proposed)
    unready = [
        found[worker_id].sentence if worker_id in found else f"{row['name']} does not work there any more."
        for worker_id, row in proposed.items()
        if row["part"] == "main" and (worker_id not in found or not found[worker_id].ready)
    ]
    if unready:
        raise Conflict(f"This offer cannot be awarded: not every worker is ready on {day(on)}. {' '.join(unready)}")
    return [(row["part"], found[key]) for key, row in proposed.items() if key in found and found[key].ready]


def _family_accepted(pack: Pack, accepted: Acceptance, reason: str) -> str:
    """The reason for deciding without the family, or ''. Raises where the family's acceptance is missing."""
    if accepted.family or not pack.pathway.family_accepts_offer:
        return ""
    if accepted.nobody_can_choose:
        if not reason.strip():
            raise InvalidInput({"no_family_reason": "Enter why nobody of the family chooses"})
        return reason.strip()
    raise Conflict(f"The family has not accepted this offer yet: {listing(accepted.waiting_for)} can still choose it.")


async def _make_package(work: Work, referral: Referral, offer: Offer, ready: list[tuple[str, Ready]]) -> Package:
    package = Package(
        commissioner_id=referral.commissioner_id,
        framework_id=referral.framework_id,
        provider_id=offer.provider_id,
        referral_id=referral.id,
        offer_id=offer.id,
        child_id=referral.child_id,
        reference=new_reference("P"),
        lot_code=referral.lot_code,
        referrer_id=(await queries.child(work, referral.child_id)).referrer_id,  # whose case it is, not who wrote
        needs=[*referral.needs, *referral.interventions],
        pattern=offer.pattern,
        workers_per_visit=referral.workers_per_visit,
        starts_on=offer.starts_on,
        ends_on=referral.ends_on,
        awarded_at=work.now,
        awarded_by=work.actor.person_id,
    )
    await Package.insert(package)
    await PackageFunding.insert(
        PackageFunding(
            id=uuid4(),
            commissioner_id=package.commissioner_id,
            package_id=package.id,
            framework_id=package.framework_id,
            provider_id=package.provider_id,
            payer_id=package.commissioner_id,
            share_basis_points=WHOLE,
            starts_on=package.starts_on,
        )
    )
    # statement by statement from the offer's frozen rows: what was offered is who comes
    await work.execute(
        "INSERT INTO package_worker (commissioner_id, package_id, provider_id, worker_id, worker_person_id,"
        " name, role, profile, part, added_at)"
        " SELECT o.commissioner_id, $3, o.provider_id, o.worker_id, w.person_id, o.name, o.role, o.profile, o.part, $4"
        " FROM offer_worker o JOIN worker w ON w.provider_id = o.provider_id AND w.id = o.worker_id"
        " WHERE o.commissioner_id = $1 AND o.offer_id = $2 AND o.worker_id = ANY ($5)",
        package.commissioner_id, offer.id, package.id, work.now, [entry.worker.id for _, entry in ready],
    )  # fmt: skip
    work.audit("package.made", "package", package.id, reference=package.reference, provider=package.provider_id)
    return package


async def _close(work: Work, referral: Referral, offer: Offer) -> list[UUID]:
    """The states after the award; returns the providers whose standing offers were not chosen."""
    await work.execute(
        "UPDATE offer SET state = 'awarded', decided_at = $3 WHERE commissioner_id = $1 AND id = $2 AND state = 'made'",
        offer.commissioner_id, offer.id, work.now,
    )  # fmt: skip
    others = await work.fetch(
        "UPDATE offer SET state = 'not_chosen', decided_at = $3 WHERE commissioner_id = $1 AND referral_id = $2"
        " AND state = 'made'"
        " RETURNING provider_id",
        referral.commissioner_id, referral.id, work.now,
    )  # fmt: skip
    awarded: dict[Any, Any] = {"state": referral_after("awarded", referral.state), "changed_at": work.now}
    await Referral.update(awarded).where(Referral.id == referral.id)
    await cancel(work, referral.id)
    await cancel_questions(work, referral)
    return [row["provider_id"] for row in others]


async def owe_set_up(work: Work, pack: Pack, package: Package) -> None:
    for rule in SET_UP_DUTIES:
        # where a direct payment pays, the family signs alone: the pack's own words name the referrer too
        alone = rule == "plan_signed" and package.direct_payment_id is not None
        await owe(
            work, pack, rule, subject_type="package", subject_id=package.id, reference=package.reference,
            title="Complete risk assessment and care plan, signed by the family" if alone else None,
            owed_by=Owed(organisation_id=package.provider_id), owed_to=package.commissioner_id,
            link=f"/packages/{package.id}", commissioner_id=package.commissioner_id, framework_id=package.framework_id,
            child_id=package.child_id, package_id=package.id,
        )  # fmt: skip


async def _tell(work: Work, referral: Referral, package: Package, others: list[UUID]) -> None:
    won = f"Your offer for referral {referral.reference} has been awarded as package {package.reference}."
    await tell(work, won, f"/packages/{package.id}", organisation_id=package.provider_id)
    for provider_id in await reached_providers(work, referral):
        if provider_id == package.provider_id:
            continue
        if provider_id in others:
            lost = f"Referral {referral.reference} has been awarded. Your offer was not chosen."
            await tell(work, lost, "/offers", organisation_id=provider_id)
        else:
            over = f"Referral {referral.reference} has been awarded. No answer is needed any more."
            await tell(work, over, f"/opportunities/{referral.id}", organisation_id=provider_id, mail=False)
    for person in await _family(work, package):
        await tell(work, "The support you were looking for has been agreed.", "/today", person_id=person)


async def _family(work: Work, package: Package) -> list[UUID]:
    rows = await work.fetch(
        "SELECT DISTINCT person_id FROM family_grant WHERE commissioner_id = $1 AND child_id = $2 AND"
        " revoked_at IS NULL"
        " AND starts_on <= app_today() AND (ends_on IS NULL OR ends_on >= app_today())",
        package.commissioner_id, package.child_id,
    )  # fmt: skip
    return [row["person_id"] for row in rows]


async def undo_award(actor: Actor, package_id: UUID, *, reason: str) -> UUID:
    """Undo an award before the first visit; the other offers stand again, so that the runner-up can be chosen.

    Returns the referral's id. Raises `InvalidInput` without a reason, `Conflict` where visits have begun or are still
    planned, `NotFound`. From then on the child's identity is closed to the provider again.
    """
    permit(actor, "offer.award")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why the award is undone"})
    async with unit_of_work(actor) as work:
        # the referral first, as the award does, so that two units never wait for each other
        referral_id = await work.fetchval(
            "SELECT referral_id FROM package WHERE id = $1 AND commissioner_id = app_commissioner()", package_id
        )
        if referral_id is None:
            raise NotFound
        referral = await queries.referral(work, referral_id, lock=True)
        package = await Package.objects().where(Package.id == package_id).first().lock_rows("NO KEY UPDATE")
        assert package is not None
        if package.state != "set_up":
            raise WrongState("package", package.state, "undone")
        # the provider goes on reading it after the child's identity has closed again
        case = (package.commissioner_id, package.child_id)
        await anonymity.name_nobody(work, *case, "reason", reason, anonymity.KEPT)
        planned = await work.fetchval(
            "SELECT count(*) FROM visit WHERE commissioner_id = $1 AND package_id = $2 AND (outcome IS NULL OR"
            " outcome = 'delivered')",
            package.commissioner_id, package.id,
        )  # fmt: skip
        if planned:
            raise Conflict(
                f"Visits are planned already ({planned}). The provider cancels them first, then the award can"
                f" be undone."
            )
        opened = referral_after("opened again", referral.state)
        undone: dict[Any, Any] = {"state": "undone", "undone_at": work.now, "undone_reason": reason.strip()}
        await Package.update(undone).where(Package.id == package.id)
        await work.execute(
            "UPDATE offer SET state = 'undone', decided_at = $3 WHERE commissioner_id = $1 AND id = $2 AND"
            " state = 'awarded'",
            package.commissioner_id, package.offer_id, work.now,
        )  # fmt: skip
        restored = await work.fetch(
            "UPDATE offer SET state = 'made', decided_at = NULL WHERE commissioner_id = $1 AND referral_id = $2"
            " AND state = 'not_chosen' AND decided_at = $3 RETURNING provider_id",
            package.commissioner_id, referral.id, package.awarded_at,
        )  # fmt: skip
        again: dict[Any, Any] = {"state": opened, "changed_at": work.now}
        await Referral.update(again).where(Referral.id == referral.id)
        for row in await work.fetch(
            "SELECT DISTINCT subject_id FROM obligation WHERE package_id = $1 AND met_at IS NULL AND"
            " cancelled_at IS NULL",
            package.id,
        ):
            await cancel(work, row["subject_id"])
        lost = f"The award of package {package.reference} has been undone before its start."
        await tell(work, lost, "/offers", organisation_id=package.provider_id)
        for row in restored:
            stands = f"Your offer for referral {referral.reference} stands again: it can still be chosen."
            await tell(work, stands, "/offers", organisation_id=row["provider_id"])
        for person in await _family(work, package):
            await tell(
                work,
                "The agreed support has been called off. Other offers can be chosen.",
                "/choices",
                person_id=person,
            )
        work.audit(
            "award.undone", "referral", referral.id, package=package.id, provider=package.provider_id,
            reason=reason.strip(), offers_standing_again=len(restored),
        )  # fmt: skip
        return referral.id

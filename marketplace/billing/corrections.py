"""A correction that would charge a family more: the provider proposes it, the family says yes or no (P 5.2, 5.3; D).

Where the family says no, or cannot answer, the referrer whose case it is decides, with a reason. Nothing of the visit
changes until then; `correction_settling.py` does what was agreed, in the provider's books.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.billing.visit_records import unbilled
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import cancel, meet
from marketplace.packages import queries
from marketplace.packages.cancellation import as_shown
from marketplace.packages.late_records import check_reason
from marketplace.packages.outcomes import Given, terms_after, terms_now
from marketplace.packages.planning import when
from marketplace.packages.tables import Correction, Package
from marketplace.packages.telling import (
    family_with,
    not_the_familys,
    owe_family,
    owe_referrer,
    provider_only,
    tell_family,
    tell_provider,
    tell_referrer,
)
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import local_day, to_the_minute
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity
from marketplace.referrals.children import own_case

ANSWER, DECIDE = "task.answer_correction", "task.decide_correction"
SETTLE = "settle_correction"  # the job (sweeps.py)
CONFIRM = "confirm_visits"
MOST = 1000
OPEN = ("open", "with_referrer")


async def propose_correction(
    actor: Actor, visit_id: UUID, given: Given, *, version: int, reason: str, charge_pence: int | None
) -> UUID:
    """Propose an outcome that charges the family more than is recorded; returns the proposal's id.

    `charge_pence` is what was shown. Raises `InvalidInput` by field, `PriceChanged`, `WrongState`; `Conflict` when the
    visit changed since, is billed, has a proposal already, or needs none, for it charges no more.
    """
    provider_only(actor, "visit.correct")
    async with unit_of_work(actor) as work:
        visit = await unbilled(work, visit_id, version)
        package = await queries.package(work, visit.package_id)
        terms = await terms_after(work, visit, given, reason, agreed=True)
        await check_reason(work, visit, reason, needed=True)
        stands = await terms_now(work, visit)
        if terms.percent <= (stands.percent if stands else 0):
            raise Conflict("This charges the family no more than is recorded: correct it, nobody needs to be asked.")
        as_shown(terms, charge_pence, required=True)
        asked = bool(await family_with(work, package, CONFIRM))
        if not asked and package.direct_payment_id is not None:
            raise Conflict(
                "Nobody of the family can agree to this at the moment, and it pays itself: the record stays."
            )
        by_family = given.outcome == "cancelled_by_family" and given.notice_at is not None
        notice_at = to_the_minute(given.notice_at) if by_family and given.notice_at else None
        try:
            correction_id: UUID = await work.fetchval(
                """INSERT INTO correction (commissioner_id, package_id, provider_id, framework_id, visit_id,
                   visit_version, was_outcome, was_notice_at, was_pence, was_minutes, outcome, notice_at, charge_pence,
                   whole_pence, percent, minutes, taken_minutes, reason, proposed_by, proposed_by_name, proposed_at,
                   state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                   $20, $21, $22) RETURNING id""",
                visit.commissioner_id, package.id, visit.provider_id, visit.framework_id, visit.id, visit.version,
                visit.outcome, visit.notice_at, stands.charged_pence if stands else None,
                stands.taken_minutes if stands else None, given.outcome, notice_at, terms.charged_pence,
                terms.whole_pence, terms.percent, terms.minutes, terms.taken_minutes, reason.strip(), actor.person_id,
                actor.person_name, work.now, "open" if asked else "with_referrer",
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("A correction of this visit waits for an answer already.") from error
        said = f"A correction of the visit of package {package.reference} on {when(visit.planned_start)} is proposed."
        link = f"/corrections/{correction_id}"
        if asked:
            pack = await queries.pack_for(work, visit)
            title = "Say yes or no to a correction of a visit"
            await owe_family(work, pack, package, ANSWER, title, CONFIRM, "correction", correction_id, link)
            await tell_family(work, package, f"{said} It waits for your answer.", link, CONFIRM)
            await tell_referrer(work, package, said, link)
        else:
            await ask_referrer(work, package, correction_id)
        work.audit(
            "correction.proposed", "correction", correction_id, commissioner_id=visit.commissioner_id, visit=visit.id,
            outcome=given.outcome, notice_at=notice_at, percent=terms.percent, charged_pence=terms.charged_pence,
        )  # fmt: skip
        return correction_id


async def put_to_referrer(actor: Actor, correction_id: UUID, *, code: str) -> None:
    """The family cannot or will not answer, for one of the pack's reasons: its referrer decides. Raises `Conflict`
    where the family pays for the visit itself: without its yes the record stays."""
    provider_only(actor, "visit.correct")
    async with unit_of_work(actor) as work:
        found, package = await _open(work, correction_id)
        not_the_familys(package)
        if found.state != "open":
            raise WrongState("correction", found.state, "put to the referrer", "The referrer has it already.")
        pack = await queries.pack_for(work, package)
        if code not in {reason.code for reason in pack.on(local_day(work.now)).reasons("unsigned_visit")}:
            raise InvalidInput({"code": "Select why the family does not answer"})
        await work.execute(
            """UPDATE correction SET state = 'with_referrer', put_code = $3, put_at = $4
               WHERE commissioner_id = $1 AND id = $2""",
            found.commissioner_id, correction_id, code, work.now,
        )  # fmt: skip
        await ask_referrer(work, package, correction_id)
        work.audit("correction.put", "correction", correction_id, commissioner_id=found.commissioner_id, code=code)


async def withdraw_correction(actor: Actor, correction_id: UUID) -> None:
    """The provider takes its proposal back; the visit stays as it is recorded."""
    provider_only(actor, "visit.correct")
    async with unit_of_work(actor) as work:
        found, package = await _open(work, correction_id)
        if found.decision is not None:
            raise Conflict("The referrer has decided on this already.")
        agreed = await work.fetchval(
            "SELECT 1 FROM correction_answer WHERE commissioner_id = $1 AND correction_id = $2 AND agrees LIMIT 1",
            found.commissioner_id, correction_id,
        )  # fmt: skip
        if found.state == "open" and agreed:
            raise Conflict("The family has agreed to this already, so it is not taken back.")
        await close(work, found, "withdrawn")
        said = f"The correction proposed for a visit of package {package.reference} was taken back."
        await tell_family(work, package, said, f"/corrections/{correction_id}", CONFIRM)
        await tell_referrer(work, package, said, f"/corrections/{correction_id}")
        work.audit("correction.withdrawn", "correction", correction_id, commissioner_id=found.commissioner_id)


async def answer_correction(actor: Actor, correction_id: UUID, *, agrees: bool, says: str = "") -> None:
    """A family member says yes, or no and why, once. Where access is given jointly, all of them say yes.

    Raises `NotPermitted` without the right to confirm visits, `InvalidInput` for `says`, `WrongState`, `Conflict`.
    """
    permit(actor, "visit.confirm")
    if not agrees and is_blank(says):
        raise InvalidInput({"says": "Enter why you do not agree"})
    if len(says) > MOST:
        raise InvalidInput({"says": f"This must be {MOST:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        found, package = await _open(work, correction_id)
        if not any(grant.person_id == actor.person_id for grant in await family_with(work, package, CONFIRM)):
            raise NotPermitted("You can see this, but answering is for those of your family who confirm visits.")
        if found.state != "open":
            raise WrongState("correction", found.state, "answered", "The referrer decides on this now.")
        try:
            await work.execute(
                """INSERT INTO correction_answer (commissioner_id, correction_id, package_id, provider_id, person_id,
                   person_name, agrees, says, answered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
                found.commissioner_id, correction_id, package.id, found.provider_id, actor.person_id, actor.person_name,
                agrees, says.strip(), work.now,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("You have answered this already.") from error
        await meet(work, ANSWER, correction_id, by_person=actor.person_id)
        await work.enqueue(SETTLE, {"provider": found.provider_id, "correction": correction_id})
        work.audit(
            "correction.answered", "correction", correction_id, commissioner_id=found.commissioner_id, agrees=agrees
        )


async def decide_correction(actor: Actor, correction_id: UUID, *, apply: bool, reason: str) -> None:
    """The referrer whose case it is decides what the family would not: the correction holds, or the visit stays.

    Raises `InvalidInput` for `reason`, `WrongState` while the family may still answer, and once it is decided.
    """
    permit(actor, "visit.resolve")
    if is_blank(reason) or len(reason) > MOST:
        raise InvalidInput({"reason": "Enter why you decide so, in 1,000 characters or fewer"})
    async with unit_of_work(actor) as work:
        found, package = await _open(work, correction_id)
        await own_case(work, actor, package.child_id)
        not_the_familys(package)
        if found.state != "with_referrer":
            raise WrongState("correction", found.state, "decided", "The family has been asked: its answer comes first.")
        if found.decision is not None:
            raise WrongState("correction", "decided", "decided", "This was decided already.")
        await anonymity.name_nobody(work, package.commissioner_id, package.child_id, "reason", reason, anonymity.KEPT)
        await work.execute(
            """UPDATE correction SET decision = $3, decision_reason = $4, decided_by = $5, decided_at = $6
               WHERE commissioner_id = $1 AND id = $2""",
            found.commissioner_id, correction_id, "apply" if apply else "decline", reason.strip(), actor.person_id,
            work.now,
        )  # fmt: skip
        await meet(work, DECIDE, correction_id)
        work.audit(
            "correction.decided", "correction", correction_id, commissioner_id=found.commissioner_id, apply=apply
        )
        if apply:
            await work.enqueue(SETTLE, {"provider": found.provider_id, "correction": correction_id})
            return
        await close(work, found, "declined")
        said = f"The correction of a visit of package {package.reference} was not agreed to: the record stays."
        await tell_family(work, package, said, f"/corrections/{correction_id}", CONFIRM)
        await tell_provider(work, package, said, f"/corrections/{correction_id}")


async def ask_referrer(work: Work, package: Package, correction_id: UUID) -> None:
    """Within a unit: the family will not, so the referrer decides."""
    link = f"/corrections/{correction_id}"
    await cancel(work, correction_id, ANSWER)
    title = "Decide on a correction of a visit the family has not agreed to"
    pack = await queries.pack_for(work, package)
    await owe_referrer(work, pack, package, DECIDE, title, "correction", correction_id, link)
    said = f"The family has not agreed to a correction of a visit of package {package.reference}: you decide."
    await tell_referrer(work, package, said, link)


async def close(work: Work, found: Correction, state: str, because: str | None = None) -> None:
    """Within a unit: it waits for nobody any more."""
    await work.execute(
        "UPDATE correction SET state = $3, closed_at = $4, lapsed_because = $5 WHERE commissioner_id = $1 AND id = $2",
        found.commissioner_id, found.id, state, work.now, because,
    )  # fmt: skip
    await cancel(work, found.id)


async def _open(work: Work, correction_id: UUID) -> tuple[Correction, Package]:
    """A proposal within reach that is not closed, held by those who may change it."""
    found = await Correction.objects().where(Correction.id == correction_id).first()
    if found is None:
        raise NotFound
    if work.actor.role != "family":  # a family changes no proposal: it adds its answer
        found = await Correction.objects().where(Correction.id == correction_id).first().lock_rows()
        if found is None:
            raise NotFound
    package = await queries.package(work, found.package_id)
    if found.state not in OPEN:
        raise WrongState("correction", found.state, "answered", "This correction waits for nobody any more.")
    return found, package

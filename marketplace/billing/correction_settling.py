"""What the family or its referrer agreed to is done, in the provider's books and in the name of who proposed it."""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.corrections import CONFIRM, OPEN, ask_referrer, close
from marketplace.billing.visit_records import unbilled
from marketplace.packages import queries
from marketplace.packages.outcomes import Given, give_outcome
from marketplace.packages.tables import Correction, Package
from marketplace.packages.telling import tell_family, tell_provider, tell_referrer
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.referrals.grants import family_agrees, grants_of


async def settle_correction(provider_id: UUID, correction_id: UUID) -> None:
    """Follow the answers to a proposal as they stand: applied, put to the referrer, or left waiting. Run twice, it
    does nothing more."""
    system = system_for(provider_id, "provider")
    found = await ask(system, _found, correction_id)
    if found is None or found.state not in OPEN:
        return
    # a correction stands in the history under the name of whoever proposed it
    proposer = Actor(found.proposed_by, found.proposed_by_name, "system", provider_id, "", "provider")
    try:
        async with unit_of_work(proposer) as work:
            await _settle(work, correction_id)
    except (Conflict, InvalidInput, NotFound) as error:
        async with unit_of_work(proposer) as work:
            await _lapse(work, correction_id, getattr(error, "sentence", None) or "The visit changed meanwhile.")


async def _found(work: Work, correction_id: UUID) -> Correction | None:
    return await Correction.objects().where(Correction.id == correction_id).first()


async def _held(work: Work, correction_id: UUID) -> tuple[Correction, Package] | None:
    found = await Correction.objects().where(Correction.id == correction_id).first().lock_rows()
    if found is None or found.state not in OPEN:
        return None
    return found, await queries.package(work, found.package_id)


async def _settle(work: Work, correction_id: UUID) -> None:
    before = await _found(work, correction_id)
    if before is None:
        return
    # the books first, as an invoice takes them; then the proposal
    agreed = before.decision == "apply" or await _family_agrees(work, before)
    visit = await unbilled(work, before.visit_id, before.visit_version) if agreed else None
    held = await _held(work, correction_id)
    if held is None:
        return
    found, package = held
    if visit is None:
        refused = await work.fetchval(
            "SELECT 1 FROM correction_answer WHERE commissioner_id = $1 AND correction_id = $2 AND NOT agrees LIMIT 1",
            found.commissioner_id, correction_id,
        )  # fmt: skip
        if found.state == "open" and refused and package.direct_payment_id is not None:  # its no is the last word
            await close(work, found, "declined")
            said = f"The correction of a visit of package {package.reference} was not agreed to: the record stays."
            await tell_family(work, package, said, f"/corrections/{correction_id}", CONFIRM)
            await tell_provider(work, package, said, f"/corrections/{correction_id}")
            work.audit("correction.refused", "correction", correction_id, commissioner_id=found.commissioner_id)
        elif found.state == "open" and refused:
            await work.execute(
                "UPDATE correction SET state = 'with_referrer' WHERE commissioner_id = $1 AND id = $2",
                found.commissioner_id, correction_id,
            )  # fmt: skip
            await ask_referrer(work, package, correction_id)
            said = f"The family does not agree to the correction of a visit of package {package.reference}:"
            await tell_provider(work, package, f"{said} its referrer decides.", f"/corrections/{correction_id}")
            work.audit("correction.refused", "correction", correction_id, commissioner_id=found.commissioner_id)
        return
    given = Given(found.outcome, found.notice_at)
    await give_outcome(
        work, visit, package, given, "office", found.reason, charge_pence=found.charge_pence, charge_required=True,
        agreed=True,
    )  # fmt: skip
    await close(work, found, "applied")
    said = f"The correction of a visit of package {package.reference} is agreed to and recorded."
    await tell_provider(work, package, said, f"/visits/{found.visit_id}")
    work.audit(
        "correction.applied", "correction", correction_id, commissioner_id=found.commissioner_id, visit=found.visit_id,
        by="referrer" if found.decision else "family",
    )  # fmt: skip


async def _family_agrees(work: Work, found: Correction) -> bool:
    if found.state != "open":
        return False
    rows = await work.fetch(
        "SELECT person_id, agrees FROM correction_answer WHERE commissioner_id = $1 AND correction_id = $2",
        found.commissioner_id, found.id,
    )  # fmt: skip
    if not all(row["agrees"] for row in rows):
        return False
    child_id = (await queries.package(work, found.package_id)).child_id
    return family_agrees(
        await grants_of(work, child_id), CONFIRM, local_day(work.now), {row["person_id"] for row in rows}
    )


async def _lapse(work: Work, correction_id: UUID, because: str) -> None:
    held = await _held(work, correction_id)
    if held is None:
        return
    found, package = held
    await close(work, found, "lapsed", because)
    said = f"A correction of a visit of package {package.reference} could not be recorded: the record stays."
    for tell in (tell_provider, tell_referrer):
        await tell(work, package, said, f"/corrections/{correction_id}")
    await tell_family(work, package, said, f"/corrections/{correction_id}", CONFIRM)
    work.audit("correction.lapsed", "correction", correction_id, commissioner_id=found.commissioner_id)

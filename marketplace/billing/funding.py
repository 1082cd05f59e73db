"""Who pays for a package: shares proposed by its referrer, agreed by every other payer, put into force by finance.

Shares change from a day on that nobody has invoiced yet, so that what was billed can always be computed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID, uuid4

import asyncpg

from marketplace.billing.funding_queries import Proposal, payers_possible, proposal, shares_on
from marketplace.billing.ledger import one_at_a_time
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages.queries import package as package_by_id
from marketplace.packages.queries import referrer_of
from marketplace.packages.states import LAST_DAY_PASSED
from marketplace.packages.tables import Package
from marketplace.packages.telling import not_the_familys
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.funding import WHOLE
from marketplace.policy.records import is_blank
from marketplace.referrals.anonymity import name_nobody
from marketplace.web.filters import day

AGREE = "task.agree_funding"
CONFIRM = "task.confirm_funding"
MOST = 1000
ONE_DAY = timedelta(days=1)
LAST_YEAR = 2200  # as forms take dates


async def propose_funding(
    actor: Actor, package_id: UUID, others: Mapping[UUID, int], starts_on: date, ends_on: date | None, reason: str
) -> UUID:
    """Propose what other commissioners pay of a package, in basis points, by days; returns the proposal's id.

    What is left is the package's own commissioner's, who pays all of it again after `ends_on`. Nothing changes before
    every other payer has agreed and one's own finance officer confirms. Raises `InvalidInput` for `shares`,
    `starts_on`, `ends_on`, `reason`; `Conflict` while another proposal waits.
    """
    permit(actor, "funding.propose")
    async with unit_of_work(actor) as work:
        package = await package_by_id(work, package_id, lock=True)
        found = await referrer_of(work, package)
        if package.commissioner_id != actor.commissioner_id or found is None or found["person_id"] != actor.person_id:
            raise NotPermitted("Only the referrer whose case it is proposes who pays for a package.")
        not_the_familys(package)
        await _check(work, package, others, starts_on, ends_on, reason)
        await _make_room(work, package)
        proposal_id = uuid4()
        week = await work.fetchval(
            "SELECT pence_per_week FROM offer WHERE commissioner_id = $1 AND id = $2",
            package.commissioner_id, package.offer_id,
        )  # fmt: skip
        await work.execute(
            """INSERT INTO funding_proposal (commissioner_id, id, package_id, framework_id, provider_id,
               package_reference, lot_code, pence_per_week, starts_on, ends_on, reason, proposed_by,
               proposed_by_name, proposed_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
            package.commissioner_id, proposal_id, package.id, package.framework_id, package.provider_id,
            package.reference, package.lot_code, week, starts_on, ends_on, reason.strip(), actor.person_id,
            actor.person_name, work.now,
        )  # fmt: skip
        parts = {package.commissioner_id: WHOLE - sum(others.values()), **others}
        for payer_id, points in parts.items():
            if points:
                await work.execute(
                    "INSERT INTO funding_part (commissioner_id, proposal_id, payer_id, share_basis_points)"
                    " VALUES ($1, $2, $3, $4)",
                    package.commissioner_id, proposal_id, payer_id, points,
                )  # fmt: skip
        work.audit(
            "funding.proposed", "package", package.id, proposal=proposal_id, starts_on=starts_on, ends_on=ends_on,
            shares=[[payer_id, points] for payer_id, points in parts.items()],
        )  # fmt: skip
        await _ask_payers(work, await proposal(work, proposal_id))
        return proposal_id


async def answer_funding(actor: Actor, proposal_id: UUID, agrees: bool, says: str = "") -> None:
    """Agree to one's own commissioner's share of another's package, or refuse it with the reason; once."""
    permit(actor, "funding.agree")
    async with unit_of_work(actor) as work:
        found = await proposal(work, proposal_id)
        if found.my_part is None or found.mine:
            raise NotFound
        if not agrees and is_blank(says):
            raise InvalidInput({"says": "Enter why you do not agree: the referrer reads it"})
        if len(says) > MOST:
            raise InvalidInput({"says": f"The reason must be {MOST:,} characters or fewer"})
        if found.state != "open":
            raise Conflict("This proposal is closed: nothing waits for an answer any more.")
        answered = await work.execute(
            """UPDATE funding_part SET agrees = $4, says = $5, answered_by = $6, answered_by_name = $7, answered_at = $8
               WHERE commissioner_id = $1 AND proposal_id = $2 AND payer_id = $3 AND answered_at IS NULL""",
            found.commissioner_id, proposal_id, actor.commissioner_id, agrees, says.strip(), actor.person_id,
            actor.person_name, work.now,
        )  # fmt: skip
        if answered != "UPDATE 1":
            raise Conflict("Your organisation has answered this proposal already.")
        work.audit(
            "funding.agreed" if agrees else "funding.refused", "funding_proposal", proposal_id, owner=found.owner
        )
        await meet(work, AGREE, proposal_id, by_organisation=actor.organisation_id)
        what = "agrees to its share" if agrees else "does not agree to its share"
        await tell(
            work, f"{actor.organisation_name} {what} of {found.reference}.", f"/packages/{found.package_id}/funding",
            organisation_id=found.commissioner_id, person_id=found.proposed_by,
        )  # fmt: skip
        found = await proposal(work, proposal_id)
        if found.waits_for_owner:
            await _owe_confirmation(work, found)


async def confirm_funding(actor: Actor, proposal_id: UUID) -> None:
    """Put agreed shares into force: the package's own finance officer, once every other payer has agreed.

    Raises `Conflict` where an answer is missing, or a day from the first on has been invoiced meanwhile.
    """
    permit(actor, "funding.agree")
    async with unit_of_work(actor) as work:
        found = await _own(work, actor, proposal_id)
        package = await package_by_id(work, found.package_id, lock=True)
        if found.refused_by:
            raise Conflict(f"{found.refused_by} does not agree, so these shares cannot be put into force.")
        if not found.waits_for_owner:
            raise Conflict("Not every payer has agreed yet.")
        for row in await work.fetch(
            "SELECT DISTINCT payer_id FROM package_funding WHERE commissioner_id = $1 AND package_id = $2 ORDER BY 1",
            package.commissioner_id, package.id,
        ):  # fmt: skip
            await one_at_a_time(work, package.framework_id, package.provider_id, row["payer_id"])
        earliest = await first_free_day(work, package)
        if found.starts_on < earliest:
            raise Conflict(
                f"Days before {day(earliest)} have been invoiced meanwhile: propose the shares from then on."
            )
        await _close(work, found, "agreed")
        await _put_into_force(work, package, found)
        work.audit("funding.in_force", "package", package.id, proposal=proposal_id, starts_on=found.starts_on)
        await meet(work, CONFIRM, proposal_id)
        said = f"From {day(found.starts_on)} the cost of {package.reference} is shared: {found.in_words}."
        link = f"/packages/{package.id}/funding"
        await tell(work, said, link, organisation_id=package.provider_id)
        await tell(work, said, link, organisation_id=package.commissioner_id, person_id=found.proposed_by)
        for part in found.parts:
            if part.payer_id != package.commissioner_id:
                await tell(work, said, f"/funding/{proposal_id}", organisation_id=part.payer_id, role="finance")


async def withdraw_funding(actor: Actor, proposal_id: UUID) -> None:
    """Take a proposal back, or close one that was refused: nothing has changed."""
    permit(actor, "funding.propose")
    async with unit_of_work(actor) as work:
        found = await _own(work, actor, proposal_id)
        await _close(work, found, "withdrawn")
        work.audit("funding.withdrawn", "package", found.package_id, proposal=proposal_id)
        await cancel(work, proposal_id)
        for part in found.parts:
            if part.payer_id != found.commissioner_id and part.agrees is not False:
                said = f"{found.owner} took back its proposal about {found.reference}: there is nothing to pay for."
                await tell(work, said, f"/funding/{proposal_id}", organisation_id=part.payer_id, role="finance")


async def first_free_day(work: Work, package: Package) -> date:
    """The first day of a package that no payer of it has been invoiced for."""
    until = await work.fetchval("SELECT package_invoiced_until($1, $2)", package.commissioner_id, package.id)
    return package.starts_on if until is None else max(package.starts_on, until + ONE_DAY)


def shares_may_change(package: Package) -> bool:
    """Whether who pays may still change: until another provider took over; past the last day for days not invoiced."""
    return package.state in ("set_up", "active") or package.ended_reason == LAST_DAY_PASSED


async def _check(
    work: Work, package: Package, others: Mapping[UUID, int], starts_on: date, ends_on: date | None, reason: str
) -> None:
    wrong: dict[str, str] = {}
    known = {payer_id for payer_id, _ in await payers_possible(work, package)}
    if not shares_may_change(package):
        raise Conflict("This package has ended: who paid for it stays as it was.")
    if not set(others) <= known or any(not 1 <= points <= WHOLE for points in others.values()):
        wrong["shares"] = "Choose payers of this framework, each with a share above 0% and up to 100%"
    elif sum(others.values()) > WHOLE:
        wrong["shares"] = "The shares of the other payers must come to 100% or less"
    elif others == {payer: points for payer, points in await shares_on(work, package.id, starts_on)
                    if payer != package.commissioner_id}:  # fmt: skip
        wrong["shares"] = "These are the shares as they are on that day: enter what is to change"
    earliest = await first_free_day(work, package)
    if starts_on < earliest:
        wrong["starts_on"] = f"The first day must be {day(earliest)} or later: earlier days are invoiced or not yours"
    if max(starts_on, ends_on or starts_on).year > LAST_YEAR:
        wrong["starts_on"] = f"The days must be before the year {LAST_YEAR + 1}"
    if ends_on is not None and ends_on < starts_on:
        wrong["ends_on"] = "The last day must be the first day or later"
    if is_blank(reason):
        wrong["reason"] = "Enter why the cost is shared like this"
    elif len(reason) > MOST:
        wrong["reason"] = f"The reason must be {MOST:,} characters or fewer"
    if wrong:
        raise InvalidInput(wrong)
    because = "the other payers read it before they pay for anything"
    await name_nobody(work, package.commissioner_id, package.child_id, "reason", reason, because)


async def _make_room(work: Work, package: Package) -> None:
    """One proposal waits at a time; one that was refused makes room by itself."""
    row = await work.fetchrow(
        """SELECT id, EXISTS (SELECT 1 FROM funding_part t WHERE t.commissioner_id = p.commissioner_id
               AND t.proposal_id = p.id AND t.agrees = false) AS refused
           FROM funding_proposal p WHERE commissioner_id = $1 AND package_id = $2 AND state = 'open'""",
        package.commissioner_id, package.id,
    )  # fmt: skip
    if row is None:
        return
    if not row["refused"]:
        raise Conflict("A proposal about this package waits for answers: take it back before you make another.")
    await _close(work, await proposal(work, row["id"]), "withdrawn")
    await cancel(work, row["id"])


async def _ask_payers(work: Work, found: Proposal) -> None:
    pack = await pack_of(work, found.framework_id)
    for part in found.parts:
        if part.payer_id == found.commissioner_id:
            continue
        await owe(
            work, pack, AGREE, title=f"Answer {found.owner}'s proposal to share a package's cost",
            subject_type="funding_proposal", subject_id=found.id, reference=found.reference,
            owed_by=Owed(organisation_id=part.payer_id, role="finance"), owed_to=found.commissioner_id,
            link=f"/funding/{found.id}", commissioner_id=part.payer_id, framework_id=found.framework_id,
        )  # fmt: skip
        await tell(
            work, f"{found.owner} asks you to pay a share of {found.reference}.", f"/funding/{found.id}",
            organisation_id=part.payer_id, role="finance",
        )  # fmt: skip
    if found.waits_for_owner:
        await _owe_confirmation(work, found)


async def _owe_confirmation(work: Work, found: Proposal) -> None:
    await owe(
        work, await pack_of(work, found.framework_id), CONFIRM, title="Put agreed shares of a package into force",
        subject_type="funding_proposal", subject_id=found.id, reference=found.reference,
        owed_by=Owed(organisation_id=found.commissioner_id, role="finance"), link=f"/funding/{found.id}",
        commissioner_id=found.commissioner_id, framework_id=found.framework_id,
    )  # fmt: skip


async def _own(work: Work, actor: Actor, proposal_id: UUID) -> Proposal:
    found = await proposal(work, proposal_id)
    if not found.mine:
        raise NotPermitted(f"Only {found.owner} does this: it is its package.")
    return found


async def _close(work: Work, found: Proposal, state: str) -> None:
    closed = await work.execute(
        """UPDATE funding_proposal SET state = $3, closed_by = $4, closed_by_name = $5, closed_at = $6
           WHERE commissioner_id = $1 AND id = $2 AND state = 'open'""",
        found.commissioner_id, found.id, state, work.actor.person_id, work.actor.person_name, work.now,
    )  # fmt: skip
    if closed != "UPDATE 1":
        raise Conflict("This proposal is closed already.")


async def _put_into_force(work: Work, package: Package, found: Proposal) -> None:
    """What was agreed for later days ends the day before; a row that ends before it begins never counts."""
    key = package.commissioner_id, package.id
    await work.execute(
        """UPDATE package_funding SET ends_on = least(coalesce(ends_on, $3), greatest($3, starts_on - 1))
           WHERE commissioner_id = $1 AND package_id = $2 AND (ends_on IS NULL OR ends_on >= $4)""",
        *key, found.starts_on - ONE_DAY, found.starts_on,
    )  # fmt: skip
    rows = [(part.payer_id, part.basis_points, found.starts_on, found.ends_on) for part in found.parts]
    if found.ends_on is not None:
        rows.append((package.commissioner_id, WHOLE, found.ends_on + ONE_DAY, None))
    for payer_id, points, starts_on, ends_on in rows:
        try:
            await work.execute(
                """INSERT INTO package_funding (commissioner_id, id, package_id, framework_id, provider_id, payer_id,
                   share_basis_points, starts_on, ends_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
                package.commissioner_id, uuid4(), package.id, package.framework_id, package.provider_id, payer_id,
                points, starts_on, ends_on,
            )  # fmt: skip
        except asyncpg.ForeignKeyViolationError as error:
            raise Conflict("A payer has left the framework meanwhile: propose the shares again.") from error

"""A visit longer than planned: how much longer its referrer lets it be, before it or afterwards (domain 5; D).

What was approved has a length: a visit that turns out longer, or is corrected to be, is asked about again. Approved
once the visit's invoice is accepted, the longer time is a line of its own on the provider's next invoice.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import meet
from marketplace.packages import queries
from marketplace.packages.allocations import budget_changes
from marketplace.packages.books import bill_longer, bills_of, no_invoice_meanwhile, take_back_longer
from marketplace.packages.overruns import MOST, OVERRUN, keep_decision
from marketplace.packages.states import visit_after
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import not_the_familys, tell_provider
from marketplace.packages.visit_moving import change
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, WrongState
from marketplace.policy.calendar import whole_minutes
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity
from marketplace.referrals.children import own_case
from marketplace.web.filters import count, moment

MOST_MINUTES = 24 * 60  # beyond this it is rather a slip, or another visit


def longer_by(visit: Visit) -> int:
    """How many minutes longer than planned the visit lasted; 0 before its end is known."""
    if visit.actual_start is None or visit.actual_end is None:
        return 0
    lasted = whole_minutes(visit.actual_start, visit.actual_end)
    return max(0, lasted - whole_minutes(visit.planned_start, visit.planned_end))


def longer_approved(visit: Visit) -> int:
    """How many minutes beyond its planned length are approved."""
    if visit.overrun_approved_minutes is None:
        return 0
    return max(0, visit.overrun_approved_minutes - whole_minutes(visit.planned_start, visit.planned_end))


async def approve_overrun(actor: Actor, visit_id: UUID, *, minutes: int | None = None) -> None:
    """Let a visit of one's own case last so many `minutes` longer than planned, before or after it: they are billed.

    Without `minutes`: as long as it lasted, or as the provider asked for beforehand. Raises `InvalidInput` where
    neither is known, `WrongState` where as much is approved already or there is nothing to decide, `Conflict` while
    an invoice that bills the visit waits to be accepted; afterwards the longer time comes on the next invoice.
    """
    permit(actor, "visit.resolve")
    if minutes is not None and not 1 <= minutes <= MOST_MINUTES:
        raise InvalidInput({"minutes": f"Enter how many minutes longer, from 1 to {MOST_MINUTES:,}"})
    async with unit_of_work(actor) as work:
        visit, package = await _decide(work, actor, visit_id)
        over = longer_by(visit)
        if minutes is None:
            minutes = await _asked_for(work, visit) if visit.actual_end is None else over
        if minutes == 0:
            raise WrongState("visit", "not longer than planned", "approved", "There is no longer time to decide on.")
        before = longer_approved(visit)
        if visit.overrun_approved_at is not None and minutes <= before:
            said = f"Approved already on {moment(visit.overrun_approved_at)}: {count(before, 'minute')} longer."
            raise WrongState("visit", "approved", "approved", said)
        bills = await bills_of(work, visit)
        if bills and bills[0]["state"] == "submitted":
            raise Conflict(
                f"Invoice {bills[0]['number']} bills this visit already, without the longer time, and waits for a"
                " decision. Once it is accepted, approve the longer time here: it comes on the provider's next invoice."
                " Or ask your finance officer to return it: the provider then submits it again with the longer time."
            )
        total = whole_minutes(visit.planned_start, visit.planned_end) + minutes
        values = {
            "overrun_approved_at": work.now,
            "overrun_approved_by": actor.person_id,
            "overrun_approved_minutes": total,
        }
        await change(work, visit, values)
        await budget_changes(work, visit.commissioner_id, visit.child_id)
        later = await bill_longer(work, visit, total) if bills else 0
        longer = count(minutes, "minute")
        kept = f"{longer} longer than planned."
        if later:
            kept += " The visit is billed already: the longer time comes on the provider's next invoice."
        await keep_decision(work, visit, "agreed", kept)
        await meet(work, OVERRUN, visit.id)
        if visit.actual_end is None:
            said = f"A visit of package {package.reference} may last {longer} longer than planned: that is billed too."
        elif minutes >= over:
            said = f"The longer visit of package {package.reference} is approved: its whole time is billed."
        else:
            said = f"Of the longer time of a visit of package {package.reference} {longer} are approved and billed."
        if later:
            said += " The visit is billed already: the longer time is a line of its own on your next invoice."
        await tell_provider(work, package, said, f"/visits/{visit.id}")
        work.audit(
            "visit.overrun_approved", "visit", visit.id, commissioner_id=visit.commissioner_id, minutes=minutes,
            before=before, lines=later,
        )  # fmt: skip


async def refuse_overrun(actor: Actor, visit_id: UUID, *, reason: str) -> None:
    """Leave a visit of one's own case at its planned length, or at what was approved before it turned out longer still.

    Where nothing waits for a decision, an approval is taken back. Raises `WrongState` where there is neither,
    `Conflict` once an invoice bills what was approved.
    """
    permit(actor, "visit.resolve")
    if is_blank(reason) or len(reason) > MOST:
        raise InvalidInput({"reason": "Enter why the longer time is not approved, in 1,000 characters or fewer"})
    async with unit_of_work(actor) as work:
        visit, package = await _decide(work, actor, visit_id)
        await anonymity.name_nobody(work, visit.commissioner_id, visit.child_id, "reason", reason, anonymity.KEPT)
        approved = visit.overrun_approved_at is not None
        if await meet(work, OVERRUN, visit.id):
            verb, said = "refused", f"The longer time of a visit of package {package.reference} is not approved: "
            before = f"what was approved before, {count(longer_approved(visit), 'minute')} longer," if approved else ""
            said += f"{before or 'the planned time'} is billed."
        elif approved:
            stays = await _take_back(work, visit)
            verb, said = "taken_back", f"The approval of a longer visit of package {package.reference} was taken back: "
            said += f"{'what was approved before' if stays else 'the planned time'} is billed."
        else:
            raise WrongState("visit", "not longer than planned", "refused", "There is no longer time to decide on.")
        await keep_decision(work, visit, "declined", reason.strip())
        await tell_provider(work, package, said, f"/visits/{visit.id}")
        work.audit(
            f"visit.overrun_{verb}", "visit", visit.id, commissioner_id=visit.commissioner_id, reason=reason.strip()
        )


async def _asked_for(work: Work, visit: Visit) -> int:
    wished_end = await work.fetchval(
        "SELECT wished_end FROM visit_request WHERE commissioner_id = $1 AND visit_id = $2 AND kind = 'longer'"
        " AND state = 'asked'",
        visit.commissioner_id, visit.id,
    )  # fmt: skip
    if wished_end is None:
        raise InvalidInput({"minutes": "Enter how many minutes longer the visit may last"})
    return whole_minutes(visit.planned_end, wished_end)


async def _take_back(work: Work, visit: Visit) -> int | None:
    """The approval, or its later part that no invoice bills; how many minutes stay approved, the whole visit's."""
    stays = await take_back_longer(work, visit, visit.overrun_approved_minutes or 0)
    values = {"overrun_approved_minutes": stays}
    if stays is None:
        values |= {"overrun_approved_at": None, "overrun_approved_by": None}
    await change(work, visit, values)
    await budget_changes(work, visit.commissioner_id, visit.child_id)
    return stays


async def _decide(work: Work, actor: Actor, visit_id: UUID) -> tuple[Visit, Package]:
    """A visit of the referrer's own case, held: its books first, as an invoice takes them."""
    visit = await queries.visit(work, visit_id)
    await own_case(work, actor, visit.child_id)
    package = await queries.package(work, visit.package_id)
    not_the_familys(package)
    await no_invoice_meanwhile(work, visit)
    visit = await queries.visit(work, visit_id, lock=True)
    visit_after("approved", visit)
    return visit, package

"""The family, or the referrer, cancels a coming visit: what it costs was shown, and is computed again as it is done.

The cancellation is the report of P 5.1: whom it concerns is told in the same unit.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import cancel
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.allocations import budget_changes
from marketplace.packages.cancellation import as_shown, cancelling, familys_outcome
from marketplace.packages.planning import when
from marketplace.packages.reporting import CANCELLED, report
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import not_the_familys, tell_family, tell_provider, tell_referrer
from marketplace.packages.visit_moving import keep_reason
from marketplace.packages.visit_requests import close_moves
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted
from marketplace.policy.cancelling import CancellationTerms
from marketplace.policy.facts import Outcome
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity
from marketplace.referrals.children import own_case

MOST = 1000
STOPPED = "called off by the family while visits are stopped, which counts as the provider’s cancellation. It says: "


async def call_off(
    actor: Actor,
    visit_id: UUID,
    *,
    version: int,
    reason: str,
    charge_pence: int | None = None,
    charge_required: bool = False,
) -> CancellationTerms:
    """Cancel a coming visit for the family, noticed now; returns what it cost and took off the allocation.

    Of a visit the family buys that may not lawfully take place it is the provider's cancellation, at no charge.
    For a family member who may confirm visits, and for the referrer whose case it is. `charge_pence` is what was shown
    (`charge_required`: it must be said where something is charged): raises `PriceChanged` where it is another sum by
    now, `InvalidInput` for `reason` or `charge_pence`, `WrongState`, `Conflict` once the visit changed or should have
    begun.
    """
    permit(actor, "visit.call_off")
    async with unit_of_work(actor) as work:
        if actor.role != "family":
            found = await queries.visit(work, visit_id, lock=True)
            await own_case(work, actor, found.child_id)
            not_the_familys(await queries.package(work, found.package_id))
        visit, package, notice, terms = await cancelling(work, visit_id)
        faults = _faults(reason)
        if faults:
            raise InvalidInput(faults)
        if visit.version != version:
            raise Conflict("This visit was changed while you were looking at it. Look at it as it is now.")
        as_shown(terms, charge_pence, required=charge_required)
        outcome = await familys_outcome(work, package)
        # whoever reads the outcome learns that the family did it, though it counts as the provider's
        await _record(work, visit, notice, (STOPPED if outcome == "cancelled_by_provider" else "") + reason.strip())
        await cancel(work, visit.id)
        await close_moves(work, visit)
        await budget_changes(work, visit.commissioner_id, visit.child_id)
        await report(work, visit, package, CANCELLED, notice)
        await _tell_others(work, actor, visit, package, outcome)
        work.audit(
            f"visit.{outcome}", "visit", visit.id, commissioner_id=visit.commissioner_id, notice_at=notice,
            by=actor.role, percent=terms.percent, charged_pence=terms.charged_pence, minutes=terms.taken_minutes,
            waits=terms.waits,
        )  # fmt: skip
        return terms


def _faults(reason: str) -> dict[str, str]:
    if is_blank(reason):
        return {"reason": "Enter why the visit does not take place"}
    return {"reason": f"This must be {MOST:,} characters or fewer"} if len(reason) > MOST else {}


async def _record(work: Work, visit: Visit, notice: datetime, reason: str) -> None:
    ids = visit.commissioner_id, visit.id
    if work.actor.role == "family":
        done = await work.fetchval("SELECT call_off_visit($1, $2, $3, $4, $5)", *ids, visit.version, notice, reason)
        if not done:
            if await work.fetchval("SELECT version FROM visit WHERE commissioner_id = $1 AND id = $2", *ids) == (
                visit.version
            ):
                raise NotPermitted("You may see this child's visits, and not cancel them. Ask who confirms them.")
            raise Conflict("This visit was changed while you were looking at it. Look at it as it is now.")
    else:
        await anonymity.name_nobody(work, visit.commissioner_id, visit.child_id, "reason", reason, anonymity.KEPT)
        await work.execute(
            """UPDATE visit SET outcome = 'cancelled_by_family', outcome_at = $3, notice_at = $4,
               version = version + 1 WHERE commissioner_id = $1 AND id = $2""",
            *ids, work.now, notice,
        )  # fmt: skip
        await keep_reason(work, visit, reason)


async def _tell_others(work: Work, actor: Actor, visit: Visit, package: Package, outcome: Outcome) -> None:
    link = f"/visits/{visit.id}"
    said = f"The visit of package {package.reference} on {when(visit.planned_start)} is cancelled for the family."
    lapsed = " It may not lawfully take place, so it counts as your cancellation: nothing is charged."
    await tell_provider(work, package, said + (lapsed if outcome == "cancelled_by_provider" else ""), link)
    if actor.role == "family":
        await tell_referrer(work, package, said, link)
    else:
        await tell_family(work, package, said, link)
    for row in await work.fetch("SELECT * FROM free_visit_time($1, $2)", visit.commissioner_id, visit.id):
        await tell(work, said, "/now", person_id=row["person_id"])

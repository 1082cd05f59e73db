"""Putting right how a visit did not take place: another outcome, or another time of the family's notice.

The provider does so alone only where it charges the family no more than stands; more is proposed, and the family or its
referrer agrees first (`billing/corrections.py`). That it took place after all is written
down like any late record (`late_records.py`), and paid once its worker and the family have signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketplace.obligations.duties import cancel
from marketplace.packages import queries
from marketplace.packages.allocations import budget_changes
from marketplace.packages.cancellation import as_shown, charge_words, terms_of
from marketplace.packages.late_records import Source, check_reason
from marketplace.packages.placing import give_back
from marketplace.packages.planning import when
from marketplace.packages.record_actions import keep_correction, outcome_of, times_of
from marketplace.packages.states import OUTCOME_WORDS, visit_after
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import tell_family, tell_referrer
from marketplace.packages.visit_actions import CANCELLED_BY, notice_of
from marketplace.packages.visit_moving import change, keep_reason
from marketplace.packages.visit_requests import follow_outcome
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day, to_the_minute
from marketplace.policy.cancelling import CancellationTerms, earliest_on_arrival

CHOICES = {**CANCELLED_BY, "missed": "Nobody came"}


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a visit, as it should have been recorded; `why` it did not take place, None: as it stands."""

    outcome: str
    notice_at: datetime | None = None
    why: str | None = None


class ChargesMore(Conflict):
    """The correction would charge the family more than is recorded: it is proposed instead."""

    code = "charges_more"

    def __init__(self, terms: CancellationTerms) -> None:
        super().__init__(
            f"This would charge {charge_words(terms)}, more than is recorded now. A correction by the provider alone"
            " never costs the family more: propose it, and the family answers. If the visit took place, write it down,"
            " and the family signs it."
        )
        self.terms = terms


async def terms_after(
    work: Work, visit: Visit, given: Given, reason: str, *, agreed: bool = False
) -> CancellationTerms:
    """What the corrected outcome means, before it is done. Raises `InvalidInput` by field; `WrongState`; `ChargesMore`
    where the family would be charged more than now, unless that is `agreed`."""
    visit_after("given another outcome", visit)
    arrival = earliest_on_arrival(await queries.pack_for(work, visit), visit.planned_start)
    if given.outcome == "missed":
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the record is corrected"})
        if work.now < visit.planned_start:
            raise InvalidInput({"outcome": "This visit has not begun yet: nobody can have missed it"})
    else:
        notice_of(visit, given.outcome, given.notice_at, reason, work.now, arrival)
    terms = await terms_of(work, visit, given.outcome, _notice(given))
    # a record nobody has signed is paid at nothing yet: it is no ground to charge without the family's word
    standing = await terms_now(work, visit)
    if terms.percent > (standing.percent if standing else 0) and not agreed:
        raise ChargesMore(terms)
    return terms


async def terms_now(work: Work, visit: Visit) -> CancellationTerms | None:
    """What the outcome that stands means; None where the visit took place."""
    if visit.outcome is None or visit.outcome == "delivered":
        return None
    return await terms_of(work, visit, visit.outcome, visit.notice_at)


async def give_outcome(
    work: Work, visit: Visit, package: Package, given: Given, source: Source, reason: str, *,
    charge_pence: int | None = None, charge_required: bool = False, agreed: bool = False,
) -> bool:  # fmt: skip
    """Correct a visit that is held; False where that changes nothing. The family and the referrer are told.

    Raises as `terms_after`, and `PriceChanged` where `charge_pence` is not what it costs.
    """
    terms = await terms_after(work, visit, given, reason, agreed=agreed)
    said_before = await queries.visit_reason(work, visit)
    noticed, why = _notice(given), said_before if given.why is None else given.why.strip() or None
    if (visit.outcome, visit.notice_at, said_before) == (given.outcome, noticed, why):
        return False
    await check_reason(work, visit, reason, needed=True)
    as_shown(terms, charge_pence, required=charge_required)
    before, was, anew = times_of(visit) | outcome_of(visit), visit.outcome, why != said_before
    visit.outcome, visit.notice_at, visit.actual_start, visit.actual_end = given.outcome, noticed, None, None
    after = times_of(visit) | outcome_of(visit) | ({"why": "written anew"} if anew else {})
    # the record's fingerprint stays: put back as it was, the record is signed by those who signed it
    await keep_correction(work, visit, source, reason.strip(), before, after, visit.record_hash, visit.record_hash)
    await change(
        work, visit,
        {
            "outcome": given.outcome, "notice_at": noticed, "outcome_at": work.now, "actual_start": None,
            "actual_end": None,
        },
    )  # fmt: skip
    await keep_reason(work, visit, why)
    if was == "delivered":
        await cancel(work, visit.id)
        await give_back(work, [row["booking_id"] for row in await queries.visit_workers(work, visit)], visit.id)
    await budget_changes(work, visit.commissioner_id, visit.child_id)
    await follow_outcome(work, visit, package, made_up=terms.made_up, asked_again=terms.may_be_asked_again)
    what = OUTCOME_WORDS[given.outcome].lower()
    said = (
        f"The record of the visit of package {package.reference} on {when(visit.planned_start)} was corrected: {what}."
    )
    for tell in (tell_family, tell_referrer):
        await tell(work, package, said, f"/visits/{visit.id}")
    work.audit(
        "visit.outcome_corrected", "visit", visit.id, commissioner_id=visit.commissioner_id, source=source, was=was,
        outcome=given.outcome, notice_at=noticed, percent=terms.percent, charged_pence=terms.charged_pence,
        minutes=terms.taken_minutes, day=local_day(visit.planned_start),
    )  # fmt: skip
    return True


def _notice(given: Given) -> datetime | None:
    if given.outcome != "cancelled_by_family" or given.notice_at is None:
        return None
    return to_the_minute(given.notice_at)

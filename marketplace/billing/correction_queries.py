"""Questions about corrections that charge a family more: what is proposed, who said what, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from marketplace.packages import queries
from marketplace.packages.cancellation import allocation_words, charge_words
from marketplace.packages.tables import Correction, CorrectionAnswer, Package, Visit
from marketplace.packages.telling import family_with
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.cancelling import CancellationTerms
from marketplace.web.filters import duration, pounds

STATES = {
    "open": ("Waits for the family", "yellow"),
    "with_referrer": ("Waits for the referrer", "yellow"),
    "applied": ("Agreed and recorded", "green"),
    "declined": ("Not agreed: the record stays", "grey"),
    "withdrawn": ("Taken back by the provider", "grey"),
    "lapsed": ("Could not be recorded", "red"),
}


@dataclass(frozen=True, slots=True)
class CorrectionFile:
    """A proposal with its visit, everybody's answers, and what it would come to, in words."""

    correction: Correction
    visit: Visit
    package: Package
    answers: list[CorrectionAnswer]
    own_case: bool
    may_answer: bool  # a member of the family who confirms visits, not one who only sees them
    reasons: dict[str, str]  # why a family has not answered, by code

    @property
    def charge(self) -> str:
        """What would be charged."""
        return charge_words(_terms(self.correction))

    @property
    def allocation(self) -> str:
        """What would come off the child's budget."""
        return allocation_words(_terms(self.correction))

    @property
    def charged_now(self) -> str:
        """What is charged as it is recorded."""
        if self.correction.was_outcome == "delivered":
            return "Nothing until the visit's record is signed"
        if not self.correction.was_pence:
            return "Nothing"
        return pounds(self.correction.was_pence)

    @property
    def taken_now(self) -> str:
        """What comes off the child's budget as it is recorded."""
        if self.correction.was_outcome == "delivered":
            return "What the visit took"
        return duration(self.correction.was_minutes) if self.correction.was_minutes else "Nothing"

    def answered_by(self, person_id: UUID) -> bool:
        """Whether this member of the family has answered."""
        return any(answer.person_id == person_id for answer in self.answers)

    @property
    def may_be_taken_back(self) -> bool:
        """Whether the provider may still withdraw it: nobody has decided, no yes of the family is being followed."""
        agreed = self.correction.state == "open" and any(answer.agrees for answer in self.answers)
        return self.correction.decision is None and not agreed


def _terms(found: Correction) -> CancellationTerms:
    return CancellationTerms(
        percent=found.percent, charged_pence=found.charge_pence, whole_pence=found.whole_pence, minutes=found.minutes,
        taken_minutes=found.taken_minutes, made_up=False, may_be_asked_again=False,
    )  # fmt: skip


async def correction(work: Work, correction_id: UUID) -> CorrectionFile:
    """One proposal. Raises `NotFound` outside the context's reach."""
    found = await Correction.objects().where(Correction.id == correction_id).first()
    if found is None:
        raise NotFound
    package = await queries.package(work, found.package_id)
    own_case = False
    if work.actor.role == "referrer":
        child = await work.fetchrow(
            "SELECT referrer_id FROM child WHERE commissioner_id = $1 AND id = $2",
            package.commissioner_id, package.child_id,
        )  # fmt: skip
        mine = child is not None and child["referrer_id"] == work.actor.person_id
        own_case = mine and package.direct_payment_id is None
    pack = await queries.pack_for(work, package)
    return CorrectionFile(
        found,
        await queries.visit(work, found.visit_id),
        package,
        await CorrectionAnswer.objects()
        .where(CorrectionAnswer.commissioner_id == found.commissioner_id)
        .where(CorrectionAnswer.correction_id == found.id)
        .order_by(CorrectionAnswer.answered_at),
        own_case,
        work.actor.role == "family"
        and any(each.person_id == work.actor.person_id for each in await family_with(work, package, "confirm_visits")),
        {reason.code: reason.title for reason in pack.on(local_day(work.now)).reasons("unsigned_visit")},
    )


async def corrections(work: Work, visit_id: UUID | None = None) -> list[Correction]:
    """Proposals within reach (about one visit), those that wait first, the newest first; 200 at most."""
    question = Correction.objects().order_by(Correction.proposed_at, ascending=False).limit(200)
    found = await (question.where(Correction.visit_id == visit_id) if visit_id else question)
    return sorted(found, key=lambda each: each.closed_at is not None)

"""At the door in a random history: visits, late signatures, cancellations, longer time, miles, corrections."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.billing.correction_settling import settle_correction
from marketplace.billing.corrections import answer_correction, decide_correction, propose_correction
from marketplace.billing.other_lines import add_line
from marketplace.packages import signing, visit_actions
from marketplace.packages.outcomes import Given
from marketplace.packages.overrun_decisions import approve_overrun
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import end_of_day, local_day
from tests.billing.history_model import Beside, Key, pays_for, whole
from tests.billing.history_play import BOTH, Chance, Play, one_of
from tests.billing.history_world import LATE, MILE, MINUTES, ON_ARRIVAL
from tests.world.packages import Case, delivered

HOUR = timedelta(hours=1)
# outcome, how long before the start the family said so, and what is charged
CANCELLED = {
    "family in time": ("cancelled_by_family", 48 * HOUR, 0),
    "family late": ("cancelled_by_family", 3 * HOUR, LATE),
    "provider": ("cancelled_by_provider", None, 0),
    "on arrival": ("cancelled_on_arrival", None, ON_ARRIVAL),
}


class AtTheDoor(Play):
    """Moves of families, workers, the provider's office and the referrer."""

    def waiting(self) -> list[int]:
        """Visits nobody has recorded, of the periods until now."""
        return [
            n
            for n, planned in enumerate(self.world.visits)
            if planned.period <= self.period and not self.visits[n].recorded
        ]

    def visit(self, chance: Chance) -> None:
        """The next visit happens, or not; or it is passed over and waits for its record."""
        waiting = self.waiting()
        n = waiting[min(chance.pick % 2, len(waiting) - 1)]
        self.until(self.world.visits[n].ends_at + HOUR)
        if chance.becomes in CANCELLED:
            self.cancel(n, chance.becomes)
        else:
            self.record(n, longer=15 * (1 + chance.pick % 3) if chance.becomes == "longer" else 0)
            if chance.yes:
                self.sign(n)
        self.check()

    def to_sign(self) -> list[int]:
        """Visits the family has not confirmed."""
        return [n for n, visit in enumerate(self.visits) if visit.delivered and not visit.signed]

    def signs_late(self, chance: Chance) -> None:
        """The family confirms what waited longest."""
        self.sign(self.to_sign()[0])
        self.check()

    def period_ends(self, chance: Chance) -> None:
        """Its last day passes; or so much time that its invoice will be late."""
        over = end_of_day(self.world.periods[self.period].last_day)
        self.period += 1
        self.until(over + timedelta(days=12 if chance.yes else 1))

    # --- longer than planned ----------------------------------------------------------------------------------------

    def to_approve(self) -> list[int]:
        """Visits that lasted longer than is approved, and the next one, which may."""
        lasted = [n for n, visit in enumerate(self.visits) if visit.longer]
        return lasted + [n for n in self.waiting()[:1] if self.visits[n].approved is None]

    def approves(self, chance: Chance) -> None:
        """The referrer approves longer time: beforehand, afterwards bit by bit, or once it is billed without."""
        n = one_of(self.to_approve(), chance)
        visit, case = self.visits[n], self._case(n)
        before = max(0, (visit.approved or 0) - MINUTES)
        longer = 30 if not visit.recorded else before + (15 if chance.yes else visit.longer)
        act = approve_overrun(case.referrer, self.world.visits[n].id, minutes=longer)
        if any(n in bill.paid for _, bill in self.bills("submitted")):
            with pytest.raises(Conflict, match="Once it is accepted"):
                self.run(act)
            self.happened["approved too early"] += 1
        else:
            self.run(act)
            visit.approved = MINUTES + longer
            self.happened["approved"] += 1
            self._bill_longer(n)
        self.check()

    def _bill_longer(self, n: int) -> None:
        """Once anybody paid for it, all of its payers are billed for the rest, in the same steps."""
        visit, id_ = self.visits[n], self.world.visits[n].id
        stands: dict[int, list[int]] = {}
        for who in BOTH:
            stands[who] = [to for kind, of, to in self.payers[who].lines if kind == "longer_time" and of == id_]
        paid = {who: bill for who, bill in self.bills("accepted", "paid") if n in bill.paid}
        for who, bill in paid.items():
            stands[who].append(bill.approved[n] or 0)
        for who in BOTH if paid else ():
            if not pays_for(visit.package, who):
                continue
            billed = max(stands[who] or [*stands[0], *stands[1]]) or None
            more = visit.costs_more(billed, who)
            if more:
                if not stands[who]:
                    visit.before[who] = billed
                    self.happened["longer time for who was not invoiced yet"] += 1
                key: Key = ("longer_time", id_, visit.approved or 0)
                self.payers[who].lines[key] = Beside(local_day(self.clock.at), more)
                self.happened["longer time on a line"] += 1

    # --- miles ------------------------------------------------------------------------------------------------------

    def without_miles(self) -> list[int]:
        """Visits of the first package that took place, and whose miles nobody has written down."""
        lines = self.payers[0].lines
        return [
            n
            for n, visit in enumerate(self.visits)
            if visit.delivered and visit.package == 0 and ("mileage", self.world.visits[n].id, 0) not in lines
        ]

    def adds_miles(self, chance: Chance) -> None:
        """The provider adds the miles of a visit, once."""
        n = one_of(self.without_miles(), chance)
        id_, miles = self.world.visits[n].id, 30 + chance.pick

        async def add() -> None:
            await add_line(
                self.world.manager, self.world.agreement_id, day=None, visit_id=id_, units=miles, cost_pence=0,
                says="To the pool", evidence_id=self.world.mileage_log,
            )  # fmt: skip

        self.run(add())
        with pytest.raises(Conflict, match="added already"):
            self.run(add())
        self.payers[0].lines["mileage", id_, 0] = Beside(self.visits[n].day, (miles - 20) * MILE, miles=True)
        self.happened["miles"] += 1
        self.check()

    # --- corrections that charge more -------------------------------------------------------------------------------

    def to_propose(self) -> list[int]:
        """Cancelled visits that could be charged more."""
        return [
            n
            for n, visit in enumerate(self.visits)
            if visit.cancelled_percent is not None and visit.cancelled_percent < ON_ARRIVAL and not visit.proposal
        ]

    def proposes(self, chance: Chance) -> None:
        """The provider says that the worker stood at the door: the family is asked, unless an invoice has judged it."""
        n = one_of(self.to_propose(), chance)
        visit, id_ = self.visits[n], self.world.visits[n].id
        charge = whole(MINUTES, visit.day)

        async def propose():  # type: ignore[no-untyped-def]
            version = (await self._case(n).visit(id_)).version
            return await propose_correction(
                self.world.manager, id_, Given("cancelled_on_arrival"), version=version, reason="She stood at the door",
                charge_pence=charge,
            )  # fmt: skip

        if self._judged(n):
            with pytest.raises(Conflict, match="billed on invoice"):
                self.run(propose())
        else:
            visit.proposal = self.run(propose())
        self.check()

    def proposed(self) -> list[int]:
        """Visits whose correction waits for an answer."""
        return [n for n, visit in enumerate(self.visits) if visit.proposal]

    def answers(self, chance: Chance) -> None:
        """The family says yes, or no and its referrer yes; too late where an invoice has judged the visit meanwhile."""
        n = one_of(self.proposed(), chance)
        visit, case = self.visits[n], self._case(n)
        correction_id, provider_id = visit.proposal, self.world.manager.organisation_id
        assert correction_id is not None and provider_id is not None
        self.run(answer_correction(case.family, correction_id, agrees=chance.yes, says="We had rung"))
        self.run(settle_correction(provider_id, correction_id))
        if not chance.yes:
            self.run(decide_correction(case.referrer, correction_id, apply=True, reason="The log says so"))
            self.run(settle_correction(provider_id, correction_id))
        self.run(settle_correction(provider_id, correction_id))  # once is once
        visit.proposal = None
        if self._judged(n):
            self.happened["correction lapsed"] += 1
        else:
            visit.cancelled_percent = ON_ARRIVAL
            self.happened["correction applied"] += 1
        outcome = self.run(case.visit(self.world.visits[n].id)).outcome
        assert (outcome == "cancelled_on_arrival") is (visit.cancelled_percent == ON_ARRIVAL)
        self.check()

    def _judged(self, n: int) -> bool:
        return any(n in bill.judged for _, bill in self.bills("submitted", "accepted", "paid"))

    # --- how it is done ---------------------------------------------------------------------------------------------

    def record(self, n: int, longer: int = 0) -> None:
        """The visit took place, and the worker has signed."""
        planned = self.world.visits[n]
        self.run(delivered(self._case(n), planned.id, end=planned.ends_at + timedelta(minutes=longer)))
        self.visits[n].recorded, self.visits[n].lasted = True, MINUTES + longer

    def sign(self, n: int) -> None:
        """The family confirms it."""
        planned, case = self.world.visits[n], self._case(n)

        async def confirms() -> None:
            text_hash = (await case.visit(planned.id)).record_hash
            assert text_hash is not None
            await signing.family_confirms(case.family, planned.id, text_hash=text_hash)

        self.run(confirms())
        self.visits[n].signed = True

    def cancel(self, n: int, by: str) -> None:
        """It does not take place, and the office writes down why."""
        outcome, before, percent = CANCELLED[by]
        case, id_ = self._case(n), self.world.visits[n].id

        async def cancels() -> None:
            visit = await case.visit(id_)
            notice = visit.planned_start - before if before else None
            await visit_actions.cancel_visit(
                case.manager, id_, version=visit.version, outcome=outcome, notice_at=notice, reason="Grandma is here"
            )

        self.run(cancels())
        self.visits[n].recorded, self.visits[n].cancelled_percent = True, percent
        self.happened[f"cancelled: {by}"] += 1

    def _case(self, n: int) -> Case:
        return self.world.cases[self.visits[n].package]

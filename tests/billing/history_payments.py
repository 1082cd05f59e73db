"""Disputes and payments in a random history."""

from __future__ import annotations

import pytest

from marketplace.billing import payment_queries
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute, uphold
from marketplace.billing.payment_files import Paid
from marketplace.billing.payment_runs import build_run, cancel_run, export_run, mark_paid
from marketplace.billing.waivers import pay_back
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import local_day
from tests.billing.history_model import SUM, Bill, Dispute
from tests.billing.history_play import BOTH, Chance, Play, one_of


class Payments(Play):
    """Moves about deductions, and of money."""

    def disputable(self) -> list[tuple[int, Bill]]:
        """Deductions nobody has disputed."""
        found = self.bills("submitted", "returned", "accepted", "paid")
        return [(who, bill) for who, bill in found if bill.deduction and bill.period not in self.payers[who].disputes]

    def disputes_it(self, chance: Chance) -> None:
        """The provider disputes a deduction, in time or too late."""
        who, bill = one_of(self.disputable(), chance)
        try:
            made = self.run(raise_dispute(self.world.manager, self.invoices[who, bill.period], "It was in time."))
        except Conflict as error:
            assert "That time is over" in error.sentence
        else:
            self.disputes[who, bill.period] = made
            self.payers[who].disputes[bill.period] = Dispute()
        self.check()

    def decides(self, chance: Chance) -> None:
        """A dispute is decided, by two officers where it is waived."""
        self.decide(*one_of(self.open_disputes(), chance), waived=chance.pick != 0)
        self.check()

    def pays(self, chance: Chance) -> None:
        """Everything that can be paid, in a run that is given up first or not."""
        self.pay(chance.pick % 2, cancelled=chance.yes and chance.pick > 3)
        self.check()

    def pays_back_by_hand(self, chance: Chance) -> None:
        """A waiver is paid on a payment of its own."""
        who, period = one_of(self.to_pay_back(), chance)
        payer, dispute = self.payers[who], self.payers[who].disputes[period]
        self.run(pay_back(self.world.officers[who][1], self.disputes[who, period], local_day(self.clock.at)))
        payer.payable -= dispute.to_pay
        payer.bank += dispute.to_pay
        dispute.to_pay = 0
        self.happened["paid back by hand"] += 1
        self.check()

    def to_pay_back(self) -> list[tuple[int, int]]:
        """Payer and period of the waivers that wait for their money."""
        return [(who, n) for who in BOTH for n, dispute in self.payers[who].disputes.items() if dispute.to_pay]

    # --- how it is done ---------------------------------------------------------------------------------------------

    def decide(self, who: int, period: int, dispute: Dispute, waived: bool) -> None:
        """Uphold the deduction, or waive it: two officers do."""
        one, two = self.world.officers[who]
        dispute_id = self.disputes[who, period]
        if not waived:
            self.run(uphold(one, dispute_id, "It stands."))
            dispute.state = "upheld"
            self.happened["upheld"] += 1
            return
        assert self.run(propose_waiver(one, dispute_id, "goodwill", "The first time.")) is False
        self.run(confirm_waiver(two, dispute_id))
        self.payers[who].waive(dispute)
        self.happened["waived"] += 1
        self.happened["waived what was carried"] += dispute.to_pay < SUM

    def pay(self, who: int, cancelled: bool) -> None:
        """Pay all that can be paid, in a run that is exported once, or given up."""
        payer, officer = self.payers[who], self.world.officers[who][0]
        bills = [bill for bill in payer.bills.values() if bill.state in ("accepted", "paid") and bill.owed]
        due = {self.invoices[who, bill.period]: bill.owed for bill in bills if not bill.note}
        due |= {self.disputes[who, period]: each.to_pay for period, each in payer.disputes.items() if each.to_pay}
        found = self.run(ask(officer, payment_queries.payables))
        payable = {row.id: row.pence for row in found if not row.held}
        assert payable == due, (payable, due, payer)
        if not due:
            return
        run_id = self.run(build_run(officer, list(due)))
        with pytest.raises(Conflict):
            self.run(build_run(officer, list(due)))
        if cancelled:
            self.run(cancel_run(officer, run_id))
            return
        if self.run(ask(officer, payment_queries.payment_run, run_id)).four_eyes:  # type: ignore[arg-type]
            raise AssertionError("these sums are below the pack's")
        self.run(export_run(officer, run_id))
        with pytest.raises(Conflict):
            self.run(export_run(officer, run_id))
        today = local_day(self.clock.at)
        assert self.run(mark_paid(officer, run_id, [Paid(n, today) for n in range(1, len(due) + 1)])) == len(due)
        payer.payable -= sum(due.values())
        self.happened["paid"] += 1
        payer.bank += sum(due.values())
        for bill in bills:
            if not bill.note:
                bill.owed, bill.state = 0, "paid"
        for dispute in payer.disputes.values():
            dispute.to_pay = 0

"""How a random history ends: all is recorded, invoiced and paid, the provider gone; and everything reckoned again."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from marketplace.billing.debts import debts, mark_invoiced, raise_debts
from marketplace.billing.debts import mark_paid as mark_debt_paid
from marketplace.billing.verify import verify_books
from marketplace.frameworks.application_actions import end_admission
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.policy.calendar import end_of_day, local_day
from tests.billing.history_door import AtTheDoor
from tests.billing.history_invoices import Invoices
from tests.billing.history_model import Payer
from tests.billing.history_payments import Payments
from tests.billing.history_play import BOTH
from tests.billing.history_world import MILES_IN_ALL, PERIODS


class Ending(AtTheDoor, Invoices, Payments):
    """What is done when chance has had its say."""

    def settle(self) -> None:
        """Everything is recorded, signed, invoiced, decided and paid; then it is reckoned whether all was right."""
        world = self.world
        for period in range(self.period, PERIODS + 1):
            self.period = period + 1
            self.until(end_of_day(world.periods[period].last_day) + timedelta(days=1))
        for n in self.waiting():
            self.record(n)
        for n in self.to_sign():
            self.sign(n)
        for who in BOTH:
            payer = self.payers[who]
            while (period := self.next_to_submit(who)) is not None:
                before = dict(self.invoices)
                self.submit(who, period, "as drafted")
                if self.invoices == before:
                    break  # nothing was left for the last period
            for period, dispute in payer.disputes.items():
                if dispute.state == "open":
                    self.decide(who, period, dispute, waived=period % 2 == 0)
            for bill in payer.bills.values():
                if bill.state == "submitted":
                    self.accept(who, bill)
                if bill.note:
                    self.credit(who, bill, first_refused=False)
            self.pay(who, cancelled=False)
            self.check()
        if self.leaves:
            self._leave()
        for who in BOTH:
            payer = self.payers[who]
            self._each_once(who, payer)
            assert payer.bank == sum(payer.billed().values()) - payer.deducted + payer.owing
            assert payer.payable == 0 and payer.debt == 0 and not (self.leaves and payer.owing)
            found = self.run(ask(world.officers[who][0], verify_books))
            assert not found.differences, found.differences
            assert found.invoices >= len(payer.bills)

    def _each_once(self, who: int, payer: Payer) -> None:
        """Every visit and line is billed once and at its price, and none is lost."""
        billed = payer.billed()
        assert {n for n in billed if isinstance(n, int)} == {n for n, each in enumerate(self.visits) if each.costs(who)}
        for key, line in payer.lines.items():
            if not line.miles:
                assert billed[key] == line.pence
        miles = [key for key, line in payer.lines.items() if line.miles]
        paid = sum(billed.get(key, 0) for key in miles)
        assert paid <= MILES_IN_ALL
        if paid < MILES_IN_ALL:
            assert all(key in billed for key in miles)
        for n, visit in enumerate(self.visits):
            later = [pence for key, pence in billed.items() if isinstance(key, tuple) and key[:2] == self._longer(n)]
            assert billed.get(n, 0) + sum(later) == visit.costs(who)  # to the penny, in whatever steps it was billed

    def _longer(self, n: int):  # type: ignore[no-untyped-def]
        return "longer_time", self.world.visits[n].id

    def _leave(self) -> None:
        """It leaves; what it still owes becomes a debt, which it pays."""

        async def ends() -> None:
            case = self.world.cases[0]

            async def admissions(work):  # type: ignore[no-untyped-def]
                return await work.fetch("SELECT id FROM admission WHERE provider_id = $1", case.manager.organisation_id)

            for row in await ask(case.world.admin, admissions):
                await end_admission(case.world.admin, row["id"], local_day(self.clock.at), "It leaves.")
            connection = await asyncpg.connect(self.settings.dsn("migrator"))
            await connection.execute("UPDATE package SET ends_on = starts_on")
            await connection.close()

        self.run(ends())
        self.until(self.clock.at + timedelta(days=60))
        for who in BOTH:
            payer, officer = self.payers[who], self.world.officers[who][0]
            system = system_for(self.world.payers[who], "commissioner", "A council")

            async def look(system=system) -> int:  # type: ignore[no-untyped-def]
                async with unit_of_work(system) as work:
                    return await raise_debts(work)

            assert [self.run(look()), self.run(look())] == [int(payer.owing > 0), 0]
            payer.debt, payer.owing = payer.owing, 0
            self.happened["debt"] += payer.debt > 0
            self.check()
            today = local_day(self.clock.at)
            for row in self.run(ask(officer, debts)):
                self.run(mark_invoiced(officer, row.id, "INV-1", today))
                self.run(mark_debt_paid(officer, row.id, today))
            payer.bank -= payer.debt
            payer.debt = 0
            self.check()

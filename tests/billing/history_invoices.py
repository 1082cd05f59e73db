"""Invoices in a random history: submitted well or badly, returned, corrected, accepted; and credit notes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from marketplace.billing import credit_note_queries
from marketplace.billing.credit_notes import ask_again, ask_deduction, confirm_credit_note, refuse_credit_note
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.drafting import Draft, draft
from marketplace.billing.other_records import OtherRecord
from marketplace.billing.submitting import submit_invoice
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import end_of_day
from marketplace.policy.facts import Claim, ClaimLine
from tests.billing.history_model import SUM, Bill, Key, pays_for
from tests.billing.history_play import BOTH, Chance, Play, one_of
from tests.billing.history_world import NORTH, PERIODS


def key_of(record: OtherRecord) -> Key:
    """By what the model knows a line beside visits."""
    assert record.visit_id is not None
    longer = record.facts.longer
    return record.facts.kind, record.visit_id, longer.approved_minutes if longer else 0


def leads(who: int) -> bool:
    """Whose invoice bears a visit's defect: the payer with the largest share."""
    return who == NORTH


class Invoices(Play):
    """Moves of the provider and the two finance offices, until an invoice is accepted and after."""

    def to_submit(self) -> list[tuple[int, int]]:
        """Payer and period of the invoices that are due."""
        waiting = [(who, self.next_to_submit(who)) for who in BOTH]
        return [(who, period) for who, period in waiting if period is not None and period < self.period]

    def submits(self, chance: Chance) -> None:
        """The first period that waits, or the correction of a returned invoice."""
        who, period = one_of(self.to_submit(), chance)
        self.submit(who, period, chance.how)
        self.check()

    def submits_again(self, chance: Chance) -> None:
        """A period that was invoiced is not invoiced twice."""
        who, bill = one_of(self.bills("submitted", "accepted", "paid"), chance)
        with pytest.raises(Conflict, match="submitted already"):
            self.run(self._send(who, self._draft(who, bill.period), None))
        self.check()

    def returns(self, chance: Chance) -> None:
        """An invoice goes back, unless a later one was built on what it carries."""
        who, bill = one_of(self.bills("submitted"), chance)
        act = return_invoice(self.world.officers[who][0], self.invoices[who, bill.period], "Look again.")
        if max(self.payers[who].bills) > bill.period:
            with pytest.raises(Conflict, match="already built on"):
                self.run(act)
        else:
            self.run(act)
            bill.state = "returned"
            self.happened["returned"] += 1
        self.check()

    def accepts(self, chance: Chance) -> None:
        """An invoice is accepted; what it claims beyond the records is asked back."""
        self.accept(*one_of(self.bills("submitted"), chance))
        self.check()

    def noted(self) -> list[tuple[int, Bill]]:
        """Where a credit note waits for the provider."""
        return [(who, bill) for who, bill in self.bills("accepted", "paid") if bill.note]

    def credits(self, chance: Chance) -> None:
        """The provider issues the credit note that waits, at once or when it is asked again."""
        self.credit(*one_of(self.noted(), chance), first_refused=chance.yes)
        self.check()

    def deducts_later(self, chance: Chance) -> None:
        """A fault is found after acceptance."""
        who, bill = one_of(self.bills("accepted"), chance)
        dispute = self.payers[who].disputes.get(bill.period)
        waived = dispute is not None and dispute.state == "waived" and chance.fault not in bill.kinds
        open_ = dispute is not None and dispute.state == "open"
        fault = chance.fault
        act = ask_deduction(self.world.officers[who][0], self.invoices[who, bill.period], fault, "It was shorter.")
        if bill.deducted_later or open_ or (bill.deduction and not waived):
            with pytest.raises(Conflict):
                self.run(act)
        elif bill.note:
            return act.close()  # one after the other keeps the model simple
        else:
            self.run(act)
            bill.note, bill.deducted_later = "deduction", True
        self.check()

    # --- how it is done ---------------------------------------------------------------------------------------------

    def next_to_submit(self, who: int) -> int | None:
        """The first period a payer has no standing invoice of."""
        bills = self.payers[who].bills
        for n in range(PERIODS + 1):
            if n not in bills or bills[n].state == "returned":
                return n
        return None

    def _draft(self, who: int, period: int, claim: Claim | None = None) -> Draft:
        async def question(work):  # type: ignore[no-untyped-def]
            ids = self.world.framework_id, self.world.manager.organisation_id, self.world.payers[who]
            return await draft(work, *ids, self.world.periods[period], claim=claim)

        return self.run(ask(self.world.manager, question))

    async def _send(self, who: int, found: Draft, claim: Claim | None) -> UUID:
        return await submit_invoice(
            self.world.manager, self.world.framework_id, self.world.payers[who], found.period, claim, found.fingerprint
        )

    def submit(self, who: int, period: int, how: str) -> None:
        """Submit a period's invoice as drafted, or with a fault; the draft is what the model says."""
        payer, world = self.payers[who], self.world
        found = self._draft(who, period)
        old = payer.bills.get(period)
        others = [bill for bill in payer.bills.values() if bill is not old]
        settled = {n for bill in others for n in bill.judged if n in bill.paid or not bill.judged[n]}
        open_ = {
            n: visit.asks(who)
            for n, visit in enumerate(self.visits)
            if world.visits[n].period <= period and n not in settled and pays_for(visit.package, who)
        }
        judged = {n: pence for n, pence in open_.items() if self.visits[n].finished}
        whole = {n: pence for n, pence in judged.items() if pence}
        lines = payer.open_lines(world.periods[period].last_day, old)
        priced = {key: pence for key, pence in lines.items() if pence}
        ids: dict[int | Key, str] = {n: str(visit.id) for n, visit in enumerate(world.visits)}
        ids |= {key_of(record): str(record.id) for record in found.others}
        assert {line.visit: line.pence for line in found.facts.claim.lines} == {
            ids[key]: pence for key, pence in {**whole, **priced}.items()
        }
        assert {str(record.id) for record in found.records} == {ids[n] for n in open_}
        assert {key_of(record) for record in found.others} == set(lines)

        claimed: dict[int | Key, int] = {**whole, **priced}
        kinds, charged, extra, over = set[str](), False, 0, 0
        unfinished = sorted(set(open_) - set(judged))
        one, line = min(whole, default=None), max(priced, default=None)
        if how == "one left off" and one is not None:
            del claimed[one]
            kinds, charged = {"incomplete"}, leads(who)
        elif how == "one not finished" and unfinished:
            claimed[unfinished[0]] = over = open_[unfinished[0]]
            kinds, charged = {"incomplete"}, leads(who)
        elif how == "a penny more" and one is not None:
            claimed[one] += 1
            kinds, charged, over = {"inaccurate"}, leads(who), 1
        elif how == "a penny less" and one is not None:
            claimed[one] -= 1
            kinds, charged = {"inaccurate"}, leads(who)
        elif how == "a line left off" and line is not None:  # it waits, without loss
            lines = {key: pence for key, pence in lines.items() if key != line}
            del claimed[line]
        elif how == "a penny more on a line" and line is not None:
            claimed[line] += 1
            kinds, charged, over = {"inaccurate"}, True, 1
        elif how == "another total":
            kinds, charged, extra, over = {"inaccurate"}, True, 1, 1
        wrong = bool(kinds)
        if not charged:  # it costs on the other payer's invoice
            kinds = set()
        # the seventh day after the period is a Sunday, so the Monday after it is in time
        if self.clock.at >= end_of_day(world.periods[period].last_day + timedelta(days=8)):
            kinds, charged = kinds | {"late"}, True
        bill = Bill(
            period=period,
            carried_in=old.carried_in if old else payer.owing,
            deduction=old.deduction if old else SUM * charged,
            kinds=old.kinds if old else frozenset(kinds),
            paid={n: pence for n, pence in whole.items() if n in claimed},
            beside={key: pence for key, pence in priced.items() if key in claimed},
            judged=judged,
            approved={n: self.visits[n].before.get(who, self.visits[n].approved) for n in judged},
            over_claimed=over,
        )
        if not open_ and not found.others and not bill.carried_in and old is None:
            with pytest.raises(Conflict, match="nothing to bill"):
                self.run(self._send(who, found, None))
            return
        asked = tuple(ClaimLine(ids[key], pence) for key, pence in claimed.items())
        claim = Claim(asked, sum(each.pence for each in asked) + extra)
        shown = self._draft(who, period, claim).result
        invoice_id = self.run(self._send(who, found, claim))
        payer.put(bill)
        assert (shown.net_pence, shown.deduction_pence, shown.carried_out_pence) == (
            bill.net, bill.deduction, bill.carried_out,
        )  # fmt: skip
        self.invoices[who, period] = invoice_id
        self.happened["corrected" if old else "submitted"] += 1
        self.happened[f"claimed: {how}" if wrong else "claimed as recorded"] += 1
        self.happened["late"] += "late" in kinds and not old
        self.happened["carried on"] += bill.carried_out > 0
        self.happened["billed beside visits"] += len(bill.beside)

    def accept(self, who: int, bill: Bill) -> None:
        """Accept it; what it claims beyond the records is asked back."""
        self.run(accept_invoice(self.world.officers[who][0], self.invoices[who, bill.period]))
        bill.state = "accepted"
        bill.note = "claim" if bill.over_claimed else None

    def credit(self, who: int, bill: Bill, first_refused: bool) -> None:
        """Confirm the credit note that waits, at once or once it is asked again."""
        manager, officer = self.world.manager, self.world.officers[who][0]
        invoice_id = self.invoices[who, bill.period]
        notes = self.run(ask(manager, credit_note_queries.credit_notes, invoice_id=invoice_id))  # type: ignore[arg-type]
        (note,) = [note for note in notes if note.state == "asked"]
        if first_refused:
            self.run(refuse_credit_note(manager, note.id, "We do not agree."))
            self.run(ask_again(officer, note.id, "The record says so."))
        if bill.note == "claim":
            assert note.pence == bill.over_claimed
        else:
            assert note.carried_pence == max(0, SUM - bill.owed)
            self.payers[who].deduct_later(bill)
        self.run(confirm_credit_note(manager, note.id))
        self.happened[f"credit note: {bill.note}"] += 1
        bill.note = None

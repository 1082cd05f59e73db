"""What the pack says of credit notes: how often they are asked for, whether the clock of payment stands meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.billing.credit_note_queries import credit_notes
from marketplace.billing.credit_notes import (
    ask_again,
    ask_deduction,
    confirm_credit_note,
    decide_credit_note,
    refuse_credit_note,
)
from marketplace.billing.deciding import accept_invoice
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.payment_queries import payment_clock
from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict
from marketplace.policy.facts import Claim, ClaimLine
from marketplace.policy.pack import pack_to_json
from tests.billing.test_settled import to_pay
from tests.world import people
from tests.world.billing import after, period_of, submitted, the_draft, visit_done


async def a_penny_too_dear(case, clock, first_day) -> UUID:
    """A submitted invoice of three visits, one of them claimed a penny above its price."""
    for n in range(3):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    found = await the_draft(case, period)
    priced = zip(found.records, found.result.lines, (1, 0, 0), strict=True)
    lines = tuple(ClaimLine(str(record.id), (line.price_pence or 0) + more) for record, line, more in priced)
    return await submitted(case, period, Claim(lines, sum(line.pence for line in lines)))


async def test_days_on_which_two_credit_notes_wait_are_counted_once(case, clock, first_day, finance):
    """The deduction for the penny is waived, another is made later: the provider has both, one while the other."""
    invoice_id = await a_penny_too_dear(case, clock, first_day)
    await accept_invoice(finance, invoice_id)
    (claim,) = await ask(finance, credit_notes)
    (before,) = await ask(finance, payment_clock)
    second = await people.person_in(case.world.admin, "finance", "Fern Second")
    dispute_id = await raise_dispute(case.manager, invoice_id, "A slip of the pen.")
    await propose_waiver(finance, dispute_id, "goodwill", "It was.")
    await confirm_waiver(second, dispute_id)
    clock.move(timedelta(days=10))
    deduction = await ask_deduction(finance, invoice_id, "incomplete", "The notes of one visit are empty.")
    clock.move(timedelta(days=20))
    await refuse_credit_note(case.manager, claim.id, "We claim it.")  # 30 days, 20 of them beside the other
    clock.move(timedelta(days=2))
    await ask_again(finance, claim.id, "The rate card says so.")
    clock.move(timedelta(days=3))
    await confirm_credit_note(case.manager, claim.id)
    await confirm_credit_note(case.manager, deduction)  # it waited over the payer's two days, too
    (row,) = await ask(finance, payment_clock)
    assert row.pay_by == before.pay_by + timedelta(days=35)
    with pytest.raises(asyncpg.CheckViolationError, match="kept as it was made"):
        async with unit_of_work(finance) as work:
            await work.execute("UPDATE credit_note SET most_asked = 9")


async def test_a_pack_that_asks_once_and_lets_the_clock_run(case, clock, first_day, finance, migrator):
    terms = {"settings.billing.credit_note_most_asked": 1, "settings.billing.payment_stands_for_provider": False}
    pack = (await ask(finance, pack_of, case.world.framework_id)).with_decisions(terms)
    await migrator.execute(
        "INSERT INTO pack_version (hash, pack_id, title, content) VALUES ($1, $2, $3, $4::text::jsonb)",
        pack.content_hash, pack.id, pack.title, json.dumps(json.loads(pack_to_json(pack))),
    )  # fmt: skip
    await migrator.execute("UPDATE framework SET pack_hash = $1", pack.content_hash)
    invoice_id = await a_penny_too_dear(case, clock, first_day)
    await accept_invoice(finance, invoice_id)
    (before,) = await ask(finance, payment_clock)
    assert before.state == "waiting" and await ask(finance, to_pay) == ["open"]
    clock.move(timedelta(days=40))
    assert [row.state for row in await ask(finance, payment_clock)] == ["late"]
    (note,) = await ask(finance, credit_notes)
    await refuse_credit_note(case.manager, note.id, "We claim it.")
    with pytest.raises(Conflict, match="has refused it once: decide"):
        await ask_again(finance, note.id, "The rate card says so.")
    assert await decide_credit_note(finance, note.id, "The rate card says so.") == 1
    (row,) = await ask(finance, payment_clock)
    assert (row.state, row.pay_by) == ("late", before.pay_by) and await ask(finance, to_pay) == ["open"]

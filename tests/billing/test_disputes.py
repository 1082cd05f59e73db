"""A deduction disputed, upheld or waived: in time or too late, with four eyes, by the right people, in the books."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import uuid4

import asyncpg
import pytest

from marketplace.billing import queries
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.dispute_queries import dispute, disputes
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute, refuse_waiver, uphold
from marketplace.billing.waivers import pay_back
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import local_day
from marketplace.policy.disputes import dispute_until
from tests.world import people
from tests.world.billing import after, balances, deducted, period_of, submitted, the_draft, visit_done

pytestmark = pytest.mark.usefixtures("database")
WHY = "The visit was signed the same evening; the paper sheet is in our evidence."


@pytest.fixture
async def second(world):
    return await people.person_in(world.admin, "finance", "Fern Second")


@pytest.fixture
async def invoice_id(case, clock, first_day):
    return await deducted(case, clock, first_day)


async def duty(actor, rule: str):
    async def asked(work):
        return await work.fetchrow(
            "SELECT owed_by_role, due_at, met_at, cancelled_at FROM obligation WHERE rule_key = $1", rule
        )

    return await ask(actor, asked)


async def test_raised_in_time_it_is_told_and_owed_with_the_packs_clock(case, finance, invoice_id, clock):
    view = await ask(case.manager, queries.invoice, invoice_id)
    assert view.may_be_disputed and view.dispute_id is None
    dispute_id = await raise_dispute(case.manager, invoice_id, f"  {WHY} ")
    found = await ask(finance, dispute, dispute_id)
    assert (found.row.state, found.says, found.row.pence) == ("open", WHY, 10_000)
    assert [(step.what, step.by_name) for step in found.steps] == [("raised", case.manager.person_name)]
    owed = await duty(finance, "dispute_answer")
    assert owed["owed_by_role"] == "finance" and owed["due_at"] == found.row.answer_due and owed["met_at"] is None
    view = await ask(case.manager, queries.invoice, invoice_id)
    assert (view.may_be_disputed, view.dispute_id, view.dispute_state) == (False, dispute_id, "open")
    with pytest.raises(Conflict, match="disputed already"):
        await raise_dispute(case.manager, invoice_id, WHY)


async def test_a_second_too_late_is_refused_with_the_date(case, finance, invoice_id, clock, first_day):
    view = await ask(case.manager, queries.invoice, invoice_id)
    pack = (await the_draft(case, await period_of(case, first_day + timedelta(days=28)))).pack
    until = dispute_until(pack, view.submitted_at)
    assert until == view.dispute_until
    clock.move_to(until)
    with pytest.raises(Conflict, match=f"until the end of {local_day(until) - timedelta(days=1):%-d %B %Y}"):
        await raise_dispute(case.manager, invoice_id, WHY)
    assert not (await ask(case.manager, queries.invoice, invoice_id)).may_be_disputed
    clock.move_to(until - timedelta(seconds=1))
    await raise_dispute(case.manager, invoice_id, WHY)


async def test_what_cannot_be_sent(case, invoice_id):
    for says, said in (("  ", "Enter why"), ("x" * 4001, "4000"), ("Maya Okonkwo was ill", "Take it out")):
        with pytest.raises(InvalidInput) as wrong:
            await raise_dispute(case.manager, invoice_id, says)
        assert said in wrong.value.fields["says"]
    with pytest.raises(NotFound):
        await raise_dispute(case.manager, invoice_id, WHY, [uuid4()])
    assert await ask(case.manager, disputes) == []


async def test_there_is_nothing_to_dispute_about_a_clean_invoice(case, clock, first_day):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, hours=2)
    with pytest.raises(Conflict, match="Nothing was deducted"):
        await raise_dispute(case.manager, await submitted(case, period), WHY)


async def test_upheld_no_money_moves_and_the_provider_reads_why(case, finance, invoice_id):
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    before = await ask(finance, balances)
    with pytest.raises(InvalidInput):
        await uphold(finance, dispute_id, " ")
    await uphold(finance, dispute_id, "It came two weeks after its due day.")
    found = await ask(case.manager, dispute, dispute_id)
    assert found.row.state == "upheld" and found.steps[-1].says == "It came two weeks after its due day."
    assert await ask(finance, balances) == before
    assert (await duty(finance, "dispute_answer"))["met_at"] is not None
    for again in (uphold(finance, dispute_id, "Again"), propose_waiver(finance, dispute_id, "goodwill", "Again")):
        with pytest.raises(WrongState):
            await again


async def test_above_the_packs_sum_two_officers_waive_and_never_the_same(case, finance, second, invoice_id, migrator):
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    for code in ("", "weather"):
        with pytest.raises(InvalidInput):
            await propose_waiver(finance, dispute_id, code, "The family was away.")
    assert await propose_waiver(finance, dispute_id, "family_fault", "The family was away.") is False
    assert (await ask(finance, balances))["deduction_income"] == -10_000
    seen = await ask(case.manager, dispute, dispute_id)  # what officers consider is not the provider's to see
    assert (seen.row.state, seen.reason_code, [step.what for step in seen.steps]) == ("open", None, ["raised"])
    with pytest.raises(Conflict, match="another finance officer"):
        await confirm_waiver(finance, dispute_id)
    with pytest.raises(asyncpg.CheckViolationError, match="four_eyes"):
        await migrator.execute(
            "UPDATE deduction_dispute SET state = 'waived', decided_by = proposed_by, decided_at = now(),"
            " payable_pence = pence, off_pence = 0"
        )
    await refuse_waiver(second, dispute_id, "Ask for the family's message first.")
    assert (await ask(second, dispute, dispute_id)).row.state == "open"
    assert await propose_waiver(second, dispute_id, "family_fault", "The message is there now.") is False
    await confirm_waiver(finance, dispute_id)
    seen = await ask(case.manager, dispute, dispute_id)
    assert (seen.row.state, seen.reason_code, seen.payable_pence) == ("waived", "family_fault", 10_000)
    assert [step.what for step in seen.steps] == ["raised", "waived"]
    assert seen.steps[-1].says == "The message is there now."
    books = await ask(finance, balances)
    view = await ask(finance, queries.invoice, invoice_id)
    assert sum(books.values()) == 0 and "deduction_income" not in books
    assert books["provider_payable"] == -view.result.net_pence - 10_000
    with pytest.raises(WrongState):
        await confirm_waiver(finance, dispute_id)


async def test_two_officers_confirm_at_once_one_wins(case, world, finance, second, invoice_id):
    third = await people.person_in(world.admin, "finance", "Fay Third")
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    await propose_waiver(finance, dispute_id, "goodwill", "First time late.")
    done = await asyncio.gather(
        confirm_waiver(second, dispute_id), confirm_waiver(third, dispute_id),
        refuse_waiver(third, dispute_id, "No"), return_exceptions=True,
    )  # fmt: skip
    assert sum(each is None for each in done) == 1
    books = await ask(finance, balances)
    assert sum(books.values()) == 0


async def test_what_a_waiver_gives_back_is_paid_once(case, finance, second, invoice_id, clock):
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    with pytest.raises(Conflict, match="nothing to pay"):
        await pay_back(finance, dispute_id, local_day(clock.at))
    await propose_waiver(finance, dispute_id, "no_defect", "It was in time.")
    await confirm_waiver(second, dispute_id)
    assert (await duty(finance, "invoice_payment"))["met_at"] is None
    today = local_day(clock.at)
    for wrong in (today + timedelta(days=1), today - timedelta(days=1)):
        with pytest.raises(InvalidInput, match="problem"):
            await pay_back(finance, dispute_id, wrong)
    await pay_back(finance, dispute_id, today)
    with pytest.raises(Conflict, match="already"):
        await pay_back(finance, dispute_id, today)
    books = await ask(finance, balances)
    assert books["bank"] == -10_000 and sum(books.values()) == 0
    assert (await ask(case.manager, dispute, dispute_id)).paid_on == today
    assert (await duty(finance, "invoice_payment"))["met_at"] is not None


async def test_what_was_not_taken_yet_is_no_longer_carried(case, clock, first_day, finance, second):
    """A small late invoice carries most of its deduction on; waived, the next one bears nothing of it."""
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    after(clock, period, days=12)
    invoice_id = await submitted(case, period)
    first = (await ask(finance, queries.invoice, invoice_id)).result
    assert first.net_pence == 0 and first.carried_out_pence > 0
    following = await period_of(case, period.last_day + timedelta(days=1))
    assert (await the_draft(case, following)).facts.carried_in_pence == first.carried_out_pence
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    await propose_waiver(finance, dispute_id, "commissioner_fault", "Our site was down.")
    await confirm_waiver(second, dispute_id)
    found = await ask(case.manager, dispute, dispute_id)
    assert (found.payable_pence, found.off_pence) == (first.gross_pence, first.carried_out_pence)
    assert (await the_draft(case, following)).facts.carried_in_pence == 0
    books = await ask(finance, balances)
    assert books == {"care_cost": first.gross_pence, "provider_payable": -first.gross_pence}


async def test_the_dispute_stays_with_the_period_when_its_invoice_is_corrected(case, finance, second, invoice_id):
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    await return_invoice(finance, invoice_id, "Leave the Sunday off.")
    await propose_waiver(finance, dispute_id, "goodwill", "First time.")
    with pytest.raises(Conflict, match="to be corrected"):
        await confirm_waiver(second, dispute_id)
    view = await ask(finance, queries.invoice, invoice_id)
    correction = await submitted(case, view.period)
    with pytest.raises(Conflict, match="replaced by its correction"):
        await raise_dispute(case.manager, invoice_id, WHY)
    with pytest.raises(Conflict, match="disputed already"):
        await raise_dispute(case.manager, correction, WHY)
    await confirm_waiver(second, dispute_id)
    view = await ask(case.manager, queries.invoice, correction)
    assert (view.dispute_id, view.dispute_state) == (dispute_id, "waived")
    await accept_invoice(finance, correction)
    books = await ask(finance, balances)
    assert books == {"care_cost": view.result.gross_pence, "provider_payable": -view.result.gross_pence}


async def test_a_correction_after_the_waiver_pays_what_was_taken_off_too_much(case, clock, first_day, finance, second):
    """Waived while most was carried on; the correction brings more visits in, so that nothing is carried any more."""
    await visit_done(case, clock, first_day)
    for n in (1, 2):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, days=12)
    found = await the_draft(case, period)
    from_one = type(found.facts.claim)(found.facts.claim.lines[:1], found.facts.claim.lines[0].pence)
    invoice_id = await submitted(case, period, from_one)
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    await propose_waiver(finance, dispute_id, "goodwill", "First time.")
    await confirm_waiver(second, dispute_id)
    await return_invoice(finance, invoice_id, "Two visits are missing.")
    await submitted(case, period)
    gross = found.result.gross_pence
    assert await ask(finance, balances) == {"care_cost": gross, "provider_payable": -gross}


async def test_strangers_and_other_roles(case, world, finance, second, invoice_id, settings):
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    with pytest.raises(NotFound):
        await raise_dispute(rival, invoice_id, WHY)
    for nobody in (finance, case.referrer, case.family, case.worker):
        with pytest.raises(NotPermitted):
            await raise_dispute(nobody, invoice_id, WHY)
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    for stranger in (rival, elsewhere, case.family, case.worker):
        with pytest.raises(NotFound):
            await ask(stranger, dispute, dispute_id)
        assert await ask(stranger, disputes) == []
    for decide in (
        lambda who: uphold(who, dispute_id, "No"),
        lambda who: propose_waiver(who, dispute_id, "goodwill", "Yes"),
        lambda who: confirm_waiver(who, dispute_id),
        lambda who: refuse_waiver(who, dispute_id, "No"),
        lambda who: pay_back(who, dispute_id, date(2026, 7, 1)),
    ):
        with pytest.raises(NotFound):
            await decide(elsewhere)
        for nobody in (case.manager, case.referrer):
            with pytest.raises(NotPermitted):
                await decide(nobody)


async def test_as_the_application_role_a_provider_decides_nothing_and_no_story_is_changed(case, finance, invoice_id):
    with pytest.raises(asyncpg.CheckViolationError, match="second officer"):  # four eyes are not its to give up
        async with unit_of_work(case.manager) as work:
            await work.execute(
                """INSERT INTO deduction_dispute (commissioner_id, framework_id, provider_id, invoice_id, first_day,
                   pence, says, raised_by, raised_at, second_needed)
                   SELECT commissioner_id, framework_id, provider_id, id, first_day, deduction_pence, 's',
                   app_person(), app_now(), false FROM invoice WHERE id = $1""",
                invoice_id,
            )
    dispute_id = await raise_dispute(case.manager, invoice_id, WHY)
    async with unit_of_work(case.manager) as work:
        changed = await work.execute("UPDATE deduction_dispute SET state = 'upheld' WHERE id = $1", dispute_id)
        assert changed == "UPDATE 0"
    for actor in (case.manager, finance):
        for statement in ("UPDATE dispute_step SET says = 'x'", "DELETE FROM dispute_evidence"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with unit_of_work(actor) as work:
                    await work.execute(statement)
    with pytest.raises(asyncpg.CheckViolationError, match="kept as it was raised"):
        async with unit_of_work(finance) as work:
            await work.execute("UPDATE deduction_dispute SET pence = 1 WHERE id = $1", dispute_id)

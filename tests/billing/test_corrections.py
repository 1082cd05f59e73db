"""A correction that charges a family more: nothing changes until the family, or its referrer, has agreed to it."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from marketplace.billing import sweeps
from marketplace.billing.correction_queries import correction
from marketplace.billing.corrections import (
    answer_correction,
    decide_correction,
    propose_correction,
    put_to_referrer,
    withdraw_correction,
)
from marketplace.billing.deciding import return_invoice
from marketplace.billing.verify import verify_books
from marketplace.packages.cancellation import PriceChanged
from marketplace.packages.outcomes import Given
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from tests.billing.test_api import api, token
from tests.billing.test_outcomes import HOUR, cancelled, charging, history
from tests.billing.test_pages import text_of
from tests.laid import the_richest
from tests.obligations.conftest import as_worker, run_jobs
from tests.world import people, referrals
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft
from tests.world.door import at

__all__ = ["api"]
ARRIVED = Given("cancelled_on_arrival")
SAID = "The worker stood at the door"


@pytest.fixture
def start(request):
    return the_richest(request, case=charging)


@pytest.fixture
def settled(settings, migrator, clock):
    async def run() -> int:
        async with as_worker(settings, clock):
            return await run_jobs(settings, migrator, "settle_correction")

    return run


async def proposed(case, visit_id, given=ARRIVED, pence=4800):
    version = (await case.visit(visit_id)).version
    return await propose_correction(case.manager, visit_id, given, version=version, reason=SAID, charge_pence=pence)


async def state(actor, correction_id):
    return (await ask(actor, correction, correction_id)).correction.state


async def test_the_family_says_yes_and_all_that_follows_follows(case, clock, first_day, migrator, settled, finance):
    visit_id, planned = await cancelled(case, clock, first_day, before=48 * HOUR)
    period = await period_of(case, first_day)
    assert (await the_draft(case, period)).result.gross_pence == 0
    ask_for, version = propose_correction, 2
    for given, pence, reason, field in (
        (Given("nonsense"), 4800, SAID, "outcome"), (ARRIVED, 4800, " ", "reason"),
        (ARRIVED, None, SAID, "charge_pence"), (Given("cancelled_by_family"), 4800, SAID, "notice_at"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as fault:
            await ask_for(case.manager, visit_id, given, version=version, reason=reason, charge_pence=pence)
        assert field in fault.value.fields
    with pytest.raises(PriceChanged):
        await proposed(case, visit_id, pence=4700)
    with pytest.raises(Conflict, match="charges the family no more"):
        await proposed(case, visit_id, Given("missed"), 0)
    rival = await people.provider_org(case.world.settings)
    for stranger in (rival, case.referrer, case.family, case.worker):
        with pytest.raises((NotFound, NotPermitted)):
            await ask_for(stranger, visit_id, ARRIVED, version=version, reason=SAID, charge_pence=4800)
    made = await proposed(case, visit_id)
    with pytest.raises(Conflict, match="waits for an answer already"):
        await proposed(case, visit_id, Given("cancelled_by_family", planned - HOUR), 2400)
    # nobody but the family answers, and nothing has changed
    with pytest.raises(WrongState, match="its answer comes first"):
        await decide_correction(case.referrer, made, apply=True, reason="I know")
    for stranger, what in ((rival, NotFound), (finance, NotFound), (case.manager, NotPermitted)):
        with pytest.raises((what, NotPermitted)):
            await answer_correction(stranger, made, agrees=True)
        if what is NotFound:
            with pytest.raises(NotFound):
                await ask(stranger, correction, made)
    for actor in (case.manager, case.referrer):  # past the service: the database keeps it
        with pytest.raises(asyncpg.PostgresError):
            async with unit_of_work(actor) as work:
                await work.execute("UPDATE correction SET state = 'applied', closed_at = now() WHERE id = $1", made)
        with pytest.raises(asyncpg.PostgresError):
            async with unit_of_work(actor) as work:
                await work.execute(
                    "UPDATE correction SET decision = 'apply', decision_reason = 'r', decided_by = $2,"
                    " decided_at = now() WHERE id = $1",
                    made, actor.person_id,
                )  # fmt: skip
    assert (await case.visit(visit_id)).outcome == "cancelled_by_family"
    assert (await the_draft(case, period)).result.gross_pence == 0 and await settled() == 0
    with pytest.raises(InvalidInput):
        await answer_correction(case.family, made, agrees=False, says=" ")
    await answer_correction(case.family, made, agrees=True)
    with pytest.raises(Conflict, match="answered this already"):
        await answer_correction(case.family, made, agrees=False, says="On second thoughts")
    with pytest.raises(Conflict, match="has agreed to this already"):  # a yes is followed, not undone
        await withdraw_correction(case.manager, made)
    assert await settled() == 1
    visit = await case.visit(visit_id)
    assert (visit.outcome, visit.notice_at) == ("cancelled_on_arrival", None)
    assert (await the_draft(case, period)).result.gross_pence == 4800 and await state(case.family, made) == "applied"
    (kept,) = await history(case, visit_id)
    assert (kept["by_name"], kept["reason"]) == (case.manager.person_name, SAID)
    assert await migrator.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'work_out_budget'")
    # the job again, as a killed worker's: once is once
    await sweeps.settle_correction(case.manager.organisation_id, made)
    assert len(await history(case, visit_id)) == 1
    after(clock, period, hours=9)
    await submitted(case, period)
    assert (await ask(finance, verify_books)).differences == []


async def test_where_the_family_will_not_its_referrer_decides(case, clock, first_day, settled, finance):
    visit_id, planned = await cancelled(case, clock, first_day, before=48 * HOUR)
    made = await proposed(case, visit_id)
    await answer_correction(case.family, made, agrees=False, says="We rang two days before")
    assert await settled() == 1 and await state(case.referrer, made) == "with_referrer"
    colleague = await people.person_in(case.world.admin, "referrer", "Cole League")
    with pytest.raises(NotPermitted, match="colleague's case"):
        await decide_correction(colleague, made, apply=True, reason="Mine to say")
    with pytest.raises(InvalidInput):
        await decide_correction(case.referrer, made, apply=False, reason=" ")
    await decide_correction(case.referrer, made, apply=False, reason="The log shows their call")
    with pytest.raises(WrongState):
        await decide_correction(case.referrer, made, apply=True, reason="Again")
    assert await state(case.family, made) == "declined" and await settled() == 0
    # proposed again: nobody is at home to answer, so the referrer decides, and it holds
    made = await proposed(case, visit_id, Given("cancelled_by_family", planned - 3 * HOUR), 2400)
    with pytest.raises(InvalidInput):
        await put_to_referrer(case.manager, made, code="lazy")
    await put_to_referrer(case.manager, made, code="unable")
    with pytest.raises(WrongState, match="referrer decides"):
        await answer_correction(case.family, made, agrees=False, says="No")
    await decide_correction(case.referrer, made, apply=True, reason="Their own message says three hours")
    assert await settled() == 1 and await state(case.family, made) == "applied"
    assert (await case.visit(visit_id)).notice_at == planned - 3 * HOUR
    # taken back; and one the books overtook cannot be recorded any more
    back = await proposed(case, visit_id)
    await withdraw_correction(case.manager, back)
    with pytest.raises(WrongState):
        await answer_correction(case.family, back, agrees=True)
    late = await proposed(case, visit_id)
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    await answer_correction(case.family, late, agrees=True)
    assert await settled() == 1
    found = (await ask(case.family, correction, late)).correction
    assert found.state == "lapsed" and "billed on invoice 1" in found.lapsed_because
    clock.move_to(clock.at + HOUR)
    await return_invoice(finance, invoice_id, "The visit is corrected first")
    once_more = await proposed(case, visit_id)
    await answer_correction(case.family, once_more, agrees=True)
    assert await settled() == 1
    assert (await the_draft(case, period)).result.gross_pence == 4800
    await submitted(case, period)
    assert (await ask(finance, verify_books)).differences == []


async def test_those_who_hold_access_jointly_agree_together(case, clock, first_day, migrator, settled):
    other = await referrals.family_of(case.referrer, case.child_id, "Obi Okafor")
    await migrator.execute("UPDATE family_grant SET jointly = true WHERE child_id = $1", case.child_id)
    visit_id, _ = await cancelled(case, clock, first_day, before=48 * HOUR)
    made = await proposed(case, visit_id)
    await answer_correction(case.family, made, agrees=True)
    assert await settled() == 1 and await state(other, made) == "open"
    await answer_correction(other, made, agrees=True)
    assert await settled() == 1 and await state(other, made) == "applied"


async def test_by_page_and_by_api(api, settings, case, clock, first_day, settled):
    visit_id, _ = await cancelled(case, clock, first_day, before=48 * HOUR)
    app = create_marketplace(settings, clock)
    typed = {"version": "2", "outcome": "cancelled_on_arrival", "reason": SAID}
    async with at(app, settings, case.manager) as door:
        check = await door.post(f"/visits/{visit_id}/outcome", typed)
        assert "£48.00, the whole price" in text_of(check) and "Ask the family" in text_of(check)
        asked = await door.post(f"/visits/{visit_id}/outcome", typed | {"step": "ask", "charge": "4800"})
        address = asked.headers["location"]
        assert "Waits for the family" in text_of(await door.get(address))
        assert "waits for an answer" in text_of(await door.get(f"/visits/{visit_id}"))
        assert "Error" in text_of(await door.post(address, {"decision": "put"}))
    aunt = await referrals.family_of(case.referrer, case.child_id, name="Aunt Vera", rights=("see_visits",))
    async with at(app, settings, aunt) as door:  # sees it, and is not shown a form that would refuse her
        looked = await door.get(address)
        assert "those of your family who confirm visits" in text_of(looked) and 'name="decision"' not in looked.text
        assert (await door.post(address, {"decision": "no", "says": "We rang"})).status_code == 404
    async with at(app, settings, case.family) as door:
        shown = text_of(await door.get(address))
        assert "you are asked first" in shown and "Charged as recorded Nothing" in shown
        assert "£48.00, the whole price of the visit" in shown and "2 hours, comes off the child" in shown
        assert "your answer is asked" in text_of(await door.get(f"/visits/{visit_id}"))
        empty = await door.post(address, {"decision": "no"})
        assert "Error" in text_of(empty)
        no = {"decision": "no", "says": "We rang"}
        assert "Check your answer" in text_of(await door.post(address, no))
        assert (await door.post(address, no | {"step": "check"})).status_code == 303
        assert "Thank you for your answer" in text_of(await door.get(address))
    assert await settled() == 1
    rival = await people.provider_org(settings)
    async with at(app, settings, rival) as door:
        assert (await door.get(address)).status_code == 404
    async with at(
        app, settings, case.manager
    ) as door:  # while the referrer has it, it may be taken back, as by the API
        with_referrer = (await door.get(address)).text
        assert 'value="withdraw"' in with_referrer and 'value="put"' not in with_referrer
        assert "Check your answer" in text_of(await door.post(address, {"decision": "withdraw"}))
    async with at(app, settings, case.referrer) as door:
        assert "Answer of" in text_of(await door.get(address))
        decision = {"decision": "apply", "says": "The worker's phone was there"}
        assert "Check your answer" in text_of(await door.post(address, decision))
        assert (await door.post(address, decision | {"step": "check"})).status_code == 303
        assert "recorded in a moment" in text_of(await door.get(address))
    assert await settled() == 1
    assert (await case.visit(visit_id)).outcome == "cancelled_on_arrival"
    other, _ = await cancelled(case, clock, first_day + timedelta(days=1), before=48 * HOUR)
    mine, family = await token(api, settings, case.manager), await token(api, settings, case.family)
    body = {"version": 2, "outcome": "cancelled_on_arrival", "reason": SAID}
    refused = await api.post(f"/visits/{other}/outcome", json=body, headers=mine)
    assert refused.status_code == 409 and refused.json()["error"] == "charges_more"
    made = (await api.post(f"/visits/{other}/corrections", json=body | {"charge_pence": 4800}, headers=mine)).json()[
        "id"
    ]
    (first, *_) = (await api.get("/corrections", headers=family)).json()
    assert first["id"] == made and first["charge_pence"] == 4800
    no = await api.post(f"/corrections/{made}/answer", json={"agrees": False, "says": ""}, headers=family)
    assert no.status_code in (400, 422)
    assert (await api.post(f"/corrections/{made}/answer", json={"agrees": True}, headers=mine)).status_code == 403
    assert (await api.post(f"/corrections/{made}/answer", json={"agrees": True}, headers=family)).status_code == 204
    assert await settled() == 1
    assert (await api.get(f"/corrections/{made}", headers=mine)).json()["state"] == "applied"

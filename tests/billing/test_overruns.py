"""Time beyond the planned length: billed as far as the referrer approved it, and asked about again beyond that."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import msgspec
import pytest

from marketplace.billing import queries
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.exports import case_of
from marketplace.billing.verify import verify_books
from marketplace.billing.visit_records import record_visit
from marketplace.packages import overrun_decisions, signing
from marketplace.packages.late_records import Entry
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, NotFound, NotPermitted, WrongState
from marketplace.policy import calculators
from marketplace.policy.calendar import wall_time
from tests.world import packages, people
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft
from tests.world.door import at

OPEN = (
    "SELECT count(*) FROM obligation WHERE rule_key = 'task.approve_overrun' AND met_at IS NULL"
    " AND cancelled_at IS NULL"
)


async def lasted(case, clock, day, end: time):
    """A visit planned from 16:00 to 18:00 that ended later, signed by all."""
    visit_id = await packages.a_visit(case, day)
    clock.move_to(wall_time(day, time(23)))
    await packages.confirmed(case, visit_id, end=wall_time(day, end))
    return visit_id


async def corrected(case, clock, visit_id, end: datetime) -> None:
    """The office corrects the end; worker and family sign again."""
    visit = await case.visit(visit_id)
    clock.move_to(clock.at + timedelta(minutes=5))
    entry = Entry(visit.actual_start, end)
    await record_visit(case.manager, visit_id, entry, version=visit.version, reason="The worker stayed on")
    fingerprint = (await case.visit(visit_id)).record_hash
    await packages.record_actions.sign_as_worker(case.worker, visit_id, text_hash=fingerprint)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)


async def test_what_is_approved_has_a_length(case, clock, first_day, migrator, finance):
    visit_id = await lasted(case, clock, first_day, time(18, 10))
    period = await period_of(case, first_day)

    async def billed() -> list[int]:
        found = await the_draft(case, period)
        again = calculators.invoice(msgspec.json.encode(case_of(found)))
        assert [line["minutes"] for line in again["lines"]] == [line.minutes for line in found.result.lines]
        return [line.minutes for line in found.result.lines]

    assert await billed() == [120]
    for stranger in (
        await people.provider_org(case.world.settings),
        await people.person_in(await people.council(case.world.settings, name="Southmere Council"), "referrer"),
    ):
        with pytest.raises((NotFound, NotPermitted)):
            await overrun_decisions.approve_overrun(stranger, visit_id)
        with pytest.raises((NotFound, NotPermitted)):
            await overrun_decisions.refuse_overrun(stranger, visit_id, reason="Not mine")
    await overrun_decisions.approve_overrun(case.referrer, visit_id)
    assert await billed() == [130] and await migrator.fetchval(OPEN) == 0
    # corrected to be longer still: no more is billed than was approved, and the referrer is asked again
    await corrected(case, clock, visit_id, wall_time(first_day, time(22)))
    assert await billed() == [130] and await migrator.fetchval(OPEN) == 1
    await overrun_decisions.refuse_overrun(case.referrer, visit_id, reason="Ten minutes were agreed")
    assert await billed() == [130] and await migrator.fetchval(OPEN) == 0
    with pytest.raises(WrongState, match="Approved already"):
        await overrun_decisions.approve_overrun(case.referrer, visit_id, minutes=10)
    await overrun_decisions.approve_overrun(case.referrer, visit_id, minutes=30)
    assert await billed() == [150]
    # invoiced, it stands; returned, it may be taken back, and what the first invoice billed is still understood
    after(clock, period, days=1)
    first = await submitted(case, period)
    with pytest.raises(Conflict, match="Invoice 1 bills the longer time already"):
        await overrun_decisions.refuse_overrun(case.referrer, visit_id, reason="On second thoughts")
    await return_invoice(finance, first, "The longer time is taken back")
    await overrun_decisions.refuse_overrun(case.referrer, visit_id, reason="On second thoughts")
    assert await billed() == [120]
    second = await submitted(case, period)
    await accept_invoice(finance, second)
    assert (await ask(finance, verify_books)).differences == []
    lines = await migrator.fetch("SELECT minutes, overrun_minutes FROM invoice_line ORDER BY minutes")
    assert [tuple(line) for line in lines] == [(120, None), (150, 150)]


async def test_a_planned_visit_is_approved_for_so_long_on_page_and_over_the_api(case, clock, first_day, settings):
    visit_id = await packages.a_visit(case, first_day)
    clock.move_to(wall_time(first_day, time(9)))
    async with at(create_marketplace(settings), settings, case.referrer) as door:
        path = f"/visits/{visit_id}/longer"
        wrong = await door.post(path, {"decision": "approve", "minutes": "an hour"})
        assert wrong.status_code in (200, 400, 422) and "an hour" in wrong.text and "whole number" in wrong.text
        assert (await door.post(path, {"decision": "approve", "minutes": "20"})).status_code == 303
        assert "Up to 20 minutes, approved beforehand" in (await door.get(f"/visits/{visit_id}")).text
        assert "take that back" in (await door.get(path)).text
        clock.move_to(wall_time(first_day, time(23)))
        await packages.confirmed(case, visit_id, end=wall_time(first_day, time(18, 50)))
        shown = (await door.get(f"/visits/{visit_id}")).text
        assert "50 minutes, 20 of them approved" in shown and "Decide on the longer time" in shown
        assert 'value="50"' in (await door.get(path)).text
        found = await the_draft(case, await period_of(case, first_day))
        assert [line.minutes for line in found.result.lines] == [140]
        assert (await door.post(path, {"decision": "refuse", "reason": "Twenty were agreed"})).status_code == 303
        assert (await door.post(path, {"decision": "refuse", "reason": "Taken back"})).status_code == 303
        assert "50 minutes, not approved" in (await door.get(f"/visits/{visit_id}")).text
    found = await the_draft(case, await period_of(case, first_day))
    assert [line.minutes for line in found.result.lines] == [120]


async def test_the_draft_says_what_is_not_approved_and_after_it_the_invoice_comes_back_first(
    case, clock, first_day, settings, finance
):
    visit_id = await lasted(case, clock, first_day, time(18, 45))
    period = await period_of(case, first_day)
    draft = f"/invoices/draft/{case.world.framework_id}/{case.referrer.organisation_id}/{period.first_day}"
    async with at(create_marketplace(settings), settings, case.manager) as door:
        shown = (await door.get(draft)).text
        assert "45 minutes longer, not approved" in shown and "45 minutes in all, on 1 visit." in shown
        assert (await door.client.get(draft.replace("/invoices/draft", "/api/v1/invoice-drafts"))).json()[
            "unapproved_minutes"
        ] == {str(visit_id): 45}
    after(clock, period, days=1)
    first = await submitted(case, period)
    with pytest.raises(Conflict, match="ask your finance officer to return"):
        await overrun_decisions.approve_overrun(case.referrer, visit_id)
    assert (await case.visit(visit_id)).overrun_approved_at is None
    await return_invoice(finance, first, "The longer time first")
    await overrun_decisions.approve_overrun(case.referrer, visit_id)
    assert not (await the_draft(case, period)).unapproved
    second = await submitted(case, period)
    view = await ask(case.manager, queries.invoice, second)
    assert [line.minutes for line in view.lines] == [165]
    assert (await ask(finance, verify_books)).differences == []

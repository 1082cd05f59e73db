"""Longer time approved once its visit was billed and the invoice accepted: a line of its own, once, to each payer."""

from __future__ import annotations

import asyncio
from datetime import time, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from marketplace.billing import queries
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.documents import invoice_document
from marketplace.billing.exports import case_of, lines_csv
from marketplace.billing.other_lines import take_back
from marketplace.billing.parties import save_party
from marketplace.billing.preparing import prepare_drafts
from marketplace.billing.submitting import RecordsChanged, submit_invoice
from marketplace.packages.overrun_decisions import approve_overrun, refuse_overrun
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound, NotPermitted
from marketplace.policy import calculators
from marketplace.policy.calendar import wall_time
from tests.billing.test_einvoice import PAYER, PROVIDER
from tests.billing.test_funding import Joint, differences, drafted, joint, organisation, send, shared
from tests.laid import Start, the_richest
from tests.world import packages, people
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, visit_done
from tests.world.door import at


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, both=joint)


@pytest.fixture
def both(laid: Joint) -> Joint:
    return laid


async def test_two_payers_each_pay_their_share_of_it_once_on_the_next_invoice(both, clock, settings, migrator):
    case, own, partner = both.case, both.own, both.partner
    for actor, party in ((case.manager, PROVIDER), (own, PAYER), (partner, PAYER)):
        await save_party(actor, party, {})
    starts_on = (await case.package()).starts_on
    period = await period_of(case, starts_on)
    period = await period_of(case, period.last_day + timedelta(days=1))
    day = period.first_day + timedelta(days=2)
    await shared(both, period.first_day)
    visit_id = await packages.a_visit(case, day)
    clock.move_to(wall_time(day, time(23)))
    await packages.confirmed(case, visit_id, end=wall_time(day, time(18, 45)))  # planned until six
    for_rest = await visit_done(case, clock, day + timedelta(days=1))
    after(clock, period, days=1)
    firsts = [await send(both, payer, period) for payer in (own, partner)]
    with pytest.raises(Conflict, match="Once it is accepted"):
        await approve_overrun(case.referrer, visit_id)
    await accept_invoice(own, firsts[0])
    with pytest.raises(Conflict, match="Once it is accepted"):  # the other payer's still waits
        await approve_overrun(case.referrer, visit_id)
    await accept_invoice(partner, firsts[1])
    for stranger in (both.stranger, case.manager, case.family, await people.provider_org(settings)):
        with pytest.raises((NotFound, NotPermitted)):
            await approve_overrun(stranger, visit_id)

    # bit by bit: thirty minutes, then the rest of it; taken back while nothing bills it, and approved again
    async with at(create_marketplace(settings), settings, case.referrer) as door:
        assert "Decide on the longer time" in (await door.get(f"/visits/{visit_id}")).text
        path = f"/visits/{visit_id}/longer"
        assert (await door.post(path, {"decision": "approve", "minutes": "30"})).status_code == 303
        assert (await door.post(path, {"decision": "approve", "minutes": "45"})).status_code == 303
        assert (await door.post(path, {"decision": "refuse", "reason": "On second thoughts"})).status_code == 303
        assert (await case.visit(visit_id)).overrun_approved_minutes == 150
        assert (await door.post(path, {"decision": "approve", "minutes": "45"})).status_code == 303
        told = (
            await door.get(f"/visits/{visit_id}")
        ).text  # each decision with its day, its minutes, and where it goes
        assert "30 minutes longer than planned." in told and "Declined on" in told
        assert "45 minutes longer than planned. The visit is billed already" in told
        assert "comes on the provider&#39;s next invoice" in told and "Agreed on" in told
    waiting = await migrator.fetch(
        "SELECT units, longer_from, longer_to FROM other_line WHERE withdrawn_at IS NULL ORDER BY 2 NULLS FIRST"
    )
    assert [tuple(row) for row in waiting] == [(30, None, 150)] * 2 + [(15, 150, 165)] * 2
    line_id = await migrator.fetchval("SELECT id FROM other_line WHERE commissioner_id = $1 LIMIT 1", organisation(own))
    for actor in (both.stranger, await people.provider_org(settings)):
        async with unit_of_work(actor) as work:
            assert await work.fetch("SELECT 1 FROM other_line") == []
    async with unit_of_work(case.manager) as work:  # the provider adds no such line, and takes none back
        assert await work.execute("UPDATE other_line SET withdrawn_at = now(), withdrawn_by = added_by") == "UPDATE 0"
        assert (
            await work.fetchval("SELECT bill_longer($1, $2, 999, $3)", organisation(own), visit_id, own.person_id) == 0
        )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(case.manager) as work:
            await work.execute(
                """INSERT INTO other_line SELECT (jsonb_populate_record(l, jsonb_build_object(
                   'id', gen_random_uuid(), 'longer_from', 165, 'longer_to', 999))).*
                   FROM other_line l WHERE id = $1""",
                line_id,
            )
    with pytest.raises(Conflict, match="referrer's approval"):
        await take_back(case.manager, line_id)

    # the next period's invoices: 45 minutes at £24 an hour are £18, of which £10.80 and £7.20
    following = await period_of(case, period.last_day + timedelta(days=1))
    for payer, pence in ((own, 1080), (partner, 720)):
        found = await drafted(both, payer, following)
        assert found.result.gross_pence == pence and not found.result.defects and len(found.result.others) == 2
        assert calculators.invoice(msgspec.json.encode(case_of(found)))["gross_pence"] == pence
    after(clock, following, days=1)
    prepared = system_for(organisation(own), "commissioner")
    await prepare_drafts(prepared)
    async with unit_of_work(prepared) as work:
        row = await work.fetchrow(
            "SELECT by_rules, gross_pence FROM prepared_draft WHERE first_day = $1", following.first_day
        )
    assert row is not None and tuple(row) == (True, 1080)
    draft = f"/invoices/draft/{case.world.framework_id}/{organisation(own)}/{following.first_day}"
    async with at(create_marketplace(settings), settings, case.manager) as door:
        page = (await door.get(draft)).text
        assert "Longer time, 30 minutes, of the visit on" in page and "Approved after invoice 1 was accepted" in page
        assert f'href="/visits/{visit_id}">Its approval' in page and 'value="7.20"' in page
    second = await send(both, own, following)
    other = await send(both, partner, following)
    view = await ask(own, queries.invoice, second)
    assert view.result.gross_pence == 1080 and "Longer time, 15 minutes" in lines_csv(view)
    document = await ask(own, invoice_document, second)
    assert [line.pence for line in document.lines] == [720, 360] and "Longer time" in document.lines[0].name
    async with at(create_marketplace(settings), settings, case.manager) as door:
        assert "Longer time, 30 minutes, of the visit on" in (await door.get(f"/invoices/{second}")).text
    with pytest.raises(Conflict, match="approval stands"):
        await refuse_overrun(case.referrer, visit_id, reason="Too late")
    # returned, it is open again and billed by the correction; nowhere twice
    await return_invoice(own, second, "Look again")
    with pytest.raises(Conflict, match="approval stands"):  # the partner's bills it
        await refuse_overrun(case.referrer, visit_id, reason="Too late")
    second = await send(both, own, following)
    await accept_invoice(own, second)
    await accept_invoice(partner, other)
    assert await differences(own) == [] and await differences(partner) == []
    after(clock, await period_of(case, following.last_day + timedelta(days=1)), days=1)
    last = await period_of(case, following.last_day + timedelta(days=1))
    assert not (await drafted(both, own, last)).result.others and for_rest
    # what the books say of it is looked at: another length is found out
    await migrator.execute("ALTER TABLE other_line DISABLE TRIGGER other_line_kept")
    await migrator.execute("UPDATE other_line SET longer_to = 155 WHERE longer_to = 165")
    assert any("lines beside visits" in each for each in await differences(own))


async def test_a_payer_not_invoiced_yet_pays_the_longer_time_in_the_same_steps(both, clock, migrator):
    case, own, partner = both.case, both.own, both.partner
    starts_on = (await case.package()).starts_on
    period = await period_of(case, (await period_of(case, starts_on)).last_day + timedelta(days=1))
    day = period.first_day + timedelta(days=2)
    await shared(both, period.first_day)
    visit_id = await packages.a_visit(case, day)
    clock.move_to(wall_time(day, time(23)))
    await packages.confirmed(case, visit_id, end=wall_time(day, time(18, 45)))  # planned until six
    after(clock, period, days=1)
    await accept_invoice(own, await send(both, own, period))
    await approve_overrun(case.referrer, visit_id, minutes=30)
    # the partner's first invoice bills what the other's did: the rest is on a line of its own, to both
    found = await drafted(both, partner, period)
    assert [line.price_pence for line in found.result.lines] == [1920] and not found.unapproved
    await refuse_overrun(case.referrer, visit_id, reason="On second thoughts")
    assert (await drafted(both, partner, period)).result.gross_pence == 1920
    await approve_overrun(case.referrer, visit_id, minutes=30)
    await accept_invoice(partner, await send(both, partner, period))
    await approve_overrun(case.referrer, visit_id, minutes=45)
    waiting = await migrator.fetch(
        "SELECT longer_from, longer_to FROM other_line WHERE withdrawn_at IS NULL ORDER BY longer_to"
    )
    assert [tuple(row) for row in waiting] == [(None, 150)] * 2 + [(150, 165)] * 2
    following = await period_of(case, period.last_day + timedelta(days=1))
    after(clock, following, days=1)
    whole = 4800 + 1800
    for payer, share in ((own, 60), (partner, 40)):
        await send(both, payer, following)
        assert await differences(payer) == []
        billed = await migrator.fetchval(
            "SELECT sum(gross_pence) FROM invoice WHERE commissioner_id = $1", organisation(payer)
        )
        assert billed == whole * share // 100


async def test_an_approval_comes_before_a_submission_or_after_it(both, clock, migrator):
    case, own = both.case, both.own
    day = (await period_of(case, (await case.package()).starts_on)).last_day + timedelta(days=3)
    visit_id = await packages.a_visit(case, day)
    clock.move_to(wall_time(day, time(23)))
    await packages.confirmed(case, visit_id, end=wall_time(day, time(18, 30)))
    period = await period_of(case, day)
    after(clock, period, days=1)
    payer = organisation(own)
    shown = (await drafted(both, own, period)).fingerprint
    # the books held: the approval waits there first, then the invoice; it sees that what was shown has changed
    books = f"invoice {case.world.framework_id} {case.manager.organisation_id} {payer}"
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with migrator.transaction():
        await migrator.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", books)
        approval = asyncio.create_task(approve_overrun(case.referrer, visit_id))
        await until(migrator, waits, 1, approval)
        invoice = asyncio.create_task(submit_invoice(case.manager, case.world.framework_id, payer, period, None, shown))
        await until(migrator, waits, 2, invoice)
    await approval
    with pytest.raises(RecordsChanged):
        await invoice
    first: UUID = await send(both, own, period)
    assert (await ask(own, queries.invoice, first)).result.lines[0].minutes == 150
    # accepted and approved further at the same moment: the line is there once, or the referrer tries again
    accepting, approving = await asyncio.gather(
        accept_invoice(own, first), approve_overrun(case.referrer, visit_id, minutes=30), return_exceptions=True
    )
    assert accepting is None and isinstance(approving, Conflict)
    assert await migrator.fetchval("SELECT count(*) FROM other_line") == 0 and await differences(own) == []


async def until(migrator, question: str, so_many: int, task: asyncio.Task) -> None:
    """Until so many wait for a lock."""
    while await migrator.fetchval(question) < so_many:
        assert not task.done(), "it did not wait"
        await asyncio.sleep(0.01)

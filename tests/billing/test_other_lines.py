"""Lines beside visits: only against an agreement both sides made, as far as it goes, through invoice and books."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest

from marketplace.billing import agreement_queries, queries
from marketplace.billing.agreements import Terms, agree_to, propose, refuse
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.exports import case_of, lines_csv
from marketplace.billing.other_lines import add_line, take_back
from marketplace.billing.submitting import submit_invoice
from marketplace.billing.verify import verify_books
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy import calculators
from marketplace.policy.facts import Claim, ClaimLine
from marketplace.providers import file_actions
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at

MILES = Terms("mileage", "The school is far out", 45, 1_000, date(2026, 1, 1), date(2027, 12, 31))


async def a_file(case, migrator) -> UUID:
    """A file of the provider's that has been checked."""
    file = await file_actions.announce(
        case.manager, kind="policy", file_name="log.pdf", size=9, content_type="application/pdf"
    )
    await migrator.execute("UPDATE evidence SET state = 'checking', quarantine_version = 'v' WHERE id = $1", file.id)
    return file.id


async def agreed(case, terms: Terms = MILES) -> UUID:
    agreement_id = await propose(case.manager, case.package_id, terms)
    await agree_to(case.referrer, agreement_id)
    return agreement_id


async def miles(case, agreement_id: UUID, visit_id: UUID, file: UUID, units: int = 34) -> UUID:
    return await add_line(
        case.manager, agreement_id, day=None, visit_id=visit_id, units=units, cost_pence=0, says="To the pool",
        evidence_id=file,
    )  # fmt: skip


async def test_only_the_case_s_referrer_or_a_contract_manager_binds_the_council(case):
    colleague = await people.person_in(case.world.admin, "referrer", "Cole League")
    manager = await people.person_in(case.world.admin, "contract_manager", "Connie Tract")
    with pytest.raises(NotPermitted, match="colleague's case"):
        await propose(colleague, case.package_id, MILES)
    agreement_id = await propose(case.manager, case.package_id, MILES)
    with pytest.raises(NotPermitted, match="colleague's case"):
        await agree_to(colleague, agreement_id)
    with pytest.raises(NotPermitted, match="colleague's case"):
        await refuse(colleague, agreement_id, "Not mine to answer")
    await agree_to(manager, agreement_id)
    await refuse(case.referrer, await propose(case.manager, case.package_id, MILES), "Too far")


async def test_an_agreement_is_made_by_both_sides_and_by_nobody_else(case, migrator):
    with pytest.raises(InvalidInput) as fault:
        await propose(case.manager, case.package_id, Terms("report", " ", None, None, None, None))
    # this framework names no fees for reports
    assert set(fault.value.fields) == {"kind", "says", "unit", "most", "valid_from", "valid_to"}
    rival = await people.provider_org(case.world.settings)
    other = await people.council(case.world.settings, name="Southmere Council")
    elsewhere = await people.person_in(other, "referrer")
    with pytest.raises(NotFound):
        await propose(rival, case.package_id, MILES)
    agreement_id = await propose(case.manager, case.package_id, MILES)
    with pytest.raises(NotPermitted, match="other side"):
        await agree_to(case.manager, agreement_id)
    for stranger in (rival, elsewhere):
        with pytest.raises(NotFound):
            await agree_to(stranger, agreement_id)
        with pytest.raises(NotFound):
            await ask(stranger, agreement_queries.agreement, agreement_id)
    with pytest.raises(NotPermitted):
        await agree_to(case.family, agreement_id)
    duty = await migrator.fetchrow("SELECT * FROM obligation WHERE subject_id = $1", agreement_id)
    assert (duty["rule_key"], duty["owed_by_role"]) == ("task.decide_agreement", "referrer")
    with pytest.raises(Conflict, match="Both sides"):
        await miles(case, agreement_id, agreement_id, agreement_id)
    await agree_to(case.referrer, agreement_id)
    with pytest.raises(WrongState):
        await refuse(case.referrer, agreement_id, "Changed my mind")
    assert (await ask(case.referrer, agreement_queries.agreement, agreement_id)).state == "agreed"
    second = await propose(case.referrer, case.package_id, MILES)
    with pytest.raises(InvalidInput):
        await refuse(case.manager, second, " ")
    await refuse(case.manager, second, "Too little a mile")
    with pytest.raises(WrongState):
        await agree_to(case.manager, second)


async def test_miles_above_the_packs_are_billed_with_evidence_and_the_books_agree(
    case, clock, first_day, migrator, settings
):
    agreement_id, file = await agreed(case), await a_file(case, migrator)
    first = await visit_done(case, clock, first_day)
    second = await visit_done(case, clock, first_day + timedelta(days=1))
    with pytest.raises(InvalidInput) as fault:
        await add_line(
            case.manager, agreement_id, day=None, visit_id=file, units=0, cost_pence=0, says="", evidence_id=None
        )
    assert set(fault.value.fields) == {"visit_id", "units", "says", "evidence_id"}
    with pytest.raises(InvalidInput) as few:
        await miles(case, agreement_id, first, file, units=20)
    assert "first 20 miles" in few.value.fields["units"] and "P 4.9" in few.value.fields["units"]
    line = await miles(case, agreement_id, first, file)
    with pytest.raises(Conflict, match="added already"):
        await miles(case, agreement_id, first, file)
    assert await take_back(case.manager, line) == agreement_id
    line = await miles(case, agreement_id, first, file)
    capped = await miles(case, agreement_id, second, file, units=60)
    period = await period_of(case, first_day)
    found = await the_draft(case, period)
    # 14 miles above 20 at 45p; then 40 miles, of which the agreement's £10 still allow £3.70
    assert [(other.price_pence, other.payable_pence) for other in found.result.others] == [(630, 630), (370, 370)]
    assert found.result.gross_pence == 2 * 4800 + 1000 and not found.result.defects
    assert calculators.invoice(_bytes(case_of(found)))["gross_pence"] == found.result.gross_pence
    after(clock, period, days=1)
    invoice_id = await submitted(case, period)
    view = await ask(case.manager, queries.invoice, invoice_id)
    assert view.result.deduction_pence == 0 and view.result.net_pence == 10_600
    assert "Mileage, 34 miles" in lines_csv(view) and "6.30" in lines_csv(view)
    with pytest.raises(Conflict, match="bills this line"):
        await take_back(case.manager, capped)
    finance = await people.person_in(case.world.admin, "finance")
    assert (await ask(finance, verify_books)).differences == []
    await return_invoice(finance, invoice_id, "Look at the miles again")
    again = await submitted(case, period)
    assert (await ask(case.manager, queries.invoice, again)).result.gross_pence == 10_600
    assert (await ask(finance, verify_books)).differences == []
    await accept_invoice(finance, again)
    async with at(create_marketplace(settings), settings, case.manager) as door:
        shown = text_of(await door.get(f"/invoices/{again}"))
        assert "Lines beside visits" in shown and "Mileage, 60 miles" in shown
        page = text_of(await door.get(f"/agreements/{agreement_id}"))
        assert "Billed so far £10.00" in page and "Invoice 2" in page
    assert (await ask(finance, agreement_queries.agreement, agreement_id)).left_pence == 0
    await migrator.execute("ALTER TABLE invoice_other_line DISABLE TRIGGER USER")
    await migrator.execute("UPDATE invoice_other_line SET payable_pence = 629 WHERE line_id = $1 AND counts", line)
    (said,) = (await ask(finance, verify_books)).differences
    assert said == f"invoice {again}: line {line}: its row has payable_pence 629, judged and claimed 630"
    await migrator.execute("ALTER TABLE other_line DISABLE TRIGGER other_line_kept")
    await migrator.execute("UPDATE other_line SET units = 33 WHERE id = $1", line)
    assert any("lines beside visits" in each for each in (await ask(finance, verify_books)).differences)


async def test_a_line_is_taken_back_before_an_invoice_or_after_it_and_never_meanwhile(case, clock, first_day, migrator):
    agreement_id, file = await agreed(case), await a_file(case, migrator)
    visit_id = await visit_done(case, clock, first_day)
    line = await miles(case, agreement_id, visit_id, file)
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    payer = case.referrer.organisation_id
    shown = (await the_draft(case, period)).fingerprint
    # the books held as by an invoice on its way: first the invoice waits there, then whoever takes the line back
    books = f"invoice {case.world.framework_id} {case.manager.organisation_id} {payer}"
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with migrator.transaction():
        await migrator.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", books)
        invoice = asyncio.create_task(submit_invoice(case.manager, case.world.framework_id, payer, period, None, shown))
        await waiting(migrator, waits, 1, invoice)
        back = asyncio.create_task(take_back(case.manager, line))
        await waiting(migrator, waits, 2, back)
    invoice_id = await invoice
    with pytest.raises(Conflict, match="bills this line"):
        await back
    assert (await ask(case.manager, queries.invoice, invoice_id)).result.gross_pence == 4800 + 630
    with pytest.raises(Conflict, match="added already"):
        await miles(case, agreement_id, visit_id, file)


async def waiting(migrator, question: str, so_many: int, task: asyncio.Task) -> None:
    """Until so many wait for a lock; the task's own answer where it did not wait at all."""
    while await migrator.fetchval(question) < so_many:
        assert not task.done(), "it did not wait"
        await asyncio.sleep(0.01)


async def test_more_than_the_agreement_allows_is_inaccurate_and_is_credited(case, clock, first_day, migrator):
    agreement_id, file = await agreed(case), await a_file(case, migrator)
    visit_id = await visit_done(case, clock, first_day)
    line = await miles(case, agreement_id, visit_id, file)
    period = await period_of(case, first_day)
    for pence, why in ((1_001, "beyond_agreement"), (640, "not_the_price")):
        asked = Claim((ClaimLine(str(visit_id), 4800), ClaimLine(str(line), pence)), 4800 + pence)
        found = await the_draft(case, period, asked)
        assert [(each.kind, each.visit, each.why) for each in found.result.defects] == [
            ("inaccurate", str(line), (why,))
        ]
    # left for a later invoice, it costs nothing
    left = Claim((ClaimLine(str(visit_id), 4800),), 4800)
    assert (await the_draft(case, period, left)).result.defects == ()
    after(clock, period, days=1)
    invoice_id = await submitted(case, period, asked)
    finance = await people.person_in(case.world.admin, "finance")
    await accept_invoice(finance, invoice_id)
    note = await migrator.fetchrow("SELECT kind, pence FROM credit_note")
    assert (note["kind"], note["pence"]) == ("claim", 10)
    assert (await ask(finance, verify_books)).differences == []


async def test_the_pages_propose_agree_and_add_a_line(case, clock, first_day, migrator, settings):
    file = await a_file(case, migrator)
    visit_id = await visit_done(case, clock, first_day)
    app = create_marketplace(settings)
    typed = {
        "kind": "mileage", "says": "The school is far out", "unit": "0.45", "most": "10", "valid_from-day": "1",
        "valid_from-month": "1", "valid_from-year": "2026", "valid_to-day": "31", "valid_to-month": "12",
        "valid_to-year": "2026",
    }  # fmt: skip
    address = f"/packages/{case.package_id}/agreement"
    async with at(app, settings, case.manager) as door:
        assert "No agreements yet" in text_of(await door.get("/agreements"))
        wrong = await door.post(address, typed | {"most": "lots"})
        assert "Error" in text_of(wrong) and "The school is far out" in wrong.text
        assert "Check before you propose it" in text_of(await door.post(address, typed))
        made = await door.post(address, typed | {"step": "check"})
        agreement = made.headers["location"]
        assert "Take the proposal back" in text_of(await door.get(agreement))
    async with at(app, settings, case.referrer) as door:
        assert "Do you agree?" in text_of(await door.get(agreement))
        assert "Error" in text_of(await door.post(agreement, {"decision": "refuse"}))
        assert (await door.post(agreement, {"decision": "agree"})).status_code == 303
        assert (await door.get(f"{agreement}/line")).status_code == 403
    async with at(app, settings, case.manager) as door:
        assert "Only miles above 20" in text_of(await door.get(f"{agreement}/line"))
        empty = await door.post(f"{agreement}/line", {})
        assert "Error" in text_of(empty)
        done = await door.post(
            f"{agreement}/line",
            {"visit_id": str(visit_id), "units": "34", "says": "To the pool", "evidence_id": str(file)},
        )
        assert done.status_code == 303
        period = await period_of(case, first_day)
        draft = f"/invoices/draft/{case.world.framework_id}/{case.referrer.organisation_id}/{period.first_day}"
        shown = await door.get(draft)
        assert "Lines beside visits" in text_of(shown) and 'value="6.30"' in shown.text
        listed = (await door.client.get("/api/v1/agreements")).json()
        lines = (await door.client.get(f"/api/v1{agreement}/lines")).json()
        assert [row["state"] for row in listed] == ["agreed"] and [row["units"] for row in lines] == [34]


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


def _bytes(case) -> bytes:
    return msgspec.json.encode(case)

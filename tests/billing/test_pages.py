"""Four weeks over HTTP: the draft, what would cost the deduction, checking, submitting, and the console's decision."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import pytest

from marketplace.billing.deciding import return_invoice
from marketplace.packages import signing
from marketplace.policy.calculators import invoice as calculate
from marketplace.policy.invoicing import invoice_due_at
from marketplace.web.filters import moment
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


@pytest.fixture
def console(database, clock):
    return create_console(database, clock)


@pytest.fixture
async def period(case, clock, first_day):
    """A finished period with two clean visits and one the family has not signed."""
    await visit_done(case, clock, first_day)
    await visit_done(case, clock, first_day + timedelta(days=1))
    await visit_done(case, clock, first_day + timedelta(days=2), signed=False)
    found = await period_of(case, first_day)
    after(clock, found, hours=9)
    return found


def address(case, period) -> str:
    return f"/invoices/draft/{case.world.framework_id}/{case.referrer.organisation_id}/{period.first_day}"


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


def typed(answer) -> dict[str, list[str]]:
    """What a browser would send of the page's form without touching it."""
    form = answer.text.split("<main", 1)[-1].split('<form method="post" novalidate>', 1)[1].split("</form>", 1)[0]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]+>", form):
        of = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" in of and (of.get("type") != "checkbox" or tag.endswith(" checked>")):
            sent.setdefault(of["name"], []).append(of.get("value", ""))
    sent.pop("_csrf")
    return sent


async def test_the_period_grows_is_checked_submitted_and_frozen(app, settings, case, clock, first_day):
    await visit_done(case, clock, first_day)
    period = await period_of(case, first_day)
    where = address(case, period)
    async with at(app, settings, case.manager) as door:
        listed = text_of(await door.get("/invoices"))
        assert "Growing" in listed and "See it grow" in listed
        page = await door.get(where)
        assert "This period is still running" in page.text and "Nothing is wrong with it" in page.text
        check = await door.post(where, typed(page) | {"step": "check"})
        assert check.status_code == 200 and "The period is still running" in check.text
        assert "Submit the invoice" not in text_of(check)
        early = await door.post(where, typed(check) | {"step": "submit"})
        assert early.status_code == 409 and "not over yet" in early.text
        after(clock, period, hours=9)
        assert "To submit" in text_of(await door.get("/invoices"))
        check = await door.post(where, typed(await door.get(where)) | {"step": "check"})
        assert "Submitting freezes the invoice" in check.text
        done = await door.post(where, typed(check) | {"step": "submit"})
        assert done.status_code == 303
        frozen = await door.get(done.headers["location"])
        assert "Invoice 1" in frozen.text and "The invoice is submitted and frozen" in frozen.text
        again = await door.post(where, typed(check) | {"step": "submit"}, page="/profile")
        assert again.headers["location"] == done.headers["location"]
        told = text_of(await door.get(again.headers["location"]))
        assert "Important This period's invoice has been submitted already" in told and "Success" not in told
        assert (await door.get(where)).headers["location"] == done.headers["location"]
        listed = text_of(await door.get("/invoices"))
        assert "Submitted" in listed and "To submit" not in listed


async def test_every_defect_is_shown_with_its_cost_and_its_mend_before_it_costs_anything(
    app, settings, case, period, clock
):
    where = address(case, period)
    found = await the_draft(case, period)
    held = next(record for record in found.records if not record.facts.family_signed)
    clean = [record for record in found.records if record is not held]
    async with at(app, settings, case.manager) as door:
        page = await door.get(where)
        assert "Nothing is wrong with it" in page.text and "the family's confirmation" in text_of(page)
        sent = typed(page)
        assert sorted(sent["bill"]) == sorted(str(record.id) for record in clean)
        sent["bill"] = [str(held.id), str(clean[0].id)]
        sent[f"amount-{held.id}"] = ["48.00"]
        sent[f"amount-{clean[0].id}"] = ["48.01"]
        check = await door.post(where, sent | {"step": "check"})
        shown = text_of(check)
        assert "loses £100.00 once, however many reasons there are (L 7.11)" in shown
        assert "it is billed although its record is not finished. It lacks the family's confirmation." in shown
        assert "the amount is not what the record and the rate card give" in shown
        assert "its record is finished and has a price, but it is not billed" in shown
        assert check.text.count(f"/visits/{held.id}") == 1 and "Not billed now" in shown
        assert (await door.get(f"/visits/{held.id}")).status_code == 200
        edit = await door.post(where, typed(check) | {"step": "edit"})
        assert edit.status_code == 200 and 'value="48.01"' in edit.text and "loses £100.00" in text_of(edit)
        for field in (f"amount-{clean[0].id}", f"bill-{clean[1].id}"):  # each defect leads to where it is mended
            assert f'href="#{field}"' in edit.text and f'id="{field}"' in edit.text and f"#{field}" not in check.text
        assert sorted(typed(edit)["bill"]) == sorted(sent["bill"])
        assert typed(edit)[f"amount-{clean[1].id}"] == ["48.00"]
        done = await door.post(where, typed(check) | {"step": "submit"})
        frozen = text_of(await door.get(done.headers["location"]))
        assert "Why £100.00 was deducted" in frozen and "Under L 7.11" in frozen
        assert frozen.count("Incomplete:") == 2 and frozen.count("Inaccurate:") == 1
        assert f"{held.package_reference}, {moment(held.facts.planned_start)}: it is billed although" in frozen
        assert "may dispute it until" in frozen


async def test_what_is_typed_wrongly_is_kept_and_told_with_its_visit(app, settings, case, period):
    where = address(case, period)
    async with at(app, settings, case.manager) as door:
        sent = typed(await door.get(where))
        one = sent["bill"][0]
        sent[f"amount-{one}"] = ["forty-eight"]
        answer = await door.post(where, sent | {"step": "check"})
        assert answer.status_code == 400
        assert 'value="forty-eight"' in answer.text and f'href="#amount-{one}"' in answer.text
        assert re.search(
            r"The amount for the visit on \d+ June 2026, 4pm of \S+ must be an amount in pounds", answer.text
        )
        sent["bill"] = ["not-a-visit", "00000000-0000-0000-0000-000000000001"]
        answer = await door.post(where, sent | {"step": "submit"})
        assert answer.status_code == 400 and "Choose visits to bill from the list" in answer.text


async def test_a_stale_page_is_told_what_has_changed_and_keeps_the_rest(app, settings, case, period, clock):
    where = address(case, period)
    found = await the_draft(case, period)
    held = next(record for record in found.records if not record.facts.family_signed)
    async with at(app, settings, case.manager) as door:
        page = await door.get(where)
        sent = typed(page)
        kept = sent["bill"][0]
        sent[f"amount-{kept}"] = ["47.00"]
        check = await door.post(where, sent | {"step": "check"})
        await signing.family_confirms(case.family, held.id, text_hash=(await case.visit(held.id)).record_hash)
        stale = await door.post(where, typed(check) | {"step": "submit"})
        assert stale.status_code == 409
        assert re.search(r"The visit on \d+ June 2026, 4pm of \S+ has changed since you looked", stale.text)
        assert f'href="#bill-{held.id}"' in stale.text
        now = typed(stale)
        assert str(held.id) in now["bill"] and now[f"amount-{kept}"] == ["47.00"]
        again = await door.post(where, now | {"step": "check"})
        assert again.status_code == 200 and "loses £100.00" in text_of(again)
        assert (await door.post(where, typed(again) | {"step": "submit"})).status_code == 303


async def test_late_by_the_second_is_told_on_the_page(app, settings, case, period, clock):
    where = address(case, period)
    due = invoice_due_at((await the_draft(case, period)).pack, period)
    async with at(app, settings, case.manager) as door:
        clock.move_to(due - timedelta(seconds=1))
        assert "Nothing is wrong with it" in (await door.get(where)).text
        clock.move_to(due)
        shown = text_of(await door.get(where))
        assert "loses £100.00 once" in shown and "Carried to the next invoice £4.00" in shown
        assert "It is submitted after the due moment." in shown


async def test_a_finance_officer_returns_accepts_and_meets_no_child(
    console, app, settings, case, period, finance, clock
):
    first = await submitted(case, period)
    async with at(console, settings, finance) as door:
        listed = text_of(await door.get("/invoices"))
        assert "Alder Care" in listed and "Submitted (1)" in listed
        page = await door.get(f"/invoices/{first}")
        shown = text_of(page)
        for secret in ("Maya", "Okonkwo", "pasta", "swimming", "Larkspur", "Calm and cheerful"):
            assert secret not in page.text
        assert "Alder Worker 1" in shown and "own sign-in" in shown and "Accepting means £96.00 is to be paid" in shown
        empty = await door.post(f"/invoices/{first}/return", {"reason": " "}, page=f"/invoices/{first}")
        assert empty.status_code == 400 and "Enter what the provider must mend" in empty.text
        sent = {"reason": "One visit is missing.\nPlease look again."}
        done = await door.post(f"/invoices/{first}/return", sent, page=f"/invoices/{first}")
        assert done.status_code == 303
        returned = await door.get(f"/invoices/{first}")
        assert "Returned: One visit is missing." in text_of(returned) and "Accept the invoice" not in returned.text
    async with at(app, settings, case.manager) as door:
        assert "Correct and submit" in text_of(await door.get("/invoices"))
        assert "Correct and submit it again" in (await door.get(f"/invoices/{first}")).text
        draft = await door.get(address(case, period))
        assert "Invoice 1 was returned: One visit is missing." in text_of(draft)
        check = await door.post(address(case, period), typed(draft) | {"step": "check"})
        second = (await door.post(address(case, period), typed(check) | {"step": "submit"})).headers["location"]
        assert "This one was replaced by" in text_of(await door.get(f"/invoices/{first}"))
    async with at(console, settings, finance) as door:
        assert "Invoice 2 of Alder Care" in text_of(await door.get(second))
        assert (await door.post(f"{second}/accept", page=second)).status_code == 303
        assert "Accepted (1)" in text_of(await door.get("/invoices?state=none&page=99999999999999999999999"))
        assert "Pay a valid invoice , Invoice 2 of Alder Care" in text_of(await door.get("/today"))


async def test_two_officers_at_once_the_second_is_told(console, settings, case, period, finance):
    invoice_id = await submitted(case, period)
    colleague = await people.person_in(case.world.admin, "finance", "Fiona Nance")
    async with at(console, settings, finance) as one, at(console, settings, colleague) as two:
        page = f"/invoices/{invoice_id}"
        token = re.search(r'name="_csrf" value="([^"]+)"', (await two.get(page)).text)
        assert token
        assert (await one.post(f"{page}/accept", page=page)).status_code == 303
        late = await two.client.post(
            f"{page}/accept", data={"_csrf": token.group(1)}, headers={"origin": str(two.client.base_url)}
        )
        assert late.status_code == 409 and "accepted" in text_of(late)
        shown = text_of(await two.get(page))
        assert "To be paid by" in shown and "Accept the invoice" not in shown


async def test_an_invoice_built_on_is_not_returned(console, settings, case, period, finance, clock, first_day):
    first = await submitted(case, period)
    following = await period_of(case, period.last_day + timedelta(days=1))
    await visit_done(case, clock, following.first_day + timedelta(days=3))
    after(clock, following, hours=9)
    await submitted(case, following)
    async with at(console, settings, finance) as door:
        page = f"/invoices/{first}"
        answer = await door.post(f"{page}/return", {"reason": "Mend it"}, page=page)
        assert answer.status_code == 409
        assert "already built on what this one carries" in text_of(answer) and "Mend it" in answer.text


async def test_the_lines_as_a_file_and_the_case_for_the_calculator(app, console, settings, case, period, finance):
    async with at(app, settings, case.manager) as door:
        kept = await door.get(f"{address(case, period)}/case.json")
        output = calculate(json.dumps(kept.json()).encode())
        found = await the_draft(case, period)
        assert output["net_pence"] == found.result.net_pence
        invoice_id = await submitted(case, period)
        mine = await door.get(f"/invoices/{invoice_id}/lines.csv")
    async with at(console, settings, finance) as door:
        theirs = await door.get(f"/invoices/{invoice_id}/lines.csv")
    for file in (mine, theirs):
        assert file.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
        assert [row["held"] for row in rows] == ["no", "no", "yes"]
        assert [row["payable_pounds"] for row in rows] == ["48.00", "48.00", "0.00"]


async def test_whose_it_is_not_finds_nothing(app, console, settings, case, period, finance):
    invoice_id = await submitted(case, period)
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere Council"), "finance")
    async with at(app, settings, rival) as door:
        for path in (f"/invoices/{invoice_id}", f"/invoices/{invoice_id}/lines.csv"):
            assert (await door.get(path)).status_code == 404
        shown = await door.get(address(case, period))
        assert shown.status_code == 404 or "No visits to bill yet" in shown.text
        assert "No visits yet" in (await door.get("/invoices")).text
    async with at(console, settings, elsewhere) as door:
        assert "No invoices here" in (await door.get("/invoices")).text
        for path in (f"/invoices/{invoice_id}", f"/invoices/{invoice_id}/lines.csv"):
            assert (await door.get(path)).status_code == 404
    async with at(app, settings, case.worker) as door:
        assert (await door.get("/invoices")).status_code == 403
    contracts = await people.person_in(case.world.admin, "contract_manager", "Connie Tract")
    async with at(console, settings, contracts) as door:
        assert "Accept the invoice" not in (await door.get(f"/invoices/{invoice_id}")).text


@pytest.mark.parametrize("day", ["2026-05-05", "2099-01-01", "0001-01-01", "9999-12-31"])
async def test_a_period_that_is_none_is_not_found(app, settings, case, day):
    async with at(app, settings, case.manager) as door:
        for end in ("", "/case.json"):
            where = f"/invoices/draft/{case.world.framework_id}/{case.referrer.organisation_id}/{day}{end}"
            assert (await door.get(where)).status_code == 404


async def test_the_returned_one_keeps_its_first_deduction_on_the_page(app, settings, case, period, finance, clock):
    clock.move_to(invoice_due_at((await the_draft(case, period)).pack, period))
    first = await submitted(case, period)
    await return_invoice(finance, first, "Look at the amounts.")
    async with at(app, settings, case.manager) as door:
        page = text_of(await door.get(address(case, period)))
        assert "the time and the deduction of the first submission stay" in page
        assert "It is submitted after the due moment." in page

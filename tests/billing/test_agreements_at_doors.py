"""Agreements at both doors: found from the invoices, listed as CSV, files opened, lines on the e-invoice."""

from __future__ import annotations

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] it has no types

from marketplace.billing.agreements import propose
from marketplace.billing.documents import invoice_document
from marketplace.billing.einvoice import CAC, CBC, ubl
from marketplace.platform.database import ask
from tests.billing.test_einvoice import Verdict, assert_good, judge, parties
from tests.billing.test_other_lines import MILES, agreed, miles, text_of
from tests.providers.test_files import checked
from tests.world import files, people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, visit_done
from tests.world.door import at
from tests.world.file_servers import store, with_store

__all__ = ["Verdict", "judge", "parties", "store"]


@pytest.fixture
def stored(database, store):
    return with_store(database, store)


async def test_from_the_agreements_file_to_its_line_on_the_e_invoice(
    stored, case, world, finance, clock, first_day, parties, judge
):
    log = await checked(case.manager, stored, files.plain_pdf("Mileage log"), kind="other", name="log.pdf")
    apart = await checked(case.manager, stored, files.plain_pdf("Apart"), kind="other", name="apart.pdf")
    agreement_id = await agreed(case)
    visit_id = await visit_done(case, clock, first_day)
    await miles(case, agreement_id, visit_id, log["id"])
    here = f"/agreements/{agreement_id}"
    app, console = create_marketplace(stored), create_console(stored)
    contracts = await people.person_in(world.admin, "contract_manager", "Connie Tract")
    rival = await people.provider_org(stored, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(stored, "Southmere"), "finance")
    async with at(console, stored, finance) as desk:
        assert 'href="/agreements"' in (await desk.get("/invoices")).text
        assert f'href="{here}"' in (await desk.get("/agreements")).text
        saved = await desk.get("/agreements?format=csv")
        assert saved.headers["content-type"].startswith("text/csv")
        assert "Mileage," in saved.text and ",0.45,10.00,0.00,10.00,2026-01-01,2027-12-31,Agreed" in saved.text
        shown = text_of(await desk.get(here))
        assert "log.pdf" in shown and "Do you agree?" not in shown
        opened = await desk.get(f"{here}/files/{log['id']}")
        assert opened.status_code == 200 and opened.content.startswith(b"%PDF")
        assert (await desk.get(f"{here}/files/{apart['id']}")).status_code == 404
        assert (await desk.get(f"{here}/line")).status_code == 404  # only a provider bills
        assert (await desk.post(here, {"decision": "agree"})).status_code == 403
    async with at(console, stored, elsewhere) as desk:
        for path in (here, f"{here}/files/{log['id']}"):
            assert (await desk.get(path)).status_code == 404
        assert "No agreements yet" in text_of(await desk.get("/agreements"))
    async with at(app, stored, rival) as door:
        assert (await door.get(here)).status_code == 404
        assert "log" not in (await door.get("/agreements?format=csv")).text
    async with at(app, stored, case.manager) as door:
        assert 'href="/agreements"' in (await door.get("/invoices")).text
        assert (await door.get(f"{here}/files/{log['id']}")).status_code == 403  # its own files are under Evidence
    second = await propose(case.manager, case.package_id, MILES)
    async with at(console, stored, contracts) as desk:  # the console decides, too
        assert "Do you agree?" in text_of(await desk.get(f"/agreements/{second}"))
        assert "Error" in text_of(await desk.post(f"/agreements/{second}", {"decision": "refuse", "reason": " "}))
        assert (await desk.post(f"/agreements/{second}", {"decision": "agree"})).status_code == 303
        assert "Agreed" in text_of(await desk.get(f"/agreements/{second}"))
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    invoice_id = await submitted(case, period)
    xml = ubl(await ask(finance, invoice_document, invoice_id))
    assert_good(judge(xml))
    lines = etree.fromstring(xml).findall(f"{{{CAC}}}InvoiceLine")
    said = [
        (line.findtext(f"{{{CAC}}}Item/{{{CBC}}}Name"), line.findtext(f"{{{CBC}}}LineExtensionAmount"))
        for line in lines
    ]
    assert len(said) == 2 and said[0][1] == "48.00"
    # 14 miles above the pack's 20, at 45p
    assert "Mileage" in said[1][0] and said[1][1] == "6.30"

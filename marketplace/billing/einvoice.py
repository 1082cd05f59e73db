"""A document as UBL 2.1 after Peppol BIS Billing 3.0 (EN 16931): invoice (380) or credit note (381)."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from marketplace.billing.documents import Document
from marketplace.billing.parties import Party

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CAC = f"{UBL}CommonAggregateComponents-2"
CBC = f"{UBL}CommonBasicComponents-2"
CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
GLN, UK_VAT = "0088", "9932"  # schemes of electronic addresses
DISCOUNT = "95"  # UNCL 5189: the nearest the code list has to a sum kept back
CREDIT_TRANSFER = "30"


def ubl(document: Document) -> bytes:
    """The document as XML."""
    note = document.kind == "credit_note"
    root_name = "CreditNote" if note else "Invoice"
    Xml.register_namespace("cac", CAC)
    Xml.register_namespace("cbc", CBC)
    space = f"{UBL}{root_name}-2"
    Xml.register_namespace("ubl", space)
    root = Xml.Element(f"{{{space}}}{root_name}")
    _text(root, "CustomizationID", CUSTOMIZATION)
    _text(root, "ProfileID", PROFILE)
    _text(root, "ID", document.number)
    _text(root, "IssueDate", document.issued_on.isoformat())
    if document.due_on and not note:
        _text(root, "DueDate", document.due_on.isoformat())
    _text(root, f"{root_name}TypeCode", "381" if note else "380")
    _text(root, "DocumentCurrencyCode", "GBP")
    _text(root, "BuyerReference", document.buyer.buyer_reference or document.contract)
    period = _group(root, "InvoicePeriod")
    _text(period, "StartDate", document.period.first_day.isoformat())
    _text(period, "EndDate", document.period.last_day.isoformat())
    if document.of_invoice:
        of = _group(root, "BillingReference", "InvoiceDocumentReference")
        _text(of, "ID", document.of_invoice[0])
        _text(of, "IssueDate", document.of_invoice[1].isoformat())
    _text(_group(root, "ContractDocumentReference"), "ID", document.contract)
    _party(_group(root, "AccountingSupplierParty", "Party"), document.seller, vat=document.category != "O")
    _party(_group(root, "AccountingCustomerParty", "Party"), document.buyer, vat=False)
    _payment(root, document)
    for allowance in document.allowances:
        group = _group(root, "AllowanceCharge")
        _text(group, "ChargeIndicator", "false")
        _text(group, "AllowanceChargeReasonCode", DISCOUNT)
        _text(group, "AllowanceChargeReason", allowance.reason)
        _amount(group, "Amount", allowance.pence)
        _category(group, "TaxCategory", document)
    _tax(root, document)
    total = _group(root, "LegalMonetaryTotal")
    _amount(total, "LineExtensionAmount", document.lines_pence)
    _amount(total, "TaxExclusiveAmount", document.payable_pence)
    _amount(total, "TaxInclusiveAmount", document.payable_pence)
    _amount(total, "AllowanceTotalAmount", document.allowance_pence)
    _amount(total, "PayableAmount", document.payable_pence)
    for number, line in enumerate(document.lines, start=1):
        group = _group(root, f"{root_name}Line")
        _text(group, "ID", str(number))
        _text(group, "CreditedQuantity" if note else "InvoicedQuantity", "1", unitCode="C62")
        _amount(group, "LineExtensionAmount", line.pence)
        item = _group(group, "Item")
        _text(item, "Name", line.name)
        _category(item, "ClassifiedTaxCategory", document)
        _amount(_group(group, "Price"), "PriceAmount", line.pence)
    Xml.indent(root)
    return Xml.tostring(root, encoding="UTF-8", xml_declaration=True)


def _party(group: Xml.Element, party: Party, *, vat: bool) -> None:
    _text(group, "EndpointID", party.gln or party.vat_number, schemeID=GLN if party.gln else UK_VAT)
    _text(_group(group, "PartyName"), "Name", party.name)
    address = _group(group, "PostalAddress")
    _text(address, "StreetName", party.street)
    _text(address, "CityName", party.city)
    _text(address, "PostalZone", party.postcode)
    _text(_group(address, "Country"), "IdentificationCode", "GB")
    if vat:
        tax = _group(group, "PartyTaxScheme")
        _text(tax, "CompanyID", party.vat_number)
        _text(_group(tax, "TaxScheme"), "ID", "VAT")
    legal = _group(group, "PartyLegalEntity")
    _text(legal, "RegistrationName", party.name)
    if party.company_number:
        _text(legal, "CompanyID", party.company_number)


def _payment(root: Xml.Element, document: Document) -> None:
    means = _group(root, "PaymentMeans")
    _text(means, "PaymentMeansCode", CREDIT_TRANSFER, name="Credit transfer")
    _text(means, "PaymentID", document.number)
    account = _group(means, "PayeeFinancialAccount")
    seller = document.seller
    _text(account, "ID", seller.account_number)
    _text(account, "Name", seller.account_name or seller.name)
    _text(_group(account, "FinancialInstitutionBranch"), "ID", seller.sort_code)
    if document.kind == "invoice" and document.due_on is None:
        _text(_group(root, "PaymentTerms"), "Note", "Paid within the framework's days from receipt of a valid invoice")


def _tax(root: Xml.Element, document: Document) -> None:
    total = _group(root, "TaxTotal")
    _amount(total, "TaxAmount", 0)
    part = _group(total, "TaxSubtotal")
    _amount(part, "TaxableAmount", document.payable_pence)
    _amount(part, "TaxAmount", 0)
    _category(part, "TaxCategory", document, why=True)


def _category(group: Xml.Element, name: str, document: Document, *, why: bool = False) -> None:
    category = _group(group, name)
    _text(category, "ID", document.category)
    if document.category == "E":
        _text(category, "Percent", "0")
    if why:
        _text(category, "TaxExemptionReasonCode", document.exemption_code)
        _text(category, "TaxExemptionReason", document.exemption_text)
    _text(_group(category, "TaxScheme"), "ID", "VAT")


def _group(parent: Xml.Element, *names: str) -> Xml.Element:
    for name in names:
        parent = Xml.SubElement(parent, f"{{{CAC}}}{name}")
    return parent


def _text(parent: Xml.Element, tag: str, text: str, **attributes: str) -> None:
    Xml.SubElement(parent, f"{{{CBC}}}{tag}", attributes).text = text


def _amount(parent: Xml.Element, name: str, pence: int) -> None:
    _text(parent, name, f"{pence // 100}.{pence % 100:02d}", currencyID="GBP")

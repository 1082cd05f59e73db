"""Case scope: money, keyed (commissioner_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Date, Integer, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class Invoice(Table, db=ENGINE, tablename="invoice"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    first_day = Date(default=None, null=False)
    last_day = Date(default=None, null=False)
    number = Integer(default=None, null=False)
    state = Text(default="submitted", null=False)
    submitted_at = Timestamptz(default=None, null=False)
    submitted_by = UUID(default=None, null=False)
    due_at = Timestamptz(default=None, null=False)
    claim = JSONB(default=None, null=False)
    result = JSONB(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    gross_pence = Integer(default=None, null=False)
    deduction_pence = Integer(default=None, null=False)
    carried_in_pence = Integer(default=None, null=False)
    net_pence = Integer(default=None, null=False)
    carried_out_pence = Integer(default=None, null=False)
    received_at = Timestamptz(default=None, null=True)
    accepted_at = Timestamptz(default=None, null=True)
    accepted_by = UUID(default=None, null=True)
    returned_at = Timestamptz(default=None, null=True)
    returned_by = UUID(default=None, null=True)
    returned_reason = Text(default=None, null=True)
    replaces_id = UUID(default=None, null=True)
    replaced_at = Timestamptz(default=None, null=True)
    pay_by = Date(default=None, null=True)
    paid_at = Timestamptz(default=None, null=True)
    parties = JSONB(default=None, null=True)


class InvoiceLine(Table, db=ENGINE, tablename="invoice_line"):
    commissioner_id = UUID(default=None, null=False)
    invoice_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    position = Integer(default=None, null=False)
    visit_commissioner_id = UUID(default=None, null=False)
    visit_id = UUID(primary_key=True, default=None, null=False)
    minutes = Integer(default=None, null=False)
    percent = Integer(default=None, null=False)
    price_pence = Integer(default=None, null=True)
    held = Boolean(default=None, null=False)
    claimed_pence = Integer(default=None, null=True)
    payable_pence = Integer(default=None, null=False)
    counts = Boolean(default=True, null=False)
    overrun_minutes = Integer(default=None, null=True)


class LedgerEntry(Table, db=ENGINE, tablename="ledger_entry"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    at = Timestamptz(default=None, null=False)
    kind = Text(default=None, null=False)
    subject_type = Text(default=None, null=False)
    subject_id = UUID(default=None, null=False)
    written_by = UUID(default=None, null=False)
    dedupe_key = Text(default=None, null=False)
    purchase_id = UUID(default=None, null=True)


class LedgerPosting(Table, db=ENGINE, tablename="ledger_posting"):
    commissioner_id = UUID(default=None, null=False)
    entry_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    account = Text(primary_key=True, default=None, null=False)
    pence = BigInt(default=None, null=False)


class CreditNote(Table, db=ENGINE, tablename="credit_note"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    invoice_id = UUID(default=None, null=False)
    kind = Text(default=None, null=False)
    defect = Text(default=None, null=True)
    state = Text(default="asked", null=False)
    pence = Integer(default=None, null=False)
    reason = Text(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    refused_at = Timestamptz(default=None, null=True)
    refused_by = UUID(default=None, null=True)
    refused_reason = Text(default=None, null=True)
    number = Integer(default=None, null=True)
    confirmed_at = Timestamptz(default=None, null=True)
    confirmed_by = UUID(default=None, null=True)
    carried_pence = Integer(default=0, null=False)
    asked_times = Integer(default=1, null=False)
    most_asked = Integer(default=None, null=False)
    clock_stands = Boolean(default=None, null=False)
    waits = JSONB(default="[]", null=False)
    decided_reason = Text(default=None, null=True)
    withdrawn_at = Timestamptz(default=None, null=True)
    withdrawn_by = UUID(default=None, null=True)


class PaymentRun(Table, db=ENGINE, tablename="payment_run"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    number = Integer(default=None, null=False)
    state = Text(default="built", null=False)
    total_pence = BigInt(default=None, null=False)
    four_eyes = Boolean(default=None, null=False)
    built_at = Timestamptz(default=None, null=False)
    built_by = UUID(default=None, null=False)
    approved_at = Timestamptz(default=None, null=True)
    approved_by = UUID(default=None, null=True)
    exported_at = Timestamptz(default=None, null=True)
    exported_by = UUID(default=None, null=True)
    control_hash = Text(default=None, null=True)
    taken = Integer(default=0, null=False)
    cancelled_at = Timestamptz(default=None, null=True)
    cancelled_by = UUID(default=None, null=True)


class PaymentLine(Table, db=ENGINE, tablename="payment_line"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    run_id = UUID(default=None, null=False)
    position = Integer(default=None, null=False)
    invoice_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    pence = Integer(default=None, null=False)
    counts = Boolean(default=True, null=False)
    paid_on = Date(default=None, null=True)
    marked_at = Timestamptz(default=None, null=True)
    marked_by = UUID(default=None, null=True)
    dispute_id = UUID(default=None, null=True)
    account_name = Text(default="", null=False)
    sort_code = Text(default="", null=False)
    account_number = Text(default="", null=False)
    account_note = Text(default="", null=False)


class DeductionDispute(Table, db=ENGINE, tablename="deduction_dispute"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    invoice_id = UUID(default=None, null=False)
    first_day = Date(default=None, null=False)
    pence = Integer(default=None, null=False)
    says = Text(default=None, null=False)
    state = Text(default="open", null=False)
    raised_by = UUID(default=None, null=False)
    raised_at = Timestamptz(default=None, null=False)
    reason_code = Text(default=None, null=True)
    proposed_by = UUID(default=None, null=True)
    proposed_at = Timestamptz(default=None, null=True)
    decided_by = UUID(default=None, null=True)
    decided_at = Timestamptz(default=None, null=True)
    second_needed = Boolean(default=None, null=False)
    payable_pence = Integer(default=None, null=True)
    off_pence = Integer(default=None, null=True)
    paid_on = Date(default=None, null=True)
    paid_by = UUID(default=None, null=True)
    pay_by = Date(default=None, null=True)


class DisputeStep(Table, db=ENGINE, tablename="dispute_step"):
    commissioner_id = UUID(default=None, null=False)
    dispute_id = UUID(default=None, null=False)
    position = Integer(primary_key=True, default=None, null=False)
    provider_id = UUID(default=None, null=False)
    at = Timestamptz(default=None, null=False)
    what = Text(default=None, null=False)
    by_person = UUID(default=None, null=False)
    by_name = Text(default=None, null=False)
    reason_code = Text(default=None, null=True)
    says = Text(default=None, null=False)


class DisputeEvidence(Table, db=ENGINE, tablename="dispute_evidence"):
    commissioner_id = UUID(default=None, null=False)
    dispute_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    evidence_id = UUID(primary_key=True, default=None, null=False)


class ProviderDebt(Table, db=ENGINE, tablename="provider_debt"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    pence = Integer(default=None, null=False)
    raised_at = Timestamptz(default=None, null=False)
    state = Text(default="to_invoice", null=False)
    reference = Text(default=None, null=True)
    invoiced_on = Date(default=None, null=True)
    invoiced_by = UUID(default=None, null=True)
    paid_on = Date(default=None, null=True)
    paid_by = UUID(default=None, null=True)


class BillingParty(Table, db=ENGINE, tablename="billing_party"):
    organisation_id = UUID(primary_key=True, default=None, null=False)
    street = Text(default=None, null=False)
    city = Text(default=None, null=False)
    postcode = Text(default=None, null=False)
    company_number = Text(default="", null=False)
    vat_number = Text(default="", null=False)
    gln = Text(default="", null=False)
    buyer_reference = Text(default="", null=False)
    account_name = Text(default="", null=False)
    sort_code = Text(default="", null=False)
    account_number = Text(default="", null=False)
    changed_at = Timestamptz(default=None, null=False)
    changed_by = UUID(default=None, null=False)
    account_since = Timestamptz(default=None, null=True)


class BankChange(Table, db=ENGINE, tablename="bank_change"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    account_name = Text(default=None, null=False)
    sort_code = Text(default=None, null=False)
    account_number = Text(default=None, null=False)
    proposed_by = UUID(default=None, null=False)
    proposed_by_name = Text(default=None, null=False)
    proposed_at = Timestamptz(default=None, null=False)
    state = Text(default="open", null=False)
    answered_by = UUID(default=None, null=True)
    answered_by_name = Text(default=None, null=True)
    answered_at = Timestamptz(default=None, null=True)


class VatGround(Table, db=ENGINE, tablename="vat_ground"):
    provider_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    lot_code = Text(primary_key=True, default=None, null=False)
    ground = Text(default=None, null=False)


class OtherAgreement(Table, db=ENGINE, tablename="other_agreement"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    package_id = UUID(default=None, null=False)
    kind = Text(default=None, null=False)
    says = Text(default=None, null=False)
    unit_pence = Integer(default=None, null=True)
    most_pence = Integer(default=None, null=False)
    valid_from = Date(default=None, null=False)
    valid_to = Date(default=None, null=False)
    proposed_by = UUID(default=None, null=False)
    proposed_at = Timestamptz(default=None, null=False)
    proposed_side = Text(default=None, null=False)
    evidence_id = UUID(default=None, null=True)
    payer_agreed_by = UUID(default=None, null=True)
    payer_agreed_at = Timestamptz(default=None, null=True)
    provider_agreed_by = UUID(default=None, null=True)
    provider_agreed_at = Timestamptz(default=None, null=True)
    refused_by = UUID(default=None, null=True)
    refused_at = Timestamptz(default=None, null=True)
    refused_reason = Text(default=None, null=True)


class OtherLine(Table, db=ENGINE, tablename="other_line"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    package_id = UUID(default=None, null=True)
    agreement_id = UUID(default=None, null=True)
    day = Date(default=None, null=False)
    visit_id = UUID(default=None, null=True)
    units = Integer(default=None, null=False)
    cost_pence = Integer(default=None, null=False)
    says = Text(default=None, null=False)
    evidence_id = UUID(default=None, null=True)
    added_by = UUID(default=None, null=False)
    added_at = Timestamptz(default=None, null=False)
    withdrawn_at = Timestamptz(default=None, null=True)
    withdrawn_by = UUID(default=None, null=True)
    longer_commissioner_id = UUID(default=None, null=True)
    longer_visit_id = UUID(default=None, null=True)
    longer_from = Integer(default=None, null=True)
    longer_to = Integer(default=None, null=True)


class InvoiceOtherLine(Table, db=ENGINE, tablename="invoice_other_line"):
    commissioner_id = UUID(default=None, null=False)
    invoice_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    position = Integer(default=None, null=False)
    line_id = UUID(primary_key=True, default=None, null=False)
    price_pence = Integer(default=None, null=False)
    claimed_pence = Integer(default=None, null=True)
    payable_pence = Integer(default=None, null=False)
    counts = Boolean(default=True, null=False)

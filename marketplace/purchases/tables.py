"""Families who buy for themselves: case scope, keyed (commissioner_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, Array, BigSerial, Boolean, Date, Integer, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class DirectPayment(Table, db=ENGINE, tablename="direct_payment"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    child_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=True)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)
    ended_at = Timestamptz(default=None, null=True)
    ended_by = UUID(default=None, null=True)
    ended_reason = Text(default=None, null=True)


class DirectPaymentTerms(Table, db=ENGINE, tablename="direct_payment_terms"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    direct_payment_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    applies_from = Date(default=None, null=False)
    kind = Text(default=None, null=False)
    units = Integer(default=None, null=False)
    period = Text(default=None, null=False)
    lots = Array(base_column=Text(), default=None, null=False)
    top_up_allowed = Boolean(default=None, null=False)
    account = Text(default=None, null=False)
    reason = Text(default="", null=False)
    written_at = Timestamptz(default=None, null=False)
    written_by = UUID(default=None, null=False)
    written_by_name = Text(default=None, null=False)
    in_order = BigSerial()


class DirectPaymentSpending(Table, db=ENGINE, tablename="direct_payment_spending"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    direct_payment_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    day = Date(default=None, null=False)
    pence = Integer(default=None, null=False)
    minutes = Integer(default=None, null=False)
    says = Text(default=None, null=False)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)
    recorded_by_name = Text(default=None, null=False)
    taken_back_at = Timestamptz(default=None, null=True)
    taken_back_by = UUID(default=None, null=True)
    taken_back_reason = Text(default=None, null=True)


class Purchase(Table, db=ENGINE, tablename="purchase"):
    """A block of visits bought; in the books its money is `held_for_families` until it goes back or onwards."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    direct_payment_id = UUID(default=None, null=False)
    package_id = UUID(default=None, null=False)
    reference = Text(default=None, null=False)
    lot_code = Text(default=None, null=False)
    first_day = Date(default=None, null=False)
    last_day = Date(default=None, null=False)
    method = Text(default=None, null=False)
    state = Text(default=None, null=False)
    pence = Integer(default=None, null=False)
    minutes = Integer(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    made_at = Timestamptz(default=None, null=False)
    made_by = UUID(default=None, null=False)
    made_by_name = Text(default=None, null=False)
    due_at = Timestamptz(default=None, null=False)
    paid_at = Timestamptz(default=None, null=True)
    given_up_at = Timestamptz(default=None, null=True)
    given_up_reason = Text(default=None, null=True)


class PurchaseAgreement(Table, db=ENGINE, tablename="purchase_agreement"):
    """Who has agreed to a purchase; it waits for money once the family has (`purchase_agreed`)."""

    commissioner_id = UUID(default=None, null=False)
    purchase_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    person_id = UUID(primary_key=True, default=None, null=False)
    person_name = Text(default=None, null=False)
    agreed_at = Timestamptz(default=None, null=False)


class PurchaseVisit(Table, db=ENGINE, tablename="purchase_visit"):
    """A visit at the price it was bought at. `counts`: false once its purchase is given up. The provider reads it."""

    commissioner_id = UUID(default=None, null=False)
    purchase_id = UUID(default=None, null=False)
    visit_id = UUID(primary_key=True, default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    day = Date(default=None, null=False)
    minutes = Integer(default=None, null=False)
    pence = Integer(default=None, null=False)
    counts = Boolean(default=True, null=False)


class PurchaseShare(Table, db=ENGINE, tablename="purchase_share"):
    """Of a line so much from the budget, the rest a top-up. The provider does not read it."""

    commissioner_id = UUID(default=None, null=False)
    purchase_id = UUID(default=None, null=False)
    visit_id = UUID(primary_key=True, default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    direct_payment_id = UUID(default=None, null=False)
    budget_pence = Integer(default=None, null=False)
    top_up_pence = Integer(default=None, null=False)
    budget_minutes = Integer(default=None, null=False)
    top_up_agreed_at = Timestamptz(default=None, null=True)
    top_up_agreed_by = UUID(default=None, null=True)


class CardPayment(Table, db=ENGINE, tablename="card_payment"):
    """A payment at Stripe: `id` is its reference and key there. Nothing of the card itself."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    purchase_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    pence = Integer(default=None, null=False)
    state = Text(default="asked", null=False)
    stripe_id = Text(default=None, null=True)
    asked_at = Timestamptz(default=None, null=False)
    failure = Text(default="", null=False)
    received_pence = Integer(default=0, null=False)
    received_at = Timestamptz(default=None, null=True)
    stop_at = Timestamptz(default=None, null=True)


class SettlementAccount(Table, db=ENGINE, tablename="settlement_account"):
    """The client account families of a council transfer to; the latest confirmed version counts."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    name = Text(default=None, null=False)
    sort_code = Text(default=None, null=False)
    number = Text(default=None, null=False)
    entered_at = Timestamptz(default=None, null=False)
    entered_by = UUID(default=None, null=False)
    confirmed_at = Timestamptz(default=None, null=True)
    confirmed_by = UUID(default=None, null=True)
    in_order = BigSerial()


class BankReceipt(Table, db=ENGINE, tablename="bank_receipt"):
    """A line of the client account's statement, kept once, and the purchase it pays."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    line_hash = Text(default=None, null=False)
    received_on = Date(default=None, null=False)
    pence = Integer(default=None, null=False)
    says = Text(default=None, null=False)
    state = Text(default=None, null=False)
    purchase_id = UUID(default=None, null=True)
    framework_id = UUID(default=None, null=True)
    provider_id = UUID(default=None, null=True)
    child_id = UUID(default=None, null=True)
    imported_at = Timestamptz(default=None, null=False)
    imported_by = UUID(default=None, null=False)
    matched_at = Timestamptz(default=None, null=True)
    matched_by = UUID(default=None, null=True)
    set_aside_reason = Text(default=None, null=True)


class Refund(Table, db=ENGINE, tablename="refund"):
    """Money owed back: one a visit and cause; without a visit, what came in too much or too late. `tries`: the
    attempts at sending. `told_at`: when its failure was told to the operator. `returns`: how often its money had
    arrived and came back. `tried_at`: when it was last tried or asked after."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    purchase_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    visit_id = UUID(default=None, null=True)
    cause = Text(default=None, null=False)
    pence = Integer(default=None, null=False)
    way = Text(default=None, null=False)
    card_payment_id = UUID(default=None, null=True)
    bank_receipt_id = UUID(default=None, null=True)
    state = Text(default="owed", null=False)
    stripe_id = Text(default=None, null=True)
    tries = Integer(default=0, null=False)
    failure = Text(default="", null=False)
    owed_at = Timestamptz(default=None, null=False)
    sent_at = Timestamptz(default=None, null=True)
    arrived_at = Timestamptz(default=None, null=True)
    told_at = Timestamptz(default=None, null=True)
    settled_on = Date(default=None, null=True)
    settled_by = UUID(default=None, null=True)
    settled_reference = Text(default=None, null=True)
    approved_by = UUID(default=None, null=True)
    returns = Integer(default=0, null=False)
    tried_at = Timestamptz(default=None, null=True)


class PurchaseSettling(Table, db=ENGINE, tablename="purchase_settling"):
    """A bought visit put down to be settled, in the transaction that changed it; gone once it is."""

    commissioner_id = UUID(default=None, null=False)
    in_order = BigSerial()
    visit_id = UUID(primary_key=True, default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    purchase_id = UUID(default=None, null=False)
    since = Timestamptz(default=None, null=False)


class Payout(Table, db=ENGINE, tablename="payout"):
    """Money owed to the provider: one a visit; below nothing what a refund takes back after it (`refund_id`)."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    purchase_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    visit_id = UUID(default=None, null=False)
    refund_id = UUID(default=None, null=True)
    pence = Integer(default=None, null=False)
    way = Text(default=None, null=True)
    state = Text(default="owed", null=False)
    stripe_id = Text(default=None, null=True)
    tries = Integer(default=0, null=False)
    failure = Text(default="", null=False)
    owed_at = Timestamptz(default=None, null=False)
    sent_at = Timestamptz(default=None, null=True)
    paid_at = Timestamptz(default=None, null=True)
    settled_on = Date(default=None, null=True)
    settled_by = UUID(default=None, null=True)
    settled_reference = Text(default=None, null=True)
    approved_by = UUID(default=None, null=True)
    tried_at = Timestamptz(default=None, null=True)


class ProviderAccount(Table, db=ENGINE, tablename="provider_account"):
    """A provider's account at Stripe Connect, as last seen; `due` are Stripe's names of what it asks for."""

    provider_id = UUID(primary_key=True, default=None, null=False)
    stripe_id = Text(default=None, null=True)
    state = Text(default="pending", null=False)
    due = Array(base_column=Text(), default=list, null=False)
    asked_at = Timestamptz(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    looked_at = Timestamptz(default=None, null=True)


class Enquiry(Table, db=ENGINE, tablename="enquiry"):
    """What a family asks providers for; `state` says open or closed and no more, since each of them reads it."""

    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    direct_payment_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    reference = Text(default=None, null=False)
    lot_code = Text(default=None, null=False)
    age_band = Text(default=None, null=False)
    area = Text(default="", null=False)
    needs = Array(base_column=Text(), default=list, null=False)
    says = Text(default=None, null=False)
    pattern = JSONB(default=None, null=False)
    workers_per_visit = Integer(default=1, null=False)
    starts_on = Date(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    open_until = Timestamptz(default=None, null=False)
    state = Text(default="open", null=False)
    closed_at = Timestamptz(default=None, null=True)


class EnquiryReach(Table, db=ENGINE, tablename="enquiry_reach"):
    commissioner_id = UUID(default=None, null=False)
    enquiry_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(primary_key=True, default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    answer_by = Timestamptz(default=None, null=False)
    closed_at = Timestamptz(default=None, null=True)


class EnquiryAnswer(Table, db=ENGINE, tablename="enquiry_answer"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    enquiry_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    state = Text(default=None, null=False)
    reason_code = Text(default=None, null=True)
    remark = Text(default="", null=False)
    starts_on = Date(default=None, null=True)
    pattern = JSONB(default=None, null=True)
    price = JSONB(default=None, null=True)
    pence_per_week = Integer(default=None, null=True)
    pence_per_period = Integer(default=None, null=True)
    answered_at = Timestamptz(default=None, null=False)
    answered_by = UUID(default=None, null=False)
    decided_at = Timestamptz(default=None, null=True)


class EnquiryWorker(Table, db=ENGINE, tablename="enquiry_worker"):
    commissioner_id = UUID(default=None, null=False)
    answer_id = UUID(default=None, null=False)
    enquiry_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    worker_id = UUID(primary_key=True, default=None, null=False)
    part = Text(default=None, null=False)
    position = Integer(default=0, null=False)
    name = Text(default=None, null=False)
    role = Text(default=None, null=False)
    profile = Text(default="", null=False)


class EnquiryChoice(Table, db=ENGINE, tablename="enquiry_choice"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    enquiry_id = UUID(default=None, null=False)
    answer_id = UUID(default=None, null=False)
    person_id = UUID(default=None, null=False)
    person_name = Text(default=None, null=False)
    chosen_at = Timestamptz(default=None, null=False)
    taken_back_at = Timestamptz(default=None, null=True)


class EnquiryMeeting(Table, db=ENGINE, tablename="enquiry_meeting"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    enquiry_id = UUID(default=None, null=False)
    answer_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    proposed = Array(base_column=Timestamptz(), default=None, null=False)
    says = Text(default="", null=False)
    answered_at = Timestamptz(default=None, null=True)
    agreed_at = Timestamptz(default=None, null=True)
    answer = Text(default="", null=False)
    called_off_at = Timestamptz(default=None, null=True)
    called_off_by = Text(default=None, null=True)
    called_off_says = Text(default="", null=False)

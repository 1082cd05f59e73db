"""Case scope from award on, keyed (commissioner_id, id); visit facts and visit notes are two tables.

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, Array, Boolean, Date, Integer, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class Package(Table, db=ENGINE, tablename="package"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    referral_id = UUID(default=None, null=True)
    offer_id = UUID(default=None, null=True)
    direct_payment_id = UUID(default=None, null=True)  # bought by the family: then an answer to it in an offer's place
    answer_id = UUID(default=None, null=True)
    child_id = UUID(default=None, null=False)
    reference = Text(default=None, null=False)
    lot_code = Text(default=None, null=False)
    referrer_id = UUID(default=None, null=False)
    state = Text(default="set_up", null=False)
    needs = Array(base_column=Text(), default=list, null=False)
    pattern = JSONB(default=None, null=False)
    workers_per_visit = Integer(default=1, null=False)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=True)
    awarded_at = Timestamptz(default=None, null=False)
    awarded_by = UUID(default=None, null=False)
    risk_assessment_on = Date(default=None, null=True)
    risk_assessment_arranged_at = Timestamptz(default=None, null=True)
    risk_assessment_done_at = Timestamptz(default=None, null=True)
    undone_at = Timestamptz(default=None, null=True)
    undone_reason = Text(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)
    ended_reason = Text(default=None, null=True)


class PackageFunding(Table, db=ENGINE, tablename="package_funding"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    package_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    payer_id = UUID(default=None, null=False)
    share_basis_points = Integer(default=None, null=False)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=True)


class PackageWorker(Table, db=ENGINE, tablename="package_worker"):
    commissioner_id = UUID(default=None, null=False)
    package_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    worker_id = UUID(primary_key=True, default=None, null=False)
    worker_person_id = UUID(default=None, null=True)
    name = Text(default=None, null=False)
    role = Text(default=None, null=False)
    profile = Text(default="", null=False)
    part = Text(default=None, null=False)
    added_at = Timestamptz(default=None, null=False)
    removed_at = Timestamptz(default=None, null=True)


class PlanVersion(Table, db=ENGINE, tablename="plan_version"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    package_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    version = Integer(default=None, null=False)
    state = Text(default="draft", null=False)
    content = JSONB(default=None, null=False)
    text_hash = Text(default=None, null=True)
    written_by = UUID(default=None, null=False)
    written_at = Timestamptz(default=None, null=False)
    shared_at = Timestamptz(default=None, null=True)
    signed_at = Timestamptz(default=None, null=True)
    returned_reason = Text(default=None, null=True)


class Signature(Table, db=ENGINE, tablename="signature"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    package_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    subject_type = Text(default=None, null=False)
    subject_id = UUID(default=None, null=False)
    side = Text(default=None, null=False)
    person_id = UUID(default=None, null=True)
    worker_id = UUID(default=None, null=True)
    printed_name = Text(default=None, null=False)
    text_hash = Text(default=None, null=False)
    method = Text(default=None, null=False)
    reason_code = Text(default=None, null=True)
    reason_remark = Text(default=None, null=True)
    shown_how = Text(default=None, null=True)
    device = Text(default="", null=False)
    signed_at = Timestamptz(default=None, null=False)
    resolved_at = Timestamptz(default=None, null=True)
    resolved_by = UUID(default=None, null=True)
    resolution = Text(default=None, null=True)


class Visit(Table, db=ENGINE, tablename="visit"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    package_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    lot_code = Text(default=None, null=False)
    activity = Text(default=None, null=False)
    planned_start = Timestamptz(default=None, null=False)
    planned_end = Timestamptz(default=None, null=False)
    outcome = Text(default=None, null=True)
    actual_start = Timestamptz(default=None, null=True)
    actual_end = Timestamptz(default=None, null=True)
    notice_at = Timestamptz(default=None, null=True)
    outcome_at = Timestamptz(default=None, null=True)
    outcome_reason = Text(default=None, null=True)
    activities_recorded = Boolean(default=False, null=False)
    family_signed = Boolean(default=False, null=False)
    unsigned_reason_waiting = Boolean(default=False, null=False)
    record_hash = Text(default=None, null=True)
    overrun_approved_at = Timestamptz(default=None, null=True)
    overrun_approved_by = UUID(default=None, null=True)
    overrun_approved_minutes = Integer(default=None, null=True)
    own_reference = Text(default=None, null=True)
    created_at = Timestamptz(default=None, null=False)
    version = Integer(default=1, null=False)


class VisitWorker(Table, db=ENGINE, tablename="visit_worker"):
    commissioner_id = UUID(default=None, null=False)
    visit_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    worker_id = UUID(primary_key=True, default=None, null=False)
    worker_person_id = UUID(default=None, null=True)
    printed_name = Text(default=None, null=False)
    booking_id = UUID(default=None, null=False)
    signed_at = Timestamptz(default=None, null=True)
    time_shared = Boolean(default=False, null=False)


class VisitNote(Table, db=ENGINE, tablename="visit_note"):
    commissioner_id = UUID(default=None, null=False)
    visit_id = UUID(primary_key=True, default=None, null=False)
    provider_id = UUID(default=None, null=False)
    activities = Text(default="", null=False)
    behaviours = Text(default="", null=False)
    emotions = Text(default="", null=False)
    changes = Text(default="", null=False)
    medication = Text(default="", null=False)
    personal_care = Text(default="", null=False)
    money_spent_pence = Integer(default=0, null=False)
    money_remark = Text(default="", null=False)
    times_remark = Text(default="", null=False)
    written_by = UUID(default=None, null=True)
    written_at = Timestamptz(default=None, null=False)


class VisitFlag(Table, db=ENGINE, tablename="visit_flag"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    visit_id = UUID(default=None, null=False)
    package_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    worker_id = UUID(default=None, null=True)
    code = Text(default=None, null=False)
    item = Text(default="", null=False)
    says = Text(default=None, null=False)
    flagged_at = Timestamptz(default=None, null=False)
    cleared_at = Timestamptz(default=None, null=True)


class CoverDecision(Table, db=ENGINE, tablename="cover_decision"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    package_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    rule_key = Text(default=None, null=False)
    goes_on = Boolean(default=None, null=False)
    reason = Text(default=None, null=False)
    decided_by = UUID(default=None, null=False)
    decided_by_name = Text(default=None, null=False)
    decided_at = Timestamptz(default=None, null=False)
    ended_at = Timestamptz(default=None, null=True)


class FundingProposal(Table, db=ENGINE, tablename="funding_proposal"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    package_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    package_reference = Text(default=None, null=False)
    lot_code = Text(default=None, null=False)
    pence_per_week = Integer(default=None, null=False)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=True)
    reason = Text(default=None, null=False)
    state = Text(default="open", null=False)
    proposed_by = UUID(default=None, null=False)
    proposed_by_name = Text(default=None, null=False)
    proposed_at = Timestamptz(default=None, null=False)
    closed_by = UUID(default=None, null=True)
    closed_by_name = Text(default=None, null=True)
    closed_at = Timestamptz(default=None, null=True)


class FundingPart(Table, db=ENGINE, tablename="funding_part"):
    commissioner_id = UUID(default=None, null=False)
    proposal_id = UUID(default=None, null=False)
    payer_id = UUID(primary_key=True, default=None, null=False)
    share_basis_points = Integer(default=None, null=False)
    answered_by = UUID(default=None, null=True)
    answered_by_name = Text(default=None, null=True)
    answered_at = Timestamptz(default=None, null=True)
    agrees = Boolean(default=None, null=True)
    says = Text(default="", null=False)


class Allocation(Table, db=ENGINE, tablename="allocation"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    child_id = UUID(default=None, null=False)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=False)
    unit = Text(default=None, null=False)
    amount = Integer(default=None, null=False)
    reason = Text(default=None, null=False)
    set_by = UUID(default=None, null=False)
    set_by_name = Text(default=None, null=False)
    set_at = Timestamptz(default=None, null=False)
    replaces_id = UUID(default=None, null=True)
    replaced_at = Timestamptz(default=None, null=True)
    spent = Integer(default=None, null=True)
    committed = Integer(default=None, null=True)
    forecast = Integer(default=None, null=True)
    runs_out_on = Date(default=None, null=True)
    figured_at = Timestamptz(default=None, null=True)
    warned_at = Timestamptz(default=None, null=True)


class VisitRequest(Table, db=ENGINE, tablename="visit_request"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    package_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    visit_id = UUID(default=None, null=False)
    kind = Text(default=None, null=False)
    state = Text(default="asked", null=False)
    asked_side = Text(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    wished_start = Timestamptz(default=None, null=True)
    wished_end = Timestamptz(default=None, null=True)
    says = Text(default="", null=False)
    answered_by = UUID(default=None, null=True)
    answered_at = Timestamptz(default=None, null=True)
    answer = Text(default=None, null=True)
    new_visit_id = UUID(default=None, null=True)


class VisitCorrection(Table, db=ENGINE, tablename="visit_correction"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    visit_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    at = Timestamptz(default=None, null=False)
    by_person = UUID(default=None, null=False)
    by_name = Text(default=None, null=False)
    source = Text(default=None, null=False)
    reason = Text(default=None, null=False)
    before = JSONB(default=None, null=False)
    after = JSONB(default=None, null=False)
    old_hash = Text(default=None, null=True)
    new_hash = Text(default=None, null=True)
    version = Integer(default=None, null=False)


class RosterRow(Table, db=ENGINE, tablename="roster_row"):
    provider_id = UUID(default=None, null=False)
    reference = Text(primary_key=True, default=None, null=False)
    commissioner_id = UUID(default=None, null=False)
    visit_id = UUID(default=None, null=False)
    content_hash = Text(default=None, null=False)
    first_sent_at = Timestamptz(default=None, null=False)
    sent_at = Timestamptz(default=None, null=False)
    sent_by = UUID(default=None, null=False)

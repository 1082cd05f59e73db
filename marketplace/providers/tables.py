"""Provider scope, keyed (provider_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, Array, BigInt, BigSerial, Boolean, Date, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class Provider(Table, db=ENGINE, tablename="provider"):
    id = UUID(primary_key=True, default=None, null=False)
    kind = Text(default="provider", null=False)
    legal_name = Text(default=None, null=False)
    company_number = Text(default=None, null=True)
    about = Text(default="", null=False)
    contact_name = Text(default="", null=False)
    contact_phone = Text(default="", null=False)
    contact_email = Text(default="", null=False)
    on_call_name = Text(default="", null=False)
    on_call_phone = Text(default="", null=False)
    office_address = Text(default="", null=False)
    safeguarding_lead = Text(default="", null=False)
    cqc_provider_id = Text(default=None, null=True)
    cqc_registered = Boolean(default=False, null=False)
    insurance_until = Date(default=None, null=True)
    declarations = JSONB(default=dict, null=False)


class Worker(Table, db=ENGINE, tablename="worker"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_no = BigSerial()
    person_id = UUID(default=None, null=True)
    name = Text(default=None, null=False)
    role = Text(default=None, null=False)
    engagement = Text(default="employed", null=False)
    profile = Text(default="", null=False)
    profile_consent_at = Timestamptz(default=None, null=True)
    languages = Text(default="", null=False)
    drives_children = Boolean(default=False, null=False)
    registration_until = Date(default=None, null=True)
    registration_fit_to_practise = Boolean(default=True, null=False)
    stood_down_at = Timestamptz(default=None, null=True)
    stood_down_reason = Text(default=None, null=True)
    started_on = Date(default=None, null=True)
    left_on = Date(default=None, null=True)
    created_at = Timestamptz(default=None, null=False)
    reference = Text(default=None, null=True)


class WorkerPrivate(Table, db=ENGINE, tablename="worker_private"):
    provider_id = UUID(default=None, null=False)
    worker_id = UUID(primary_key=True, default=None, null=False)
    phone = Text(default="", null=False)
    email = Text(default="", null=False)
    registration_pin = Text(default=None, null=True)
    dbs_certificate_number = Text(default=None, null=True)
    dbs_issued_on = Date(default=None, null=True)
    dbs_workforce = Text(default=None, null=True)
    dbs_barred_list_checked = Boolean(default=None, null=True)
    dbs_update_service_consent_at = Timestamptz(default=None, null=True)
    date_of_birth = Date(default=None, null=True)
    dbs_forename = Text(default="", null=False)
    dbs_surname = Text(default="", null=False)


class WorkerDbsCheck(Table, db=ENGINE, tablename="worker_dbs_check"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    checked_on = Date(default=None, null=False)
    checked_by_name = Text(default=None, null=False)
    outcome = Text(default="clear", null=False)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)
    evidence_id = UUID(default=None, null=True)
    source = Text(default="seen", null=False)
    withdrawn_at = Timestamptz(default=None, null=True)
    withdrawn_by_name = Text(default=None, null=True)
    withdrawn_reason = Text(default=None, null=True)


class DbsStatusRequest(Table, db=ENGINE, tablename="dbs_status_request"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    asked_by_name = Text(default=None, null=False)
    automatic = Boolean(default=None, null=False)
    answer = Text(default=None, null=False)
    check_id = UUID(default=None, null=True)


class DbsAutomatic(Table, db=ENGINE, tablename="dbs_automatic"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    person_id = UUID(default=None, null=False)
    person_name = Text(default=None, null=False)
    started_at = Timestamptz(default=None, null=False)
    ended_at = Timestamptz(default=None, null=True)


class WorkerCompetency(Table, db=ENGINE, tablename="worker_competency"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    code = Text(default=None, null=False)
    assessed_on = Date(default=None, null=False)
    method = Text(default=None, null=False)
    assessor_name = Text(default=None, null=True)
    assessor_worker_id = UUID(default=None, null=True)
    for_package_id = UUID(default=None, null=True)
    withdrawn_at = Timestamptz(default=None, null=True)
    withdrawn_reason = Text(default=None, null=True)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)
    evidence_id = UUID(default=None, null=True)


class WorkerCheck(Table, db=ENGINE, tablename="worker_check"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    kind = Text(default=None, null=False)
    done_on = Date(default=None, null=False)
    valid_until = Date(default=None, null=True)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)
    evidence_id = UUID(default=None, null=True)
    withdrawn_at = Timestamptz(default=None, null=True)
    withdrawn_by_name = Text(default=None, null=True)
    withdrawn_reason = Text(default=None, null=True)


class Evidence(Table, db=ENGINE, tablename="evidence"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    kind = Text(default=None, null=False)
    title = Text(default="", null=False)
    worker_id = UUID(default=None, null=True)
    replaces_id = UUID(default=None, null=True)
    file_name = Text(default=None, null=False)
    content_type = Text(default=None, null=False)
    size = BigInt(default=None, null=False)
    uploaded_by = UUID(default=None, null=False)
    uploaded_by_name = Text(default=None, null=False)
    uploaded_at = Timestamptz(default=None, null=False)
    form_until = Timestamptz(default=None, null=False)
    state = Text(default="waiting", null=False)
    scan = Text(default=None, null=True)
    refused_reason = Text(default=None, null=True)
    remarks = Text(default="", null=False)
    quarantine_key = Text(default=None, null=False)
    quarantine_version = Text(default=None, null=True)
    original_sha256 = Text(default=None, null=True)
    published_key = Text(default=None, null=True)
    published_version = Text(default=None, null=True)
    published_sha256 = Text(default=None, null=True)
    published_size = BigInt(default=None, null=True)
    checked_at = Timestamptz(default=None, null=True)
    quarantine_tidied_at = Timestamptz(default=None, null=True)
    keep_until = Date(default=None, null=True)
    warned_at = Timestamptz(default=None, null=True)
    deleted_at = Timestamptz(default=None, null=True)
    deleted_reason = Text(default=None, null=True)


class Booking(Table, db=ENGINE, tablename="booking"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    worker_no = BigInt(default=None, null=False)
    starts_at = Timestamptz(default=None, null=False)
    ends_at = Timestamptz(default=None, null=False)
    released_at = Timestamptz(default=None, null=True)
    created_at = Timestamptz(default=None, null=False)


class WorkforceImport(Table, db=ENGINE, tablename="workforce_import"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    file_name = Text(default=None, null=False)
    state = Text(default="checking", null=False)
    rows = JSONB(default=None, null=False)
    answers = JSONB(default=None, null=False)
    plan = JSONB(default=None, null=True)
    plan_hash = Text(default=None, null=True)
    since = JSONB(default=None, null=False)
    uploaded_by = UUID(default=None, null=False)
    uploaded_by_name = Text(default=None, null=False)
    uploaded_at = Timestamptz(default=None, null=False)
    checked_at = Timestamptz(default=None, null=True)
    accepted_by = UUID(default=None, null=True)
    accepted_by_name = Text(default=None, null=True)
    accepted_by_role = Text(default=None, null=True)
    accepted_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)


class LapseLook(Table, db=ENGINE, tablename="lapse_look"):
    provider_id = UUID(primary_key=True, default=None, null=False)
    looked_on = Date(default=None, null=False)
    looked_before_on = Date(default=None, null=True)
    warned = Boolean(default=False, null=False)
    warned_workers = Array(base_column=UUID(), default=list, null=False)


class StandingGround(Table, db=ENGINE, tablename="standing_ground"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    rule_key = Text(default=None, null=False)
    code = Text(default=None, null=False)
    holds = Boolean(default=None, null=False)
    since = Timestamptz(default=None, null=False)
    lots = Array(base_column=Text(), default=list, null=False)
    flags_visits = Boolean(default=None, null=False)


class Declaration(Table, db=ENGINE, tablename="declaration"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    rule_key = Text(default=None, null=False)
    declared_on = Date(default=None, null=False)
    remark = Text(default="", null=False)
    details = JSONB(default=dict, null=False)
    declared_by = UUID(default=None, null=False)
    declared_by_name = Text(default=None, null=False)
    recorded_at = Timestamptz(default=None, null=False)
    in_order = BigSerial()


class DeclarationFile(Table, db=ENGINE, tablename="declaration_file"):
    provider_id = UUID(default=None, null=False)
    declaration_id = UUID(default=None, null=False)
    evidence_id = UUID(primary_key=True, default=None, null=False)


class DeclarationAssessment(Table, db=ENGINE, tablename="declaration_assessment"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    declaration_id = UUID(default=None, null=False)
    commissioner_id = UUID(default=None, null=False)
    verdict = Text(default=None, null=False)
    to_mend = Text(default="", null=False)
    assessed_by = UUID(default=None, null=False)
    assessed_by_name = Text(default=None, null=False)
    assessed_at = Timestamptz(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    in_order = BigSerial()


class ProviderListing(Table, db=ENGINE, tablename="provider_listing"):
    provider_id = UUID(primary_key=True, default=None, null=False)
    areas = Array(base_column=Text(), default=list, null=False)
    languages = Array(base_column=Text(), default=list, null=False)
    needs = Array(base_column=Text(), default=list, null=False)
    availability = Array(base_column=Text(), default=list, null=False)
    for_families = Text(default="", null=False)
    changed_at = Timestamptz(default=None, null=False)
    changed_by = UUID(default=None, null=False)

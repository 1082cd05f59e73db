"""Provider scope, keyed (provider_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, BigInt, BigSerial, Boolean, Date, Text, Timestamptz
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


class WorkerDbsCheck(Table, db=ENGINE, tablename="worker_dbs_check"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    checked_on = Date(default=None, null=False)
    checked_by_name = Text(default=None, null=False)
    outcome = Text(default="clear", null=False)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)


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


class WorkerCheck(Table, db=ENGINE, tablename="worker_check"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    kind = Text(default=None, null=False)
    done_on = Date(default=None, null=False)
    valid_until = Date(default=None, null=True)
    recorded_at = Timestamptz(default=None, null=False)
    recorded_by = UUID(default=None, null=False)


class Booking(Table, db=ENGINE, tablename="booking"):
    provider_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    worker_id = UUID(default=None, null=False)
    worker_no = BigInt(default=None, null=False)
    starts_at = Timestamptz(default=None, null=False)
    ends_at = Timestamptz(default=None, null=False)
    released_at = Timestamptz(default=None, null=True)
    created_at = Timestamptz(default=None, null=False)

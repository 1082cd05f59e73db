"""Framework scope, keyed (framework_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, Array, BigSerial, Boolean, Date, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class PackVersion(Table, db=ENGINE, tablename="pack_version"):
    hash = Text(primary_key=True, default=None, null=False)
    pack_id = Text(default=None, null=False)
    title = Text(default=None, null=False)
    content = JSONB(default=None, null=False)
    stored_at = Timestamptz(default=TimestamptzNow(), null=False)


class Framework(Table, db=ENGINE, tablename="framework"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    name = Text(default=None, null=False)
    lead_commissioner_id = UUID(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    anchor_day = Date(default=None, null=False)
    regime = Text(default=None, null=False)
    ends_on = Date(default=None, null=True)
    state = Text(default="draft", null=False)
    created_at = Timestamptz(default=None, null=False)
    opened_at = Timestamptz(default=None, null=True)
    closed_at = Timestamptz(default=None, null=True)


class FrameworkLot(Table, db=ENGINE, tablename="framework_lot"):
    framework_id = UUID(default=None, null=False)
    code = Text(primary_key=True, default=None, null=False)
    title = Text(default=None, null=False)
    position = Integer(default=None, null=False)


class FrameworkMember(Table, db=ENGINE, tablename="framework_member"):
    framework_id = UUID(default=None, null=False)
    commissioner_id = UUID(primary_key=True, default=None, null=False)
    leads = Boolean(default=False, null=False)
    areas = Array(base_column=Text(), default=list, null=False)
    joined_at = Timestamptz(default=None, null=False)


class FrameworkDecision(Table, db=ENGINE, tablename="framework_decision"):
    framework_id = UUID(default=None, null=False)
    rule_key = Text(primary_key=True, default=None, null=False)
    proposed = JSONB(default=None, null=False)
    value = JSONB(default=None, null=False)
    confirmed_by = UUID(default=None, null=False)
    confirmed_by_name = Text(default=None, null=False)
    confirmed_at = Timestamptz(default=None, null=False)
    remark = Text(default="", null=False)


class Application(Table, db=ENGINE, tablename="application"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    lot_code = Text(default=None, null=False)
    state = Text(default="submitted", null=False)
    statement = Text(default="", null=False)
    submitted_at = Timestamptz(default=None, null=False)
    submitted_by = UUID(default=None, null=False)
    decided_at = Timestamptz(default=None, null=True)
    decided_by = UUID(default=None, null=True)
    decision_reason = Text(default=None, null=True)


class Admission(Table, db=ENGINE, tablename="admission"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    lot_code = Text(default=None, null=False)
    application_id = UUID(default=None, null=True)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=True)
    ended_reason = Text(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)


class RateCard(Table, db=ENGINE, tablename="rate_card"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    lot_code = Text(default=None, null=False)
    application_id = UUID(default=None, null=True)
    state = Text(default="proposed", null=False)
    applies_from = Date(default=None, null=False)
    proposed_at = Timestamptz(default=None, null=False)
    proposed_by = UUID(default=None, null=False)
    reason = Text(default="", null=False)
    decided_at = Timestamptz(default=None, null=True)
    decided_by = UUID(default=None, null=True)
    decision_reason = Text(default=None, null=True)
    sheet_activities = Array(base_column=Text(), default=list, null=False)  # these three the database keeps (m0048)
    sheet_bands = Array(base_column=Text(), default=list, null=False)
    sheet_pence = Array(base_column=Integer(), default=list, null=False)


class Rate(Table, db=ENGINE, tablename="rate"):
    framework_id = UUID(default=None, null=False)
    rate_card_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    activity = Text(default=None, null=False)
    band = Text(primary_key=True, default=None, null=False)
    pence_per_hour = Integer(default=None, null=False)


class Suspension(Table, db=ENGINE, tablename="suspension"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    lot_code = Text(default=None, null=True)
    commissioner_id = UUID(default=None, null=True)
    starts_at = Timestamptz(default=None, null=False)
    until_on = Date(default=None, null=True)
    reason = Text(default=None, null=False)
    rule_key = Text(default=None, null=True)
    imposed_by = UUID(default=None, null=True)
    imposed_by_name = Text(default=None, null=False)
    lifted_at = Timestamptz(default=None, null=True)
    lifted_by = UUID(default=None, null=True)
    lifted_by_name = Text(default=None, null=True)
    lift_reason = Text(default=None, null=True)
    clause = Text(default=None, null=True)
    with_plan = Boolean(default=False, null=False)
    follows_id = UUID(default=None, null=True)
    end_told_at = Timestamptz(default=None, null=True)


class Pause(Table, db=ENGINE, tablename="pause"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    lot_code = Text(default=None, null=True)
    starts_at = Timestamptz(default=None, null=False)
    until_on = Date(default=None, null=True)
    reason = Text(default="", null=False)
    paused_by = UUID(default=None, null=False)
    ended_at = Timestamptz(default=None, null=True)
    ended_by = UUID(default=None, null=True)


class ApplicationScore(Table, db=ENGINE, tablename="application_score"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    application_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    commissioner_id = UUID(default=None, null=False)
    person_id = UUID(default=None, null=False)
    person_name = Text(default=None, null=False)
    points = JSONB(default=None, null=False)
    remark = Text(default="", null=False)
    given_at = Timestamptz(default=None, null=False)
    pack_hash = Text(default=None, null=False)


class ApplicationModeration(Table, db=ENGINE, tablename="application_moderation"):
    framework_id = UUID(default=None, null=False)
    application_id = UUID(primary_key=True, default=None, null=False)
    provider_id = UUID(default=None, null=False)
    points = JSONB(default=None, null=False)
    remark = Text(default="", null=False)
    agreed_by = UUID(default=None, null=False)
    agreed_by_name = Text(default=None, null=False)
    agreed_at = Timestamptz(default=None, null=False)
    pack_hash = Text(default=None, null=False)


class TermsChange(Table, db=ENGINE, tablename="terms_change"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    rule_key = Text(default=None, null=False)
    value_before = JSONB(default=None, null=False)
    value = JSONB(default=None, null=False)
    reason = Text(default=None, null=False)
    hash_before = Text(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    changed_by = UUID(default=None, null=False)
    changed_by_name = Text(default=None, null=False)
    changed_at = Timestamptz(default=None, null=False)
    in_order = BigSerial()


class TermsAcceptance(Table, db=ENGINE, tablename="terms_acceptance"):
    framework_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    provider_id = UUID(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    accepted_by = UUID(default=None, null=False)
    accepted_by_name = Text(default=None, null=False)
    accepted_at = Timestamptz(default=None, null=False)
    in_order = BigSerial()

"""Case scope up to award, keyed (commissioner_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import JSONB, UUID, Array, Boolean, Date, Integer, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class Child(Table, db=ENGINE, tablename="child"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    reference = Text(default=None, null=False)
    family_id = UUID(default=UUID4(), null=False)
    referrer_id = UUID(default=None, null=False)
    created_at = Timestamptz(default=None, null=False)


class ChildIdentity(Table, db=ENGINE, tablename="child_identity"):
    commissioner_id = UUID(default=None, null=False)
    child_id = UUID(primary_key=True, default=None, null=False)
    name = Text(default=None, null=False)
    date_of_birth = Date(default=None, null=False)
    address = Text(default="", null=False)
    postcode = Text(default="", null=False)
    phone = Text(default="", null=False)
    at_the_door = Text(default="", null=False)
    other_names = Text(default="", null=False)


class FamilyGrant(Table, db=ENGINE, tablename="family_grant"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    child_id = UUID(default=None, null=False)
    person_id = UUID(default=None, null=False)
    relation = Text(default=None, null=False)
    rights = Array(base_column=Text(), default=None, null=False)
    jointly = Boolean(default=False, null=False)
    starts_on = Date(default=None, null=False)
    ends_on = Date(default=None, null=True)
    granted_by = UUID(default=None, null=False)
    granted_at = Timestamptz(default=None, null=False)
    reason = Text(default="", null=False)
    revoked_at = Timestamptz(default=None, null=True)
    revoked_by = UUID(default=None, null=True)
    revoke_reason = Text(default=None, null=True)


class Referral(Table, db=ENGINE, tablename="referral"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    child_id = UUID(default=None, null=False)
    referrer_id = UUID(default=None, null=False)
    reference = Text(default=None, null=False)
    state = Text(default="draft", null=False)
    lot_code = Text(default=None, null=True)
    needs = Array(base_column=Text(), default=list, null=False)
    interventions = Array(base_column=Text(), default=list, null=False)
    age_band = Text(default=None, null=True)
    area = Text(default="", null=False)
    pattern = JSONB(default=list, null=False)
    workers_per_visit = Integer(default=1, null=False)
    starts_on = Date(default=None, null=True)
    ends_on = Date(default=None, null=True)
    outcomes = Text(default="", null=False)
    activities = Text(default="", null=False)
    pen_portrait = Text(default="", null=False)
    anonymity_confirmed = Array(base_column=Text(), default=list, null=False)
    panel_approved_on = Date(default=None, null=True)
    round = Integer(default=0, null=False)
    broadcast_at = Timestamptz(default=None, null=True)
    respond_by = Timestamptz(default=None, null=True)
    pack_hash = Text(default=None, null=True)
    closed_at = Timestamptz(default=None, null=True)
    closed_reason = Text(default=None, null=True)
    copied_from = UUID(default=None, null=True)
    answer_hours = Integer(default=None, null=True)
    emergency_by = Text(default=None, null=True)
    created_at = Timestamptz(default=None, null=False)
    changed_at = Timestamptz(default=None, null=False)


class ReferralReach(Table, db=ENGINE, tablename="referral_reach"):
    commissioner_id = UUID(default=None, null=False)
    referral_id = UUID(default=None, null=False)
    framework_id = UUID(default=None, null=False)
    round = Integer(default=None, null=False)
    provider_id = UUID(primary_key=True, default=None, null=False)
    reached = Boolean(default=None, null=False)
    reasons = Array(base_column=Text(), default=list, null=False)
    ready_workers = Integer(default=None, null=True)
    at = Timestamptz(default=None, null=False)


class ReferralQuestion(Table, db=ENGINE, tablename="referral_question"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    referral_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    question = Text(default=None, null=False)
    answered_at = Timestamptz(default=None, null=True)


class ReferralClarification(Table, db=ENGINE, tablename="referral_clarification"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    referral_id = UUID(default=None, null=False)
    question = Text(default=None, null=False)
    answer = Text(default=None, null=False)
    published_at = Timestamptz(default=None, null=False)
    published_by = UUID(default=None, null=False)


class ReferralDecline(Table, db=ENGINE, tablename="referral_decline"):
    commissioner_id = UUID(default=None, null=False)
    referral_id = UUID(default=None, null=False)
    round = Integer(default=None, null=False)
    provider_id = UUID(primary_key=True, default=None, null=False)
    reason_code = Text(default=None, null=False)
    remark = Text(default="", null=False)
    declined_at = Timestamptz(default=None, null=False)
    declined_by = UUID(default=None, null=False)


class Offer(Table, db=ENGINE, tablename="offer"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    framework_id = UUID(default=None, null=False)
    referral_id = UUID(default=None, null=False)
    round = Integer(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    state = Text(default="made", null=False)
    starts_on = Date(default=None, null=False)
    pattern = JSONB(default=None, null=False)
    remark = Text(default="", null=False)
    price = JSONB(default=None, null=False)
    pence_per_week = Integer(default=None, null=False)
    pence_per_period = Integer(default=None, null=False)
    version = Integer(default=1, null=False)
    made_at = Timestamptz(default=None, null=False)
    made_by = UUID(default=None, null=False)
    amended_at = Timestamptz(default=None, null=True)
    withdrawn_at = Timestamptz(default=None, null=True)
    decided_at = Timestamptz(default=None, null=True)


class OfferWorker(Table, db=ENGINE, tablename="offer_worker"):
    commissioner_id = UUID(default=None, null=False)
    offer_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    worker_id = UUID(primary_key=True, default=None, null=False)
    part = Text(default=None, null=False)
    position = Integer(default=0, null=False)
    name = Text(default=None, null=False)
    role = Text(default=None, null=False)
    profile = Text(default="", null=False)
    statement = JSONB(default=None, null=False)


class OfferChoice(Table, db=ENGINE, tablename="offer_choice"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    referral_id = UUID(default=None, null=False)
    offer_id = UUID(default=None, null=False)
    side = Text(default=None, null=False)
    person_id = UUID(default=None, null=False)
    person_name = Text(default=None, null=False)
    offer_version = Integer(default=None, null=False)
    chosen_at = Timestamptz(default=None, null=False)
    taken_back_at = Timestamptz(default=None, null=True)


class OfferMeeting(Table, db=ENGINE, tablename="offer_meeting"):
    commissioner_id = UUID(default=None, null=False)
    id = UUID(primary_key=True, default=UUID4(), null=False)
    offer_id = UUID(default=None, null=False)
    provider_id = UUID(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    asked_at = Timestamptz(default=None, null=False)
    message = Text(default="", null=False)
    answered_at = Timestamptz(default=None, null=True)
    answer = Text(default=None, null=True)

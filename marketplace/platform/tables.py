"""What any web product keeps: audit, looks, mail, news, the demo's clock. Written through `Work`, read by queries.

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from datetime import timedelta

from piccolo.columns import JSONB, UUID, BigInt, BigSerial, Boolean, Bytea, Integer, Interval, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class AuditEntry(Table, db=ENGINE, tablename="audit_entry"):
    organisation_id = UUID(default=None, null=False)
    seq = BigInt(primary_key=True, default=None, null=False)
    at = Timestamptz(default=None, null=False)
    wall_at = Timestamptz(default=None, null=False)
    person_id = UUID(default=None, null=False)
    person_name = Text(default=None, null=False)
    role = Text(default=None, null=False)
    action = Text(default=None, null=False)
    subject_type = Text(default=None, null=False)
    subject_id = UUID(default=None, null=False)
    details = JSONB(default=None, null=False)
    previous = Bytea(default=None, null=False)
    hash = Bytea(default=None, null=False)


class Look(Table, db=ENGINE, tablename="look"):
    organisation_id = UUID(default=None, null=False)
    id = BigSerial(primary_key=True)
    at = Timestamptz(default=None, null=False)
    person_id = UUID(default=None, null=False)
    person_name = Text(default="", null=False)
    for_organisation = UUID(default=None, null=True)
    subject_type = Text(default=None, null=False)
    subject_id = UUID(default=None, null=False)
    why = Text(default=None, null=False)


class MailMessage(Table, db=ENGINE, tablename="mail_message"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    to_person = UUID(default=None, null=True)
    to_address = Text(default=None, null=False)
    subject = Text(default=None, null=False)
    body = Text(default=None, null=False)
    created_at = Timestamptz(default=None, null=False)
    sent_at = Timestamptz(default=None, null=True)
    failures = Integer(default=0, null=False)
    last_failure = Text(default=None, null=True)
    dedupe_key = Text(default=None, null=True)


class Notice(Table, db=ENGINE, tablename="notice"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    organisation_id = UUID(default=None, null=True)
    role = Text(default=None, null=True)
    person_id = UUID(default=None, null=True)
    at = Timestamptz(default=None, null=False)
    sentence = Text(default=None, null=False)
    link = Text(default="", null=False)


class DemoClock(Table, db=ENGINE, tablename="demo_clock"):
    only_row = Boolean(primary_key=True, default=True, null=False)
    moved_by = Interval(default=timedelta(), null=False)
    loaded_at = Timestamptz(default=None, null=True)

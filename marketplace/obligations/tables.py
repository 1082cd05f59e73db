"""Every duty with a clock.

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import UUID, Boolean, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class Obligation(Table, db=ENGINE, tablename="obligation"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    owed_by_organisation = UUID(default=None, null=True)
    owed_by_role = Text(default=None, null=True)
    owed_by_person = UUID(default=None, null=True)
    owed_to = UUID(default=None, null=True)
    commissioner_id = UUID(default=None, null=True)
    framework_id = UUID(default=None, null=True)
    child_id = UUID(default=None, null=True)
    package_id = UUID(default=None, null=True)
    subject_type = Text(default=None, null=False)
    subject_id = UUID(default=None, null=False)
    reference = Text(default="", null=False)
    rule_key = Text(default=None, null=False)
    pack_hash = Text(default=None, null=False)
    title = Text(default=None, null=False)
    link = Text(default="", null=False)
    starts_at = Timestamptz(default=None, null=False)
    due_at = Timestamptz(default=None, null=False)
    met_at = Timestamptz(default=None, null=True)
    cancelled_at = Timestamptz(default=None, null=True)
    missed_at = Timestamptz(default=None, null=True)
    reminded_at = Timestamptz(default=None, null=True)
    next_check_at = Timestamptz(default=None, null=True)
    first_due_at = Timestamptz(default=None, null=True)
    stopped_from = Timestamptz(default=None, null=True)
    stopped_until = Timestamptz(default=None, null=True)


class DutyStop(Table, db=ENGINE, tablename="duty_stop"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    duty_id = UUID(default=None, null=False)
    asked_by_organisation = UUID(default=None, null=False)
    decided_by_organisation = UUID(default=None, null=False)
    ground = Text(default=None, null=False)
    reason = Text(default=None, null=False)
    from_at = Timestamptz(default=None, null=False)
    until_at = Timestamptz(default=None, null=True)
    asked_at = Timestamptz(default=None, null=False)
    asked_by = UUID(default=None, null=False)
    asked_by_name = Text(default=None, null=False)
    closed_at = Timestamptz(default=None, null=True)
    accepted = Boolean(default=None, null=True)
    decided_at = Timestamptz(default=None, null=True)
    decided_by = UUID(default=None, null=True)
    decided_by_name = Text(default=None, null=True)
    decision = Text(default=None, null=True)
    stands_until = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)
    ended_by = UUID(default=None, null=True)
    ended_by_name = Text(default=None, null=True)


class MailChoice(Table, db=ENGINE, tablename="mail_choice"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    person_id = UUID(default=None, null=False)
    kind = Text(default=None, null=False)
    wanted = Boolean(default=None, null=False)
    changed_at = Timestamptz(default=None, null=False)


class TodaySeen(Table, db=ENGINE, tablename="today_seen"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    person_id = UUID(default=None, null=False)
    place = UUID(default=None, null=False)
    seen_at = Timestamptz(default=None, null=False)
    seen_before_at = Timestamptz(default=None, null=True)

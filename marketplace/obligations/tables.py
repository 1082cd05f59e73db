"""Every duty with a clock.

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import UUID, Text, Timestamptz
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


class TodaySeen(Table, db=ENGINE, tablename="today_seen"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    person_id = UUID(default=None, null=False)
    place = UUID(default=None, null=False)
    seen_at = Timestamptz(default=None, null=False)
    seen_before_at = Timestamptz(default=None, null=True)

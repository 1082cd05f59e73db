"""People, organisations and who is what where.

Credentials, sessions and tokens have no class here: only the functions of m0009 touch them.

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from marketplace.platform.database import ENGINE


class Organisation(Table, db=ENGINE, tablename="organisation"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    kind = Text(default=None, null=False)
    name = Text(default=None, null=False)
    short_name = Text(default=None, null=False)
    colour = Text(default="#1d4f91", null=False)
    phone = Text(default=None, null=True)
    email = Text(default=None, null=True)
    on_call_phone = Text(default=None, null=True)
    created_at = Timestamptz(default=TimestamptzNow(), null=False)


class Person(Table, db=ENGINE, tablename="person"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    name = Text(default=None, null=False)
    email = Text(default=None, null=False)
    phone = Text(default=None, null=True)
    created_at = Timestamptz(default=TimestamptzNow(), null=False)


class Membership(Table, db=ENGINE, tablename="membership"):
    id = UUID(primary_key=True, default=UUID4(), null=False)
    person_id = UUID(default=None, null=False)
    organisation_id = UUID(default=None, null=False)
    role = Text(default=None, null=False)
    starts_at = Timestamptz(default=TimestamptzNow(), null=False)
    ended_at = Timestamptz(default=None, null=True)

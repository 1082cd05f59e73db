"""Families who buy for themselves: case scope, keyed (commissioner_id, id).

The database's own constraints are in the migrations; a test keeps these columns the same as theirs.
"""

from piccolo.columns import UUID, Array, BigSerial, Boolean, Date, Integer, Text, Timestamptz
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

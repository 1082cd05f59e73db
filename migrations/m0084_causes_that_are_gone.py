"""A proposed suspension may end undecided: what gave cause for it has been accepted, or was rejected anew.

To the provider it is as one that was waved off: between the commissioners' people.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0084_causes_that_are_gone"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "provider_id = app_organisation()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE suspension_cause DROP CONSTRAINT suspension_cause_decision_check;
ALTER TABLE suspension_cause ADD CONSTRAINT suspension_cause_decision_check
    CHECK (decision IN ('suspended', 'not_suspended', 'dropped'));
ALTER TABLE suspension_cause ADD CONSTRAINT suspension_cause_dropped_says_why
    CHECK (decision <> 'dropped' OR decision_reason <> '');
DROP POLICY provider ON suspension_cause;
CREATE POLICY provider ON suspension_cause FOR SELECT {APP} USING ({OWN} AND (decision IS NULL OR decision = 'suspended'));
RESET ROLE;
"""

DOWN = f"""
UPDATE suspension_cause SET decision = 'not_suspended' WHERE decision = 'dropped';
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY provider ON suspension_cause;
CREATE POLICY provider ON suspension_cause FOR SELECT {APP} USING ({OWN} AND decision IS DISTINCT FROM 'not_suspended');
ALTER TABLE suspension_cause DROP CONSTRAINT suspension_cause_dropped_says_why;
ALTER TABLE suspension_cause DROP CONSTRAINT suspension_cause_decision_check;
ALTER TABLE suspension_cause ADD CONSTRAINT suspension_cause_decision_check
    CHECK (decision IN ('suspended', 'not_suspended'));
RESET ROLE;
"""


async def forwards():
    return sql_migration(ID, "Causes of suspensions that are gone", UP, DOWN)

"""Which time of the weekly pattern a moved visit stands for: a forecast expects no second one there."""

from marketplace.platform.migrate import sql_migration

ID = "m0046d_moved_slots"

UP = """
SET LOCAL ROLE {prefix}_owner;
ALTER TABLE visit ADD COLUMN slot_start timestamptz, ADD COLUMN slot_end timestamptz,
    ADD CONSTRAINT visit_slot_whole CHECK ((slot_start IS NULL) = (slot_end IS NULL) AND slot_end > slot_start);
RESET ROLE;
"""

DOWN = """
ALTER TABLE visit DROP COLUMN slot_start, DROP COLUMN slot_end;
"""


async def forwards():
    return sql_migration(ID, "The times moved visits stand for", UP, DOWN)

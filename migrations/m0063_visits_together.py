"""A package's visits stay where they were planned, together.

They are laid in one after the other and each is written again some times in its life (arrived, left, signed). With room left
in their pages the new rows stay beside the old: after three rewrites of every visit of a nation the four-weekly run reads
them at the cost of fresh ones, where full pages cost it a fifth more (docs/speed.md).
"""

from marketplace.platform.migrate import sql_migration

ID = "m0063_visits_together"

UP = "ALTER TABLE visit SET (fillfactor = 70);"

DOWN = "ALTER TABLE visit RESET (fillfactor);"


async def forwards():
    return sql_migration(ID, "A package's visits stay together", UP, DOWN)

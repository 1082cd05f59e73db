"""How many rows the functions of row-level security answer with, for the planner: about, by the largest tenant.

Untold it takes each for a thousand, and then reads a whole table beside it where a handful of keys would do: lists grew
with the nation instead of with the tenant.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0020_reach_costs"

ROWS = {
    "my_frameworks()": 3,
    "my_led_frameworks()": 2,
    "my_provider_frameworks()": 5,
    "my_framework_providers()": 150,
    "my_evidence_providers()": 150,
    "my_granted_children(text)": 2,
    "my_allocated_packages()": 5,
    "my_visits()": 50,
    "my_workers()": 2,
    "my_reached_referrals()": 50,
    "my_awarded_children()": 20,
    "my_choosable_referrals()": 2,
    "my_choosable_offers()": 5,
    "my_granted_packages(text)": 3,
    "my_funded_packages()": 100,
    "my_people()": 100,
    "my_serving_providers()": 5,
}
UP = "\n".join(f"ALTER FUNCTION {name} ROWS {rows};" for name, rows in ROWS.items())
DOWN = "\n".join(f"ALTER FUNCTION {name} ROWS 1000;" for name in ROWS)


async def forwards():
    return sql_migration(ID, "What row-level security costs, for the planner", UP, DOWN)

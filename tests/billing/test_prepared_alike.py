"""Drafts made by sets against the rule, line by line, over records in every state and both changes of the clock."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from marketplace.billing.preparing import Prepared, prepare_drafts
from marketplace.dev.national import Nation, lay
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import ask
from marketplace.policy.calendar import midnight
from tests.world.prepared import differences, kept_otherwise, scramble


async def payers(migrator) -> list[Actor]:
    rows = await migrator.fetch("SELECT id FROM organisation WHERE kind = 'commissioner' ORDER BY id")
    return [system_for(row["id"], "commissioner") for row in rows]


async def run(migrator, *, again: bool = False) -> list[Prepared]:
    return [each for payer in await payers(migrator) for each in await prepare_drafts(payer, again=again)]


async def compared(migrator) -> tuple[dict[str, int], list[str]]:
    """How many of which kind were compared, and everything that differs."""
    seen = {"drafts": 0, "by_rules": 0, "unpriced": 0, "with_defects": 0, "held_lines": 0, "split": 0}
    faults: list[str] = []
    for payer in await payers(migrator):
        for row in await migrator.fetch(
            "SELECT * FROM prepared_draft WHERE commissioner_id = $1", payer.commissioner_id
        ):
            seen["drafts"] += 1
            for kind in ("by_rules", "unpriced"):
                seen[kind] += row[kind]
            seen["with_defects"] += bool(row["defects"])
            seen["held_lines"] += row["held"]
            faults += [f"{row['id']} ({row['by_rules']}): {each}" for each in await ask(payer, differences, row["id"])]
    return seen, faults


# The last Monday of four whole weeks: one run of them holds the spring change and Easter, the other the autumn change.
@pytest.mark.parametrize("day", [date(2026, 4, 13), date(2026, 11, 16)], ids=["spring", "autumn"])
async def test_every_draft_is_what_the_rule_says_of_it(database, migrator, clock, postgres, database_name, day):
    postgres.query(f"GRANT CREATE ON DATABASE {database_name} TO marketplace_migrator")
    nation = Nation(0.002, 5, day)
    await lay(database, nation, lambda _: None)
    assert await kept_otherwise(migrator) == []
    await scramble(migrator, nation.period)
    assert await kept_otherwise(migrator) == []
    clock.move_to(midnight(day) + timedelta(hours=9))
    done = await run(migrator)
    seen, faults = await compared(migrator)
    assert faults == [], "\n".join(faults[:12])
    assert seen["drafts"] == sum(each.drafts for each in done) > 30, seen
    assert seen["drafts"] > 2 * seen["by_rules"] > 0 and seen["unpriced"] and seen["held_lines"], seen

    assert [each.made for each in await run(migrator)] == []
    second = await run(migrator, again=True)
    assert sum(each.made for each in second) == sum(each.by_rules for each in second)  # only those are judged each time

    clock.move(timedelta(days=20))  # late now: every draft comes to something else
    await migrator.execute("UPDATE visit SET family_signed = true WHERE outcome = 'delivered'")
    late = await run(migrator, again=True)
    assert sum(each.made for each in late) > seen["drafts"] // 2
    seen, faults = await compared(migrator)
    assert faults == [] and seen["with_defects"] == seen["drafts"] - seen["unpriced"]

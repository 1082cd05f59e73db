"""The national data set, small: the counts it promises, the same rows for the same seed, rows the product can use."""

from __future__ import annotations

from datetime import date

import asyncpg
import pytest

from marketplace.dev.national import Nation, NationalRefused, fingerprint, lay
from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.standing import worker_readiness
from marketplace.providers.facts import worker_facts
from marketplace.providers.readiness import ready_counts
from marketplace.settings import Settings

DAY = date(2026, 5, 11)
SMALL = Nation(0.01, 7, DAY)


@pytest.fixture(autouse=True)
def may_make_a_schema(postgres, request) -> None:
    """A copied database has not its template's rights: the migrator's is given again."""
    if "database_name" in request.fixturenames:
        grant(postgres, request.getfixturevalue("database_name"))


def grant(postgres, name: str) -> None:
    postgres.query(f"GRANT CREATE ON DATABASE {name} TO marketplace_migrator")


async def test_a_hundredth_of_the_nation_has_the_rows_it_promises_and_the_rules_can_judge_them(database, migrator):
    said: list[str] = []
    rows = await lay(database, SMALL, said.append)
    assert rows["worker"] == rows["worker_readiness"] == 1200
    assert (rows["package"], rows["visit"], rows["visit_worker"]) == (650, 10_000, 10_000)
    assert 16_000 < rows["worker_competency"] < 18_000
    assert any("Competencies" in each for each in said)
    assert await migrator.fetch("SELECT * FROM audit_faults()") == []
    assert await migrator.fetchval("SELECT to_regnamespace('national')") is None
    framework = await migrator.fetchrow("SELECT id, lead_commissioner_id FROM framework ORDER BY id LIMIT 1")
    person = await migrator.fetchrow(
        "SELECT p.id, p.name FROM person p JOIN membership m ON m.person_id = p.id WHERE m.role = 'referrer'"
        " AND m.organisation_id = $1 LIMIT 1",
        framework["lead_commissioner_id"],
    )
    referrer = Actor(person["id"], person["name"], "referrer", framework["lead_commissioner_id"], "A", "commissioner")
    pack = await ask(referrer, pack_of, framework["id"])
    lot = next(iter(pack.lots))
    providers = [
        row["provider_id"]
        for row in await migrator.fetch(
            "SELECT DISTINCT provider_id FROM admission WHERE framework_id = $1", framework["id"]
        )
    ]
    counts = await ask(referrer, ready_counts, providers, pack, lot, (), DAY)
    facts = await ask(referrer, worker_facts, providers)
    assert counts == {
        each: sum(worker_readiness(pack, lot, DAY, worker).ready for worker in facts[each]) for each in providers
    }
    assert sum(counts.values()) > 0
    with pytest.raises(NationalRefused, match="in use already"):
        await lay(database, SMALL, said.append)


async def test_the_same_seed_makes_the_same_rows_and_another_one_others(postgres, databases, migrated_template):
    found = []
    for number, seed in enumerate((7, 7, 8)):
        name = f"nation_{number}"
        databases.copy(name, migrated_template)
        grant(postgres, name)
        settings = Settings(database_url=postgres.url(name), secret="tests only: not a secret of any deployment")
        await lay(settings, Nation(0.002, seed, DAY), lambda _: None)
        connection = await asyncpg.connect(settings.dsn("migrator"))
        try:
            found.append(await fingerprint(connection))
        finally:
            await connection.close()
    assert found[0] == found[1]
    assert found[1] != found[2]


def test_the_period_is_four_whole_weeks_before_the_days_own():
    assert Nation(1, 1, date(2026, 5, 14)).period == date(2026, 4, 13)


@pytest.mark.parametrize("scale", [0, -1, 5])
async def test_a_scale_beyond_reason_is_refused(database, scale):
    with pytest.raises(NationalRefused, match="scale"):
        await lay(database, Nation(scale, 1, DAY), lambda _: None)

"""What a workforce file held goes after the packs' days, whoever looks: unfinished or imported; the record stays."""

from __future__ import annotations

from datetime import timedelta

from marketplace.platform.database import close_database, open_database
from marketplace.platform.jobs import SWEEPS
from marketplace.providers import import_actions, jobs
from marketplace.settings import Settings
from tests.providers.conftest import Place
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.browsing import Browser

assert jobs
FILE = b"Reference,Name,Role,Phone\nR1,Ana Ash,%s,07700900123\n"


async def test_rows_and_plans_of_workforce_files_are_emptied_in_time(
    place: Place, database: Settings, clock, migrator
) -> None:
    role = place.pack.content.roles[0].title.encode()
    checked = await import_actions.upload(place.manager, "a.csv", FILE % role)
    accepted = await import_actions.upload(place.manager, "b.csv", FILE % role)
    plan = await migrator.fetchval("SELECT plan_hash FROM workforce_import WHERE id = $1", accepted)
    await import_actions.accept(place.manager, accepted, plan)
    hanging = await import_actions.upload(place.manager, "c.csv", FILE % role)
    await migrator.execute("UPDATE workforce_import SET state = 'checking' WHERE id = $1", hanging)
    late = await import_actions.upload(place.manager, "d.csv", FILE % role)
    held = await import_actions.upload(place.manager, "e.csv", FILE % role)
    await migrator.execute(
        "UPDATE workforce_import SET state = CASE id WHEN $1 THEN 'importing' ELSE state END, accepted_at ="
        " uploaded_at + CASE id WHEN $1 THEN interval '0' ELSE interval '27 days' END,"
        " accepted_by = uploaded_by, accepted_by_name = uploaded_by_name, accepted_by_role = 'provider_manager'"
        " WHERE id IN ($1, $2)",
        late, held,
    )  # fmt: skip

    async def kept() -> dict[str, tuple[str, bool]]:
        rows = await migrator.fetch(
            "SELECT file_name, state, rows <> '{}' OR plan IS NOT NULL OR answers <> '{}' AS holds"
            " FROM workforce_import"
        )
        return {row["file_name"]: (row["state"], row["holds"]) for row in rows}

    # accepted in its last days: about to be kept, or back at its preview
    stays = {"d.csv": ("importing", True), "e.csv": ("checked", True)}
    full = {"a.csv": ("checked", True), "b.csv": ("imported", True), "c.csv": ("checking", True)} | stays
    assert await kept() == full
    await close_database()
    await open_database(database.dsn("worker"), clock=clock)
    for days, expected in (
        (27, full),
        (2, {"a.csv": ("discarded", False), "b.csv": ("imported", False), "c.csv": ("discarded", False)} | stays),
    ):
        clock.move(timedelta(days=days))
        await SWEEPS["workforce_imports"].run(database)
        await SWEEPS["workforce_imports"].run(database)
        assert await kept() == expected
    entries = await migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'workforce.import_emptied'")
    assert entries == 3
    await close_database()
    await open_database(database.dsn("app"), clock=clock)
    async with Browser(create_marketplace(database, clock)) as browser:
        await browser.sign_in(await people.with_password(place.manager, database))
        for import_id in (checked, accepted, hanging):
            page = await browser.get(f"/workforce/import/{import_id}")
            assert page.status_code == 200 and "07700900123" not in page.text, page.text
            assert (await browser.get(f"/api/v1/workforce-imports/{import_id}")).status_code == 200
        assert (await browser.get("/workforce/import")).status_code == 200

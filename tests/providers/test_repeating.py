"""What is declared again and again is a duty: owed by whom to whom until when, met by declaring, late stays late."""

from __future__ import annotations

from datetime import UTC, date, datetime

from marketplace.obligations.queries import my_duties
from marketplace.platform.database import ask
from marketplace.providers import actions
from marketplace.providers.declarations import assess, make_declaration
from marketplace.providers.repeating import owe_declarations
from tests.obligations.conftest import as_worker

KEY = "making_it_real"
DAY = date(2026, 5, 11)  # of the admission


async def test_owed_when_near_met_by_declaring_and_late_stays_late(place, database, clock, migrator) -> None:
    async def rows() -> list[tuple[date, date | None, date | None, bool]]:
        found = await migrator.fetch(
            "SELECT * FROM obligation WHERE rule_key = $1 AND owed_by_organisation = $2 ORDER BY starts_at",
            KEY, place.provider_id,
        )  # fmt: skip
        for row in found:
            assert (row["owed_to"], row["framework_id"]) == (place.lead.organisation_id, place.framework_id)
        return [
            (
                row["starts_at"].date(), row["met_at"] and row["met_at"].date(),
                row["missed_at"] and row["missed_at"].date(), row["cancelled_at"] is not None,
            )
            for row in found
        ]  # fmt: skip

    began = date(2026, 5, 10)  # midnight in London is the evening before in UTC
    async with as_worker(database, clock):
        assert await owe_declarations(place.provider_id) == 0, "six months are far away"
        clock.move_to(datetime(2026, 9, 1, 9, tzinfo=UTC))
        assert await owe_declarations(place.provider_id) == 1
        assert await owe_declarations(place.provider_id) == 0, "once"
    [duty] = [row for row in await ask(place.manager, my_duties) if row["rule_key"] == KEY]
    assert duty["link"] == f"/declarations/{KEY}" and duty["due_at"] == datetime(2026, 11, 12, tzinfo=UTC)
    await actions.declare(place.manager, ["living_wage"], date(2026, 9, 1))
    assert await rows() == [(began, None, None, False)], "something else was declared"
    clock.move_to(datetime(2026, 11, 20, 9, tzinfo=UTC))
    made = await make_declaration(place.manager, KEY, declared_on=date(2026, 11, 1))
    assert await rows() == [(began, date(2026, 11, 20), date(2026, 11, 12), False)], "late, whatever day was typed"
    await assess(place.lead, made, place.framework_id, verdict="accepted")
    assert await rows() == [(began, date(2026, 11, 20), date(2026, 11, 12), False)]
    # the next time is early, and on record all the same
    clock.move_to(datetime(2026, 12, 1, 9, tzinfo=UTC))
    await make_declaration(place.manager, KEY, declared_on=date(2026, 12, 1))
    assert (await rows())[1:] == [(date(2026, 11, 1), date(2026, 12, 1), None, False)]
    clock.move_to(datetime(2027, 4, 1, 9, tzinfo=UTC))
    async with as_worker(database, clock):
        assert await owe_declarations(place.provider_id) == 1
    await migrator.execute("UPDATE admission SET ends_on = '2027-04-01' WHERE provider_id = $1", place.provider_id)
    clock.move_to(datetime(2027, 4, 2, 9, tzinfo=UTC))
    async with as_worker(database, clock):
        assert await owe_declarations(place.provider_id) == 0
    assert (await rows())[2] == (date(2026, 12, 1), None, None, True), "nothing is owed to a framework one has left"
    assert [row for row in await ask(place.rival, my_duties) if row["rule_key"] == KEY] == []


async def test_a_day_put_right_moves_the_clock_back(place, database, clock, migrator) -> None:
    await make_declaration(place.manager, KEY, declared_on=DAY)
    clock.move_to(datetime(2026, 10, 1, 9, tzinfo=UTC))
    async with as_worker(database, clock):
        assert await owe_declarations(place.provider_id) == 1
    await actions.declare(place.manager, [KEY], date(2026, 5, 1))
    found = await migrator.fetch(
        "SELECT due_at, cancelled_at IS NULL AND met_at IS NULL AS open FROM obligation"
        " WHERE rule_key = $1 AND owed_by_organisation = $2 ORDER BY due_at",
        KEY, place.provider_id,
    )  # fmt: skip
    assert [(row["due_at"].date(), row["open"]) for row in found] == [
        (date(2026, 11, 2), True),
        (date(2026, 11, 12), False),
    ]

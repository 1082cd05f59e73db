"""The quarterly report: owed when something was delivered, sent once with the records' numbers, read by both sides."""

from __future__ import annotations

import html
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.obligations import mail_choices, queries
from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.packages import monitoring
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.obligations.conftest import as_worker
from tests.world import packages, people
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at
from tests.world.packages import Case

QUARTER = date(2026, 4, 1)


async def owed(actor: Actor) -> list[str]:
    return [row["link"] for row in await ask(actor, queries.my_duties) if row["rule_key"] == "monitoring_report"]


async def test_from_the_quarters_end_to_the_contract_managers_page(database, ready: Case, clock, migrator) -> None:
    case, provider = ready, ready.manager.provider_id
    assert provider is not None
    visit = await packages.a_visit(case, date(2026, 5, 13))
    clock.at = (await case.visit(visit)).planned_end + timedelta(hours=1)
    await packages.delivered(case, visit)
    assert await monitoring.owe_reports(provider) == 0, "the quarter is not over"
    clock.at = clock.at.replace(month=7, day=1, hour=9)
    assert await monitoring.owe_reports(provider) == 1
    assert await monitoring.owe_reports(provider) == 0, "once"
    path = f"/monitoring/{case.world.framework_id}/{case.referrer.organisation_id}/{QUARTER}"
    assert await owed(case.manager) == [path]
    decider = await people.person_in(case.referrer, "contract_manager")
    council = case.referrer.organisation_id
    assert council is not None
    given = (case.world.framework_id, council)
    for wrong, error in (
        ((*given, QUARTER, {"says": " "}), InvalidInput), ((*given, date(2026, 4, 2), {"says": "x"}), NotFound),
        ((*given, date(2026, 7, 1), {"says": "x"}), NotFound), ((*given, date(2026, 1, 1), {"says": "x"}), NotFound),
    ):  # fmt: skip
        with pytest.raises(error):
            await monitoring.send_report(case.manager, *wrong[:3], **wrong[3])
    with pytest.raises(NotPermitted):
        await monitoring.send_report(decider, *given, QUARTER, says="x")
    for elsewhere in ((case.world.framework_id, provider), (provider, council)):
        with pytest.raises(NotFound):
            await monitoring.send_report(case.manager, *elsewhere, QUARTER, says="x")
    app, console = create_marketplace(database, clock), create_console(database, clock)
    async with at(app, database, case.manager) as door:
        shown = html.unescape((await door.get(path)).text)
        assert "Visits planned" in shown and "it is not changed any more" in shown
        refused = await door.post(path, {"says": "", "actions": "A second nurse"})
        assert refused.status_code == 400 and "A second nurse" in refused.text
        sent = await door.post(path, {"says": "All went well", "actions": "A second nurse", "agreed": "yes"})
        assert sent.status_code == 303
        [row] = (await door.get("/api/v1/monitoring-reports")).json()
        assert (row["facts"]["delivered"], row["facts"]["planned"], row["says"]) == (1, 1, "All went well")
        assert row["facts"]["minutes"] > 0
    assert await owed(case.manager) == []
    with pytest.raises(Conflict):
        await monitoring.send_report(case.manager, *given, QUARTER, says="Again")
    async with at(console, database, decider) as door:
        assert "Quarterly report" in (await door.get(sent.headers["location"])).text
        assert "1 April 2026" in (await door.get("/monitoring")).text
        assert "All went well" not in (await door.get("/monitoring?format=csv")).text
    stranger = await people.person_in(case.referrer, "finance")
    async with at(console, database, stranger) as door:
        assert (await door.get(sent.headers["location"])).status_code == 403
    met = await migrator.fetchrow("SELECT met_at, missed_at FROM obligation WHERE rule_key = 'monitoring_report'")
    assert met is not None and met["met_at"] is not None and met["missed_at"] is None


async def test_what_was_missed_for_good_is_in_the_report(database, ready: Case, clock, migrator) -> None:
    """A duty whose ground went after its time is late for ever; one whose ground went in time was never owed."""
    case, provider, council = ready, ready.manager.provider_id, ready.referrer.organisation_id
    visit = await packages.a_visit(case, date(2026, 5, 13))
    clock.at = (await case.visit(visit)).planned_end + timedelta(hours=1)
    await packages.delivered(case, visit)
    due = clock.at + timedelta(days=2)
    ended: list[tuple[datetime, UUID]] = []
    async with unit_of_work(case.manager) as work:
        pack = await pack_of(work, case.world.framework_id)
        for until in (due, due + timedelta(days=9)):
            ended.append((until, uuid4()))
            await owe(
                work, pack, "cqc_report", subject_type="cqc_change", subject_id=ended[-1][1], reference="A change",
                owed_by=Owed(provider), owed_to=council, link="/contract", due_at=until, title="Report a change",
                framework_id=case.world.framework_id,
            )  # fmt: skip
    assert provider is not None and council is not None
    clock.at = clock.at.replace(month=7, day=1, hour=9)
    before = (await ask(case.manager, monitoring.due_report, case.world.framework_id, council, QUARTER)).facts
    clock.at = due + timedelta(days=1)
    async with unit_of_work(case.manager) as work:
        assert [await cancel(work, subject) for _, subject in ended] == [1, 1]
    clock.at = clock.at.replace(month=7, day=1, hour=9)
    facts = (await ask(case.manager, monitoring.due_report, case.world.framework_id, council, QUARTER)).facts
    assert (facts["duties"], facts["duties_late"]) == (before["duties"] - 1, 1)


async def test_a_daily_mail_that_is_not_wanted_is_not_written(database, ready: Case, clock) -> None:
    async with at(create_marketplace(database, clock), database, ready.manager) as door:
        assert "My account" in (await door.get("/account")).text
        page = await door.get("/account/mails")
        assert page.text.count("checked") == 2
        assert (await door.post("/account/mails", {"wanted": ["lapses"]})).status_code == 303
        assert (await door.get("/api/v1/mail-choices")).json() == {"duties": False, "lapses": True}
        assert (await door.post("/account/mails", {"wanted": ["all"]})).status_code == 400
    person = ready.manager.person_id
    async with as_worker(database, clock):
        assert await ask(ready.manager, mail_choices.without, [person], "duties") == {person}
        assert await ask(ready.manager, mail_choices.without, [person], "lapses") == set()
    clock.move(timedelta(minutes=1))
    await mail_choices.choose(ready.manager, ["duties", "lapses"])
    assert await ask(ready.manager, mail_choices.choices) == {"duties": True, "lapses": True}

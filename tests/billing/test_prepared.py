"""The four-weekly run: drafts lie ready when a period is over and follow the records; killed, it goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from uuid import UUID

import httpx
import pytest

from marketplace.billing.deciding import return_invoice
from marketplace.billing.prepared_queries import prepared_draft, to_come
from marketplace.billing.preparing import prepare_drafts
from marketplace.dev.national import Nation, lay
from marketplace.invoice_commands import parser
from marketplace.packages import signing
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound, NotPermitted
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at

pytestmark = pytest.mark.usefixtures("database")


async def test_a_draft_lies_ready_follows_the_records_and_goes_when_it_is_submitted(
    database, settings, world, case, clock, first_day, finance, migrator
):
    payer = system_for(case.referrer.organisation_id, "commissioner", "Northgate Council")
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=2), signed=False)
    period = await period_of(case, first_day)
    assert [each.drafts for each in await prepare_drafts(payer, day=first_day)] == []  # the period is not over
    after(clock, period, hours=9)
    with pytest.raises(NotPermitted):
        await prepare_drafts(case.manager)
    (done,) = await prepare_drafts(payer)
    assert (done.period, done.drafts, done.lines, done.made) == (period, 1, 2, 1)
    assert await prepare_drafts(payer) == [] and await prepare_drafts(payer, daily=True) == []

    live = await the_draft(case, period)  # the provider's page still judges the records themselves
    for actor in (finance, case.manager):
        found = await ask(actor, to_come)
        assert (found.total, found.net_pence) == (1, live.result.net_pence)
        row, lines = await ask(actor, prepared_draft, found.rows[0].id)
        assert (row.visits, row.held, row.defects) == (2, 1, 0)
        assert [line.payable_pence for line in lines] == [line.payable_pence for line in live.result.lines]
        assert [line.missing for line in lines] == [(), ("family_signature",)]
    rival = await people.provider_org(settings, "Rowan Rivals")
    other = await people.council(settings, "Southmere Council")
    for stranger in (rival, other, case.family):
        assert (await ask(stranger, to_come)).total == 0
        with pytest.raises(NotFound):
            await ask(stranger, prepared_draft, row.id)

    for app, actor in ((create_marketplace(database, clock), case.manager), (create_console(database, clock), finance)):
        async with at(app, settings, actor) as door:
            page = await door.client.get("/invoices/to-come")
            assert page.status_code == 200 and "1 draft comes to" in page.text
            assert (await door.client.get("/invoices")).text.count('href="/invoices/to-come"') == 1
            file = await door.client.get("/invoices/to-come?format=csv")
            assert file.headers["content-type"].startswith("text/csv") and file.text.count("\r\n") == 2

    await signing.family_confirms(case.family, held, text_hash=(await case.visit(held)).record_hash)
    clock.move(timedelta(days=1))
    (again,) = await prepare_drafts(payer, daily=True)
    assert (again.drafts, again.made) == (1, 1) and await prepare_drafts(payer, daily=True) == []
    assert (await ask(finance, to_come)).net_pence == (await the_draft(case, period)).result.net_pence > row.net_pence
    row, lines = await ask(finance, prepared_draft, row.id)  # whoever looks at it again sees what it comes to now
    assert (row.held, [line.missing for line in lines]) == (0, [(), ()])

    invoice_id = await submitted(case, period)
    assert (await ask(finance, to_come)).total == 0
    await prepare_drafts(payer, again=True)
    assert await migrator.fetchval("SELECT count(*) FROM prepared_draft") == 0
    with pytest.raises(NotFound):
        await ask(finance, prepared_draft, row.id)
    await return_invoice(finance, invoice_id, "Look at the second visit.")
    (returned,) = await prepare_drafts(payer, again=True)  # what was returned is for the rule itself
    assert (returned.drafts, returned.by_rules) == (1, 1)
    assert (await ask(case.manager, to_come)).total == 1
    said = await migrator.fetch("SELECT details FROM audit_entry WHERE action = 'drafts.prepared' ORDER BY seq")
    assert [row["details"]["drafts"] for row in said] == [1, 1, 0, 1]
    assert await migrator.fetch("SELECT * FROM audit_faults()") == []


async def test_the_api_tells_what_is_prepared(database, settings, world, case, clock, first_day, finance):
    await visit_done(case, clock, first_day)
    after(clock, await period_of(case, first_day), hours=9)
    await prepare_drafts(system_for(case.referrer.organisation_id, "commissioner"))
    rival = await people.provider_org(settings, "Rowan Rivals")
    transport = httpx.ASGITransport(app=create_marketplace(database, clock))
    async with httpx.AsyncClient(transport=transport, base_url="https://marketplace.test/api/v1") as api:
        tokens: dict[UUID, str] = {}

        async def get(actor, path):
            if actor.person_id not in tokens:
                email = await people.with_password(actor, settings)
                answer = await api.post("/token", json={"email": email, "password": people.PASSWORD})
                tokens[actor.person_id] = answer.json()["access_token"]
            return await api.get(path, headers={"Authorization": f"Bearer {tokens[actor.person_id]}"})

        listed = (await get(finance, "/prepared-drafts")).json()
        assert listed["total"] == 1 and listed["net_pence"] == listed["drafts"][0]["net_pence"] > 0
        path = f"/prepared-drafts/{listed['drafts'][0]['id']}"
        whole = (await get(case.manager, path)).json()
        assert whole["draft"] == listed["drafts"][0]
        assert sum(line["payable_pence"] for line in whole["lines"]) == whole["draft"]["gross_pence"]
        assert (await get(rival, path)).status_code == 404
        assert (await get(rival, "/prepared-drafts")).json()["total"] == 0


def command(settings, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "marketplace.cli", "invoices", "run", *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "DATABASE_URL": settings.database_url, "MARKETPLACE_SECRET": settings.secret},
    )  # fmt: skip


async def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    said, told = await asyncio.to_thread(process.communicate, timeout=120)
    return process.returncode, said, told


async def test_killed_in_the_middle_and_started_again_nothing_is_doubled_or_lost(
    settings, migrator, postgres, database_name
):
    postgres.query(f"GRANT CREATE ON DATABASE {database_name} TO marketplace_migrator")
    await lay(settings, Nation(0.001, 3, date(2026, 5, 11)), lambda _: None)
    councils = await migrator.fetch("SELECT id FROM organisation WHERE kind = 'commissioner' ORDER BY id")
    payers = [row["id"] for row in councils]
    held = migrator.transaction()
    await held.start()  # the second commissioner's turn is taken: the run stands in its middle
    await migrator.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"prepared drafts {payers[1]}")
    first = command(settings, "--on", "2026-04-20")
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while not await migrator.fetchval(waits):
        assert first.poll() is None
        await asyncio.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    await ended(first)
    await held.rollback()
    drafts = "SELECT id, commissioner_id, provider_id, net_pence FROM prepared_draft ORDER BY id"
    before = await migrator.fetch(drafts)
    assert {row["commissioner_id"] for row in before} == {payers[0]}

    two = [command(settings, "--on", "2026-04-20") for _ in range(2)]  # and two at once: they take turns
    codes = [await ended(each) for each in two]
    assert [code for code, _, _ in codes] == [0, 0], codes
    assert any("2 of 2 commissioners" in told for _, _, told in codes)
    now = await migrator.fetch(drafts)
    assert set(before) < set(now) and {row["commissioner_id"] for row in now} == set(payers)
    visits = await migrator.fetchval("SELECT count(*) FROM visit")
    counted = "SELECT count(*), count(DISTINCT visit) FROM prepared_draft, unnest(visit_ids) visit"
    assert tuple(await migrator.fetchrow(counted)) == (visits, visits)
    assert await migrator.fetchval("SELECT sum(lines) FROM prepared_period") == visits

    code, said, _ = await ended(command(settings, "--on", "2026-04-20", "--again"))
    assert code == 0 and " 0 of them made now" in said
    assert await migrator.fetch(drafts) == now
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--on", "tomorrow"])

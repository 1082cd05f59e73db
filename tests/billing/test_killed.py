"""The application, the database and the worker killed in the middle of an invoice run and of a payment run.

"In the middle" without hooks: another connection holds what the transaction needs last (the audit's heads, or the
table of duties), so it stands with everything else written and nothing committed. Then it is killed with SIGKILL and
started again: nothing is doubled, nothing lost, and the ledger computed again agrees.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from marketplace.billing.verify import verify_books
from marketplace.frameworks.application_actions import end_admission
from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask, close_database, open_database, prepare_connection
from marketplace.platform.migrate import migrate
from marketplace.platform.postgres_server import PostgresServer
from marketplace.platform.processes import free_port
from marketplace.policy.calendar import Period, end_of_day, local_day
from marketplace.settings import Settings
from tests.billing.conftest import running_package
from tests.conftest import NOON, SECRET
from tests.world import billing, packages, people
from tests.world.packages import Case

HEADS = "SELECT * FROM audit_head FOR UPDATE"  # every unit of work writes its audit last
DUTIES = "LOCK TABLE obligation IN EXCLUSIVE MODE"
PERIODS = 2


@dataclass
class Money:
    """A provider with a confirmed visit in each of two closed periods, a long one and a short one, not yet invoiced;
    on a PostgreSQL that may be killed."""

    server: PostgresServer
    settings: Settings
    clock: FrozenClock
    case: Case
    finance: Actor
    periods: list[Period]
    port: int
    mine: dict[str, str]
    theirs: dict[str, str]
    site: subprocess.Popen[bytes] | None = None

    def migrator(self) -> Any:
        return asyncpg.connect(self.settings.dsn("migrator"))

    async def value(self, sql: str, *values: object) -> Any:
        """Looked up past row-level security, whatever the application thinks."""
        connection = await self.migrator()
        try:
            await prepare_connection(connection)
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    @asynccontextmanager
    async def held(self, lock: str) -> AsyncIterator[asyncpg.Connection]:
        """Another connection holds a lock; whatever needs it waits inside its transaction."""
        connection = await self.migrator()
        try:
            await connection.execute("BEGIN")
            await connection.execute(lock)
            yield connection
        finally:
            connection.terminate()

    async def somebody_waits(
        self, held: asyncpg.Connection, asking: asyncio.Task[httpx.Response] | None = None
    ) -> None:
        for _ in range(2400):
            if await held.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                return
            assert asking is None or not asking.done(), asking.result().text
            await asyncio.sleep(0.05)
        raise AssertionError("nothing waits for the lock")

    def started(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.billing.money_process", *arguments],
            env={**os.environ, "DATABASE_URL": self.settings.database_url},
        )

    async def site_up(self) -> None:
        """Start the site where none runs: a killed one is started again by the next who needs it."""
        if self.site is None or self.site.poll() is not None:
            self.site = self.started("site", str(self.port), self.clock.at.isoformat())
        await self.until_answered("GET", "/invoice-periods", self.mine)

    def kill_site(self) -> None:
        assert self.site is not None
        self.site.kill()
        self.site.wait()

    async def asked(self, method: str, path: str, headers: dict[str, str], json: Any = None) -> httpx.Response:
        async with httpx.AsyncClient(timeout=60) as client:
            address = f"http://127.0.0.1:{self.port}/api/v1{path}"
            return await client.request(method, address, headers=headers, json=json)

    async def until_answered(self, method: str, path: str, headers: dict[str, str], json: Any = None) -> httpx.Response:
        """Asked again while nobody answers or the database is not back: what a person does."""
        deadline = time.monotonic() + 200
        while True:
            try:
                answer = await self.asked(method, path, headers, json)
                if answer.status_code < 500:
                    return answer
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "it did not come back"
            await asyncio.sleep(0.2)

    async def cut_short(
        self, lock: str, victim: str, method: str, path: str, headers: dict[str, str], json: Any
    ) -> None:
        """Ask for something and kill the site, or the database under it, before it can commit; then start it again."""
        await self.site_up()
        async with self.held(lock) as held:
            asking = asyncio.create_task(self.asked(method, path, headers, json))
            await self.somebody_waits(held, asking)
            if victim == "application":
                self.kill_site()
            else:
                self.kill_database()
            with contextlib.suppress(httpx.TransportError):
                assert (await asking).status_code >= 500  # never told that it was done
        if victim == "database":
            self.server.start()
        await self.site_up()  # the same site finds its way back to a database that was started again

    def kill_database(self) -> None:
        assert self.server.process is not None
        os.kill(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait()

    async def books_agree(self) -> int:
        """The ledger computed again; returns how many entries it has."""
        await open_database(self.settings.dsn("app"), clock=self.clock, max_size=2)
        try:
            found = await ask(self.finance, verify_books)
            assert found.differences == []
            return found.entries
        finally:
            await close_database()


async def _laid(settings: Settings, clock: FrozenClock) -> tuple[Case, Actor, list[Period], list[str]]:
    await open_database(settings.dsn("app"), clock=clock, max_size=4)
    try:
        case = await running_package(settings)
        finance = await people.person_in(case.world.admin, "finance", "Finn Ance")
        await billing.banked(case.manager)
        periods = []
        day = local_day(clock.at) + timedelta(days=2)
        for _ in range(PERIODS):
            end = time_of_day(20) if not periods else time_of_day(10)
            visit_id = await packages.a_visit(case, day, time_of_day(8), end)
            clock.move_to((await case.visit(visit_id)).planned_end + timedelta(minutes=5))
            await packages.confirmed(case, visit_id)
            periods.append(await billing.period_of(case, day))
            day = periods[-1].last_day + timedelta(days=2)
        emails = [await people.with_password(who, settings) for who in (case.manager, finance)]
        return case, finance, periods, emails
    finally:
        await close_database()


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Money]:
    folder: Path = tmp_path_factory.mktemp("money")
    # As durable as a deployment's: what it said was kept is there after it was killed.
    with PostgresServer(folder, port=free_port()) as server:
        server.create_database("money")
        settings = Settings(database_url=server.url("money"), secret=SECRET, secure_cookies=False)
        asyncio.run(migrate(settings))
        clock = FrozenClock(NOON)
        case, finance, periods, emails = asyncio.run(_laid(settings, clock))
        clock.move_to(end_of_day(periods[-1].last_day) + timedelta(days=12))
        made = Money(server, settings, clock, case, finance, periods, free_port(), {}, {})

        async def signed_in() -> None:
            await made.site_up()
            for email, headers in zip(emails, (made.mine, made.theirs), strict=True):
                answer = await made.asked("POST", "/token", {}, {"email": email, "password": people.PASSWORD})
                headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

        try:
            asyncio.run(signed_in())
            yield made
        finally:
            made.kill_site()


async def test_the_database_killed_while_it_prepares_drafts(money: Money) -> None:
    now, drafts = money.clock.at.isoformat(), "SELECT count(*) FROM prepared_draft"
    async with money.held(HEADS) as held:  # drafts and lines stand written, the audit waits
        process = money.started("sweeps", now, "prepared_drafts")
        await money.somebody_waits(held)
        money.kill_database()
    process.kill()
    process.wait()
    money.server.start()
    assert await money.value(drafts) == 0
    for _ in range(2):
        assert money.started("sweeps", now, "prepared_drafts").wait(timeout=200) == 0
        assert await money.value(drafts) == 1  # of the period that ended last; it holds its visit once
    await money.site_up()


async def test_killed_in_the_middle_of_submitting(money: Money) -> None:
    key = {"framework_id": str(money.case.world.framework_id), "payer_id": str(money.case.referrer.organisation_id)}
    for number, (victim, period) in enumerate(zip(("application", "database"), money.periods, strict=True), start=1):
        about = key | {"first_day": period.first_day.isoformat()}
        draft = await money.asked("GET", "/invoice-drafts/" + "/".join(about.values()), money.mine)
        wanted = about | {"fingerprint": draft.json()["fingerprint"]}
        before = await money.value("SELECT count(*) FROM ledger_entry")
        await money.cut_short(HEADS, victim, "POST", "/invoices", money.mine, wanted)
        assert await money.value("SELECT count(*) FROM invoice") == number - 1
        assert await money.value("SELECT count(*) FROM ledger_entry") == before
        done = await money.asked("POST", "/invoices", money.mine, wanted)
        assert done.status_code == 201, done.text
        again = await money.asked("POST", "/invoices", money.mine, wanted)
        assert again.status_code == 409 and "submitted already" in again.text
        assert await money.value("SELECT max(number) FROM invoice") == number
        assert await money.value("SELECT count(*) = count(DISTINCT visit_id) FROM invoice_line WHERE counts")
        assert await money.books_agree() == number


async def test_killed_in_the_middle_of_paying(money: Money) -> None:
    ids: list[UUID] = await money.value("SELECT array_agg(id ORDER BY number) FROM invoice")
    owed = await money.value("SELECT sum(net_pence) FROM invoice")
    await money.site_up()
    for invoice_id in ids:
        done = await money.asked("POST", f"/invoices/{invoice_id}/accept", money.theirs)
        assert done.status_code == 204, done.text
    built = await money.asked("POST", "/payment-runs", money.theirs, {"everything": True})
    run = f"/payment-runs/{built.json()['id']}"

    await money.cut_short(HEADS, "application", "POST", f"{run}/export", money.theirs, None)
    assert await money.value("SELECT count(*) FROM payment_run WHERE state = 'exported'") == 0
    assert (await money.asked("POST", f"{run}/export", money.theirs)).status_code == 200
    assert (await money.asked("POST", f"{run}/export", money.theirs)).status_code == 409

    lines = (await money.asked("GET", run, money.theirs)).json()["lines"]
    day = local_day(money.clock.at).isoformat()
    sent = {"payments": [{"position": line["position"], "paid_on": day, "pence": line["pence"]} for line in lines]}
    await money.cut_short(HEADS, "database", "POST", f"{run}/paid", money.theirs, sent)
    assert await money.value("SELECT count(*) FROM ledger_entry WHERE kind = 'payment'") == 0
    assert await money.value("SELECT count(*) FROM payment_line WHERE paid_on IS NOT NULL") == 0
    for marked in (len(lines), 0):
        done = await money.asked("POST", f"{run}/paid", money.theirs, sent)
        assert done.json() == {"marked": marked}
    assert await money.value("SELECT -sum(pence) FROM ledger_posting WHERE account = 'bank'") == owed
    payable = "SELECT coalesce(sum(pence), 0) FROM ledger_posting WHERE account = 'provider_payable'"
    assert await money.value(payable) == 0
    await money.books_agree()


async def test_the_worker_killed_while_it_makes_a_debt(money: Money) -> None:
    """What time alone does to money: a leaver owes what was carried; it becomes one debt."""
    connection = await money.migrator()
    await prepare_connection(connection)
    # a late invoice of one visit carried most of their deductions on: the provider leaves owing that
    owing = await connection.fetchval("SELECT sum(pence) FROM ledger_posting WHERE account = 'owed_by_provider'")
    await open_database(money.settings.dsn("app"), clock=money.clock, max_size=2)
    for row in await connection.fetch("SELECT id FROM admission"):
        await end_admission(money.case.world.admin, row["id"], local_day(money.clock.at), "It leaves.")
    await close_database()
    await connection.execute("UPDATE package SET ends_on = starts_on")
    await connection.close()
    assert owing > 0
    late: datetime = money.clock.at + timedelta(days=70)
    entries = await money.books_agree()
    debts = "SELECT count(*) FROM provider_debt"
    async with money.held(DUTIES) as held:  # the debt and its entry stand written, its duty waits
        process = money.started("sweeps", late.isoformat(), "provider_debts")
        await money.somebody_waits(held)
        process.kill()
        process.wait()
    assert await money.value(debts) == 0
    for _ in range(2):
        assert money.started("sweeps", late.isoformat(), "provider_debts").wait(timeout=200) == 0
        assert await money.value(debts) == 1
    assert await money.value("SELECT sum(pence) FROM provider_debt") == owing
    assert await money.books_agree() == entries + 1

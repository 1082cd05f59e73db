"""Jobs on a real queue: they belong to their transaction, are tried again, held, and survive a killed worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from marketplace import worker
from marketplace.platform.database import outside_context
from marketplace.platform.jobs import (
    JOBS,
    SWEEPS,
    Sweep,
    enqueue,
    held_jobs,
    job,
    queries_on,
    queue_state,
    run_again,
)
from marketplace.settings import Settings

HERE = Path(__file__).parent


@pytest.fixture
def own_jobs() -> Iterator[None]:
    """Jobs registered by a test are forgotten after it."""
    known, swept = dict(JOBS), dict(SWEEPS)
    yield
    for registry, before in ((JOBS, known), (SWEEPS, swept)):
        registry.clear()
        registry.update(before)


async def until(true: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """The first truthy answer of `true()`; fails the test when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := await true():
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")


class Working:
    """A worker in this process, for as long as the block lasts."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.stop = settings, asyncio.Event()

    async def __aenter__(self) -> None:
        connection = await asyncpg.connect(self.settings.dsn("worker"))
        self.manager = worker.manager_for(self.settings, connection)
        self.task = asyncio.create_task(self.manager.run(dequeue_timeout=timedelta(seconds=1)))

    async def __aexit__(self, *_: object) -> None:
        self.manager.shutdown.set()
        await self.task


@pytest.fixture
async def work_pool(settings: Settings) -> Any:
    """The pool as the worker's role."""
    await worker.open_database(settings.dsn("worker"), max_size=8)
    yield settings
    await worker.close_database()


async def test_a_job_exists_only_when_its_change_commits(work_pool: Settings, own_jobs: None) -> None:
    ran: list[Any] = []

    @job("note_it")
    async def note_it(settings: Settings, payload: dict[str, Any]) -> None:
        ran.append(payload["n"])

    connection = await asyncpg.connect(work_pool.dsn("app"))
    transaction = connection.transaction()
    await transaction.start()
    await enqueue(connection, "note_it", {"n": 1})
    await transaction.rollback()
    async with connection.transaction():
        await enqueue(connection, "note_it", {"n": 2})
    async with Working(work_pool):
        await until(lambda: _answer(bool(ran)))
    assert ran == [2]
    assert (await queue_state(connection)).waiting == 0
    await connection.close()


async def _answer(value: Any) -> Any:
    return value


async def test_a_key_keeps_a_second_job_out_while_the_first_waits(database: Settings, own_jobs: None) -> None:
    async with outside_context() as connection:
        first = await enqueue(connection, "anything", {}, dedupe_key="once")
        second = await enqueue(connection, "anything", {}, dedupe_key="once")
        assert first is not None and second is None
        assert (await queue_state(connection)).waiting == 1


async def test_a_failing_job_is_tried_again_then_held_and_can_be_run_again(work_pool: Settings, own_jobs: None) -> None:
    tries: list[int] = []
    mended = False

    @job("mends_late", attempts=3, pause=timedelta(milliseconds=20))
    async def mends_late(settings: Settings, payload: dict[str, Any]) -> None:
        tries.append(1)
        if not mended:
            raise ValueError("Amara Okafor, 12 Acacia Road")

    async with outside_context() as connection:
        number = await enqueue(connection, "mends_late", {})
    assert number is not None
    app = await asyncpg.connect(work_pool.dsn("app"))
    async with Working(work_pool):
        held = await until(lambda: held_jobs(app))
        assert len(tries) == 3
        assert (held[0].id, held[0].name, held[0].reason) == (number, "mends_late", "ValueError")
        kept = await app.fetch("SELECT traceback::text AS told FROM jobs.pgqueuer_log")
        assert not [row for row in kept if "Amara" in (row["told"] or "")], "an error's message is kept nowhere"

        mended = True
        assert await run_again(app, number)
        assert not await run_again(app, number), "it is no longer held"
        await until(lambda: _answer(len(tries) == 4))
    assert await held_jobs(app) == []
    await app.close()


async def test_the_application_never_reads_a_payload(database: Settings) -> None:
    async with outside_context() as connection:
        await enqueue(connection, "anything", {"offer_id": "of another tenant"})
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT payload FROM jobs.pgqueuer")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM jobs.pgqueuer")


async def test_the_schema_is_what_the_library_wants(database: Settings) -> None:
    """When pgqueuer moves on this fails: then a new migration makes the change it asks for."""
    connection = await asyncpg.connect(database.dsn("migrator"))
    plan = await queries_on(connection).plan_upgrade()
    await connection.close()
    assert list(plan.statements) == []


async def test_a_sweep_runs_in_one_worker_at_a_time_and_outlives_its_faults(
    work_pool: Settings, own_jobs: None
) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(settings: Settings) -> None:
        entered.set()
        await release.wait()

    first = asyncio.create_task(worker.run_once(Sweep("slow", slow, timedelta(seconds=1)), work_pool))
    await entered.wait()
    assert await worker.run_once(Sweep("slow", slow, timedelta(seconds=1)), work_pool) is False
    release.set()
    assert await first is True

    ran: list[int] = []

    async def faulty(settings: Settings) -> None:
        ran.append(1)
        raise RuntimeError("not this time")

    stop = asyncio.Event()
    task = asyncio.create_task(worker.repeat(Sweep("faulty", faulty, timedelta(milliseconds=10)), work_pool, stop))
    await until(lambda: _answer(len(ran) >= 3))
    stop.set()
    await task


def start_worker(settings: Settings, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "worker_process.py")],
        env={**os.environ, **settings.environment(), **more},
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture
async def effects(settings: Settings) -> Any:
    """Tables the worker process writes into, and a connection that reads them."""
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("CREATE TABLE effect (what text PRIMARY KEY); CREATE TABLE start (what text)")
    await connection.execute(f"GRANT ALL ON effect, start TO {settings.role('worker')}")
    yield connection
    await connection.close()


async def test_a_killed_workers_job_runs_again_within_15_seconds(settings: Settings, effects: Any) -> None:
    await enqueue(effects, "slow", {"what": "slow"})
    doomed = start_worker(settings, STAY="1")
    await until(lambda: effects.fetchval("SELECT count(*) = 1 FROM start"))
    doomed.kill()
    doomed.wait()
    killed = time.monotonic()
    other = start_worker(settings)
    try:
        await until(lambda: effects.fetchval("SELECT count(*) = 2 FROM start"), 20)
        assert time.monotonic() - killed < 15
        await until(lambda: effects.fetchval("SELECT count(*) = 0 FROM jobs.pgqueuer"))
        assert await effects.fetchval("SELECT count(*) FROM effect") == 1
    finally:
        other.terminate()
        assert other.wait(15) == 0


async def test_a_job_that_kills_its_worker_is_held(settings: Settings, effects: Any) -> None:
    await enqueue(effects, "deadly", {})
    for _ in range(worker.MOST_STARTS):
        assert start_worker(settings).wait(60) == -9
        # The next one need not wait for the heartbeat to lapse.
        await effects.execute("UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 minute'")
    survivor = start_worker(settings)
    try:
        held = await until(lambda: held_jobs(effects))
        assert "died 3 times" in held[0].reason
        assert await effects.fetchval("SELECT count(*) FROM start") == worker.MOST_STARTS
    finally:
        survivor.terminate()
        assert survivor.wait(15) == 0


def test_the_worker_knows_every_job_and_sweep_there_is() -> None:
    """Registering happens by importing: a module the worker does not import would never run."""
    code = (
        "from marketplace import worker; from marketplace.platform.jobs import JOBS, SWEEPS; "
        "worker.load_jobs(); print(*sorted(each.run.__module__ for each in [*JOBS.values(), *SWEEPS.values()]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    known = set(told.stdout.split())
    root = HERE.parents[1]
    written = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "marketplace").rglob("*.py")
        if any(line.startswith(("@job(", "@sweep(")) for line in path.read_text().splitlines())
    }
    assert written and written == known

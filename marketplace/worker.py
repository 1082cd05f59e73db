"""The worker: runs the queue's jobs and the sweeps. `marketplace worker`; as many as wanted may run side by side.

Every domain folder's `jobs.py` and `sweeps.py` is loaded, which registers what it has. A killed worker's job is picked
up by another within 15 seconds (heartbeat 8, look every 3: 11 at the most).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import pkgutil
import signal
import sys
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Context
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.types import Channel

import marketplace
from marketplace.identity import links
from marketplace.platform import mail, upkeep
from marketplace.platform.clock import DemoClock, SystemClock
from marketplace.platform.database import close_database, open_database, outside_context
from marketplace.platform.jobs import JOBS, QUEUE_SETTINGS, SWEEPS, Job, Sweep, queries_on
from marketplace.platform.logs import name_of, places_of, set_up_logs
from marketplace.platform.scratch import empty_scratch
from marketplace.settings import Settings, SettingsError

ROOMS = ("jobs", "sweeps")
HEARTBEAT = timedelta(seconds=8)
LOOK_EVERY = timedelta(seconds=3)
BATCH = 5
AT_ONCE = 10
MOST_STARTS = 3  # a job whose worker died this often is held
LONGEST_PAUSE = timedelta(minutes=30)
SWEEP_LOCKS = 7211  # the first half of the sweeps' advisory locks

log = structlog.get_logger(__name__)


def load_jobs() -> None:
    """Import `jobs` and `sweeps` of every domain folder that has them: importing registers."""
    for found in pkgutil.iter_modules(marketplace.__path__):
        for room in ROOMS if found.ispkg and found.name != "platform" else ():
            name = f"marketplace.{found.name}.{room}"
            if importlib.util.find_spec(name):
                importlib.import_module(name)


# Registered by being imported, outside those rooms; named so that nobody takes the imports for leftovers.
OUR_OWN = (mail.send_mail, upkeep.tidy_queue, links.mail_link)


class JobFailed(Exception):
    """What is kept of a job's error: its type and place, never its message, which may quote somebody's data."""


class Executor(AbstractEntrypointExecutor):
    """Runs one kind of job: counts starts before, tries again with growing pauses after, gives up in the end."""

    def __init__(self, parameters: EntrypointExecutorParameters, kind: Job, settings: Settings) -> None:
        super().__init__(parameters)
        self.kind, self.settings = kind, settings

    async def execute(self, job: QueuedJob, context: Context) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(job=self.kind.name, job_id=int(job.id))
        starts = await self._count_start(job)
        if starts > MOST_STARTS:
            log.error("job held: its worker died each time", starts=starts - 1)
            raise JobFailed(f"its worker died {starts - 1} times")
        try:
            await self.kind.run(self.settings, json.loads(job.payload or b"{}"))
        except Exception as error:
            await self._forget_starts(job)
            self._give_up_or_retry(job, error)
        else:
            await self._forget_starts(job)

    def _give_up_or_retry(self, job: QueuedJob, error: Exception) -> None:
        tries = job.attempts + 1
        told = {"error": name_of(error), "where": places_of(error.__traceback__), "tries": tries}
        if tries >= self.kind.attempts:
            log.error("job held", **told)
            raise JobFailed(name_of(error)) from None
        pause = min(self.kind.pause * 4**job.attempts, LONGEST_PAUSE)
        log.warning("job failed, will be tried again", in_seconds=pause.total_seconds(), **told)
        raise RetryRequested(delay=pause, reason=name_of(error)) from None

    async def _count_start(self, job: QueuedJob) -> int:
        # Outside any transaction: committed at once, so that it survives what the job may do to this process.
        async with outside_context() as connection:
            starts = await connection.fetchval(
                """INSERT INTO jobs.started AS s (job_id, starts) VALUES ($1, 1)
                   ON CONFLICT (job_id) DO UPDATE SET starts = s.starts + 1, last_at = now() RETURNING starts""",
                int(job.id),
            )
        return int(starts or 0)

    async def _forget_starts(self, job: QueuedJob) -> None:
        async with outside_context() as connection:
            await connection.execute("DELETE FROM jobs.started WHERE job_id = $1", int(job.id))


async def repeat(each: Sweep, settings: Settings, stop: asyncio.Event) -> None:
    """Run one sweep again and again until `stop`; another worker that is at it makes us pass."""
    while not stop.is_set():
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(sweep=each.name)
        try:
            await run_once(each, settings)
        except Exception as error:  # one sweep's fault must not end the worker: it is logged and tried again
            log.error("sweep failed", error=name_of(error), where=places_of(error.__traceback__))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), each.every.total_seconds())


async def run_once(each: Sweep, settings: Settings) -> bool:
    """Run a sweep now unless another worker is running it; tells whether it ran."""
    async with outside_context() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", SWEEP_LOCKS, each.name):
            return False
        try:
            await each.run(settings)
        finally:
            await connection.fetchval("SELECT pg_advisory_unlock($1, hashtext($2))", SWEEP_LOCKS, each.name)
    return True


def manager_for(settings: Settings, connection: asyncpg.Connection) -> QueueManager:
    """pgqueuer's manager with every registered kind of job."""
    manager = QueueManager(queries_on(connection), Channel(QUEUE_SETTINGS.channel))
    for kind in JOBS.values():
        manager.entrypoint(
            kind.name,
            on_failure="hold",
            accepts_context=False,
            executor_factory=lambda parameters, kind=kind: Executor(parameters, kind, settings),
        )(_never_called)
    return manager


async def _never_called(_job: QueuedJob) -> None:
    """pgqueuer wants a function beside the executor; ours runs the registered one instead."""


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then finish what is running. Raises when the database is lost."""
    left = empty_scratch()
    if left:
        log.warning("removed what killed processes had left of files", folders=left)
    await open_database(
        settings.dsn("worker"),
        clock=DemoClock() if settings.demo else SystemClock(),
        max_size=AT_ONCE + len(SWEEPS) + 2,
        session_locks=True,  # sweeps take turns by one
    )
    connection = await asyncpg.connect(settings.dsn("worker"), server_settings={"application_name": "worker"})
    manager = manager_for(settings, connection)
    sweeps = [asyncio.create_task(repeat(each, settings, stop)) for each in SWEEPS.values()]
    working = asyncio.create_task(
        manager.run(
            dequeue_timeout=LOOK_EVERY,
            heartbeat_timeout=HEARTBEAT,
            batch_size=BATCH,
            max_concurrent_tasks=AT_ONCE,
            shutdown_on_listener_failure=True,
        )
    )
    log.info("worker started", jobs=sorted(JOBS), sweeps=sorted(SWEEPS))
    try:
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        manager.shutdown.set()
        await working
    finally:
        stop.set()
        await asyncio.gather(*sweeps, return_exceptions=True)
        await connection.close()
        await close_database()
    log.info("worker stopped")


async def _until_told(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    await run_worker(settings, stop)


def main() -> int:
    """`python -m marketplace.worker`: settings from the environment; 0 when told to stop, 1 with a sentence else."""
    try:
        settings = Settings.from_environment().required("database_url", "secret")
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    set_up_logs(settings.log_level)
    load_jobs()
    try:
        asyncio.run(_until_told(settings))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, FailingListenerError) as error:
        log.error("the worker lost its database", error=name_of(error), where=places_of(error.__traceback__))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

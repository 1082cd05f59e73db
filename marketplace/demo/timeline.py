"""Playing the past: scripts wait for moments, the clock goes from one to the next, jobs and sweeps run in between.

One script runs at a time, in the order of the moments, so that two loads on one day tell the same story. What a script
waits for beyond the present never happens: it is cut there, and time goes on by itself.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ENGINE, open_database, outside_context
from marketplace.platform.jobs import JOBS, SWEEPS, queries_on
from marketplace.policy.calendar import local, local_day, wall_time
from marketplace.providers.file_actions import CHECK, TIDY
from marketplace.settings import Settings
from marketplace.worker import load_jobs

FIRST_DAY = -84  # days before the Monday of the present week
DAILY_ROUND = time(6, 30)
OPENS, CLOSES = time(9), time(17)
BETWEEN_JOBS = timedelta(hours=2)
AT_ONCE = 200
HEARTBEAT = timedelta(seconds=60)


class Story:
    """The demo's time. Days are counted from the Monday of the present week, moments are London's clock."""

    def __init__(self, settings: Settings, now: datetime, say: Callable[[str], None]) -> None:
        # Nothing of the story is ever mailed out, and nothing noted in the bucket: it is all made up. No round asks
        # Stripe either: whoever pays by card in the story does so with `cards`, the settings as they are.
        self.settings = replace(settings, smtp_host="", s3_endpoint="", stripe_secret_key="")
        self.cards = settings
        self.now = now
        self.monday = local_day(now) - timedelta(days=local_day(now).weekday())
        self.say = say
        self.clock = FrozenClock(self.at(FIRST_DAY, "09:00"))
        self._waiting: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._active = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._fault: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._jobs_done_at = self.clock.at
        self._pools: dict[str, asyncpg.Pool] = {}

    def at(self, day: int, clock: str) -> datetime:
        """The moment of a day counted from this week's Monday."""
        return wall_time(self.monday + timedelta(days=day), time.fromisoformat(clock)).astimezone(UTC)

    def ago(self, **length: float) -> datetime:
        """So long before the present."""
        return self.now - timedelta(**length)

    def in_office_hours(self, moment: datetime) -> datetime:
        """The last moment up to this one at which an office is staffed; the moment itself early on a Monday."""
        here = local(moment)
        day, clock = here.date(), here.time()
        if clock < OPENS:
            day, clock = day - timedelta(days=1), CLOSES
        while day.weekday() > 4:
            day, clock = day - timedelta(days=1), CLOSES
        found = wall_time(day, min(clock, CLOSES)).astimezone(UTC)
        return found if found >= self.at(0, "09:00") else moment

    def tell(self, script: Coroutine[Any, Any, None]) -> None:
        """Begin a script. It runs when whoever runs now waits for its next moment."""
        self._begin()
        task = asyncio.create_task(self._play(script))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, moment: datetime) -> None:
        """Wait, within a script, until the clock has reached the moment."""
        if moment <= self.clock.at:
            return
        await self._wait(moment)

    async def run(self) -> None:
        """Play everything up to the present. Raises whatever the first failing script raised."""
        try:
            await self._quiet.wait()
            while self._fault is None and self._waiting and self._waiting[0][0] <= self.now:
                moment, _, wake = heapq.heappop(self._waiting)
                await self._let_pass(moment)
                self._begin()
                wake.set_result(None)
                await self._quiet.wait()
            if self._fault is not None:
                raise self._fault
            await self._let_pass(self.now)
            await self._round()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The database as the application sees it and, for jobs and sweeps, as the worker does."""
        load_jobs()
        try:
            for role in ("worker", "app"):
                # Cut short, it is loaded again from nothing; that it came to its end is written durably, all with it.
                await open_database(self.settings.dsn(role), clock=self.clock, max_size=8, durable=False)
                assert ENGINE.pool is not None
                self._pools[role] = ENGINE.pool
            yield
        finally:
            for pool in self._pools.values():
                await pool.close()
            ENGINE.pool = None

    async def _play(self, script: Coroutine[Any, Any, None]) -> None:
        # A script begins by waiting for its turn, so that never two run at once.
        try:
            await self._wait(self.clock.at)
            await script
        except asyncio.CancelledError:
            script.close()
            raise
        except BaseException as fault:
            self._fault = self._fault or fault
        self._rest()

    async def _wait(self, moment: datetime) -> None:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (moment, next(self._order), wake))
        self._rest()
        await wake

    def _begin(self) -> None:
        self._active += 1
        self._quiet.clear()

    def _rest(self) -> None:
        self._active -= 1
        if self._active == 0:
            self._quiet.set()

    async def _let_pass(self, moment: datetime) -> None:
        """Move the clock on, with the days' rounds in between and the mails that were due to be written by then."""
        day = local_day(self.clock.at)
        while day <= local_day(moment):
            daily = wall_time(day, DAILY_ROUND).astimezone(UTC)
            if self.clock.at < daily <= moment:
                self.clock.move_to(daily)
                await self._round()
            day += timedelta(days=1)
        if moment - self._jobs_done_at >= BETWEEN_JOBS:
            async with self.as_worker():
                await self._jobs()
        self.clock.move_to(moment)

    async def _round(self) -> None:
        """What the worker does all day: looks at what time has made due, then runs the jobs."""
        async with self.as_worker():
            for sweep in SWEEPS.values():
                await sweep.run(self.settings)
            await self._jobs()

    @asynccontextmanager
    async def as_worker(self) -> AsyncIterator[None]:
        """What runs within has the worker's reach, not the application's."""
        ENGINE.pool = self._pools["worker"]
        try:
            yield
        finally:
            ENGINE.pool = self._pools["app"]

    async def _jobs(self) -> None:
        known = {QueueEntrypoint(name): EntrypointExecutionParameter(0) for name in JOBS}
        me = QueueManagerId(uuid4())
        while True:
            async with outside_context() as connection:
                taken = await queries_on(connection).dequeue(AT_ONCE, known, me, None, HEARTBEAT)
            for job in taken:
                # where there are files, there is their store
                settings = self.cards if job.entrypoint in (CHECK, TIDY) else self.settings
                await JOBS[job.entrypoint].run(settings, json.loads(job.payload or b"{}"))
            async with outside_context() as connection:
                await queries_on(connection).log_jobs([(job, "successful", None) for job in taken])
            if not taken:
                break
        self._jobs_done_at = self.clock.at

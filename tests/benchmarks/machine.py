"""CPU time as the operating system counts it, servers in processes of their own, and numbers as a table."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from marketplace.platform.processes import free_port
from marketplace.settings import Settings


def cpu_of(pid: int) -> float:
    """Seconds on a CPU of all threads of a process so far, to the nanosecond (Linux's scheduler statistics)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


@dataclass
class Result:
    """One row of the table: medians over the rounds, in milliseconds (or seconds where `unit` says so)."""

    what: str
    floor: float
    product: float
    goal: float
    unit: str = "ms CPU"
    parts: str = ""
    wall: str = ""

    @property
    def ratio(self) -> float:
        return self.product / self.floor

    def line(self) -> str:
        verdict = "met" if self.ratio <= self.goal else "MISSED"
        return (
            f"| {self.what} | {self.floor:.2f} | {self.product:.2f} {self.unit} | {self.ratio:.2f}x | <= {self.goal}x |"
            f" {verdict} | {self.parts} |"
        )


HEADING = "| what | floor | product | ratio | goal | | product's parts |\n|---|---|---|---|---|---|---|"


@dataclass
class Server:
    """A web server of its own process on loopback, and the PostgreSQL backends that serve it."""

    app: str  # "product" or "floor"
    settings: Settings
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    backends: list[int] = field(default_factory=list)
    connection: http.client.HTTPConnection | None = None

    async def start(self, migrator: asyncpg.Connection) -> None:
        known = "SELECT pid FROM pg_stat_activity WHERE usename = $1"
        before = {row["pid"] for row in await migrator.fetch(known, self.settings.role("app"))}
        self.port = free_port()
        self.process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop meanwhile
            [sys.executable, "-m", "tests.benchmarks.serving", self.app, str(self.port)],
            env=os.environ | self.settings.environment(),
        )
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        until = time.monotonic() + 60
        while True:
            try:
                self.connection.request("GET", "/health")
                if self.connection.getresponse().read():
                    break
            except OSError:
                self.connection.close()
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.1)  # noqa: ASYNC251 - the same
        after = {row["pid"] for row in await migrator.fetch(known, self.settings.role("app"))}
        self.backends = sorted(after - before)
        assert self.backends, "the server has no connection that can be found"

    def ask(self, method: str, path: str, headers: dict[str, str], body: object = None) -> bytes:
        assert self.connection is not None
        data = None if body is None else json.dumps(body).encode()
        more = {"content-type": "application/json"} if data is not None else {}
        self.connection.request(method, path, body=data, headers=headers | more)
        answer = self.connection.getresponse()
        said = answer.read()
        assert answer.status in (200, 201), (self.app, path, answer.status, said[:500])
        return said

    def cpu(self) -> tuple[float, float]:
        """Seconds so far: the application's process, its backends'."""
        assert self.process is not None
        return cpu_of(self.process.pid), sum(cpu_of(pid) for pid in self.backends)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)


def interleaved(
    what: str,
    goal: float,
    rounds: int,
    floor: tuple[Server, Callable[[], int]],
    product: tuple[Server, Callable[[], int]],
) -> Result:
    """Floor and product in turn, so many rounds; each callable makes its requests and says how many they were."""
    figures: dict[str, list[tuple[float, float]]] = {"floor": [], "product": []}
    for number in range(rounds + 1):
        for name, (server, run) in (("floor", floor), ("product", product)):
            before = server.cpu()
            count = run()
            after = server.cpu()
            if number:  # the first round warms caches
                figures[name].append(tuple(1000 * (b - a) / count for a, b in zip(before, after, strict=True)))  # type: ignore[arg-type]
    medians = {name: statistics.median(app + database for app, database in rows) for name, rows in figures.items()}
    app, database = (statistics.median(part) for part in zip(*figures["product"], strict=True))
    floor_app, floor_database = (statistics.median(part) for part in zip(*figures["floor"], strict=True))
    return Result(
        what, medians["floor"], medians["product"], goal,
        parts=f"app {app:.2f} (floor {floor_app:.2f}), database {database:.2f} ({floor_database:.2f})",
    )  # fmt: skip

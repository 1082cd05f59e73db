# ruff: noqa: S603 - our own programs
"""The processes `marketplace up` looks after: started together, watched, stopped together."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from marketplace.platform.processes import ServerError, launch_command, stop_process, tail

RUNNING = "running.json"  # in the data folder while `up` runs: the settings its processes were given
GOODBYE_SECONDS = 12.0
LARGEST_LOG = 20_000_000
RESTARTS = 5
RESTART_WINDOW = 300.0
LAST_LINES = 50  # of a log, among which the reason of an end is looked for


class Child:
    """One of our own modules as a process: it dies with us, its log is a file."""

    def __init__(self, name: str, module: str, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name, self.module, self.arguments, self.log = name, module, arguments, log
        self.environment = dict(environment)
        self.process: subprocess.Popen[bytes] | None = None
        self.starts: list[float] = []

    def start(self) -> None:
        """Start it; the log is begun anew when it has grown large."""
        keep = "ab" if self.log.exists() and self.log.stat().st_size < LARGEST_LOG else "wb"
        self.starts.append(time.monotonic())
        with self.log.open(keep) as log:
            self.process = subprocess.Popen(
                # Nothing of ours needs a goodbye when we are killed: requests roll back, jobs run again.
                launch_command([sys.executable, "-P", *self.command()], death_signal=signal.SIGKILL),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def command(self) -> list[str]:
        """What Python is started with."""
        return ["-m", self.module, *self.arguments]

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def may_restart(self) -> bool:
        """Whether it has not died too often lately."""
        lately = [at for at in self.starts if at > time.monotonic() - RESTART_WINDOW]
        return len(lately) <= RESTARTS

    def ask_to_stop(self) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        if self.process:
            stop_process(self.process, signal.SIGTERM, signal.SIGKILL, GOODBYE_SECONDS)
            self.process = None

    def last_words(self) -> str:
        """The newest error in its log, which what it says while ending comes after; else its last line."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        except OSError:
            lines = []
        for line in reversed(lines):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                said = json.loads(line)
                if said["level"] in ("error", "critical"):
                    return str(said["event"])
        return tail(self.log, 1)


def wait_until_healthy(
    child: Child, host: str, port: int, seconds: float, watch: Callable[[], None] = lambda: None
) -> None:
    """Return once GET /health answers 200. Raises `ServerError` when the child ends or takes too long.

    `watch` is called between the tries and may raise.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.exit_code is not None:
            raise ServerError(f"The {child.name} ended while starting ({child.log}): {child.last_words()}")
        if healthy(host, port):
            return
        watch()
        time.sleep(0.05)
    raise ServerError(f"The {child.name} did not answer on port {port} within {seconds:.0f} seconds ({child.log}).")


def healthy(host: str, port: int) -> bool:
    """Whether GET /health answers 200 now."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class FolderLock:
    """One `up` per data folder: held while the file is open, let go by the system however we end."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Take it; tells whether the one before us ended without letting go. `ServerError` when another has it."""
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise ServerError(
                f"The marketplace already runs on {self.path.parent}"
                f"{f' (process {holder})' if holder else ''}: stop it first, or choose another folder with --data."
            ) from None
        file.seek(0)
        crashed = bool(file.read().strip())
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return crashed

    def release(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

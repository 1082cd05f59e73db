"""The demo loaded by `marketplace up --demo`, once for all test processes: each test that runs it gets a copy.

Loading plays eleven weeks and takes minutes; copying the folder of a stopped demo takes a second.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from marketplace.platform.processes import free_port

READY = "Ctrl-C stops all of it"
SAID = "said.txt"


@dataclass
class Site:
    """`marketplace up` as a process group of its own, on a folder that is there or not."""

    data: Path
    process: subprocess.Popen[str]
    marketplace: str
    console: str
    said: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, data: Path, *options: str) -> Site:
        """Start it and wait until it says that it is ready."""
        port, admin_port = free_port(), free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "S3_"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "marketplace.cli", "up", *options, f"--data={data}", f"--port={port}",
             f"--admin-port={admin_port}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, env=kept,
        )  # fmt: skip
        site = cls(data, process, f"http://localhost:{port}", f"http://localhost:{admin_port}")
        assert process.stdout is not None
        for line in process.stdout:
            site.said.append(line)
            if READY in line:
                return site
        raise AssertionError("".join(site.said))

    def stop(self) -> str:
        """Stop it as Ctrl-C does; returns what it printed since it was ready (its logs)."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return rest


@dataclass(frozen=True)
class LoadedDemo:
    """A copy of the folder of a demo that was loaded and stopped, and what the first start said."""

    data: Path
    said: str


@pytest.fixture(scope="session")
def demo_as_loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, stopped, that copies are taken from: whichever test process comes first loads it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo-as-loaded"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait here while it is loaded
        if not (shared / SAID).exists():
            site = Site.start(shared / "data", "--demo")
            site.stop()
            assert site.process.returncode == 0
            (shared / SAID).write_text("".join(site.said))
    return shared


@pytest.fixture(scope="module")
def loaded_demo(demo_as_loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedDemo]:
    """A demo nobody else uses; its folder is gone with the module that used it."""
    folder = tmp_path_factory.mktemp("demo")
    # as `cp` does it: PostgreSQL asks who owns its files, and the copy has to belong to whom they belonged
    subprocess.run(["cp", "-a", str(demo_as_loaded / "data"), str(folder)], check=True)
    yield LoadedDemo(folder / "data", (demo_as_loaded / SAID).read_text())
    shutil.rmtree(folder, ignore_errors=True)

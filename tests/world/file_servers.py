"""A real store for files and a real virus scanner, for tests.

    from tests.world.file_servers import clamd, store      # fixtures

The scanner is ClamAV's own daemon with one signature written here, EICAR's: its daily database is not needed for that.
Where no clamd is installed the tests say loudly that they did not run, and fail with MARKETPLACE_REQUIRE_BROWSER=1.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.platform.object_store import ObjectStore
from marketplace.platform.processes import clean_environment
from marketplace.settings import Settings
from tests.world.files import EICAR

HOW = (
    "No clamd was found, so the tests of the virus scanner DID NOT RUN. Install it (Debian: apt-get install"
    " clamav-daemon). With MARKETPLACE_REQUIRE_BROWSER=1 this is a failure."
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An S3 server with its versioned bucket."""
    with ObjectStore(tmp_path_factory.mktemp("objects"), fast=True) as started:
        yield started


def with_store(settings: Settings, store: ObjectStore, **more: object) -> Settings:
    """Settings that name the store, and whatever else."""
    named = {"s3_endpoint": store.endpoint, "s3_access_key": store.access_key, "s3_secret_key": store.secret_key}
    return replace(settings, **(named | more))  # type: ignore[arg-type]


class Clamd:
    """ClamAV's daemon on a socket of its own; can be stopped and started."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.socket = folder / "clamd.sock"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "signatures").mkdir()
        (folder / "signatures" / "test.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        lines = {
            "LocalSocket": self.socket, "DatabaseDirectory": folder / "signatures", "Foreground": "yes",
            "StreamMaxLength": "110M", "TemporaryDirectory": folder, "LogFile": folder / "log",
        }  # fmt: skip
        (folder / "clamd.conf").write_text("".join(f"{key} {value}\n" for key, value in lines.items()))

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "--config-file", str(self.folder / "clamd.conf")],
            env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not self.socket.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
        self.socket.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def clamd() -> Iterator[Clamd]:
    """The scanner, running; a test that stops it starts it again."""
    program = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("MARKETPLACE_REQUIRE_BROWSER") == "1":
            pytest.fail(HOW)
        print(f"\n*** {HOW} ***", file=sys.__stderr__)
        pytest.skip(HOW)
    # a short path: sockets have no room for a long one
    folder = Path(tempfile.mkdtemp(prefix="clamd-"))
    daemon = Clamd(program, folder)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)

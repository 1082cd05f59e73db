"""`marketplace up` as people run it: a real process group, real ports, real kills."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import pytest

from marketplace.platform.object_store import ObjectStore
from marketplace.platform.postgres_server import PostgresServer
from marketplace.platform.processes import free_port
from tests.demo_folder import READY, LoadedDemo


@dataclass
class Up:
    """One run of `marketplace up`."""

    data: Path
    ports: tuple[int, int]
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if READY in line:
                return
        raise AssertionError("".join(self.said) + (self.process.stderr.read() if self.process.stderr else ""))

    def healthy(self) -> bool:
        return all(httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200 for port in self.ports)

    def ended(self, seconds: float = 40) -> tuple[int, str]:
        """Exit code and what it said on standard error."""
        _, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, errors

    def sql(self, statement: str) -> object:
        """Run a statement in its database, as the superuser."""
        port = (self.data / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[3]
        password = (self.data / "postgres" / "password").read_text()

        async def run() -> object:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=int(port), user="postgres", password=password, database="marketplace"
            )
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(run())


def start(data: Path, *more: str, ports: tuple[int, int] | None = None, env: dict[str, str] | None = None) -> Up:
    ports = ports or (free_port(), free_port())
    options = [f"--data={data}", f"--port={ports[0]}", f"--admin-port={ports[1]}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "marketplace.cli", "up", *options, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "S3_"))}
        | (env or {}),
    )
    return Up(data, ports, process)


def processes_of(data: Path) -> list[str]:
    """Whatever still runs and names this data folder in its arguments, environment or working folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            text += os.fsencode(os.readlink(process / "cwd"))
        except OSError:
            continue
        if os.fsencode(data) in text:
            found.append((process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")[:120])
    return found


def assert_all_gone(data: Path, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (left := processes_of(data)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for the whole file: everything but the first start is a start on existing data."""
    folder = tmp_path_factory.mktemp("up") / "data"
    yield folder
    assert_all_gone(folder)


def test_first_start_then_ctrl_c_leaves_nothing_running(data: Path) -> None:
    up = start(data)
    up.ready()
    told = "".join(up.said)
    assert all(f"http://localhost:{port}" in told for port in up.ports)
    assert "Starting PostgreSQL" in told and "applied: " in told
    assert up.healthy()
    up.sql("CREATE TABLE note AS SELECT 'kept' AS what")
    invited = command("operator", "invite", "ada@example.org", "Ada Osei", "--data", str(data))
    assert f"http://localhost:{up.ports[1]}/" in invited.stdout, invited.stderr
    assert oct(data.stat().st_mode)[-3:] == "700" and oct((data / "secret").stat().st_mode)[-3:] == "600"
    for port in up.ports:
        httpx.get(f"http://127.0.0.1:{port}/sign-in?name=Amara", headers={"X-Request-Id": "request-of-ours"})
    up.process.send_signal(signal.SIGINT)
    assert up.ended() == (0, "")
    assert_all_gone(data, 0)
    for name in ("marketplace", "console", "worker"):
        lines = [json.loads(line) for line in (data / "logs" / f"{name}.log").read_text().splitlines()]
        assert "Amara" not in str(lines)
        asked = [line for line in lines if line.get("route") == "/sign-in"]
        assert name == "worker" or [line["request_id"] for line in asked] == ["request-of-ours"]
    late = command("audit", "verify", "--data", str(data))
    assert late.returncode == 2 and "does not run on" in late.stderr and late.stderr.count("\n") == 1


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "marketplace.cli", *arguments], capture_output=True, text=True, timeout=60
    )


def test_after_kill_9_of_the_whole_group_it_starts_again_with_everything(data: Path) -> None:
    up = start(data)
    up.ready()
    os.killpg(up.process.pid, signal.SIGKILL)
    up.process.wait()
    began = time.monotonic()
    again = start(data, ports=up.ports)
    again.ready()
    # The goal is 8 seconds; a machine that runs the rest of the tests beside it is given three times that.
    assert time.monotonic() - began < 24
    assert again.healthy() and again.sql("SELECT what FROM note") == "kept"
    again.process.send_signal(signal.SIGTERM)
    assert again.ended() == (0, "")
    assert_all_gone(data, 0)


def test_a_dead_worker_is_started_again_and_a_dead_site_ends_everything(data: Path) -> None:
    up = start(data)
    up.ready()
    try:
        (worker,) = pids_of(data, "marketplace.worker")
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while pids_of(data, "marketplace.worker") in ([], [worker]):
            assert time.monotonic() < deadline, "no new worker"
            time.sleep(0.05)
        assert up.healthy()
        (console,) = pids_of(data, "admin.serve")
        os.kill(console, signal.SIGKILL)
        code, errors = up.ended()
        assert code == 1 and errors.startswith("The commissioner's console ended by itself")
        assert errors.count("\n") == 1
        assert_all_gone(data, 0)
    finally:
        up.process.kill()


def pids_of(data: Path, module: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                module.encode() in (process / "cmdline").read_bytes().split(b"\0")
                and os.fsencode(data) in (process / "environ").read_bytes()
            ):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_second_start_on_the_same_folder_and_a_newer_database_are_refused(data: Path) -> None:
    up = start(data)
    up.ready()
    code, errors = start(data).ended()
    assert code == 1 and "already runs on" in errors and errors.count("\n") == 1
    up.sql("INSERT INTO migration (name, app_name) VALUES ('m9999_tomorrow', 'marketplace')")
    up.process.send_signal(signal.SIGINT)
    up.ended()
    code, errors = start(data).ended()
    assert code == 1 and "made by a newer version" in errors and errors.count("\n") == 1
    assert_all_gone(data, 0)


def test_outside_servers_are_used_where_they_are_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        PostgresServer(tmp_path / "outside-postgres", fast=True) as postgres,
        ObjectStore(tmp_path / "outside-objects", fast=True) as objects,
    ):
        postgres.create_database("elsewhere")
        up = start(
            data,
            env={
                "DATABASE_URL": postgres.url("elsewhere"),
                "S3_ENDPOINT": objects.endpoint,
                "S3_ACCESS_KEY": objects.access_key,
                "S3_SECRET_KEY": objects.secret_key,
                "S3_BUCKET": "another",
            },
        )
        up.ready()
        assert up.healthy()
        assert postgres.query("SELECT count(*) > 0 FROM migration", "elsewhere") == "t"
        up.process.send_signal(signal.SIGINT)
        assert up.ended() == (0, "")
        assert postgres.answers()
    assert not (data / "postgres").exists() and not (data / "objects").exists()


def test_the_demo_is_loaded_once_and_shows_a_sign_in_for_each_role(loaded_demo: LoadedDemo) -> None:
    roles = ("Referrer", "Contract manager", "Finance officer", "Provider manager", "Coordinator", "Worker", "Family")
    said = loaded_demo.said
    assert "Loading the demo" in said
    assert not [role for role in (*roles, "Operator") if not re.search(rf"^{role}.*@", said, re.MULTILINE)]

    # Started again without being told what it is, then told once more: the folder holds the demo, as it was.
    people = None
    for options in ((), ("--demo",)):
        again = start(loaded_demo.data, *options)
        again.ready()
        assert "Loading the demo" not in "".join(again.said) and "@example.org" in "".join(again.said)
        assert again.healthy()
        people = people or again.sql("SELECT count(*) FROM person")
        assert again.sql("SELECT count(*) FROM person") == people
        again.process.send_signal(signal.SIGINT)
        assert again.ended()[0] == 0
    assert_all_gone(loaded_demo.data, 0)


def test_real_data_never_becomes_the_demo(data: Path) -> None:
    code, errors = start(data, "--demo").ended()
    assert code == 1 and "not the demo" in errors and errors.count("\n") == 1


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_a_busy_port_is_one_sentence_before_anything_starts(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        ports = (busy, free_port()) if option == "--port" else (free_port(), busy)
        code, errors = start(tmp_path / "data", ports=ports).ended(15)
    assert code == 1 and f"Port {busy}" in errors and option in errors and errors.count("\n") == 1
    assert not (tmp_path / "data" / "postgres").exists()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, errors = start(tmp_path / "file" / "data").ended(15)
    assert code == 1 and "cannot be written to" in errors and errors.count("\n") == 1


def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.cli", "up", "--data", str(tmp_path / "data")],
        env={**os.environ, "MARKETPLACE_POOL_LARGEST": "many"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stderr == "MARKETPLACE_POOL_LARGEST must be a whole number from 1 to 1000, not 'many'.\n"

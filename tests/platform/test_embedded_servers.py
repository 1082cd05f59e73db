"""The embedded PostgreSQL and S3 server, really started, killed and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.platform import postgres_server
from marketplace.platform.errors import NotFound, Unavailable
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.postgres_server import PACKAGE, Installation, PostgresServer
from marketplace.platform.processes import ServerError, free_port, port_is_free, reachable_by
from marketplace.platform.storage import Storage


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's folder that the tests of this file use one after the other."""
    return tmp_path_factory.mktemp("servers") / "postgres"


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends within `seconds` (one that only waits to be reaped has ended)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def in_another_process(kept: Path) -> tuple[subprocess.Popen[str], int]:
    """A supervisor of its own process, and its PostgreSQL's pid."""
    code = (
        "import sys, time; from pathlib import Path; "
        "from marketplace.platform.postgres_server import PostgresServer; "
        "s = PostgresServer(Path(sys.argv[1])); s.start(); print(s.process.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(kept)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_what_is_written_is_there_at_the_next_start(kept: Path) -> None:
    with PostgresServer(kept) as server:
        assert server.create_database("ours") and not server.create_database("ours")
        server.query("CREATE TABLE note AS SELECT 'kept' AS what", "ours")
        assert server.query("SHOW fsync") == "on"
    assert not server.answers()
    with PostgresServer(kept) as server:
        assert server.query("SELECT what FROM note", "ours") == "kept"


def test_it_dies_with_its_parent_and_starts_again(kept: Path) -> None:
    parent, pid = in_another_process(kept)
    parent.kill()
    parent.wait()
    assert gone(pid)
    with PostgresServer(kept) as server:
        assert server.answers()


def test_it_starts_again_after_everything_was_killed(kept: Path) -> None:
    parent, pid = in_another_process(kept)
    os.kill(pid, signal.SIGKILL)
    parent.kill()
    parent.wait()
    with PostgresServer(kept) as server:
        assert server.query("SELECT what FROM note", "ours") == "kept"


def test_an_orphan_on_our_data_is_ended_first(kept: Path) -> None:
    parent, pid = in_another_process(kept)
    with PostgresServer(kept) as server:
        assert server.answers() and gone(pid)
    parent.kill()
    parent.wait()


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(kept: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        (kept / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n{kept / 'data'}\n")
        with PostgresServer(kept) as server:
            assert server.answers()
        assert stranger.poll() is None, "it was nobody's to end"
    finally:
        stranger.kill()
        stranger.wait()


def test_nobody_gets_in_without_the_password(kept: Path) -> None:
    with PostgresServer(kept) as server:
        assert oct(kept.stat().st_mode)[-3:] == "700"
        assert oct((kept / "password").stat().st_mode)[-3:] == "600"
        assert server.installation is not None
        for host in ("127.0.0.1", str(kept / "socket")):
            refused = subprocess.run(
                [server.installation.program("psql"), "-w", "-h", host, "-p", str(server.port), "-U", "postgres", "-l"],
                capture_output=True,
                text=True,
                env={"PATH": os.environ["PATH"]},
            )
            assert refused.returncode != 0 and "password" in refused.stderr


def test_another_major_version_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerError, match="made by PostgreSQL 9, but this release brings 18"):
        PostgresServer(tmp_path).start()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="cannot be written to"):
        PostgresServer(tmp_path / "file" / "below").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run it as")
def test_root_without_user_namespaces_runs_it_as_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in most containers: no namespaces, and Python's packages where that user cannot reach."""
    can_run = PostgresServer._can_run

    def refused(self: PostgresServer, identity: str, installation: Installation) -> bool:
        return identity != "mapped" and can_run(self, identity, installation)

    monkeypatch.setattr(PostgresServer, "_can_run", refused)
    monkeypatch.setattr(
        postgres_server, "reachable_by", lambda user, path: path != PACKAGE and reachable_by(user, path)
    )
    # Where another user can walk to, unlike pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="marketplace-test-"))
    folder.chmod(0o755)
    try:
        with PostgresServer(folder / "postgres", fast=True) as server:
            assert server.identity == "65534:65534" and server.answers()
    finally:
        shutil.rmtree(folder)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(ServerError, match="cannot reach"):
        PostgresServer(private / "postgres", fast=True).start()


# The store for files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("objects")) as started:
        yield started


def test_versions_are_kept_and_read_by_their_number(store: ObjectStore) -> None:
    async def tell() -> None:
        storage = store.storage()
        first = await storage.put("a/paper", b"first", "text/plain")
        second = await storage.put("a/paper", b"second", "text/plain")
        assert first.version != second.version
        assert await storage.get("a/paper", first.version) == b"first"
        assert await storage.get("a/paper") == b"second"
        assert (await storage.size("a/paper", first.version), first.size) == (5, 5)
        await storage.delete("a/paper", second.version)
        assert await storage.get("a/paper") == b"first"
        with pytest.raises(NotFound):
            await storage.get("a/other")

    asyncio.run(tell())


def test_a_link_downloads_one_version_and_a_form_keeps_to_its_limits(store: ObjectStore) -> None:
    storage, minute = store.storage(), timedelta(minutes=1)
    kept = asyncio.run(storage.put("a/b", b"%PDF", "application/pdf"))
    answer = httpx.get(storage.link("a/b", kept.version, file_name='plan"\r\nX: y.pdf', lifetime=minute))
    assert answer.content == b"%PDF"
    assert answer.headers["content-disposition"] == 'attachment; filename="planX y.pdf"'

    form = storage.upload_form("q/1", content_type="text/plain", largest=10, lifetime=minute)
    assert httpx.post(form["url"], data=form["fields"], files={"file": b"short"}).is_success
    assert httpx.post(form["url"], data=form["fields"], files={"file": b"much too long"}).status_code == 400
    elsewhere = {**form["fields"], "key": "q/2"}
    assert httpx.post(form["url"], data=elsewhere, files={"file": b"short"}).status_code == 403


def test_nothing_is_open_without_keys_and_nothing_beyond_loopback(store: ObjectStore) -> None:
    asyncio.run(store.storage().put("secret", b"secret", "text/plain"))
    for name, path in {
        "s3": "/marketplace/secret",
        "filer": "/buckets/marketplace/secret",
        "master": "/dir/assign",
        "volume": "/1,01637037d6",
        "admin": "/api/config",
    }.items():
        answer = httpx.get(f"http://127.0.0.1:{store.ports[name]}{path}")
        assert answer.status_code in (401, 403, 404), name
        assert b"secret" not in answer.content or name == "s3", name
    other = next((each for each in addresses() if not each.startswith("127.")), None)
    if other is not None:
        assert all(refuses(other, port) for port in store.ports.values())
    wrong = Storage(endpoint=store.endpoint, bucket="marketplace", region="us-east-1", access_key="a", secret_key="b")
    assert not wrong.answers()


def addresses() -> list[str]:
    """This machine's own IPv4 addresses."""
    shown = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    return [each for each in shown.stdout.split() if ":" not in each]


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return True
    return False


def test_files_survive_a_kill_and_a_taken_port(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    store.start()
    kept = asyncio.run(store.storage().put("a", b"kept", "text/plain"))
    assert store.process is not None
    store.process.kill()
    store.process.wait()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", store.ports["s3"]))
        taken.listen()
        with ObjectStore(tmp_path / "objects") as again:
            assert again.ports["s3"] != store.ports["s3"]
            assert asyncio.run(again.storage().get("a", kept.version)) == b"kept"
    assert all(until(lambda port=port: port_is_free("127.0.0.1", port)) for port in again.ports.values())


def until(true: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_a_store_that_is_down_is_unavailable() -> None:
    storage = Storage(
        endpoint=f"http://127.0.0.1:{free_port()}",
        bucket="marketplace",
        region="us-east-1",
        access_key="a",
        secret_key="b",
        patience=1,
    )
    with pytest.raises(Unavailable):
        asyncio.run(storage.put("a", b"a", "text/plain"))

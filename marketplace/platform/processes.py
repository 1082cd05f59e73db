"""Small things every process of `marketplace up` and of the tests is started, watched and stopped with."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from marketplace.platform import launch


class ServerError(Exception):
    """A part of the deployment cannot be brought up; the message is one sentence for the person who started it."""


def launch_command(
    command: Sequence[str], *, identity: str = "same", death_signal: signal.Signals = signal.SIGTERM
) -> list[str]:
    """`command` so that it ends with this process: by way of `launch.py`."""
    return [
        sys.executable, "-I", "-S", str(Path(launch.__file__)),
        str(os.getpid()), str(int(death_signal)), identity, *command,
    ]  # fmt: skip


def stop_process(
    process: subprocess.Popen[bytes], first: signal.Signals, second: signal.Signals, patience: float = 10.0
) -> int:
    """Ask, insist, then kill; always reaps. Returns the exit code."""
    for sent, seconds in ((first, patience), (second, patience), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)
    return process.wait()


def clean_environment() -> dict[str, str]:
    """Our environment without what would steer the embedded servers (PGDATA, PGPORT, WEED_...) or hold secrets."""
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def port_is_free(host: str, port: int) -> bool:
    """Whether we could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def writable_folder(folder: Path) -> Path:
    """Make the folder (and its parents) unless it is there; raises `ServerError` when we cannot write into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServerError(f"The folder {folder} cannot be written to: {error.strerror or error}.") from None
    return folder


def private_folder(folder: Path) -> Path:
    """A folder only its owner may enter; refuses one that another user has put there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (found.st_uid != os.geteuid() and os.geteuid() != 0):
        raise ServerError(f"{folder} belongs to somebody else: remove it, or choose another data folder with --data.")
    folder.chmod(0o700)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by us alone."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def reachable_by(user: int, path: Path) -> bool:
    """Whether another user can walk down to `path`: every folder on the way lets others through, or is theirs."""
    for folder in path.resolve().parents:
        found = folder.stat()
        if found.st_uid != user and not found.st_mode & stat.S_IXOTH:
            return False
    return True


def tail(path: Path, lines: int = 3) -> str:
    """The last lines of a log, as one."""
    try:
        return " / ".join(path.read_text(errors="replace").strip().splitlines()[-lines:])
    except OSError:
        return "its log is empty"

"""Folders for files that are being looked at: nobody else's to read, and gone with the process that made them.

Each lies in one folder of ours (under TMPDIR) and is locked while its process lives. A process that is killed cannot
tidy up, and what it leaves may be somebody's certificate before any scanner saw it: whoever starts next empties what
nobody holds any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from marketplace.platform.processes import private_folder


def all_scratch() -> Path:
    """The folder they all lie in."""
    return private_folder(Path(tempfile.gettempdir()) / f"marketplace-files-{os.geteuid()}")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, removed at the end. A file opened in it stays readable until it is closed."""
    with _in_turn(fcntl.LOCK_SH):  # nobody empties between making and locking
        folder = Path(tempfile.mkdtemp(dir=all_scratch()))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def empty_scratch() -> int:
    """Remove what processes that are no more have left; returns how many folders. Those in use stay."""
    emptied = 0
    with _in_turn(fcntl.LOCK_EX):
        for folder in all_scratch().iterdir():
            try:
                held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except OSError:
                continue  # gone meanwhile, or no folder
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                emptied += 1
            except BlockingIOError:
                continue
            finally:
                os.close(held)
    return emptied


@contextlib.contextmanager
def _in_turn(how: int) -> Iterator[None]:
    turn = os.open(all_scratch() / "turn", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(turn, how)
        yield
    finally:
        os.close(turn)

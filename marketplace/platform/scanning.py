"""A virus scanner, asked over its own protocol: clamd's INSTREAM (a length before each part, a zero length at the end).

    await scan("tcp://127.0.0.1:3310", path)      # or unix:///run/clamav/clamd.ctl

Answers what it found, or None for nothing. Raises `ScannerDown` when it does not answer as it should: then nothing is
known about the file, and it stays in quarantine.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from urllib.parse import urlsplit

PART = 65_536
PATIENCE = 60.0


class ScannerDown(Exception):
    """The scanner did not answer, or not with a verdict; the message names no file."""


async def scan(address: str, path: Path, *, patience: float = PATIENCE) -> str | None:
    """The name of what the scanner found in the file, None when it found nothing. Raises `ScannerDown`."""
    try:
        async with asyncio.timeout(patience):
            answer = await _ask(address, path)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ScannerDown(f"the scanner does not answer ({type(error).__name__})") from error
    if answer == "stream: OK":
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    raise ScannerDown("the scanner gave no verdict: is its StreamMaxLength above 110 MB?")


async def _ask(address: str, path: Path) -> str:
    reader, writer = await _connect(address)
    try:
        writer.write(b"zINSTREAM\0")
        with path.open("rb") as file:
            # parts are small and the file is local: reading gives way at every drain
            while part := file.read(PART):
                writer.write(struct.pack("!I", len(part)) + part)
                await writer.drain()
        writer.write(struct.pack("!I", 0))
        await writer.drain()
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace").strip()
    finally:
        writer.close()


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return await asyncio.open_unix_connection(parts.path)
    return await asyncio.open_connection(parts.hostname, parts.port)

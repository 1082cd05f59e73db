"""The virus scanner over its own protocol: what it finds, what it does not, and that silence is no verdict."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from marketplace.platform.scanning import ScannerDown, scan
from tests.world.file_servers import Clamd, clamd
from tests.world.files import EICAR, plain_pdf

__all__ = ["clamd"]


async def test_the_test_virus_is_found_wherever_it_stands_and_a_plain_file_is_not(clamd: Clamd, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content, found in ((EICAR, True), (bytes(300_000) + EICAR, True), (plain_pdf(), False), (b"", False)):
        file.write_bytes(content)
        assert bool(await scan(clamd.address, file)) == found, len(content)
    file.write_bytes(EICAR)
    assert "Eicar" in str(await scan(clamd.address, file))


async def test_a_scanner_that_is_down_gives_no_verdict(clamd: Clamd, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(plain_pdf())
    clamd.stop()
    try:
        with pytest.raises(ScannerDown):
            await scan(clamd.address, file)
    finally:
        clamd.start()
    assert await scan(clamd.address, file) is None


@pytest.mark.parametrize(
    "answer", [b"", b"stream: INSTREAM size limit exceeded. ERROR\0", b"HTTP/1.1 400 Bad\r\n\r\n", None]
)
async def test_anything_but_a_verdict_is_no_verdict(answer: bytes | None, tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        if answer is None:
            await reader.read()  # says nothing
        else:
            writer.write(answer)
        writer.close()

    file = tmp_path / "file"
    file.write_bytes(plain_pdf())
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(ScannerDown):
            await scan(f"tcp://127.0.0.1:{port}", file, patience=0.5)
    finally:
        server.close()

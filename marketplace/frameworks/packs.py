"""Packs of frameworks: from the software's own, a commissioner's folder or a zip of one, into the database and back."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path

from marketplace.frameworks.tables import PackVersion
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.pack import Pack, PackError, available_packs, load_pack, pack_from_json, pack_to_json

LARGEST_ZIP = 2_000_000
LARGEST_UNPACKED = 8_000_000
MOST_FILES = 60
MOST_FAULTS_SHOWN = 12

# Packs are immutable and few: one parsed copy a process, by hash.
_parsed: dict[str, Pack] = {}


def built_in(pack_id: str) -> Pack:
    """A pack that comes with the software. Raises `InvalidInput` on `pack` for any other name."""
    if pack_id not in available_packs():
        raise InvalidInput({"pack": "Select one of the packs offered"})
    return load_pack(pack_id)


def from_zip(data: bytes) -> Pack:
    """A commissioner's own pack: a zip of its TOML files, in the top or in one folder.

    Raises `InvalidInput` on `pack`, naming file, key and reason of every fault (the first dozen).
    """
    if len(data) > LARGEST_ZIP:
        raise InvalidInput({"pack": f"The pack must be smaller than {LARGEST_ZIP // 1_000_000} MB"})
    with tempfile.TemporaryDirectory() as place:
        _unpack(data, Path(place))
        return from_folder(Path(place))


def from_folder(folder: Path) -> Pack:
    """A pack from a folder of TOML files. Raises `InvalidInput` on `pack`, naming the faults."""
    try:
        return load_pack(folder)
    except PackError as error:
        shown = [str(fault) for fault in error.faults[:MOST_FAULTS_SHOWN]] or [str(error)]
        more = len(error.faults) - len(shown)
        if more > 0:
            shown.append(f"and {more} more")
        raise InvalidInput({"pack": f"This pack cannot be used: {'; '.join(shown)}"}) from error


def _unpack(data: bytes, folder: Path) -> None:
    """Only flat TOML files are written, under their bare names, so that no path in the zip leads anywhere."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(".toml") and not entry.is_dir()]
            if not entries:
                raise InvalidInput({"pack": "The zip file holds no .toml files"})
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST_UNPACKED:
                raise InvalidInput({"pack": "The zip file holds more than a pack can"})
            names = [Path(entry.filename).name for entry in entries]
            if len(set(names)) < len(names):
                raise InvalidInput({"pack": "The zip file holds two files of one name"})
            for entry, name in zip(entries, names, strict=True):
                with archive.open(entry) as packed:
                    # what an entry says about its size is not believed
                    content = packed.read(LARGEST_UNPACKED + 1)
                if len(content) > LARGEST_UNPACKED:
                    raise InvalidInput({"pack": "The zip file holds more than a pack can"})
                (folder / name).write_bytes(content)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise InvalidInput({"pack": "The pack must be a zip file of .toml files, without a password"}) from error


async def store(work: Work, pack: Pack) -> str:
    """Keep the pack as an immutable version; the same content is kept once. Returns its hash."""
    await work.execute(
        "INSERT INTO pack_version (hash, pack_id, title, content) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        pack.content_hash, pack.id, pack.title, json.loads(pack_to_json(pack)),
    )  # fmt: skip
    return pack.content_hash


async def stored(work: Work, pack_hash: str) -> Pack:
    """The pack version of that hash. Raises `NotFound`."""
    if pack_hash not in _parsed:
        content = await PackVersion.select(PackVersion.content).where(PackVersion.hash == pack_hash).first()
        if content is None:
            raise NotFound("There is no such pack.")
        _parsed[pack_hash] = pack_from_json(json.dumps(content["content"]).encode())
    return _parsed[pack_hash]

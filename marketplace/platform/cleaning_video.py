"""The containers of a short video, walked from the first byte to the last: MP4 (ISO 14496-12) and WebM (EBML).

Nothing is decoded. What is asked: that the container is whole, says what it is and holds a video track; what is found:
where notes stand inside it (place, device, titles), for the caller to blank without moving anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from marketplace.platform.refusal import Refused

BRANDS = frozenset({b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"M4VH",
                    b"M4VP", b"dash", b"mmp4", b"MSNV"})  # fmt: skip
HOLDS_BOXES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"edts", b"dinf"})
NOTES = frozenset({b"udta", b"meta", b"uuid", b"skip", b"free"})
MOST_BOXES = 20_000

NOT_WHOLE = "This video is damaged or was not sent whole. Open it on your own device; if it plays there, add it again."
NO_PICTURE = "This file holds no video. Record it again as MP4, and add that."
QUICKTIME = "This is a QuickTime video. Save or share it as MP4, and add that."

# (first byte, end, what it begins with instead); zeros fill the rest
Blank = tuple[int, int, bytes]


def check_mp4(path: Path) -> list[Blank]:
    """Walk the boxes; answers what to blank: boxes of notes become free space. Raises `Refused`."""
    blanks: list[Blank] = []
    seen: set[bytes] = set()
    handlers: set[bytes] = set()
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(8)
        brand = file.read(4)
        if brand == b"qt  ":
            raise Refused(QUICKTIME)
        if brand not in BRANDS:
            raise Refused(NO_PICTURE)
        for count, (kind, start, end) in enumerate(_boxes(file, 0, size)):
            if count > MOST_BOXES:
                raise Refused(NOT_WHOLE)
            seen.add(kind)
            if kind in NOTES:
                blanks.append((start, end, b""))
                if kind != b"free":
                    blanks.append((start - 4 if _short(file, start, end) else start - 12, 0, b"free"))
            elif kind == b"hdlr":
                file.seek(start + 8)
                handlers.add(file.read(4))
    if not {b"moov", b"mvhd", b"mdat"} <= seen:
        raise Refused(NOT_WHOLE)
    if b"vide" not in handlers:
        raise Refused(NO_PICTURE)
    return sorted((at, end or at + 4, head) for at, end, head in blanks)


def _short(file: BinaryIO, start: int, end: int) -> bool:
    """Whether the box has a header of 8 bytes: then its length stands right before its kind."""
    file.seek(start - 8)
    return struct.unpack(">I", file.read(4))[0] in (0, end - start + 8)


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, first byte of the content, its end) of each box, those inside others after them."""
    while at < end:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8 or end - at < 8:
            raise Refused(NOT_WHOLE)
        length, kind = struct.unpack(">I4s", head[:8])
        content = at + 8
        if length == 1:
            if len(head) < 16:
                raise Refused(NOT_WHOLE)
            length, content = struct.unpack(">Q", head[8:16])[0], at + 16
        elif length == 0:
            length = end - at
        if length < content - at or at + length > end:
            raise Refused(NOT_WHOLE)
        yield kind, content, at + length
        if kind in HOLDS_BOXES:
            yield from _boxes(file, content, at + length)
        at += length


EBML, SEGMENT, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
DOC_TYPE, TRACK_ENTRY, TRACK_TYPE, TAGS, ATTACHMENTS = 0x4282, 0xAE, 0x83, 0x1254C367, 0x1941A469
HOLDS_ELEMENTS = frozenset({EBML, SEGMENT, TRACKS, TRACK_ENTRY})


def check_webm(path: Path) -> list[Blank]:
    """Walk the elements; answers what to blank: tags become an element that says nothing. Raises `Refused`."""
    doc_type, video, clusters = b"", False, 0
    blanks: list[Blank] = []
    with path.open("rb") as file:
        size = path.stat().st_size
        for count, (kind, start, end) in enumerate(_elements(file, 0, size)):
            if count > MOST_BOXES:
                raise Refused(NOT_WHOLE)
            if kind == DOC_TYPE and end - start <= 16:
                file.seek(start)
                doc_type = file.read(end - start).rstrip(b"\0")
            elif kind == TRACK_TYPE and end - start == 1:
                file.seek(start)
                video = video or file.read(1) == b"\x01"
            elif kind == CLUSTER:
                clusters += 1
            elif kind == ATTACHMENTS:
                raise Refused("This video has files attached inside it. Save it anew without them, and add that.")
            elif kind == TAGS and end - start > 9:
                blanks.append((start, end, b"\xec\x01" + (end - start - 9).to_bytes(7, "big")))
    if doc_type != b"webm" or not clusters:
        raise Refused(NOT_WHOLE)
    if not video:
        raise Refused(NO_PICTURE)
    return blanks


def _elements(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    while at < end:
        file.seek(at)
        head = file.read(12)
        kind, width = _number(head, keep_marker=True)
        length, more = _number(head[width:], keep_marker=False)
        content = at + width + more
        if length < 0:  # of unknown length: a stream as recorders write it, up to the end of what holds it
            length = end - content
        if content + length > end:
            raise Refused(NOT_WHOLE)
        yield kind, content, content + length
        if kind in HOLDS_ELEMENTS:
            yield from _elements(file, content, content + length)
        at = content + length


def _number(head: bytes, *, keep_marker: bool) -> tuple[int, int]:
    """An EBML number and its width; -1 where all its bits are set (unknown)."""
    if not head or not head[0]:
        raise Refused(NOT_WHOLE)
    width = 9 - head[0].bit_length()
    if len(head) < width or width > (4 if keep_marker else 8):
        raise Refused(NOT_WHOLE)
    value = int.from_bytes(head[:width], "big")
    if keep_marker:
        return value, width
    value &= (1 << (7 * width)) - 1
    return (-1 if value == (1 << (7 * width)) - 1 else value), width

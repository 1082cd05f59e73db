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
HOLDS_BOXES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"edts", b"dinf", b"stbl", b"mvex", b"moof", b"traf",
                         b"mfra"})  # fmt: skip
# What playing needs; whatever else a box is called, it becomes free space: notes, places, titles, pictures of covers.
KEPT_BOXES = HOLDS_BOXES | {
    b"ftyp", b"styp", b"mdat", b"sidx", b"ssix", b"pdin", b"mvhd", b"iods", b"tkhd", b"tref", b"elst", b"mdhd", b"hdlr",
    b"elng", b"vmhd", b"smhd", b"dref", b"stsd", b"stts", b"ctts", b"cslg", b"stsc", b"stsz", b"stz2", b"stco", b"co64",
    b"stss", b"stsh", b"stdp", b"sdtp", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"mehd", b"trex", b"leva", b"mfhd",
    b"tfhd", b"tfdt", b"trun", b"tfra", b"mfro",
}  # fmt: skip
TRACKS_TAKEN = frozenset({b"vide", b"soun"})
MOST_BOXES = 20_000

NOT_WHOLE = "This video is damaged or was not sent whole. Open it on your own device; if it plays there, add it again."
NO_PICTURE = "This file holds no video. Record it again as MP4, and add that."
OTHER_TRACKS = (
    "This video carries data beside its pictures and sound, such as where it was recorded. Trim it or save it anew on"
    " your device with pictures and sound alone, and add that."
)
QUICKTIME = "This is a QuickTime video. Save or share it as MP4, and add that."

# (first byte, end, what it begins with instead); zeros fill the rest
Blank = tuple[int, int, bytes]
EMPTY_BOXES = frozenset({b"free", b"skip", b"wide"})


def check_mp4(path: Path) -> tuple[list[Blank], bool]:
    """Walk the boxes; answers what to blank, boxes of notes becoming free space, and whether there were notes.

    The name of a track's handler, which every maker's programs write, is blanked and no note. Raises `Refused`.
    """
    noted = False
    track = media = 0
    unhandled: set[int] = set()  # tracks and their media of which nothing says yet what they are
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
        for count, (holder, kind, begins, start, end) in enumerate(_boxes(file, b"", 0, size)):
            if count > MOST_BOXES:
                raise Refused(NOT_WHOLE)
            seen.add(kind)
            if kind in (b"trak", b"mdia"):
                if kind == b"mdia" and holder != b"trak":
                    raise Refused(NOT_WHOLE)
                track, media = (begins, media) if kind == b"trak" else (track, begins)
                unhandled.add(begins)
            if kind not in KEPT_BOXES:  # its kind stands behind the first four bytes, however its length is written
                blanks += [(begins + 4, begins + 8, b"free"), (start, end, b"")]
                noted = noted or kind not in EMPTY_BOXES
            elif kind == b"hdlr":
                file.seek(start + 4)
                of, handled = file.read(4), file.read(4)
                if holder != b"minf" or of != b"dhlr":  # in older files: where the data lie, not what they are
                    handlers.add(handled)
                if holder == b"mdia":
                    unhandled -= {track, media}
                if end > start + 24:  # the name its maker gave the track, often the device's
                    blanks.append((start + 24, end, b""))
    if unhandled or not {b"moov", b"mvhd", b"mdat"} <= seen:
        raise Refused(NOT_WHOLE)
    if b"vide" not in handlers:
        raise Refused(NO_PICTURE)
    if handlers - TRACKS_TAKEN:
        raise Refused(OTHER_TRACKS)
    return sorted(blanks), noted


def _boxes(file: BinaryIO, holder: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes, int, int, int]]:
    """(what holds it, kind, first byte, first byte of the content, its end) of each box, then those inside it."""
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
        yield holder, kind, at, content, at + length
        if kind in HOLDS_BOXES:
            yield from _boxes(file, kind, content, at + length)
        at += length


EBML, SEGMENT, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
DOC_TYPE, TRACK_ENTRY, TRACK_TYPE, INFO, ATTACHMENTS = 0x4282, 0xAE, 0x83, 0x1549A966, 0x1941A469
NOTHING, CHECKSUM, VIDEO, SOUND = 0xEC, 0xBF, b"\x01", b"\x02"
HOLDS_ELEMENTS = frozenset({EBML, SEGMENT, TRACKS, TRACK_ENTRY, INFO})
# What playing needs, by what holds it (the seek table, info, tracks, clusters, cues; of the info the scale, length and
# the programs' names, which may not be missing). Tracks and head keep all but their notes.
KEPT_IN = {
    SEGMENT: frozenset({0x114D9B74, INFO, TRACKS, CLUSTER, 0x1C53BB6B}),
    INFO: frozenset({0x2AD7B1, 0x4489, 0x4D80, 0x5741}),
}
NOTES_IN = {TRACK_ENTRY: frozenset({0x536E, NOTHING, 0xBF}), TRACKS: frozenset({NOTHING, 0xBF}),
            EBML: frozenset({NOTHING, 0xBF})}  # fmt: skip
IN_CLUSTER = frozenset({0xE7, 0xA3, 0xA0, 0xA7, 0xAB, NOTHING, 0xBF, 0x5854, 0xAF})


def check_webm(path: Path) -> tuple[list[Blank], bool]:
    """Walk the elements; answers what to blank, notes becoming an element that says nothing, and whether there were
    notes. Raises `Refused`.
    """
    noted = False
    doc_type, tracks, clusters = b"", set[bytes](), 0
    blanks: list[Blank] = []
    with path.open("rb") as file:
        size = path.stat().st_size
        for count, (holder, kind, begins, start, end) in enumerate(_elements(file, 0, 0, size)):
            if count > MOST_BOXES:
                raise Refused(NOT_WHOLE)
            if kind == DOC_TYPE and end - start <= 16:
                file.seek(start)
                doc_type = file.read(end - start).rstrip(b"\0")
            elif kind == TRACK_TYPE and holder == TRACK_ENTRY:
                file.seek(start)
                tracks.add(file.read(min(end - start, 8)).lstrip(b"\0"))
            elif kind == CLUSTER:
                clusters += 1
            elif kind == ATTACHMENTS:
                raise Refused("This video has files attached inside it. Save it anew without them, and add that.")
            elif _is_note(holder, kind):
                blanks.append((begins, end, _nothing(end - begins)))
                noted = noted or kind not in (NOTHING, CHECKSUM)
    if doc_type != b"webm" or not clusters:
        raise Refused(NOT_WHOLE)
    if VIDEO not in tracks:
        raise Refused(NO_PICTURE)
    if tracks - {VIDEO, SOUND}:
        raise Refused(OTHER_TRACKS)
    return blanks, noted


def _is_note(holder: int, kind: int) -> bool:
    if holder in KEPT_IN:
        return kind not in KEPT_IN[holder]
    return kind not in (EBML, SEGMENT) if not holder else kind in NOTES_IN.get(holder, ())


def _nothing(length: int) -> bytes:
    """How an element of so many bytes in all begins that says nothing."""
    if length < 9:
        return bytes((NOTHING, 0x80 | (length - 2)))
    return bytes((NOTHING, 0x01)) + (length - 9).to_bytes(7, "big")


def _elements(file: BinaryIO, holder: int, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(what holds it, kind, first byte, first byte of the content, its end) of each element, then those inside it."""
    while at < end:
        kind, content, length = _element(file, at)
        if length < 0:  # of unknown length, as recorders write while they record: up to the end of what holds it
            length = (_end_of_cluster(file, content, end) if kind == CLUSTER else end) - content
        if content + length > end:
            raise Refused(NOT_WHOLE)
        yield holder, kind, at, content, content + length
        if kind in HOLDS_ELEMENTS and not _is_note(holder, kind):  # what is blanked is blanked as a whole
            yield from _elements(file, kind, content, content + length)
        at = content + length


def _element(file: BinaryIO, at: int) -> tuple[int, int, int]:
    file.seek(at)
    head = file.read(12)
    kind, width = _number(head, keep_marker=True)
    length, more = _number(head[width:], keep_marker=False)
    return kind, at + width + more, length


def _end_of_cluster(file: BinaryIO, at: int, end: int) -> int:
    """A cluster of unknown length goes on as long as what comes belongs into one."""
    while at < end:
        kind, content, length = _element(file, at)
        if kind not in IN_CLUSTER:
            return at
        if length < 0 or content + length > end:
            raise Refused(NOT_WHOLE)
        at = content + length
    return end


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

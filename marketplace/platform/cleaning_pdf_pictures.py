"""Pictures inside a PDF: how large each really is, whatever its dictionary says, and nothing beside its pixels.

Of a JPEG, JPEG 2000 or JBIG2 picture only the parts that are drawn are kept, as they are: no place it was taken at, no
note, no small picture beside the large one, nothing behind its end. Scans keep their sharpness that way.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf

from marketplace.platform.cleaning_pdf_streams import (
    BOMB,
    DAMAGED,
    FLATE,
    MOST_PACKED,
    PICTURES,
    layers_of_stream,
    packed_around,
    unpack,
    whole_flate,
)
from marketplace.platform.refusal import Refused

TOO_LARGE = "A picture inside the PDF has more than 40 megapixels. Scan at 300 dots per inch, and add that."
MOST_SCANS = 200  # of one JPEG: each draws the whole picture once more
MOST_TILES = 10_000
LONGEST_ROW = 10_000_000  # bytes of a row that is packed as the difference from the one above

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
DRAWN = FRAMES | {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD}
END_OF_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
BOXES = frozenset({b"jP  ", b"ftyp", b"jp2h", b"jp2c"})
HEAD_BOXES = frozenset({b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"})
JBIG2_REGIONS = frozenset({4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43})
JBIG2_PAGE = 48
JBIG2_DRAWN = JBIG2_REGIONS | {0, 16, JBIG2_PAGE, 49, 50, 51, 53}


def plain_stream(stream: Any, most_pixels: int) -> None:
    """Make of one stream what may stay: packed in one known way, with nothing behind its end; a picture as above.

    Raises `Refused` for what cannot be unpacked, is packed in a way nobody needs, or is too large a picture.
    """
    bearable_picture(stream, most_pixels)
    layers = layers_of_stream(stream)
    outer = packed_around(layers)
    codec = layers[len(outer)][0] if len(outer) < len(layers) else ""
    if (codec and codec not in PICTURES) or len(layers) > len(outer) + bool(codec):
        raise Refused(DAMAGED)
    for name, parms in layers:
        if name not in PICTURES and parms is not None and int(parms.get("/Predictor", 1)) > 1:
            _bearable_row(parms)
    if codec:
        _plain_picture(stream, codec, most_pixels)
    elif [name for name, _ in layers] == [FLATE]:
        _ends_where_it_ends(stream)


def bearable_picture(stream: Any, most_pixels: int) -> None:
    """Raises `Refused` for a picture that says itself that it is too large."""
    if str(stream.get("/Subtype", "")) == "/Image" or "/Width" in stream:
        _bearable(number_of(stream, "/Width"), number_of(stream, "/Height"), most_pixels)


def number_of(holder: Any, key: str) -> int:
    """A whole number from a dictionary, 0 where there is none."""
    value = holder.get(key, 0) if holder is not None else 0
    return int(value) if not isinstance(value, pikepdf.Object) else 0


def _bearable(width: int, height: int, most_pixels: int) -> None:
    if width < 0 or height < 0 or width * height > most_pixels:
        raise Refused(TOO_LARGE)


def _bearable_row(parms: Any) -> None:
    bits = (number_of(parms, "/Columns") or 1) * (number_of(parms, "/Colors") or 1)
    if not 0 < bits * (number_of(parms, "/BitsPerComponent") or 8) <= 8 * LONGEST_ROW:
        raise Refused(BOMB)


def _ends_where_it_ends(stream: Any) -> None:
    raw = bytes(stream.get_raw_stream_buffer())
    packed, _, ended = whole_flate(raw)
    if (ended and len(packed) == len(raw)) or not raw:
        return
    parms = stream.get("/DecodeParms")
    if isinstance(parms, pikepdf.Array):
        parms = parms[0] if len(parms) else None
    options = {"decode_parms": parms} if isinstance(parms, pikepdf.Dictionary) else {}
    if not ended:  # what readers would make of it, packed anew
        held = b"".join(unpack(raw, [(FLATE, None)]))
        if not held:
            raise Refused(DAMAGED)
        packed = zlib.compress(held, 6)
    stream.write(packed, filter=pikepdf.Name.FlateDecode, **options)


def _plain_picture(stream: Any, codec: str, most_pixels: int) -> None:
    layers = layers_of_stream(stream)
    parms = layers[-1][1]
    data = bytearray()
    for part in unpack(bytes(stream.get_raw_stream_buffer()), layers[:-1]):
        data += part
        if len(data) > MOST_PACKED:
            raise Refused(BOMB)
    width, height = number_of(stream, "/Width"), number_of(stream, "/Height")
    plain = bytes(data)
    if codec == "/DCTDecode":
        plain, width, height = plain_jpeg(plain)
    elif codec == "/JPXDecode":
        plain, width, height = plain_jpx(plain)
    elif codec == "/JBIG2Decode":
        plain = plain_jbig2(plain, most_pixels)
        shared = parms.get("/JBIG2Globals") if parms is not None else None
        if isinstance(shared, pikepdf.Stream):
            around = packed_around(layers_of_stream(shared))
            shared.write(plain_jbig2(b"".join(unpack(bytes(shared.get_raw_stream_buffer()), around)), most_pixels))
    else:
        columns = number_of(parms, "/Columns") or 1728
        _bearable(max(width, columns), max(height, number_of(parms, "/Rows")), most_pixels)
    _bearable(width, height, most_pixels)
    options = {"decode_parms": parms} if parms is not None else {}
    stream.write(plain, filter=pikepdf.Name(codec), **options)
    if codec in ("/DCTDecode", "/JPXDecode"):
        # the picture's own size is what readers draw: where the dictionary says another, it is put right
        stream["/Width"], stream["/Height"] = width, height


def plain_jpeg(data: bytes) -> tuple[bytes, int, int]:
    """(the JPEG with nothing but what is drawn, its width, its height). Raises `Refused` for what is none."""
    if not data.startswith(b"\xff\xd8"):
        raise Refused(DAMAGED)
    out, at, size, scans = bytearray(b"\xff\xd8"), 2, (0, 0), 0
    while True:
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) and data[at] == 0xFF:
            at += 1
        if at < 0 or at >= len(data) or data[at] == 0xD9:
            break
        marker, at = data[at], at + 1
        if marker <= 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        segment = data[at : at + length]
        if length < 2 or len(segment) < length:
            raise Refused(DAMAGED)
        at += length
        if marker in FRAMES:
            if size != (0, 0) or length < 8:
                raise Refused(DAMAGED)
            size = (int.from_bytes(segment[5:7], "big"), int.from_bytes(segment[3:5], "big"))
        if marker in DRAWN:
            out += bytes((0xFF, marker)) + segment
        elif marker == 0xEE and segment[2:7] == b"Adobe" and length >= 14:  # how its colours are to be read
            out += b"\xff\xee\x00\x0e" + segment[2:14]
        elif marker == 0xE0 and segment[2:7] == b"JFIF\0" and length >= 16:  # the same; without its small picture
            out += b"\xff\xe0\x00\x10" + segment[2:14] + b"\0\0"
        if marker == 0xDA:
            scans += 1
            ends = END_OF_SCAN.search(data, at)
            upto = ends.start() if ends else len(data)
            out += data[at:upto]
            at = upto
    if not scans or not all(size):
        raise Refused(DAMAGED)
    if scans > MOST_SCANS:
        raise Refused(BOMB)
    return bytes(out + b"\xff\xd9"), *size


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        begins = at + 8
        if length == 1 and at + 16 <= len(data):
            length, begins = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        ends = at + length if length else len(data)
        if not begins <= ends <= len(data):
            raise Refused(DAMAGED)
        yield kind, data[begins:ends]
        at = ends


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def plain_jpx(data: bytes) -> tuple[bytes, int, int]:
    """(the JPEG 2000 picture with nothing but what is drawn, its width, its height). Raises `Refused`."""
    if data.startswith(b"\xff\x4f\xff\x51"):
        return _codestream(data)
    out, size = bytearray(), (0, 0)
    for kind, content in _boxes(data):
        if kind == b"jp2h":
            content = b"".join(_box(inner, held) for inner, held in _boxes(content) if inner in HEAD_BOXES)
        elif kind == b"jp2c":
            content, *given = _codestream(content)
            size = (given[0], given[1])
        if kind in BOXES:
            out += _box(kind, content)
        if kind == b"jp2c":
            break  # what comes behind the picture is none of it
    if size == (0, 0):
        raise Refused(DAMAGED)
    return bytes(out), *size


def _codestream(data: bytes) -> tuple[bytes, int, int]:
    if not data.startswith(b"\xff\x4f\xff\x51") or len(data) < 50:
        raise Refused(DAMAGED)
    right, below, left, above, wide, high = struct.unpack(">6I", data[8:32])
    if not wide or not high or right <= left or below <= above:
        raise Refused(DAMAGED)
    if -(-right // wide) * -(-below // high) > MOST_TILES:
        raise Refused(BOMB)
    out, at = bytearray(b"\xff\x4f"), 2
    while data[at : at + 2] != b"\xff\x90":  # the head: every part of it but the notes
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at : at + 1] != b"\xff" or length < 2 or at + 2 + length > len(data):
            raise Refused(DAMAGED)
        if data[at + 1] != 0x64:
            out += data[at : at + 2 + length]
        at += 2 + length
    while data[at : at + 2] == b"\xff\x90":  # the tiles, each as long as it says; notes in them become zeros
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        ends = at + length if length else len(data)
        if (length and length < 14) or ends > len(data):
            raise Refused(DAMAGED)
        tile = bytearray(data[at:ends])
        inside = 12
        while tile[inside : inside + 2] != b"\xff\x93":
            held = int.from_bytes(tile[inside + 2 : inside + 4], "big")
            if tile[inside : inside + 1] != b"\xff" or held < 2 or inside + 2 + held > len(tile):
                raise Refused(DAMAGED)
            if tile[inside + 1] == 0x64:
                tile[inside + 6 : inside + 2 + held] = bytes(held - 4)
            inside += 2 + held
        out += tile if length else tile[: _last_end(tile)]
        at = ends
    return bytes(out + b"\xff\xd9"), right - left, below - above


def _last_end(tile: bytearray) -> int:
    """Where a last tile of untold length ends: at the first mark of an end, which packed pixels cannot hold."""
    found = tile.find(b"\xff\xd9")
    return found if found >= 0 else len(tile)


def plain_jbig2(data: bytes, most_pixels: int) -> bytes:
    """The segments of a JBIG2 picture that are drawn. Raises `Refused`, also where they add up to far too much."""
    out, at, drawn = bytearray(), 0, 0
    while at + 11 <= len(data):
        number, flags, refers = struct.unpack(">IBB", data[at : at + 6])
        head, count = at + 6, refers >> 5
        if count == 7:
            count = int.from_bytes(data[at + 5 : at + 9], "big") & 0x1FFFFFFF
            head = at + 9 + (count + 8) // 8
        head += count * (1 if number <= 256 else 2 if number <= 65_536 else 4) + (4 if flags & 0x40 else 1)
        length = int.from_bytes(data[head : head + 4], "big")
        begins = head + 4
        ends = len(data) if length == 0xFFFFFFFF else begins + length
        if begins > len(data) or ends > len(data):
            raise Refused(DAMAGED)
        kind = flags & 0x3F
        if kind in JBIG2_REGIONS or kind == JBIG2_PAGE:
            wide, high = struct.unpack(">II", data[begins : begins + 8].ljust(8, b"\0"))
            if kind == JBIG2_PAGE and high == 0xFFFFFFFF:  # told by the stripes to come
                high = 1
            _bearable(wide, high, most_pixels)
            drawn += wide * high
        if drawn > 10 * most_pixels:
            raise Refused(BOMB)
        if kind in JBIG2_DRAWN:
            out += data[at:ends]
        at = ends
    return bytes(out)

"""The bytes of a PDF's streams, unpacked layer by layer in small parts, with a ceiling on each.

Whatever a stream says of itself is not believed: what it holds is counted by unpacking it, and whoever goes over the
ceiling is refused before the rest is looked at.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf

from marketplace.platform.refusal import Refused

MOST_STREAM = 250_000_000  # bytes of one stream unpacked: a page scanned at 600 dots per inch in colour is 105 million
MOST_PACKED = 20_000_000  # bytes that are taken up as a whole to undo a layer of text, LZW or run lengths
MOST_LAYERS = 2  # filters that unpack, one inside the other
MOST_FILTERS = 4
PART = 1_000_000

DAMAGED = "This PDF is damaged or was not sent whole. Open it on your own device, print it to a new PDF, and add that."
BOMB = (
    "This PDF holds far more inside than its size says, so it was not opened. Scan or print it to a new PDF, and add"
    " that."
)
FLATE = "/FlateDecode"
UNPACKING = frozenset({FLATE, "/LZWDecode", "/RunLengthDecode"})
PICTURES = frozenset({"/DCTDecode", "/JPXDecode", "/CCITTFaxDecode", "/JBIG2Decode"})
IN_FULL = {"/Fl": FLATE, "/LZW": "/LZWDecode", "/RL": "/RunLengthDecode", "/AHx": "/ASCIIHexDecode",
           "/A85": "/ASCII85Decode", "/DCT": "/DCTDecode", "/CCF": "/CCITTFaxDecode"}  # fmt: skip

Layer = tuple[str, Any]  # a filter's name in full, and its parameters or None
Parts = Iterator[bytes]


def layers_of(filters: Any, parms: Any) -> list[Layer]:
    """A stream's filters, outermost first. Raises `Refused` where there are more than anybody needs."""
    names = list(filters) if isinstance(filters, pikepdf.Array | list) else [filters] if filters is not None else []
    given = list(parms) if isinstance(parms, pikepdf.Array | list) else [parms]
    layers = [
        (IN_FULL.get(str(name), str(name)), given[number] if number < len(given) else None)
        for number, name in enumerate(names)
    ]
    if len(layers) > MOST_FILTERS or sum(name in UNPACKING for name, _ in layers) > MOST_LAYERS:
        raise Refused(BOMB)
    return [(name, each if isinstance(each, pikepdf.Dictionary) else None) for name, each in layers]


def layers_of_stream(stream: Any) -> list[Layer]:
    """The same of a stream object."""
    return layers_of(stream.get("/Filter"), stream.get("/DecodeParms"))


def packed_around(layers: list[Layer]) -> list[Layer]:
    """Those of the layers that can be undone here: the outer ones, up to a picture's own or one nobody knows."""
    kept: list[Layer] = []
    for name, parms in layers:
        if name not in _UNDO:
            break
        kept.append((name, parms))
    return kept


def unpack(raw: bytes, layers: list[Layer]) -> Parts:
    """What is left when the layers are undone, in parts. Raises `Refused` at the ceiling, `zlib.error` for damage."""
    parts: Parts = iter((raw,))
    for name, parms in layers:
        parts = _counted(_UNDO[name](parts, parms))
    return parts


def unpacked_length(stream: Any) -> int:
    """How many bytes a stream holds once unpacked, as far as it can be. Raises `Refused` at the ceiling."""
    layers = packed_around(layers_of_stream(stream))
    if not layers:
        return 0
    size = 0
    try:
        for part in unpack(bytes(stream.get_raw_stream_buffer()), layers):
            size += len(part)
    except zlib.error:
        pass  # refused later if anything draws it
    return size


def whole_flate(raw: bytes) -> tuple[bytes, int, bool]:
    """(the packed bytes without what follows them, how long they are unpacked, whether they come to their end)."""
    unpacker, size = zlib.decompressobj(), 0
    try:
        for part in _through(unpacker, iter((raw,))):
            size += len(part)
            if size > MOST_STREAM:
                raise Refused(BOMB)
    except zlib.error:
        return raw, size, False
    return raw[: len(raw) - len(unpacker.unused_data)], size, unpacker.eof


def _counted(parts: Parts) -> Parts:
    size = 0
    for part in parts:
        size += len(part)
        if size > MOST_STREAM:
            raise Refused(BOMB)
        yield part


def _gathered(parts: Parts) -> bytes:
    whole = bytearray()
    for part in parts:
        whole += part
        if len(whole) > MOST_PACKED:
            raise Refused(BOMB)
    return bytes(whole)


def _through(unpacker: Any, parts: Parts) -> Parts:
    for part in parts:
        rest = part
        while rest and not unpacker.eof:
            given = unpacker.decompress(rest, PART)
            rest = unpacker.unconsumed_tail
            yield given
    if not unpacker.eof:
        yield unpacker.flush()


def _flate(parts: Parts, _: Any) -> Parts:
    # without the sum at its end: readers draw a stream whose sum is wrong, and one that ends before it
    yield from _through(zlib.decompressobj(-zlib.MAX_WBITS), _behind_head(parts))


def _behind_head(parts: Parts) -> Parts:
    head = b""
    for part in parts:
        more = 2 - len(head)
        head += part[:more]
        if more and len(head) == 2 and (head[0] & 15 != 8 or head[1] & 32 or int.from_bytes(head) % 31):
            raise zlib.error("no head")
        yield part[more:]


def _hex(parts: Parts, _: Any) -> Parts:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", _gathered(parts).partition(b">")[0])
    yield bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _base_85(parts: Parts, _: Any) -> Parts:
    with pikepdf.new() as scratch:  # at most four bytes for each of these, so it may be undone as a whole
        stream = pikepdf.Stream(scratch, b"")
        stream.write(_gathered(parts), filter=pikepdf.Name.ASCII85Decode, type_check=False)
        try:
            yield stream.read_bytes()
        except pikepdf.PdfError:
            return


def _lzw(parts: Parts, parms: Any) -> Parts:
    early = int(parms.get("/EarlyChange", 1)) if parms is not None else 1
    start = [bytes((each,)) for each in range(256)] + [b"", b""]
    table, before, out = start[:], b"", bytearray()
    held = bits = 0
    width = 9
    for byte in _gathered(parts):
        held, bits = held << 8 | byte, bits + 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits
        held &= (1 << bits) - 1
        if code == 256:
            table, before, width = start[:], b"", 9
            continue
        if code == 257 or code > len(table) or (code == len(table) and not before):
            break
        piece = table[code] if code < len(table) else before + before[:1]
        if before and len(table) < 4096:
            table.append(before + piece[:1])
        out += piece
        before = piece
        if len(table) + early >= 1 << width and width < 12:
            width += 1
        if len(out) >= PART:
            yield bytes(out)
            out.clear()
    yield bytes(out)


def _run_length(parts: Parts, _: Any) -> Parts:
    data, out, at = _gathered(parts), bytearray(), 0
    while at < len(data) and data[at] != 128:
        if data[at] < 128:
            out += data[at + 1 : at + 2 + data[at]]
            at += 2 + data[at]
        else:
            out += data[at + 1 : at + 2] * (257 - data[at])
            at += 2
        if len(out) >= PART:
            yield bytes(out)
            out.clear()
    yield bytes(out)


_UNDO: dict[str, Callable[[Parts, Any], Parts]] = {
    FLATE: _flate, "/ASCIIHexDecode": _hex, "/ASCII85Decode": _base_85, "/LZWDecode": _lzw,
    "/RunLengthDecode": _run_length,
}  # fmt: skip

"""What a page may be made of, key by key: a list of what may pass, down to the last dictionary.

Each shape names the keys a dictionary of that kind needs to be drawn, and the shape of what stands under them; whatever
else hangs on it is left behind, and a stream passes only where a stream belongs (ISO 32000-2, 7 to 9 and 11).
"""

from __future__ import annotations

from typing import Any

import pikepdf

PLAIN = ""  # numbers, names, short texts, and lists of them
LONGEST_TEXT = 8_192  # bytes: the colours of a palette of four inks, eight times over
MOST_WALKED = 2_000_000


def _plain(keys: str) -> dict[str, str]:
    return dict.fromkeys((f"/{key}" for key in keys.split()), PLAIN)


_FUNCTION = _plain("FunctionType Domain Range Size BitsPerSample Order Encode Decode C0 C1 N Bounds") | {
    "/Functions": "function"
}
_PICTURE = _plain("Width Height BitsPerComponent Intent ImageMask Decode Interpolate SMaskInData Matte") | {
    "/ColorSpace": "colour", "/Mask": "drawn", "/SMask": "drawn",
}  # fmt: skip
_FORM = _plain("Type Subtype FormType BBox Matrix") | {"/Resources": "resources", "/Group": "group"}

# kind of dictionary -> key -> kind of what stands there; `each ...` is a dictionary under whose free names such stand
SHAPES: dict[str, dict[str, str]] = {
    "page": _plain("Type MediaBox CropBox BleedBox TrimBox ArtBox Rotate UserUnit")
    | {"/Contents": "content", "/Resources": "resources", "/Group": "group"},
    "content": {},
    "resources": {"/ExtGState": "each state", "/ColorSpace": "each colour", "/Pattern": "each pattern",
                  "/Shading": "each shading", "/XObject": "each drawn", "/Font": "each font", "/ProcSet": PLAIN},
    "state": _plain("Type LW LC LJ ML D RI OP op OPM FL SM SA BM CA ca AIS TK HT")
    | dict.fromkeys(("/BG", "/BG2", "/UCR", "/UCR2", "/TR", "/TR2"), "function")
    | {"/Font": "font", "/SMask": "mask"},
    "mask": _plain("Type S BC") | {"/G": "drawn", "/TR": "function"},
    "group": _plain("Type S I K") | {"/CS": "colour"},
    "drawn": _PICTURE | _FORM,
    "pattern": _plain("Type PatternType PaintType TilingType BBox XStep YStep Matrix")
    | {"/Resources": "resources", "/Shading": "shading", "/ExtGState": "state"},
    "shading": _plain("ShadingType Background BBox AntiAlias Domain Matrix Coords Extend BitsPerCoordinate"
                      " BitsPerComponent BitsPerFlag Decode VerticesPerRow")
    | {"/ColorSpace": "colour", "/Function": "function"},
    "function": _FUNCTION,
    # what stands in the list that names a colour space: a profile, a palette, a function, the white and black of it
    "colour": _FUNCTION | _plain("WhitePoint BlackPoint Gamma Matrix Subtype")
    | {"/Alternate": "colour", "/Colorants": "each colour", "/Process": "process"},
    "process": _plain("Components") | {"/ColorSpace": "colour"},
    "font": _plain("Type Subtype BaseFont FirstChar LastChar Widths Name FontBBox FontMatrix DW W DW2 W2")
    | {"/FontDescriptor": "descriptor", "/Encoding": "encoding", "/ToUnicode": "encoding", "/DescendantFonts": "font",
       "/CharProcs": "each content", "/Resources": "resources", "/CIDSystemInfo": "system", "/CIDToGIDMap": "content"},
    "system": _plain("Registry Ordering Supplement"),
    "encoding": _plain("Type BaseEncoding Differences CMapName WMode")
    | {"/CIDSystemInfo": "system", "/UseCMap": "encoding"},
    "descriptor": _plain("Type FontName FontFamily FontStretch FontWeight Flags FontBBox ItalicAngle Ascent Descent"
                         " Leading CapHeight XHeight StemV StemH AvgWidth MaxWidth MissingWidth CharSet")
    | dict.fromkeys(("/FontFile", "/FontFile2", "/FontFile3"), "font file") | {"/CIDSet": "content"},
    "font file": _plain("Subtype Length1 Length2 Length3"),
    "packing": _plain("Predictor Colors BitsPerComponent Columns EarlyChange K EndOfLine EncodedByteAlign Rows"
                      " EndOfBlock BlackIs1 DamagedRowsBeforeError ColorTransform")
    | {"/JBIG2Globals": "content"},
}  # fmt: skip
STREAM_KEYS = {"/Length": PLAIN, "/Filter": PLAIN, "/DecodeParms": "packing"}
STREAMS = frozenset({"content", "drawn", "pattern", "shading", "function", "colour", "encoding", "font file"})


class TooMuch(Exception):
    """There is more of it than a PDF of its size needs."""


def keep_what_is_drawn(page: Any) -> None:
    """Take off a page, and off all it draws with, whatever is not listed above. Raises `TooMuch`."""
    waiting: list[tuple[Any, str]] = [(page, "page")]
    seen: set[tuple[Any, str]] = set()
    walked = 0
    while waiting:
        each, shape = waiting.pop()
        walked += 1
        if walked > MOST_WALKED:
            raise TooMuch
        if each.is_indirect:
            if (each.objgen, shape) in seen:
                continue
            seen.add((each.objgen, shape))
        waiting += _in_list(each, shape) if isinstance(each, pikepdf.Array) else _in_dictionary(each, shape)


def _in_dictionary(each: Any, shape: str) -> list[tuple[Any, str]]:
    inside: list[tuple[Any, str]] = []
    free = shape[len("each ") :] if shape.startswith("each ") else None
    keys = {} if free else SHAPES[shape] | (STREAM_KEYS if isinstance(each, pikepdf.Stream) else {})
    for key, value in list(each.items()):
        if shape == "page" and key == "/Parent":
            continue
        wanted = free if free is not None else keys.get(key)
        if wanted is None or not _passes(value, wanted):
            del each[key]
        elif _holds_others(value) and wanted:
            inside.append((value, wanted))
    return inside


def _in_list(each: Any, shape: str) -> list[tuple[Any, str]]:
    inside: list[tuple[Any, str]] = []
    for number, value in enumerate(each):
        if not _passes(value, shape):
            each[number] = None
        elif _holds_others(value):
            inside.append((value, shape))
    return inside


def _passes(value: Any, shape: str) -> bool:
    if isinstance(value, pikepdf.String):
        return len(bytes(value)) <= LONGEST_TEXT
    if isinstance(value, pikepdf.Stream):
        return shape in STREAMS
    if isinstance(value, pikepdf.Dictionary):
        return shape != PLAIN
    if isinstance(value, pikepdf.Array) and shape == PLAIN:
        return _is_plain_list(value)
    return True


def _is_plain_list(value: Any, depth: int = 0) -> bool:
    return depth < 8 and all(
        _is_plain_list(each, depth + 1) if isinstance(each, pikepdf.Array)
        else not isinstance(each, pikepdf.Dictionary | pikepdf.Stream) and _passes(each, PLAIN)
        for each in value
    )  # fmt: skip


def _holds_others(value: Any) -> bool:
    return isinstance(value, pikepdf.Dictionary | pikepdf.Array | pikepdf.Stream)

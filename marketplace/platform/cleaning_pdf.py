"""A PDF built anew from the pages of another: what is drawn on them, and nothing that acts, hides or hangs on.

Of each page only its size, its drawing and what the drawing needs is taken (a list of what may pass, not of what may
not). What was typed into form fields or stamped on top is drawn into the page first, so that a filled-in form keeps
its answers. Scripts, links, attachments, layers, notes and metadata stay behind.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf

from marketplace.platform.refusal import Refused

MOST_PAGES = 300
LAST_LINES = 2_048  # bytes at the end among which a whole PDF says that it ends
MOST_OBJECTS = 100_000
MOST_STREAM = 250_000_000  # bytes of one stream unpacked: a page scanned at 600 dots per inch in colour is 105 million
MOST_IN_ALL = 1_000_000_000
MOST_LAYERS = 2  # filters that unpack, one inside the other

PAGE_KEYS = frozenset({"/Type", "/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox", "/Rotate", "/UserUnit",
                       "/Contents", "/Resources", "/Group"})  # fmt: skip
RESOURCE_KEYS = frozenset({"/ExtGState", "/ColorSpace", "/Pattern", "/Shading", "/XObject", "/Font", "/ProcSet"})
# Of any stream: where its bytes would come from another file, and what hangs on it without being drawn.
STREAM_KEYS_LEFT = ("/F", "/FFilter", "/FDecodeParms", "/Metadata", "/PieceInfo", "/OPI", "/Ref", "/AF", "/Alternates",
                    "/Measure", "/PtData", "/OC", "/StructParent", "/StructParents")  # fmt: skip
ACTIONS = frozenset({"/JavaScript", "/Launch", "/GoToR", "/GoToE", "/URI", "/SubmitForm", "/ImportData", "/Rendition",
                     "/RichMediaExecute", "/Sound", "/Movie"})  # fmt: skip
UNPACKING = frozenset({"/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"})

LOCKED = (
    "This PDF is locked with a password or against changes. Save a copy without protection (or print it to PDF), and"
    " add that."
)
DAMAGED = "This PDF is damaged or was not sent whole. Open it on your own device, print it to a new PDF, and add that."
BOMB = (
    "This PDF holds far more inside than its size says, so it was not opened. Scan or print it to a new PDF, and add"
    " that."
)
SCRIPT = "A script or link inside the PDF was left out."
ATTACHMENT = "Files attached inside the PDF were left out: add each of them by itself."
FORM = "Form fields were turned into plain print."


def rebuild(source: Path, target: Path, *, most_pixels: int) -> list[str]:
    """Write the PDF at `source` anew to `target`; answers sentences on what was left out. Raises `Refused`."""
    with source.open("rb") as file:
        file.seek(max(0, source.stat().st_size - LAST_LINES))
        if b"%%EOF" not in file.read():
            raise Refused(DAMAGED)  # readers would mend it, and quietly lose the pages that never arrived
    try:
        with pikepdf.open(source) as found:
            if found.is_encrypted:
                raise Refused(LOCKED)
            if len(found.objects) > MOST_OBJECTS:
                raise Refused(BOMB)
            pages = len(found.pages)
            if not pages:
                raise Refused(DAMAGED)
            if pages > MOST_PAGES:
                raise Refused(
                    f"This PDF has {pages} pages; {MOST_PAGES} are taken at a time. Split it, and add the parts."
                )
            _measure(found, most_pixels)
            remarks = _left_out(found)
            _flatten(found)
            with pikepdf.new() as rebuilt:
                for page in found.pages:
                    rebuilt.pages.append(page)
                for page in rebuilt.pages:
                    _only_what_is_drawn(page.obj)
                rebuilt.remove_unreferenced_resources()
                for each in _reachable(rebuilt.Root):
                    _refuse_what_acts(each)
                _measure(rebuilt, most_pixels)
                rebuilt.save(target, compress_streams=True, deterministic_id=True, linearize=False)
        with pikepdf.open(target) as written:
            if len(written.pages) != pages or written.attachments or "/Names" in written.Root:
                raise Refused(DAMAGED)
    except pikepdf.PasswordError:
        raise Refused(LOCKED) from None
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, OSError, RecursionError):
        raise Refused(DAMAGED) from None
    return remarks


def _flatten(found: pikepdf.Pdf) -> None:
    """Draw what fields and stamps show into their pages; what cannot be drawn is lost with the rest of them."""
    try:
        found.generate_appearance_streams()
        found.flatten_annotations("screen")
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
        return


def _only_what_is_drawn(page: Any) -> None:
    for key in list(page.keys()):
        if key not in PAGE_KEYS and key != "/Parent":
            del page[key]
    _clean_resources(page.get("/Resources"))
    for each in _reachable(page):
        if isinstance(each, pikepdf.Stream):
            for key in STREAM_KEYS_LEFT:
                if key in each:
                    del each[key]
            _clean_resources(each.get("/Resources"))


def _clean_resources(resources: Any) -> None:
    if isinstance(resources, pikepdf.Dictionary):
        for key in list(resources.keys()):
            if key not in RESOURCE_KEYS:
                del resources[key]


def _reachable(root: Any) -> Iterator[Any]:
    """Every dictionary and stream that hangs on `root`, each once; a page's parents are not walked."""
    waiting, seen = [root], set()
    count = 0
    while waiting:
        each = waiting.pop()
        if each.is_indirect:
            if each.objgen in seen:
                continue
            seen.add(each.objgen)
        count += 1
        if count > 20 * MOST_OBJECTS:
            raise Refused(BOMB)
        if isinstance(each, pikepdf.Array):
            waiting += [item for item in each if _holds_others(item)]
            continue
        yield each
        waiting += [value for key, value in each.items() if key != "/Parent" and _holds_others(value)]


def _holds_others(value: Any) -> bool:
    return isinstance(value, pikepdf.Dictionary | pikepdf.Array | pikepdf.Stream)


def _refuse_what_acts(each: Any) -> None:
    """After everything was left behind nothing of this can be there: a file that manages it is not taken."""
    if str(each.get("/S", "")) in ACTIONS or any(
        key in each for key in ("/JS", "/EF", "/OpenAction", "/EmbeddedFiles")
    ):
        raise Refused(DAMAGED)
    if isinstance(each, pikepdf.Stream) and str(each.get("/Subtype", "")) == "/PS":
        raise Refused(DAMAGED)


def _left_out(found: pikepdf.Pdf) -> list[str]:
    root, said = found.Root, []
    script = any(key in root for key in ("/OpenAction", "/AA")) or "/JavaScript" in root.get("/Names", {})
    attached = "/EmbeddedFiles" in root.get("/Names", {}) or "/AF" in root or "/Collection" in root
    for each in _reachable(root):
        script = script or str(each.get("/S", "")) in ACTIONS or "/JS" in each
        attached = attached or str(each.get("/Type", "")) == "/EmbeddedFile"
    if script:
        said.append(SCRIPT)
    if attached:
        said.append(ATTACHMENT)
    if "/AcroForm" in root:
        said.append(FORM)
    return said


def _measure(pdf: pikepdf.Pdf, most_pixels: int) -> None:
    """Refuse what would burst when opened: counted by unpacking in small parts, never as a whole."""
    in_all = 0
    for each in pdf.objects:
        if not isinstance(each, pikepdf.Stream):
            continue
        if str(each.get("/Subtype", "")) == "/Image":
            pixels = int(each.get("/Width", 0)) * int(each.get("/Height", 0))
            if pixels > most_pixels:
                raise Refused(
                    "A picture inside the PDF has more than 40 megapixels. Scan at 300 dots per inch, and add that."
                )
        in_all += _unpacked(each)
        if in_all > MOST_IN_ALL:
            raise Refused(BOMB)


def _unpacked(stream: Any) -> int:
    given = stream.get("/Filter", [])
    filters = [str(name) for name in given] if isinstance(given, pikepdf.Array) else [str(given)]
    layers = [name for name in filters if name in UNPACKING]
    if not layers:
        return 0
    if len(layers) > MOST_LAYERS:
        raise Refused(BOMB)
    raw = bytes(stream.get_raw_stream_buffer())
    if filters[0] not in ("/FlateDecode", "/Fl"):
        # wrapped in text, or packed in ways that gain little: what they can hold at the most
        most = len(raw) * (64 if "/RunLengthDecode" in filters or "/RL" in filters else 2_000)
        return most if most > MOST_STREAM and len(layers) > 1 else min(most, len(raw) * 64)
    size, inner = _inflate(raw, keep=len(layers) > 1)
    return _inflate(inner, keep=False)[0] if inner else size


def _inflate(raw: bytes, *, keep: bool) -> tuple[int, bytes]:
    """How long the unpacked bytes are, and with `keep` the bytes themselves (within reason)."""
    unpacker, size, kept = zlib.decompressobj(), 0, bytearray()
    rest = raw
    while rest and not unpacker.eof:
        try:
            part = unpacker.decompress(rest, 1_000_000)
        except zlib.error:
            break  # a damaged stream draws what it can: as far as readers unpack it, so do we
        if not part and not unpacker.unconsumed_tail:
            break
        size += len(part)
        if size > MOST_STREAM:
            raise Refused(BOMB)
        if keep:
            kept += part
        rest = unpacker.unconsumed_tail
    return size, bytes(kept)

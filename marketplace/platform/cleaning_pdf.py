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

from marketplace.platform.cleaning_pdf_drawing import Weighed, has_pictures_between
from marketplace.platform.cleaning_pdf_pictures import bearable_picture, plain_stream
from marketplace.platform.cleaning_pdf_shapes import TooMuch, keep_what_is_drawn
from marketplace.platform.cleaning_pdf_streams import (
    BOMB,
    DAMAGED,
    FLATE,
    PICTURES,
    layers_of_stream,
    unpacked_length,
    whole_flate,
)
from marketplace.platform.refusal import Refused

MOST_PAGES = 300
LAST_LINES = 2_048  # bytes at the end among which a whole PDF says that it ends
MOST_OBJECTS = 100_000
MOST_STAMPS = 10_000  # fields and stamps: each is drawn into its page
MOST_IN_ALL = 1_000_000_000

ACTIONS = frozenset({"/JavaScript", "/Launch", "/GoToR", "/GoToE", "/URI", "/SubmitForm", "/ImportData", "/Rendition",
                     "/RichMediaExecute", "/Sound", "/Movie"})  # fmt: skip
# Under `/Resources`, and under these, stand dictionaries whose keys are names the file chose: one may be called /JS.
RESOURCES, NAMED, NAMES = "/Resources", "named", frozenset({"/CharProcs", "/Colorants"})
LOCKED = (
    "This PDF is locked with a password or against changes. Save a copy without protection (or print it to PDF), and"
    " add that."
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
            if sum(_stamps(page.obj) for page in found.pages) > MOST_STAMPS:
                raise Refused(BOMB)
            remarks = _left_out(found)
            _flatten(found)
            with pikepdf.new() as rebuilt:
                for page in found.pages:
                    rebuilt.pages.append(page)
                _only_what_is_drawn(rebuilt, most_pixels)
                rebuilt.save(
                    target,
                    compress_streams=True,
                    stream_decode_level=pikepdf.StreamDecodeLevel.specialized,  # run lengths are undone as well
                    deterministic_id=True,
                    linearize=False,
                )
        with pikepdf.open(target) as written:
            if len(written.pages) != pages or written.attachments or "/Names" in written.Root:
                raise Refused(DAMAGED)
            _hold_to_account(written)
    except TooMuch:
        raise Refused(BOMB) from None
    except pikepdf.PasswordError:
        raise Refused(LOCKED) from None
    except (pikepdf.PdfError, zlib.error, ValueError, TypeError, KeyError, AttributeError, RuntimeError, OSError,
            RecursionError):  # fmt: skip
        raise Refused(DAMAGED) from None
    return remarks


def _flatten(found: pikepdf.Pdf) -> None:
    """Draw what fields and stamps show into their pages; what cannot be drawn is lost with the rest of them."""
    try:
        found.generate_appearance_streams()
        found.flatten_annotations("screen")
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
        return


def _stamps(page: Any) -> int:
    stamps = page.get("/Annots")
    return len(stamps) if isinstance(stamps, pikepdf.Array) else 0


def _only_what_is_drawn(rebuilt: pikepdf.Pdf, most_pixels: int) -> None:
    """Of pages, drawings and pictures what is seen of them; the rest is left, and what is far too much is refused."""
    for page in rebuilt.pages:
        keep_what_is_drawn(page.obj)
        if has_pictures_between(page):
            page.externalize_inline_images(
                shallow=True
            )  # among the others they are measured and stripped like the others
    rebuilt.remove_unreferenced_resources()
    for each in list(_reachable(rebuilt.Root)):
        _refuse_what_acts(each)
        if isinstance(each, pikepdf.Stream):
            plain_stream(each, most_pixels)
    weighed = Weighed(most_pixels)
    for page in rebuilt.pages:
        weighed.page(page)


def _hold_to_account(written: pikepdf.Pdf) -> None:
    """Measure what was written once more: every stream comes to its end, packed in no way but those known to us."""
    in_all = 0
    for each in written.objects:
        if isinstance(each, pikepdf.Stream):
            names = [name for name, _ in layers_of_stream(each)]
            if names == [FLATE]:
                raw = bytes(each.get_raw_stream_buffer())
                packed, size, ended = whole_flate(raw)
                if raw and (not ended or len(packed) != len(raw)):
                    raise Refused(DAMAGED)
                in_all += size
            elif names and (len(names) > 1 or names[0] not in PICTURES):
                raise Refused(DAMAGED)
            if in_all > MOST_IN_ALL:
                raise Refused(BOMB)


def _reachable(root: Any) -> Iterator[Any]:
    """Every dictionary and stream that hangs on `root`, once for each place; a page's parents are not walked.

    Not the dictionaries whose keys are free names, such as a page's fonts: only what stands under those names.
    """
    waiting: list[tuple[Any, str]] = [(root, "")]
    seen: set[tuple[Any, str]] = set()
    count = 0
    while waiting:
        each, place = waiting.pop()
        if each.is_indirect:
            if (each.objgen, place) in seen:
                continue
            seen.add((each.objgen, place))
        count += 1
        if count > 20 * MOST_OBJECTS:
            raise Refused(BOMB)
        if isinstance(each, pikepdf.Array):
            waiting += [(item, "") for item in each if _holds_others(item)]
            continue
        if place != NAMED or isinstance(each, pikepdf.Stream):
            yield each
        waiting += [
            (value, NAMED if place == RESOURCES or key in NAMES else RESOURCES if key == RESOURCES else "")
            for key, value in each.items()
            if key != "/Parent" and _holds_others(value)
        ]


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
        if isinstance(each, pikepdf.Stream):
            bearable_picture(each, most_pixels)
            in_all += unpacked_length(each)
            if in_all > MOST_IN_ALL:
                raise Refused(BOMB)

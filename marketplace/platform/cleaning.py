"""What an uploaded file really is, and the copy of it that people may open.

`clean(source, target, video=False)` reads the file at `source` as hostile: what it is comes from its content and a full
parse, never from its name. A PDF is rebuilt page by page, so that nothing that acts, hides or hangs on comes along; a
picture is decoded and drawn anew from its pixels, without the place it was taken at; of a video only the container is
parsed, its pictures stay as they were sent. Raises `Refused` with the sentence for the person who sent it.

`clean_apart` does the same in a process of its own, with a ceiling on memory and time: a file that bursts takes that
process with it and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import pikepdf
from PIL import Image, ImageOps

from marketplace.platform.cleaning_pdf import rebuild
from marketplace.platform.cleaning_video import check_mp4, check_webm
from marketplace.platform.processes import clean_environment
from marketplace.platform.refusal import Refused

MOST_BYTES = 10_000_000
MOST_VIDEO_BYTES = 100_000_000
MOST_PIXELS = 40_000_000
TYPES = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
VIDEO_TYPES = {"video/mp4": "mp4", "video/webm": "webm"}

MOST_MEMORY = 2_000_000_000
MOST_CPU_SECONDS = 60
PATIENCE = 120.0

OTHER_PICTURE = "This picture is not a JPEG or PNG. Save it as one of them, and add that."
OFFICE = "This is an office document. Save it as a PDF, and add that."
HEIC = "This is a HEIC picture. Take the photo as 'Most compatible' or save it as a JPEG, and add that."
# What people send instead, told apart by its first bytes so that the sentence can say how to mend it.
KNOWN_OTHERS: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (0, (b"PK\x03\x04", b"PK\x05\x06"), "This is an office document or a ZIP file. Save it as a PDF, and add that."),
    (0, (b"\xd0\xcf\x11\xe0",), "This is an older office document. Save it as a PDF, and add that."),
    (0, (b"GIF8", b"II*\0", b"MM\0*", b"BM"), OTHER_PICTURE),
    (8, (b"WEBP",), OTHER_PICTURE),
    (4, (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc", b"ftypavif"),
     HEIC),
)  # fmt: skip
# The same before any byte has come, by how the name ends.
ENDINGS_OF_OTHERS = {
    **dict.fromkeys(("doc", "docx", "odt", "rtf", "pages", "xls", "xlsx", "ods", "ppt", "pptx", "odp"), OFFICE),
    **dict.fromkeys(("heic", "heif", "avif"), HEIC),
    **dict.fromkeys(("gif", "webp", "tif", "tiff", "bmp"), OTHER_PICTURE),
}
OTHERWISE = "This is not a PDF, JPEG or PNG, whatever its name says. Save the document as a PDF, and add that."
OTHERWISE_VIDEO = "This is not an MP4 or WebM video. Save it as MP4, and add that."
DAMAGED = (
    "This file is damaged or was not sent whole. Open it on your own device; if it opens there, save a new copy and add"
    " that."
)
BURST = (
    "This file holds far more inside than its size says, so it was not opened. Scan or print it to a new PDF, and add"
    " that."
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was written: its type as found, and what was left out, in sentences for whoever opens it."""

    content_type: str
    remarks: str = ""


def clean(source: Path, target: Path, *, video: bool = False) -> Cleaned:
    """Write the copy of `source` that may be opened to `target`. Raises `Refused`."""
    size = source.stat().st_size
    if size == 0:
        raise Refused("This file is empty. Check that it opens on your own device, and add it again.")
    if size > (MOST_VIDEO_BYTES if video else MOST_BYTES):
        raise Refused(too_large(video))
    with source.open("rb") as file:
        head = file.read(64)
    if video:
        return _video(source, target, head)
    if head.startswith(b"%PDF-"):
        return Cleaned("application/pdf", " ".join(rebuild(source, target, most_pixels=MOST_PIXELS)))
    if head.startswith(b"\xff\xd8\xff"):
        return _picture(source, target, "JPEG", "image/jpeg")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _picture(source, target, "PNG", "image/png")
    for at, marks, sentence in KNOWN_OTHERS:
        if head[at:].startswith(marks):
            raise Refused(sentence)
    raise Refused(OTHERWISE)


def how_to_mend(content_type: str, name: str) -> str | None:
    """What to do with a file that says it is of another type, by the type or by its name's ending; None if unknown."""
    ending = name.rsplit(".", 1)[-1].lower()
    if content_type.startswith(("image/heic", "image/heif")):
        return HEIC
    return ENDINGS_OF_OTHERS.get(ending) or (OTHER_PICTURE if content_type.startswith("image/") else None)


def too_large(video: bool) -> str:
    """The sentence about a file above the limit."""
    if video:
        return "This video is larger than 100 MB. Record a shorter one or at a lower quality, and add that."
    return "This file is larger than 10 MB. Scan it at 300 dots per inch or send fewer pages at a time."


def _picture(source: Path, target: Path, kind: str, content_type: str) -> Cleaned:
    # Our own limit speaks first; Pillow's would only warn up to twice its own.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(source, formats=["JPEG", "MPO"] if kind == "JPEG" else ["PNG"]) as found:
            if found.width * found.height > MOST_PIXELS:
                raise Refused("This picture has more than 40 megapixels. Make it smaller, and add that.")
            found.load()
            upright = ImageOps.exif_transpose(found)
            plain = "RGB" if kind == "JPEG" or upright.mode not in ("L", "1", "RGBA", "LA", "P", "PA") else "RGBA"
            pixels = upright.convert(plain)
    except Refused:
        raise
    except Exception:  # a hostile picture may raise anything: whatever it is, it is no picture for us
        raise Refused(DAMAGED) from None
    # a new picture from nothing but pixels: no EXIF, no place, no text, no profile, no second picture behind the first
    drawn = Image.new(pixels.mode, pixels.size)
    drawn.paste(pixels)
    if kind == "JPEG":
        drawn.save(target, "JPEG", quality=90, optimize=True)
    else:
        drawn.save(target, "PNG", optimize=False)
    return Cleaned(content_type)


def _video(source: Path, target: Path, head: bytes) -> Cleaned:
    if head[4:8] == b"ftyp":
        content_type, (blanked, noted) = "video/mp4", check_mp4(source)
    elif head.startswith(b"\x1a\x45\xdf\xa3"):
        content_type, (blanked, noted) = "video/webm", check_webm(source)
    else:
        raise Refused(OTHERWISE_VIDEO)
    with source.open("rb") as read, target.open("wb") as written:
        at = 0
        for first, last, begins in blanked:
            if first < at:  # one inside another: to write on would move what was sent
                raise Refused(DAMAGED)
            _copy(read, written, first - at)
            written.write(begins + bytes(last - first - len(begins)))
            read.seek(last)
            at = last
        _copy(read, written, source.stat().st_size - at)
    remarks = "The video's pictures and sound are as they were sent: only its container was checked."
    if noted:
        remarks += " Notes inside it, such as where it was recorded, were blanked out."
    return Cleaned(content_type, remarks)


def _copy(read: BinaryIO, written: BinaryIO, length: int) -> None:
    while length > 0:
        part = read.read(min(length, 1_000_000))
        if not part:
            return
        written.write(part)
        length -= len(part)


# --- in a process of its own ------------------------------------------------------------------------------------------


async def clean_apart(source: Path, target: Path, *, video: bool = False) -> Cleaned:
    """`clean` in a child process without our secrets, its memory, time and output limited. Raises `Refused`."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "marketplace.platform.cleaning", str(source), str(target), "video" if video else "",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=clean_environment(), cwd=source.parent,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(child.communicate(), PATIENCE)
    except TimeoutError:
        raise Refused(BURST) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not said:
        # out of memory, out of time, or a fault of the reader itself: in each case nothing to show anybody
        raise Refused(BURST)
    answer = json.loads(said)
    if "refused" in answer:
        raise Refused(answer["refused"])
    return Cleaned(**answer)


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MOST_VIDEO_BYTES + MOST_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main(source: str, target: str, kind: str) -> None:
    """The child: prints what came of it as JSON."""
    _limit()
    try:
        answer = asdict(clean(Path(source), Path(target), video=kind == "video"))
    except Refused as error:
        answer = {"refused": error.sentence}
    except (pikepdf.PdfError, ValueError, OSError, RecursionError, TypeError, KeyError):
        answer = {"refused": DAMAGED}
    except MemoryError:
        answer = {"refused": BURST}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:4])

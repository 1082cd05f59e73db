"""Files as people send them, and as nobody should: small PDFs, pictures and videos, byte by byte where it matters."""

from __future__ import annotations

import io
import struct
import zlib

import pikepdf
from PIL import Image

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def pdf(text: str = "Certificate", pages: int = 1) -> pikepdf.Pdf:
    """An open PDF with a line of text on each page; `saved()` gives its bytes."""
    made = pikepdf.new()
    font = made.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    )
    for number in range(pages):
        page = made.add_blank_page(page_size=(595, 842))
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        page.obj.Contents = made.make_stream(f"BT /F1 24 Tf 72 720 Td ({text} {number + 1}) Tj ET".encode())
    return made


def saved(made: pikepdf.Pdf, **options: object) -> bytes:
    """The bytes of an open PDF."""
    file = io.BytesIO()
    made.save(file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def plain_pdf(text: str = "Certificate", pages: int = 1) -> bytes:
    return saved(pdf(text, pages))


def scripted_pdf() -> bytes:
    """Runs a script when opened, on its page, behind a button, and calls a program and an address."""
    made = pdf()
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('EVILSCRIPT')"))
    made.Root.OpenAction = made.make_indirect(script)
    made.Root.Names = pikepdf.Dictionary(
        JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String("x"), made.make_indirect(script)]))
    )
    launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("evil.exe"))
    page = made.pages[0].obj
    page.AA = pikepdf.Dictionary(O=made.make_indirect(launch))
    link = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=pikepdf.Array([0, 0, 595, 842]),
        A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://evil.example")),
    )  # fmt: skip
    page.Annots = pikepdf.Array([made.make_indirect(link)])
    return saved(made)


def pdf_with_attachment() -> bytes:
    made = pdf()
    made.attachments["payload.exe"] = b"MZ EVILATTACHMENT"
    return saved(made, compress_streams=False)


def form_pdf(answer: str = "Robin Vale") -> bytes:
    """A form whose only field is filled in with `answer`."""
    made = pdf("Form")
    look = made.make_stream(
        f"/Tx BMC BT /Helv 12 Tf 2 5 Td ({answer}) Tj ET EMC".encode(),
        Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=pikepdf.Array([0, 0, 200, 20]),
        Resources=pikepdf.Dictionary(Font=pikepdf.Dictionary(Helv=made.pages[0].obj.Resources.Font.F1)),
    )  # fmt: skip
    field = made.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T=pikepdf.String("name"),
            V=pikepdf.String(answer), Rect=pikepdf.Array([72, 600, 272, 620]), F=4,
            AP=pikepdf.Dictionary(N=look), P=made.pages[0].obj,
        )
    )  # fmt: skip
    made.pages[0].obj.Annots = pikepdf.Array([field])
    made.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]), DA=pikepdf.String("/Helv 12 Tf 0 g"))
    return saved(made)


def locked_pdf(user: str = "secret") -> bytes:
    """Encrypted; with an empty `user` password it opens for everybody, yet not for changes."""
    return saved(pdf(), encryption=pikepdf.Encryption(owner="owner", user=user))


def bursting_pdf(layers: int = 1) -> bytes:
    """A page whose drawing unpacks to 300 MB."""
    made = pdf()
    packer = zlib.compressobj(9)
    packed = b"".join([*(packer.compress(bytes(10_000_000)) for _ in range(30)), packer.flush()])
    for _ in range(layers - 1):
        packed = zlib.compress(packed, 9)
    stream = pikepdf.Stream(made, packed)
    stream.Filter = pikepdf.Array([pikepdf.Name.FlateDecode] * layers)
    made.pages[0].obj.Contents = made.make_indirect(stream)
    return saved(
        made, compress_streams=False, recompress_flate=False, stream_decode_level=pikepdf.StreamDecodeLevel.none
    )


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), *, place: bool = False) -> bytes:
    """A picture; with `place` it carries where it was taken and what with, and is to be turned upright."""
    file = io.BytesIO()
    drawn = Image.new("RGB", size, (20, 90, 160))
    options: dict[str, object] = {}
    if place:
        notes = Image.Exif()
        notes[0x010F] = "EVILCAMERA"
        notes[0x0112] = 6
        notes.get_ifd(0x8825)[1] = "N"
        notes.get_ifd(0x8825)[2] = (51.0, 27.0, 36.0)
        options["exif"] = notes
    drawn.save(file, kind, **options)
    return file.getvalue()


def huge_picture(megapixels: int = 500) -> bytes:
    """A PNG of so many megapixels in a few hundred kilobytes."""
    side = int((megapixels * 1_000_000) ** 0.5) + 1
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    packed = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def mp4(*, brand: bytes = b"isom", handler: bytes = b"vide", place: bool = False, frames: int = 1000) -> bytes:
    """An MP4's skeleton: nothing in it plays, yet the container is whole."""
    track = box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(13))))
    notes = box(b"udta", box(b"\xa9xyz", b"\0\x12\x15\xc7+51.4600-000.0100/")) if place else b""
    moov = box(b"moov", box(b"mvhd", bytes(100)), track, notes)
    return box(b"ftyp", brand, bytes(4), b"isom", b"avc1") + moov + box(b"mdat", bytes(frames))


def element(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return kind + (len(body) | 1 << 56).to_bytes(8, "big") + body


def webm(*, doc_type: bytes = b"webm", track: bytes = b"\x01", tags: bool = False, attached: bool = False) -> bytes:
    """A WebM's skeleton."""
    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", doc_type))
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xae", element(b"\x83", track)))
    cluster = element(b"\x1f\x43\xb6\x75", element(b"\xe7", b"\0"), element(b"\xa3", bytes(200)))
    more = [element(b"\x12\x54\xc3\x67", b"EVILTAG at 51.46 -0.01")] if tags else []
    more += [element(b"\x19\x41\xa4\x69", b"EVILATTACHMENT")] if attached else []
    return head + element(b"\x18\x53\x80\x67", tracks, cluster, *more)

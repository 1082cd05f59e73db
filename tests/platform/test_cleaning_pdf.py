"""PDFs that hold far more than they say, say something else than they hold, or hide things beside what they draw."""

from __future__ import annotations

import base64
import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from marketplace.platform import cleaning_pdf_streams
from marketplace.platform.cleaning import clean
from marketplace.platform.cleaning_pdf_pictures import plain_jbig2
from marketplace.platform.refusal import Refused
from tests.world import files

FAR_MORE, LARGE, BROKEN = "far more inside", "40 megapixels", "damaged"
Cleaned = Callable[[bytes], bytes]


@pytest.fixture
def cleaned(tmp_path: Path) -> Cleaned:
    def run(content: bytes) -> bytes:
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(content)
        clean(source, target)
        return target.read_bytes()

    return run


def packed(made: pikepdf.Pdf, data: bytes, *filters: str, parms: Any = None, **keys: Any) -> Stream:
    """A stream whose bytes are packed as the filters say."""
    stream = made.make_stream(b"", **keys)
    names = Array([Name(each) for each in filters])
    stream.write(data, filter=names, decode_parms=parms, type_check=False)  # type: ignore[arg-type]
    return stream


def drawn(made: pikepdf.Pdf, picture: Stream, **more: Any) -> bytes:
    """The PDF's bytes with the picture drawn on its page."""
    page = made.pages[0].obj
    page.Resources = Dictionary(XObject=Dictionary(I=picture), **more)
    page.Contents = made.make_stream(b"q 200 0 0 200 0 0 cm /I Do Q")
    return files.saved(made, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def picture(made: pikepdf.Pdf, data: bytes, *filters: str, side: int = 100, parms: Any = None) -> Stream:
    return packed(
        made, data, *filters, parms=parms, Type=Name.XObject, Subtype=Name.Image, Width=side, Height=side,
        ColorSpace=Name.DeviceGray, BitsPerComponent=8,
    )  # fmt: skip


def bomb(megabytes: int = 300) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(megabytes)), packer.flush()])


def lzw_bomb(rounds: int) -> bytes:
    """Zeros, packed as tightly as LZW can: each code stands for one byte more than the one before."""
    bits = []
    for _ in range(rounds):
        bits += [format(256, "09b" if not bits else "012b"), format(0, "09b")]
        width, code = 9, 258
        while code < 4094:
            bits.append(format(code, f"0{width}b"))
            code += 1
            if code + 1 >= 1 << width and width < 12:
                width += 1
    text = "".join(bits)
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


ALL = bomb()
WRAPPED = {
    "base 85": (base64.a85encode(ALL) + b"~>", ["/ASCII85Decode", "/FlateDecode"], FAR_MORE),
    "base 85 in short": (base64.a85encode(ALL) + b"~>", ["/A85", "/Fl"], FAR_MORE),
    "hex": (ALL.hex().encode() + b">", ["/ASCIIHexDecode", "/FlateDecode"], FAR_MORE),
    "lzw": (lzw_bomb(35), ["/LZWDecode"], FAR_MORE),
    "run lengths": (b"\x81\0" * 2_000_000, ["/RunLengthDecode"], FAR_MORE),
    "broken": (b"\0\0" + ALL[:5000], ["/FlateDecode"], BROKEN),
    "locked in part": (bomb(1), ["/Crypx", "/FlateDecode"], BROKEN),
    "unknown": (bomb(1), ["/FlateDecode", "/OfMyOwn"], BROKEN),
    "cut": (b"\0", ["/DCTDecode", "/FlateDecode"], BROKEN),
}


@pytest.mark.parametrize("way", sorted(WRAPPED))
def test_whatever_a_bomb_is_wrapped_in_it_is_counted_or_not_taken(cleaned: Cleaned, way: str) -> None:
    made = files.pdf()
    data, filters, told = WRAPPED[way]
    content = drawn(made, picture(made, data, *filters)).replace(b"/Crypx", b"/Crypt")  # nobody writes it as it is
    with pytest.raises(Refused, match=told):
        cleaned(content)


def test_what_was_written_is_measured_once_more(cleaned: Cleaned, monkeypatch: pytest.MonkeyPatch) -> None:
    made = files.pdf()
    monkeypatch.setitem(cleaning_pdf_streams._UNDO, "/LZWDecode", lambda parts, _: parts)
    with pytest.raises(Refused, match=FAR_MORE):
        cleaned(drawn(made, picture(made, WRAPPED["lzw"][0], "/LZWDecode")))


def test_honest_streams_come_out_as_they_were_however_they_are_packed(cleaned: Cleaned) -> None:
    grey = bytes(range(256)) * 40
    for data, filters in (
        (base64.a85encode(zlib.compress(grey)) + b"~>", ["/ASCII85Decode", "/FlateDecode"]),
        (grey.hex().encode() + b">", ["/ASCIIHexDecode"]),
        (zlib.compress(grey) + b"PK\x03\x04HIDDEN", ["/FlateDecode"]),
        (zlib.compress(grey)[:-4], ["/FlateDecode"]),  # without its own sum at the end, as some programs write
        (zlib.compress(grey)[:-4] + b"even", ["/FlateDecode"]),  # with a wrong one
        (b"".join(b"\x7f" + grey[at : at + 128] for at in range(0, len(grey), 128)) + b"\x80", ["/RunLengthDecode"]),
    ):
        made = files.pdf()
        out = cleaned(drawn(made, picture(made, data, *filters)))
        assert b"HIDDEN" not in out
        with pikepdf.open(io.BytesIO(out)) as pdf:
            assert pdf.pages[0].obj.Resources.XObject.I.read_bytes() == grey, filters


def test_of_a_picture_whose_sum_is_wrong_no_row_is_lost_and_a_broken_one_is_not_taken(cleaned: Cleaned) -> None:
    grey = random.Random(1).randbytes(1_300 * 1_300)
    whole = zlib.compress(grey)
    made = files.pdf()
    out = cleaned(drawn(made, picture(made, whole[:-1] + bytes([whole[-1] ^ 1]), "/FlateDecode", side=1_300)))
    with pikepdf.open(io.BytesIO(out)) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.I.read_bytes() == grey
    packer = zlib.compressobj()
    start = packer.compress(grey) + packer.flush(zlib.Z_FULL_FLUSH)
    with pytest.raises(Refused, match=BROKEN):
        cleaned(drawn(made, picture(made, start + b"\x07", "/FlateDecode", side=1_300)))


def photo(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    notes = Image.Exif()
    notes[0x010E] = "HIDDENHOME"
    notes.get_ifd(0x8825)[1] = "N"
    notes.get_ifd(0x8825)[2] = (51.0, 27.0, 36.0)
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, kind, exif=notes, comment=b"HIDDENNOTE")
    return file.getvalue()


@pytest.mark.parametrize("around", ["", "/FlateDecode"])
def test_a_photo_in_a_pdf_loses_its_place_and_what_hangs_behind_it_and_no_pixel(cleaned: Cleaned, around: str) -> None:
    made, taken = files.pdf(), photo()
    assert b"HIDDENHOME" in taken and b"Exif" in taken
    data = taken + b"PK\x03\x04HIDDENZIP"
    filters = [around, "/DCTDecode"] if around else ["/DCTDecode"]
    stream = picture(made, zlib.compress(data) if around else data, *filters)
    stream.ColorSpace = Name.DeviceRGB
    out = cleaned(drawn(made, stream))
    with pikepdf.open(io.BytesIO(out)) as pdf:
        kept = pdf.pages[0].obj.Resources.XObject.I
        inside = kept.read_raw_bytes()
        assert not [word for word in (b"HIDDEN", b"Exif", b"PK\x03\x04") if word in inside + out]
        assert (kept.Width, kept.Height) == (64, 48)
        with Image.open(io.BytesIO(inside)) as now, Image.open(io.BytesIO(taken)) as before:
            assert now.tobytes() == before.tobytes() and not now.getexif()


def test_a_jpeg_2000_loses_its_notes_and_keeps_its_pixels(cleaned: Cleaned) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "JPEG2000", comment="HIDDENNOTE")
    note = struct.pack(">I4s", 8 + 10, b"xml ") + b"HIDDENHOME"
    taken = file.getvalue()
    at = taken.index(b"jp2c") - 4
    made = files.pdf()
    out = cleaned(drawn(made, picture(made, taken[:at] + note + taken[at:] + b"HIDDENTAIL", "/JPXDecode")))
    assert b"HIDDEN" in taken and b"HIDDEN" not in out
    with pikepdf.open(io.BytesIO(out)) as pdf:
        kept = pdf.pages[0].obj.Resources.XObject.I
        assert kept.Width == 256
        with Image.open(io.BytesIO(kept.read_raw_bytes())) as now, Image.open(io.BytesIO(taken)) as before:
            assert now.tobytes() == before.tobytes()


def jbig2(side: int) -> bytes:
    page = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">II", side, side) + bytes(11)
    return page + struct.pack(">IBBBI", 1, 62, 0, 1, 10) + b"HIDDENNOTE" + struct.pack(">IBBBI", 2, 49, 0, 1, 0)


@pytest.mark.parametrize("way", ["jpeg", "jpeg 2000", "jbig2", "fax", "between", "in a glyph", "rows"])
def test_a_picture_is_as_large_as_it_is_whatever_its_dictionary_says(cleaned: Cleaned, way: str) -> None:
    made = files.pdf()
    sizes = struct.pack(">HH", 22_000, 22_000)
    told = LARGE
    if way == "jpeg":
        data = photo()
        at = data.index(b"\xff\xc0")
        stream = picture(made, data[: at + 5] + sizes + data[at + 9 :], "/DCTDecode")
    elif way == "jpeg 2000":
        file = io.BytesIO()
        Image.new("L", (64, 64)).save(file, "JPEG2000", no_jp2=True)
        wide = struct.pack(">IIIIII", 22_000, 22_000, 0, 0, 22_000, 22_000)
        stream = picture(made, file.getvalue()[:8] + wide + file.getvalue()[32:], "/JPXDecode")
    elif way == "jbig2":
        stream = picture(made, jbig2(22_000), "/JBIG2Decode")
    elif way == "fax":
        stream = picture(made, b"\x80" * 100, "/CCITTFaxDecode", parms=Dictionary(K=-1, Columns=60_000, Rows=60_000))
    elif way == "rows":
        told = FAR_MORE
        parms = Dictionary(Predictor=15, Columns=2_000_000_000)
        stream = picture(made, zlib.compress(bytes(100)), "/FlateDecode", parms=parms)
    else:
        between = b"q BI /#57 60000 /H 60000 /CS /G /BPC 1 /F /Fl ID " + zlib.compress(bytes(900)) + b" EI Q"
        stream = made.make_stream(between, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9]))
        if way == "in a glyph":
            font = Dictionary(Type=Name.Font, Subtype=Name.Type3, CharProcs=Dictionary(a=made.make_stream(between)),
                              FontBBox=Array([0, 0, 9, 9]), FontMatrix=Array([1, 0, 0, 1, 0, 0]))  # fmt: skip
            stream = made.make_stream(
                b"BT /F 9 Tf (a) Tj ET", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9]),
                Resources=Dictionary(Font=Dictionary(F=font)),
            )  # fmt: skip
    with pytest.raises(Refused, match=told):
        cleaned(drawn(made, stream))
    assert b"HIDDEN" not in plain_jbig2(jbig2(100), 40_000_000)


@pytest.mark.parametrize("through", ["forms", "masks", "patterns", "itself"])
def test_drawings_that_call_each_other_without_end_are_refused(cleaned: Cleaned, through: str) -> None:
    made = files.pdf()
    keys = {"Type": Name.XObject, "Subtype": Name.Form, "BBox": Array([0, 0, 9, 9])}
    inner = made.make_stream(b"0 0 m 1 1 l S", **keys)
    for _ in range(12):
        if through == "masks":
            state = Dictionary(SMask=Dictionary(S=Name.Luminosity, G=inner))
            inner = made.make_stream(b"/X gs " * 10, **keys, Resources=Dictionary(ExtGState=Dictionary(X=state)))
        elif through == "patterns":
            inner.PatternType, inner.PaintType, inner.TilingType, inner.XStep, inner.YStep = 1, 1, 1, 9, 9
            call = b"/Pattern cs " + b"/X scn 0 0 9 9 re f " * 10
            inner = made.make_stream(call, **keys, Resources=Dictionary(Pattern=Dictionary(X=inner)))
        else:
            inner = made.make_stream(b"/X Do " * 10, **keys, Resources=Dictionary(XObject=Dictionary(X=inner)))
    if through == "itself":
        inner.Resources.XObject.X = inner
    with pytest.raises(Refused, match=FAR_MORE):
        cleaned(drawn(made, inner))


def test_a_stamp_used_on_every_page_and_a_letterhead_in_it_come_through(cleaned: Cleaned) -> None:
    made = files.pdf(pages=40)
    keys = {"Type": Name.XObject, "Subtype": Name.Form, "BBox": Array([0, 0, 9, 9])}
    logo = made.make_stream(b"0 0 m 1 1 l S " * 2_000, **keys)
    head = made.make_stream(b"/L Do " * 20, **keys, Resources=Dictionary(XObject=Dictionary(L=logo)))
    between = made.make_stream(b"q BI /W 8 /H 8 /CS /G /BPC 8 ID " + bytes(64) + b" EI Q", **keys)
    for page in made.pages:
        page.obj.Resources = Dictionary(XObject=Dictionary(H=head, B=between))
        page.obj.Contents = made.make_stream(b"/H Do /B Do " * 50)
    with pikepdf.open(io.BytesIO(cleaned(files.saved(made)))) as pdf:
        page = pdf.pages[39].obj
        assert len(page.Resources.XObject.H.Resources.XObject.L.read_bytes()) == 28_000
        assert page.Resources.XObject.B.read_bytes().startswith(b"q BI")


def typed(made: pikepdf.Pdf, glyph: bytes) -> Dictionary:
    """A font whose letter A is drawn."""
    return Dictionary(
        Type=Name.Font, Subtype=Name.Type3, FontBBox=Array([0, 0, 1, 1]), FontMatrix=Array([1, 0, 0, 1, 0, 0]),
        CharProcs=Dictionary({"/EF": made.make_stream(glyph)}), FirstChar=65, LastChar=65, Widths=Array([600]),
        Encoding=Dictionary(Type=Name.Encoding, Differences=Array([65, Name("/EF")])),
    )  # fmt: skip


def test_a_drawn_font_weighs_what_is_written_with_it(cleaned: Cleaned) -> None:
    for lines, letters, glyph, told in (
        (90_000, b"AAA", 60, ""),
        (9, b"A" * 40_000, 2_000, FAR_MORE),
        (90_000, b"A" * 40_000, 2_000, FAR_MORE),
    ):
        for inside in (False, True):  # a form that brings no resources writes with its page's fonts
            made = files.pdf()
            font = made.make_indirect(typed(made, b"600 0 0 0 500 500 d1 " + b"1 2 3 4 5 6 c " * glyph))
            text = b"BT /JS 10 Tf [(" + letters + b") 9] TJ ET " + b"100.25 200.5 l " * lines
            page = made.pages[0].obj
            page.Resources = Dictionary(Font=Dictionary({"/JS": font}))
            page.Contents = made.make_stream(text)
            if inside:
                form = made.make_stream(text, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9]))
                page.Resources.XObject = Dictionary(F=form)
                page.Contents = made.make_stream(b"/F Do")
            content = files.saved(made)
            if told:
                with pytest.raises(Refused, match=told):
                    cleaned(content)
            else:
                assert b"Type3" in cleaned(content)


def test_a_form_that_brings_no_resources_draws_with_its_pages(cleaned: Cleaned) -> None:
    keys = {"Type": Name.XObject, "Subtype": Name.Form, "BBox": Array([0, 0, 9, 9])}
    made = files.pdf()
    page = made.pages[0].obj
    page.Resources = Dictionary(
        ExtGState=Dictionary(G0=Dictionary(ca=0.5)),
        XObject=Dictionary(
            A=made.make_stream(b"/G0 gs /B Do", **keys),
            B=made.make_stream(b"0 0 9 9 re f", **keys),
        ),
    )
    page.Contents = made.make_stream(b"/A Do")
    with pikepdf.open(io.BytesIO(cleaned(files.saved(made)))) as pdf:
        kept = pdf.pages[0].obj.Resources
        assert kept.ExtGState.G0.ca and kept.XObject.B.read_bytes() == b"0 0 9 9 re f"
    page.Resources.XObject.B = made.make_stream(b"/A Do", **keys)
    with pytest.raises(Refused, match=FAR_MORE):
        cleaned(files.saved(made))
    # the same drawing, lent heavier things by another page
    light, heavy = (made.make_stream(b"0 0 m 1 1 l S " * times, **keys) for times in (1, 100_000))
    second = files.pdf(pages=2)
    calls = second.make_stream(b"/X Do " * 1_000, **keys)
    for page, inner in zip(second.pages, (light, heavy), strict=True):
        page.obj.Resources = Dictionary(XObject=Dictionary(C=calls, X=second.copy_foreign(inner)))
        page.obj.Contents = second.make_stream(b"/C Do")
    with pytest.raises(Refused, match=FAR_MORE):
        cleaned(files.saved(second))


def test_nothing_hangs_on_a_drawing_that_is_not_drawn(cleaned: Cleaned) -> None:
    made = files.pdf()
    hidden = made.make_stream(b"MZ HIDDENPROGRAM")
    page = made.pages[0].obj
    font = page.Resources.Font.F1
    font.PieceInfo, font.FirstChar = hidden, 32
    font.Widths = Array([250])
    page.Group = Dictionary(S=Name.Transparency, CS=Name.DeviceRGB, Hidden=hidden)
    palette = Array([Name.Indexed, Name.DeviceRGB, 1, pikepdf.String(b"\0\0\0\xff\xff\xff")])
    page.Resources.ExtGState = Dictionary(G=Dictionary(ca=0.5, X=hidden, HT=hidden, Name=pikepdf.String("HIDDENNAME")))
    page.Resources.ColorSpace = Dictionary(C=palette)
    page.Resources.Hidden = hidden
    page.Contents = made.make_stream(b"/G gs /C cs 1 sc BT /F1 24 Tf 72 720 Td (Certificate) Tj ET")
    out = cleaned(files.saved(made, compress_streams=False))
    with pikepdf.open(io.BytesIO(out)) as pdf:
        streams = [each for each in pdf.objects if isinstance(each, pikepdf.Stream)]
        assert not [each for each in streams if b"HIDDEN" in each.read_bytes()]
        kept = pdf.pages[0].obj.Resources
        assert kept.ColorSpace.C[3] == pikepdf.String(b"\0\0\0\xff\xff\xff") and list(kept.ExtGState.G) == ["/ca"]
        assert kept.Font.F1.Widths[0] == 250 and "/PieceInfo" not in kept.Font.F1
    assert b"HIDDEN" not in out

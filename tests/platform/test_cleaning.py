"""What comes out of hostile files: nothing that acts, hides or bursts; a sentence for whoever sent it."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from marketplace.platform import cleaning
from marketplace.platform.cleaning import clean, clean_apart
from marketplace.platform.cleaning_pdf import ATTACHMENT, FORM, SCRIPT
from marketplace.platform.refusal import Refused
from tests.world import files


@pytest.fixture
def cleaned(tmp_path: Path):
    def run(content: bytes, *, video: bool = False) -> tuple[cleaning.Cleaned, bytes]:
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(content)
        answer = clean(source, target, video=video)
        return answer, target.read_bytes()

    return run


def test_a_plain_pdf_comes_out_page_by_page(cleaned) -> None:
    answer, content = cleaned(files.plain_pdf("Certificate", pages=3))
    assert (answer.content_type, answer.remarks) == ("application/pdf", "")
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert len(pdf.pages) == 3
        assert b"(Certificate 3)" in pdf.pages[2].Contents.read_bytes()
        assert pdf.pages[0].mediabox == [0, 0, 595, 842]


def everything_in(content: bytes) -> str:
    """All a PDF holds, unpacked, as one text."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        whole = io.BytesIO()
        pdf.save(
            whole,
            qdf=True,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return whole.getvalue().decode("latin-1")


def test_scripts_links_and_programs_stay_behind_and_the_sender_is_told(cleaned) -> None:
    answer, content = cleaned(files.scripted_pdf())
    assert answer.remarks == SCRIPT
    text = everything_in(content)
    acting = ("EVIL", "evil", "JavaScript", "/JS", "Launch", "OpenAction", "/AA", "Annots", "URI")
    assert not [word for word in acting if word in text]
    assert "(Certificate 1)" in text


def test_attachments_stay_behind_and_the_sender_is_told(cleaned) -> None:
    answer, content = cleaned(files.pdf_with_attachment())
    assert answer.remarks == ATTACHMENT
    assert "EVIL" not in everything_in(content) and "EmbeddedFile" not in everything_in(content)


def test_a_filled_in_form_keeps_its_answers_as_print(cleaned) -> None:
    answer, content = cleaned(files.form_pdf("Robin Vale"))
    assert answer.remarks == FORM
    text = everything_in(content)
    assert "(Robin Vale)" in text and "AcroForm" not in text and "Widget" not in text


@pytest.mark.parametrize("user", ["secret", ""])
def test_a_locked_pdf_is_refused(cleaned, user: str) -> None:
    with pytest.raises(Refused, match="without protection"):
        cleaned(files.locked_pdf(user))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_pdf_that_bursts_is_refused_before_it_does(cleaned, layers: int) -> None:
    with pytest.raises(Refused, match="far more inside"):
        cleaned(files.bursting_pdf(layers))


def test_too_many_pages_are_refused_with_what_to_do(cleaned) -> None:
    with pytest.raises(Refused, match="has 301 pages"):
        cleaned(files.plain_pdf(pages=301))


@pytest.mark.parametrize("most", [300, 600, -7])
def test_a_pdf_that_was_cut_off_is_refused_rather_than_mended(cleaned, most: int) -> None:
    with pytest.raises(Refused, match="not sent whole"):
        cleaned(files.plain_pdf(pages=4)[:most])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"<html><script>alert(1)</script></html>", "not a PDF, JPEG or PNG"),
        (b"%PDF-1.7\n<html><script>alert(1)</script></html>", "not sent whole"),
        (b"%PDF-1.7\n<html><script>alert(1)</script></html>\n%%EOF", "damaged"),
        (b"<html>%PDF-1.7", "not a PDF, JPEG or PNG"),
        (b"PK\x03\x04" + bytes(100), "office document or a ZIP"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "older office document"),
        (b"GIF89a" + bytes(100), "not a JPEG or PNG"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
        (b"MZ" + bytes(100), "not a PDF, JPEG or PNG"),
        (b"\xff\xd8\xff" + bytes(100), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
    ],
)
def test_what_is_something_else_is_refused_with_what_to_do(cleaned, content: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        cleaned(content)


def test_a_photo_is_drawn_anew_upright_and_without_its_place(cleaned) -> None:
    answer, content = cleaned(files.picture(size=(64, 48), place=True) + b"EVILTAIL")
    assert answer.content_type == "image/jpeg"
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (48, 64) and not picture.getexif() and "exif" not in picture.info
        red, green, blue = picture.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert abs(red - 20) + abs(green - 90) + abs(blue - 160) < 20
    assert b"EVIL" not in content


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_pictures_of_every_kind_of_pixel_come_out(cleaned, mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (30, 20)).save(file, "PNG")
    answer, content = cleaned(file.getvalue())
    assert answer.content_type == "image/png"
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (30, 20)


def test_a_picture_of_500_megapixels_is_refused_unseen(cleaned) -> None:
    content = files.huge_picture(500)
    assert len(content) < 1_000_000
    with pytest.raises(Refused, match="40 megapixels"):
        cleaned(content)


def test_a_picture_of_500_megapixels_inside_a_pdf_too(cleaned) -> None:
    made = files.pdf()
    stream = pikepdf.Stream(made, b"\xff\xd8\xff")
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    stream.Width, stream.Height, stream.Filter = 25_000, 20_000, pikepdf.Name.DCTDecode
    made.pages[0].obj.Resources.XObject = pikepdf.Dictionary(I=made.make_indirect(stream))
    with pytest.raises(Refused, match="40 megapixels"):
        cleaned(files.saved(made))


def test_size_limits_speak_first(cleaned) -> None:
    with pytest.raises(Refused, match="10 MB"):
        cleaned(bytes(cleaning.MOST_BYTES + 1))


def test_a_video_keeps_its_pictures_and_loses_its_notes(cleaned) -> None:
    original = files.mp4(place=True)
    answer, content = cleaned(original, video=True)
    assert answer.content_type == "video/mp4" and "as they were sent" in answer.remarks
    assert len(content) == len(original) and b"51.46" not in content and b"\xa9xyz" not in content
    again, same = cleaned(content, video=True)
    assert again.content_type == "video/mp4" and same == content
    answer, content = cleaned(files.webm(tags=True), video=True)
    assert answer.content_type == "video/webm" and b"EVILTAG" not in content
    answer, content = cleaned(files.webm(), video=True)
    assert content == files.webm()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (files.mp4(brand=b"qt  "), "QuickTime"),
        (files.mp4(handler=b"soun"), "holds no video"),
        (files.mp4()[:-5], "not sent whole"),
        (files.mp4() + b"\0", "not sent whole"),
        (files.webm(attached=True), "attached"),
        (files.webm(doc_type=b"matroska"), "not sent whole"),
        (files.webm(track=b"\x02"), "holds no video"),
        (files.webm()[:-9], "not sent whole"),
        (files.plain_pdf(), "not an MP4 or WebM"),
        (b"\0\0\0\0ftypisom", "not sent whole"),
    ],
)
def test_a_container_that_is_not_what_it_says_is_refused(cleaned, content: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        cleaned(content, video=True)


@pytest.mark.parametrize("way", ["too long", "killed"])
async def test_whatever_a_reader_does_only_its_own_process_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(files.plain_pdf())
    if way == "too long":
        monkeypatch.setattr(cleaning, "PATIENCE", 0.01)
    else:
        monkeypatch.setattr(cleaning.sys, "executable", "/bin/false")
    with pytest.raises(Refused, match="far more inside"):
        await clean_apart(source, target)


async def test_a_process_of_its_own_gives_the_same_answers(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(files.scripted_pdf())
    assert await clean_apart(source, target) == cleaning.Cleaned("application/pdf", SCRIPT)
    assert b"EVIL" not in target.read_bytes()
    source.write_bytes(files.mp4())
    assert (await clean_apart(source, target, video=True)).content_type == "video/mp4"
    source.write_bytes(files.locked_pdf())
    with pytest.raises(Refused, match="without protection"):
        await clean_apart(source, target)
    source.write_bytes(b"")
    with pytest.raises(Refused, match="empty"):
        await clean_apart(source, target)

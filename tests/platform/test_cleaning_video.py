"""What a video's container says beside its pictures and sound does not come along; the pictures stay where they are."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from marketplace.platform.cleaning import clean
from marketplace.platform.cleaning_video import OTHER_TRACKS
from marketplace.platform.refusal import Refused
from tests.world.files import box, element, mp4, webm

PICTURES = bytes(range(256)) * 4


@pytest.fixture
def cleaned(tmp_path: Path):
    def run(content: bytes) -> bytes:
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(content)
        clean(source, target, video=True)
        return target.read_bytes()

    return run


def long_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def track(handler: bytes, name: bytes = b"") -> bytes:
    return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12), name, b"\0")))


def film(*in_moov: bytes, last: bytes = b"") -> bytes:
    moov = box(b"moov", box(b"mvhd", bytes(100)), track(b"vide", b"HIDDENCAMERA"), track(b"soun"), *in_moov)
    return box(b"ftyp", b"isom", bytes(4)) + moov + box(b"mdat", PICTURES) + last


@pytest.mark.parametrize(
    "content",
    [
        film(long_box(b"udta", b"+51.5-0.1HIDDENPLACE")),
        film(box(b"gps ", b"HIDDENPLACE")),
        film(last=box(b"abcd", b"<script>HIDDEN")),
        film(last=struct.pack(">I4s", 0, b"uuid") + b"HIDDENTAIL"),
        film(last=box(b"mfra", box(b"wxyz", b"HIDDEN"))),
    ],
    ids=["a long length", "gps", "unknown", "to the end", "inside another"],
)
def test_what_playing_does_not_need_becomes_free_space_of_the_same_length(cleaned, content: bytes) -> None:
    assert b"HIDDEN" in content
    out = cleaned(content)
    assert len(out) == len(content) and b"HIDDEN" not in out and out.index(PICTURES) == content.index(PICTURES)
    assert cleaned(out) == out  # and every box is as long as it was, so the walk comes to the same end
    if b"+51.5" in content:
        at = content.index(b"udta") - 4
        assert out[at : at + 16] == struct.pack(">I4sQ", 1, b"free", 36)


def test_a_track_of_places_is_refused_with_what_to_do(cleaned) -> None:
    with pytest.raises(Refused, match="pictures and sound alone") as refused:
        cleaned(film(track(b"meta"), box(b"free", b"x")))
    assert refused.value.sentence == OTHER_TRACKS
    media = box(b"mdia", box(b"hdlr", bytes(4), b"dhlr", b"meta", bytes(12), b"\0"))
    with pytest.raises(Refused, match="pictures and sound alone"):
        cleaned(film(box(b"trak", box(b"tkhd", bytes(84)), media)))
    for silent in (box(b"mdia", box(b"mdhd", bytes(24))), b""):
        with pytest.raises(Refused, match="damaged"):
            cleaned(film(box(b"trak", box(b"tkhd", bytes(84)), silent)))
    older = box(b"minf", box(b"hdlr", bytes(4), b"dhlr", b"alis", bytes(12), b"\0"))
    media = box(b"mdia", box(b"hdlr", bytes(4), b"mhlr", b"soun", bytes(12), b"\0"), older)
    assert cleaned(film(box(b"trak", box(b"tkhd", bytes(84)), media)))
    entries = [element(b"\xae", element(b"\x83", kind)) for kind in (b"\x01", b"\x21")]
    with pytest.raises(Refused, match="pictures and sound alone"):
        cleaned(segment(element(b"\x16\x54\xae\x6b", *entries), CLUSTER))
    assert cleaned(mp4()) == mp4()


CLUSTER = element(b"\x1f\x43\xb6\x75", element(b"\xe7", b"\0"), element(b"\xa3", PICTURES))
OPEN_CLUSTER = b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7 + element(b"\xe7", b"\0") + element(b"\xa3", PICTURES)
TRACKS = element(
    b"\x16\x54\xae\x6b", element(b"\xae", element(b"\x83", b"\x01"), element(b"\x53\x6e", b"HIDDENCAMERA"))
)
TAGS = element(b"\x12\x54\xc3\x67", b"HIDDENPLACE")


def segment(*inside: bytes, length_known: bool = True) -> bytes:
    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm"))
    whole = element(b"\x18\x53\x80\x67", *inside)
    return head + (whole if length_known else whole[:4] + b"\x01" + b"\xff" * 7 + whole[12:])


@pytest.mark.parametrize(
    "content",
    [
        segment(
            element(b"\x15\x49\xa9\x66", element(b"\x2a\xd7\xb1", b"\x01"), b"\x7b\xa9\x86HIDDEN"), TRACKS, CLUSTER
        ),
        segment(TRACKS, CLUSTER, element(b"\x10\x43\xa7\x70", b"HIDDENCHAPTER"), b"\xec\x86HIDDEN"),
        segment(TRACKS, OPEN_CLUSTER, OPEN_CLUSTER, TAGS, length_known=False),
        segment(TRACKS, CLUSTER, element(b"\x1a\x45\xdf\xa3", b"\xec\x82xx", TAGS)),
    ],
    ids=["title", "chapters", "recorded as it came", "in a second head"],
)
def test_of_a_webm_neither_titles_nor_chapters_nor_tags_come_along(cleaned, content: bytes) -> None:
    assert content.count(b"HIDDEN") > 1
    out = cleaned(content)
    assert len(out) == len(content) and b"HIDDEN" not in out and out.index(PICTURES) == content.index(PICTURES)
    assert cleaned(out) == out
    assert cleaned(webm()) == webm()


def test_notes_are_said_to_be_blanked_only_where_there_were_some(tmp_path: Path) -> None:
    for content, noted in (
        (film(), False),  # the name of its tracks' handlers is blanked without a word
        (film(last=box(b"free", bytes(9))), False),
        (film(box(b"udta", b"HIDDENPLACE")), True),
        (webm(), False),
        (
            segment(
                element(b"\x16\x54\xae\x6b", element(b"\xae", element(b"\x83", b"\x01"))),
                CLUSTER,
                element(b"\xec", b"xx"),
            ),
            False,
        ),
        (segment(TRACKS, CLUSTER, TAGS), True),
    ):
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(content)
        assert ("Notes inside" in clean(source, target, video=True).remarks) is noted
        assert b"HIDDEN" not in target.read_bytes()

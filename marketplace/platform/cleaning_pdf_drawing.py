"""How much drawing a page really asks for: drawings called from drawings multiply, and pictures stand inside them.

Counted in bytes: a drawing weighs what its stream holds and, each time it calls another (a form, a mask, a pattern, a
glyph), what that one weighs; a picture an eighth of its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pikepdf

from marketplace.platform.cleaning_pdf_pictures import TOO_LARGE, number_of
from marketplace.platform.cleaning_pdf_streams import BOMB, DAMAGED, layers_of, packed_around, unpack
from marketplace.platform.refusal import Refused

MOST_DRAWN = 1_000_000_000
MOST_DEEP = 25
SURELY_BEARABLE = 1_000_000  # below it a drawing is weighed roughly: by its words, unread
PIXELS_A_BYTE = 8
CALLS = {b"Do": "/XObject", b"gs": "/ExtGState", b"cn": "/Pattern", b"CN": "/Pattern"}
OPERATORS = {"Do": "/XObject", "gs": "/ExtGState", "scn": "/Pattern", "SCN": "/Pattern"}


class Weighed:
    """The drawings of one PDF, each weighed once."""

    def __init__(self, most_pixels: int) -> None:
        self.most_pixels = most_pixels
        self.weights: dict[Any, int] = {}
        self.under_way: set[Any] = set()

    def page(self, page: Any) -> None:
        """Raises `Refused` for a page that asks for far more drawing than anybody looks at."""
        if self._of(page.obj, _contents(page.obj), page.obj.get("/Resources"), 0) > MOST_DRAWN:
            raise Refused(BOMB)

    def _drawing(self, stream: Any, resources: Any, deep: int) -> int:
        key = stream.objgen
        if key in self.weights:
            return self.weights[key]
        if key in self.under_way or deep > MOST_DEEP:
            raise Refused(BOMB)
        self.under_way.add(key)
        self.weights[key] = self._of(stream, stream.read_bytes(), stream.get("/Resources", resources), deep)
        self.under_way.discard(key)
        return self.weights[key]

    def _of(self, holder: Any, drawn: bytes, resources: Any, deep: int) -> int:
        if b"BI" in drawn and b"ID" in drawn:
            self._pictures_between(holder)
        weight = len(drawn)
        if not isinstance(resources, pikepdf.Dictionary):
            # whoever has no resources of its own may write with its page's fonts; what calls on from there is unclear
            if any(word in drawn for word in CALLS) and any(self._calls(holder)):
                raise Refused(DAMAGED)
            return weight
        weight += len(drawn) * self._glyphs(resources.get("/Font"), deep)
        called = {kind: self._named(resources.get(kind), kind, deep) for kind in set(CALLS.values())}
        heaviest = {kind: max(each.values(), default=0) for kind, each in called.items()}
        roughly = sum(drawn.count(word) * heaviest[kind] for word, kind in CALLS.items())
        if roughly > SURELY_BEARABLE:
            roughly = sum(called[kind].get(name, 0) for kind, name in self._calls(holder))
        return min(weight + roughly, 100 * MOST_DRAWN)

    @staticmethod
    def _calls(holder: Any) -> Iterator[tuple[str, str]]:
        """What a drawing calls: (the kind of resource, its name). A colour that is a number calls nothing."""
        for step in pikepdf.parse_content_stream(holder, " ".join(OPERATORS)):
            kind, last = OPERATORS.get(str(step.operator)), list(step.operands)[-1:]
            if kind is not None and last and isinstance(last[0], pikepdf.Name):
                yield kind, str(last[0])

    def _named(self, resources: Any, kind: str, deep: int) -> dict[str, int]:
        if not isinstance(resources, pikepdf.Dictionary):
            return {}
        found: dict[str, int] = {}
        for name, each in resources.items():
            if kind == "/ExtGState":
                mask = each.get("/SMask") if isinstance(each, pikepdf.Dictionary) else None
                each = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
            if not isinstance(each, pikepdf.Stream):
                continue
            if kind == "/XObject" and str(each.get("/Subtype", "")) == "/Image":
                found[name] = number_of(each, "/Width") * number_of(each, "/Height") // PIXELS_A_BYTE
            else:
                found[name] = self._drawing(each, None, deep + 1)
        return found

    def _glyphs(self, fonts: Any, deep: int) -> int:
        """What the heaviest glyph that is itself a drawing weighs."""
        heaviest = 0
        for font in fonts.values() if isinstance(fonts, pikepdf.Dictionary) else ():
            glyphs = font.get("/CharProcs") if isinstance(font, pikepdf.Dictionary) else None
            for glyph in glyphs.values() if isinstance(glyphs, pikepdf.Dictionary) else ():
                if isinstance(glyph, pikepdf.Stream):
                    heaviest = max(heaviest, self._drawing(glyph, font.get("/Resources"), deep + 1))
        return heaviest

    def _pictures_between(self, holder: Any) -> None:
        """Pictures that stand in the drawing itself: of a bearable size, and none that could carry notes."""
        for step in pikepdf.parse_content_stream(holder, "BI ID EI"):
            picture = getattr(step, "iimage", None)
            if picture is None:
                continue
            head = picture.obj
            width, height = number_of(head, "/Width"), number_of(head, "/Height")
            layers = layers_of(head.get("/Filter"), head.get("/DecodeParms"))
            outer = packed_around(layers)
            codec = layers[len(outer)][0] if len(outer) < len(layers) else ""
            if codec == "/CCITTFaxDecode":
                width = max(width, number_of(layers[-1][1], "/Columns"))
                height = max(height, number_of(layers[-1][1], "/Rows"))
            elif codec:
                raise Refused(DAMAGED)
            if width < 0 or height < 0 or width * height > self.most_pixels:
                raise Refused(TOO_LARGE)
            for _ in unpack(picture.read_raw_bytes(), outer):
                pass  # counted on the way


def has_pictures_between(page: Any) -> bool:
    """Whether pictures may stand in the page's own drawing (words alone are looked at)."""
    return b"BI" in _contents(page.obj)


def _contents(page: Any) -> bytes:
    contents = page.get("/Contents")
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(each.read_bytes() for each in streams if isinstance(each, pikepdf.Stream))

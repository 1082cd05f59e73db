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
SHOWING = "Tj TJ ' \""
OPERATORS = {"Do": "/XObject", "gs": "/ExtGState", "scn": "/Pattern", "SCN": "/Pattern"}


class Weighed:
    """The drawings of one PDF, each weighed once."""

    def __init__(self, most_pixels: int) -> None:
        self.most_pixels = most_pixels
        self.weights: dict[Any, int] = {}
        self.under_way: set[Any] = set()

    def page(self, page: Any) -> None:
        """Raises `Refused` for a page that asks for far more drawing than anybody looks at."""
        resources = page.obj.get("/Resources")
        if self._of(page.obj, _contents(page.obj), resources, _scope(page.obj, resources), 0) > MOST_DRAWN:
            raise Refused(BOMB)

    def _drawing(self, stream: Any, lent: Any, scope: Any, deep: int) -> int:
        """`lent`: the resources of whoever calls it, `scope`: whose those are; used by who brings none of its own."""
        brings = "/Resources" in stream
        key = (stream.objgen, None if brings else scope)
        if key in self.weights:
            return self.weights[key]
        if key in self.under_way or deep > MOST_DEEP:
            raise Refused(BOMB)
        self.under_way.add(key)
        resources = stream.get("/Resources", lent)
        scope = _scope(stream, resources) if brings else scope
        self.weights[key] = self._of(stream, stream.read_bytes(), resources, scope, deep, lent=not brings)
        self.under_way.discard(key)
        return self.weights[key]

    def _of(self, holder: Any, drawn: bytes, resources: Any, scope: Any, deep: int, *, lent: bool = False) -> int:
        if b"BI" in drawn and b"ID" in drawn:
            self._pictures_between(holder)
        weight = len(drawn)
        if not isinstance(resources, pikepdf.Dictionary):
            # nobody lent it any: what it calls is unclear
            if any(word in drawn for word in CALLS) and any(self._calls(holder)):
                raise Refused(DAMAGED)
            return weight
        glyph = self._glyphs(resources.get("/Font"), deep) if not lent or _writes(drawn) else 0
        weight += glyph * (len(drawn) if glyph * len(drawn) <= SURELY_BEARABLE else self._shown(holder))
        # of what was lent to it, only what it calls: it stands among that itself
        calls = set(self._calls(holder)) if lent and any(word in drawn for word in CALLS) else set()
        called = {
            kind: self._named(
                resources, kind, scope, deep, {name for of, name in calls if of == kind} if lent else None
            )
            for kind in sorted(set(CALLS.values()))
        }
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

    @staticmethod
    def _shown(holder: Any) -> int:
        """How many bytes of text a drawing shows: as many glyphs at the most."""
        shown = 0
        for step in pikepdf.parse_content_stream(holder, SHOWING):
            for text in list(step.operands)[-1:]:
                each = list(text) if isinstance(text, pikepdf.Array) else [text]
                shown += sum(len(bytes(part)) for part in each if isinstance(part, pikepdf.String))
        return shown

    def _named(self, resources: Any, kind: str, scope: Any, deep: int, only: set[str] | None) -> dict[str, int]:
        of_kind = resources.get(kind)
        if not isinstance(of_kind, pikepdf.Dictionary):
            return {}
        found: dict[str, int] = {}
        for name, each in of_kind.items():
            if only is not None and name not in only:
                continue
            if kind == "/ExtGState":
                mask = each.get("/SMask") if isinstance(each, pikepdf.Dictionary) else None
                each = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
            if not isinstance(each, pikepdf.Stream):
                continue
            if kind == "/XObject" and str(each.get("/Subtype", "")) == "/Image":
                found[name] = number_of(each, "/Width") * number_of(each, "/Height") // PIXELS_A_BYTE
            else:
                found[name] = self._drawing(each, resources, scope, deep + 1)
        return found

    def _glyphs(self, fonts: Any, deep: int) -> int:
        """What the heaviest glyph that is itself a drawing weighs."""
        heaviest = 0
        for font in fonts.values() if isinstance(fonts, pikepdf.Dictionary) else ():
            glyphs = font.get("/CharProcs") if isinstance(font, pikepdf.Dictionary) else None
            lent = font.get("/Resources") if glyphs is not None else None
            for glyph in glyphs.values() if isinstance(glyphs, pikepdf.Dictionary) else ():
                if isinstance(glyph, pikepdf.Stream):
                    heaviest = max(heaviest, self._drawing(glyph, lent, _scope(font, lent), deep + 1))
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


def _scope(holder: Any, resources: Any) -> Any:
    """Something to know resources by: no two that differ are one."""
    if isinstance(resources, pikepdf.Object) and resources.is_indirect:
        return resources.objgen
    return holder.objgen if holder.is_indirect else object()


def _writes(drawn: bytes) -> bool:
    return any(word.encode() in drawn for word in SHOWING.split())


def _contents(page: Any) -> bytes:
    contents = page.get("/Contents")
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(each.read_bytes() for each in streams if isinstance(each, pikepdf.Stream))

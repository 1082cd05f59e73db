"""A PDF as its reader has it: its words, the tags of its structure, its title and language."""

from __future__ import annotations

import io
import re

import pikepdf


def words_of(content: bytes) -> str:
    """The text of a PDF as its fonts spell it (the files carry their own tables from glyphs to letters)."""
    said: list[str] = []
    with pikepdf.open(io.BytesIO(content)) as found:
        for sheet in found.pages:
            fonts = {name: letters(font) for name, font in sheet.Resources.Font.items()}
            spelling: dict[int, str] = {}
            for operands, operator in pikepdf.parse_content_stream(sheet):
                if str(operator) == "Tf":
                    spelling = fonts[str(operands[0])]
                elif str(operator) in ("Tj", "TJ"):
                    parts = operands[0] if str(operator) == "TJ" else operands
                    for part in parts:
                        if isinstance(part, pikepdf.String):
                            raw = bytes(part)
                            codes = [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]
                            said.append("".join(spelling.get(code, "?") for code in codes))
                elif str(operator) in ("BDC", "BMC"):
                    said.append(" ")
    return " ".join("".join(said).split())


def letters(font: pikepdf.Object) -> dict[int, str]:
    table: dict[int, str] = {}
    for start, end in re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>", font.ToUnicode.read_bytes()):
        table[int(start, 16)] = bytes.fromhex(end.decode()).decode("utf-16-be")
    return table


def tags_of(content: bytes) -> set[str]:
    """The kinds of every element of the structure tree."""
    kinds: set[str] = set()

    def walk(node: pikepdf.Object) -> None:
        if isinstance(node, pikepdf.Array):
            for each in node:
                walk(each)
        elif isinstance(node, pikepdf.Dictionary):
            if "/S" in node:
                kinds.add(str(node.S))
            if "/K" in node:
                walk(node.K)

    with pikepdf.open(io.BytesIO(content)) as found:
        walk(found.Root.StructTreeRoot)
    return kinds


def assert_printable(content: bytes, title: str) -> None:
    with pikepdf.open(io.BytesIO(content)) as found:
        assert found.Root.MarkInfo.Marked and str(found.Root.Lang) == "en-GB"
        assert found.Root.ViewerPreferences.DisplayDocTitle
        about = found.Root.Metadata.read_bytes().decode()
        assert f">{title}<" in about and "<pdfuaid:part>1</pdfuaid:part>" in about
        for sheet in found.pages:
            assert all("/FontDescriptor" in font.DescendantFonts[0] for font in sheet.Resources.Font.values())
    assert {"/H1", "/Table", "/TR", "/TH", "/TD"} <= tags_of(content)

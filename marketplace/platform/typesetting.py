"""Printed documents: a tagged PDF (PDF/UA-1) from plain data, set by Typst. The only file that imports `typst`.

The fonts are those Typst carries (Libertinus, SIL Open Font License), so every machine sets the same bytes from the
same paper. It is set in a process of its own with a ceiling on memory and time: what a long one took is given back
when it ends, and the server goes on answering meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from marketplace.platform.errors import TooLarge, Unavailable
from marketplace.platform.processes import clean_environment

LAYOUT = Path(__file__).with_name("paper.typ")
MOST_ROWS = 5_000  # of all tables together: some 120 pages, a few seconds
MOST_MEMORY = 3_000_000_000
MOST_CPU_SECONDS = 30
PATIENCE = 60.0
AT_ONCE = 2
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def heading(text: str) -> dict[str, Any]:
    """A heading of the second level."""
    return {"kind": "heading", "text": text}


def text(said: str) -> dict[str, Any]:
    """A paragraph."""
    return {"kind": "text", "text": said}


def notice(said: str) -> dict[str, Any]:
    """A paragraph in a frame: what must not be overlooked."""
    return {"kind": "notice", "text": said}


def items(said: Sequence[str]) -> dict[str, Any]:
    """A bulleted list."""
    return {"kind": "items", "items": list(said)}


def facts(*rows: tuple[str, str]) -> dict[str, Any]:
    """Pairs of a name and what it is; empty ones are left out."""
    return {"kind": "facts", "rows": [row for row in rows if row[1]]}


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[int] = (), widths: Sequence[float] = ()
) -> dict[str, Any]:
    """A table with a header row; `numeric` columns stand to the right, `widths` are shares of the line."""
    return {
        "kind": "table",
        "heads": list(heads),
        "rows": [list(row) for row in rows],
        "numeric": list(numeric),
        "widths": list(widths) or [1] * len(heads),
    }


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed. `at` (aware) is the document's own date: the same paper is the same bytes."""

    title: str
    author: str
    at: datetime
    blocks: tuple[dict[str, Any], ...]
    under: str = ""
    footer: str = ""

    @property
    def rows(self) -> int:
        """How many rows its tables have together."""
        return sum(len(block["rows"]) for block in self.blocks if block["kind"] == "table")


async def pdf(paper: Paper) -> bytes:
    """The paper as a tagged PDF. Raises `TooLarge` beyond `MOST_ROWS`, `Unavailable` when it took too long."""
    if paper.rows > MOST_ROWS:
        raise TooLarge(f"This has more than {MOST_ROWS:,} lines, too many to print: download it as CSV instead.")
    loop = asyncio.get_running_loop()
    for ended in [each for each in _turns if each.is_closed()]:
        del _turns[ended]
    async with _turns.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "marketplace.platform.typesetting",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=clean_environment(),
        )  # fmt: skip
        asked = json.dumps(
            {
                "at": int(paper.at.timestamp()), "title": paper.title, "author": paper.author, "under": paper.under,
                "footer": paper.footer, "blocks": paper.blocks,
            },
            sort_keys=True,
        )  # fmt: skip
        try:
            made, _ = await asyncio.wait_for(child.communicate(asked.encode()), PATIENCE)
        except TimeoutError:
            made = b""
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    if child.returncode != 0 or not made.startswith(b"%PDF-"):
        raise Unavailable("This could not be made into a PDF just now. Try again in a few minutes.")
    return made


def typeset(asked: dict[str, Any]) -> bytes:
    """Set one paper, here and now: the child's work."""
    compiler = typst.Compiler(
        LAYOUT.read_bytes(),
        font_paths=typst.Fonts(include_system_fonts=False),
        sys_inputs={"paper": json.dumps(asked)},
    )
    made = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=asked["at"])
    assert isinstance(made, bytes)
    return made


def main() -> None:
    """The child: a paper as JSON comes in, its PDF goes out."""
    for kind, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    sys.stdout.buffer.write(typeset(json.load(sys.stdin)))


if __name__ == "__main__":
    main()

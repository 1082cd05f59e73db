"""Lists as CSV files that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from litestar.response import Response


def csv_file(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response[bytes]:
    """A download called `name`.csv; a cell that a spreadsheet would take for a formula is kept as text."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows([_plain(str(cell)) for cell in row] for row in rows)
    return Response(
        ("\ufeff" + file.getvalue()).encode("utf-8", "replace"),
        media_type="text/csv",  # the framework adds the charset
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )


def _plain(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell

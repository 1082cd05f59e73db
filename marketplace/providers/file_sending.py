"""How an opened file is sent: as a download without any rights in the browser, whole or in parts, or from elsewhere."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from litestar import Request
from litestar.response import Stream

from marketplace.providers.file_opening import Opened

RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")


def download(opened: Opened) -> Stream:
    """A file nobody's browser may run or show inside a page: saved under its name, in no cache, with no rights."""
    if opened.elsewhere:
        return Stream(iter(()), status_code=303, headers={"Location": opened.elsewhere, "Cache-Control": "no-store"})
    plain = "".join(sign for sign in opened.name if sign.isascii() and (sign.isalnum() or sign in " ._-")) or "file"
    return Stream(
        opened.parts(),
        media_type=opened.content_type,
        headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(opened.name, safe='')}",
            "Content-Length": str(opened.size),
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        },
    )


def played(request: Request[Any, Any, Any], opened: Opened) -> Stream:
    """As `download`; with `Range: bytes=a-b` that part (206), for players that take nothing else."""
    answer = download(opened)
    if opened.elsewhere:
        return answer
    answer.headers["Accept-Ranges"] = "bytes"
    asked = RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None:
        return answer
    first, last = int(asked[1]), min(int(asked[2] or opened.size), opened.size - 1)
    if first > last:
        return answer
    part = Stream(opened.parts(first, last), status_code=206, media_type=opened.content_type, headers=answer.headers)
    part.headers["Content-Length"] = str(last - first + 1)
    part.headers["Content-Range"] = f"bytes {first}-{last}/{opened.size}"
    return part
